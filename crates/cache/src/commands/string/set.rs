//! SET with all its options.

use super::get::reply_string;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::key::Delete;
use crate::keyspace::effects::string::{Deadline, SetString};
use crate::parse::{is_option, need_integer};
use warren_resp::Args;
use warren_units::UnixMillis;

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

#[derive(Default)]
struct Options {
    only_if_absent: bool,
    only_if_present: bool,
    get: bool,
    keep_deadline: bool,
    deadline: Option<UnixMillis>,
}

fn set(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let options = if args.len() == 3 { Options::default() } else { read_options(args, context.now())? };
    let place = context.write(args.get(1));
    if options.get {
        match context.shared.keyspace.string(place)? {
            None => context.reply.null(),
            Some(string) => reply_string(&mut context.reply, string),
        }
    }
    let is_present = place.slot.is_some();
    if (options.only_if_absent && is_present) || (options.only_if_present && !is_present) {
        if !options.get {
            context.reply.null();
        }
        return Ok(());
    }
    if options.deadline.is_some_and(|deadline| deadline <= context.now()) {
        context.apply(Delete { place });
    } else {
        let deadline = if options.keep_deadline { Deadline::Keep } else { Deadline::Set(options.deadline) };
        context.apply(SetString { place, value: Value::of(args, 2), deadline });
    }
    if !options.get {
        context.reply.ok();
    }
    Ok(())
}

fn read_options(args: Args<'_>, now: UnixMillis) -> Result<Options, CommandError> {
    let mut options = Options::default();
    let mut position = 3;
    while position < args.len() {
        let option = args.get(position);
        let has_deadline = options.keep_deadline || options.deadline.is_some();
        if is_option(option, "NX") && !options.only_if_present {
            options.only_if_absent = true;
        } else if is_option(option, "XX") && !options.only_if_absent {
            options.only_if_present = true;
        } else if is_option(option, "GET") {
            options.get = true;
        } else if is_option(option, "KEEPTTL") && options.deadline.is_none() {
            options.keep_deadline = true;
        } else if let Some(unit) = DeadlineUnit::of(option)
            && !has_deadline
            && position + 1 < args.len()
        {
            position += 1;
            options.deadline = Some(unit.deadline(args.get(position), now, "set")?);
        } else {
            return Err(CommandError::Syntax);
        }
        position += 1;
    }
    Ok(options)
}

/// EX, PX, EXAT and PXAT, of SET, GETEX and their like.
#[derive(Clone, Copy)]
pub struct DeadlineUnit {
    milliseconds: i64,
    is_absolute: bool,
}

impl DeadlineUnit {
    pub fn of(option: &[u8]) -> Option<DeadlineUnit> {
        let rows = [("EX", 1000, false), ("PX", 1, false), ("EXAT", 1000, true), ("PXAT", 1, true)];
        let (_, milliseconds, is_absolute) = rows.into_iter().find(|(name, _, _)| is_option(option, name))?;
        Some(DeadlineUnit { milliseconds, is_absolute })
    }

    /// # Errors
    /// No integer; not positive or out of range (`ERR invalid expire time in 'set' command`).
    pub fn deadline(self, text: &[u8], now: UnixMillis, command: &str) -> Result<UnixMillis, CommandError> {
        let invalid = || CommandError::from(format!("ERR invalid expire time in '{command}' command"));
        let value = need_integer(text)?;
        if value <= 0 {
            return Err(invalid());
        }
        let value = value.checked_mul(self.milliseconds).ok_or_else(invalid)?;
        let base = if self.is_absolute { 0 } else { now.0 as i64 };
        Ok(UnixMillis(value.checked_add(base).ok_or_else(invalid)? as u64))
    }
}
