//! HELLO and AUTH.

use super::client::name::check_name;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys, quoted};
use crate::commands::server::REDIS_VERSION;
use crate::context::Context;
use crate::parse;
use warren_resp::{Args, Protocol};

pub static HELLO: CommandSpec = CommandSpec {
    name: "hello",
    arity: -1,
    flags: super::FLAGS.or(Flags::FAST).or(Flags::NO_AUTH),
    keys: Keys::None,
    categories: "",
    group: Group::Connection,
    since: "6.0.0",
    summary: "Greets the server: chooses the protocol version and may authenticate.",
    complexity: "O(1)",
    syntax: "[protover [AUTH username password] [SETNAME clientname]]",
    carrier: Carrier::Cache(hello),
};

pub static AUTH: CommandSpec = CommandSpec {
    name: "auth",
    arity: -2,
    since: "1.0.0",
    summary: "Authenticates the connection.",
    syntax: "[username] password",
    carrier: Carrier::Cache(auth),
    ..HELLO
};

/// The one user there is.
pub const DEFAULT_USER: &[u8] = b"default";

const WRONG_PASSWORD: CommandError =
    CommandError::fixed("WRONGPASS invalid username-password pair or user is disabled.");

fn hello(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let protocol = if args.len() > 1 { read_protocol(args.get(1))? } else { context.session.protocol };
    let mut name = None;
    let mut position = 2;
    while position < args.len() {
        let option = args.get(position);
        let following = args.len() - position - 1;
        if parse::is_option(option, "AUTH") && following >= 2 {
            authenticate(context, args.get(position + 1), args.get(position + 2))?;
            position += 3;
        } else if parse::is_option(option, "SETNAME") && following >= 1 {
            name = Some(args.get(position + 1));
            check_name(args.get(position + 1))?;
            position += 2;
        } else {
            let option = quoted(option);
            return Err(format!("ERR Syntax error in HELLO option '{option}'").into());
        }
    }
    if !context.session.authenticated {
        return Err(CommandError::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol \
             version at the same time",
        ));
    }
    if let Some(name) = name {
        context.session.name = name.to_vec();
    }
    context.session.protocol = protocol;
    context.reply.set_protocol(protocol);
    greet(context);
    Ok(())
}

fn read_protocol(text: &[u8]) -> Result<Protocol, CommandError> {
    match parse::integer(text) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(CommandError::fixed("NOPROTO unsupported protocol version")),
        None => Err(CommandError::fixed("ERR Protocol version is not an integer or out of range")),
    }
}

fn greet(context: &mut Context<'_, '_>) {
    let version = if context.session.protocol == Protocol::Resp2 { 2 } else { 3 };
    let id = context.session.id as i64;
    let reply = &mut context.reply;
    reply.map(7);
    for (field, text) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(field.as_bytes());
        reply.bulk(text.as_bytes());
    }
    for (field, number) in [("proto", version), ("id", id)] {
        reply.bulk(field.as_bytes());
        reply.integer(number);
    }
    for (field, text) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(field.as_bytes());
        reply.bulk(text.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

fn auth(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    match args.len() {
        2 if context.shared.settings.password.is_empty() => {
            return Err(CommandError::fixed(
                "ERR AUTH <password> called without any password configured for the default user. Are you \
                 sure your configuration is correct?",
            ));
        }
        2 => authenticate(context, DEFAULT_USER, args.get(1))?,
        3 => authenticate(context, args.get(1), args.get(2))?,
        _ => return Err(CommandError::Syntax),
    }
    context.reply.ok();
    Ok(())
}

fn authenticate(context: &mut Context<'_, '_>, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    let expected = &context.shared.settings.password;
    if user != DEFAULT_USER || !(expected.is_empty() || is_same(expected, password)) {
        return Err(WRONG_PASSWORD);
    }
    context.session.authenticated = true;
    Ok(())
}

/// Compares in a time that does not tell how much is right.
fn is_same(expected: &[u8], given: &[u8]) -> bool {
    let mut difference = expected.len() ^ given.len();
    for (index, byte) in given.iter().enumerate() {
        difference |= usize::from(byte ^ expected.get(index).unwrap_or(&0));
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn hello_chooses_the_protocol() {
        let mut world = World::default();
        let client = world.connect();
        let fields = |head: &str, version: u8| {
            format!(
                "{head}|$6|server|$5|redis|$7|version|$6|7.0.15|$5|proto|:{version}|$2|id|:1|$4|mode|$10|\
                 standalone|$4|role|$6|master|$7|modules|*0|"
            )
        };
        world.transcript(
            client,
            &[
                ("HELLO", &fields("*14", 2)),
                ("HELLO 4", "-NOPROTO unsupported protocol version|"),
                ("HELLO x", "-ERR Protocol version is not an integer or out of range|"),
                ("HELLO 3 SETNAME me", &fields("%7", 3)),
                ("CLIENT GETNAME", "$2|me|"),
                ("GET none", "_|"),
                ("HELLO 2 AUTH a", "-ERR Syntax error in HELLO option 'AUTH'|"),
                ("HELLO 2 AUTH default any", &fields("*14", 2)),
                ("RESET", "+RESET|"),
                ("CLIENT GETNAME", "$-1|"),
            ],
        );
    }

    #[test]
    fn a_password_is_asked_for() {
        let mut world = World::default();
        world.cache.shared.settings.password = b"secret".to_vec();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("GET a", "-NOAUTH Authentication required.|"),
                ("PING", "-NOAUTH Authentication required.|"),
                ("AUTH secre", "-WRONGPASS invalid username-password pair or user is disabled.|"),
                ("AUTH secret2", "-WRONGPASS invalid username-password pair or user is disabled.|"),
                ("AUTH other secret", "-WRONGPASS invalid username-password pair or user is disabled.|"),
                ("AUTH secret", "+OK|"),
                ("PING", "+PONG|"),
                ("RESET", "+RESET|"),
                ("PING", "-NOAUTH Authentication required.|"),
                ("AUTH default secret", "+OK|"),
                ("PING hi", "$2|hi|"),
            ],
        );
        assert!(world.run(client, "HELLO 3").starts_with("%7|"));
    }
}
