//! Sizes and parts of strings: STRLEN, APPEND, GETRANGE (once called SUBSTR), SETRANGE.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::string::{Append, SetRange};
use crate::keyspace::string::StringRef;
use crate::parse::need_integer;
use std::ops::Range;
use warren_resp::Args;
use warren_units::bounds::BULK_SIZE_BYTES_MAX;

pub static STRLEN: CommandSpec = CommandSpec {
    name: "strlen",
    arity: 2,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::String,
    since: "2.2.0",
    summary: "Returns the length of a string value.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(strlen),
};

pub static APPEND: CommandSpec = CommandSpec {
    name: "append",
    arity: 3,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    since: "2.0.0",
    summary: "Appends to the string value of a key. The key is created if it doesn't exist.",
    complexity: "O(1) amortised, for appended strings of bounded size.",
    syntax: "key value",
    carrier: Carrier::Cache(append),
    ..STRLEN
};

pub static GETRANGE: CommandSpec = CommandSpec {
    name: "getrange",
    arity: 4,
    flags: Flags::READONLY,
    since: "2.4.0",
    summary: "Returns a part of a string value.",
    complexity: "O(N) where N is the length of the part.",
    syntax: "key start end",
    carrier: Carrier::Cache(getrange),
    ..STRLEN
};

pub static SUBSTR: CommandSpec = CommandSpec {
    name: "substr",
    since: "1.0.0",
    summary: "Returns a part of a string value: the old name of GETRANGE.",
    ..GETRANGE
};

pub static SETRANGE: CommandSpec = CommandSpec {
    name: "setrange",
    arity: 4,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    summary: "Overwrites a part of a string value. The key is created if it doesn't exist.",
    complexity: "O(N) where N is the length of the written part.",
    syntax: "key offset value",
    carrier: Carrier::Cache(setrange),
    ..STRLEN
};

fn strlen(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let length = context.shared.keyspace.string(place)?.map_or(0, |string| string.len());
    context.reply.integer(length as i64);
    Ok(())
}

fn append(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let tail = Value::of(args, 2);
    let length = context.shared.keyspace.string(place)?.map_or(0, |string| string.len());
    need_string_size(length as u64, tail.len())?;
    let length = context.apply(Append { place, tail });
    context.reply.integer(length as i64);
    Ok(())
}

fn getrange(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (start, end) = (need_integer(args.get(2))?, need_integer(args.get(3))?);
    let place = context.read(args.get(1));
    let Some(string) = context.shared.keyspace.string(place)? else {
        context.reply.bulk(b"");
        return Ok(());
    };
    let range = part_range(start, end, string.len());
    match string {
        StringRef::Shared(bytes) => context.reply.bulk_shared(&bytes.slice(range)),
        _ => context.reply.bulk(&string.as_bytes(&mut itoa::Buffer::new())[range]),
    }
    Ok(())
}

/// The bytes from `start` to `end` inclusive, negative numbers counting from the end, of a string of
/// `length`. An end before the beginning means the first byte, as GETRANGE has always had it.
fn part_range(start: i64, end: i64, length: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let length = length as i64;
    let from_either_end = |index: i64| if index < 0 { index.saturating_add(length).max(0) } else { index };
    let start = from_either_end(start);
    let end = from_either_end(end).min(length - 1);
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

fn setrange(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let offset = need_integer(args.get(2))?;
    let offset = u64::try_from(offset).map_err(|_| CommandError::fixed("ERR offset is out of range"))?;
    let place = context.write(args.get(1));
    let part = Value::of(args, 3);
    let string = context.shared.keyspace.string(place)?;
    if part.is_empty() {
        let length = string.map_or(0, |string| string.len());
        context.reply.integer(length as i64);
        return Ok(());
    }
    let offset = need_string_size(offset, part.len())?;
    let length = context.apply(SetRange { place, offset, part });
    context.reply.integer(length as i64);
    Ok(())
}

/// Refuses a string of `size` and `added` bytes together that is longer than a client may build; answers
/// `size`.
fn need_string_size(size: u64, added: usize) -> Result<usize, CommandError> {
    if size.saturating_add(added as u64) > BULK_SIZE_BYTES_MAX as u64 {
        return Err(CommandError::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    Ok(size as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn changes_of_parts_and_their_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("APPEND a Hello", ":5|"),
                ("APPEND a World", ":10|"),
                ("SETRANGE a 5 _", ":10|"),
                ("SETRANGE a -1 x", "-ERR offset is out of range|"),
                ("SETRANGE a 536870912 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)|"),
                ("SET n 12", "+OK|"),
                ("APPEND n 3", ":3|"),
                ("SETRANGE missing 0 x", ":1|"),
                ("SUBSTR a 1 2", "$2|el|"),
                ("STRLEN a", ":10|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("GETRANGE a 0 -1", "$10|Hello_orld|"), ("INCR n", ":124|")]);
    }

    #[test]
    fn parts_of_a_string_of_five() {
        for (start, end, expected) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-100, 2, 0..3),
            (3, 1, 0..0),
            (5, 9, 0..0),
            (i64::MIN, i64::MAX, 0..5),
        ] {
            assert_eq!(part_range(start, end, 5), expected, "{start} {end}");
        }
        // An end before the beginning.
        assert_eq!(part_range(-100, -90, 5), 0..1);
        assert_eq!(part_range(0, -1, 0), 0..0);
    }

    #[test]
    fn no_string_grows_past_the_bound() {
        assert_eq!(need_string_size(BULK_SIZE_BYTES_MAX as u64 - 1, 1), Ok(BULK_SIZE_BYTES_MAX - 1));
        assert!(need_string_size(BULK_SIZE_BYTES_MAX as u64, 1).is_err());
        assert!(need_string_size(u64::MAX, 1).is_err());
    }
}
