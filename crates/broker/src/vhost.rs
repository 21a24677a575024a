//! A virtual host: names of exchanges and queues, and where those are.

use crate::names::{NameMap, name_map};

pub struct Vhost {
    pub name: String,
    pub exchanges: NameMap<u32>,
    pub queues: NameMap<u32>,
}

impl Vhost {
    pub fn new(name: &str, seed: u64) -> Vhost {
        Vhost { name: name.to_string(), exchanges: name_map(seed), queues: name_map(seed) }
    }
}
