//! `fanout`: a message goes to every destination, whatever its routing key.

use crate::arguments::Arguments;
use crate::exchange::{Destination, Destinations, ExchangeType, Routed, Router};

pub const TYPE: ExchangeType = ExchangeType {
    name: "fanout",
    description: "AMQP fanout exchange, as per the AMQP specification",
    routes_by_key: true,
    make: || Box::new(Fanout::default()),
    validate_binding: |_| Ok(()),
};

#[derive(Default)]
struct Fanout {
    /// Destination and how many bindings lead to it.
    destinations: Vec<(Destination, usize)>,
}

impl Router for Fanout {
    fn bind(&mut self, _: &[u8], _: &Arguments, destination: Destination) {
        match self.destinations.iter_mut().find(|(known, _)| *known == destination) {
            Some((_, count)) => *count += 1,
            None => self.destinations.push((destination, 1)),
        }
    }

    fn unbind(&mut self, _: &[u8], _: &Arguments, destination: Destination) {
        let Some(place) = self.destinations.iter().position(|(known, _)| *known == destination) else {
            return;
        };
        self.destinations[place].1 -= 1;
        if self.destinations[place].1 == 0 {
            self.destinations.remove(place);
        }
    }

    fn route(&self, _: Routed<'_>, out: &mut Destinations) {
        out.extend(self.destinations.iter().map(|(destination, _)| *destination));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bindings_to_one_queue_are_one_destination() {
        let mut router = (TYPE.make)();
        let none = Arguments::default();
        router.bind(b"a", &none, Destination::Queue(1));
        router.bind(b"b", &none, Destination::Queue(1));
        router.bind(b"", &none, Destination::Exchange(2));
        let route = |router: &dyn Router| {
            let mut out = Destinations::new();
            router.route(Routed { routing_key: b"any", properties: &[] }, &mut out);
            out.to_vec()
        };
        assert_eq!(route(&*router), [Destination::Queue(1), Destination::Exchange(2)]);
        router.unbind(b"a", &none, Destination::Queue(1));
        assert_eq!(route(&*router).len(), 2);
        router.unbind(b"b", &none, Destination::Queue(1));
        assert_eq!(route(&*router), [Destination::Exchange(2)]);
    }
}
