//! What malformed bytes are answered with: a connection error whose text is the one RabbitMQ gives, which
//! prints offending bytes as Erlang terms. Never a panic, never a guess at what the peer meant.

use crate::reply_code::ReplyCode;
use std::fmt::Write;

/// Reply texts are short strings.
const REPLY_TEXT_SIZE_BYTES_MAX: usize = 255;

/// The reason of a connection.close.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} - {explanation}", code.name())]
pub struct ConnectionError {
    pub code: ReplyCode,
    /// The text without the code's name in front; [`ConnectionError::reply_text`] has both.
    pub explanation: String,
    /// Class of the method at fault, or 0.
    pub class_id: u16,
    /// The method at fault, or 0.
    pub method_id: u16,
}

impl ConnectionError {
    #[cold]
    pub fn new(code: ReplyCode, explanation: impl Into<String>) -> ConnectionError {
        ConnectionError { code, explanation: explanation.into(), class_id: 0, method_id: 0 }
    }

    /// The same error, blamed on a method.
    #[must_use]
    pub fn blame(self, class_id: u16, method_id: u16) -> ConnectionError {
        ConnectionError { class_id, method_id, ..self }
    }

    /// What connection.close carries.
    pub fn reply_text(&self) -> String {
        reply_text(self.code, &self.explanation)
    }

    /// A method whose fields do not fit its bytes.
    pub(crate) fn cannot_decode(fields: &[u8]) -> ConnectionError {
        ConnectionError::new(ReplyCode::FrameError, format!("cannot decode {}", erlang_octets(fields)))
    }

    /// `reason` as RabbitMQ names it, with the frame's type and the begin of its payload.
    pub(crate) fn frame(frame_type: u8, payload: &[u8], reason: &str) -> ConnectionError {
        let text = format!("type {frame_type}, {}: {reason}", snippet(payload));
        ConnectionError::new(ReplyCode::FrameError, text)
    }

    pub(crate) fn unexpected_frame(frame_type: u8, payload: &[u8]) -> ConnectionError {
        let text = format!("type {frame_type}, {}", snippet(payload));
        ConnectionError::new(ReplyCode::UnexpectedFrame, text)
    }
}

/// `NAME - explanation`, cut to the size of a short string as RabbitMQ cuts it.
pub fn reply_text(code: ReplyCode, explanation: &str) -> String {
    let mut text = format!("{} - {explanation}", code.name());
    if text.len() > REPLY_TEXT_SIZE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(REPLY_TEXT_SIZE_BYTES_MAX - 3));
        text.push_str("...");
    }
    text
}

fn snippet(payload: &[u8]) -> String {
    match payload.get(..16) {
        Some(first) if payload.len() > 16 => format!("first 16 octets = {}", erlang_term(first)),
        _ => format!("all octets = {}", erlang_term(payload)),
    }
}

/// A binary as Erlang's `~p` prints it: text where all of it can be printed, else numbers.
fn erlang_term(bytes: &[u8]) -> String {
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~');
    if bytes.is_empty() || !bytes.iter().all(is_text) {
        return erlang_octets(bytes);
    }
    let text = String::from_utf8_lossy(bytes).replace('\\', "\\\\").replace('"', "\\\"");
    format!("<<\"{text}\">>")
}

/// A binary as Erlang's `~w` prints it. Stops where a reply text is cut anyway.
fn erlang_octets(bytes: &[u8]) -> String {
    let mut text = String::from("<<");
    for (index, byte) in bytes.iter().enumerate() {
        if text.len() > REPLY_TEXT_SIZE_BYTES_MAX {
            break;
        }
        let separator = if index == 0 { "" } else { "," };
        write!(text, "{separator}{byte}").expect("a String takes every write");
    }
    text.push_str(">>");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_erlang_terms() {
        let rows: [(&[u8], &str); 5] = [
            (b"", "all octets = <<>>"),
            (b"GET /", "all octets = <<\"GET /\">>"),
            (b"a\"b", "all octets = <<\"a\\\"b\">>"),
            (&[0, 255], "all octets = <<0,255>>"),
            (&[7; 17], "first 16 octets = <<7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7>>"),
        ];
        for (payload, text) in rows {
            assert_eq!(snippet(payload), text);
        }
    }

    #[test]
    fn texts_stay_short_strings() {
        let long = ConnectionError::cannot_decode(&[200; 5000]);
        let text = long.reply_text();
        assert!(text.starts_with("FRAME_ERROR - cannot decode <<200,200,") && text.ends_with("..."));
        assert_eq!(text.len(), REPLY_TEXT_SIZE_BYTES_MAX);
        assert!(reply_text(ReplyCode::NotFound, &"é".repeat(200)).len() <= REPLY_TEXT_SIZE_BYTES_MAX);
    }
}
