//! HRANDFIELD.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::random::{need_pick_in_pairs, picked_length};
use crate::reply_text::{reply_text, reply_text_or_null};
use crate::values::Text;
use warren_resp::{Args, Protocol, Reply};

pub static HRANDFIELD: CommandSpec = CommandSpec {
    name: "hrandfield",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    categories: "",
    group: Group::Hash,
    since: "6.2.0",
    summary: "Returns one or more random fields of a hash.",
    complexity: "O(N) where N is the number of fields returned.",
    syntax: "key [count [WITHVALUES]]",
    carrier: Carrier::Cache(hrandfield),
};

fn hrandfield(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 2 {
        return several(context, args);
    }
    let place = context.read(args.get(1));
    let hash = context.shared.keyspace.hash(place)?;
    let chosen = hash.and_then(|hash| hash.nth(context.shared.random.below(hash.len())));
    reply_text_or_null(&mut context.reply, chosen.as_ref().map(|(field, _)| field));
    Ok(())
}

/// A positive count asks for different fields, a negative one for so many with repetition.
fn several(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (count, with_values) = need_pick_in_pairs(args, "WITHVALUES")?;
    let place = context.read(args.get(1));
    let Some(hash) = context.shared.keyspace.hash(place)?.filter(|_| count != 0) else {
        context.reply.array(0);
        return Ok(());
    };
    let mut writer = FieldWriter { reply: &mut context.reply, with_values };
    writer.head(picked_length(count, hash.len()));
    context.shared.random.pick(count, || hash.iter(), |(field, value)| writer.field(&field, &value));
    Ok(())
}

struct FieldWriter<'r, 'a> {
    reply: &'r mut Reply<'a>,
    with_values: bool,
}

impl FieldWriter<'_, '_> {
    /// RESP3 pairs each field with its value; RESP2 has one flat array.
    fn head(&mut self, count: usize) {
        let is_flat = self.with_values && self.reply.protocol() == Protocol::Resp2;
        self.reply.array(if is_flat { count * 2 } else { count });
    }

    fn field(&mut self, field: &Text<'_>, value: &Text<'_>) {
        if self.with_values && self.reply.protocol() == Protocol::Resp3 {
            self.reply.array(2);
        }
        reply_text(self.reply, field);
        if self.with_values {
            reply_text(self.reply, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn counts_and_their_shapes() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("HSET h a 1", ":1|"),
                ("HRANDFIELD h", "$1|a|"),
                ("HRANDFIELD h -3", "*3|$1|a|$1|a|$1|a|"),
                ("HRANDFIELD h 5 WITHVALUES", "*2|$1|a|$1|1|"),
                ("HRANDFIELD h 0", "*0|"),
                ("HRANDFIELD none", "$-1|"),
                ("HRANDFIELD none 5", "*0|"),
                ("HRANDFIELD h x", "-ERR value is not an integer or out of range|"),
                ("HRANDFIELD h 1 x", "-ERR syntax error|"),
                ("HRANDFIELD h 1 WITHVALUES x", "-ERR syntax error|"),
                ("HRANDFIELD h -9223372036854775807 WITHVALUES", "-ERR value is out of range|"),
                ("HRANDFIELD h -9223372036854775807", "-ERR value is out of range|"),
                ("HRANDFIELD h 9223372036854775807", "*1|$1|a|"),
            ],
        );
        world.run(client, "HELLO 3");
        world.transcript(client, &[("HRANDFIELD h -2 WITHVALUES", "*2|*2|$1|a|$1|1|*2|$1|a|$1|1|")]);
    }

    #[test]
    fn a_positive_count_never_repeats_a_field() {
        let mut world = World::default();
        let client = world.connect();
        for index in 0..1000 {
            world.run(client, &format!("HSET h f{index:03} 1"));
        }
        for count in [1, 10, 500, 999, 1000, 2000] {
            let reply = world.run(client, &format!("HRANDFIELD h {count}"));
            let mut fields: Vec<_> = reply.split('|').filter(|word| word.starts_with('f')).collect();
            fields.sort_unstable();
            fields.dedup();
            assert_eq!(fields.len(), count.min(1000));
        }
    }
}
