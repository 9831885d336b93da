use super::*;
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug, PartialEq)]
struct Item {
    key: Vec<u8>,
    value: u64,
    next: u32,
}

impl Item {
    fn new(key: impl AsRef<[u8]>, value: u64) -> Self {
        Self { key: key.as_ref().to_vec(), value, next: 0 }
    }
}

impl Keyed for Item {
    fn key(&self) -> &[u8] {
        &self.key
    }
    fn next(&self) -> u32 {
        self.next
    }
    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

fn key(number: u64) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

/// Checks everything that can be asked of a dict against a map of the standard library.
fn check(dict: &Dict<Item>, map: &HashMap<Vec<u8>, u64>) {
    assert_eq!(dict.len(), map.len());
    assert_eq!(dict.iter().count(), map.len());
    for (key, value) in map {
        assert_eq!(dict.get(key).map(|item| item.value), Some(*value));
    }
    let (main, target) = dict.stats();
    assert_eq!(main.items + target.map_or(0, |stats| stats.items), map.len(), "every item is in one chain");
}

#[test]
fn behaves_as_a_map_does() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut dict, mut map) = (Dict::with_seed(seed), HashMap::new());
        let range = [10, 100, 2000, 30_000][seed as usize % 4];
        for round in 0..6 {
            let insertion_share = [9, 1, 5, 0, 8, 2][round];
            for _ in 0..range {
                let key = key(random.u64(..range));
                match random.u8(..10) {
                    share if share < insertion_share => {
                        let value = random.u64(..);
                        let old = dict.insert(Item::new(&key, value)).map(|item| item.value);
                        assert_eq!(old, map.insert(key, value));
                    }
                    9 => assert_eq!(dict.get(&key).map(|item| item.value), map.get(&key).copied()),
                    _ => assert_eq!(dict.remove(&key).map(|item| item.value), map.remove(&key)),
                }
            }
            check(&dict, &map);
        }
    }
}

#[test]
fn tells_which_index_moved_into_the_hole() {
    let mut dict = Dict::new();
    for number in 0..5 {
        assert_eq!(dict.insert_new(Item::new(key(number), number)), number as u32);
    }
    let (item, moved) = dict.remove_at(1);
    assert_eq!((item.value, item.next, moved), (1, 0, Some(4)));
    assert_eq!(dict.at(1).value, 4);
    let (item, moved) = dict.remove_at(3);
    assert_eq!((item.value, moved), (3, None));
    dict.at_mut(0).value = 7;
    assert_eq!(dict.get(&key(0)).map(|item| item.value), Some(7));
}

#[test]
fn grows_at_load_one_and_shrinks_below_a_tenth() {
    let mut dict = Dict::new();
    assert_eq!((dict.bucket_count(), dict.heap_bytes()), (0, 0));
    for number in 0..1025 {
        dict.insert_new(Item::new(key(number), number));
        if number < 1024 {
            while dict.rehash_step(1) {}
            assert!(dict.bucket_count() >= dict.len());
        }
    }
    assert!(dict.is_rehashing());
    while dict.rehash_step(100) {}
    assert_eq!(dict.bucket_count(), 2048);
    for number in 0..1025 {
        dict.remove(&key(number));
        while dict.rehash_step(100) {}
        let floor = (dict.len() * 10).next_power_of_two() * 2;
        assert!(dict.bucket_count() <= floor.max(MINIMUM_BUCKETS), "{} {}", dict.len(), dict.bucket_count());
    }
    assert_eq!((dict.len(), dict.bucket_count()), (0, MINIMUM_BUCKETS));
    assert!(dict.heap_bytes() < 1000);
}

#[test]
fn ends_a_rehash_by_changes_alone_before_the_next_is_due() {
    let mut dict = Dict::new();
    let mut rehashing = 0;
    for number in 0..100_000 {
        dict.insert_new(Item::new(key(number), number));
        rehashing += usize::from(dict.is_rehashing());
        assert!(dict.len() <= dict.buckets.len() * 2);
    }
    assert!(rehashing < 70_000);
}

#[test]
fn a_scan_visits_all_that_stays_while_the_dict_grows_and_shrinks() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut dict = Dict::with_seed(seed);
        let stays = random.u64(1..400);
        (0..stays).for_each(|number| drop(dict.insert(Item::new(key(number), number))));
        let transient = [0, 100, 5000][random.usize(..3)];
        let growing = random.bool();
        if !growing {
            (0..transient).for_each(|number| drop(dict.insert(Item::new(key(1_000_000 + number), 0))));
        }
        let (mut seen, mut cursor, mut calls) = (HashSet::new(), 0, 0);
        loop {
            cursor = dict.scan(cursor, |item| seen.extend([item.key.clone()]));
            calls += 1;
            assert!(calls < 1_000_000, "the scan ends");
            if cursor == 0 {
                break;
            }
            for _ in 0..random.usize(..40) {
                let key = key(1_000_000 + random.u64(..transient.max(1)));
                if growing == (random.u8(..10) > 0) {
                    dict.insert(Item::new(&key, 0));
                } else {
                    dict.remove(&key);
                }
            }
            if random.u8(..4) == 0 {
                dict.rehash_step(random.usize(..50));
            }
        }
        for number in 0..stays {
            assert!(seen.contains(&key(number)), "seed {seed}: {number} of {stays} was not visited");
        }
    }
}

#[test]
fn a_scan_of_a_dict_at_rest_visits_everything_once() {
    let mut dict = Dict::new();
    (0..1000).for_each(|number| drop(dict.insert(Item::new(key(number), number))));
    while dict.rehash_step(100) {}
    let (mut seen, mut cursor) = (Vec::new(), 0);
    loop {
        cursor = dict.scan(cursor, |item| seen.push(item.value));
        if cursor == 0 {
            break;
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..1000).collect::<Vec<u64>>());
    assert_eq!(Dict::<Item>::new().scan(17, |_| unreachable!()), 0);
    // A cursor that no scan has answered is no harm.
    dict.scan(u64::MAX, |_| ());
}

#[test]
fn draws_every_item_as_often() {
    let (mut dict, mut random) = (Dict::new(), fastrand::Rng::with_seed(3));
    assert_eq!(dict.random_index(&mut random), None);
    (0..10).for_each(|number| drop(dict.insert(Item::new(key(number), number))));
    let mut counts = [0; 10];
    for _ in 0..10_000 {
        let index = dict.random_index(&mut random).unwrap();
        counts[dict.at(index).value as usize] += 1;
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn crosses_chunks_and_gives_them_back() {
    let mut dict = Dict::new();
    for number in 0..50_000 {
        dict.insert_new(Item::new(number.to_string(), number));
    }
    let full = dict.heap_bytes();
    for number in 0..49_990 {
        assert_eq!(dict.remove(number.to_string().as_bytes()).map(|item| item.value), Some(number));
    }
    while dict.rehash_step(1000) {}
    assert!(dict.heap_bytes() * 100 < full, "{} of {full}", dict.heap_bytes());
    let mut values: Vec<u64> = dict.iter().map(|item| item.value).collect();
    values.sort_unstable();
    assert_eq!(values, (49_990..50_000).collect::<Vec<u64>>());
    assert_eq!(dict.clone().drain().count(), 10);
    dict.clear();
    assert_eq!((dict.len(), dict.heap_bytes(), dict.find(b"49999")), (0, 0, None));
}

#[test]
fn a_few_items_cost_little() {
    let mut dict = Dict::new();
    dict.insert(Item::new("a", 1));
    let overhead = dict.heap_bytes() - 2 * size_of::<Item>();
    assert!(overhead <= 48, "{overhead}");
}

#[test]
fn a_clone_is_whole_in_the_midst_of_a_rehash() {
    let mut dict = Dict::new();
    (0..65).for_each(|number| drop(dict.insert(Item::new(key(number), number))));
    assert!(dict.is_rehashing());
    let clone = dict.clone();
    assert!((0..65).all(|number| clone.get(&key(number)).is_some_and(|item| item.value == number)));
}

#[test]
fn draws_distinct_indexes_as_often() {
    let mut random = fastrand::Rng::with_seed(4);
    for (length, count) in [(10, 0), (10, 1), (10, 3), (10, 4), (10, 9), (10, 10), (10, 20), (0, 3)] {
        let mut counts = [0usize; 10];
        for _ in 0..3000 {
            let chosen = distinct_indexes(length, count, &mut random);
            assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), count.min(length));
            chosen.iter().for_each(|index| counts[*index as usize] += 1);
        }
        let expected = 300 * count.min(length);
        assert!(counts.iter().all(|count| count.abs_diff(expected) < 100), "{length} {count} {counts:?}");
    }
}

#[test]
fn prefetching_changes_nothing() {
    let mut dict = Dict::new();
    dict.prefetch(&[1, 2, 3]);
    (0..100).for_each(|number| drop(dict.insert(Item::new(key(number), number))));
    dict.prefetch(&(0..100).map(|number| dict.hash_of(&key(number))).collect::<Vec<u64>>());
    assert_eq!(dict.len(), 100);
}

#[test]
fn scans_about_as_many_as_asked_for() {
    let mut dict = Dict::new();
    (0..1000).for_each(|number| drop(dict.insert(Item::new(key(number), 5))));
    let mut seen = 0;
    let cursor = dict.scan_many(0, 100, |_| seen += 1);
    assert!(cursor != 0 && (100..120).contains(&seen), "{seen}");
    assert_eq!(dict.scan_many(cursor, 10_000, |_| seen += 1), 0);
    assert!(seen >= 1000);
    assert_eq!(dict.sampled_sum(0, |item| item.value as usize), 5000);
    assert_eq!(dict.sampled_sum(7, |item| item.value as usize), 5000);
    assert_eq!(Dict::<Item>::new().sampled_sum(0, |_| 1), 0);
}
