//! The tree against a sorted vector, with nodes small enough that every split and merge happens.

use super::*;

impl Members for Vec<Vec<u8>> {
    fn member(&self, number: u32) -> &[u8] {
        &self[number as usize]
    }
}

/// A sorted vector that does what the tree does, and the tree.
struct Pair<const LEAF: usize, const INNER: usize> {
    members: Vec<Vec<u8>>,
    scores: Vec<f64>,
    order: Ordered<LEAF, INNER>,
}

impl<const LEAF: usize, const INNER: usize> Pair<LEAF, INNER> {
    fn new() -> Self {
        Self { members: Vec::new(), scores: Vec::new(), order: Ordered::default() }
    }

    fn insert(&mut self, score: f64, key: Vec<u8>) {
        if self.members.contains(&key) {
            return;
        }
        self.members.push(key);
        self.scores.push(score);
        self.order.insert(score, self.members.len() as u32 - 1, &self.members);
    }

    fn remove(&mut self, at: usize) {
        let last = self.members.len() - 1;
        assert!(self.order.remove(self.scores[at], at as u32, &self.members));
        if at != last {
            self.order.renumber(self.scores[last], last as u32, at as u32, &self.members);
        }
        self.members.swap_remove(at);
        self.scores.swap_remove(at);
    }

    fn update(&mut self, at: usize, score: f64) {
        self.order.update(self.scores[at], score, at as u32, &self.members);
        self.scores[at] = score;
    }

    /// Removes ranks, and then the members from the highest number down, as the owner of the members does.
    fn remove_ranks(&mut self, ranks: Range<usize>) {
        let expected: Vec<u32> = self.sorted()[ranks.clone()].iter().map(|entry| entry.member).collect();
        let mut removed = self.order.remove_ranks(ranks);
        let mut sorted = expected.clone();
        sorted.sort_unstable();
        removed.sort_unstable();
        assert_eq!(removed, sorted);
        for at in removed.into_iter().rev() {
            let last = self.members.len() - 1;
            if at as usize != last {
                self.order.renumber(self.scores[last], last as u32, at, &self.members);
            }
            self.members.swap_remove(at as usize);
            self.scores.swap_remove(at as usize);
        }
    }

    fn sorted(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> =
            self.scores.iter().enumerate().map(|(at, score)| Entry { score: *score, member: at as u32 }).collect();
        entries.sort_by(|left, right| Target::new(right.score, right.member, &self.members).compare(*left));
        entries
    }

    fn check(&self, rng: &mut fastrand::Rng) {
        let sorted = self.sorted();
        assert_eq!(self.order.len(), sorted.len());
        assert_eq!(self.order.range(0..usize::MAX).collect::<Vec<_>>(), sorted);
        let (start, end) = (rng.usize(0..=sorted.len()), rng.usize(0..=sorted.len()));
        let ranks = start.min(end)..start.max(end);
        let backwards: Vec<_> = self.order.range(ranks.clone()).rev().collect();
        assert_eq!(backwards, sorted[ranks].iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(self.order.at(sorted.len()), None);
        for (rank, entry) in sorted.iter().enumerate() {
            assert_eq!(self.order.at(rank), Some(*entry));
            assert_eq!(self.order.rank_of(entry.score, entry.member, &self.members), rank);
        }
        let bound = f64::from(rng.i32(-12..12));
        let below = sorted.iter().filter(|entry| entry.score < bound).count();
        assert_eq!(self.order.rank_where(|entry| entry.score < bound), below);
        let fill = count_nodes(&self.order.root, sorted.len());
        assert!(fill <= 1 + sorted.len() * 8 / LEAF, "{fill} leaves for {} entries", sorted.len());
    }
}

/// Counts leaves, and checks what every inner node says of its children.
fn count_nodes<const LEAF: usize, const INNER: usize>(node: &Node<LEAF, INNER>, count: usize) -> usize {
    match node {
        Node::Leaf(keys) => {
            assert_eq!(keys.len(), count);
            1
        }
        Node::Inner(inner) => {
            assert_eq!(inner.firsts.len(), inner.children.len());
            assert_eq!(inner.count_before(inner.children.len()), count);
            let firsts = inner.children.iter().enumerate().map(|(slot, child)| {
                let first = match child {
                    Node::Leaf(keys) => keys.get(0),
                    Node::Inner(inner) => inner.firsts.get(0),
                };
                assert_eq!(first, inner.firsts.get(slot));
                count_nodes(child, inner.counts[slot] as usize)
            });
            firsts.sum()
        }
    }
}

fn random_key(rng: &mut fastrand::Rng) -> Vec<u8> {
    (0..rng.usize(0..4)).map(|_| rng.u8(b'a'..=b'f')).collect()
}

fn run_random<const LEAF: usize, const INNER: usize>(seed: u64, steps: usize, scores: i32) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pair = Pair::<LEAF, INNER>::new();
    let mut growing = true;
    for step in 0..steps {
        if step % 400 == 0 {
            growing = !growing || pair.members.is_empty();
        }
        let score = f64::from(rng.i32(-scores..=scores));
        if rng.u8(0..100) == 0 {
            let (start, end) = (rng.usize(0..=pair.members.len()), rng.usize(0..=pair.members.len()));
            pair.remove_ranks(start.min(end)..start.max(end));
            pair.check(&mut rng);
        }
        match rng.u8(0..10) {
            0..=1 if !pair.members.is_empty() => {
                let at = rng.usize(0..pair.members.len());
                pair.update(at, score);
            }
            2..=3 if !pair.members.is_empty() => pair.remove(rng.usize(0..pair.members.len())),
            4..=9 if !growing && !pair.members.is_empty() => pair.remove(rng.usize(0..pair.members.len())),
            _ => pair.insert(score, random_key(&mut rng)),
        }
        if step % 16 == 0 {
            pair.check(&mut rng);
        }
    }
    while !pair.members.is_empty() {
        pair.remove(0);
    }
    pair.check(&mut rng);
}

#[test]
fn small_nodes_do_as_a_sorted_vector_does() {
    for seed in 0..6 {
        run_random::<4, 4>(seed, 3_000, 10);
        run_random::<5, 7>(seed + 100, 3_000, 0);
    }
}

#[test]
fn nodes_of_the_real_size_do_too() {
    run_random::<LEAF_ENTRIES, INNER_CHILDREN>(7, 4_000, 3);
}

fn leaves_of(scores: impl Iterator<Item = u32>) -> usize {
    let mut pair = Pair::<16, 16>::new();
    for score in scores {
        pair.members.push(score.to_string().into_bytes());
        pair.scores.push(f64::from(score));
        pair.order.insert(f64::from(score), pair.members.len() as u32 - 1, &pair.members);
    }
    count_nodes(&pair.order.root, pair.members.len())
}

#[test]
fn entries_that_arrive_in_order_fill_their_leaves() {
    assert_eq!(leaves_of(0..1600), 100);
    assert_eq!(leaves_of((0..1600).rev()), 100);
}

#[test]
fn infinities_and_zeros_of_both_signs_have_their_place() {
    let mut pair = Pair::<4, 4>::new();
    for (score, key) in [(f64::INFINITY, "a"), (0.0, "z"), (-0.0, "y"), (f64::NEG_INFINITY, "b"), (0.0, "x")] {
        pair.insert(score, key.as_bytes().to_vec());
    }
    let keys: Vec<&[u8]> = pair.order.range(0..9).map(|entry| pair.members.member(entry.member)).collect();
    assert_eq!(keys, [b"b", b"x", b"y", b"z", b"a"]);
}

#[test]
fn a_member_that_is_not_there_with_that_score_is_not_removed() {
    let mut pair = Pair::<4, 4>::new();
    assert!(!pair.order.remove(1.0, 0, &vec![b"a".to_vec()]));
    pair.insert(1.0, b"a".to_vec());
    pair.insert(2.0, b"b".to_vec());
    assert!(!pair.order.remove(0.5, 1, &pair.members));
    assert_eq!(pair.order.len(), 2);
}
