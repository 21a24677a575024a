//! WAIT: there are no replicas yet, so that it waits in vain.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::parse::{integer, need_integer};
use crate::session::OnTimeout;
use warren_resp::Args;

pub static WAIT: CommandSpec = CommandSpec {
    name: "wait",
    arity: 3,
    flags: Flags::BLOCKING,
    keys: Keys::None,
    categories: "",
    group: Group::Generic,
    since: "3.0.0",
    summary: "Waits until so many replicas have the client's earlier writes.",
    complexity: "O(1)",
    syntax: "numreplicas timeout",
    carrier: Carrier::Cache(wait),
};

fn wait(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let replica_count = need_integer(args.get(1))?;
    let timeout =
        integer(args.get(2)).ok_or(CommandError::fixed("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| CommandError::fixed("ERR timeout is negative"))?;
    if replica_count <= 0 {
        context.reply.integer(0);
        return Ok(());
    }
    let deadline = (timeout > 0).then(|| context.now().saturating_add(timeout));
    context.block(args, &[], deadline, OnTimeout::Zero);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn it_answers_no_replicas_when_the_time_is_up() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("WAIT 0 0", ":0|"),
                ("WAIT 1 -1", "-ERR timeout is negative|"),
                ("WAIT 1 x", "-ERR timeout is not an integer or out of range|"),
                ("WAIT 1 100", ""),
            ],
        );
        world.now = world.now.saturating_add(99);
        world.tick();
        assert_eq!(world.received(client), "");
        world.now = world.now.saturating_add(1);
        world.tick();
        assert_eq!(world.received(client), ":0|");
    }
}
