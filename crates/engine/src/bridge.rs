//! What joins both protocols: RESP commands that reach the broker. One file per command, one row in [`ROWS`].
//!
//! Cache and broker never know each other; the cache runs these rows through its `Host` trait, so that they
//! work in MULTI and COMMAND like any other.

mod amqp_publish;

use warren_broker::Broker;
use warren_cache::command::{CommandError, CommandSpec};
use warren_cache::host::Host;
use warren_resp::{Args, Reply};
use warren_units::{Gate, Step};

/// The rows, for the command table. The number in `Carrier::Host` is the position in [`HANDLERS`].
pub static ROWS: &[&CommandSpec] = &[&amqp_publish::AMQP_PUBLISH];

type Check = fn(&Broker, Args<'_>) -> Result<(), CommandError>;
type Size = fn(&Broker, Args<'_>) -> usize;
type Run = fn(&mut Broker, Args<'_>, bool, &mut Step<'_>, &mut Reply<'_>) -> Result<Gate, CommandError>;

static HANDLERS: &[(Check, Size, Run)] =
    &[(amqp_publish::check, amqp_publish::size_bytes_max, amqp_publish::run)];

/// The broker as the cache's dispatch sees it.
pub struct BrokerHost<'a> {
    pub broker: &'a mut Broker,
}

impl Host for BrokerHost<'_> {
    fn check(&self, row: usize, args: Args<'_>) -> Result<(), CommandError> {
        HANDLERS[row].0(self.broker, args)
    }

    fn size_bytes_max(&self, row: usize, args: Args<'_>) -> usize {
        HANDLERS[row].1(self.broker, args)
    }

    fn run(
        &mut self,
        row: usize,
        args: Args<'_>,
        is_always: bool,
        step: &mut Step<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Gate, CommandError> {
        HANDLERS[row].2(self.broker, args, is_always, step, reply)
    }
}
