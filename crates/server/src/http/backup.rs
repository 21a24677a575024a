//! `POST /api/backup {"directory": "/path"}`: the server copies its state into an empty directory of its machine.
//! It takes as long as it takes, so each request has a thread of its own.

use super::{Answer, api, respond};
use crate::core::Core;
use crate::disk::Directory;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tiny_http::Request;
use warren_log::CheckpointSummary;

pub const PATH: &str = "/api/backup";

/// Who may write into directories of the server's machine.
const TAG_NEEDED: &str = "administrator";

/// Makes the backup and answers the request when it is done.
pub fn answer(core: Arc<Core>, asker: &api::Asker, mut request: Request) {
    if !asker.tags.iter().any(|tag| tag == TAG_NEEDED) {
        return respond(request, super::not_authorized("Not administrator user"));
    }
    let work = move || {
        let made = directory_named(&mut request).and_then(|directory| back_up(&core, &directory));
        let answer = match made {
            Ok(summary) => Answer::Json(200, shown(&summary)),
            Err(reason) => Answer::Json(400, json!({ "error": "bad_request", "reason": reason })),
        };
        respond(request, answer);
    };
    if let Err(error) = thread::Builder::new().name("backup".to_owned()).spawn(work) {
        eprintln!("warren: cannot start a thread for a backup: {error}");
    }
}

fn directory_named(request: &mut Request) -> Result<String, String> {
    let body: Value = serde_json::from_reader(request.as_reader())
        .map_err(|error| format!("the body is no JSON: {error}"))?;
    let directory = body["directory"].as_str().filter(|path| Path::new(path).is_absolute());
    directory.map(str::to_owned).ok_or_else(|| "\"directory\" must be an absolute path".to_owned())
}

fn back_up(core: &Core, directory: &str) -> Result<CheckpointSummary, String> {
    let target = Directory::open_empty(Path::new(directory))?;
    let outcome = core.checkpoints.request_backup(Arc::new(target));
    outcome.recv().unwrap_or_else(|_| Err("the server is ending".to_owned()))
}

fn shown(summary: &CheckpointSummary) -> Value {
    json!({
        "record": summary.at.0,
        "checkpoint_bytes": summary.checkpoint_bytes,
        "message_bodies": summary.live_body_count,
        "message_body_bytes": summary.live_body_bytes,
    })
}
