//! Inline requests: a line of words as a person types them, with quotes and escapes.
//!
//! Source: Redis protocol specification, "Inline commands".

/// Splits a line into its words; `None` where quotes are unbalanced or closed within a word.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let Some((first, tail)) = rest.split_first()
            && first.is_ascii_whitespace()
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        rest = read_word(rest, &mut word)?;
        words.push(word);
    }
}

fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let Some((first, tail)) = rest.split_first() {
        rest = match first {
            b'"' => read_quoted(tail, word, b'"')?,
            b'\'' => read_quoted(tail, word, b'\'')?,
            byte if byte.is_ascii_whitespace() || *byte == 0 => return Some(tail),
            byte => {
                word.push(*byte);
                tail
            }
        };
    }
    Some(rest)
}

fn read_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>, quote: u8) -> Option<&'a [u8]> {
    loop {
        let (first, tail) = rest.split_first()?;
        rest = tail;
        match *first {
            byte if byte == quote => {
                let ends_word = rest.first().is_none_or(u8::is_ascii_whitespace);
                return ends_word.then_some(rest);
            }
            b'\\' if quote == b'"' => rest = read_escape(rest, word)?,
            b'\\' if rest.first() == Some(&b'\'') => {
                word.push(b'\'');
                rest = &rest[1..];
            }
            byte => word.push(byte),
        }
    }
}

fn read_escape<'a>(rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    if let [b'x', high, low, tail @ ..] = rest
        && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
    {
        word.push(high << 4 | low);
        return Some(tail);
    }
    let (escaped, tail) = rest.split_first()?;
    word.push(match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => *other,
    });
    Some(tail)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_into_words() {
        let cases: &[(&[u8], Option<&[&[u8]]>)] = &[
            (b"PING", Some(&[b"PING"])),
            (b"  set  a b ", Some(&[b"set", b"a", b"b"])),
            (b"set a \"x y\"", Some(&[b"set", b"a", b"x y"])),
            (b"\"\\x41\\n\\\"\" ''", Some(&[b"A\n\"", b""])),
            (b"'it\\'s'", Some(&[b"it's"])),
            (b"", Some(&[])),
            (b"\"open", None),
            (b"\"a\"b", None),
            (b"'a", None),
        ];
        for (line, expected) in cases {
            let words = split_words(line);
            let expected = expected.map(|words| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>());
            assert_eq!(words, expected, "{}", String::from_utf8_lossy(line));
        }
    }
}
