//! A loop writes the batch of its last turn; several may overtake each other.

use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    let writing = world.server().writing_loops();
    if !writing.is_empty() {
        let loop_index = *world.random.pick(&writing);
        world.write(loop_index);
    }
    Ok(())
}
