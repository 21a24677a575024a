//! The broker in a world without sockets: methods in, what each client would read out.

mod checkpoints;
mod consuming;
mod declaring;
mod durability;
mod full_disk;
mod paging;
mod publishing;
mod world;
