//! A loop lets outputs go whose gates are open.

use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    let loop_index = world.random.below(world.settings.loop_count as u64) as usize;
    world.send(loop_index)
}
