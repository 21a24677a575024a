//! AMQP 0-9-1 bytes: frames, methods, field tables, properties, reply codes, both directions.
//!
//! - bytes in: [`Assembler`] cuts a connection's input into [`Incoming`] requests, as places in the buffer;
//!   [`Method::decode`] and [`RawProperties`] read them in place.
//! - bytes out: [`encode`] appends frames to a [`Rope`](warren_units::Rope).
//!
//! No sockets, no clock, and no broker: what a method does is never known here, and neither is whether a
//! channel is open.

pub mod assembler;
pub mod content;
pub mod encode;
pub mod error;
pub mod field_table;
pub mod frame;
pub mod method;
pub mod methods;
#[cfg(test)]
mod oracle;
pub mod properties;
pub mod reply_code;
pub mod table;
pub mod wire;

pub use assembler::{Assembler, Fault, Fed, Incoming};
pub use content::Content;
pub use encode::Payload;
pub use error::{ConnectionError, reply_text};
pub use field_table::{FieldTable, FieldValue};
pub use frame::{PROTOCOL_HEADER, Span};
pub use method::{MethodId, MethodRow};
pub use methods::Method;
pub use properties::{Properties, RawProperties};
pub use reply_code::ReplyCode;
pub use table::{Table, Value};
pub use wire::ShortStr;
