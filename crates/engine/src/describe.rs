//! Effects as a person reads them: names and main fields, for `warren log dump`.
//!
//! An effect of the keyspace says how long it is only while it is applied (the index of an LSET is checked
//! against the list), so a [`Describer`] keeps a state of its own and is given every effect before the ones
//! that are of interest. Bodies and outputs play no part.

use crate::engine::{Engine, Settings};
use crate::recovery::{BROKER_TAG_MIN, ReplayError};
use warren_broker::Effect;
use warren_cache::keyspace::effects::ROWS;
use warren_units::varint::Cursor;
use warren_units::{Lsn, UnixMillis};

/// Longer names and keys are cut.
const TEXT_SIZE_BYTES_MAX: usize = 64;

pub struct Describer {
    engine: Engine,
}

impl Default for Describer {
    fn default() -> Describer {
        Describer { engine: Engine::new(Settings::default(), UnixMillis(0)) }
    }
}

impl Describer {
    /// Goes through the effects of a record, or of a block of a checkpoint, and tells `line` of each.
    ///
    /// # Errors
    /// Where an effect cannot be read or does not fit those before it.
    pub fn describe(
        &mut self,
        lsn: Lsn,
        effects: &[u8],
        mut line: impl FnMut(&str),
    ) -> Result<(), ReplayError> {
        let mut cursor = Cursor::new(effects);
        while let Some(tag) = cursor.rest().first().copied() {
            let malformed = || ReplayError { lsn, reason: format!("malformed effect with tag {tag:#04x}") };
            let before = cursor.rest();
            let text = if tag >= BROKER_TAG_MIN {
                describe_broker(&Effect::decode(&mut cursor).ok_or_else(malformed)?)
            } else {
                cursor.byte();
                self.engine.cache.shared.keyspace.replay(tag, &mut cursor).ok_or_else(malformed)?;
                describe_keyspace(tag, &before[1..before.len() - cursor.rest().len()])
            };
            line(&text);
        }
        drop(self.engine.take_garbage());
        Ok(())
    }
}

/// Nearly all effects on the keyspace begin with a database and a key.
fn describe_keyspace(tag: u8, fields: &[u8]) -> String {
    let name = ROWS.iter().find(|row| row.tag == tag).map_or("?", |row| row.name);
    let mut cursor = Cursor::new(fields);
    let place = cursor.byte().and_then(|database| Some((database, cursor.bytes()?)));
    match place {
        Some((database, key)) if !matches!(name, "Flush" | "Swap") => {
            format!("{name} db{database} {} ({} bytes more)", text(key), cursor.rest().len())
        }
        _ => format!("{name} {fields:?}"),
    }
}

fn describe_broker(effect: &Effect<'_>) -> String {
    match effect {
        Effect::ExchangeDeclared { vhost, name, exchange_type, .. } => {
            format!("ExchangeDeclared {} {} in {}", text(exchange_type), text(name), text(vhost))
        }
        Effect::ExchangeDeleted { vhost, name, .. } => {
            format!("ExchangeDeleted {} in {}", text(name), text(vhost))
        }
        Effect::QueueDeclared { id, vhost, name, .. } => {
            format!("QueueDeclared {id:?} {} in {}", text(name), text(vhost))
        }
        Effect::Bound { vhost, source, destination, key, .. } => {
            format!("Bound {} by {} to {destination:?} in {}", text(source), text(key), text(vhost))
        }
        Effect::Unbound { vhost, source, destination, key, .. } => {
            format!("Unbound {} by {} from {destination:?} in {}", text(source), text(key), text(vhost))
        }
        Effect::Published { exchange, routing_key, body, placements, .. } => {
            let (exchange, key) = (text(exchange), text(routing_key));
            format!("Published to {exchange} by {key}, body {body:?}, in {placements:?}")
        }
        other => format!("{other:?}"),
    }
}

fn text(bytes: &[u8]) -> String {
    let shown = bytes[..bytes.len().min(TEXT_SIZE_BYTES_MAX)].escape_ascii();
    if bytes.len() > TEXT_SIZE_BYTES_MAX { format!("\"{shown}\"...") } else { format!("\"{shown}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_cache::keyspace::effects::{Effect as _, key::SetDeadline, list::Push};

    fn lines(describer: &mut Describer, effects: &[u8]) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        let described = describer.describe(Lsn(7), effects, |line| lines.push(line.to_owned()));
        described.map(|()| lines).map_err(|error| error.to_string())
    }

    /// Database 0, key "list".
    const PLACE: &[u8] = b"\x00\x04list";

    #[test]
    fn effects_of_both_halves_are_named_with_their_main_fields() {
        let describer = &mut Describer::default();
        let mut effects = vec![Push::TAG];
        effects.extend_from_slice(PLACE);
        effects.extend_from_slice(b"\x01\x02\x01a\x01b");
        effects.extend_from_slice(&[SetDeadline::TAG]);
        effects.extend_from_slice(PLACE);
        effects.push(0);
        // An exchange of vhost "/", of the broker.
        effects.extend_from_slice(b"\x81\x01/\x05logs\n");
        assert_eq!(
            lines(describer, &effects).unwrap(),
            [
                "Push db0 \"list\" (6 bytes more)",
                "SetDeadline db0 \"list\" (1 bytes more)",
                "ExchangeDeleted \"logs\\n\" in \"/\"",
            ]
        );
        assert_eq!(lines(describer, &[0x7f, 1]).unwrap_err(), "record 7: malformed effect with tag 0x7f");
    }
}
