//! Lists against a deque of vectors, under limits small enough that nodes split, join and hold one element.

use super::*;

/// What a list does, done to a deque.
struct Pair {
    list: List,
    model: VecDeque<Vec<u8>>,
    limit: NodeLimit,
}

impl Pair {
    fn new(limit: NodeLimit) -> Self {
        Self { list: List::new(), model: VecDeque::new(), limit }
    }

    fn push(&mut self, end: End, value: Vec<u8>) {
        self.list.push(end, &value, self.limit);
        match end {
            End::Head => self.model.push_front(value),
            End::Tail => self.model.push_back(value),
        }
    }

    fn insert(&mut self, index: usize, value: Vec<u8>) {
        self.list.insert(index, &value, self.limit);
        self.model.insert(index.min(self.model.len()), value);
    }

    fn set(&mut self, index: usize, value: Vec<u8>) {
        assert_eq!(self.list.set(index, &value, self.limit), index < self.model.len());
        if let Some(there) = self.model.get_mut(index) {
            *there = value;
        }
    }

    fn remove_equal(&mut self, value: &[u8], most: usize, from: End) {
        let mut places: Vec<usize> = (0..self.model.len()).filter(|at| self.model[*at] == value).collect();
        if from == End::Tail {
            places.reverse();
        }
        places.truncate(most);
        places.sort_unstable();
        for at in places.iter().rev() {
            self.model.remove(*at);
        }
        assert_eq!(self.list.remove_equal(value, most, from), places.len());
    }

    fn check(&self, rng: &mut fastrand::Rng) {
        assert_eq!(self.list.len(), self.model.len());
        assert_eq!(to_vecs(self.list.iter()), self.model);
        let (start, end) = (rng.usize(0..=self.model.len()), rng.usize(0..=self.model.len() + 2));
        let expected: VecDeque<_> =
            self.model.range(start..end.clamp(start, self.model.len())).rev().cloned().collect();
        assert_eq!(self.list.range(start..end).len(), expected.len());
        assert_eq!(to_vecs(self.list.range(start..end).rev()), expected);
        let at = rng.usize(0..=self.model.len());
        assert_eq!(self.list.get(at).map(|value| value.to_vec()), self.model.get(at).cloned());
        assert_eq!(self.list.peek(End::Head).map(|value| value.to_vec()), self.model.front().cloned());
        assert_eq!(self.list.peek(End::Tail).map(|value| value.to_vec()), self.model.back().cloned());
        for node in self.list.nodes() {
            assert!(!matches!(node, NodeView::Packed(listpack) if listpack.is_empty()));
        }
    }

    /// Reads from both ends in turns.
    fn check_both_ways(&self, rng: &mut fastrand::Rng) {
        let mut values = self.list.iter();
        let mut expected = self.model.iter();
        while expected.len() > 0 {
            let (value, there) =
                if rng.bool() { (values.next(), expected.next()) } else { (values.next_back(), expected.next_back()) };
            assert_eq!(value.map(|value| value.to_vec()), there.cloned());
        }
        assert!(values.next().is_none() && values.next_back().is_none());
    }
}

fn to_vecs<'a>(values: impl Iterator<Item = Element<'a>>) -> VecDeque<Vec<u8>> {
    values.map(|value| value.to_vec()).collect()
}

fn random_value(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(0..40) {
        0..20 => rng.i32(-5..200).to_string().into_bytes(),
        20..38 => (0..rng.usize(0..12)).map(|_| rng.u8(b'a'..b'd')).collect(),
        38 => vec![rng.u8(..); rng.usize(60..300)],
        _ => vec![rng.u8(..); rng.usize(4000..9000)],
    }
}

fn run_random(seed: u64, limit: NodeLimit) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pair = Pair::new(limit);
    for step in 0..2_000 {
        let value = random_value(&mut rng);
        let end = if rng.bool() { End::Head } else { End::Tail };
        let index = rng.usize(0..=pair.model.len());
        match rng.u8(0..40) {
            0..18 => pair.push(end, value),
            18..24 => pair.insert(index, value),
            24..28 => pair.set(index, value),
            28..34 => {
                let expected = if end == End::Head { pair.model.pop_front() } else { pair.model.pop_back() };
                assert_eq!(pair.list.pop(end), expected);
            }
            34..37 => {
                let range = index..pair.model.len().min(index + rng.usize(0..12));
                pair.list.remove_range(range.clone());
                pair.model.drain(range);
            }
            37 => pair.remove_equal(&value, rng.usize(1..4), end),
            38 => {
                pair.list.discard(end, 3);
                let rest = pair.model.len().saturating_sub(3);
                if end == End::Head {
                    drop(pair.model.drain(..pair.model.len() - rest))
                } else {
                    pair.model.truncate(rest)
                }
            }
            _ if rng.u8(0..4) == 0 => {
                let range = index..rng.usize(0..=pair.model.len() + 2);
                pair.list.trim(range.clone());
                pair.model.truncate(range.end.max(range.start));
                pair.model.drain(..range.start.min(pair.model.len()));
            }
            _ => pair.remove_equal(&value, usize::MAX, end),
        }
        if step % 8 == 0 {
            pair.check(&mut rng);
        }
    }
    pair.check_both_ways(&mut rng);
}

#[test]
fn it_does_as_a_deque_does() {
    for (seed, size) in [-2, -1, 1, 3, 20, 500].into_iter().enumerate() {
        for more in 0..3 {
            run_random(seed as u64 + more * 100, NodeLimit::from_setting(size));
        }
    }
}

#[test]
fn every_range_can_be_removed_whatever_nodes_it_spans() {
    for start in 0..13 {
        for end in start..13 {
            let mut pair = Pair::new(NodeLimit::from_setting(3));
            (0..12).for_each(|value: u8| pair.push(End::Tail, value.to_string().into_bytes()));
            pair.list.remove_range(start..end);
            pair.model.drain(start..end.min(12));
            assert_eq!(to_vecs(pair.list.iter()), pair.model, "{start}..{end}");
        }
    }
}

#[test]
fn nodes_keep_their_limit() {
    let mut pair = Pair::new(NodeLimit::from_setting(4));
    (0..20).for_each(|value: u8| pair.push(End::Tail, vec![value]));
    assert_eq!(pair.list.nodes().len(), 5);
    let mut pair = Pair::new(NodeLimit::from_setting(-1));
    (0..1000).for_each(|value: u32| pair.push(End::Head, format!("value-{value:010}").into_bytes()));
    for node in pair.list.nodes() {
        let NodeView::Packed(listpack) = node else { panic!("small elements are packed") };
        assert!(listpack.as_bytes().len() <= 4096);
    }
    assert!(pair.list.nodes().len() <= 6);
}

#[test]
fn inserting_in_the_middle_again_and_again_leaves_no_crumbs() {
    let mut pair = Pair::new(NodeLimit::from_setting(8));
    let mut rng = fastrand::Rng::with_seed(3);
    for value in 0..400_u32 {
        pair.insert(rng.usize(0..=pair.model.len()), value.to_string().into_bytes());
    }
    assert!(pair.list.nodes().len() < 110, "{} nodes", pair.list.nodes().len());
}

#[test]
fn a_giant_element_has_a_node_of_its_own() {
    let mut pair = Pair::new(NodeLimit::from_setting(-2));
    let giant = vec![b'g'; 100_000];
    (0..6).for_each(|value: u8| pair.push(End::Tail, vec![b'a' + value]));
    pair.insert(3, giant.clone());
    pair.set(1, giant.clone());
    pair.push(End::Head, giant.clone());
    let plain = pair.list.nodes().filter(|node| matches!(node, NodeView::Plain(bytes) if *bytes == &giant[..]));
    assert_eq!(plain.count(), 3);
    assert_eq!(to_vecs(pair.list.iter()), pair.model);
    pair.remove_equal(&giant, usize::MAX, End::Head);
    assert_eq!(to_vecs(pair.list.iter()), pair.model);
}

#[test]
fn a_listpack_is_taken_whole_if_it_keeps_the_limit() {
    let mut listpack = Listpack::new();
    (0..10).for_each(|value: u8| listpack.push_back(value.to_string().as_bytes()));
    for (size, nodes) in [(-2, 1), (10, 1), (4, 3)] {
        let mut list = List::new();
        list.push_listpack(listpack.clone(), NodeLimit::from_setting(size));
        assert_eq!((list.len(), list.nodes().len()), (10, nodes));
        assert_eq!(list.get(9).map(|value| value.to_vec()), Some(b"9".to_vec()));
    }
}

#[test]
fn memory_follows_what_is_kept() {
    let mut list = List::new();
    assert_eq!(list.heap_bytes(), 0);
    for _ in 0..1000 {
        list.push(End::Tail, &[b'x'; 90], NodeLimit::from_setting(-2));
    }
    assert!((90_000..120_000).contains(&list.heap_bytes()), "{}", list.heap_bytes());
}
