//! What a Redis command is: a handler with its metadata beside it.
//!
//! COMMAND, COMMAND DOCS, the argument checks and the compatibility tables are all read from these rows.

use crate::context::Context;
use crate::parse;
use std::borrow::Cow;
use warren_resp::Args;

/// Runs a command: reads and applies effects through the context, writes exactly one reply.
///
/// # Errors
/// The error is the reply; whatever the handler had written before is taken back. A handler must not
/// apply an effect before it has checked everything that can fail.
pub type Handler = fn(&mut Context<'_, '_>, Args<'_>) -> Result<(), CommandError>;

/// Who carries a command out.
#[derive(Clone, Copy)]
pub enum Carrier {
    Cache(Handler),
    /// A row of the bridge: the host runs it by this number (see [`crate::host::Host`]).
    Host(usize),
    /// A container such as CLIENT: its subcommands carry it out.
    Subcommands(&'static [CommandSpec]),
    /// COMMAND: alone a command, with a further word a container.
    AloneOrSubcommands(Handler, &'static [CommandSpec]),
}

/// One row of the command table.
pub struct CommandSpec {
    /// Lower case, as COMMAND shows it.
    pub name: &'static str,
    /// Number of arguments, the name included; negative: at least that many.
    pub arity: i32,
    pub flags: Flags,
    pub keys: Keys,
    /// ACL categories beyond those that follow from flags and group, blank-separated, without `@`.
    pub categories: &'static str,
    pub group: Group,
    pub since: &'static str,
    pub summary: &'static str,
    pub complexity: &'static str,
    /// Arguments as the documentation writes them, e.g. `key value [NX | XX]`.
    pub syntax: &'static str,
    pub carrier: Carrier,
}

/// Command flags, as COMMAND names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(pub u32);

impl Flags {
    pub const NONE: Flags = Flags(0);
    pub const WRITE: Flags = Flags(1);
    pub const READONLY: Flags = Flags(1 << 1);
    /// May make memory grow: refused when memory or disk is short.
    pub const DENYOOM: Flags = Flags(1 << 2);
    pub const FAST: Flags = Flags(1 << 3);
    pub const BLOCKING: Flags = Flags(1 << 4);
    pub const PUBSUB: Flags = Flags(1 << 5);
    pub const ADMIN: Flags = Flags(1 << 6);
    pub const NOSCRIPT: Flags = Flags(1 << 7);
    pub const LOADING: Flags = Flags(1 << 8);
    pub const STALE: Flags = Flags(1 << 9);
    /// Allowed before authentication.
    pub const NO_AUTH: Flags = Flags(1 << 10);
    /// Runs at once inside MULTI (MULTI, EXEC, DISCARD, WATCH, QUIT, RESET).
    pub const NOT_QUEUED: Flags = Flags(1 << 11);
    /// Refused inside MULTI.
    pub const NO_MULTI: Flags = Flags(1 << 12);
    pub const MOVABLE_KEYS: Flags = Flags(1 << 13);

    /// Flag names in the order COMMAND lists them.
    pub const NAMES: &'static [(Flags, &'static str)] = &[
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENYOOM, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NOSCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::MOVABLE_KEYS, "movablekeys"),
    ];

    #[inline]
    pub const fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl Flags {
    /// `|` for constants.
    pub const fn or(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// Where a command's keys are among its arguments.
#[derive(Clone, Copy)]
pub enum Keys {
    None,
    /// First, last (negative: from the end) and step, as COMMAND gives them.
    Range {
        first: i32,
        last: i32,
        step: i32,
    },
    /// A count at this position, then that many keys (`SINTERCARD numkeys key …`).
    Counted {
        count_at: usize,
    },
    /// `first` key(s) by range, then a counted block (`ZUNIONSTORE destination numkeys key …`).
    RangeAndCounted {
        first: i32,
        count_at: usize,
    },
    /// Found by a function, which answers argument positions.
    Found(fn(Args<'_>) -> Vec<usize>),
}

impl Keys {
    /// One key at position 1.
    pub const FIRST: Keys = Keys::Range { first: 1, last: 1, step: 1 };
    /// Every argument from position 1 on.
    pub const ALL: Keys = Keys::Range { first: 1, last: -1, step: 1 };
    /// Keys at positions 1 and 2.
    pub const TWO: Keys = Keys::Range { first: 1, last: 2, step: 1 };
    /// Every argument from position 1 on but the last, which is a timeout.
    pub const ALL_BUT_LAST: Keys = Keys::Range { first: 1, last: -2, step: 1 };
}

/// The documentation's groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    Generic,
    String,
    Bitmap,
    Hash,
    List,
    Set,
    SortedSet,
    Geo,
    PubSub,
    Transactions,
    Connection,
    Server,
    Broker,
}

impl Group {
    /// As COMMAND DOCS names it.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Geo => "geo",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Broker => "broker",
        }
    }

    /// The ACL category that every command of the group has.
    pub fn category(self) -> Option<&'static str> {
        match self {
            Group::Generic => Some("keyspace"),
            Group::SortedSet => Some("sortedset"),
            Group::Transactions => Some("transaction"),
            Group::Server | Group::Broker => None,
            other => Some(other.name()),
        }
    }
}

/// An error reply. The text is Redis's own, its code first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandError {
    WrongType,
    Syntax,
    NotInteger,
    NotFloat,
    /// Any other text.
    Text(Cow<'static, str>),
}

impl CommandError {
    pub const fn fixed(text: &'static str) -> CommandError {
        CommandError::Text(Cow::Borrowed(text))
    }

    /// The log's disk has no room for what grows the keyspace (Redis: `deny-write-on-disk-error`).
    pub const LOG_IS_FULL: CommandError =
        CommandError::fixed("MISCONF Errors writing to the AOF file: No space left on device");

    /// More is held than `maxmemory` allows, and no key may go.
    pub const OUT_OF_MEMORY: CommandError =
        CommandError::fixed("OOM command not allowed when used memory > 'maxmemory'.");

    pub fn wrong_arity(name: &str) -> CommandError {
        CommandError::from(format!("ERR wrong number of arguments for '{name}' command"))
    }

    pub fn text(&self) -> &str {
        match self {
            CommandError::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            CommandError::Syntax => "ERR syntax error",
            CommandError::NotInteger => "ERR value is not an integer or out of range",
            CommandError::NotFloat => "ERR value is not a valid float",
            CommandError::Text(text) => text,
        }
    }
}

/// A client's word as errors quote it: as C prints it, up to a zero byte.
pub fn quoted(word: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(parse::c_string(word))
}

/// So much of a command's or subcommand's words errors quote.
pub const QUOTED_SIZE_BYTES_MAX: usize = 128;

/// The same of its beginning, where an error quotes no more.
pub fn quoted_beginning(word: &[u8], size_bytes_max: usize) -> Cow<'_, str> {
    quoted(&word[..word.len().min(size_bytes_max)])
}

impl From<String> for CommandError {
    fn from(text: String) -> CommandError {
        CommandError::Text(Cow::Owned(text))
    }
}

impl CommandSpec {
    /// Whether a call with `count` arguments, the name included, is well formed.
    #[inline]
    pub fn accepts(&self, count: usize) -> bool {
        if self.arity >= 0 { count == self.arity as usize } else { count >= -self.arity as usize }
    }

    /// Positions of the keys in a call of the right length; `None` where it counts keys that are not there.
    pub fn key_positions(&self, args: Args<'_>) -> Option<Vec<usize>> {
        let range = |first: i32, last: i32, step: i32| {
            let last = if last < 0 { args.len() as i32 + last } else { last };
            (first..=last).step_by(step as usize).map(|position| position as usize)
        };
        let counted = |count_at: usize| {
            let following = args.len().checked_sub(count_at + 1)?;
            let count = usize::try_from(crate::parse::integer(args.get(count_at))?).ok()?;
            (1..=following).contains(&count).then(|| count_at + 1..count_at + 1 + count)
        };
        Some(match self.keys {
            Keys::None => Vec::new(),
            Keys::Range { first, last, step } => range(first, last, step).collect(),
            Keys::Counted { count_at } => counted(count_at)?.collect(),
            Keys::RangeAndCounted { first, count_at } => {
                range(first, first, 1).chain(counted(count_at)?).collect()
            }
            Keys::Found(find) => find(args),
        })
    }
}
