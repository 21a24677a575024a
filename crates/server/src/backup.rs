//! `warren backup`: asks a running server on this machine for a backup.

use crate::ctl::Node;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub struct Flags {
    /// The directory to make, which is empty or not there yet; `warren restore` takes it.
    directory: PathBuf,
    #[command(flatten)]
    node: Node,
}

/// Waits for the backup and prints what it holds.
///
/// # Errors
/// One line for the operator.
pub fn run(flags: &Flags) -> Result<(), String> {
    let directory = std::path::absolute(&flags.directory);
    let directory = directory.map_err(|error| format!("{}: {error}", flags.directory.display()))?;
    let body = json!({ "directory": directory });
    let made = flags.node.ask("POST", "/api/backup", Some(&body), None)?;
    println!(
        "backup of all keys and queues as of record {}: {} bytes, and {} message bodies of {} bytes",
        made["record"], made["checkpoint_bytes"], made["message_bodies"], made["message_body_bytes"]
    );
    Ok(())
}
