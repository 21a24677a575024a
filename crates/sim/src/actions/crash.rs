//! The end: the process is killed, perhaps in a write; the power goes; or the server is asked to end.

use crate::checker::acknowledged::End;
use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    match world.random.below(10) {
        0..=3 => world.end(End::PowerCut, "power cut"),
        4..=7 => {
            let writing = world.server().writing_loops();
            if !writing.is_empty() && world.random.chance(50) {
                let loop_index = *world.random.pick(&writing);
                world.disk.tear_write(world.random.below(600) as usize);
                world.write(loop_index);
            }
            world.end(End::Kill, "killed");
        }
        _ => world.close()?,
    }
    Ok(())
}
