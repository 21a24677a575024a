//! A request that is refused: the reply code and the text after the code's name. Whether the channel or the
//! connection closes follows from the code.

use crate::names::text;
use warren_amqp::ReplyCode;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub code: ReplyCode,
    /// Without the code's name in front.
    pub explanation: String,
}

impl Refusal {
    #[cold]
    pub fn new(code: ReplyCode, explanation: impl Into<String>) -> Refusal {
        Refusal { code, explanation: explanation.into() }
    }

    #[cold]
    pub fn precondition_failed(explanation: impl Into<String>) -> Refusal {
        Refusal::new(ReplyCode::PreconditionFailed, explanation)
    }

    /// The log's disk has no room; who asked for it was told by connection.blocked before.
    #[cold]
    pub fn log_is_full() -> Refusal {
        Refusal::new(ReplyCode::ResourceError, "no space left on the disk")
    }

    #[cold]
    pub fn not_found(resource: &Resource<'_>) -> Refusal {
        Refusal::new(ReplyCode::NotFound, format!("no {resource}"))
    }

    #[cold]
    pub fn locked(queue: &Resource<'_>) -> Refusal {
        let text = format!(
            "cannot obtain exclusive access to locked {queue}. It could be originally declared on another \
             connection or the exclusive property value does not match that of the original declaration."
        );
        Refusal::new(ReplyCode::ResourceLocked, text)
    }
}

/// How texts name a queue or an exchange: `queue 'name' in vhost '/'`.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    pub kind: &'static str,
    pub name: &'a [u8],
    pub vhost: &'a str,
}

impl<'a> Resource<'a> {
    pub fn queue(name: &'a [u8], vhost: &'a str) -> Resource<'a> {
        Resource { kind: "queue", name, vhost }
    }

    pub fn exchange(name: &'a [u8], vhost: &'a str) -> Resource<'a> {
        Resource { kind: "exchange", name, vhost }
    }
}

impl std::fmt::Display for Resource<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} '{}' in vhost '{}'", self.kind, text(self.name), self.vhost)
    }
}
