//! ACL, as far as one user needs it: `default`, who may do everything.

use super::command::describe::{CATEGORIES, categories};
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys, quoted};
use crate::commands::connection::greeting::DEFAULT_USER;
use crate::commands::help;
use crate::context::Context;
use warren_resp::Args;

pub static ACL: CommandSpec = CommandSpec {
    name: "acl",
    arity: -2,
    flags: Flags::NONE,
    summary: "A container for access list commands.",
    complexity: "Depends on subcommand.",
    carrier: Carrier::Subcommands(SUBCOMMANDS),
    ..HELP
};

const HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.or(Flags::STALE),
    keys: Keys::None,
    categories: "",
    group: Group::Server,
    since: "6.0.0",
    summary: "Lists the subcommands.",
    complexity: "O(1)",
    syntax: "",
    carrier: Carrier::Cache(show_help),
};

const ROW: CommandSpec = CommandSpec { flags: HELP.flags.or(Flags::NOSCRIPT), ..HELP };
const ADMIN_ROW: CommandSpec = CommandSpec { flags: super::ADMIN, ..HELP };

static SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "whoami",
        summary: "Returns the user of the connection.",
        carrier: Carrier::Cache(who_am_i),
        ..ROW
    },
    CommandSpec {
        name: "cat",
        arity: -2,
        summary: "Returns the categories, or the commands of one.",
        syntax: "[category]",
        carrier: Carrier::Cache(list_category),
        ..ROW
    },
    CommandSpec {
        name: "users",
        summary: "Returns the names of users.",
        carrier: Carrier::Cache(users),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "list",
        summary: "Returns the rules of users, passwords left out.",
        carrier: Carrier::Cache(list),
        ..ADMIN_ROW
    },
    CommandSpec {
        name: "getuser",
        arity: 3,
        summary: "Returns the rules of one user, passwords left out.",
        syntax: "username",
        carrier: Carrier::Cache(get_user),
        ..ADMIN_ROW
    },
    HELP,
];

fn show_help(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    help::reply(context, &ACL);
    Ok(())
}

fn who_am_i(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.bulk(context.session.user.as_bytes());
    Ok(())
}

fn list_category(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let names: Vec<String> = match args.len() {
        2 => CATEGORIES.iter().map(|category| (*category).to_owned()).collect(),
        3 => {
            let wanted = args.get(2);
            if !CATEGORIES.iter().any(|category| wanted.eq_ignore_ascii_case(category.as_bytes())) {
                let wanted = quoted(wanted);
                return Err(format!("ERR Unknown category '{wanted}'").into());
            }
            let rows = context.shared.lookup.rows();
            rows.flat_map(|row| std::iter::once(row).chain(row.subcommands()))
                .filter(|row| {
                    categories(row.spec).any(|category| wanted.eq_ignore_ascii_case(category.as_bytes()))
                })
                .map(|row| row.full_name().into_owned())
                .collect()
        }
        _ => return Err(CommandError::wrong_arity("acl|cat")),
    };
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk(name.as_bytes()));
    Ok(())
}

fn users(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    context.reply.array(1);
    context.reply.bulk(DEFAULT_USER);
    Ok(())
}

fn list(context: &mut Context<'_, '_>, _: Args<'_>) -> Result<(), CommandError> {
    let password = if context.shared.settings.password.is_empty() { "nopass " } else { "" };
    let line = format!("user default on {password}~* &* +@all");
    context.reply.array(1);
    context.reply.bulk(line.as_bytes());
    Ok(())
}

fn get_user(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.get(2) != DEFAULT_USER {
        context.reply.null_array();
        return Ok(());
    }
    let needs_password = !context.shared.settings.password.is_empty();
    let flags: &[&str] = if needs_password { &["on"] } else { &["on", "nopass"] };
    let reply = &mut context.reply;
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    reply.bulk(b"passwords");
    reply.array(0);
    for (name, rules) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.bulk(name.as_bytes());
        reply.bulk(rules.as_bytes());
    }
    reply.bulk(b"selectors");
    reply.array(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn the_one_user() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ACL WHOAMI", "$7|default|"),
                ("ACL USERS", "*1|$7|default|"),
                ("ACL LIST", "*1|$34|user default on nopass ~* &* +@all|"),
                ("ACL GETUSER nobody", "*-1|"),
                ("ACL CAT nosuch", "-ERR Unknown category 'nosuch'|"),
                ("ACL CAT transaction", "*5|$5|multi|$4|exec|$7|discard|$5|watch|$7|unwatch|"),
                ("SLOWLOG GET -2", "-ERR count should be greater than or equal to -1|"),
                ("SLOWLOG GET", "*0|"),
                ("LATENCY RESET", ":0|"),
            ],
        );
        assert!(world.run(client, "LATENCY HELP").starts_with("*11|+LATENCY <subcommand>"));
    }
}
