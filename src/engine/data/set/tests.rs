use super::*;
use std::collections::BTreeSet;

fn members(set: &Set) -> BTreeSet<Vec<u8>> {
    set.iter().map(Element::to_vec).collect()
}

fn text(number: u64, integers_only: bool) -> Vec<u8> {
    if integers_only || number.is_multiple_of(2) { number.to_string() } else { format!("member:{number:020}") }
        .into_bytes()
}

#[test]
fn behaves_as_a_set_does_in_both_encodings() {
    let mut tables = 0;
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let limits = Limits { max_intset_entries: [512, 10][seed as usize % 2] };
        let (mut set, mut model) = (Set::new(), BTreeSet::new());
        let (integers_only, range) = (seed % 5 < 3, [6, 60, 1500][seed as usize % 3]);
        for _ in 0..2000 {
            let member = text(random.u64(..range), integers_only);
            match random.u8(..8) {
                0 | 1 => assert_eq!(set.remove(&member), model.remove(&member)),
                2 => assert_eq!(set.contains(&member), model.contains(&member)),
                3 => match set.pop(&mut random) {
                    Some(member) => assert!(model.remove(member.as_slice())),
                    None => assert!(model.is_empty()),
                },
                _ => assert_eq!(set.insert(&member, &limits), model.insert(member)),
            }
            assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        }
        assert_eq!(members(&set), model);
        assert_eq!(members(&set.clone()), model);
        tables += usize::from(set.encoding() == "hashtable");
        assert!(set.heap_bytes(0) >= model.len() && set.heap_bytes(5) >= model.len());
    }
    assert!((10..60).contains(&tables), "{tables}");
}

#[test]
fn becomes_a_table_with_too_many_or_with_a_string() {
    let limits = Limits { max_intset_entries: 3 };
    let mut set = Set::new();
    (0..3).for_each(|number| assert!(set.insert(&text(number, true), &limits)));
    assert_eq!((set.encoding(), set.as_intset().map(IntSet::len)), ("intset", Some(3)));
    assert!(!set.insert(b"2", &limits) && set.table_stats().is_none());
    assert_eq!(set.encoding(), "intset");
    let mut with_text = set.clone();
    assert!(with_text.insert(b"02", &limits));
    assert_eq!((with_text.encoding(), with_text.len()), ("hashtable", 4));
    assert!(set.insert(b"3", &limits));
    assert_eq!((set.encoding(), set.table_stats().map(|(stats, _)| stats.items)), ("hashtable", Some(4)));
    assert!(set.contains(b"0") && !set.contains(b"00"));
    assert!(set.contains_element(Element::Integer(3)) && !with_text.contains_element(Element::Integer(3)));
}

#[test]
fn draws_from_all_and_scans_all() {
    let mut random = fastrand::Rng::with_seed(2);
    for (count, integers_only) in [(0, true), (1, false), (20, true), (40, false), (600, false)] {
        let mut set = Set::new();
        (0..count).for_each(|number| assert!(set.insert(&text(number, integers_only), &Limits::default())));
        let all = members(&set);
        let drawn: BTreeSet<Vec<u8>> =
            (0..100 * count).filter_map(|_| set.random(&mut random)).map(Element::to_vec).collect();
        assert_eq!(drawn, all);
        for wanted in [0, 1, 4, 30, 1000] {
            let mut distinct = BTreeSet::new();
            set.sample_distinct(wanted, &mut random, |member| assert!(distinct.insert(member.to_vec())));
            assert_eq!(distinct.len(), wanted.min(count as usize));
            assert!(distinct.is_subset(&all));
        }
        let (mut scanned, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = set.scan(cursor, 10, |member| scanned.extend([member.to_vec()]));
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, all);
    }
}

#[test]
fn takes_an_intset_from_elsewhere() {
    let mut integers = IntSet::new();
    (0..5).for_each(|value| assert!(integers.insert(value)));
    assert_eq!(Set::from_intset(integers.clone(), &Limits::default()).encoding(), "intset");
    let set = Set::from_intset(integers, &Limits { max_intset_entries: 4 });
    assert_eq!((set.encoding(), set.len()), ("hashtable", 5));
    assert_eq!(Set::with_capacity(9).encoding(), "hashtable");
}
