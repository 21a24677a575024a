//! INFO: figures of the server in sections.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::commands::server::REDIS_VERSION;
use crate::context::Context;
use crate::keyspace::expires::Expires;
use crate::parse::is_option;
use std::fmt::Write;
use warren_resp::Args;
use warren_units::UnixMillis;
use warren_units::bounds::DATABASE_COUNT;

pub static INFO: CommandSpec = CommandSpec {
    name: "info",
    arity: -1,
    flags: Flags::LOADING.or(Flags::STALE),
    keys: Keys::None,
    categories: "dangerous",
    group: Group::Server,
    since: "1.0.0",
    summary: "Returns figures of the server.",
    complexity: "O(1)",
    syntax: "[section [section ...]]",
    carrier: Carrier::Cache(info),
};

/// One section: name in lower case, head line, whether `INFO` alone shows it, its lines.
type Section = (&'static str, &'static str, bool, fn(&Context<'_, '_>, &mut Lines));

static SECTIONS: &[Section] = &[
    ("server", "Server", true, server),
    ("clients", "Clients", true, clients),
    ("memory", "Memory", true, memory),
    ("persistence", "Persistence", true, persistence),
    ("stats", "Stats", true, stats),
    ("replication", "Replication", true, replication),
    ("cpu", "CPU", true, cpu),
    ("modules", "Modules", true, |_, _| {}),
    ("commandstats", "Commandstats", false, command_stats),
    ("errorstats", "Errorstats", true, error_stats),
    ("cluster", "Cluster", true, |_, lines| lines.add("cluster_enabled", 0)),
    ("keyspace", "Keyspace", true, keyspace),
];

/// `name:value` lines.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        write!(self.0, "{name}:{value}\r\n").expect("a String takes any text");
    }

    /// Bytes, and again as a person reads them.
    fn add_size(&mut self, name: &str, bytes: u64) {
        self.add(name, bytes);
        self.add(&format!("{name}_human"), human_size(bytes));
    }
}

fn info(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    context.shared.refresh_process();
    let wants = |name: &str, is_default: bool| {
        args.len() == 1 && is_default
            || args.from(1).iter().any(|wanted| {
                wanted.eq_ignore_ascii_case(name.as_bytes())
                    || is_option(wanted, "ALL")
                    || is_option(wanted, "EVERYTHING")
                    || (is_default && is_option(wanted, "DEFAULT"))
            })
    };
    let mut text = String::new();
    let mut section = |head: &str, lines: &str| {
        let blank = if text.is_empty() { "" } else { "\r\n" };
        write!(text, "{blank}# {head}\r\n{lines}").expect("a String takes any text");
    };
    for (name, head, is_default, fill) in SECTIONS {
        if wants(name, *is_default) {
            let mut lines = Lines::default();
            fill(context, &mut lines);
            section(head, &lines.0);
        }
    }
    for (name, lines) in context.host.info() {
        if wants(&name.to_lowercase(), true) {
            section(name, &lines);
        }
    }
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn server(context: &Context<'_, '_>, lines: &mut Lines) {
    let shared = &*context.shared;
    let process = &shared.process;
    let uptime = context.step.now.0.saturating_sub(shared.started_at.0) / 1000;
    lines.add("redis_version", REDIS_VERSION);
    lines.add("redis_git_sha1", "00000000");
    lines.add("redis_git_dirty", 0);
    lines.add("redis_build_id", "0");
    lines.add("redis_mode", "standalone");
    lines.add("warren_version", env!("CARGO_PKG_VERSION"));
    lines.add("os", &process.operating_system);
    lines.add("arch_bits", usize::BITS);
    lines.add("process_id", process.process_id);
    lines.add("run_id", &process.run_id);
    lines.add("tcp_port", shared.settings.port);
    lines.add("server_time_usec", context.step.now.0 * 1000);
    lines.add("uptime_in_seconds", uptime);
    lines.add("uptime_in_days", uptime / 86_400);
    lines.add("lru_clock", (context.step.now.0 / 1000) & 0xff_ffff);
    lines.add("executable", &process.executable);
    lines.add("config_file", &process.config_file);
    lines.add("io_threads_active", process.io_thread_count);
}

fn clients(context: &Context<'_, '_>, lines: &mut Lines) {
    let sessions = &context.shared.sessions;
    let blocked: Vec<_> = sessions.iter().filter_map(|session| session.blocked.as_ref()).collect();
    let timed = blocked.iter().filter(|blocked| blocked.deadline.is_some()).count();
    lines.add("connected_clients", sessions.len());
    lines.add("cluster_connections", 0);
    lines.add("blocked_clients", blocked.len());
    lines.add("tracking_clients", 0);
    lines.add("clients_in_timeout_table", timed);
}

fn memory(context: &Context<'_, '_>, lines: &mut Lines) {
    let shared = &*context.shared;
    let (process, keyspace) = (&shared.process, &shared.keyspace);
    let (used, peak) = (keyspace.used_bytes() as u64, shared.statistics.peak_memory_bytes);
    lines.add_size("used_memory", used);
    lines.add_size("used_memory_rss", process.resident_memory_bytes);
    lines.add_size("used_memory_peak", peak);
    let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    lines.add("used_memory_peak_perc", format_args!("{:.2}%", 100.0 * ratio(used, peak)));
    let (startup, dataset) = (keyspace.own_bytes() as u64, keyspace.entries_bytes() as u64);
    lines.add("used_memory_overhead", used - dataset);
    lines.add("used_memory_startup", startup);
    lines.add("used_memory_dataset", dataset);
    let dataset_percent = 100.0 * ratio(dataset, used - startup);
    lines.add("used_memory_dataset_perc", format_args!("{dataset_percent:.2}%"));
    lines.add("allocator_allocated", process.allocated_memory_bytes);
    lines.add_size("total_system_memory", process.total_system_memory_bytes);
    lines.add_size("maxmemory", shared.settings.eviction.memory_bytes_max);
    lines.add("maxmemory_policy", shared.settings.eviction.policy.name);
    let fragmentation = ratio(process.resident_memory_bytes, process.allocated_memory_bytes);
    lines.add("mem_fragmentation_ratio", format_args!("{fragmentation:.2}"));
    lines.add("mem_not_counted_for_evict", 0);
    lines.add("mem_allocator", &process.allocator);
}

fn persistence(context: &Context<'_, '_>, lines: &mut Lines) {
    let shared = &*context.shared;
    let checkpoints = shared.process.checkpoints;
    let last_at = checkpoints.last_at.unwrap_or(shared.started_at);
    let status = if checkpoints.has_last_failed { "err" } else { "ok" };
    lines.add("loading", 0);
    lines.add("async_loading", 0);
    lines.add("rdb_changes_since_last_save", 0);
    lines.add("rdb_bgsave_in_progress", u8::from(checkpoints.is_running || shared.wants_checkpoint));
    lines.add("rdb_last_save_time", last_at.0 / 1000);
    lines.add("rdb_last_bgsave_status", status);
    lines.add("rdb_saves", checkpoints.count);
    lines.add("aof_enabled", 1);
    lines.add("aof_rewrite_in_progress", 0);
    lines.add("aof_rewrite_scheduled", 0);
    lines.add("aof_last_bgrewrite_status", "ok");
    lines.add("aof_last_write_status", "ok");
    lines.add("aof_current_size", shared.process.log_size_bytes);
}

fn stats(context: &Context<'_, '_>, lines: &mut Lines) {
    let shared = &*context.shared;
    let statistics = &shared.statistics;
    lines.add("total_connections_received", statistics.connections_received);
    lines.add("total_commands_processed", statistics.commands_processed);
    lines.add("total_net_input_bytes", shared.process.network_input_bytes);
    lines.add("total_net_output_bytes", shared.process.network_output_bytes);
    lines.add("rejected_connections", 0);
    lines.add("expired_keys", statistics.expired_keys);
    let (exceeded, exceeded_in_all) = shared.eviction.exceeded_milliseconds(context.step.now);
    lines.add("evicted_keys", statistics.evicted_keys);
    lines.add("evicted_clients", 0);
    lines.add("total_eviction_exceeded_time", exceeded_in_all);
    lines.add("current_eviction_exceeded_time", exceeded);
    lines.add("keyspace_hits", statistics.keyspace_hits);
    lines.add("keyspace_misses", statistics.keyspace_misses);
    lines.add("pubsub_channels", shared.pubsub.channels.len());
    lines.add("pubsub_patterns", shared.pubsub.patterns.len());
    lines.add("pubsubshard_channels", shared.pubsub.shard_channels.len());
    lines.add("latest_fork_usec", 0);
    lines.add("total_forks", 0);
    lines.add("total_error_replies", statistics.error_replies);
}

fn replication(context: &Context<'_, '_>, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("master_failover_state", "no-failover");
    lines.add("master_replid", &context.shared.process.run_id);
    lines.add("master_repl_offset", 0);
}

fn cpu(context: &Context<'_, '_>, lines: &mut Lines) {
    let process = &context.shared.process;
    lines.add("used_cpu_sys", format_args!("{:.6}", process.cpu_system_seconds));
    lines.add("used_cpu_user", format_args!("{:.6}", process.cpu_user_seconds));
}

/// Times are not measured: the engine has no clock of its own.
fn command_stats(context: &Context<'_, '_>, lines: &mut Lines) {
    let shared = &*context.shared;
    let rows = shared.lookup.rows().flat_map(|row| std::iter::once(row).chain(row.subcommands()));
    for row in rows {
        let counts = shared.statistics.commands[row.number];
        if counts.calls + counts.rejected > 0 {
            let value = format_args!(
                "calls={},usec=0,usec_per_call=0.00,rejected_calls={},failed_calls={}",
                counts.calls, counts.rejected, counts.failed
            )
            .to_string();
            lines.add(&format!("cmdstat_{}", row.full_name()), value);
        }
    }
}

fn error_stats(context: &Context<'_, '_>, lines: &mut Lines) {
    for (code, count) in &context.shared.statistics.errors {
        lines.add(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

fn keyspace(context: &Context<'_, '_>, lines: &mut Lines) {
    for database in 0..DATABASE_COUNT as u8 {
        let content = context.keyspace().database(database);
        if content.table.is_empty() {
            continue;
        }
        let average = average_time_left(&content.expires, context.step.now);
        let (keys, expires) = (content.table.len(), content.expires.len());
        lines.add(&format!("db{database}"), format_args!("keys={keys},expires={expires},avg_ttl={average}"));
    }
}

/// In milliseconds, of the keys that expire next: to look at all would take too long.
fn average_time_left(expires: &Expires, now: UnixMillis) -> u64 {
    const SAMPLE_COUNT_MAX: usize = 100;
    let (mut sum, mut count) = (0, 0);
    for (deadline, _) in expires.due(UnixMillis(u64::MAX), SAMPLE_COUNT_MAX) {
        sum += u128::from(deadline.0.saturating_sub(now.0));
        count += 1;
    }
    sum.checked_div(count).unwrap_or(0) as u64
}

/// `1015.98K`.
fn human_size(bytes: u64) -> String {
    let units = [(1u64 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, letter)) => format!("{:.2}{letter}", bytes as f64 / size as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn sections_are_chosen_by_name() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(client, &[("INFO nosuch", "$0||"), ("INFO keyspace", "$12|# Keyspace||")]);
        world.run(client, "SET a 1 PX 500");
        world.transcript(client, &[("INFO KEYSPACE", "$46|# Keyspace|db0:keys=1,expires=1,avg_ttl=500||")]);
        let default = world.run(client, "INFO");
        assert!(default.contains("# Server|redis_version:7.0"), "{default}");
        assert!(default.contains("||# Clients|connected_clients:1|"), "{default}");
        assert!(!default.contains("# Commandstats"));
        assert!(world.run(client, "INFO all").contains("cmdstat_set:calls=1,"));
        world.run(client, "SET a");
        assert!(world.run(client, "INFO commandstats errorstats").contains("errorstat_ERR:count=1|"));
    }
}
