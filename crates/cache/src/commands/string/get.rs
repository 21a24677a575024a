//! GET, and what reads a string and changes its key: GETDEL, GETEX.

use super::deadline::DeadlineOption;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::key::{Delete, SetDeadline};
use crate::keyspace::string::StringRef;
use crate::parse::is_option;
use warren_resp::{Args, Reply};

pub static GET: CommandSpec = CommandSpec {
    name: "get",
    arity: 2,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string value of a key.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(get),
};

pub static GETDEL: CommandSpec = CommandSpec {
    name: "getdel",
    flags: Flags::WRITE.or(Flags::FAST),
    since: "6.2.0",
    summary: "Returns the string value of a key and deletes the key.",
    carrier: Carrier::Cache(getdel),
    ..GET
};

pub static GETEX: CommandSpec = CommandSpec {
    name: "getex",
    arity: -2,
    flags: Flags::WRITE.or(Flags::FAST),
    since: "6.2.0",
    summary: "Returns the string value of a key and sets or clears its expiration time.",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | \
             PERSIST]",
    carrier: Carrier::Cache(getex),
    ..GET
};

fn get(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let string = context.shared.keyspace.string(place)?;
    reply_string_or_null(&mut context.reply, string);
    Ok(())
}

fn getdel(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let string = context.shared.keyspace.string(place)?;
    reply_string_or_null(&mut context.reply, string);
    if place.slot.is_some() {
        context.apply(Delete { place });
    }
    Ok(())
}

fn getex(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let option = read_getex_option(args)?;
    let place = context.write(args.get(1));
    let string = context.shared.keyspace.string(place)?;
    reply_string_or_null(&mut context.reply, string);
    let Some(entry) = context.shared.keyspace.entry(place) else { return Ok(()) };
    match option {
        GetexOption::None => {}
        GetexOption::Persist if entry.expire_at().is_none() => {}
        GetexOption::Persist => context.apply(SetDeadline { place, deadline: None }),
        GetexOption::Deadline(option) => {
            let deadline = option.deadline(context.now(), "getex")?;
            if deadline <= context.now() {
                context.apply(Delete { place });
            } else {
                context.apply(SetDeadline { place, deadline: Some(deadline) });
            }
        }
    }
    Ok(())
}

enum GetexOption<'a> {
    None,
    Persist,
    Deadline(DeadlineOption<'a>),
}

fn read_getex_option(args: Args<'_>) -> Result<GetexOption<'_>, CommandError> {
    let mut option = GetexOption::None;
    let mut position = 2;
    while position < args.len() {
        let earlier = match option {
            GetexOption::Deadline(earlier) => Some(earlier),
            GetexOption::None | GetexOption::Persist => None,
        };
        if is_option(args.get(position), "PERSIST") && earlier.is_none() {
            option = GetexOption::Persist;
            position += 1;
        } else if let Some(deadline) = DeadlineOption::read(args, position, earlier)
            && !matches!(option, GetexOption::Persist)
        {
            option = GetexOption::Deadline(deadline);
            position += 2;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(option)
}

/// Replies a string value as a bulk string, by reference where it is shared; null where there is none.
#[inline]
pub fn reply_string_or_null(reply: &mut Reply<'_>, string: Option<StringRef<'_>>) {
    match string {
        None => reply.null(),
        Some(StringRef::Plain(slice)) => reply.bulk(slice),
        Some(StringRef::Integer(value)) => reply.bulk_integer(value),
        Some(StringRef::Shared(bytes)) => reply.bulk_shared(bytes),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn getex_and_getdel_change_the_key_and_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SET a 1", "+OK|"),
                ("GETEX a EX 10", "$1|1|"),
                ("GETEX a EX 10 PERSIST", "-ERR syntax error|"),
                ("GETEX a PERSIST PX 10", "-ERR syntax error|"),
                ("GETEX a EX 0", "-ERR invalid expire time in 'getex' command|"),
                ("GETEX missing EX 0", "$-1|"),
                ("SET b 2 EX 1", "+OK|"),
                ("GETEX b PERSIST", "$1|2|"),
                ("SET c 3", "+OK|"),
                ("GETEX c PXAT 1", "$1|3|"),
                ("GET c", "$-1|"),
                ("SET d 4", "+OK|"),
                ("GETDEL d", "$1|4|"),
                ("GETDEL d", "$-1|"),
            ],
        );
        let mut replayed = world.replayed();
        replayed.now = replayed.now.saturating_add(10_000);
        let client = replayed.connect();
        replayed.transcript(client, &[("MGET a b c d", "*4|$-1|$1|2|$-1|$-1|")]);
    }
}
