//! Positions, kept as scores of sorted sets.

pub mod add;
pub mod position;
pub mod search;
pub mod search_options;

use crate::command::{CommandError, CommandSpec};
use crate::geohash::Point;
use crate::parse::{format_decimals, is_option, need_float};
use crate::values::SortedSet;
use warren_resp::{Args, Reply};

pub static ROWS: &[&CommandSpec] = &[
    &add::GEOADD,
    &position::GEOPOS,
    &position::GEOHASH,
    &position::GEODIST,
    &search::GEOSEARCH,
    &search::GEOSEARCHSTORE,
    &search::GEORADIUS,
    &search::GEORADIUS_RO,
    &search::GEORADIUSBYMEMBER,
    &search::GEORADIUSBYMEMBER_RO,
];

/// Longitude and latitude from argument `first` on.
fn need_point(args: Args<'_>, first: usize) -> Result<Point, CommandError> {
    let point = Point { longitude: need_float(args.get(first))?, latitude: need_float(args.get(first + 1))? };
    if point.is_on_map() {
        return Ok(point);
    }
    let (longitude, latitude) = (point.longitude, point.latitude);
    Err(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}").into())
}

/// How many meters a unit has.
fn need_unit_meters(text: &[u8]) -> Result<f64, CommandError> {
    let units = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    let unit = units.into_iter().find(|(name, _)| is_option(text, name));
    unit.map(|(_, meters)| meters)
        .ok_or(CommandError::fixed("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

fn position_of(sorted_set: &SortedSet, member: &[u8]) -> Option<Point> {
    sorted_set.score(member).map(decoded)
}

/// Any score can be read as a position. What is no number of 64 bits is read as Redis's compiled C does: a
/// negative one as its two's complement, one too large as 0.
fn decoded(score: f64) -> Point {
    const TOO_LARGE: f64 = (1u128 << 64) as f64;
    Point::decode(match score {
        _ if score < 0.0 => score as i64 as u64,
        _ if score >= TOO_LARGE => 0,
        _ => score as u64,
    })
}

fn reply_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    reply.double(&format_decimals(point.longitude));
    reply.double(&format_decimals(point.latitude));
}

fn reply_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}
