//! One seed from the first start to the last.

use crate::actions;
use crate::checker::acknowledged::End;
use crate::checker::failure::{Checked, Failure};
pub use crate::world::Counters;
use crate::world::World;

/// Actions of one run at most.
const ACTION_COUNT_MAX: u64 = 6000;

/// How a run ended that should not have.
#[derive(Debug)]
pub struct Report {
    pub seed: u64,
    /// Which checker said so.
    pub checker: &'static str,
    pub text: String,
    pub settings: String,
    /// The last things that happened.
    pub trace: Vec<String>,
}

/// Runs one seed; answers what it did.
///
/// # Errors
/// What a checker found.
pub fn run(seed: u64) -> Result<Counters, Box<Report>> {
    let mut world = World::new(seed);
    // A panic of engine or log is a finding too, and needs its seed and trace as any other.
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| whole(&mut world)));
    let result = caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Failure::new("panic", text.unwrap_or_default()))
    });
    match result {
        Ok(()) => Ok(world.counters.clone()),
        Err(Failure { checker, text }) => Err(Box::new(Report {
            seed,
            checker,
            text,
            settings: format!(
                "{:?}, clients: {}",
                world.settings,
                world.clients.iter().map(|f| f.name).collect::<Vec<_>>().join(" ")
            ),
            trace: world.trace.lines().map(str::to_owned).collect(),
        })),
    }
}

fn whole(world: &mut World) -> Checked {
    world.restart()?;
    let action_count = 300 + world.random.below(ACTION_COUNT_MAX - 300);
    for _ in 0..action_count {
        actions::step(world)?;
        if world.ended_by.is_some() {
            world.restart()?;
        }
    }
    // A healthy end: all that is there comes out, before a last crash and after it. Draining moves the dead,
    // which needs room.
    world.disk.set_capacity(u64::MAX);
    world.end(End::PowerCut, "power cut before the end");
    world.restart()?;
    world.drain()?;
    if world.ended_by.is_none() {
        world.close()?;
    }
    world.restart()?;
    world.drain()
}
