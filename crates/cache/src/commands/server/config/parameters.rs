//! The parameters of CONFIG, one row each.
//!
//! Parameters marked `Kept` are Redis's own that have no counterpart here: they are checked, remembered and
//! read back, so that clients that set them go on, and change nothing.

use crate::context::Shared;
use crate::eviction::policy::{POLICY_NAMES, Policy};
use crate::parse::memory_size;
use crate::settings::AppendFsync;
use warren_units::bounds::{BULK_SIZE_BYTES_MAX, DATABASE_COUNT};

/// A parameter.
pub struct Parameter {
    pub name: &'static str,
    /// A second name, or empty.
    alias: &'static str,
    kind: Kind,
    access: Access,
}

/// Which values it takes.
enum Kind {
    Integer(i64, i64),
    Memory,
    Switch,
    Choice(&'static [&'static str]),
    Text,
    KeyspaceEvents,
    SavePoints,
}

enum Access {
    /// Reads and changes what the parameter means. The value has been checked.
    Field(fn(&Shared) -> String, fn(&mut Shared, &str)),
    /// Checked and remembered, without effect; with the value at the start.
    Kept(&'static str),
    /// Cannot be changed.
    Fixed(fn(&Shared) -> String),
}

use Access::{Field, Fixed, Kept};
use Kind::{Choice, Integer, KeyspaceEvents, Memory, SavePoints, Switch, Text};

const fn row(name: &'static str, kind: Kind, access: Access) -> Parameter {
    Parameter { name, alias: "", kind, access }
}

const fn aliased(name: &'static str, alias: &'static str, kind: Kind, access: Access) -> Parameter {
    Parameter { name, alias, kind, access }
}

/// A row whose value is a limit of the compact encodings.
macro_rules! limit {
    ($name:literal, $alias:literal, $field:ident) => {
        aliased(
            $name,
            $alias,
            Integer(0, i64::MAX),
            Field(
                |shared| shared.keyspace.limits.$field.to_string(),
                |shared, value| {
                    if let Ok(value) = value.parse() {
                        shared.keyspace.limits.$field = value;
                    }
                },
            ),
        )
    };
}

/// A row whose value is a setting of eviction.
macro_rules! eviction {
    ($name:literal, $kind:expr, $($field:ident).+) => {
        row(
            $name,
            $kind,
            Field(
                |shared| shared.settings.eviction.$($field).+.to_string(),
                |shared, value| {
                    if let Ok(value) = value.parse() {
                        shared.settings.eviction.$($field).+ = value;
                        shared.eviction_settings_changed();
                    }
                },
            ),
        )
    };
}

pub static PARAMETERS: &[Parameter] = &[
    row(
        "appendfsync",
        Choice(&["everysec", "always", "no"]),
        Field(
            |shared| shared.settings.append_fsync.name().to_owned(),
            |shared, value| {
                if let Some(append_fsync) = AppendFsync::parse(value) {
                    shared.settings.append_fsync = append_fsync;
                }
            },
        ),
    ),
    eviction!("maxmemory", Memory, memory_bytes_max),
    row(
        "maxmemory-policy",
        Choice(&POLICY_NAMES),
        Field(
            |shared| shared.settings.eviction.policy.name.to_owned(),
            |shared, value| {
                if let Some(policy) = Policy::find(value) {
                    shared.settings.eviction.policy = policy;
                    shared.eviction_settings_changed();
                }
            },
        ),
    ),
    eviction!("maxmemory-samples", Integer(1, i32::MAX as i64), sample_count),
    eviction!("maxmemory-eviction-tenacity", Integer(0, 100), tenacity),
    eviction!("lfu-log-factor", Integer(0, i32::MAX as i64), counting.log_factor),
    eviction!("lfu-decay-time", Integer(0, i32::MAX as i64), counting.decay_minutes),
    row(
        "requirepass",
        Text,
        Field(
            |shared| String::from_utf8_lossy(&shared.settings.password).into_owned(),
            |shared, value| shared.settings.password = value.as_bytes().to_vec(),
        ),
    ),
    limit!("hash-max-listpack-entries", "hash-max-ziplist-entries", hash_listpack_entries_max),
    limit!("hash-max-listpack-value", "hash-max-ziplist-value", hash_listpack_value_bytes_max),
    aliased(
        "list-max-listpack-size",
        "list-max-ziplist-size",
        Integer(i32::MIN as i64, i32::MAX as i64),
        Field(
            |shared| shared.keyspace.limits.list_listpack_size.to_string(),
            |shared, value| {
                if let Ok(value) = value.parse() {
                    shared.keyspace.limits.list_listpack_size = value;
                }
            },
        ),
    ),
    limit!("set-max-intset-entries", "", set_intset_entries_max),
    limit!("set-max-listpack-entries", "", set_listpack_entries_max),
    limit!("set-max-listpack-value", "", set_listpack_value_bytes_max),
    limit!("zset-max-listpack-entries", "zset-max-ziplist-entries", sorted_set_listpack_entries_max),
    limit!("zset-max-listpack-value", "zset-max-ziplist-value", sorted_set_listpack_value_bytes_max),
    row(
        "client-output-buffer-limit",
        Text,
        Field(
            |shared| {
                let bytes = shared.settings.subscriber_pending_bytes_max;
                format!("normal 0 0 0 slave 268435456 67108864 60 pubsub {bytes} 8388608 60")
            },
            |shared, value| {
                let words: Vec<&str> = value.split_whitespace().collect();
                if let Some(position) = words.iter().position(|word| *word == "pubsub")
                    && let Some(bytes) = words.get(position + 1).and_then(|word| memory_size(word))
                {
                    shared.settings.subscriber_pending_bytes_max = bytes;
                }
            },
        ),
    ),
    // What the log makes so, or the server's start.
    row("appendonly", Switch, Kept("yes")),
    row("save", SavePoints, Kept("")),
    row("databases", Integer(1, i32::MAX as i64), Fixed(|_| DATABASE_COUNT.to_string())),
    row("port", Integer(0, 65535), Fixed(|shared| shared.settings.port.to_string())),
    row("daemonize", Switch, Fixed(|_| "no".to_owned())),
    row("cluster-enabled", Switch, Fixed(|_| "no".to_owned())),
    row("io-threads", Integer(1, 128), Fixed(|shared| shared.process.io_thread_count.to_string())),
    row("replicaof", Text, Fixed(|_| String::new())),
    row("dir", Text, Kept("")),
    row("dbfilename", Text, Kept("dump.rdb")),
    row("bind", Text, Kept("* -::*")),
    row("protected-mode", Switch, Kept("no")),
    row("timeout", Integer(0, i32::MAX as i64), Kept("0")),
    row("tcp-keepalive", Integer(0, i32::MAX as i64), Kept("300")),
    row("maxclients", Integer(1, u32::MAX as i64), Kept("10000")),
    row("hz", Integer(0, i32::MAX as i64), Kept("10")),
    row("dynamic-hz", Switch, Kept("yes")),
    row("loglevel", Choice(&["debug", "verbose", "notice", "warning"]), Kept("notice")),
    row("maxmemory-clients", Memory, Kept("0")),
    row("proto-max-bulk-len", Memory, Fixed(|_| BULK_SIZE_BYTES_MAX.to_string())),
    row("client-query-buffer-limit", Memory, Kept("1073741824")),
    row("notify-keyspace-events", KeyspaceEvents, Kept("")),
    row("list-compress-depth", Integer(0, i32::MAX as i64), Kept("0")),
    row("stream-node-max-bytes", Memory, Kept("4096")),
    row("stream-node-max-entries", Integer(0, i64::MAX), Kept("100")),
    row("hll-sparse-max-bytes", Memory, Kept("3000")),
    row("activerehashing", Switch, Kept("yes")),
    row("activedefrag", Switch, Kept("no")),
    row("active-expire-effort", Integer(1, 10), Kept("1")),
    row("lazyfree-lazy-eviction", Switch, Kept("no")),
    row("lazyfree-lazy-expire", Switch, Kept("no")),
    row("lazyfree-lazy-server-del", Switch, Kept("no")),
    row("lazyfree-lazy-user-del", Switch, Kept("no")),
    row("lazyfree-lazy-user-flush", Switch, Kept("no")),
    row("slowlog-log-slower-than", Integer(-1, i64::MAX), Kept("10000")),
    row("slowlog-max-len", Integer(0, i64::MAX), Kept("128")),
    row("latency-monitor-threshold", Integer(0, i64::MAX), Kept("0")),
    row("latency-tracking", Switch, Kept("yes")),
    aliased("busy-reply-threshold", "lua-time-limit", Integer(0, i64::MAX), Kept("5000")),
    row("aof-use-rdb-preamble", Switch, Kept("yes")),
    row("no-appendfsync-on-rewrite", Switch, Kept("no")),
    row("auto-aof-rewrite-percentage", Integer(0, i32::MAX as i64), Kept("100")),
    row("auto-aof-rewrite-min-size", Memory, Kept("67108864")),
    row("stop-writes-on-bgsave-error", Switch, Kept("yes")),
    row("rdbcompression", Switch, Kept("yes")),
    row("rdbchecksum", Switch, Kept("yes")),
    row("sanitize-dump-payload", Choice(&["no", "yes", "clients"]), Kept("no")),
    row("close-on-replica-write", Switch, Kept("yes")),
    row("enable-debug-command", Choice(&["no", "yes", "local"]), Fixed(|_| "yes".to_owned())),
];

impl Parameter {
    pub fn find(name: &str) -> Option<&'static Parameter> {
        PARAMETERS.iter().find(|parameter| parameter.names().any(|own| own == name))
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name, self.alias].into_iter().filter(|name| !name.is_empty())
    }

    pub fn get(&self, shared: &Shared) -> String {
        match self.access {
            Field(get, _) | Fixed(get) => get(shared),
            Kept(default) => {
                shared.settings.kept.get(self.name).cloned().unwrap_or_else(|| default.to_owned())
            }
        }
    }

    /// Sets a value that [`Parameter::check`] answered.
    pub fn set(&self, shared: &mut Shared, value: String) {
        match self.access {
            Field(_, set) => set(shared, &value),
            Kept(_) => {
                shared.settings.kept.insert(self.name, value);
            }
            Fixed(_) => {}
        }
    }

    /// The value in the form it is kept.
    ///
    /// # Errors
    /// Why it cannot be set.
    pub fn check(&self, value: &[u8]) -> Result<String, String> {
        let value = self.kind.check(&String::from_utf8_lossy(value))?;
        match self.access {
            Fixed(_) => Err("can't set immutable config".to_owned()),
            Field(..) | Kept(_) => Ok(value),
        }
    }
}

impl Kind {
    fn check(&self, value: &str) -> Result<String, String> {
        match self {
            Integer(least, most) => {
                let number: i64 = crate::parse::integer(value.as_bytes())
                    .ok_or("argument couldn't be parsed into an integer")?;
                if (*least..=*most).contains(&number) {
                    Ok(number.to_string())
                } else {
                    Err(format!("argument must be between {least} and {most} inclusive"))
                }
            }
            Memory => {
                let bytes = memory_size(value).ok_or("argument must be a memory value")?;
                Ok(bytes.to_string())
            }
            Switch => match value.to_lowercase() {
                value if value == "yes" || value == "no" => Ok(value),
                _ => Err("argument must be 'yes' or 'no'".to_owned()),
            },
            Choice(choices) => {
                let found = choices.iter().find(|choice| choice.eq_ignore_ascii_case(value));
                let listed = || format!("argument(s) must be one of the following: {}", choices.join(", "));
                found.map(|choice| (*choice).to_owned()).ok_or_else(listed)
            }
            Text => Ok(value.to_owned()),
            KeyspaceEvents => {
                let is_known = value.chars().all(|letter| "KEg$lshzxetdAmn".contains(letter));
                if is_known {
                    Ok(value.to_owned())
                } else {
                    Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned())
                }
            }
            SavePoints => {
                let words: Vec<&str> = value.split_whitespace().collect();
                let are_numbers =
                    words.iter().all(|word| word.parse::<u32>().is_ok()) && words.len().is_multiple_of(2);
                if are_numbers { Ok(words.join(" ")) } else { Err("Invalid save parameters".to_owned()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_values_at_the_start_are_valid() {
        let names: Vec<_> = PARAMETERS.iter().flat_map(Parameter::names).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name} twice");
        }
        for parameter in PARAMETERS {
            if let Kept(default) = parameter.access {
                assert_eq!(parameter.check(default.as_bytes()).as_deref(), Ok(default), "{}", parameter.name);
            }
        }
    }
}
