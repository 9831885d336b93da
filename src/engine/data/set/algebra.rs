//! Intersection, union and difference of sets.
//!
//! A set that is not there is left out of unions and of what a difference takes away, and makes an intersection empty: that is
//! the caller's to see to.

use super::{Element, Limits, Set};

/// Visits every member that all of `sets` have, until `visit` answers false. Of no sets there is nothing to visit.
///
/// Goes through the smallest, and asks the others from small to large: the time is the smallest one's length by how many there
/// are at most. So members of an intset come in ascending order, if it is the smallest.
pub fn intersect<'a>(sets: &[&'a Set], mut visit: impl FnMut(Element<'a>) -> bool) {
    let mut ordered = sets.to_vec();
    ordered.sort_by_key(|set| set.len());
    let Some((smallest, others)) = ordered.split_first() else { return };
    for member in smallest.iter() {
        let in_all = others.iter().all(|other| std::ptr::eq(*other, *smallest) || other.contains_element(member));
        if in_all && !visit(member) {
            return;
        }
    }
}

/// All members of all sets.
pub fn union<'a>(sets: impl IntoIterator<Item = &'a Set>, limits: &Limits) -> Set {
    let mut sum = Set::new();
    let mut buffer = itoa::Buffer::new();
    for member in sets.into_iter().flat_map(Set::iter) {
        sum.insert(member.to_text(&mut buffer), limits);
    }
    sum
}

/// The members of `first` that none of `others` has.
///
/// Asks for each member of the first in all others, or takes every member of the others out of a copy, whichever is less work;
/// the former may end early and counts half.
pub fn difference(first: &Set, others: &[&Set], limits: &Limits) -> Set {
    if others.iter().any(|other| std::ptr::eq(*other, first)) {
        return Set::new();
    }
    let asking = first.len() * (others.len() + 1) / 2;
    let taking = first.len() + others.iter().map(|other| other.len()).sum::<usize>();
    if asking <= taking { by_asking(first, others, limits) } else { by_taking(first, others, limits) }
}

fn by_asking(first: &Set, others: &[&Set], limits: &Limits) -> Set {
    // The larger a set, the likelier it has a member.
    let mut ordered = others.to_vec();
    ordered.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let mut rest = Set::new();
    let mut buffer = itoa::Buffer::new();
    for member in first.iter() {
        if !ordered.iter().any(|other| other.contains_element(member)) {
            rest.insert(member.to_text(&mut buffer), limits);
        }
    }
    rest
}

fn by_taking(first: &Set, others: &[&Set], limits: &Limits) -> Set {
    let mut rest = union([first], limits);
    let mut buffer = itoa::Buffer::new();
    for member in others.iter().flat_map(|other| other.iter()) {
        rest.remove(member.to_text(&mut buffer));
        if rest.is_empty() {
            break;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    type Model = BTreeSet<Vec<u8>>;

    fn model(set: &Set) -> Model {
        set.iter().map(Element::to_vec).collect()
    }

    /// Sets of integers and of strings, small and large.
    fn sets(random: &mut fastrand::Rng) -> Vec<Set> {
        let limits = Limits { max_intset_entries: 30 };
        let range = random.u64(1..150);
        let make = |random: &mut fastrand::Rng| {
            let (mut set, with_text) = (Set::new(), random.bool());
            for _ in 0..random.u64(..range * 2) {
                let number = random.u64(..range);
                let text =
                    if with_text && number.is_multiple_of(3) { format!("m{number}") } else { number.to_string() };
                set.insert(text.as_bytes(), &limits);
            }
            set
        };
        (0..random.usize(1..5)).map(|_| make(random)).collect()
    }

    #[test]
    fn agrees_with_sorted_sets() {
        let limits = Limits::default();
        for seed in 0..500 {
            let mut random = fastrand::Rng::with_seed(seed);
            let sets = sets(&mut random);
            let models: Vec<Model> = sets.iter().map(model).collect();
            let references: Vec<&Set> = sets.iter().collect();
            let mut intersection = Model::new();
            intersect(&references, |member| {
                assert!(intersection.insert(member.to_vec()));
                true
            });
            let expected = models[0].iter().filter(|member| models.iter().all(|set| set.contains(*member)));
            assert_eq!(intersection, expected.cloned().collect::<Model>());
            assert_eq!(model(&union(&sets, &limits)), models.iter().flatten().cloned().collect::<Model>());
            let expected = models[0].iter().filter(|member| !models[1..].iter().any(|set| set.contains(*member)));
            let expected: Model = expected.cloned().collect();
            let (first, others) = (references[0], &references[1..]);
            assert_eq!(model(&difference(first, others, &limits)), expected);
            assert_eq!(model(&by_asking(first, others, &limits)), expected);
            assert_eq!(model(&by_taking(first, others, &limits)), expected);
        }
    }

    #[test]
    fn ends_when_told_and_knows_the_same_set() {
        let mut set = Set::new();
        (0..9).for_each(|number| assert!(set.insert(format!("{number}").as_bytes(), &Limits::default())));
        let mut visited = 0;
        intersect(&[&set, &set], |_| {
            visited += 1;
            visited < 4
        });
        assert_eq!(visited, 4);
        intersect(&[], |_| unreachable!());
        assert!(difference(&set, &[&set], &Limits::default()).is_empty());
        assert_eq!(difference(&set, &[], &Limits::default()).len(), 9);
        assert_eq!(union([], &Limits::default()).encoding(), "intset");
    }
}
