//! LCS, the longest common subsequence of two strings.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::parse::{is_option, need_integer};
use std::ops::RangeInclusive;
use warren_resp::{Args, Reply};
use warren_units::bounds::BULK_SIZE_BYTES_MAX;

pub static LCS: CommandSpec = CommandSpec {
    name: "lcs",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::TWO,
    categories: "",
    group: Group::String,
    since: "7.0.0",
    summary: "Finds the longest common subsequence of two strings.",
    complexity: "O(N*M) where N and M are the lengths of the two strings.",
    syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    carrier: Carrier::Cache(lcs),
};

#[derive(Default)]
struct Options {
    length_only: bool,
    ranges: bool,
    with_match_length: bool,
    match_length_min: i64,
}

fn lcs(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (first, second) = (text(context, args.get(1))?, text(context, args.get(2))?);
    let options = read_options(args)?;
    let Some(table) = Table::new(&first, &second) else {
        return Err(CommandError::fixed(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    };
    let length = table.length(first.len(), second.len());
    if options.length_only {
        context.reply.integer(i64::from(length));
    } else if options.ranges {
        let mut runs = table.runs(&first, &second);
        runs.retain(|run| run.length() as i64 >= options.match_length_min);
        reply_runs(&mut context.reply, &runs, length, options.with_match_length);
    } else {
        let runs = table.runs(&first, &second);
        let common: Vec<u8> = runs.iter().rev().flat_map(|run| &first[run.first.clone()]).copied().collect();
        context.reply.bulk(&common);
    }
    Ok(())
}

fn text(context: &mut Context<'_, '_>, key: &[u8]) -> Result<Vec<u8>, CommandError> {
    let place = context.read(key);
    match context.shared.keyspace.string(place) {
        Ok(string) => Ok(string.map(|string| string.to_vec()).unwrap_or_default()),
        Err(_) => Err(CommandError::fixed("ERR The specified keys must contain string values")),
    }
}

fn read_options(args: Args<'_>) -> Result<Options, CommandError> {
    let mut options = Options::default();
    let mut position = 3;
    while position < args.len() {
        let option = args.get(position);
        if is_option(option, "IDX") {
            options.ranges = true;
        } else if is_option(option, "LEN") {
            options.length_only = true;
        } else if is_option(option, "WITHMATCHLEN") {
            options.with_match_length = true;
        } else if is_option(option, "MINMATCHLEN") && position + 1 < args.len() {
            position += 1;
            options.match_length_min = need_integer(args.get(position))?;
        } else {
            return Err(CommandError::Syntax);
        }
        position += 1;
    }
    if options.length_only && options.ranges {
        return Err(CommandError::fixed("ERR If you want both the length and indexes, please just use IDX."));
    }
    Ok(options)
}

/// A part that both strings have without a gap.
struct Run {
    first: RangeInclusive<usize>,
    second: RangeInclusive<usize>,
}

impl Run {
    fn length(&self) -> usize {
        self.first.end() - self.first.start() + 1
    }
}

/// Lengths of the longest common subsequences of all prefixes.
struct Table {
    lengths: Vec<u32>,
    width: usize,
}

impl Table {
    /// `None` if the table would be larger than a string may be.
    fn new(first: &[u8], second: &[u8]) -> Option<Table> {
        let width = second.len() + 1;
        let size = (first.len() + 1).checked_mul(width)?;
        if size.checked_mul(size_of::<u32>())? > BULK_SIZE_BYTES_MAX {
            return None;
        }
        let mut table = Table { lengths: vec![0; size], width };
        for (row, byte) in first.iter().enumerate() {
            for (column, other) in second.iter().enumerate() {
                table.lengths[(row + 1) * width + column + 1] = if byte == other {
                    table.length(row, column) + 1
                } else {
                    table.length(row, column + 1).max(table.length(row + 1, column))
                };
            }
        }
        Some(table)
    }

    fn length(&self, first_size: usize, second_size: usize) -> u32 {
        self.lengths[first_size * self.width + second_size]
    }

    /// The longest common subsequence as runs, the last first.
    fn runs(&self, first: &[u8], second: &[u8]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let (mut row, mut column) = (first.len(), second.len());
        while row > 0 && column > 0 {
            if first[row - 1] == second[column - 1] {
                (row, column) = (row - 1, column - 1);
                match runs.last_mut() {
                    Some(run) if *run.first.start() == row + 1 && *run.second.start() == column + 1 => {
                        run.first = row..=*run.first.end();
                        run.second = column..=*run.second.end();
                    }
                    _ => runs.push(Run { first: row..=row, second: column..=column }),
                }
            } else if self.length(row - 1, column) > self.length(row, column - 1) {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        runs
    }
}

fn reply_runs(reply: &mut Reply<'_>, runs: &[Run], length: u32, with_match_length: bool) {
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(runs.len());
    for run in runs {
        reply.array(2 + usize::from(with_match_length));
        for range in [&run.first, &run.second] {
            reply.array(2);
            reply.integer(*range.start() as i64);
            reply.integer(*range.end() as i64);
        }
        if with_match_length {
            reply.integer(run.length() as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(i64::from(length));
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn the_common_part_its_length_and_its_ranges() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("MSET a ohmytext b mynewtext", "+OK|"),
                ("LCS a b", "$6|mytext|"),
                ("LCS a b LEN", ":6|"),
                (
                    "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
                    "*4|$7|matches|*1|*3|*2|:4|:7|*2|:5|:8|:4|$3|len|:6|",
                ),
                ("LCS a missing", "$0||"),
                ("LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX.|"),
            ],
        );
    }
}
