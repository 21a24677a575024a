//! CLIENT REPLY, NO-EVICT, NO-TOUCH and TRACKING: what the connection wishes of the server.

use crate::command::CommandError;
use crate::context::Context;
use crate::parse::is_option;
use crate::session::ReplyMode;
use warren_resp::Args;

pub fn reply(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let mode = args.get(2);
    if is_option(mode, "ON") {
        context.session.reply_mode = ReplyMode::On;
        context.reply.ok();
    } else if is_option(mode, "OFF") {
        context.session.reply_mode = ReplyMode::Off;
    } else if is_option(mode, "SKIP") {
        if context.session.reply_mode == ReplyMode::On {
            context.session.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(())
}

pub fn no_evict(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    context.session.no_evict = read_switch(args.get(2))?;
    context.reply.ok();
    Ok(())
}

pub fn no_touch(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    context.session.no_touch = read_switch(args.get(2))?;
    context.reply.ok();
    Ok(())
}

/// Client-side caching is not built: whoever asks for it must not believe that invalidations come.
pub fn tracking(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if read_switch(args.get(2))? {
        return Err(CommandError::fixed("ERR CLIENT TRACKING is not supported by this server"));
    }
    context.reply.ok();
    Ok(())
}

pub fn tracking_info(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.map(3);
    context.reply.bulk(b"flags");
    context.reply.set(1);
    context.reply.bulk(b"off");
    context.reply.bulk(b"redirect");
    context.reply.integer(-1);
    context.reply.bulk(b"prefixes");
    context.reply.array(0);
    Ok(())
}

/// -1: tracking is off.
pub fn get_redirection(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.integer(-1);
    Ok(())
}

fn read_switch(text: &[u8]) -> Result<bool, CommandError> {
    if is_option(text, "ON") {
        Ok(true)
    } else if is_option(text, "OFF") {
        Ok(false)
    } else {
        Err(CommandError::Syntax)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn replies_can_be_switched_off() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("CLIENT REPLY SKIP", ""),
                ("PING", ""),
                ("PING", "+PONG|"),
                ("CLIENT REPLY OFF", ""),
                ("PING", ""),
                ("PING", ""),
                ("CLIENT REPLY ON", "+OK|"),
                ("PING", "+PONG|"),
                ("CLIENT REPLY BOGUS", "-ERR syntax error|"),
                ("CLIENT TRACKING ON", "-ERR CLIENT TRACKING is not supported by this server|"),
            ],
        );
    }
}
