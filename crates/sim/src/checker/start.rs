//! A start succeeds from whatever a crash has left. Where a bit of what was synced has turned, it is refused
//! with the place named, or nothing is lost by it.

use super::failure::{Checked, Failure};
use warren_log::LogError;

/// Why a server did not start.
#[derive(Debug)]
pub enum NoStart {
    Log(LogError),
    /// A record that the engine cannot apply.
    Record(String),
    Failed(Failure),
}

impl NoStart {
    /// Where no bit has turned, every refusal is a failure.
    pub fn unexpected(self) -> Failure {
        match self {
            NoStart::Log(error) => Failure::new("start", format!("refused after a crash: {error}")),
            NoStart::Record(text) => Failure::new("start", format!("refused after a crash: {text}")),
            NoStart::Failed(failure) => failure,
        }
    }

    /// Where a bit of `segment` has turned, the refusal must name it.
    pub fn check_names(self, segment: &str) -> Checked {
        let named = match &self {
            NoStart::Log(LogError::Corrupt { file, .. } | LogError::Version { file, .. }) => file,
            NoStart::Failed(failure) => return Err(failure.clone()),
            other => {
                return Err(Failure::new("start", format!("a turned bit in {segment} ends in {other:?}")));
            }
        };
        if named != segment {
            return Err(Failure::new(
                "start",
                format!("a turned bit in {segment} is named as one in {named}"),
            ));
        }
        Ok(())
    }
}
