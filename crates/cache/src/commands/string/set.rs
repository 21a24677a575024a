//! SET with all its options, and the older commands that are SET with one of them.

use super::deadline::{DeadlineOption, DeadlineUnit};
use super::get::reply_string_or_null;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::key::Delete;
use crate::keyspace::effects::string::{Deadline, SetString};
use crate::parse::is_option;
use warren_resp::Args;

pub static SET: CommandSpec = CommandSpec {
    name: "set",
    arity: -3,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::FIRST,
    categories: "",
    group: Group::String,
    since: "1.0.0",
    summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
    complexity: "O(1)",
    syntax: "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL]",
    carrier: Carrier::Cache(set),
};

pub static SETNX: CommandSpec = CommandSpec {
    name: "setnx",
    arity: 3,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    summary: "Sets the string value of a key that does not exist yet.",
    syntax: "key value",
    carrier: Carrier::Cache(setnx),
    ..SET
};

pub static SETEX: CommandSpec = CommandSpec {
    name: "setex",
    arity: 4,
    since: "2.0.0",
    summary: "Sets the string value of a key with an expiration time in seconds.",
    syntax: "key seconds value",
    carrier: Carrier::Cache(setex),
    ..SET
};

pub static PSETEX: CommandSpec = CommandSpec {
    name: "psetex",
    arity: 4,
    since: "2.6.0",
    summary: "Sets the string value of a key with an expiration time in milliseconds.",
    syntax: "key milliseconds value",
    carrier: Carrier::Cache(psetex),
    ..SET
};

pub static GETSET: CommandSpec = CommandSpec {
    name: "getset",
    arity: 3,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    summary: "Sets the string value of a key and returns the one before.",
    syntax: "key value",
    carrier: Carrier::Cache(getset),
    ..SET
};

#[derive(Default)]
struct Options<'a> {
    only_if_absent: bool,
    only_if_present: bool,
    get: bool,
    keep_deadline: bool,
    deadline: Option<DeadlineOption<'a>>,
}

fn set(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let options = if args.len() == 3 { Options::default() } else { read_options(args)? };
    let deadline = match options.deadline {
        Some(option) => Some(option.deadline(context.now(), "set")?),
        None => None,
    };
    let place = context.write(args.get(1));
    if options.get {
        let string = context.shared.keyspace.string(place)?;
        reply_string_or_null(&mut context.reply, string);
    }
    let is_present = place.slot.is_some();
    if (options.only_if_absent && is_present) || (options.only_if_present && !is_present) {
        if !options.get {
            context.reply.null();
        }
        return Ok(());
    }
    if deadline.is_some_and(|deadline| deadline <= context.now()) {
        if is_present {
            context.apply(Delete { place });
        }
    } else {
        let deadline = if options.keep_deadline { Deadline::Keep } else { Deadline::Set(deadline) };
        context.apply(SetString { place, value: Value::of(args, 2), deadline });
    }
    if !options.get {
        context.reply.ok();
    }
    Ok(())
}

fn read_options(args: Args<'_>) -> Result<Options<'_>, CommandError> {
    let mut options = Options::default();
    let mut position = 3;
    while position < args.len() {
        let option = args.get(position);
        if is_option(option, "NX") && !options.only_if_present {
            options.only_if_absent = true;
        } else if is_option(option, "XX") && !options.only_if_absent {
            options.only_if_present = true;
        } else if is_option(option, "GET") {
            options.get = true;
        } else if is_option(option, "KEEPTTL") && options.deadline.is_none() {
            options.keep_deadline = true;
        } else if let Some(deadline) = DeadlineOption::read(args, position, options.deadline)
            && !options.keep_deadline
        {
            options.deadline = Some(deadline);
            position += 1;
        } else {
            return Err(CommandError::Syntax);
        }
        position += 1;
    }
    Ok(options)
}

fn setnx(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let is_absent = place.slot.is_none();
    if is_absent {
        context.apply(SetString { place, value: Value::of(args, 2), deadline: Deadline::Set(None) });
    }
    context.reply.integer(i64::from(is_absent));
    Ok(())
}

fn setex(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    set_with_time(context, args, DeadlineUnit::SECONDS, "setex")
}

fn psetex(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    set_with_time(context, args, DeadlineUnit::MILLISECONDS, "psetex")
}

fn set_with_time(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    unit: DeadlineUnit,
    command: &str,
) -> Result<(), CommandError> {
    let deadline = Deadline::Set(Some(unit.deadline(args.get(2), context.now(), command)?));
    let place = context.write(args.get(1));
    context.apply(SetString { place, value: Value::of(args, 3), deadline });
    context.reply.ok();
    Ok(())
}

fn getset(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let string = context.shared.keyspace.string(place)?;
    reply_string_or_null(&mut context.reply, string);
    context.apply(SetString { place, value: Value::of(args, 2), deadline: Deadline::Set(None) });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn a_syntax_error_goes_before_a_bad_time() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SET a 1 EX x BOGUS", "-ERR syntax error|"),
                ("SET a 1 EX 10 EX 20", "+OK|"),
                ("SET a 1 EX 10 PX 20", "-ERR syntax error|"),
                ("SET a 1 KEEPTTL EX 10", "-ERR syntax error|"),
                ("SETNX a 2", ":0|"),
                ("SETNX b 2", ":1|"),
                ("SETEX b 0 2", "-ERR invalid expire time in 'setex' command|"),
                ("PSETEX b 5 3", "+OK|"),
                ("GETSET b 4", "$1|3|"),
                ("GETSET c 5", "$-1|"),
            ],
        );
        let mut replayed = world.replayed();
        replayed.now = replayed.now.saturating_add(10_000);
        let client = replayed.connect();
        replayed.transcript(client, &[("MGET a b c", "*3|$1|1|$1|4|$1|5|")]);
    }
}
