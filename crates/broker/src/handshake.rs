//! Channel 0: logging in, agreeing on limits, and saying goodbye.

use crate::arguments::Arguments;
use crate::broker::Broker;
use crate::connection::Phase;
use crate::names::text;
use crate::refusal::Refusal;
use std::sync::Arc;
use warren_amqp::methods::{
    ConnectionBlocked, ConnectionClose, ConnectionCloseOk, ConnectionOpen, ConnectionOpenOk, ConnectionStart,
    ConnectionStartOk, ConnectionTune, ConnectionTuneOk, ConnectionUnblocked, ConnectionUpdateSecretOk,
};
use warren_amqp::{FieldTable, Method, MethodId, ReplyCode, ShortStr, Table, Value, encode, reply_text};
use warren_units::bounds::FRAME_SIZE_BYTES_MIN;
use warren_units::{Gate, PeerId, Step};

const MECHANISMS: &[u8] = b"PLAIN AMQPLAIN";
const LOCALES: &[u8] = b"en_US";
/// Clients decide by product and version which meaning a method has: kombu, and Celery with it, sends
/// `basic.qos` with RabbitMQ's meaning of `global` only to "RabbitMQ" from 3.3 on.
const PRODUCT: &str = "RabbitMQ";
const PRODUCT_VERSION: &str = "4.0.0";
const CAPABILITIES: [&str; 9] = [
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
];

fn send<'a>(step: &mut Step<'_>, peer: PeerId, method: impl Into<Method<'a>>) {
    step.peers.output(peer, Gate::OPEN, |rope| encode::method_frame(rope, 0, method));
}

pub(crate) fn protocol_header(broker: &mut Broker, step: &mut Step<'_>, peer: PeerId) {
    broker.set_phase(peer, Phase::StartOk);
    let mut capabilities = FieldTable::new();
    CAPABILITIES.iter().for_each(|name| capabilities.insert(ShortStr::literal(name), true));
    let mut properties = FieldTable::new();
    properties.insert(ShortStr::literal("capabilities"), capabilities);
    let platform = format!("Warren {}", broker.settings.version);
    let rows = [
        ("cluster_name", broker.settings.cluster_name.as_str()),
        ("copyright", "Copyright (c) the Warren authors"),
        ("information", "Licensed under the Apache License 2.0"),
        ("platform", &platform),
        ("product", PRODUCT),
        ("version", PRODUCT_VERSION),
    ];
    rows.into_iter().for_each(|(name, value)| properties.insert(ShortStr::literal(name), value));
    let mut buffer = Vec::new();
    let server_properties = properties.as_table(&mut buffer);
    let (mechanisms, locales) = (MECHANISMS, LOCALES);
    let start =
        ConnectionStart { version_major: 0, version_minor: 9, server_properties, mechanisms, locales };
    send(step, peer, start);
}

pub(crate) fn notify_blocked(step: &mut Step<'_>, peer: PeerId, reason: Option<&str>) {
    match reason {
        Some(reason) => send(step, peer, ConnectionBlocked { reason: ShortStr::truncated(reason) }),
        None => send(step, peer, ConnectionUnblocked {}),
    }
}

/// A method on channel 0.
pub(crate) fn receive(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    method: Method<'_>,
) -> Result<(), Refusal> {
    let Some(phase) = broker.connection(peer).map(|connection| connection.phase) else { return Ok(()) };
    match (phase, method) {
        (_, Method::ConnectionClose(_)) => {
            broker.release_connection(step, peer);
            broker.set_phase(peer, Phase::Closing);
            send(step, peer, ConnectionCloseOk {});
            step.peers.end(peer);
            Ok(())
        }
        (Phase::Closing, Method::ConnectionCloseOk(_)) => {
            step.peers.end(peer);
            Ok(())
        }
        (Phase::Closing, _) => Ok(()),
        (Phase::StartOk, Method::ConnectionStartOk(start_ok)) => log_in(broker, step, peer, &start_ok),
        (Phase::TuneOk, Method::ConnectionTuneOk(tune_ok)) => tune_ok_received(broker, step, peer, tune_ok),
        (Phase::Open, Method::ConnectionOpen(open)) => open_vhost(broker, step, peer, open),
        (Phase::Running, Method::ConnectionUpdateSecret(_)) => {
            update_secret(step, peer);
            Ok(())
        }
        _ => Err(Refusal::new(ReplyCode::ChannelError, "unexpected method in connection state running")),
    }
}

/// Credentials that expire are renewed so. Our users' passwords do not expire, and whoever is logged in stays
/// it: as in RabbitMQ, which looks at the secret only where another service keeps the users.
fn update_secret(step: &mut Step<'_>, peer: PeerId) {
    send(step, peer, ConnectionUpdateSecretOk {});
}

fn log_in(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    start_ok: &ConnectionStartOk<'_>,
) -> Result<(), Refusal> {
    let capabilities = match start_ok.client_properties.get(b"capabilities") {
        Some(Value::Table(table)) => table,
        _ => Table::EMPTY,
    };
    let has = |name: &str| capabilities.get(name.as_bytes()) == Some(Value::Bool(true));
    let Some(connection) = broker.connection_mut(peer) else { return Ok(()) };
    connection.client_properties = Arguments::from(start_ok.client_properties);
    connection.wants_cancel_notify = has("consumer_cancel_notify");
    connection.wants_blocked_notify = has("connection.blocked");
    connection.wants_authentication_failure_close = has("authentication_failure_close");
    let mechanism = text(&start_ok.mechanism);
    let credentials = match &start_ok.mechanism[..] {
        b"PLAIN" => plain(start_ok.response),
        b"AMQPLAIN" => amqplain(start_ok.response),
        _ => {
            let text = format!("unknown authentication mechanism '{mechanism}'");
            return Err(Refusal::new(ReplyCode::CommandInvalid, text));
        }
    };
    let Some((user, password)) = credentials else {
        let text = format!("response for mechanism {mechanism} cannot be read");
        return Err(Refusal::new(ReplyCode::SyntaxError, text));
    };
    if broker.access.authenticate(user, password).is_none() {
        return refuse_login(broker, step, peer, &mechanism);
    }
    let user: Arc<str> = String::from_utf8_lossy(user).into();
    let settings = &broker.settings;
    let tune = ConnectionTune {
        channel_max: settings.channel_count_max,
        frame_max: settings.frame_size_bytes_max,
        heartbeat: settings.heartbeat_seconds,
    };
    if let Some(connection) = broker.connection_mut(peer) {
        connection.user = user;
        connection.phase = Phase::TuneOk;
    }
    send(step, peer, tune);
    Ok(())
}

/// `authorization NUL user NUL password`.
fn plain(response: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = response.split(|byte| *byte == 0);
    let (_authorization, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some((user, password))
}

/// A field table without its size, LOGIN and PASSWORD in it.
fn amqplain(response: &[u8]) -> Option<(&[u8], &[u8])> {
    let table = Table::parse(response).ok()?;
    match (table.get(b"LOGIN")?, table.get(b"PASSWORD")?) {
        (Value::LongStr(user), Value::LongStr(password)) => Some((user, password)),
        _ => None,
    }
}

/// Clients that understand are told why; from others the socket is taken without a word.
fn refuse_login(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    mechanism: &str,
) -> Result<(), Refusal> {
    let is_told =
        broker.connection(peer).is_some_and(|connection| connection.wants_authentication_failure_close);
    if is_told {
        let text = format!(
            "Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
        );
        broker.close_connection(
            step,
            peer,
            &Refusal::new(ReplyCode::AccessRefused, text),
            MethodId::default(),
        );
    } else {
        broker.set_phase(peer, Phase::Closing);
    }
    step.peers.end(peer);
    Ok(())
}

fn tune_ok_received(
    broker: &mut Broker,
    step: &Step<'_>,
    peer: PeerId,
    tune_ok: ConnectionTuneOk,
) -> Result<(), Refusal> {
    let settings = &broker.settings;
    let (frame_max, channel_max) = (settings.frame_size_bytes_max, u32::from(settings.channel_count_max));
    let rows = [
        ("frame_max", FRAME_SIZE_BYTES_MIN, tune_ok.frame_max, frame_max),
        ("channel_max", 1, u32::from(tune_ok.channel_max), channel_max),
    ];
    for (field, least, asked, most) in rows {
        check_negotiated(field, least, asked, most)?;
    }
    if let Some(connection) = broker.connection_mut(peer) {
        connection.frame_max = tune_ok.frame_max;
        connection.channel_max = tune_ok.channel_max;
        connection.heartbeat_seconds = tune_ok.heartbeat;
        connection.phase = Phase::Open;
    }
    broker.deadlines.heartbeat(peer, tune_ok.heartbeat, step.now);
    Ok(())
}

fn check_negotiated(field: &str, least: u32, asked: u32, most: u32) -> Result<(), Refusal> {
    let refuse = |how: &str, bound: &str, value: u32| {
        let no_limit = if asked == 0 { " (no limit)" } else { "" };
        let text = format!(
            "negotiated {field} = {asked}{no_limit} is {how} than the {bound} allowed value ({value})"
        );
        Err(Refusal::new(ReplyCode::NotAllowed, text))
    };
    match asked {
        0 => refuse("higher", "maximum", most),
        _ if asked < least => refuse("lower", "minimum", least),
        _ if asked > most => refuse("higher", "maximum", most),
        _ => Ok(()),
    }
}

fn open_vhost(
    broker: &mut Broker,
    step: &mut Step<'_>,
    peer: PeerId,
    open: ConnectionOpen<'_>,
) -> Result<(), Refusal> {
    let name = text(&open.virtual_host);
    let Some(user) = broker.connection(peer).map(|connection| connection.user.clone()) else { return Ok(()) };
    let Some(vhost) = broker.state.vhost_named(&open.virtual_host) else {
        return Err(Refusal::new(ReplyCode::NotAllowed, format!("vhost {name} not found")));
    };
    if broker.access.user(&user).is_none_or(|user| user.permissions(&name).is_none()) {
        let text = format!("access to vhost '{name}' refused for user '{user}'");
        return Err(Refusal::new(ReplyCode::NotAllowed, text));
    }
    let blocked = broker.blocked.clone();
    let Some(connection) = broker.connection_mut(peer) else { return Ok(()) };
    (connection.vhost, connection.phase) = (vhost, Phase::Running);
    send(step, peer, ConnectionOpenOk { known_hosts: ShortStr::EMPTY });
    if let Some(reason) = blocked.filter(|_| connection.wants_blocked_notify) {
        notify_blocked(step, peer, Some(&reason));
    }
    Ok(())
}

impl Broker {
    pub(crate) fn set_phase(&mut self, peer: PeerId, phase: Phase) {
        if let Some(connection) = self.connection_mut(peer) {
            connection.phase = phase;
        }
    }

    /// Says why the connection ends, and waits for the client's close-ok for a while.
    pub(crate) fn close_connection(
        &mut self,
        step: &mut Step<'_>,
        peer: PeerId,
        refusal: &Refusal,
        method: MethodId,
    ) {
        if self.connection(peer).is_none_or(|connection| connection.phase == Phase::Closing) {
            return;
        }
        self.release_connection(step, peer);
        self.set_phase(peer, Phase::Closing);
        let text = reply_text(refusal.code, &refusal.explanation);
        let close = ConnectionClose {
            reply_code: refusal.code.code(),
            reply_text: ShortStr::truncated(&text),
            class_id: method.class,
            method_id: method.method,
        };
        send(step, peer, close);
        self.deadlines.handshake(peer, step.now);
    }
}
