//! Users, passwords and permissions of both protocols.
