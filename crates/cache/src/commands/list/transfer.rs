//! LMOVE, RPOPLPUSH and their blocking forms.

use super::need_side;
use super::pop::{first_list, take};
use crate::blocking;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Handler, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::list::{Push, Side};
use crate::session::OnTimeout;
use warren_resp::Args;
use warren_units::UnixMillis;

const fn row(
    name: &'static str,
    arity: i32,
    flags: Flags,
    since: &'static str,
    summary: &'static str,
    syntax: &'static str,
    handler: Handler,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags: Flags::WRITE.or(Flags::DENYOOM).or(flags),
        keys: Keys::TWO,
        categories: "",
        group: Group::List,
        since,
        summary,
        complexity: "O(1)",
        syntax,
        carrier: Carrier::Cache(handler),
    }
}

pub static LMOVE: CommandSpec = row(
    "lmove",
    5,
    Flags::NONE,
    "6.2.0",
    "Moves an element from an end of one list to an end of another.",
    "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    |context, args| {
        let (from, to) = (need_side(args.get(3))?, need_side(args.get(4))?);
        transfer(context, args, from, to, None)
    },
);
pub static RPOPLPUSH: CommandSpec = row(
    "rpoplpush",
    3,
    Flags::NONE,
    "1.2.0",
    "Moves the last element of one list to the front of another.",
    "source destination",
    |context, args| transfer(context, args, Side::Right, Side::Left, None),
);
pub static BLMOVE: CommandSpec = row(
    "blmove",
    6,
    Flags::BLOCKING,
    "6.2.0",
    "Moves an element from an end of one list to an end of another; waits for one where there is none.",
    "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
    |context, args| {
        let (from, to) = (need_side(args.get(3))?, need_side(args.get(4))?);
        let deadline = blocking::deadline(args.get(5), context.now())?;
        transfer(context, args, from, to, Some(deadline))
    },
);
pub static BRPOPLPUSH: CommandSpec = row(
    "brpoplpush",
    4,
    Flags::BLOCKING,
    "2.2.0",
    "Moves the last element of one list to the front of another; waits for one where there is none.",
    "source destination timeout",
    |context, args| {
        let deadline = blocking::deadline(args.get(3), context.now())?;
        transfer(context, args, Side::Right, Side::Left, Some(deadline))
    },
);

/// `wait_until`: none for the commands that do not block; for those that do, when to stop waiting.
fn transfer(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    from: Side,
    to: Side,
    wait_until: Option<Option<UnixMillis>>,
) -> Result<(), CommandError> {
    let (source, destination) = (args.get(1), args.get(2));
    let Some(place) = first_list(context, &[source])? else {
        match wait_until {
            None => context.reply.null(),
            // Not the null array of the timeout, as in Redis.
            Some(_) if context.is_in_exec => context.reply.null(),
            Some(deadline) => context.block(args, &[source], deadline, OnTimeout::NullArray),
        }
        return Ok(());
    };
    let list = context.keyspace().list(place)?.expect("the list was just found");
    let index = if from == Side::Left { 0 } else { list.len() - 1 };
    let element = list.get(index).expect("a list is never empty").to_bytes();
    let target = context.write(destination);
    context.keyspace().list(target)?;
    context.need_growth_room(element.len())?;
    // Pushed first, taken then: a list of one element that is moved onto itself stays, with its deadline.
    let elements = [Value::Shared(&element)];
    context.apply(Push { place: target, side: to, elements: elements.as_slice().into() });
    let place = context.write(source);
    take(context, place, from, 1)?;
    context.reply.bulk_shared(&element);
    Ok(())
}
