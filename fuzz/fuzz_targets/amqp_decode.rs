//! Any bytes as an AMQP connection's input, a server's and a client's, whole and in pieces: requests or a
//! fault, the same both ways, and whatever decodes encodes to what it came from.

#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_amqp::{Assembler, FieldTable, Incoming, Method, PROTOCOL_HEADER, RawProperties, Table};

/// tune-ok and open, behind which every channel may be used.
const OPENING: &[u8] = b"\x01\0\0\0\0\0\x0c\0\x0a\0\x1f\0\x08\0\0\x20\0\0\0\xce\
                         \x01\0\0\0\0\0\x08\0\x0a\0\x28\x01/\0\0\xce";

fuzz_target!(|input: (u16, bool, &[u8])| {
    let (piece_size, is_client, bytes) = input;
    let whole = requests(is_client, bytes, usize::MAX);
    let pieces = requests(is_client, bytes, usize::from(piece_size).max(1));
    assert_eq!(whole, pieces);

    if let Ok(method) = Method::decode(bytes) {
        check_method(method);
    }
    if let Ok(table) = Table::parse(bytes) {
        assert_eq!(FieldTable::from(table).len(), table.iter().count());
    }
    if let Ok(properties) = RawProperties::parse(bytes) {
        let mut again = Vec::new();
        properties.decode().encode(&mut again);
        RawProperties::parse(&again).expect("what was read can be written");
    }
});

/// All requests, shown with their bytes, and the fault behind them.
fn requests(is_client: bool, bytes: &[u8], piece_size: usize) -> Vec<String> {
    let mut assembler = if is_client { Assembler::client() } else { Assembler::server() };
    if !is_client {
        let opening = [&PROTOCOL_HEADER, OPENING].concat();
        let fed = assembler.feed(&opening, 0, &mut Vec::new());
        assert!(fed.fault.is_none() && fed.consumed_to == opening.len());
    }
    let (mut buffer, mut shown) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece_size) {
        buffer.extend_from_slice(piece);
        let mut out = Vec::new();
        let fed = assembler.feed(&buffer, 0, &mut out);
        shown.extend(out.iter().map(|incoming| show(incoming, &buffer)));
        buffer.drain(..fed.consumed_to);
        if let Some(fault) = fed.fault {
            shown.push(format!("{fault:?}"));
            break;
        }
    }
    shown
}

fn show(incoming: &Incoming, buffer: &[u8]) -> String {
    match incoming {
        Incoming::Method { channel, method } => format!("{channel} {:?}", decode(method.of(buffer))),
        Incoming::Content(content) => {
            let method = decode(content.method(buffer));
            let (properties, body) = (content.properties(buffer), content.body(buffer));
            format!("{} {method:?} {:?} {:?}", content.channel, properties.decode(), body.as_slice())
        }
        other => format!("{other:?}"),
    }
}

fn decode(payload: &[u8]) -> Option<Method<'_>> {
    let method = Method::decode(payload).ok()?;
    check_method(method);
    Some(method)
}

/// Bits that no field has are lost when a method is encoded, so the second encoding must equal the first.
fn check_method(method: Method<'_>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    method.encode(&mut first);
    Method::decode(&first).expect("what was read can be written").encode(&mut second);
    assert_eq!(first, second);
}
