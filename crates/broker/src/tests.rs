//! The broker in a world without sockets: methods in, what each client would read out.

mod consuming;
mod declaring;
mod durability;
mod publishing;
mod world;
