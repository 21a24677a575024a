//! Every bound of the house that is not a setting, named with its unit. A bound that is a setting has its
//! default here.

/// Strings and bodies from this size on are shared buffers: decoded outside the engine's lock, referenced
/// by value, record and reply alike.
pub const SHARED_SIZE_BYTES_MIN: usize = 16 * 1024;

/// `proto-max-bulk-len`: the longest string a RESP client may send or build.
pub const BULK_SIZE_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The most arguments of one RESP command (Redis: 1024 * 1024 before it grew to INT_MAX).
pub const MULTIBULK_COUNT_MAX: i64 = 1024 * 1024;
/// The longest inline request or length line.
pub const INLINE_SIZE_BYTES_MAX: usize = 64 * 1024;
/// The number of databases SELECT reaches.
pub const DATABASE_COUNT: usize = 16;

/// AMQP: the largest frame we offer in connection.tune, frame header and end octet included.
pub const FRAME_SIZE_BYTES_MAX: u32 = 131_072;
/// AMQP: the smallest frame_max a client may ask for (spec 1.4: 4096).
pub const FRAME_SIZE_BYTES_MIN: u32 = 4096;
/// AMQP: channels per connection offered in connection.tune.
pub const CHANNEL_COUNT_MAX: u16 = 2047;
/// AMQP: the largest message body accepted: `max_message_size` of RabbitMQ 3, of which 4 takes only an eighth.
pub const MESSAGE_SIZE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// AMQP: memory for the bodies of messages in queues.
pub const BODY_MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// AMQP: nesting of field tables and arrays.
pub const TABLE_DEPTH_MAX: usize = 32;

/// Output credit of one connection: past it a consumer is skipped and its messages stay in the queue.
pub const OUTBOX_SIZE_BYTES_HIGH: usize = 1024 * 1024;
/// Output size at which a loop reports `drained`.
pub const OUTBOX_SIZE_BYTES_LOW: usize = 256 * 1024;

/// Commands that one loop executes in a row before another loop may enter the engine.
pub const TURN_COMMAND_COUNT_MAX: usize = 1024;
/// Engine time one loop holds the lock before it gives way, in microseconds.
pub const TURN_MICROSECONDS_MAX: u64 = 2_000;
