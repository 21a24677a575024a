//! Patterns of SORT: `weight_*` names a key for each element, `object_*->field` a field of a hash there,
//! `#` the element itself.

use crate::keyspace::entry::Value;
use crate::keyspace::string::StringRef;
use crate::keyspace::{Container, Keyspace, Place};
use crate::values::Text;
use warren_units::UnixMillis;

/// Where keys are looked up while the keyspace does not change.
#[derive(Clone, Copy)]
pub struct Source<'k> {
    pub keyspace: &'k Keyspace,
    pub database: u8,
    pub now: UnixMillis,
}

impl<'k> Source<'k> {
    /// The value at a place.
    pub fn value(self, place: Place<'_>) -> Option<Value<'k, Container>> {
        self.keyspace.entry(place).map(|entry| entry.value())
    }

    pub fn is_set(self, place: Place<'_>) -> bool {
        matches!(self.value(place), Some(Value::Container(Container::Set(_))))
    }

    fn look_up(self, key: &[u8]) -> Option<Value<'k, Container>> {
        let place = self.keyspace.find(self.database, key);
        if self.keyspace.is_expired(place, self.now) { None } else { self.value(place) }
    }
}

/// What BY or GET names.
#[derive(Clone, Copy)]
pub enum Pattern<'a> {
    Element,
    Key {
        before: &'a [u8],
        after: &'a [u8],
        field: Option<&'a [u8]>,
    },
    /// There is no `*` in it: it finds nothing.
    Nothing,
}

impl<'a> Pattern<'a> {
    pub fn of(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = memchr::memchr(b'*', text) else { return Pattern::Nothing };
        let (before, after) = (&text[..star], &text[star + 1..]);
        // An arrow with nothing behind it belongs to the key.
        match memchr::memmem::find(after, b"->").filter(|arrow| arrow + 2 < after.len()) {
            Some(arrow) => Pattern::Key { before, after: &after[..arrow], field: Some(&after[arrow + 2..]) },
            None => Pattern::Key { before, after, field: None },
        }
    }

    /// What the pattern finds for an element: the string of a key, or the field of a hash.
    pub fn look_up<'k>(&self, source: Source<'k>, element: Text<'k>) -> Option<Text<'k>> {
        let (before, after, field) = match *self {
            Pattern::Element => return Some(element),
            Pattern::Nothing => return None,
            Pattern::Key { before, after, field } => (before, after, field),
        };
        let key = [before, &element, after].concat();
        match (source.look_up(&key)?, field) {
            (Value::String(string), None) => Some(text_of(string)),
            (Value::Container(Container::Hash(hash)), Some(field)) => hash.get(field),
            _ => None,
        }
    }
}

fn text_of(string: StringRef<'_>) -> Text<'_> {
    match string {
        StringRef::Plain(slice) => Text::Slice(slice),
        StringRef::Shared(bytes) => Text::Shared(bytes),
        StringRef::Integer(number) => Text::from(number),
    }
}
