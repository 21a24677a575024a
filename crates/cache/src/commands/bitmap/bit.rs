//! Single bits: SETBIT, GETBIT.

use super::{is_raw, need_bit_offset};
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::string::SetRange;
use warren_resp::Args;

pub static SETBIT: CommandSpec = CommandSpec {
    name: "setbit",
    arity: 4,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Bitmap,
    since: "2.2.0",
    summary: "Sets or clears a bit of a string value, which grows as needed, and returns the bit before.",
    complexity: "O(1)",
    syntax: "key offset value",
    carrier: Carrier::Cache(setbit),
};

pub static GETBIT: CommandSpec = CommandSpec {
    name: "getbit",
    arity: 3,
    flags: Flags::READONLY.or(Flags::FAST),
    summary: "Returns a bit of a string value; past its end all are 0.",
    syntax: "key offset",
    carrier: Carrier::Cache(getbit),
    ..SETBIT
};

fn setbit(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let offset = need_bit_offset(args.get(2), 1)?;
    let bit = match args.get(3) {
        b"0" => 0,
        b"1" => 1,
        _ => return Err(CommandError::fixed("ERR bit is not an integer or out of range")),
    };
    let place = context.write(args.get(1));
    let present = byte_at(context, place, offset / 8)?;
    let byte = present.unwrap_or(0);
    let shift = 7 - offset % 8;
    let changed = byte & !(1 << shift) | bit << shift;
    // A bit that stays as it is changes nothing for WATCH either; one past the end makes the string longer.
    if present != Some(changed) || !is_raw(context, place) {
        context.apply(SetRange { place, offset: offset / 8, part: Value::Slice(&[changed]) });
    }
    context.reply.integer(i64::from(byte >> shift & 1));
    Ok(())
}

fn getbit(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let offset = need_bit_offset(args.get(2), 1)?;
    let place = context.read(args.get(1));
    let byte = byte_at(context, place, offset / 8)?.unwrap_or(0);
    context.reply.integer(i64::from(byte >> (7 - offset % 8) & 1));
    Ok(())
}

/// A byte of the string at a place; `None` past its end.
fn byte_at(context: &Context<'_, '_>, place: Place<'_>, index: usize) -> Result<Option<u8>, CommandError> {
    let string = context.keyspace().string(place)?;
    Ok(string.and_then(|string| string.as_bytes(&mut itoa::Buffer::new()).get(index).copied()))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn a_bit_that_stays_is_no_change_to_those_who_watch() {
        let mut world = World::default();
        let client = world.connect();
        for (call, exec) in [
            ("SETBIT b 1 0", "*-1|"),
            ("SETBIT b 1 0", "*1|+PONG|"),
            ("SETBIT b 1 1", "*-1|"),
            ("SETBIT b 8 0", "*-1|"),
            ("BITFIELD b SET u8 0 64", "*1|+PONG|"),
            ("BITFIELD b GET u8 0 OVERFLOW FAIL INCRBY u8 0 255", "*1|+PONG|"),
            ("BITFIELD b SET u8 0 65", "*-1|"),
            ("BITFIELD b SET u8 16 0", "*-1|"),
        ] {
            world.run(client, "WATCH b");
            world.run(client, call);
            world.run(client, "MULTI");
            world.run(client, "PING");
            assert_eq!(world.run(client, "EXEC"), exec, "{call}");
        }
    }

    #[test]
    fn bits_change_and_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SETBIT b 1 1", ":0|"),
                ("SETBIT b 15 1", ":0|"),
                ("SETBIT b 15 0", ":1|"),
                ("SETBIT b 7 1", ":0|"),
                ("SETBIT b 8 2", "-ERR bit is not an integer or out of range|"),
                ("SETBIT b 4294967296 1", "-ERR bit offset is not an integer or out of range|"),
                ("GETBIT b 4294967295", ":0|"),
                ("GETBIT b 1", ":1|"),
                ("SET n 1", "+OK|"),
                ("SETBIT n 6 1", ":0|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("GET b", "$2|A\0|"), ("GET n", "$1|3|")]);
    }
}
