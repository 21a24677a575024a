//! `direct`: a message goes to every destination bound with exactly its routing key.

use crate::arguments::Arguments;
use crate::exchange::{Destination, Destinations, ExchangeType, Routed, Router};
use crate::names::{NameMap, name_map};
use smallvec::SmallVec;

pub const TYPE: ExchangeType = ExchangeType {
    name: "direct",
    description: "AMQP direct exchange, as per the AMQP specification",
    routes_by_key: true,
    make: || Box::new(Direct { by_key: name_map(0) }),
    validate_binding: |_| Ok(()),
};

struct Direct {
    by_key: NameMap<SmallVec<[Destination; 2]>>,
}

impl Router for Direct {
    fn bind(&mut self, key: &[u8], _: &Arguments, destination: Destination) {
        self.by_key.entry(key.into()).or_default().push(destination);
    }

    fn unbind(&mut self, key: &[u8], _: &Arguments, destination: Destination) {
        let Some(destinations) = self.by_key.get_mut(key) else { return };
        if let Some(place) = destinations.iter().position(|known| *known == destination) {
            destinations.remove(place);
        }
        if destinations.is_empty() {
            self.by_key.remove(key);
        }
    }

    fn route(&self, message: Routed<'_>, out: &mut Destinations) {
        if let Some(destinations) = self.by_key.get(message.routing_key) {
            out.extend_from_slice(destinations);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_matches() {
        let mut router = (TYPE.make)();
        let none = Arguments::default();
        router.bind(b"red", &none, Destination::Queue(1));
        router.bind(b"red", &none, Destination::Queue(2));
        router.bind(b"blue", &none, Destination::Queue(3));
        let route = |router: &dyn Router, routing_key: &[u8]| {
            let mut out = Destinations::new();
            router.route(Routed { routing_key, properties: &[] }, &mut out);
            out.to_vec()
        };
        assert_eq!(route(&*router, b"red"), [Destination::Queue(1), Destination::Queue(2)]);
        assert_eq!(route(&*router, b"r"), []);
        router.unbind(b"red", &none, Destination::Queue(1));
        assert_eq!(route(&*router, b"red"), [Destination::Queue(2)]);
    }
}
