//! `warren bench`: load generators for this server and its peers, and the raw rate of the disk. One thread
//! and one poll each, so that the server is what is measured. Knows nothing of the server's insides: it is
//! a client like any other.

mod amqp;
mod disk;
mod histogram;
mod link;
mod meter;
mod resp;
mod socket;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    /// Publish and consume over AMQP.
    Amqp(amqp::Flags),
    /// GET or SET random keys over RESP.
    Resp(resp::Flags),
    /// Measure how many writes a second the disk syncs one by one.
    Disk(disk::Flags),
}

/// Runs one benchmark and prints its totals.
///
/// # Errors
/// One line for the operator.
pub fn run(command: &Command) -> Result<(), String> {
    match command {
        Command::Amqp(flags) => amqp::run(flags),
        Command::Resp(flags) => resp::run(flags),
        Command::Disk(flags) => disk::run(flags),
    }
}
