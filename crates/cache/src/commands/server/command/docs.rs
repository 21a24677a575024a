//! COMMAND DOCS.

use super::describe::find;
use super::syntax::{self, Argument, Kind};
use crate::command::CommandError;
use crate::context::Context;
use crate::lookup::Row;
use warren_resp::{Args, Reply};

pub fn docs(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let rows: Vec<Row> = match args.len() {
        2 => context.shared.lookup.rows().collect(),
        _ => args.from(2).iter().filter_map(|name| find(context.shared, name)).collect(),
    };
    describe_all(&mut context.reply, &rows);
    Ok(())
}

fn describe_all(reply: &mut Reply<'_>, rows: &[Row]) {
    reply.map(rows.len());
    for row in rows {
        reply.bulk(row.full_name().as_bytes());
        describe(reply, *row);
    }
}

fn describe(reply: &mut Reply<'_>, row: Row) {
    let spec = row.spec;
    let arguments = syntax::parse(spec.syntax);
    let subcommands: Vec<Row> = row.subcommands().collect();
    reply.map(4 + usize::from(!arguments.is_empty()) + usize::from(!subcommands.is_empty()));
    for (field, text) in [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ] {
        reply.bulk(field.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        describe_arguments(reply, &arguments);
    }
    if !subcommands.is_empty() {
        reply.bulk(b"subcommands");
        describe_all(reply, &subcommands);
    }
}

fn describe_arguments(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        let flags: Vec<_> = [(argument.is_optional, "optional"), (argument.is_multiple, "multiple")]
            .into_iter()
            .filter_map(|(is_set, name)| is_set.then_some(name))
            .collect();
        let is_key = argument.kind == Kind::Key;
        reply.map(
            2 + usize::from(is_key)
                + usize::from(argument.token.is_some())
                + usize::from(!flags.is_empty())
                + usize::from(!argument.arguments.is_empty()),
        );
        reply.bulk(b"name");
        reply.bulk(argument.name.as_bytes());
        reply.bulk(b"type");
        reply.bulk(argument.kind.name().as_bytes());
        if is_key {
            reply.bulk(b"key_spec_index");
            reply.integer(0);
        }
        if let Some(token) = &argument.token {
            reply.bulk(b"token");
            reply.bulk(token.as_bytes());
        }
        if !flags.is_empty() {
            reply.bulk(b"flags");
            reply.set(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if !argument.arguments.is_empty() {
            reply.bulk(b"arguments");
            describe_arguments(reply, &argument.arguments);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn what_docs_says_of_a_command() {
        let mut world = World::default();
        let client = world.connect();
        let get = "*2|$3|get|*10|$7|summary|$34|Returns the string value of a key.|$5|since|$5|1.0.0|$5|group|\
                   $6|string|$10|complexity|$4|O(1)|$9|arguments|*1|*6|$4|name|$3|key|$4|type|$3|key|$14|\
                   key_spec_index|:0|";
        world.transcript(client, &[("COMMAND DOCS get", get), ("COMMAND DOCS nosuch", "*0|")]);
        assert!(world.run(client, "COMMAND DOCS").len() > 1000);
    }
}
