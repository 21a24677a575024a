//! One serial engine over cache and broker: requests in, effects into one record, gated outputs out.
