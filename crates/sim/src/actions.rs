//! What may happen next, one file each and one row here; the seed draws among them by their weights.

mod act;
mod checkpoint;
mod crash;
mod disconnect;
mod fault;
mod fetch;
mod network;
mod room;
mod send;
mod sync;
mod time;
mod turn;
mod write;

use crate::checker::failure::Checked;
use crate::world::World;

pub struct Action {
    pub weight: u64,
    pub run: fn(&mut World) -> Checked,
}

static ACTIONS: &[Action] = &[
    Action { weight: 60, run: act::run },
    Action { weight: 60, run: network::run },
    Action { weight: 50, run: turn::run },
    Action { weight: 50, run: write::run },
    Action { weight: 50, run: send::run },
    Action { weight: 40, run: fetch::run },
    Action { weight: 40, run: checkpoint::run },
    Action { weight: 15, run: sync::run },
    Action { weight: 10, run: time::run },
    Action { weight: 2, run: disconnect::run },
    Action { weight: 1, run: fault::run },
    Action { weight: 1, run: room::run },
    Action { weight: 1, run: crash::run },
];

/// Lets one thing happen.
pub fn step(world: &mut World) -> Checked {
    let place = world.random.weighted(ACTIONS.iter().map(|action| action.weight));
    (ACTIONS[place].run)(world)
}
