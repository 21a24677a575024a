//! A checkpoint or a backup is begun, or the one in the making goes on by one step.

use crate::checker::failure::Checked;
use crate::world::World;
use std::io::ErrorKind;

pub fn run(world: &mut World) -> Checked {
    let server = world.server();
    let (is_making, is_due) = (server.checkpointing.is_some(), server.log.is_checkpoint_due());
    if !is_making {
        let percent = if is_due { 30 } else { 3 };
        if world.random.chance(percent) {
            let is_backup = world.random.chance(10);
            return world.begin_checkpoint(is_backup);
        }
        return Ok(());
    }
    let fault = match world.random.below(400) {
        0 => Some(ErrorKind::Other),
        1 => Some(ErrorKind::StorageFull),
        _ => None,
    };
    let entry_count = match world.random.below(4) {
        0 => 256,
        _ => 1 + world.random.below(8) as usize,
    };
    world.step_checkpoint(fault, entry_count)
}
