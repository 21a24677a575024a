//! Patterns over resource names, as RabbitMQ's permissions use them: regular expressions that need not match
//! the whole name, and the empty pattern that allows nothing.

use regex_lite::Regex;

/// One compiled pattern. `.*` and the empty pattern never reach the regular expression engine.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Any,
    /// The empty pattern: RabbitMQ reads it as `^$`, which only the nameless default exchange satisfies.
    OnlyEmpty,
    Expression(Regex),
}

/// The pattern is not a regular expression; the text says why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError(pub String);

impl Pattern {
    pub fn any() -> Pattern {
        Pattern { source: ".*".to_string(), matcher: Matcher::Any }
    }

    pub fn new(source: &str) -> Result<Pattern, PatternError> {
        let matcher = match source {
            ".*" => Matcher::Any,
            "" => Matcher::OnlyEmpty,
            _ => Matcher::Expression(Regex::new(source).map_err(|error| PatternError(error.to_string()))?),
        };
        Ok(Pattern { source: source.to_string(), matcher })
    }

    pub fn as_str(&self) -> &str {
        &self.source
    }

    #[inline]
    pub fn matches(&self, name: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Any => true,
            Matcher::OnlyEmpty => name.is_empty(),
            Matcher::Expression(regex) => std::str::from_utf8(name).is_ok_and(|name| regex.is_match(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_rabbitmq_does() {
        for (pattern, name, expected) in [
            (".*", "", true),
            (".*", "any", true),
            ("", "", true),
            ("", "any", false),
            ("log", "catalog", true),
            ("^log", "catalog", false),
            ("^$", "any", false),
        ] {
            let matched = Pattern::new(pattern).unwrap().matches(name.as_bytes());
            assert_eq!(matched, expected, "{pattern:?} on {name:?}");
        }
        assert!(Pattern::new("(").is_err());
        assert!(!Pattern::new("a").unwrap().matches(b"\xff"));
    }
}
