//! The syncing thread wakes: somebody waits for a sync, or a second is over. Loops may write meanwhile.

use crate::checker::acknowledged::End;
use crate::checker::failure::Checked;
use crate::world::World;
use warren_engine::cache::settings::AppendFsync;

const SYNC_INTERVAL_MILLISECONDS: u64 = 1000;

pub fn run(world: &mut World) -> Checked {
    let (clock, each_second) = (world.clock, world.settings.append_fsync != AppendFsync::No);
    let server = world.server();
    let is_wanted = server.sync_wanted > server.log.progress().synced;
    let is_due = each_second && clock.saturating_sub(server.synced_at) >= SYNC_INTERVAL_MILLISECONDS;
    if is_wanted || is_due {
        let mut writing = world.server().writing_loops();
        writing.retain(|_| world.random.chance(50));
        world.sync(writing);
    }
    if let Err(error) = world.server().log.prepare() {
        world.end(End::PowerCut, error.to_string());
    }
    Ok(())
}
