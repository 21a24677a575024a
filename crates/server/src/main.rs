//! Warren's command line.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use warren::settings::Flags;
use warren::{backup, bench, ctl, log_command, restore};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What jemalloc reads at its start: pages that are free go back to the system also while nothing is allocated, as
/// after FLUSHALL. Huge pages are left to the kernel: asking for them made a GET at pipeline 16 a ninth cheaper,
/// and took 17 MiB more, less steadily, for keys and messages of 18 MiB.
// SAFETY: the allocator declares this symbol, for programs to define, as a pointer to a C string.
#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_SETTINGS: &[u8; 23] = b"background_thread:true\0";

/// A message broker (AMQP 0-9-1) and a cache (RESP2/3) over one durable log.
#[derive(Parser)]
#[command(name = "warren", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (what a bare `warren` does).
    Serve(Flags),
    /// Ask a running server, as rabbitmqctl does.
    #[command(subcommand)]
    Ctl(ctl::Command),
    /// Look into the log of a stopped server, or into a backup.
    #[command(subcommand)]
    Log(log_command::Command),
    /// Have a running server copy its keys and queues, as of one moment, into an empty directory.
    Backup(backup::Flags),
    /// Make a data directory out of a backup.
    Restore(restore::Flags),
    /// Put load on a server and measure it.
    #[command(subcommand)]
    Bench(bench::Command),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let result = match command_line.command {
        None => command_line.serve.decide().and_then(|settings| warren::serve::serve(&settings)),
        Some(Command::Serve(flags)) => flags.decide().and_then(|settings| warren::serve::serve(&settings)),
        Some(Command::Ctl(command)) => ctl::run(&command),
        Some(Command::Log(command)) => log_command::run(&command),
        Some(Command::Backup(flags)) => backup::run(&flags),
        Some(Command::Restore(flags)) => restore::run(&flags),
        Some(Command::Bench(command)) => bench::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("warren: {message}");
            ExitCode::FAILURE
        }
    }
}
