//! The tree itself: its structure under random changes, and what a frozen tree costs a changing one.

use super::*;
use crate::values::text::Text;
use hashbrown::HashSet;
use proptest::prelude::*;

/// Numbers as prefixes, with leaves so small that a few thousand records make a deep tree.
enum Tiny {}

impl Order for Tiny {
    type Slot = u64;

    const LEAF_RECORDS_MAX: usize = 4;

    fn insert_separator(leaf: &Chunk<u64>, index: usize, keys: &mut Chunk<u64>, at: usize) {
        keys.insert(at, leaf.prefix(index), &[]);
    }

    fn may_split(leaf: &Chunk<u64>, index: usize) -> bool {
        leaf.prefix(index - 1) != leaf.prefix(index)
    }
}

fn insert(tree: &mut Tree<Tiny>, number: u64) {
    let place = tree.search(|chunk, index| chunk.prefix(index).cmp(&number)).place;
    tree.edit(&place, |leaf, index| leaf.insert(index, number, &[Text::from(number as i64)]));
}

fn contents(tree: &Tree<Tiny>) -> Vec<u64> {
    tree.records(0..tree.len())
        .map(|(leaf, index)| {
            let number = leaf.prefix(index);
            assert_eq!(leaf.field(index, 0), Text::from(number as i64));
            number
        })
        .collect()
}

/// Checks counts, order and separators below a node; returns its depth and adds up its leaves' bytes.
fn check(node: &Node<Tiny>, low: u64, high: u64, leaf_bytes: &mut usize) -> (usize, usize) {
    match node {
        Node::Leaf(leaf) => {
            *leaf_bytes += leaf.memory_bytes();
            assert!((0..leaf.len()).all(|index| (low..high).contains(&leaf.prefix(index))));
            assert!((1..leaf.len()).all(|index| leaf.prefix(index - 1) <= leaf.prefix(index)));
            (0, leaf.len())
        }
        Node::Inner(inner) => {
            assert_eq!(inner.keys.len(), inner.children.len());
            assert!((1..=FANOUT_MAX).contains(&inner.children.len()));
            let mut depth = None;
            let mut total = 0;
            for (index, child) in inner.children.iter().enumerate() {
                assert!(child.count > 0, "an empty child is dropped");
                let child_low = if index == 0 { low } else { inner.keys.prefix(index) };
                let child_high =
                    if index + 1 == inner.keys.len() { high } else { inner.keys.prefix(index + 1) };
                let (child_depth, count) = check(&child.node, child_low, child_high, leaf_bytes);
                assert_eq!(count, child.count);
                assert_eq!(*depth.get_or_insert(child_depth), child_depth, "all leaves are equally deep");
                total += count;
            }
            (depth.expect("a child") + 1, total)
        }
    }
}

fn check_tree(tree: &Tree<Tiny>) -> usize {
    let mut leaf_bytes = 0;
    let (depth, count) = check(&tree.root, 0, u64::MAX, &mut leaf_bytes);
    assert_eq!(count, tree.len());
    assert_eq!(leaf_bytes, tree.leaf_bytes, "memory is counted exactly");
    depth
}

fn insert_sorted(model: &mut Vec<u64>, number: u64) {
    let index = model.partition_point(|&other| other < number);
    model.insert(index, number);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn keeps_its_shape_under_runs_of_changes(
        runs in proptest::collection::vec((0u8..6, any::<u64>(), 1u64..400), 1..24),
    ) {
        let (mut tree, mut model) = (Tree::<Tiny>::default(), Vec::new());
        let mut frozen = Vec::new();
        for (action, start, size) in runs {
            let start = start % 3000;
            match action {
                // Rising, falling, and scattered numbers, some of them equal.
                0 => (start..start + size).for_each(|number| {
                    insert(&mut tree, number);
                    insert_sorted(&mut model, number);
                }),
                1 => (start..start + size).rev().for_each(|number| {
                    insert(&mut tree, number);
                    insert_sorted(&mut model, number);
                }),
                2 | 3 => (0..size).for_each(|step| {
                    let number = (start + step * 7919) % 3001;
                    insert(&mut tree, number);
                    insert_sorted(&mut model, number);
                }),
                4 => {
                    let start = (start as usize).min(model.len());
                    let end = (start + size as usize).min(model.len());
                    tree.remove_range(start..end);
                    model.drain(start..end);
                }
                _ => (0..size).for_each(|step| {
                    if !model.is_empty() {
                        let position = ((start + step * 7919) as usize) % model.len();
                        tree.remove_range(position..position + 1);
                        model.remove(position);
                    }
                }),
            }
            check_tree(&tree);
            if start % 3 == 0 {
                frozen.push((tree.freeze(), model.clone()));
            }
        }
        frozen.push((tree, model));
        for (tree, model) in frozen {
            check_tree(&tree);
            prop_assert_eq!(&contents(&tree), &model);
            for number in [0, 1, 1500, 3000, 4000] {
                let found = tree.search(|chunk, index| chunk.prefix(index).cmp(&number));
                prop_assert_eq!(tree.position(&found.place), model.partition_point(|&other| other < number));
            }
        }
    }
}

#[test]
fn grows_deep_and_shrinks_to_nothing() {
    let mut tree = Tree::<Tiny>::default();
    (0..20_000).for_each(|number| insert(&mut tree, number * 7919 % 20_011));
    assert!(check_tree(&tree) >= 3);
    while tree.len() > 0 {
        let position = tree.len() * 2 / 3;
        tree.remove_range(position..position + 1);
        if tree.len() % 1000 == 0 {
            check_tree(&tree);
        }
    }
    assert_eq!(check_tree(&tree), 0, "an empty tree is one leaf");
}

#[test]
fn rising_numbers_fill_their_leaves() {
    let mut tree = Tree::<Tiny>::default();
    (0..10_000).for_each(|number| insert(&mut tree, number));
    let full = tree.records(0..tree.len()).filter(|(leaf, _)| leaf.len() == Tiny::LEAF_RECORDS_MAX).count();
    assert!(full > 9_900, "{full}");
}

fn node_addresses<O: Order>(node: &Arc<Node<O>>, addresses: &mut HashSet<usize>) {
    addresses.insert(Arc::as_ptr(node).addr());
    if let Node::Inner(inner) = &**node {
        inner.children.iter().for_each(|child| node_addresses(&child.node, addresses));
    }
}

fn nodes_of<O: Order>(tree: &Tree<O>) -> HashSet<usize> {
    let mut addresses = HashSet::new();
    node_addresses(&tree.root, &mut addresses);
    addresses
}

#[test]
fn a_million_records_freeze_for_the_price_of_the_paths_that_change() {
    const RECORDS: u64 = 1_000_000;
    const CHANGES: u64 = 100;
    let mut tree = Tree::<Tiny>::default();
    (0..RECORDS).for_each(|number| insert(&mut tree, number * 2));
    let depth = check_tree(&tree);

    let frozen = tree.freeze();
    assert!(Arc::ptr_eq(&tree.root, &frozen.root), "freezing shares the root and touches nothing else");
    let frozen_nodes = nodes_of(&frozen);
    let first_number = |change: u64| change * (RECORDS / CHANGES) * 2 + 1;
    for change in 0..CHANGES {
        insert(&mut tree, first_number(change));
        tree.remove_range(change as usize..change as usize + 1);
    }
    let copied = nodes_of(&tree).difference(&frozen_nodes).count();
    // Two changed paths each, a split at every level of one, and a neighbour joined at every level of the other.
    let most = 2 * CHANGES as usize * 2 * (depth + 1);
    assert!((CHANGES as usize..=most).contains(&copied), "{copied} nodes copied, at most {most} expected");

    assert_eq!(frozen.len() as u64, RECORDS);
    let kept = frozen.records(0..frozen.len()).map(|(leaf, index)| leaf.prefix(index));
    assert!(kept.eq((0..RECORDS).map(|number| number * 2)), "the frozen tree keeps its content");
    assert_eq!(tree.len() as u64, RECORDS);

    drop(frozen);
    let before = nodes_of(&tree);
    insert(&mut tree, 3);
    assert!(nodes_of(&tree).difference(&before).count() <= depth + 1, "unshared nodes are changed in place");
}
