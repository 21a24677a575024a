//! Facts about the process that the cache cannot know itself. INFO and CLIENT show them.

use warren_units::UnixMillis;

/// Brings the facts that change up to date. The server gives it; commands that show the facts call it first.
pub type Refresh = Box<dyn FnMut(&mut ProcessFacts) + Send>;

/// What became of the checkpoints since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CheckpointFacts {
    pub count: u64,
    /// One is being made, or has been asked for.
    pub is_running: bool,
    pub has_last_failed: bool,
    /// When the last one was finished; `None` before the first.
    pub last_at: Option<UnixMillis>,
}

/// Filled in from outside; the cache only reads it.
#[derive(Clone, Debug, Default)]
pub struct ProcessFacts {
    pub process_id: u32,
    /// 40 hexadecimal digits, new at each start.
    pub run_id: String,
    pub executable: String,
    pub config_file: String,
    /// `Linux 6.1.0 x86_64`.
    pub operating_system: String,
    pub io_thread_count: usize,
    /// Bytes handed out by the allocator.
    pub allocated_memory_bytes: u64,
    pub peak_memory_bytes: u64,
    pub resident_memory_bytes: u64,
    pub total_system_memory_bytes: u64,
    pub allocator: String,
    pub cpu_user_seconds: f64,
    pub cpu_system_seconds: f64,
    /// Size of the log on disk, checkpoint included.
    pub log_size_bytes: u64,
    pub checkpoints: CheckpointFacts,
    /// Sockets read and written, in bytes.
    pub network_input_bytes: u64,
    pub network_output_bytes: u64,
}
