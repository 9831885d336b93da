//! Sorted sets against a sorted vector, through the conversion and on both sides of it.

use super::*;

const LIMITS: Limits = Limits { max_listpack_entries: 12, max_listpack_value: 8 };

/// A vector of pairs that is sorted again after every change.
#[derive(Clone, Default)]
struct Model(Vec<(f64, Vec<u8>)>);

impl Model {
    fn place(&self, member: &[u8]) -> Option<usize> {
        self.0.iter().position(|(_, there)| there == member)
    }

    fn sort(&mut self) {
        self.0.sort_by(|left, right| left.0.total_cmp(&right.0).then_with(|| left.1.cmp(&right.1)));
    }

    fn add(&mut self, member: &[u8], score: f64, options: AddOptions) -> Added {
        let Some(at) = self.place(member) else {
            if options.existing == Existing::Present {
                return Added::Refused;
            }
            self.0.push((score, member.to_vec()));
            self.sort();
            return Added::New(score);
        };
        let old = self.0[at].0;
        let new = if options.increment { old + score } else { score };
        let refused = match options.compare {
            Compare::Any => false,
            Compare::Greater => new <= old,
            Compare::Less => new >= old,
        };
        if options.existing == Existing::Absent || (refused && !new.is_nan()) {
            return Added::Refused;
        }
        if new.is_nan() {
            return Added::NotANumber;
        }
        self.0[at].0 = new;
        self.sort();
        if new == old { Added::Same(new) } else { Added::Changed(new) }
    }

    fn ranks(&self, inside: impl Fn(&(f64, Vec<u8>)) -> bool) -> Vec<usize> {
        (0..self.0.len()).filter(|rank| inside(&self.0[*rank])).collect()
    }
}

fn pairs_of<'a>(pairs: impl Iterator<Item = (Element<'a>, f64)>) -> Vec<(f64, Vec<u8>)> {
    pairs.map(|(member, score)| (score, member.to_vec())).collect()
}

/// Short words, numbers in canonical and other forms, and now and then a member too long for a listpack.
fn random_member(rng: &mut fastrand::Rng, long: bool) -> Vec<u8> {
    match rng.u8(0..12) {
        0..4 => rng.i32(-30..30).to_string().into_bytes(),
        4 => format!("0{}", rng.u8(0..9)).into_bytes(),
        5 => (i64::from(rng.i32(-3..3)) << rng.u32(10..62)).to_string().into_bytes(),
        6 if long && rng.u8(0..8) == 0 => vec![rng.u8(b'a'..b'e'); rng.usize(9..90)],
        _ => (0..rng.usize(0..4)).map(|_| rng.u8(b'a'..b'f')).collect(),
    }
}

fn random_score(rng: &mut fastrand::Rng) -> f64 {
    match rng.u8(0..12) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => rng.f64(),
        3 => rng.f64() * 1e300,
        4 => f64::from(rng.i32(i32::MIN..i32::MAX)) * 4e9,
        _ => f64::from(rng.i32(-5..5)),
    }
}

fn random_options(rng: &mut fastrand::Rng) -> AddOptions {
    if rng.bool() {
        return AddOptions::default();
    }
    AddOptions {
        existing: [Existing::Either, Existing::Absent, Existing::Present][rng.usize(0..3)],
        compare: [Compare::Any, Compare::Greater, Compare::Less][rng.usize(0..3)],
        increment: rng.bool(),
    }
}

fn check(set: &SortedSet, model: &Model, rng: &mut fastrand::Rng) {
    assert_eq!(set.len(), model.0.len());
    assert_eq!(pairs_of(set.iter()), model.0);
    let (start, end) = (rng.usize(0..=model.0.len()), rng.usize(0..=model.0.len() + 2));
    let slice = &model.0[start..end.clamp(start, model.0.len())];
    assert_eq!(set.range(start..end).len(), slice.len());
    assert_eq!(pairs_of(set.range(start..end).rev()), slice.iter().rev().cloned().collect::<Vec<_>>());
    for (rank, (score, member)) in model.0.iter().enumerate() {
        assert_eq!(set.rank(member), Some(rank));
        assert_eq!(set.score(member), Some(*score));
    }
    assert_eq!(set.score(b"nobody"), None);
    assert_eq!(set.rank(b"nobody"), None);
    let (left, right) = (random_score(rng), random_score(rng));
    let range = ScoreRange { min: left.min(right), max: left.max(right), above_min: rng.bool(), below_max: rng.bool() };
    let expected = model.ranks(|(score, _)| !range.precedes(*score) && range.reaches(*score));
    assert_eq!(set.ranks_by_score(&range).collect::<Vec<_>>(), expected);
    check_scan(set, model);
    check_numbers(set, model);
    match set.random(rng) {
        Some((member, score)) => assert!(model.0.contains(&(score, member.to_vec()))),
        None => assert!(model.0.is_empty()),
    }
}

fn check_numbers(set: &SortedSet, model: &Model) {
    let mut all = Model(pairs_of((0..set.len()).map(|number| set.by_number(number).unwrap())));
    all.sort();
    assert_eq!(all.0, model.0);
    assert!(set.by_number(set.len()).is_none());
}

fn check_scan(set: &SortedSet, model: &Model) {
    let (mut cursor, mut seen) = (0, Model::default());
    loop {
        cursor = set.scan(cursor, 3, |member, score| seen.0.push((score, member.to_vec())));
        if cursor == 0 {
            break;
        }
    }
    seen.sort();
    seen.0.dedup();
    assert_eq!(seen.0, model.0);
}

fn run_random(seed: u64, long: bool) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut set, mut model) = (SortedSet::new(), Model::default());
    let mut was_large = 0;
    for step in 0..700 {
        let member = random_member(&mut rng, long);
        match rng.u8(0..20) {
            0..14 => {
                let (score, options) = (random_score(&mut rng), random_options(&mut rng));
                // Zeros of both signs are equal, but the model would sort them.
                let score = if score == 0.0 { 0.0 } else { score };
                assert_eq!(set.add(&member, score, options, LIMITS), model.add(&member, score, options));
            }
            14..18 => {
                let at = model.place(&member);
                assert_eq!(set.remove(&member), at.is_some());
                at.map(|at| model.0.remove(at));
            }
            18 => {
                let (start, end) = (rng.usize(0..=model.0.len()), rng.usize(0..=model.0.len()));
                let ranks = start.min(end)..start.max(end).min(start.min(end) + 5);
                set.remove_ranks(ranks.clone());
                model.0.drain(ranks);
            }
            _ => {
                set = set.clone();
                if rng.u8(0..9) == 0 {
                    (set, model) = Default::default();
                }
            }
        }
        was_large += usize::from(set.encoding() == "skiplist");
        if step % 8 == 0 {
            check(&set, &model, &mut rng);
        }
        if let Some(listpack) = set.listpack() {
            let again = SortedSet::from_listpack(listpack.clone(), LIMITS).unwrap();
            assert_eq!(pairs_of(again.iter()), model.0);
        }
    }
    was_large
}

#[test]
fn it_does_as_a_sorted_vector_does() {
    let was_large: Vec<usize> = (0..8).map(|seed| run_random(seed, seed % 2 == 0)).collect();
    assert!(was_large.iter().all(|steps| (50..690).contains(steps)), "both forms are seen: {was_large:?}");
}

fn set_of(members: &[(&str, f64)], limits: Limits) -> SortedSet {
    let mut set = SortedSet::new();
    for (member, score) in members {
        set.add(member.as_bytes(), *score, AddOptions::default(), limits);
    }
    set
}

#[test]
fn members_of_one_score_are_found_by_themselves() {
    let members = ["", "10", "9", "a", "aa", "b", "c"].map(|member| (member, 0.0));
    for limits in [LIMITS, Limits { max_listpack_entries: 0, ..LIMITS }] {
        let set = set_of(&members, limits);
        let found = |min: &[u8], max: &[u8]| {
            let range = LexRange { min: LexBound::parse(min).unwrap(), max: LexBound::parse(max).unwrap() };
            set.ranks_by_lex(&range)
        };
        assert_eq!(found(b"-", b"+"), 0..7);
        assert_eq!(found(b"[10", b"(aa"), 1..4);
        assert_eq!(found(b"(a", b"[b"), 4..6);
        assert!(found(b"+", b"-").is_empty());
        assert!(found(b"[c", b"[a").is_empty());
    }
}

#[test]
fn it_becomes_large_past_each_limit_and_not_at_it() {
    let limits = Limits { max_listpack_entries: 2, max_listpack_value: 3 };
    let mut set = set_of(&[("a", 1.0), ("abc", 2.0)], limits);
    assert_eq!(set.encoding(), "listpack");
    set.add(b"abcd", 3.0, AddOptions { existing: Existing::Present, ..AddOptions::default() }, limits);
    set.add(b"a", 4.0, AddOptions::default(), limits);
    assert_eq!(set.encoding(), "listpack");
    let mut long = set.clone();
    set.remove(b"a");
    assert_eq!(set.encoding(), "listpack");
    set.add(b"abcd", 3.0, AddOptions::default(), limits);
    assert_eq!(set.encoding(), "skiplist");
    long.add(b"b", 1.0, AddOptions::default(), limits);
    assert_eq!(long.encoding(), "skiplist");
    assert!(long.listpack().is_none());
}

#[test]
fn a_score_that_is_not_a_number_is_refused() {
    let mut set = set_of(&[("a", f64::INFINITY)], LIMITS);
    assert_eq!(set.add(b"b", f64::NAN, AddOptions::default(), LIMITS), Added::NotANumber);
    let increment = AddOptions { increment: true, ..AddOptions::default() };
    assert_eq!(set.add(b"a", f64::NEG_INFINITY, increment, LIMITS), Added::NotANumber);
    assert_eq!(pairs_of(set.iter()), [(f64::INFINITY, b"a".to_vec())]);
}

fn listpack_of(values: &[&str]) -> Listpack {
    let mut listpack = Listpack::new();
    for value in values {
        listpack.push_back(value.as_bytes());
    }
    listpack
}

#[test]
fn a_snapshot_that_is_no_sorted_set_is_refused() {
    for wrong in [&["a"][..], &["a", "b"], &["a", "nan"], &["a", "1", "a", "2"], &["b", "1", "a", "1", "b", "1"]] {
        assert!(SortedSet::from_listpack(listpack_of(wrong), LIMITS).is_none(), "{wrong:?}");
    }
    let set = SortedSet::from_listpack(listpack_of(&["b", "2", "c", "-inf", "a", "1.5"]), LIMITS).unwrap();
    let members: Vec<Vec<u8>> = set.iter().map(|(member, _)| member.to_vec()).collect();
    assert_eq!(members, [b"c", b"a", b"b"]);
    let few = Limits { max_listpack_entries: 1, ..LIMITS };
    let set = SortedSet::from_listpack(listpack_of(&["a", "1", "b", "2"]), few).unwrap();
    assert_eq!((set.encoding(), set.len()), ("skiplist", 2));
}

#[test]
fn long_members_are_counted_in_the_memory_while_they_are_there() {
    let mut set = set_of(&[("a", 1.0)], Limits { max_listpack_entries: 0, ..LIMITS });
    let before = set.heap_bytes();
    set.add(&[b'x'; 1000], 1.0, AddOptions::default(), LIMITS);
    assert_eq!(set.heap_bytes(), before + 1000);
    set.remove(&[b'x'; 1000]);
    assert_eq!(set.heap_bytes(), before);
}
