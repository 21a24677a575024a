//! BITFIELD and BITFIELD_RO: strings as arrays of integers of any width.

use super::integer::{Format, Overflow, Window};
use super::{is_raw, need_bit_offset};
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::string::SetRange;
use crate::parse::{is_option, need_integer};
use smallvec::SmallVec;
use warren_resp::Args;

pub static BITFIELD: CommandSpec = CommandSpec {
    name: "bitfield",
    arity: -2,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Bitmap,
    since: "3.2.0",
    summary: "Reads and changes integers of any width inside a string value.",
    complexity: "O(1) for each subcommand",
    syntax: "key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] SET encoding offset value | \
             INCRBY encoding offset increment ...]",
    carrier: Carrier::Cache(bitfield),
};

pub static BITFIELD_RO: CommandSpec = CommandSpec {
    name: "bitfield_ro",
    flags: Flags::READONLY.or(Flags::FAST),
    since: "6.0.0",
    summary: "Reads integers of any width inside a string value.",
    syntax: "key [GET encoding offset [GET encoding offset ...]]",
    carrier: Carrier::Cache(bitfield_ro),
    ..BITFIELD
};

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

struct Operation {
    action: Action,
    format: Format,
    /// In bits.
    offset: usize,
}

impl Operation {
    fn is_write(&self) -> bool {
        !matches!(self.action, Action::Get)
    }
}

type Operations = SmallVec<[Operation; 4]>;

fn bitfield(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let operations = read_operations(args)?;
    let last_bit =
        operations.iter().filter(|it| it.is_write()).map(|it| it.offset + it.format.bits - 1).max();
    let Some(last_bit) = last_bit else { return read_all(context, args.get(1), &operations) };
    let place = context.write(args.get(1));
    context.need_string_or_none(place)?;
    grow(context, place, last_bit / 8 + 1)?;
    context.reply.array(operations.len());
    for operation in &operations {
        // An effect before this one may have moved the key.
        let place = context.write(args.get(1));
        match carry_out(context, place, operation)? {
            Some(value) => context.reply.integer(value),
            None => context.reply.null(),
        }
    }
    Ok(())
}

fn bitfield_ro(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let operations = read_operations(args)?;
    if operations.iter().any(Operation::is_write) {
        return Err(CommandError::fixed("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read_all(context, args.get(1), &operations)
}

fn read_all(context: &mut Context<'_, '_>, key: &[u8], operations: &[Operation]) -> Result<(), CommandError> {
    let place = context.read(key);
    let string = context.shared.keyspace.string(place)?;
    let mut digits = itoa::Buffer::new();
    let bytes = string.as_ref().map_or(&b""[..], |string| string.as_bytes(&mut digits));
    context.reply.array(operations.len());
    for operation in operations {
        context.reply.integer(Window::of(bytes, operation.format, operation.offset).value());
    }
    Ok(())
}

/// Makes the string at least `size` bytes long, as Redis does before it looks whether anything will be
/// written.
fn grow(context: &mut Context<'_, '_>, place: Place<'_>, size: usize) -> Result<(), CommandError> {
    let length = context.shared.keyspace.string(place)?.map_or(0, |string| string.len());
    if length < size {
        context.apply(SetRange { place, offset: size - 1, part: Value::Slice(&[0]) });
    }
    Ok(())
}

/// Answers what the client gets: null where the result did not fit.
fn carry_out(
    context: &mut Context<'_, '_>,
    place: Place<'_>,
    operation: &Operation,
) -> Result<Option<i64>, CommandError> {
    let format = operation.format;
    let string = context.shared.keyspace.string(place)?;
    let mut digits = itoa::Buffer::new();
    let bytes = string.as_ref().map_or(&b""[..], |string| string.as_bytes(&mut digits));
    let mut window = Window::of(bytes, format, operation.offset);
    let old = window.value();
    let (new, answer) = match operation.action {
        Action::Get => return Ok(Some(old)),
        Action::Set(value, overflow) => (format.limited(format.wanted(value), overflow), Some(old)),
        Action::Increment(increment, overflow) => {
            let new = format.limited(i128::from(old) + i128::from(increment), overflow);
            (new, new)
        }
    };
    // As in Redis, a string that was to be written is no number any more, even if nothing fitted.
    if new.is_some_and(|new| new != old) || !is_raw(context, place) {
        window.set(new.unwrap_or(old));
        context.apply(SetRange { place, offset: window.offset, part: Value::Slice(window.bytes()) });
    }
    Ok(new.and(answer))
}

fn read_operations(args: Args<'_>) -> Result<Operations, CommandError> {
    let mut operations = Operations::new();
    let mut overflow = Overflow::Wrap;
    let mut position = 2;
    while position < args.len() {
        let name = args.get(position);
        let following = args.len() - position - 1;
        if is_option(name, "OVERFLOW") && following >= 1 {
            overflow = read_overflow(args.get(position + 1))?;
            position += 2;
            continue;
        }
        let is_get = is_option(name, "GET");
        let is_set = is_option(name, "SET");
        let operand_count = if is_get { 2 } else { 3 };
        if !(is_get || is_set || is_option(name, "INCRBY")) || following < operand_count {
            return Err(CommandError::Syntax);
        }
        let format = Format::need(args.get(position + 1))?;
        let offset = read_offset(args.get(position + 2), format)?;
        let action = if is_get {
            Action::Get
        } else {
            let value = need_integer(args.get(position + 3))?;
            if is_set { Action::Set(value, overflow) } else { Action::Increment(value, overflow) }
        };
        operations.push(Operation { action, format, offset });
        position += 1 + operand_count;
    }
    Ok(operations)
}

/// `#3` counts integers, `3` bits.
fn read_offset(text: &[u8], format: Format) -> Result<usize, CommandError> {
    match text {
        [b'#', number @ ..] => need_bit_offset(number, format.bits),
        number => need_bit_offset(number, 1),
    }
}

fn read_overflow(text: &[u8]) -> Result<Overflow, CommandError> {
    let rows = [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
    let row = rows.into_iter().find(|(name, _)| is_option(text, name));
    row.map(|(_, overflow)| overflow).ok_or(CommandError::fixed("ERR Invalid OVERFLOW type specified"))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn fields_change_and_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("BITFIELD f SET i8 0 100 GET i8 0", "*2|:0|:100|"),
                ("BITFIELD f INCRBY i8 0 28", "*1|:-128|"),
                ("BITFIELD f OVERFLOW SAT INCRBY u8 #1 250 INCRBY u8 8 10", "*2|:250|:255|"),
                ("BITFIELD f OVERFLOW FAIL INCRBY u8 8 1", "*1|$-1|"),
                ("BITFIELD f SET u8 #1 65 SET u8 0 66", "*2|:255|:128|"),
                ("BITFIELD f GET u64 0", "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.|"),
                ("BITFIELD f GET u8 #-1", "-ERR bit offset is not an integer or out of range|"),
                ("BITFIELD top OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0", "*2|:0|:127|"),
                ("BITFIELD top OVERFLOW SAT SET i8 0 -9223372036854775000 GET i8 0", "*2|:127|:-128|"),
                ("BITFIELD f OVERFLOW X", "-ERR Invalid OVERFLOW type specified|"),
                ("BITFIELD f SET u8 0", "-ERR syntax error|"),
                ("BITFIELD_RO f SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand|"),
                ("BITFIELD_RO missing GET i8 0", "*1|:0|"),
                ("BITFIELD grown OVERFLOW FAIL SET u4 16 16", "*1|$-1|"),
                ("SET number 8", "+OK|"),
                ("BITFIELD number OVERFLOW FAIL INCRBY u8 0 255", "*1|$-1|"),
                ("OBJECT ENCODING number", "$3|raw|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed
            .transcript(client, &[("GET f", "$2|BA|"), ("STRLEN grown", ":3|"), ("EXISTS missing", ":0|")]);
    }
}
