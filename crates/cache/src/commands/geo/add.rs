//! GEOADD.

use super::need_point;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::commands::sorted_set::add::{Options, Pairs, add};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::parse::is_option;
use warren_resp::Args;

pub static GEOADD: CommandSpec = CommandSpec {
    name: "geoadd",
    arity: -5,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Geo,
    since: "3.2.0",
    summary: "Adds members with their positions, or moves them.",
    complexity: "O(log(N)) for each member given, where N is the number of members in the sorted set.",
    syntax: "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
    carrier: Carrier::Cache(geoadd),
};

fn geoadd(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut options = Options::default();
    let mut first = 2;
    while first < args.len() {
        let word = args.get(first);
        let option = match word {
            _ if is_option(word, "NX") => &mut options.only_new,
            _ if is_option(word, "XX") => &mut options.only_existing,
            _ if is_option(word, "CH") => &mut options.counts_changed,
            _ => break,
        };
        *option = true;
        first += 1;
    }
    let words = args.len() - first;
    if words == 0 || !words.is_multiple_of(3) || (options.only_new && options.only_existing) {
        return Err(CommandError::Syntax);
    }
    let pair =
        |position: usize| Ok((need_point(args, position)?.encode() as f64, Value::of(args, position + 2)));
    let pairs = (first..args.len()).step_by(3).map(pair).collect::<Result<Pairs<'_>, CommandError>>()?;
    add(context, args.get(1), options, &pairs)
}
