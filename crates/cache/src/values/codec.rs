//! The stable bytes of a whole container, for effects and checkpoints.
//!
//! ```text
//! version: u8 (1)   form: u8   count: varint   then per element its strings (length: varint, bytes),
//!                                              a sorted set's score as eight bytes, little-endian, first
//! ```
//!
//! The form is kept, since conversions go one way: a container decodes into the encoding it had. The hash
//! seed is not part of it. Bytes that are no container decode to `None`, never to a panic.

use warren_units::varint::{self, Cursor};

const VERSION: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Intset = 0,
    Listpack = 1,
    Large = 2,
}

pub fn begin(out: &mut Vec<u8>, form: Form, count: usize) {
    out.push(VERSION);
    out.push(form as u8);
    varint::put_u64(out, count as u64);
}

pub struct Header<'a> {
    pub form: Form,
    pub count: usize,
    pub elements: Cursor<'a>,
}

pub fn open(bytes: &[u8]) -> Option<Header<'_>> {
    let mut elements = Cursor::new(bytes);
    if elements.byte()? != VERSION {
        return None;
    }
    let form = match elements.byte()? {
        0 => Form::Intset,
        1 => Form::Listpack,
        2 => Form::Large,
        _ => return None,
    };
    let count = elements.usize()?;
    Some(Header { form, count, elements })
}
