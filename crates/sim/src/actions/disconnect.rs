//! A client goes away, with whatever was on its way.

use crate::checker::failure::Checked;
use crate::world::World;

pub fn run(world: &mut World) -> Checked {
    let count = world.links.len() as u64;
    if count > 0 {
        let place = world.random.below(count) as usize;
        if let Some(link) = world.links.values_mut().nth(place) {
            world.trace.note(format!("client {} goes", link.client));
            link.has_left |= !link.is_gone;
            link.is_gone = true;
        }
    }
    Ok(())
}
