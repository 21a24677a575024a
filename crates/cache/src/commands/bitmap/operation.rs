//! BITOP: bitwise operations between strings.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::key::Delete;
use crate::keyspace::effects::string::SetRange;
use crate::parse::is_option;
use warren_resp::Args;

pub static BITOP: CommandSpec = CommandSpec {
    name: "bitop",
    arity: -4,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::Range { first: 2, last: -1, step: 1 },
    categories: "",
    group: Group::Bitmap,
    since: "2.6.0",
    summary: "Combines the bits of strings and stores the result; short strings count as followed by zeros.",
    complexity: "O(N) where N is the size of the longest string, for each string.",
    syntax: "AND | OR | XOR | NOT destkey key [key ...]",
    carrier: Carrier::Cache(bitop),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

fn bitop(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let operation = read_operation(args)?;
    let sources = args.from(3);
    let mut size = 0;
    for key in sources.iter() {
        let place = context.read(key);
        size = size.max(context.shared.keyspace.string(place)?.map_or(0, |string| string.len()));
    }
    let mut result = Vec::with_capacity(size);
    for (index, key) in sources.iter().enumerate() {
        let place = context.peek(context.session.database, key);
        let mut digits = itoa::Buffer::new();
        let string = context.shared.keyspace.string(place)?;
        let bytes = string.as_ref().map_or(&b""[..], |string| string.as_bytes(&mut digits));
        if index == 0 {
            result.extend_from_slice(bytes);
            result.resize(size, 0);
        } else {
            combine(operation, &mut result, bytes);
        }
    }
    if operation == Operation::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    context.need_growth_room(result.len())?;
    let place = context.write(args.get(2));
    if place.slot.is_some() {
        context.apply(Delete { place });
    }
    if !result.is_empty() {
        let place = context.write(args.get(2));
        // Written into an empty string, not set: the result is never kept as a number.
        context.apply(SetRange { place, offset: 0, part: Value::Slice(&result) });
    }
    context.reply.integer(size as i64);
    Ok(())
}

fn read_operation(args: Args<'_>) -> Result<Operation, CommandError> {
    let rows =
        [("AND", Operation::And), ("OR", Operation::Or), ("XOR", Operation::Xor), ("NOT", Operation::Not)];
    let row = rows.into_iter().find(|(name, _)| is_option(args.get(1), name));
    let (_, operation) = row.ok_or(CommandError::Syntax)?;
    if operation == Operation::Not && args.len() != 4 {
        return Err(CommandError::fixed("ERR BITOP NOT must be called with a single source key."));
    }
    Ok(operation)
}

/// Combines what is there with another string, which is at most as long.
fn combine(operation: Operation, result: &mut [u8], bytes: &[u8]) {
    let (both, beyond) = result.split_at_mut(bytes.len());
    let pairs = both.iter_mut().zip(bytes);
    match operation {
        Operation::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            beyond.fill(0);
        }
        Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
        // It has one source.
        Operation::Not => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn combinations_and_their_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("MSET a foobar b abcdef short ab", "+OK|"),
                ("BITOP AND and a b", ":6|"),
                ("BITOP and padded a short", ":6|"),
                ("BITOP OR or a short missing", ":6|"),
                ("BITOP XOR or2 a a or", ":6|"),
                ("BITOP NOT not a", ":6|"),
                ("BITOP NOT not not", ":6|"),
                ("BITOP NOT x a b", "-ERR BITOP NOT must be called with a single source key.|"),
                ("BITOP FOO x a", "-ERR syntax error|"),
                ("BITOP OR b missing", ":0|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(
            client,
            &[
                ("MGET and or or2 not b", "*5|$6|`bc`ab|$6|goobar|$6|goobar|$6|foobar|$-1|"),
                ("GET padded", "$6|`b\0\0\0\0|"),
            ],
        );
    }
}
