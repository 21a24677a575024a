//! What an exchange is: its type's routing table, its bindings, and the properties it was declared with.
//!
//! An exchange never knows a queue's messages or a channel: it answers destinations, and `route` follows them.

use crate::arguments::Arguments;
use crate::names::Name;
use crate::refusal::Refusal;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::ops::Bound;

/// Where a binding leads. The numbers are slots; a deleted queue or exchange takes its bindings with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Destination {
    Queue(u32),
    Exchange(u32),
}

pub type Destinations = SmallVec<[Destination; 8]>;

/// What a routing table may look at.
#[derive(Clone, Copy)]
pub struct Routed<'a> {
    pub routing_key: &'a [u8],
    /// Flags and values of the content header.
    pub properties: &'a [u8],
}

/// The routing table of one exchange.
pub trait Router: Send {
    fn bind(&mut self, key: &[u8], arguments: &Arguments, destination: Destination);
    /// Called only with what `bind` was called with before.
    fn unbind(&mut self, key: &[u8], arguments: &Arguments, destination: Destination);
    /// Appends where `message` goes; the same destination may be appended twice.
    fn route(&self, message: Routed<'_>, out: &mut Destinations);
}

/// One row of the table in `exchanges`.
pub struct ExchangeType {
    pub name: &'static str,
    /// One sentence for the management API.
    pub description: &'static str,
    /// True if only exchange and routing key decide where a message goes, so that a channel may remember it.
    pub routes_by_key: bool,
    pub make: fn() -> Box<dyn Router>,
    /// Refuses arguments of queue.bind and exchange.bind that this type cannot use.
    pub validate_binding: fn(&Arguments) -> Result<(), Refusal>,
}

/// One binding of an exchange, as it was asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Binding {
    pub destination: Destination,
    pub key: Name,
    pub arguments: Arguments,
}

pub struct Exchange {
    pub vhost: u32,
    pub name: Name,
    pub exchange_type: &'static ExchangeType,
    pub durable: bool,
    pub auto_delete: bool,
    pub internal: bool,
    pub arguments: Arguments,
    pub alternate: Option<Name>,
    /// Exchanges that have or had a binding to it.
    pub bound_to: BTreeSet<u32>,
    router: Box<dyn Router>,
    bindings: BTreeSet<Binding>,
    /// Messages that clients published to it.
    pub published_in: u64,
}

/// What an exchange is declared with.
#[derive(Clone, Debug)]
pub struct ExchangeDeclaration<'a> {
    pub name: &'a [u8],
    pub durable: bool,
    pub auto_delete: bool,
    pub internal: bool,
    pub arguments: Arguments,
}

impl Exchange {
    pub fn new(
        vhost: u32,
        declaration: &ExchangeDeclaration<'_>,
        exchange_type: &'static ExchangeType,
    ) -> Self {
        Exchange {
            vhost,
            name: declaration.name.into(),
            exchange_type,
            durable: declaration.durable,
            auto_delete: declaration.auto_delete,
            internal: declaration.internal,
            alternate: declaration.arguments.string("alternate-exchange").map(Into::into),
            arguments: declaration.arguments.clone(),
            bound_to: BTreeSet::new(),
            router: (exchange_type.make)(),
            bindings: BTreeSet::new(),
            published_in: 0,
        }
    }

    /// In the order of their destinations.
    pub fn bindings(&self) -> impl ExactSizeIterator<Item = &Binding> {
        self.bindings.iter()
    }

    /// The first `count` bindings behind `last`.
    pub fn bindings_behind(&self, last: Option<&Binding>, count: usize) -> impl Iterator<Item = &Binding> {
        let start = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.bindings.range::<Binding, _>((start, Bound::Unbounded)).take(count)
    }

    /// An auto-delete exchange without a binding is to be deleted.
    pub fn is_orphaned(&self) -> bool {
        self.auto_delete && self.bindings.is_empty()
    }

    pub fn is_bound(&self, binding: &Binding) -> bool {
        self.bindings.contains(binding)
    }

    /// False if the same binding is already there.
    pub fn bind(&mut self, binding: Binding) -> bool {
        if self.is_bound(&binding) {
            return false;
        }
        self.router.bind(&binding.key, &binding.arguments, binding.destination);
        self.bindings.insert(binding)
    }

    /// False if there is no such binding.
    pub fn unbind(&mut self, binding: &Binding) -> bool {
        if !self.bindings.remove(binding) {
            return false;
        }
        self.router.unbind(&binding.key, &binding.arguments, binding.destination);
        true
    }

    /// Forgets every binding to `destination`; answers how many there were.
    pub fn unbind_destination(&mut self, destination: Destination) -> usize {
        let first = Binding { destination, key: Name::from([]), arguments: Arguments::default() };
        let from_first = self.bindings.range(first..);
        let gone: Vec<Binding> =
            from_first.take_while(|binding| binding.destination == destination).cloned().collect();
        for binding in &gone {
            self.unbind(binding);
        }
        gone.len()
    }

    #[inline]
    pub fn route(&self, message: Routed<'_>, out: &mut Destinations) {
        self.router.route(message, out);
    }
}
