//! CLIENT PAUSE and UNPAUSE: commands of all clients are held back until a deadline.

use crate::command::{CommandError, Flags};
use crate::context::{Context, Shared};
use crate::lookup::Row;
use crate::parse::{self, is_option};
use crate::session::{OnTimeout, Session};
use warren_resp::Args;
use warren_units::{PeerId, UnixMillis};

/// Until when which commands are held back.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    until: UnixMillis,
    only_writes: bool,
}

pub fn pause(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let only_writes = match args.len() {
        3 => false,
        4 if is_option(args.get(3), "WRITE") => true,
        4 if is_option(args.get(3), "ALL") => false,
        4 => return Err(CommandError::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(CommandError::Syntax),
    };
    let milliseconds = parse::integer(args.get(2))
        .ok_or(CommandError::fixed("ERR timeout is not an integer or out of range"))?;
    let milliseconds =
        u64::try_from(milliseconds).map_err(|_| CommandError::fixed("ERR timeout is negative"))?;
    let mut wanted = Pause { until: context.now().saturating_add(milliseconds), only_writes };
    // A pause that is stricter or longer than the new one goes on.
    if let Some(present) = context.shared.pause.filter(|present| present.until > context.step.now) {
        wanted.until = wanted.until.max(present.until);
        wanted.only_writes &= present.only_writes;
    }
    context.shared.pause = Some(wanted);
    context.reply.ok();
    Ok(())
}

pub fn unpause(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.shared.pause = None;
    let is_held_back = |session: &&Session| {
        session.blocked.as_ref().is_some_and(|blocked| blocked.on_timeout == OnTimeout::Run)
    };
    let held_back: Vec<PeerId> =
        context.shared.sessions.iter().filter(is_held_back).map(|session| session.peer).collect();
    for peer in held_back {
        crate::blocking::time_out(context.shared, peer, |_, _| {});
        context.shared.released.push_back(peer);
    }
    context.reply.ok();
    Ok(())
}

impl Shared {
    /// When the pause ends, or has ended.
    pub fn pause_end(&self) -> Option<UnixMillis> {
        self.pause.map(|pause| pause.until)
    }

    /// The end of the pause, where this command is held back by one.
    pub fn paused_until(&mut self, row: Row, session: &Session, now: UnixMillis) -> Option<UnixMillis> {
        let pause = self.pause?;
        if pause.until <= now {
            self.pause = None;
            return None;
        }
        let is_unpause = row.spec.name == "unpause" && row.container.is_some();
        let is_exec = row.spec.name == "exec" && row.container.is_none();
        let queues_write = || {
            let queued = session.transaction.iter().flat_map(|transaction| &transaction.queued);
            queued.filter_map(|request| self.lookup.find(request.args().get(0))).any(may_write)
        };
        let is_held_back = !pause.only_writes || may_write(row) || (is_exec && queues_write());
        (is_held_back && !is_unpause).then_some(pause.until)
    }
}

fn may_write(row: Row) -> bool {
    row.spec.flags.has(Flags::WRITE) || matches!(row.spec.name, "publish" | "spublish")
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn writes_wait_for_the_end_of_the_pause() {
        let mut world = World::default();
        let (client, other) = (world.connect(), world.connect());
        world.transcript(client, &[("CLIENT PAUSE 100 WRITE", "+OK|"), ("GET a", "$-1|"), ("SET a 1", "")]);
        world.transcript(other, &[("GET a", "$-1|")]);
        assert_eq!(world.run(client, "GET a"), "", "what follows waits too");
        world.now = world.now.saturating_add(100);
        world.tick();
        assert_eq!(world.received(client), "+OK|$1|1|");
    }

    #[test]
    fn unpause_ends_it_early() {
        let mut world = World::default();
        let (client, other) = (world.connect(), world.connect());
        world.transcript(client, &[("CLIENT PAUSE 100000", "+OK|"), ("GET a", "")]);
        world.transcript(other, &[("CLIENT UNPAUSE", "+OK|")]);
        assert_eq!(world.received(client), "$-1|");
        assert_eq!(world.run(client, "PING"), "+PONG|");
    }
}
