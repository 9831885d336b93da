use super::*;
use std::collections::{BTreeMap, BTreeSet};

const SMALL: Limits = Limits { max_listpack_entries: 8, max_listpack_value: 20 };

fn contents(hash: &Hash) -> BTreeMap<Vec<u8>, Vec<u8>> {
    hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

fn text(number: u64) -> Vec<u8> {
    match number % 5 {
        0 => number.to_string().into_bytes(),
        1 => format!("{number:025}").into_bytes(),
        _ => format!("f{number}").into_bytes(),
    }
}

#[test]
fn behaves_as_a_map_does_in_both_encodings() {
    let mut tables = 0;
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let limits = if seed % 2 == 0 { Limits::default() } else { SMALL };
        let (mut hash, mut model) = (Hash::new(), BTreeMap::new());
        let range = [6, 60, 1500][seed as usize % 3];
        for _ in 0..2000 {
            let (field, value) = (text(random.u64(..range)), text(random.u64(..)));
            match random.u8(..6) {
                0 => assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                1 => {
                    let set = hash.set_if_absent(&field, &value, &limits);
                    assert_eq!(set, !model.contains_key(&field));
                    model.entry(field).or_insert(value);
                }
                2 => {
                    assert_eq!(hash.get(&field).map(Element::to_vec).as_ref(), model.get(&field));
                    assert_eq!(hash.contains(&field), model.contains_key(&field));
                }
                _ => assert_eq!(hash.set(&field, &value, &limits), model.insert(field, value).is_none()),
            }
            assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
        }
        assert_eq!(contents(&hash), model);
        assert_eq!(contents(&hash.clone()), model);
        tables += usize::from(hash.encoding() == "hashtable");
        assert!(hash.heap_bytes(0) > model.len() && hash.heap_bytes(3) > model.len());
    }
    assert!((10..60).contains(&tables), "{tables}");
}

#[test]
fn becomes_a_table_beyond_either_limit() {
    let mut hash = Hash::new();
    for number in 0..8 {
        hash.set(&text(number), b"1", &Limits { max_listpack_value: 64, ..SMALL });
    }
    assert_eq!((hash.encoding(), hash.as_listpack().map(Listpack::len)), ("listpack", Some(16)));
    assert!(hash.table_stats().is_none());
    hash.set(b"one more", b"1", &SMALL);
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 9));
    assert_eq!(hash.table_stats().map(|(stats, _)| stats.items), Some(9));
    for (field, value) in [(&[b'x'; 21][..], &b""[..]), (b"f", &[b'x'; 21])] {
        let mut hash = Hash::new();
        hash.set(b"f", &[b'x'; 20], &SMALL);
        assert_eq!(hash.encoding(), "listpack");
        hash.set(field, value, &SMALL);
        assert_eq!(hash.encoding(), "hashtable");
        assert_eq!(hash.get(field).map(Element::to_vec).as_deref(), Some(value));
    }
}

#[test]
fn keeps_the_order_of_a_small_hash() {
    let mut hash = Hash::new();
    for field in ["c", "a", "b", "a"] {
        hash.set(field.as_bytes(), b"v", &SMALL);
    }
    let fields: Vec<Vec<u8>> = hash.iter().map(|(field, _)| field.to_vec()).collect();
    assert_eq!(fields, [b"c", b"a", b"b"]);
}

#[test]
fn increments() {
    for limits in [SMALL, Limits { max_listpack_entries: 0, max_listpack_value: 0 }] {
        let mut hash = Hash::new();
        assert_eq!(hash.increment(b"n", 5, &limits), Ok(5));
        assert_eq!(hash.increment(b"n", -15, &limits), Ok(-10));
        hash.set(b"n", b" 11", &limits);
        assert_eq!(hash.increment(b"n", 1, &limits), Err(IncrementError::NotAnInteger));
        hash.set(b"n", i64::MAX.to_string().as_bytes(), &limits);
        assert_eq!(hash.increment(b"n", 1, &limits), Err(IncrementError::Overflow));
        let float = |text: &str| LongDouble::parse(text.as_bytes()).unwrap();
        assert_eq!(hash.increment_float(b"d", float("3"), &limits), Ok(b"3".to_vec()));
        assert_eq!(hash.increment_float(b"d", float("1.23"), &limits), Ok(b"4.23".to_vec()));
        assert_eq!(hash.get(b"d").map(Element::to_vec), Some(b"4.23".to_vec()));
        hash.set(b"d", b"x", &limits);
        assert_eq!(hash.increment_float(b"d", float("1"), &limits), Err(IncrementError::NotAFloat));
        assert_eq!(hash.increment_float(b"e", float("inf"), &limits), Err(IncrementError::NotFinite));
        assert!(!hash.contains(b"e"));
    }
}

#[test]
fn draws_from_all_and_scans_all() {
    let mut random = fastrand::Rng::with_seed(2);
    for count in [0, 1, 5, 40] {
        let mut hash = Hash::new();
        (0..count).for_each(|number| assert!(hash.set(&text(number), b"v", &SMALL)));
        let all: BTreeSet<Vec<u8>> = hash.iter().map(|(field, _)| field.to_vec()).collect();
        let draws = 100 * count as usize;
        let mut drawn = Vec::new();
        hash.sample(draws, &mut random, |field, value| {
            assert!(value.is(b"v"));
            drawn.push(field.to_vec());
        });
        assert_eq!(drawn.len(), draws);
        assert_eq!(drawn.into_iter().collect::<BTreeSet<_>>(), all);
        for wanted in [0, 1, 4, 30, 100] {
            let mut distinct = BTreeSet::new();
            hash.sample_distinct(wanted, &mut random, |field, _| assert!(distinct.insert(field.to_vec())));
            assert_eq!(distinct.len(), wanted.min(count as usize));
            assert!(distinct.is_subset(&all));
        }
        assert_eq!(hash.random(&mut random).is_some(), count > 0);
        let (mut scanned, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = hash.scan(cursor, 10, |field, _| scanned.extend([field.to_vec()]));
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, all);
    }
}

#[test]
fn takes_pairs_from_elsewhere() {
    let pack = |entries: &[&str]| {
        let mut pack = Listpack::new();
        entries.iter().for_each(|entry| pack.push_back(entry.as_bytes()));
        pack
    };
    let hash = Hash::from_listpack(pack(&["a", "1", "b", "2"]), &SMALL).unwrap();
    assert_eq!((hash.encoding(), hash.len()), ("listpack", 2));
    assert!(Hash::from_listpack(pack(&["a", "1", "b"]), &SMALL).is_none());
    let hash = Hash::from_listpack(pack(&["a", "a value that is too long"]), &SMALL).unwrap();
    assert_eq!(hash.encoding(), "hashtable");
    let none = Limits { max_listpack_entries: 0, ..SMALL };
    let hash = Hash::from_listpack(pack(&["a", "1", "a", "2"]), &none).unwrap();
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 1));
    assert_eq!(Hash::with_capacity(100).encoding(), "hashtable");
}

#[test]
fn a_lowered_limit_holds_from_the_next_change() {
    let mut hash = Hash::new();
    ["a", "b", "c"].into_iter().for_each(|field| assert!(hash.set(field.as_bytes(), b"1", &SMALL)));
    assert!(!hash.set(b"a", b"2", &Limits { max_listpack_entries: 2, ..SMALL }));
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 3));
}
