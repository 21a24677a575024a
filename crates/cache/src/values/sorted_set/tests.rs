//! A sorted set against a sorted vector.

use super::*;
use proptest::prelude::*;

type Model = Vec<(f64, Vec<u8>)>;

fn model_insert(model: &mut Model, member: &[u8], score: f64) -> Added {
    let old = model.iter().position(|(_, other)| other == member);
    if let Some(index) = old {
        if model[index].0 == score {
            return Added::Same;
        }
        model.remove(index);
    }
    let before = |(other_score, other): &(f64, Vec<u8>)| {
        *other_score < score || (*other_score == score && other.as_slice() < member)
    };
    let index = model.partition_point(before);
    model.insert(index, (score, member.to_vec()));
    if old.is_some() { Added::Updated } else { Added::New }
}

fn contents(set: &SortedSet) -> Model {
    set.iter().map(|(member, score)| (score, member.to_vec())).collect()
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => (-5i32..5).prop_map(f64::from),
        5 => -1e9f64..1e9,
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(-0.0),
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => (0u32..500).prop_map(|number| format!("m{number}").into_bytes()),
        1 => (0u8..5).prop_map(|byte| vec![byte; 600]),
    ]
}

fn check_ranges(set: &SortedSet, model: &Model, low: f64, high: f64) {
    for (min, max) in [
        (ScoreBound::Inclusive(low), ScoreBound::Inclusive(high)),
        (ScoreBound::Exclusive(low), ScoreBound::Exclusive(high)),
        (ScoreBound::Exclusive(low), ScoreBound::Inclusive(high)),
    ] {
        let inside = |score: f64| !min.excludes_below(score) && !max.excludes_above(score);
        let expected: Model = model.iter().filter(|(score, _)| inside(*score)).cloned().collect();
        let range = set.score_range(min, max);
        assert_eq!(range.len(), expected.len(), "{min:?} {max:?}");
        let forwards: Model =
            set.range(range.clone()).map(|(member, score)| (score, member.to_vec())).collect();
        assert_eq!(forwards, expected);
        let mut backwards: Model =
            set.range(range).rev().map(|(member, score)| (score, member.to_vec())).collect();
        backwards.reverse();
        assert_eq!(backwards, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn behaves_as_a_sorted_vector(
        steps in proptest::collection::vec((0u8..20, member(), score(), any::<usize>()), 0..1000),
        low in score(),
        high in score(),
    ) {
        let limits = Limits::default();
        let (mut set, mut model) = (SortedSet::default(), Model::new());
        let mut frozen = Vec::new();
        for (action, member, score, index) in steps {
            match action {
                0..14 => prop_assert_eq!(set.insert(&member, score, &limits), model_insert(&mut model, &member, score)),
                14..18 => {
                    let index = model.iter().position(|(_, other)| *other == member);
                    prop_assert_eq!(set.rank(&member), index);
                    prop_assert_eq!(set.score(&member), index.map(|index| model[index].0));
                    prop_assert_eq!(set.remove(&member), index.is_some());
                    index.map(|index| model.remove(index));
                }
                18 => {
                    let start = if model.is_empty() { 0 } else { index % model.len() };
                    let end = (start + index % 7).min(model.len());
                    set.remove_range(start..end);
                    model.drain(start..end);
                }
                _ => frozen.push((set.freeze(), model.clone())),
            }
            prop_assert_eq!(set.len(), model.len());
        }
        frozen.push((set, model));
        for (set, model) in frozen {
            prop_assert_eq!(&contents(&set), &model);
            for (rank, (score, member)) in model.iter().enumerate() {
                prop_assert_eq!(set.rank(member), Some(rank));
                prop_assert_eq!(set.score(member), Some(*score));
            }
            check_ranges(&set, &model, low, high);
            let mut bytes = Vec::new();
            set.encode(&mut bytes);
            let decoded = SortedSet::decode(&bytes, 1).expect("own bytes");
            prop_assert_eq!(decoded.encoding(), set.encoding());
            prop_assert_eq!(&contents(&decoded), &model);
        }
    }

    #[test]
    fn lexicographic_ranges_hold_what_lies_between(numbers in proptest::collection::btree_set(0u32..1000, 0..300), ends in (0u32..1000, 0u32..1000)) {
        let limits = Limits::default();
        let mut set = SortedSet::default();
        let mut members: Vec<Vec<u8>> = numbers.iter().map(|number| format!("{number}").into_bytes()).collect();
        for member in &members {
            set.insert(member, 0.0, &limits);
        }
        members.sort();
        let (low, high) = (ends.0.to_string().into_bytes(), ends.1.to_string().into_bytes());
        for min in [LexBound::Lowest, LexBound::Inclusive(&low), LexBound::Exclusive(&low), LexBound::Highest] {
            for max in [LexBound::Lowest, LexBound::Inclusive(&high), LexBound::Exclusive(&high), LexBound::Highest] {
                let inside = |member: &&Vec<u8>| !min.excludes_below(member) && !max.excludes_above(member);
                let expected: Vec<&Vec<u8>> = members.iter().filter(inside).collect();
                let found: Vec<Vec<u8>> = set.range(set.lex_range(min, max)).map(|(member, _)| member.to_vec()).collect();
                prop_assert!(found.iter().eq(expected), "{:?} {:?}", min, max);
            }
        }
    }

    #[test]
    fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(0u8..6, 0..60)) {
        let _ = SortedSet::decode(&bytes, 0);
    }
}

#[test]
fn the_encoding_follows_the_limits() {
    let limits = Limits { sorted_set_listpack_entries_max: 2, ..Limits::default() };
    let mut set = SortedSet::default();
    set.insert(b"a", 1.0, &limits);
    set.insert(b"b", 2.0, &limits);
    assert_eq!(set.insert(b"a", 3.0, &limits), Added::Updated);
    assert_eq!(set.encoding(), "listpack");
    set.insert(b"c", 0.0, &limits);
    assert_eq!(set.encoding(), "skiplist");
    let mut long = SortedSet::default();
    long.insert(&vec![b'x'; 65], 1.0, &limits);
    assert_eq!(long.encoding(), "skiplist");
}

#[test]
fn zero_and_minus_zero_are_one_score() {
    let limits = Limits { sorted_set_listpack_entries_max: 0, ..Limits::default() };
    for limits in [Limits::default(), limits] {
        let mut set = SortedSet::default();
        set.insert(b"b", -0.0, &limits);
        set.insert(b"a", 0.0, &limits);
        assert_eq!(set.insert(b"a", -0.0, &limits), Added::Same);
        let members: Vec<Vec<u8>> = set.iter().map(|(member, _)| member.to_vec()).collect();
        assert_eq!(members, [b"a", b"b"]);
    }
}
