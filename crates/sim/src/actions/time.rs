//! Time passes. The clock of a running server only goes forward; it steps back between two lives.

use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    world.clock += match world.random.below(10) {
        0 => world.random.below(1500),
        _ => world.random.below(60),
    };
    Ok(())
}
