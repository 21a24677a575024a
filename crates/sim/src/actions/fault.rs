//! The disk begins to fail: a write or a sync to come answers EIO.

use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    let soon = world.random.below(20);
    match world.random.below(12) {
        0 => world.disk.fail_writes(soon),
        1 => world.disk.fail_syncs(soon),
        _ => return Ok(()),
    }
    world.disk_is_faulty = true;
    world.trace.note("the disk is going to fail");
    Ok(())
}
