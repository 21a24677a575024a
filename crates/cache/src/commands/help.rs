//! The HELP subcommand of every container, from its rows.

use crate::command::{Carrier, CommandSpec};
use crate::context::Context;

/// Replies the subcommands of a container, each with its arguments and summary.
pub fn reply(context: &mut Context<'_, '_>, container: &CommandSpec) {
    let rows = match container.carrier {
        Carrier::Subcommands(rows) | Carrier::AloneOrSubcommands(_, rows) => rows,
        Carrier::Cache(_) | Carrier::Host(_) => &[],
    };
    let name = container.name.to_uppercase();
    context.reply.array(1 + 2 * rows.len());
    context.reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for row in rows {
        let line = format!("{} {}", row.name.to_uppercase(), row.syntax);
        context.reply.simple(line.trim_end());
        context.reply.simple(&format!("    {}", row.summary));
    }
}
