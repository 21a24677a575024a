//! MULTI, EXEC, DISCARD, WATCH: two keys that are always written together.

use super::strings::{get, increment, set};
use super::{Family, Ids, Kind};
use crate::operation::Operation;
use crate::random::Random;

pub static FAMILY: Family = Family { name: "transactions", kind: Kind::Resp(next) };

fn next(random: &mut Random, ids: &mut Ids) -> Vec<Operation> {
    let pair = random.below(3);
    let [one, other] = ["one", "other"].map(|side| format!("pair:{pair}:{side}").into_bytes());
    let value = ids.value(random);
    let mut operations = Vec::new();
    if random.chance(50) {
        operations.push(Operation::watch(&one));
        operations.push(get(one.clone()));
    }
    operations.push(Operation::multi());
    operations.push(set(one.clone(), value.clone()));
    if random.chance(30) {
        operations.push(increment(b"pair:count".to_vec(), 1));
    }
    operations.push(get(one));
    operations.push(set(other, value));
    operations.push(if random.chance(10) { Operation::discard() } else { Operation::exec() });
    operations
}
