//! Somebody else takes nearly all room on the disk, or gives it back.

use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    if world.disk.is_limited() {
        if world.random.chance(15) {
            world.trace.note("the disk has room again");
            world.disk.set_capacity(u64::MAX);
        }
    } else if world.settings.is_disk_small {
        let most = 2 * world.settings.segment_size_bytes;
        let left = if world.random.chance(50) { 0 } else { world.random.below(most) };
        world.trace.note(format!("the disk has room for {left} bytes"));
        world.disk.set_capacity(world.disk.used_bytes() + left);
        world.disk_is_faulty = true;
    }
    Ok(())
}
