//! How a checker says no.

use std::fmt;

/// Which checker, and what it saw.
#[derive(Clone, Debug)]
pub struct Failure {
    pub checker: &'static str,
    pub text: String,
}

pub type Checked<T = ()> = Result<T, Failure>;

impl Failure {
    pub fn new(checker: &'static str, text: impl Into<String>) -> Failure {
        Failure { checker, text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.checker, self.text)
    }
}
