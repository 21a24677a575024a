//! Deterministic simulator: the real engine and log on a disk that forgets, tears and fails.
