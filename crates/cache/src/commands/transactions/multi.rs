//! MULTI, EXEC and DISCARD: all queued commands in one step, hence in one record.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::lookup::{Lookup, Row};
use crate::room;
use crate::session::Transaction;
use warren_resp::{Args, OwnedArgs};

pub static MULTI: CommandSpec = CommandSpec {
    name: "multi",
    arity: 1,
    flags: super::FLAGS.or(Flags::NOT_QUEUED),
    keys: Keys::None,
    categories: "",
    group: Group::Transactions,
    since: "1.2.0",
    summary: "Starts a transaction: the commands that follow are queued.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(multi),
};

pub static EXEC: CommandSpec = CommandSpec {
    name: "exec",
    flags: Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::NOT_QUEUED),
    summary: "Runs all commands of the transaction as one.",
    complexity: "Depends on the commands of the transaction.",
    carrier: Carrier::Cache(exec),
    ..MULTI
};

pub static DISCARD: CommandSpec = CommandSpec {
    name: "discard",
    since: "2.0.0",
    summary: "Drops the commands of the transaction.",
    complexity: "O(N) where N is the number of queued commands.",
    carrier: Carrier::Cache(discard),
    ..MULTI
};

fn multi(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    if context.session.transaction.is_some() {
        return Err(CommandError::fixed("ERR MULTI calls can not be nested"));
    }
    context.session.transaction = Some(Transaction::default());
    context.reply.ok();
    Ok(())
}

fn discard(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    if !drop_transaction(context) {
        return Err(CommandError::fixed("ERR DISCARD without MULTI"));
    }
    context.reply.ok();
    Ok(())
}

fn exec(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let is_outdated = is_outdated(context);
    let Some(transaction) = context.session.transaction.take() else {
        return Err(CommandError::fixed("ERR EXEC without MULTI"));
    };
    context.shared.keyspace.notices.unwatch(context.session.peer);
    if transaction.aborted {
        return Err(CommandError::fixed("EXECABORT Transaction discarded because of previous errors."));
    }
    if is_outdated {
        context.reply.null_array();
        return Ok(());
    }
    check_room(context, &transaction.queued)?;
    check_host_commands(context, &transaction.queued)?;
    context.reply.array(transaction.queued.len());
    context.is_in_exec = true;
    for request in &transaction.queued {
        context.run_queued(request.args());
    }
    Ok(())
}

/// Whether one of these commands may make the keyspace larger.
pub fn grows_keyspace(lookup: &Lookup, queued: &[OwnedArgs]) -> bool {
    queued.iter().any(|request| lookup.find(request.args().get(0)).is_some_and(Row::grows_keyspace))
}

/// All that the transaction adds must find room together.
fn check_room(context: &Context<'_, '_>, queued: &[OwnedArgs]) -> Result<(), CommandError> {
    let (mut size, mut flags) = (0, Flags::NONE);
    for request in queued {
        let args = request.args();
        let Ok(row) = context.resolve(args) else { continue };
        if row.spec.flags.has(Flags::WRITE) {
            flags = flags.or(row.spec.flags);
            size += match row.spec.carrier {
                Carrier::Host(number) => context.host.size_bytes_max(number, args),
                _ => room::effects_size(args),
            };
        }
    }
    if flags.has(Flags::WRITE) && context.is_log_full(flags, size) {
        return Err(aborted_because(&CommandError::LOG_IS_FULL));
    }
    Ok(())
}

/// What the bridge accepted when it was queued may have become impossible since: there is no undo, so all is
/// asked again before the first effect.
fn check_host_commands(context: &Context<'_, '_>, queued: &[OwnedArgs]) -> Result<(), CommandError> {
    for request in queued {
        if let Some(row) = context.shared.lookup.find(request.args().get(0))
            && let Carrier::Host(number) = row.spec.carrier
        {
            context.host.check(number, request.args()).map_err(|error| aborted_because(&error))?;
        }
    }
    Ok(())
}

/// Whether a watched key has changed since WATCH, or has expired and nobody has removed it yet.
fn is_outdated(context: &Context<'_, '_>) -> bool {
    let keyspace = &context.shared.keyspace;
    let peer = context.session.peer;
    keyspace.notices.is_outdated(peer)
        || keyspace
            .notices
            .watched_keys(peer)
            .iter()
            .any(|(database, key)| keyspace.is_expired(keyspace.find(*database, key), context.step.now))
}

/// A malformed EXEC ends the transaction too.
pub fn abort_exec(context: &mut Context<'_, '_>, error: &CommandError) -> CommandError {
    drop_transaction(context);
    aborted_because(error)
}

fn aborted_because(error: &CommandError) -> CommandError {
    let text = error.text();
    let text = text.strip_prefix("ERR ").unwrap_or(text);
    format!("EXECABORT Transaction discarded because of: {text}").into()
}

/// Ends the transaction and what is watched for it; false where there was none.
pub fn drop_transaction(context: &mut Context<'_, '_>) -> bool {
    let had_one = context.session.transaction.take().is_some();
    if had_one {
        context.shared.keyspace.notices.unwatch(context.session.peer);
    }
    had_one
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn a_transaction_is_one_record_and_replays() {
        let mut world = World::default();
        let client = world.connect();
        let before = world.batch.next_lsn();
        world.transcript(
            client,
            &[
                ("MULTI", "+OK|"),
                ("SET a 1", "+QUEUED|"),
                ("MULTI", "-ERR MULTI calls can not be nested|"),
                ("SET b 2", "+QUEUED|"),
                ("GET a", "+QUEUED|"),
                ("SELECT 99", "+QUEUED|"),
                ("EXEC", "*4|+OK|+OK|$1|1|-ERR DB index is out of range|"),
                ("EXEC", "-ERR EXEC without MULTI|"),
                ("DISCARD", "-ERR DISCARD without MULTI|"),
                ("MULTI", "+OK|"),
                ("EXEC", "*0|"),
            ],
        );
        assert_eq!(world.batch.next_lsn(), before.next());
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("GET a", "$1|1|"), ("GET b", "$1|2|")]);
    }

    #[test]
    fn an_error_while_queueing_aborts() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("MULTI", "+OK|"),
                ("SET a", "-ERR wrong number of arguments for 'set' command|"),
                ("SET a 1", "+QUEUED|"),
                ("EXEC", "-EXECABORT Transaction discarded because of previous errors.|"),
                ("GET a", "$-1|"),
                ("MULTI", "+OK|"),
                (
                    "EXEC x",
                    "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command|",
                ),
                ("EXEC", "-ERR EXEC without MULTI|"),
                ("MULTI", "+OK|"),
                ("SET a 1", "+QUEUED|"),
                ("DISCARD", "+OK|"),
                ("GET a", "$-1|"),
            ],
        );
    }
}
