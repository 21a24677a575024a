//! Who is near: GEOSEARCH, GEOSEARCHSTORE, and the older GEORADIUS and GEORADIUSBYMEMBER.

use super::add::GEOADD;
use super::search_options::{Form, Order, SearchOptions};
use super::{decoded, reply_distance, reply_point};
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Keys};
use crate::commands::sorted_set::range::store_sorted_set;
use crate::context::Context;
use crate::geohash::Point;
use crate::parse::is_option;
use crate::reply_text::reply_text;
use crate::values::{ScoreBound, SortedSet, Text};
use std::cmp::Ordering;
use warren_resp::{Args, Reply};

pub static GEOSEARCH: CommandSpec = CommandSpec {
    name: "geosearch",
    arity: -7,
    flags: Flags::READONLY,
    since: "6.2.0",
    summary: "Returns the members inside a circle or a box.",
    complexity: "O(N+log(M)) where N is the number of members in the grid cells around the shape and M of those inside it.",
    syntax: "key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | \
             BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] \
             [WITHHASH]",
    carrier: Carrier::Cache(|context, args| search(context, args, Form::Search)),
    ..GEOADD
};

pub static GEOSEARCHSTORE: CommandSpec = CommandSpec {
    name: "geosearchstore",
    arity: -8,
    flags: GEOADD.flags,
    keys: Keys::TWO,
    summary: "Stores the members inside a circle or a box.",
    syntax: "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius \
             <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] \
             [STOREDIST]",
    carrier: Carrier::Cache(|context, args| search(context, args, Form::SearchStore)),
    ..GEOSEARCH
};

pub static GEORADIUS: CommandSpec = CommandSpec {
    name: "georadius",
    arity: -6,
    flags: GEOADD.flags,
    keys: Keys::Found(|args| found_keys(args, 6)),
    since: "3.2.0",
    summary: "Returns or stores the members within a distance of a point.",
    syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
    carrier: Carrier::Cache(|context, args| search(context, args, Form::Radius { may_store: true })),
    ..GEOSEARCH
};

pub static GEORADIUS_RO: CommandSpec = CommandSpec {
    name: "georadius_ro",
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    since: "3.2.10",
    summary: "Returns the members within a distance of a point.",
    syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC]",
    carrier: Carrier::Cache(|context, args| search(context, args, Form::Radius { may_store: false })),
    ..GEORADIUS
};

pub static GEORADIUSBYMEMBER: CommandSpec = CommandSpec {
    name: "georadiusbymember",
    arity: -5,
    keys: Keys::Found(|args| found_keys(args, 5)),
    summary: "Returns or stores the members within a distance of a member.",
    syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC] [STORE key | STOREDIST key]",
    carrier: Carrier::Cache(|context, args| search(context, args, Form::RadiusByMember { may_store: true })),
    ..GEORADIUS
};

pub static GEORADIUSBYMEMBER_RO: CommandSpec = CommandSpec {
    name: "georadiusbymember_ro",
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    since: "3.2.10",
    summary: "Returns the members within a distance of a member.",
    syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC]",
    carrier: Carrier::Cache(|context, args| search(context, args, Form::RadiusByMember { may_store: false })),
    ..GEORADIUSBYMEMBER
};

/// The source, and the last destination named among the options.
fn found_keys(args: Args<'_>, options_at: usize) -> Vec<usize> {
    let is_store = |at: &usize| is_option(args.get(*at), "STORE") || is_option(args.get(*at), "STOREDIST");
    let mut destination = None;
    let mut position = options_at;
    while position + 1 < args.len() {
        if is_store(&position) {
            position += 1;
            destination = Some(position);
        }
        position += 1;
    }
    std::iter::once(1).chain(destination).collect()
}

/// A member inside the shape.
struct Match<'k> {
    member: Text<'k>,
    score: f64,
    point: Point,
    /// In the client's unit.
    distance: f64,
}

fn search(context: &mut Context<'_, '_>, args: Args<'_>, form: Form) -> Result<(), CommandError> {
    let place = context.read(args.get(form.key_at()));
    let keyspace = &context.shared.keyspace;
    let sorted_set = keyspace.sorted_set(place)?;
    let options = SearchOptions::read(args, form, sorted_set)?;
    let matches = sorted_set.map(|sorted_set| matches(sorted_set, &options)).unwrap_or_default();
    let Some(destination) = options.destination else {
        reply_matches(&mut context.reply, &matches, &options);
        return Ok(());
    };
    let mut result = SortedSet::default();
    for found in matches {
        let score = if options.stores_distance { found.distance } else { found.score };
        result.insert(found.member, score, &keyspace.limits);
    }
    store_sorted_set(context, destination, result)
}

fn matches<'k>(sorted_set: &'k SortedSet, options: &SearchOptions<'_>) -> Vec<Match<'k>> {
    let (Some(center), Some(shape)) = (options.center, options.shape) else { return Vec::new() };
    let enough = options.count.filter(|_| options.any).unwrap_or(usize::MAX);
    let ranges = shape.hash_ranges(center).into_iter().flat_map(|range| {
        let bounds = (ScoreBound::Inclusive(range.start as f64), ScoreBound::Exclusive(range.end as f64));
        sorted_set.range(sorted_set.score_range(bounds.0, bounds.1))
    });
    let within = ranges.filter_map(|(member, score)| {
        let point = decoded(score);
        let distance = shape.distance_within(center, point)?;
        Some(Match { member, score, point, distance: distance / options.unit_meters })
    });
    let mut matches: Vec<_> = within.take(enough).collect();
    // The nearest are meant where it is not said which.
    let nearest = options.count.filter(|_| !options.any).map(|_| Order::Nearest);
    if let Some(order) = options.order.or(nearest) {
        matches.sort_by(|one, other| {
            let ordering = one.distance.partial_cmp(&other.distance).unwrap_or(Ordering::Equal);
            if order == Order::Nearest { ordering } else { ordering.reverse() }
        });
    }
    matches.truncate(options.count.unwrap_or(usize::MAX));
    matches
}

fn reply_matches(reply: &mut Reply<'_>, matches: &[Match<'_>], options: &SearchOptions<'_>) {
    let more = [options.with_distance, options.with_hash, options.with_coordinates];
    let more = more.into_iter().filter(|is_wanted| *is_wanted).count();
    reply.array(matches.len());
    for found in matches {
        if more > 0 {
            reply.array(1 + more);
        }
        reply_text(reply, &found.member);
        if options.with_distance {
            reply_distance(reply, found.distance);
        }
        if options.with_hash {
            reply.integer(found.score as i64);
        }
        if options.with_coordinates {
            reply_point(reply, found.point);
        }
    }
}
