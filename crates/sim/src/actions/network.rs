//! The network brings some bytes on, in one direction or both, cut anywhere.

use crate::checker::failure::Checked;
use crate::client::Session;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    let count = world.links.len() as u64;
    if count == 0 {
        return Ok(());
    }
    let place = world.random.below(count) as usize;
    let Some(link) = world.links.values_mut().nth(place) else { return Ok(()) };
    let size = match world.random.below(3) {
        0 => usize::MAX,
        1 => world.random.below(4000) as usize,
        _ => world.random.below(40) as usize,
    };
    link.carry(size);
    link.unsent -= link.unsent.min(size);
    if let Session::Amqp(session) = &mut link.session {
        session.arrive(world.random.below(6) as usize);
    }
    Ok(())
}
