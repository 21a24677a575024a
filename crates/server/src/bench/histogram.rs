//! Latencies, counted in buckets no wider than 1/32 of their value.

/// Buckets to each doubling.
const STEPS: u64 = 32;

#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { counts: vec![0; bucket(u64::MAX) + 1], total: 0 }
    }

    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub fn clear(&mut self) {
        *self = Histogram::new();
    }

    /// The lowest value of the bucket below which `share` of all values lie, in microseconds; of the highest
    /// value's bucket for 1.
    pub fn micros(&self, share: f64) -> f64 {
        let wanted = ((self.total as f64 * share) as u64).min(self.total.saturating_sub(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen > wanted {
                return lowest(index) as f64 / 1000.0;
            }
        }
        0.0
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let doubling = u64::from(nanos.ilog2() - STEPS.ilog2());
    ((doubling + 1) * STEPS + (nanos >> doubling) - STEPS) as usize
}

fn lowest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    (STEPS + bucket % STEPS) << (bucket / STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_in_order() {
        for nanos in [0, 1, 31, 32, 33, 63, 64, 65, 1000, 123_456, 1 << 40, u64::MAX] {
            let low = lowest(bucket(nanos));
            assert!(low <= nanos && nanos - low <= nanos / STEPS, "{nanos}: {low}");
        }
    }

    #[test]
    fn percentiles_are_counted_from_below() {
        let mut histogram = Histogram::new();
        (1..=100).for_each(|value| histogram.record(value * 1_000));
        assert!((49.0..=51.0).contains(&histogram.micros(0.5)));
        assert!((96.0..=100.0).contains(&histogram.micros(0.99)));
    }
}
