//! CLIENT KILL and UNBLOCK.

use super::list::{ClientType, all};
use crate::blocking;
use crate::command::{CommandError, quoted};
use crate::commands::connection::greeting::DEFAULT_USER;
use crate::context::Context;
use crate::parse::{self, is_option, need_integer};
use crate::session::{OnTimeout, Session};
use warren_resp::{Args, Reply};
use warren_units::{Gate, PeerId};

/// Which clients KILL means: all conditions at once.
struct Filter<'a> {
    id: Option<i64>,
    client_type: Option<ClientType>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    skips_self: bool,
}

impl Filter<'_> {
    fn accepts(&self, session: &Session, running: PeerId) -> bool {
        self.id.is_none_or(|id| session.id as i64 == id)
            && self.client_type.is_none_or(|wanted| ClientType::of(session) == wanted)
            && self.address.is_none_or(|address| session.address.as_bytes() == address)
            && self.local_address.is_none_or(|address| session.local_address.as_bytes() == address)
            && !(self.skips_self && session.peer == running)
    }
}

pub fn kill(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let is_old_form = args.len() == 3;
    let filter = if is_old_form {
        Filter {
            id: None,
            client_type: None,
            address: Some(args.get(2)),
            local_address: None,
            skips_self: false,
        }
    } else {
        read_filter(args)?
    };
    let running = context.session.peer;
    let matching: Vec<PeerId> = all(context)
        .into_iter()
        .filter(|session| filter.accepts(session, running))
        .map(|session| session.peer)
        .collect();
    if is_old_form && matching.is_empty() {
        return Err(CommandError::fixed("ERR No such client"));
    }
    for peer in &matching {
        if *peer == running {
            // It still gets this command's reply.
            context.step.peers.end(*peer);
        } else {
            context.step.peers.cut(*peer);
            context.shared.forget(*peer);
        }
    }
    if is_old_form {
        context.reply.ok();
    } else {
        context.reply.integer(matching.len() as i64);
    }
    Ok(())
}

fn read_filter(args: Args<'_>) -> Result<Filter<'_>, CommandError> {
    let mut filter =
        Filter { id: None, client_type: None, address: None, local_address: None, skips_self: true };
    let mut position = 2;
    while position < args.len() {
        let option = args.get(position);
        if position + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        let value = args.get(position + 1);
        if is_option(option, "ID") {
            let id = parse::integer(value).filter(|id| *id > 0);
            filter.id = Some(id.ok_or(CommandError::fixed("ERR client-id should be greater than 0"))?);
        } else if is_option(option, "TYPE") {
            filter.client_type = Some(ClientType::parse(value)?);
        } else if is_option(option, "ADDR") {
            filter.address = Some(value);
        } else if is_option(option, "LADDR") {
            filter.local_address = Some(value);
        } else if is_option(option, "USER") {
            if value != DEFAULT_USER {
                let user = quoted(value);
                return Err(format!("ERR No such user '{user}'").into());
            }
        } else if is_option(option, "SKIPME") && (is_option(value, "YES") || is_option(value, "NO")) {
            filter.skips_self = is_option(value, "YES");
        } else {
            return Err(CommandError::Syntax);
        }
        position += 2;
    }
    Ok(filter)
}

pub fn unblock(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let with_error = match args.len() {
        3 => false,
        4 if is_option(args.get(3), "TIMEOUT") => false,
        4 if is_option(args.get(3), "ERROR") => true,
        4 => return Err(CommandError::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(CommandError::Syntax),
    };
    let id = need_integer(args.get(2))?;
    let waits = |session: &&Session| {
        session.id as i64 == id
            && session.blocked.as_ref().is_some_and(|blocked| blocked.on_timeout != OnTimeout::Run)
    };
    let Some(peer) = context.shared.sessions.iter().find(waits).map(|session| session.peer) else {
        context.reply.integer(0);
        return Ok(());
    };
    let gate: Gate = context.shared.gate_with_open_record(context.step);
    let peers = &mut *context.step.peers;
    blocking::time_out(context.shared, peer, |protocol, encode| {
        peers.output(peer, gate, |rope| {
            let mut reply = Reply::new(rope, protocol);
            if with_error {
                reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
            } else {
                encode(&mut reply);
            }
        });
    });
    context.shared.released.push_back(peer);
    context.reply.integer(1);
    Ok(())
}
