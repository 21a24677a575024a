//! From a row's `syntax`, such as `key value [NX | XX] [EX seconds]`, to the argument tree of COMMAND DOCS.
//!
//! ```text
//! list   = item { item }
//! choice = list { "|" list }
//! item   = "[" choice "]" | "<" choice ">" | word [ "[" word " ...]" ]
//! ```
//! Upper-case words are tokens; a token before a lower-case word or a `<` belongs to it.

/// One argument, or a group of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Argument {
    pub name: String,
    pub kind: Kind,
    pub token: Option<String>,
    pub is_optional: bool,
    pub is_multiple: bool,
    /// Of a block or a choice.
    pub arguments: Vec<Argument>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    #[default]
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl Kind {
    /// As COMMAND DOCS names it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Key => "key",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }

    /// What an argument of this name takes.
    fn of(name: &str) -> Kind {
        match name {
            "key" | "newkey" | "source" | "destination" | "key1" | "key2" => Kind::Key,
            "pattern" => Kind::Pattern,
            "unix-time-seconds" | "unix-time-milliseconds" => Kind::UnixTime,
            "score" | "min-score" | "max-score" | "weight" | "timeout" | "longitude" | "latitude" => {
                Kind::Double
            }
            "seconds" | "milliseconds" | "count" | "index" | "start" | "stop" | "end" | "offset"
            | "cursor" | "numkeys" | "db" | "increment" | "decrement" | "bit" | "length" | "len" | "rank"
            | "limit" | "num-matches" | "client-id" | "protover" | "index1" | "index2" | "destination-db" => {
                Kind::Integer
            }
            _ => Kind::String,
        }
    }
}

/// The arguments of a syntax.
pub fn parse(syntax: &str) -> Vec<Argument> {
    let spaced = ["[", "]", "<", ">"]
        .iter()
        .fold(syntax.to_owned(), |syntax, bracket| syntax.replace(bracket, &format!(" {bracket} ")));
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    choice(&mut rest)
}

/// Alternatives up to a closing bracket or the end: one list of arguments, or one choice.
fn choice(rest: &mut &[&str]) -> Vec<Argument> {
    let mut alternatives = vec![list(rest)];
    while let ["|", tail @ ..] = rest {
        *rest = tail;
        alternatives.push(list(rest));
    }
    if alternatives.len() == 1 {
        return alternatives.remove(0);
    }
    let arguments: Vec<_> = alternatives.into_iter().map(block).collect();
    let name = arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("-or-");
    vec![Argument { name, kind: Kind::OneOf, arguments, ..Argument::default() }]
}

fn list(rest: &mut &[&str]) -> Vec<Argument> {
    let mut items: Vec<Argument> = Vec::new();
    while let [word, tail @ ..] = *rest {
        match *word {
            "|" | "]" | ">" => break,
            "<" => {
                *rest = tail;
                items.push(grouped(rest));
            }
            "[" => {
                *rest = tail;
                let (inner, repeats) = bracketed(rest);
                if repeats && repeat(&mut items, &inner) {
                    continue;
                }
                let mut group = block(inner);
                group.is_optional = true;
                group.is_multiple |= repeats;
                items.push(group);
            }
            word => {
                *rest = tail;
                items.push(single(word, rest));
            }
        }
    }
    items
}

/// What is between brackets, and whether it ended in `...`.
fn bracketed(rest: &mut &[&str]) -> (Vec<Argument>, bool) {
    let mut inner = choice(rest);
    if let ["]", tail @ ..] = rest {
        *rest = tail;
    }
    let repeats = inner.last().is_some_and(|argument| argument.name == "...");
    if repeats {
        inner.pop();
    }
    (inner, repeats)
}

/// What is between angle brackets, as one argument.
fn grouped(rest: &mut &[&str]) -> Argument {
    let inner = choice(rest);
    if let [">", tail @ ..] = rest {
        *rest = tail;
    }
    block(inner)
}

/// `score member [score member ...]`: the arguments before the bracket are a block that may come again.
fn repeat(items: &mut Vec<Argument>, inner: &[Argument]) -> bool {
    let Some(start) = items.len().checked_sub(inner.len()) else { return false };
    if inner.is_empty() || items[start..] != *inner {
        return false;
    }
    let mut repeated = block(items.split_off(start));
    repeated.is_multiple = true;
    items.push(repeated);
    true
}

/// A word, with the argument that follows where the word is a token that takes one.
fn single(word: &str, rest: &mut &[&str]) -> Argument {
    if !is_token(word) {
        return Argument { name: word.to_owned(), kind: Kind::of(word), ..Argument::default() };
    }
    if let ["<", tail @ ..] = *rest {
        *rest = tail;
        return Argument { name: word.to_lowercase(), token: Some(word.to_owned()), ..grouped(rest) };
    }
    if let [following, tail @ ..] = *rest
        && !is_token(following)
        && !matches!(*following, "[" | "]" | ">" | "|")
    {
        *rest = tail;
        let token = Some(word.to_owned());
        return Argument { token, ..single(following, rest) };
    }
    let name = word.to_lowercase();
    Argument { name, kind: Kind::PureToken, token: Some(word.to_owned()), ..Argument::default() }
}

fn is_token(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_uppercase()) && !word.bytes().any(|byte| byte.is_ascii_lowercase())
        || word == "="
        || word == "~"
}

/// One argument for several.
fn block(mut arguments: Vec<Argument>) -> Argument {
    if arguments.len() == 1 {
        return arguments.remove(0);
    }
    let name = arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("-");
    Argument { name, kind: Kind::Block, arguments, ..Argument::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in short: optional as `?`, multiple as `+`, choices in `()`, blocks in `{}`.
    fn short(arguments: &[Argument]) -> String {
        let one = |argument: &Argument| {
            let body = match argument.kind {
                Kind::OneOf => format!("({})", short(&argument.arguments)),
                Kind::Block => format!("{{{}}}", short(&argument.arguments)),
                Kind::PureToken => String::new(),
                kind => format!("{}:{}", argument.name, kind.name()),
            };
            let token = argument.token.as_deref().unwrap_or("");
            let space = if token.is_empty() || body.is_empty() { "" } else { " " };
            let optional = if argument.is_optional { "?" } else { "" };
            let multiple = if argument.is_multiple { "+" } else { "" };
            format!("{token}{space}{body}{optional}{multiple}")
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn syntaxes_become_trees() {
        for (syntax, expected) in [
            ("", ""),
            ("key value", "key:key value:string"),
            ("key [key ...]", "key:key+"),
            ("key [value ...]", "key:key value:string?+"),
            ("[NX | XX] [GET]", "(NX XX)? GET?"),
            ("[EX seconds | KEEPTTL]", "(EX seconds:integer KEEPTTL)?"),
            ("score member [score member ...]", "{score:double member:string}+"),
            ("key LEFT | RIGHT", "({key:key LEFT} RIGHT)"),
            ("key <LEFT | RIGHT>", "key:key (LEFT RIGHT)"),
            ("[AGGREGATE <SUM | MIN>] [X]", "AGGREGATE (SUM MIN)? X?"),
            ("[LIMIT offset count]", "{LIMIT offset:integer count:integer}?"),
            ("[a [b]]", "{a:string b:string?}?"),
            ("[key [key ...]]", "key:key?+"),
        ] {
            assert_eq!(short(&parse(syntax)), expected, "{syntax}");
        }
    }
}
