//! Bits of a range: BITCOUNT, BITPOS.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::parse::{is_option, need_integer};
use std::ops::Range;
use warren_resp::Args;

pub static BITCOUNT: CommandSpec = CommandSpec {
    name: "bitcount",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    categories: "",
    group: Group::Bitmap,
    since: "2.6.0",
    summary: "Counts the bits that are set in a string value or a part of it.",
    complexity: "O(N) where N is the size of the part.",
    syntax: "key [start end [BYTE | BIT]]",
    carrier: Carrier::Cache(bitcount),
};

pub static BITPOS: CommandSpec = CommandSpec {
    name: "bitpos",
    arity: -3,
    since: "2.8.7",
    summary: "Finds the first bit that is set, or clear, in a string value or a part of it.",
    syntax: "key bit [start [end [BYTE | BIT]]]",
    carrier: Carrier::Cache(bitpos),
    ..BITCOUNT
};

fn bitcount(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let Some(string) = context.shared.keyspace.string(place)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let mut digits = itoa::Buffer::new();
    let bytes = string.as_bytes(&mut digits);
    let bits = match args.len() {
        2 => 0..bytes.len() * 8,
        4 | 5 => {
            let (start, end) = (need_integer(args.get(2))?, need_integer(args.get(3))?);
            if start < 0 && end < 0 && start > end {
                0..0
            } else {
                bit_range(start, end, Unit::read(args, 4)?, bytes.len())
            }
        }
        _ => return Err(CommandError::Syntax),
    };
    context.reply.integer(count_bits(bytes, bits) as i64);
    Ok(())
}

fn bitpos(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let bit = match need_integer(args.get(2))? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::fixed("ERR The bit argument must be 1 or 0.")),
    };
    let place = context.read(args.get(1));
    let Some(string) = context.shared.keyspace.string(place)? else {
        context.reply.integer(if bit { -1 } else { 0 });
        return Ok(());
    };
    let mut digits = itoa::Buffer::new();
    let bytes = string.as_bytes(&mut digits);
    let bits = match args.len() {
        3 => 0..bytes.len() * 8,
        4..=6 => {
            let start = need_integer(args.get(3))?;
            let unit = Unit::read(args, 5)?;
            let end = if args.len() > 4 { need_integer(args.get(4))? } else { -1 };
            bit_range(start, end, unit, bytes.len())
        }
        _ => return Err(CommandError::Syntax),
    };
    let found = find_bit(bytes, bit, bits.clone());
    // Without an end the string is followed by clear bits without end.
    let is_open = args.len() <= 4 && !bit && !bits.is_empty();
    let position = found.or(is_open.then_some(bytes.len() * 8));
    context.reply.integer(position.map_or(-1, |position| position as i64));
    Ok(())
}

/// What a range counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    /// The argument at `position`, if there is one.
    fn read(args: Args<'_>, position: usize) -> Result<Unit, CommandError> {
        if position >= args.len() || is_option(args.get(position), "BYTE") {
            Ok(Unit::Byte)
        } else if is_option(args.get(position), "BIT") {
            Ok(Unit::Bit)
        } else {
            Err(CommandError::Syntax)
        }
    }
}

/// The bits from `start` to `end` inclusive, negative numbers counting from the end, of a string of `size`
/// bytes.
fn bit_range(start: i64, end: i64, unit: Unit, size: usize) -> Range<usize> {
    let bits_per_unit = if unit == Unit::Byte { 8 } else { 1 };
    let length = (size * 8 / bits_per_unit) as i64;
    let from_either_end = |index: i64| if index < 0 { index.saturating_add(length).max(0) } else { index };
    let (start, end) = (from_either_end(start), from_either_end(end).min(length - 1));
    if start > end { 0..0 } else { start as usize * bits_per_unit..(end as usize + 1) * bits_per_unit }
}

fn count_bits(bytes: &[u8], bits: Range<usize>) -> usize {
    if bits.is_empty() {
        return 0;
    }
    let covered = &bytes[bits.start / 8..bits.end.div_ceil(8)];
    let (words, rest) = covered.as_chunks::<8>();
    let in_words: u32 = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones()).sum();
    let in_rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    let before = bytes[bits.start / 8] & !mask_from(bits.start);
    let after = bytes[(bits.end - 1) / 8] & !mask_to(bits.end);
    (in_words + in_rest - before.count_ones() - after.count_ones()) as usize
}

/// The first bit of the range that is `bit`.
fn find_bit(bytes: &[u8], bit: bool, bits: Range<usize>) -> Option<usize> {
    if bits.is_empty() {
        return None;
    }
    let unwanted = if bit { 0x00 } else { 0xff };
    let (first, last) = (bits.start / 8, (bits.end - 1) / 8);
    let mut index = first;
    while index <= last {
        let words = bytes[index..=last].as_chunks::<8>().0;
        index += 8 * words.iter().take_while(|word| **word == [unwanted; 8]).count();
        let end = (index + 8).min(last + 1);
        for (at, byte) in bytes[..end].iter().enumerate().skip(index) {
            let mut candidates = byte ^ unwanted;
            if at == first {
                candidates &= mask_from(bits.start);
            }
            if at == last {
                candidates &= mask_to(bits.end);
            }
            if candidates != 0 {
                return Some(at * 8 + candidates.leading_zeros() as usize);
            }
        }
        index = end;
    }
    None
}

/// Of a byte the bits from this one on.
fn mask_from(bit: usize) -> u8 {
    0xff >> (bit % 8)
}

/// Of the byte before this bit, or that of this bit, the bits before it.
fn mask_to(bit: usize) -> u8 {
    !(0x7f >> ((bit - 1) % 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    /// Bit by bit, for comparison.
    fn is_set(bytes: &[u8], bit: usize) -> bool {
        bytes[bit / 8] >> (7 - bit % 8) & 1 == 1
    }

    #[test]
    fn all_ranges_of_some_strings() {
        let mut sparse = [0; 30];
        sparse[17] = 0x10;
        let mut dense = [0xff; 30];
        dense[20] = 0xfe;
        let mixed: Vec<u8> = (0..30u8).map(|number| number.wrapping_mul(37)).collect();
        for bytes in [&sparse[..], &dense[..], &mixed[..]] {
            for start in 0..=bytes.len() * 8 {
                for end in start..=bytes.len() * 8 {
                    let count = (start..end).filter(|bit| is_set(bytes, *bit)).count();
                    assert_eq!(count_bits(bytes, start..end), count, "{start}..{end}");
                    for wanted in [false, true] {
                        let first = (start..end).find(|bit| is_set(bytes, *bit) == wanted);
                        assert_eq!(find_bit(bytes, wanted, start..end), first, "{wanted} {start}..{end}");
                    }
                }
            }
        }
    }

    #[test]
    fn ranges_and_their_errors() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SET k foobar", "+OK|"),
                ("BITCOUNT k", ":26|"),
                ("BITCOUNT k 5 30 BIT", ":17|"),
                ("BITCOUNT k -2 -1", ":7|"),
                ("BITCOUNT k 0", "-ERR syntax error|"),
                ("BITCOUNT k 0 1 HELLO", "-ERR syntax error|"),
                ("BITCOUNT missing x y", ":0|"),
                ("BITPOS k 1", ":1|"),
                ("BITPOS k 0 2 -1 BYTE", ":16|"),
                ("BITPOS k 0 1 2 BIT", ":-1|"),
                ("BITPOS k 2", "-ERR The bit argument must be 1 or 0.|"),
                ("BITPOS missing 0", ":0|"),
                ("BITPOS missing 1", ":-1|"),
            ],
        );
    }
}
