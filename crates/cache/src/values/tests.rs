//! Each container at a million elements: frozen, changed, and both read again.

use super::*;

const ELEMENTS: usize = 1_000_000;

/// Every so many elements one is removed, and one that was not there is added.
const STRIDE: usize = 5_000;

fn name(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn assert_all_there(numbers: impl Iterator<Item = Vec<u8>>) {
    let mut seen = vec![false; ELEMENTS];
    for number in numbers {
        let number: usize = String::from_utf8(number).expect("digits").parse().expect("a number");
        assert!(!std::mem::replace(&mut seen[number], true), "{number} twice");
    }
    assert!(seen.iter().all(|&seen| seen));
}

#[test]
fn a_frozen_list_keeps_its_million_elements() {
    let limits = Limits::default();
    let mut list = List::default();
    (0..ELEMENTS).for_each(|number| list.push_back(&name(number), &limits));
    let frozen = list.freeze();
    for index in (0..ELEMENTS).step_by(STRIDE) {
        list.set(index, b"changed", &limits);
        list.insert_at(index, b"added", &limits);
    }
    assert!(frozen.iter().enumerate().all(|(number, element)| *element == *name(number)));
    assert_eq!(list.len(), ELEMENTS + ELEMENTS / STRIDE);
    assert_eq!(list.iter().filter(|element| element.as_slice() == b"changed").count(), ELEMENTS / STRIDE);
}

#[test]
fn a_frozen_hash_keeps_its_million_fields() {
    let limits = Limits::default();
    let mut hash = Hash::default();
    (0..ELEMENTS).for_each(|number| assert!(hash.set(&name(number), b"old", &limits)));
    let frozen = hash.freeze();
    for number in (0..ELEMENTS).step_by(STRIDE) {
        assert!(hash.remove(&name(number)));
        hash.set(&name(number + 1), b"changed", &limits);
        hash.set(&name(number + ELEMENTS), b"added", &limits);
    }
    assert!(frozen.iter().all(|(_, value)| value.as_slice() == b"old"));
    assert_all_there(frozen.iter().map(|(field, _)| field.to_vec()));
    assert_eq!(hash.len(), ELEMENTS);
    assert_eq!(
        hash.iter().filter(|(_, value)| value.as_slice() == b"old").count(),
        ELEMENTS - 2 * ELEMENTS / STRIDE
    );
}

#[test]
fn a_frozen_set_keeps_its_million_members() {
    let limits = Limits::default();
    let mut set = Set::default();
    (0..ELEMENTS).for_each(|number| assert!(set.insert(&name(number), &limits)));
    let frozen = set.freeze();
    for number in (0..ELEMENTS).step_by(STRIDE) {
        assert!(set.remove(&name(number)) && set.insert(&name(number + ELEMENTS), &limits));
    }
    assert_all_there(frozen.iter().map(|member| member.to_vec()));
    assert!((0..ELEMENTS).step_by(STRIDE).all(|number| !set.contains(&name(number))));
}

#[test]
fn a_frozen_sorted_set_keeps_its_million_members() {
    let limits = Limits::default();
    let mut set = SortedSet::default();
    (0..ELEMENTS)
        .for_each(|number| assert_eq!(set.insert(&name(number), number as f64, &limits), Added::New));
    let frozen = set.freeze();
    for number in (0..ELEMENTS).step_by(STRIDE) {
        assert_eq!(set.insert(&name(number), -1.0, &limits), Added::Updated);
        assert_eq!(set.insert(&name(number + ELEMENTS), 0.5, &limits), Added::New);
    }
    let mut expected = (0..ELEMENTS).map(|number| (name(number), number as f64));
    assert!(frozen.iter().all(|(member, score)| Some((member.to_vec(), score)) == expected.next()));
    assert_eq!(frozen.rank(&name(STRIDE)), Some(STRIDE));
    let moved = set.score_range(ScoreBound::Inclusive(-1.0), ScoreBound::Inclusive(-1.0));
    assert_eq!(moved, 0..ELEMENTS / STRIDE);
    assert_eq!(set.rank(&name(ELEMENTS)), Some(ELEMENTS / STRIDE), "the first behind those moved");
}
