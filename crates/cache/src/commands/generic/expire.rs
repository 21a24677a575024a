//! Deadlines of keys: EXPIRE in its four forms, PERSIST.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys, quoted};
use crate::context::Context;
use crate::keyspace::effects::key::{Delete, SetDeadline};
use crate::parse::{is_option, need_integer};
use warren_resp::Args;
use warren_units::UnixMillis;

pub static EXPIRE: CommandSpec = CommandSpec {
    name: "expire",
    arity: -3,
    flags: Flags::WRITE.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Sets the expiration time of a key in seconds from now.",
    complexity: "O(1)",
    syntax: "key seconds [NX | XX | GT | LT]",
    carrier: Carrier::Cache(expire),
};

pub static PEXPIRE: CommandSpec = CommandSpec {
    name: "pexpire",
    since: "2.6.0",
    summary: "Sets the expiration time of a key in milliseconds from now.",
    syntax: "key milliseconds [NX | XX | GT | LT]",
    carrier: Carrier::Cache(pexpire),
    ..EXPIRE
};

pub static EXPIREAT: CommandSpec = CommandSpec {
    name: "expireat",
    since: "1.2.0",
    summary: "Sets the expiration time of a key to a Unix time in seconds.",
    syntax: "key unix-time-seconds [NX | XX | GT | LT]",
    carrier: Carrier::Cache(expireat),
    ..EXPIRE
};

pub static PEXPIREAT: CommandSpec = CommandSpec {
    name: "pexpireat",
    since: "2.6.0",
    summary: "Sets the expiration time of a key to a Unix time in milliseconds.",
    syntax: "key unix-time-milliseconds [NX | XX | GT | LT]",
    carrier: Carrier::Cache(pexpireat),
    ..EXPIRE
};

pub static PERSIST: CommandSpec = CommandSpec {
    name: "persist",
    arity: 2,
    since: "2.2.0",
    summary: "Removes the expiration time of a key.",
    syntax: "key",
    carrier: Carrier::Cache(persist),
    ..EXPIRE
};

fn expire(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    set_deadline(context, args, 1000, context.now(), "expire")
}

fn pexpire(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    set_deadline(context, args, 1, context.now(), "pexpire")
}

fn expireat(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    set_deadline(context, args, 1000, UnixMillis(0), "expireat")
}

fn pexpireat(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    set_deadline(context, args, 1, UnixMillis(0), "pexpireat")
}

/// The time is in units of `milliseconds` after `base`; one that has passed deletes the key.
fn set_deadline(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    milliseconds: i64,
    base: UnixMillis,
    command: &str,
) -> Result<(), CommandError> {
    let condition = Condition::read(args.from(3))?;
    let deadline = need_integer(args.get(2))?
        .checked_mul(milliseconds)
        .and_then(|deadline| deadline.checked_add(base.0 as i64))
        .ok_or_else(|| CommandError::from(format!("ERR invalid expire time in '{command}' command")))?;
    // A time before 1970 has passed like any other.
    let deadline = UnixMillis(deadline.max(0) as u64);
    let place = context.write(args.get(1));
    let Some(entry) = context.shared.keyspace.entry(place) else {
        context.reply.integer(0);
        return Ok(());
    };
    if !condition.allows(entry.expire_at(), deadline) {
        context.reply.integer(0);
        return Ok(());
    }
    if deadline <= context.now() {
        context.apply(Delete { place });
    } else {
        context.apply(SetDeadline { place, deadline: Some(deadline) });
    }
    context.reply.integer(1);
    Ok(())
}

/// NX, XX, GT, LT.
#[derive(Default)]
struct Condition {
    only_if_none: bool,
    only_if_some: bool,
    only_later: bool,
    only_earlier: bool,
}

impl Condition {
    fn read(options: Args<'_>) -> Result<Condition, CommandError> {
        let mut condition = Condition::default();
        for option in options.iter() {
            if is_option(option, "NX") {
                condition.only_if_none = true;
            } else if is_option(option, "XX") {
                condition.only_if_some = true;
            } else if is_option(option, "GT") {
                condition.only_later = true;
            } else if is_option(option, "LT") {
                condition.only_earlier = true;
            } else {
                let option = quoted(option);
                return Err(CommandError::from(format!("ERR Unsupported option {option}")));
            }
        }
        let others = condition.only_if_some || condition.only_later || condition.only_earlier;
        if condition.only_if_none && others {
            return Err(CommandError::fixed(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if condition.only_later && condition.only_earlier {
            return Err(CommandError::fixed("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// No deadline counts as one in the infinite future.
    fn allows(&self, old: Option<UnixMillis>, new: UnixMillis) -> bool {
        !(self.only_if_none && old.is_some()
            || self.only_if_some && old.is_none()
            || self.only_later && old.is_none_or(|old| new <= old)
            || self.only_earlier && old.is_some_and(|old| new >= old))
    }
}

fn persist(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let has_deadline = context.shared.keyspace.entry(place).is_some_and(|entry| entry.expire_at().is_some());
    if has_deadline {
        context.apply(SetDeadline { place, deadline: None });
    }
    context.reply.integer(i64::from(has_deadline));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn deadlines_conditions_and_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("MSET a 1 b 2 c 3 d 4", "+OK|"),
                ("EXPIRE a 100 XX", ":0|"),
                ("EXPIRE a 100 GT", ":0|"),
                ("EXPIRE a 100 LT", ":1|"),
                ("EXPIRE a 50 GT", ":0|"),
                ("PEXPIRE a 200000 XX GT", ":1|"),
                ("EXPIRE a 1 NX", ":0|"),
                ("EXPIRE a 1 NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible|"),
                ("EXPIRE a 1 GT LT", "-ERR GT and LT options at the same time are not compatible|"),
                ("EXPIRE a x BOGUS", "-ERR Unsupported option BOGUS|"),
                ("EXPIRE missing 9223372036854775807", "-ERR invalid expire time in 'expire' command|"),
                ("EXPIRE b -1", ":1|"),
                ("EXPIREAT c 1", ":1|"),
                ("PEXPIREAT d 9999999999123", ":1|"),
                ("PEXPIRETIME d", ":9999999999123|"),
                ("PERSIST d", ":1|"),
                ("PERSIST d", ":0|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(
            client,
            &[
                ("TTL a", ":200|"),
                ("PTTL a", ":200000|"),
                ("EXPIRETIME a", ":1700000200|"),
                ("TTL d", ":-1|"),
                ("TTL b", ":-2|"),
                ("EXISTS a b c d", ":2|"),
            ],
        );
    }
}
