//! Glob patterns as KEYS, SCAN and PSUBSCRIBE match them: `*`, `?`, `[a-z]`, `[^a]`, `\` before what stands
//! for itself.
//!
//! Matching needs no memory and goes back to the latest `*` only, so its cost is at most pattern times text.

/// Whether the whole text matches the pattern.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Redis looks at no pattern where there is no text, so that not even a `*` matches it.
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut position) = (0, 0);
    // Where to go on if the present attempt fails: after the latest star, one byte later.
    let mut retry: Option<(usize, usize)> = None;
    while position < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, position));
            continue;
        }
        let step =
            pattern.get(at..).filter(|rest| !rest.is_empty()).and_then(|rest| step(rest, text[position]));
        if let Some(size) = step {
            at += size;
            position += 1;
            continue;
        }
        let Some((after_star, start)) = retry else { return false };
        retry = Some((after_star, start + 1));
        (at, position) = (after_star, start + 1);
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// If the first element of a pattern, no star, matches the byte: the element's size.
fn step(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => {
            let (size, is_match) = step_class(class, byte);
            is_match.then_some(1 + size)
        }
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// The size of a class after its opening bracket, and whether the byte is in it. A class that is not closed
/// ends with the pattern.
fn step_class(class: &[u8], byte: u8) -> (usize, bool) {
    let is_negated = class.first() == Some(&b'^');
    let mut at = usize::from(is_negated);
    let mut is_found = false;
    loop {
        at += match &class[at..] {
            [] => return (at, is_found != is_negated),
            [b'\\', literal, ..] => {
                is_found |= *literal == byte;
                2
            }
            [b']', ..] => return (at + 1, is_found != is_negated),
            [first, b'-', last, ..] => {
                is_found |= (*first.min(last)..=*first.max(last)).contains(&byte);
                3
            }
            [literal, ..] => {
                is_found |= *literal == byte;
                1
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, matching, other) in [
            ("hello", "hello", "hell"),
            ("h?llo", "hallo", "hllo"),
            ("h*llo", "heeello", "heeell"),
            ("*", "x", ""),
            ("**a", "xa", "ax"),
            ("a*", "a", "b"),
            ("*b*c", "abbcbc", "abbcb"),
            ("h[ae]llo", "hello", "hillo"),
            ("h[^e]llo", "hallo", "hello"),
            ("h[f-a]llo", "hallo", "hgllo"),
            ("[a\\]]", "]", "\\"),
            ("[^]", "x", ""),
            ("[ab", "a", "c"),
            ("[a-", "-", "b"),
            ("[a-]", "_", "b"),
            ("\\*", "*", "x"),
            ("\\", "\\", "x"),
            ("x\\", "x\\", "x"),
            ("", "", "x"),
        ] {
            assert!(matches(pattern.as_bytes(), matching.as_bytes()), "{pattern} {matching}");
            assert!(!matches(pattern.as_bytes(), other.as_bytes()), "{pattern} {other}");
        }
        assert!(!matches(b"[]", b"]"), "an empty class matches nothing");
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = b"a*".repeat(1000);
        assert!(!matches(&[&pattern[..], b"b"].concat(), &[b'a'; 3000]));
    }
}
