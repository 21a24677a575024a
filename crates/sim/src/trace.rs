//! The last things that happened, to be printed with a failure.

use std::collections::VecDeque;

const LINE_COUNT_MAX: usize = 120;

#[derive(Default)]
pub struct Trace {
    lines: VecDeque<String>,
    count: u64,
}

impl Trace {
    pub fn note(&mut self, line: impl Into<String>) {
        if self.lines.len() == LINE_COUNT_MAX {
            self.lines.pop_front();
        }
        self.count += 1;
        self.lines.push_back(format!("{:>6} {}", self.count, line.into()));
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// Bytes as a person may read them, cut where they are long.
pub fn shown(bytes: &[u8]) -> String {
    const SHOWN_SIZE_BYTES_MAX: usize = 24;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_SIZE_BYTES_MAX)]).into_owned();
    let text = text.escape_default().to_string();
    if bytes.len() > SHOWN_SIZE_BYTES_MAX { format!("{text}..({} bytes)", bytes.len()) } else { text }
}
