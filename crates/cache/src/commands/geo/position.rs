//! Where members are: GEOPOS, GEOHASH, GEODIST.

use super::add::GEOADD;
use super::{need_unit_meters, position_of, reply_distance, reply_point};
use crate::command::{Carrier, CommandError, CommandSpec, Flags};
use crate::context::Context;
use crate::geohash::Point;
use warren_resp::{Args, Reply};

pub static GEOPOS: CommandSpec = CommandSpec {
    name: "geopos",
    arity: -2,
    flags: Flags::READONLY,
    summary: "Returns the positions of members.",
    complexity: "O(1) for each member asked about.",
    syntax: "key [member [member ...]]",
    carrier: Carrier::Cache(|context, args| {
        each_position(context, args, |reply, position| match position {
            Some(point) => reply_point(reply, point),
            None => reply.null_array(),
        })
    }),
    ..GEOADD
};

pub static GEOHASH: CommandSpec = CommandSpec {
    name: "geohash",
    summary: "Returns the positions of members as geohashes.",
    carrier: Carrier::Cache(|context, args| {
        each_position(context, args, |reply, position| match position {
            Some(point) => reply.bulk(&point.letters()),
            None => reply.null(),
        })
    }),
    ..GEOPOS
};

pub static GEODIST: CommandSpec = CommandSpec {
    name: "geodist",
    arity: -4,
    summary: "Returns the distance between two members.",
    complexity: "O(1)",
    syntax: "key member1 member2 [M | KM | FT | MI]",
    carrier: Carrier::Cache(geodist),
    ..GEOPOS
};

fn each_position(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    reply_one: impl Fn(&mut Reply<'_>, Option<Point>),
) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    context.reply.array(args.len() - 2);
    for member in args.from(2).iter() {
        let position = sorted_set.and_then(|sorted_set| position_of(sorted_set, member));
        reply_one(&mut context.reply, position);
    }
    Ok(())
}

fn geodist(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let unit_meters = match args.len() {
        4 => 1.0,
        5 => need_unit_meters(args.get(4))?,
        _ => return Err(CommandError::Syntax),
    };
    let place = context.read(args.get(1));
    let positions = context.shared.keyspace.sorted_set(place)?.and_then(|sorted_set| {
        position_of(sorted_set, args.get(2)).zip(position_of(sorted_set, args.get(3)))
    });
    match positions {
        Some((first, second)) => {
            reply_distance(&mut context.reply, first.distance_meters(second) / unit_meters);
        }
        None => context.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn positions_hashes_and_distances() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2|"),
                ("GEOADD s CH 13.361389 38.115556 Palermo 1 2 moved", ":1|"),
                ("GEOADD s NX CH 1 2 Palermo", ":0|"),
                ("GEOADD s NX XX 1 2 Palermo", "-ERR syntax error|"),
                ("GEOADD s 1 2 Palermo 3", "-ERR syntax error|"),
                ("GEOADD s 1 x Palermo", "-ERR value is not a valid float|"),
                ("GEOADD s 181 2 x", "-ERR invalid longitude,latitude pair 181.000000,2.000000|"),
                ("GEOPOS s Catania none", "*2|*2|$20|15.08726745843887329|$20|37.50266842333162032|*-1|"),
                ("GEOHASH s Catania none", "*2|$11|sqdtr74hyu0|$-1|"),
                ("GEODIST s Palermo Catania km", "$8|166.2742|"),
                ("GEODIST s Palermo none", "$-1|"),
                ("GEODIST none a b", "$-1|"),
                ("GEODIST s Palermo Catania yd", "-ERR unsupported unit provided. please use M, KM, FT, MI|"),
                ("GEODIST s Palermo Catania m m", "-ERR syntax error|"),
            ],
        );
    }
}
