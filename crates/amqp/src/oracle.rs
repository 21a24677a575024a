//! Tests only: our bytes through another codec, amq-protocol. It parses what we encode and generates it
//! again; what comes back must be the same, byte for byte.

use crate::encode::{self, Payload};
use crate::field_table::{FieldTable, FieldValue};
use crate::methods::*;
use crate::properties::{Properties, RawProperties};
use crate::wire::ShortStr;
use crate::wire::tests::Source;
use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use warren_units::Rope;

/// Every type of value; names ascending, since the other codec sorts them.
fn every_value() -> FieldTable {
    let values = [
        FieldValue::Bool(true),
        FieldValue::Byte(-7),
        FieldValue::UnsignedByte(200),
        FieldValue::Short(-700),
        FieldValue::UnsignedShort(65_000),
        FieldValue::Int(-70_000),
        FieldValue::UnsignedInt(4_000_000_000),
        FieldValue::Long(-7_000_000_000),
        FieldValue::Float(1.5),
        FieldValue::Double(-2.25),
        FieldValue::Decimal { scale: 2, value: 1999 },
        FieldValue::from("text, and é"),
        FieldValue::Bytes(vec![0, 255]),
        FieldValue::Timestamp(1_790_000_000),
        FieldValue::Void,
    ];
    let mut flat = FieldTable::new();
    for (index, value) in values.iter().enumerate() {
        flat.insert(ShortStr::truncated(&format!("key {index:02}")), value.clone());
    }
    let mut table = flat.clone();
    table.insert(ShortStr::literal("nested array"), FieldValue::Array(values.to_vec()));
    table.insert(ShortStr::literal("nested table"), flat);
    table
}

/// The frames in `ours` as the other codec reads and writes them.
fn through_the_other(mut ours: &[u8]) -> (Vec<AMQPFrame>, Vec<u8>) {
    let (mut frames, mut theirs) = (Vec::new(), WriteContext::from(Vec::new()));
    while !ours.is_empty() {
        let (rest, frame) = parse_frame(ours).unwrap_or_else(|error| panic!("{error:?} in {ours:?}"));
        theirs = gen_frame(&frame)(theirs).expect("a vector takes every write");
        frames.push(frame);
        ours = rest;
    }
    (frames, theirs.into_inner().0)
}

/// Empties the fields that the protocol keeps reserved, or that no server implements: the other codec
/// writes them as such, whatever came.
fn clear_reserved(method: &mut Method<'_>) {
    match method {
        Method::ConnectionOpen(open) => {
            *open = ConnectionOpen { virtual_host: open.virtual_host, ..ConnectionOpen::default() }
        }
        Method::ConnectionOpenOk(open_ok) => open_ok.known_hosts = ShortStr::EMPTY,
        Method::ChannelOpen(open) => open.out_of_band = ShortStr::EMPTY,
        Method::ChannelOpenOk(open_ok) => open_ok.channel_id = b"",
        Method::AccessRequestOk(request_ok) => request_ok.ticket = 1,
        Method::ExchangeDeclare(declare) => declare.ticket = 0,
        Method::ExchangeDelete(delete) => delete.ticket = 0,
        Method::ExchangeBind(bind) => bind.ticket = 0,
        Method::ExchangeUnbind(unbind) => unbind.ticket = 0,
        Method::QueueDeclare(declare) => declare.ticket = 0,
        Method::QueueBind(bind) => bind.ticket = 0,
        Method::QueuePurge(purge) => purge.ticket = 0,
        Method::QueueDelete(delete) => delete.ticket = 0,
        Method::QueueUnbind(unbind) => unbind.ticket = 0,
        Method::BasicQos(qos) => qos.prefetch_size = 0,
        Method::BasicConsume(consume) => consume.ticket = 0,
        Method::BasicPublish(publish) => publish.ticket = 0,
        Method::BasicGet(get) => get.ticket = 0,
        Method::BasicGetEmpty(empty) => empty.cluster_id = ShortStr::EMPTY,
        _ => {}
    }
}

#[test]
fn every_method_is_read_and_written_alike() {
    let table = every_value();
    let mut buffer = Vec::new();
    let table = table.as_table(&mut buffer);
    for seed in 0..16u8 {
        let bytes = [seed, seed.wrapping_mul(37), 255 - seed];
        let mut source = Source { bytes: &bytes, position: 0, text: "a name, and é", table };
        for mut method in Method::one_of_each(&mut source) {
            clear_reserved(&mut method);
            let mut rope = Rope::new();
            encode::method_frame(&mut rope, 513, method);
            let ours = rope.to_vec();
            let (_, theirs) = through_the_other(&ours);
            assert_eq!(theirs, ours, "{method:?}");
        }
    }
}

#[test]
fn contents_are_read_and_written_alike() {
    let table = every_value();
    let mut buffer = Vec::new();
    let text = |text: &'static str| Some(ShortStr::literal(text));
    let properties = Properties {
        content_type: text("text/plain"),
        content_encoding: text("utf-8"),
        headers: Some(table.as_table(&mut buffer)),
        delivery_mode: Some(2),
        priority: Some(9),
        correlation_id: text("correlation"),
        reply_to: text("amq.rabbitmq.reply-to"),
        expiration: text("60000"),
        message_id: text("message"),
        timestamp: Some(1_790_000_000),
        kind: text("kind"),
        user_id: text("guest"),
        app_id: text("app"),
        cluster_id: text(""),
    };
    for properties in [properties, Properties { priority: Some(0), ..Properties::default() }] {
        let mut raw = Vec::new();
        properties.encode(&mut raw);
        let mut rope = Rope::new();
        let body = vec![7; 10_000];
        let method = BasicDeliver { consumer_tag: ShortStr::literal("ctag"), ..BasicDeliver::default() };
        let raw = RawProperties::trusted(&raw);
        encode::deliver(&mut rope, 1, &method, raw, Payload::Plain(&body), 4096);
        encode::heartbeat(&mut rope);
        let ours = rope.to_vec();
        let (frames, theirs) = through_the_other(&ours);
        assert_eq!(theirs, ours);
        assert_eq!(frames.len(), 2 + 3 + 1);
        let AMQPFrame::Header(1, header) = &frames[1] else { panic!("{frames:?}") };
        assert_eq!(header.body_size, 10_000);
        assert_eq!(header.properties.priority(), &properties.priority);
    }
}
