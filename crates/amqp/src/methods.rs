//! The table of all methods of AMQP 0-9-1 with RabbitMQ's extensions. Adding a method is one row: ids,
//! name, `+ content` where a content header follows, fields in wire order. Adjacent `Bit`s share an octet.

use crate::error::ConnectionError;
use crate::method::{MethodId, MethodRow, methods};
use crate::table::Table;
use crate::wire::{Domain, FieldError, Reader, ShortStr, Writer};

type Bit = bool;
type Octet = u8;
type Short = u16;
type Long = u32;
type LongLong = u64;
type LongStr<'a> = &'a [u8];

methods! {
    10 10 "connection.start" ConnectionStart<'a> {
        version_major: Octet, version_minor: Octet, server_properties: Table<'a>,
        mechanisms: LongStr<'a>, locales: LongStr<'a>,
    }
    10 11 "connection.start-ok" ConnectionStartOk<'a> {
        client_properties: Table<'a>, mechanism: ShortStr<'a>, response: LongStr<'a>, locale: ShortStr<'a>,
    }
    10 20 "connection.secure" ConnectionSecure<'a> { challenge: LongStr<'a> }
    10 21 "connection.secure-ok" ConnectionSecureOk<'a> { response: LongStr<'a> }
    10 30 "connection.tune" ConnectionTune { channel_max: Short, frame_max: Long, heartbeat: Short }
    10 31 "connection.tune-ok" ConnectionTuneOk { channel_max: Short, frame_max: Long, heartbeat: Short }
    10 40 "connection.open" ConnectionOpen<'a> {
        virtual_host: ShortStr<'a>, capabilities: ShortStr<'a>, insist: Bit,
    }
    10 41 "connection.open-ok" ConnectionOpenOk<'a> { known_hosts: ShortStr<'a> }
    10 50 "connection.close" ConnectionClose<'a> {
        reply_code: Short, reply_text: ShortStr<'a>, class_id: Short, method_id: Short,
    }
    10 51 "connection.close-ok" ConnectionCloseOk {}
    10 60 "connection.blocked" ConnectionBlocked<'a> { reason: ShortStr<'a> }
    10 61 "connection.unblocked" ConnectionUnblocked {}
    10 70 "connection.update-secret" ConnectionUpdateSecret<'a> {
        new_secret: LongStr<'a>, reason: ShortStr<'a>,
    }
    10 71 "connection.update-secret-ok" ConnectionUpdateSecretOk {}

    20 10 "channel.open" ChannelOpen<'a> { out_of_band: ShortStr<'a> }
    20 11 "channel.open-ok" ChannelOpenOk<'a> { channel_id: LongStr<'a> }
    20 20 "channel.flow" ChannelFlow { active: Bit }
    20 21 "channel.flow-ok" ChannelFlowOk { active: Bit }
    20 40 "channel.close" ChannelClose<'a> {
        reply_code: Short, reply_text: ShortStr<'a>, class_id: Short, method_id: Short,
    }
    20 41 "channel.close-ok" ChannelCloseOk {}

    30 10 "access.request" AccessRequest<'a> {
        realm: ShortStr<'a>, exclusive: Bit, passive: Bit, active: Bit, write: Bit, read: Bit,
    }
    30 11 "access.request-ok" AccessRequestOk { ticket: Short }

    40 10 "exchange.declare" ExchangeDeclare<'a> {
        ticket: Short, exchange: ShortStr<'a>, kind: ShortStr<'a>, passive: Bit, durable: Bit,
        auto_delete: Bit, internal: Bit, nowait: Bit, arguments: Table<'a>,
    }
    40 11 "exchange.declare-ok" ExchangeDeclareOk {}
    40 20 "exchange.delete" ExchangeDelete<'a> {
        ticket: Short, exchange: ShortStr<'a>, if_unused: Bit, nowait: Bit,
    }
    40 21 "exchange.delete-ok" ExchangeDeleteOk {}
    40 30 "exchange.bind" ExchangeBind<'a> {
        ticket: Short, destination: ShortStr<'a>, source: ShortStr<'a>, routing_key: ShortStr<'a>,
        nowait: Bit, arguments: Table<'a>,
    }
    40 31 "exchange.bind-ok" ExchangeBindOk {}
    40 40 "exchange.unbind" ExchangeUnbind<'a> {
        ticket: Short, destination: ShortStr<'a>, source: ShortStr<'a>, routing_key: ShortStr<'a>,
        nowait: Bit, arguments: Table<'a>,
    }
    40 51 "exchange.unbind-ok" ExchangeUnbindOk {}

    50 10 "queue.declare" QueueDeclare<'a> {
        ticket: Short, queue: ShortStr<'a>, passive: Bit, durable: Bit, exclusive: Bit, auto_delete: Bit,
        nowait: Bit, arguments: Table<'a>,
    }
    50 11 "queue.declare-ok" QueueDeclareOk<'a> {
        queue: ShortStr<'a>, message_count: Long, consumer_count: Long,
    }
    50 20 "queue.bind" QueueBind<'a> {
        ticket: Short, queue: ShortStr<'a>, exchange: ShortStr<'a>, routing_key: ShortStr<'a>, nowait: Bit,
        arguments: Table<'a>,
    }
    50 21 "queue.bind-ok" QueueBindOk {}
    50 30 "queue.purge" QueuePurge<'a> { ticket: Short, queue: ShortStr<'a>, nowait: Bit }
    50 31 "queue.purge-ok" QueuePurgeOk { message_count: Long }
    50 40 "queue.delete" QueueDelete<'a> {
        ticket: Short, queue: ShortStr<'a>, if_unused: Bit, if_empty: Bit, nowait: Bit,
    }
    50 41 "queue.delete-ok" QueueDeleteOk { message_count: Long }
    50 50 "queue.unbind" QueueUnbind<'a> {
        ticket: Short, queue: ShortStr<'a>, exchange: ShortStr<'a>, routing_key: ShortStr<'a>,
        arguments: Table<'a>,
    }
    50 51 "queue.unbind-ok" QueueUnbindOk {}

    60 10 "basic.qos" BasicQos { prefetch_size: Long, prefetch_count: Short, global: Bit }
    60 11 "basic.qos-ok" BasicQosOk {}
    60 20 "basic.consume" BasicConsume<'a> {
        ticket: Short, queue: ShortStr<'a>, consumer_tag: ShortStr<'a>, no_local: Bit, no_ack: Bit,
        exclusive: Bit, nowait: Bit, arguments: Table<'a>,
    }
    60 21 "basic.consume-ok" BasicConsumeOk<'a> { consumer_tag: ShortStr<'a> }
    60 30 "basic.cancel" BasicCancel<'a> { consumer_tag: ShortStr<'a>, nowait: Bit }
    60 31 "basic.cancel-ok" BasicCancelOk<'a> { consumer_tag: ShortStr<'a> }
    60 40 "basic.publish" + content BasicPublish<'a> {
        ticket: Short, exchange: ShortStr<'a>, routing_key: ShortStr<'a>, mandatory: Bit, immediate: Bit,
    }
    60 50 "basic.return" + content BasicReturn<'a> {
        reply_code: Short, reply_text: ShortStr<'a>, exchange: ShortStr<'a>, routing_key: ShortStr<'a>,
    }
    60 60 "basic.deliver" + content BasicDeliver<'a> {
        consumer_tag: ShortStr<'a>, delivery_tag: LongLong, redelivered: Bit, exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
    }
    60 70 "basic.get" BasicGet<'a> { ticket: Short, queue: ShortStr<'a>, no_ack: Bit }
    60 71 "basic.get-ok" + content BasicGetOk<'a> {
        delivery_tag: LongLong, redelivered: Bit, exchange: ShortStr<'a>, routing_key: ShortStr<'a>,
        message_count: Long,
    }
    60 72 "basic.get-empty" BasicGetEmpty<'a> { cluster_id: ShortStr<'a> }
    60 80 "basic.ack" BasicAck { delivery_tag: LongLong, multiple: Bit }
    60 90 "basic.reject" BasicReject { delivery_tag: LongLong, requeue: Bit }
    60 100 "basic.recover-async" BasicRecoverAsync { requeue: Bit }
    60 110 "basic.recover" BasicRecover { requeue: Bit }
    60 111 "basic.recover-ok" BasicRecoverOk {}
    60 120 "basic.nack" BasicNack { delivery_tag: LongLong, multiple: Bit, requeue: Bit }

    85 10 "confirm.select" ConfirmSelect { nowait: Bit }
    85 11 "confirm.select-ok" ConfirmSelectOk {}

    90 10 "tx.select" TxSelect {}
    90 11 "tx.select-ok" TxSelectOk {}
    90 20 "tx.commit" TxCommit {}
    90 21 "tx.commit-ok" TxCommitOk {}
    90 30 "tx.rollback" TxRollback {}
    90 31 "tx.rollback-ok" TxRollbackOk {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_table::tests::any_table;
    use crate::reply_code::ReplyCode;
    use crate::wire::tests::Source;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_method_comes_back(
            bytes in proptest::collection::vec(any::<u8>(), 1..40),
            text in proptest::string::string_regex("[a-zé.#]{0,100}").unwrap(),
            table in any_table(),
        ) {
            let mut buffer = Vec::new();
            let table = table.as_table(&mut buffer);
            let methods = Method::one_of_each(&mut Source { bytes: &bytes, position: 0, text: &text, table });
            prop_assert_eq!(methods.len(), MethodId::ALL.len());
            for method in methods {
                let mut payload = Vec::new();
                method.encode(&mut payload);
                prop_assert_eq!(Method::decode(&payload), Ok(method));
                payload.push(0);
                prop_assert_eq!(Method::decode(&payload).unwrap_err().code, ReplyCode::FrameError);
                for cut in 0..payload.len() - 1 {
                    let error = Method::decode(&payload[..cut]).unwrap_err();
                    prop_assert!(matches!(error.code, ReplyCode::FrameError | ReplyCode::CommandInvalid));
                }
            }
        }
    }

    #[test]
    fn malformed_methods_are_answered_as_rabbitmq_answers_them() {
        let rows: [(&[u8], &str); 6] = [
            (b"\x00\x3c", "FRAME_ERROR - cannot decode <<0,60>>"),
            (b"\x00\x3c\x00\x50\x01\x02", "FRAME_ERROR - cannot decode <<1,2>>"),
            (b"\x00\x55\x00\x0b\x07", "FRAME_ERROR - cannot decode <<7>>"),
            (b"\x00\x3c\x00\x1f\x02\xff\xff", "FRAME_ERROR - Malformed UTF-8 in shortstr"),
            (b"\x00\x07\x00\x01", "COMMAND_INVALID - unknown method {7,1}"),
            (
                b"\x00\x32\x00\x0a\0\0\0\0\0\0\0\x03\x01k?",
                "SYNTAX_ERROR - field table holds a value of the unknown type 63",
            ),
        ];
        for (payload, text) in rows {
            assert_eq!(Method::decode(payload).unwrap_err().reply_text(), text);
        }
        let any_name = b"\x00\x3c\x00\x28\0\0\x01\xff\x02\xfe\xfd\x01";
        let Ok(Method::BasicPublish(publish)) = Method::decode(any_name) else {
            panic!("names of methods with content are not checked");
        };
        assert_eq!((publish.exchange.as_bytes(), publish.exchange.as_str()), (&b"\xff"[..], None));
    }

    #[test]
    fn four_methods_have_content() {
        let with_content = MethodId::ALL.iter().filter(|id| id.has_content() == Some(true));
        let ids: Vec<_> = with_content.copied().collect();
        assert_eq!(ids, [BasicPublish::ID, BasicReturn::ID, BasicDeliver::ID, BasicGetOk::ID]);
        assert_eq!(MethodId { class: 60, method: 41 }.has_content(), None);
    }
}
