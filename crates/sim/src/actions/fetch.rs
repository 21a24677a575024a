//! The thread that reads bodies back goes on.

use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    let body_count = world.random.below(6) as usize;
    world.fetch(body_count).map(drop)
}
