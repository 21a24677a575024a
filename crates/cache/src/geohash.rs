//! Positions on Earth as integers of 52 bits, whose order keeps what is near together: 26 bits of longitude
//! and latitude each, interleaved, the longitude's first. The score of a position in a sorted set is this.
//!
//! The numbers are Redis's: the range of latitudes is Web Mercator's, and the earth is a sphere.

pub const LONGITUDE_MAX: f64 = 180.0;
pub const LATITUDE_MAX: f64 = 85.051_128_78;
const EARTH_RADIUS_METERS: f64 = 6_372_797.560_856;
/// Half the length of the equator on the map: no search reaches further.
const MERCATOR_MAX_METERS: f64 = 20_037_726.37;
/// Halvings of each axis.
const STEPS_MAX: u32 = 26;
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

impl Point {
    pub fn is_on_map(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    pub fn encode(self) -> u64 {
        Cell::around(self, STEPS_MAX, LATITUDE_MAX).bits
    }

    /// The middle of the smallest cell.
    pub fn decode(hash: u64) -> Point {
        let area = Cell { bits: hash, steps: STEPS_MAX }.area();
        let middle = |low: f64, high: f64, max: f64| ((low + high) / 2.0).clamp(-max, max);
        Point {
            longitude: middle(area.west, area.east, LONGITUDE_MAX),
            latitude: middle(area.south, area.north, LATITUDE_MAX),
        }
    }

    /// The geohash that others read: over all latitudes, eleven letters of which 52 bits fill ten.
    pub fn letters(self) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::around(self, STEPS_MAX, 90.0).bits;
        std::array::from_fn(|index| match index {
            10 => ALPHABET[0],
            _ => ALPHABET[(bits >> (52 - (index + 1) * 5)) as usize & 0x1f],
        })
    }

    /// By the haversine formula.
    pub fn distance_meters(self, other: Point) -> f64 {
        let half_longitude = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if half_longitude == 0.0 {
            return latitude_distance_meters(self.latitude, other.latitude);
        }
        let (first, second) = (radians(self.latitude), radians(other.latitude));
        let half_latitude = ((second - first) / 2.0).sin();
        let square =
            half_latitude * half_latitude + first.cos() * second.cos() * half_longitude * half_longitude;
        2.0 * EARTH_RADIUS_METERS * square.sqrt().asin()
    }
}

fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

fn latitude_distance_meters(first: f64, second: f64) -> f64 {
    EARTH_RADIUS_METERS * (radians(second) - radians(first)).abs()
}

/// What is searched around a point, in meters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
}

impl Shape {
    /// The distance from the center to a point inside.
    pub fn distance_within(self, center: Point, point: Point) -> Option<f64> {
        match self {
            Shape::Circle { radius } => Some(center.distance_meters(point)).filter(|it| *it <= radius),
            Shape::Rectangle { width, height } => {
                let same_latitude = Point { latitude: point.latitude, ..center };
                let is_inside = latitude_distance_meters(point.latitude, center.latitude) <= height / 2.0
                    && point.distance_meters(same_latitude) <= width / 2.0;
                is_inside.then(|| center.distance_meters(point))
            }
        }
    }

    /// The ranges of hashes, the last of each excluded, that together hold all points inside: the cell of
    /// the center, then those around it that the shape can reach.
    pub fn hash_ranges(self, center: Point) -> Vec<std::ops::Range<u64>> {
        let bounds = self.bounds(center);
        let mut steps = self.steps(center.latitude);
        let mut cell = Cell::around(center, steps, LATITUDE_MAX);
        // Near its edge the cell's neighbours may be too small to hold the shape.
        let reaches_over = cell.neighbour(0, 1).area().north < bounds.north
            || cell.neighbour(0, -1).area().south > bounds.south
            || cell.neighbour(1, 0).area().east < bounds.east
            || cell.neighbour(-1, 0).area().west > bounds.west;
        if steps > 1 && reaches_over {
            steps -= 1;
            cell = Cell::around(center, steps, LATITUDE_MAX);
        }
        let area = cell.area();
        let is_needed = |(east, north): (i32, i32)| {
            let is_beyond = |step: i32, beyond_low: bool, beyond_high: bool| match step {
                -1 => beyond_low,
                1 => beyond_high,
                _ => false,
            };
            steps < 2
                || !(is_beyond(north, area.south < bounds.south, area.north > bounds.north)
                    || is_beyond(east, area.west < bounds.west, area.east > bounds.east))
        };
        let around = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let mut cells = vec![cell];
        for neighbour in around.into_iter().filter(|it| is_needed(*it)) {
            let neighbour = cell.neighbour(neighbour.0, neighbour.1);
            // Where the cells are a quarter of the world, neighbours on both sides are the same.
            if cells.len() == 1 || cells.last() != Some(&neighbour) {
                cells.push(neighbour);
            }
        }
        cells.into_iter().map(Cell::hash_range).collect()
    }

    /// The box around the shape, as wide as it is at its end that is nearer to a pole.
    fn bounds(self, center: Point) -> Area {
        let (half_width, half_height) = match self {
            Shape::Circle { radius } => (radius, radius),
            Shape::Rectangle { width, height } => (width / 2.0, height / 2.0),
        };
        let latitude_delta = degrees(half_height / EARTH_RADIUS_METERS);
        let polar = if center.latitude < 0.0 {
            center.latitude - latitude_delta
        } else {
            center.latitude + latitude_delta
        };
        let longitude_delta = degrees(half_width / EARTH_RADIUS_METERS / radians(polar).cos());
        Area {
            west: center.longitude - longitude_delta,
            east: center.longitude + longitude_delta,
            south: center.latitude - latitude_delta,
            north: center.latitude + latitude_delta,
        }
    }

    /// How often the axes are halved so that a cell and its neighbours hold the shape.
    fn steps(self, latitude: f64) -> u32 {
        let mut radius = match self {
            Shape::Circle { radius } => radius,
            Shape::Rectangle { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        if radius == 0.0 {
            return STEPS_MAX;
        }
        let mut steps = 1;
        while radius < MERCATOR_MAX_METERS {
            radius *= 2.0;
            steps += 1;
        }
        steps -= 2;
        if latitude.abs() > 66.0 {
            steps -= 1;
        }
        if latitude.abs() > 80.0 {
            steps -= 1;
        }
        steps.clamp(1, STEPS_MAX as i32) as u32
    }
}

/// A part of the map: both axes halved so many times.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    bits: u64,
    steps: u32,
}

struct Area {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Cell {
    fn around(point: Point, steps: u32, latitude_max: f64) -> Cell {
        let scaled = |value: f64, max: f64| ((value + max) / (max + max) * f64::from(1 << steps)) as u32;
        let longitude = scaled(point.longitude, LONGITUDE_MAX);
        let latitude = scaled(point.latitude, latitude_max);
        Cell { bits: spread(longitude) << 1 | spread(latitude), steps }
    }

    fn area(self) -> Area {
        let count = f64::from(1 << self.steps);
        let edge = |number: f64, max: f64| -max + number / count * (max + max);
        let longitude = f64::from(gathered(self.bits >> 1));
        let latitude = f64::from(gathered(self.bits));
        Area {
            west: edge(longitude, LONGITUDE_MAX),
            east: edge(longitude + 1.0, LONGITUDE_MAX),
            south: edge(latitude, LATITUDE_MAX),
            north: edge(latitude + 1.0, LATITUDE_MAX),
        }
    }

    /// One cell on, or back, on either axis; the map's edges meet.
    fn neighbour(self, east: i32, north: i32) -> Cell {
        let longitude = moved(self.bits, LONGITUDE_BITS, self.steps, east);
        let latitude = moved(self.bits, LATITUDE_BITS, self.steps, north);
        Cell { bits: longitude | latitude, steps: self.steps }
    }

    fn hash_range(self) -> std::ops::Range<u64> {
        let shift = 2 * (STEPS_MAX - self.steps);
        self.bits << shift..(self.bits + 1) << shift
    }
}

/// The bits of one axis after a step; the other axis's bits between them carry.
fn moved(bits: u64, axis: u64, steps: u32, step: i32) -> u64 {
    let within = u64::MAX >> (64 - 2 * steps);
    let between = !axis & within;
    let moved = match step {
        // A point on the map's upper edge is one cell beyond it, and stays there.
        0 => return bits & axis,
        1 => (bits & axis).wrapping_add(between + 1),
        _ => (bits & axis | between).wrapping_sub(between + 1),
    };
    moved & axis & within
}

/// Puts a zero before each bit.
fn spread(value: u32) -> u64 {
    let mut bits = u64::from(value);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Takes every second bit, the lowest first.
fn gathered(bits: u64) -> u32 {
    let mut bits = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point() -> impl Strategy<Value = Point> {
        (-180.0..180.0, -85.0..85.0).prop_map(|(longitude, latitude)| Point { longitude, latitude })
    }

    proptest! {
        #[test]
        fn a_position_comes_back_to_less_than_a_meter(point in point()) {
            let hash = point.encode();
            prop_assert!(hash < 1 << 52);
            prop_assert!(Point::decode(hash).distance_meters(point) < 1.0);
        }

        /// Whatever is inside lies in one of the ranges, short of the edges of the map.
        #[test]
        fn the_ranges_hold_the_shape(
            center in (-120.0..120.0, -50.0..50.0),
            offset in (-1.0..1.0, -1.0..1.0),
            size in 1.0f64..1_000_000.0,
            is_circle in any::<bool>(),
        ) {
            let center = Point { longitude: center.0, latitude: center.1 };
            let shape = match is_circle {
                true => Shape::Circle { radius: size },
                false => Shape::Rectangle { width: size, height: size * 2.0 },
            };
            let degrees_max = degrees(size / EARTH_RADIUS_METERS);
            let point = Point {
                longitude: center.longitude + offset.0 * degrees_max,
                latitude: center.latitude + offset.1 * degrees_max,
            };
            let hash = point.encode();
            if shape.distance_within(center, Point::decode(hash)).is_some() {
                let ranges = shape.hash_ranges(center);
                prop_assert!(ranges.len() <= 9);
                prop_assert!(ranges.iter().any(|range| range.contains(&hash)));
            }
        }
    }

    #[test]
    fn known_places() {
        let palermo = Point { longitude: 13.361389, latitude: 38.115556 };
        let catania = Point { longitude: 15.087269, latitude: 37.502669 };
        assert_eq!(palermo.encode(), 3_479_099_956_230_698);
        assert_eq!(&Point::decode(catania.encode()).letters(), b"sqdtr74hyu0");
        let distance = Point::decode(palermo.encode()).distance_meters(Point::decode(catania.encode()));
        assert_eq!(format!("{distance:.4}"), "166274.1516");
    }

    #[test]
    fn the_edges_of_the_map_meet() {
        let west = Cell::around(Point { longitude: -180.0, latitude: 0.0 }, 4, LATITUDE_MAX);
        let east = Cell::around(Point { longitude: 179.0, latitude: 0.0 }, 4, LATITUDE_MAX);
        assert_eq!(west.neighbour(-1, 0), east);
        assert_eq!(east.neighbour(1, 0), west);
        assert_eq!(west.neighbour(1, 1).neighbour(-1, -1), west);
    }
}
