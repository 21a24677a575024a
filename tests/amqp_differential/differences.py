"""Where Warren and RabbitMQ 3.10 differ on purpose.

By scenario, then by the label of a line: what Warren's line holds instead, and why. RabbitMQ 4 counts where it
differs from 3.10.
"""

_TOLD_AT_ONCE = "told at once why; RabbitMQ closes the socket some seconds later without a word"
_TYPE = "RabbitMQ 4 closes the channel with 406, 3.10 the connection with 503"
_LENIENT = "RabbitMQ 4 takes any delivery mode, all but 2 as transient"
_STREAM = "there are no streams"

DIFFERENCES: dict[str, dict[str, tuple[str, str]]] = {
    "connections.mechanisms": {"mechanisms and locales": ("PLAIN AMQPLAIN", "their order means nothing")},
    "connections.negotiation": {
        label: ("530 NOT_ALLOWED", _TOLD_AT_ONCE)
        for label in ("channel_max 0", "channel_max above", "frame_max 0", "frame_max below", "frame_max above")
    },
    "connections.bad_credentials": {
        "plain with authorization id": ("(10, 30)", "SASL allows an authorization id"),
        **{
            label: ("connection.close 50", _TOLD_AT_ONCE)
            for label in (
                "plain without nul",
                "plain with one nul",
                "plain with three nul",
                "amqplain without password",
                "amqplain empty",
                "unknown mechanism",
                "unknown mechanism, untold",
                "anonymous",
                "cramped mechanism",
            )
        },
    },
    "connections.protocol_headers": {"0-8": ("AMQP", "AMQP 0-8 is not spoken here")},
    "connections.methods_out_of_order": {
        "open before start-ok": ("504 CHANNEL_ERROR", _TOLD_AT_ONCE),
        "open before tune-ok": ("504 CHANNEL_ERROR", _TOLD_AT_ONCE),
        "after it": ("socket closed", "RabbitMQ waits for the client to close the socket"),
    },
    "connections.frame_errors": {
        "unknown class": ("503 COMMAND_INVALID", _TOLD_AT_ONCE),
        "unknown method": ("503 COMMAND_INVALID", _TOLD_AT_ONCE),
        "method on channel 0 of unknown class": ("503 COMMAND_INVALID", _TOLD_AT_ONCE),
        "more body than said": ("501 FRAME_ERROR", "RabbitMQ waits for more of it, for ever"),
    },
    "channels.numbers": {"third of two": ("(20, 10)", "the method that was refused is named")},
    "channels.unexpected_answers": {"basic.cancel-ok": ("NOT_FOUND", "an answer to our cancel is no mistake")},
    "exchanges.declares": {
        f"exchange_declare('d-kind', '{kind}')": ("406 PRECONDITION_FAILED - unknown exchange type", _TYPE)
        for kind in ("nonsense", "", "DIRECT", "system", "x-consistent-hash", "x-delayed-message")
    },
    "queues.invalid_arguments": {
        "queue_declare('d-arg', arguments={'x-queue-version': 1}, durable=True)": (
            "unsupported queue version",
            "RabbitMQ 4 has only the second version",
        ),
        "queue_declare('d-arg', arguments={'x-queue-master-locator': 'nonsense'}, durable=True)": ("DeclareOk", "unused"),
        "queue_declare('d-arg', arguments={'x-queue-master-locator': 5}, durable=True)": ("DeclareOk", "unused"),
        **{
            f"queue_declare('d-arg', arguments={{'x-queue-leader-locator': '{value}'}}, durable=True)": (
                answer,
                "RabbitMQ 4 takes it on classic queues, too",
            )
            for value, answer in (("balanced", "DeclareOk"), ("client-local", "DeclareOk"), ("nonsense", "invalid_queue"))
        },
    },
    "queues.streams": {
        "queue_declare('d-stream', arguments={'x-queue-type': 'stream'})": ("unsupported queue type", _STREAM),
        "queue_declare('d-stream', durable=True, exclusive=True, arguments={'x-queue-type': 'stream'})": (
            "unsupported queue type",
            _STREAM,
        ),
    },
    "publishing.refusals": {
        "expiration huge": ("value_too_large,9", "Erlang breaks long lines"),
        "delivery mode 0": ("None", _LENIENT),
        "delivery mode 3": ("None", _LENIENT),
    },
    "publishing.full_queue": {
        "second": ("x02", "one nack for one message; RabbitMQ sets `multiple` where it may"),
        "third, mandatory": ("x03", "one nack for one message; RabbitMQ sets `multiple` where it may"),
    },
    "publishing.direct_reply": {"declare another": ("404 NOT_FOUND", "RabbitMQ fails inside")},
    "dead_letters.given_headers": {"other list": ("x-death", "RabbitMQ loses the message")},
    "features.expiry": {"left": ("head", "3.10 has already dropped what stands behind")},
    "features.quorum": {
        "again": ("'1', True", "a message given back keeps its place, as in RabbitMQ 4"),
        "consume with a global prefetch": ("'t'", "quorum queues take part in it here"),
        "exclusive": ("DuplicateConsumerTag", "follows from the line before"),
    },
}
