//! Hash slots: reading and writing ranges, ElastiCache's even split, and what moves when shards come and go.

use super::error::ApiError;
use crate::node::wanted::SlotRange;

/// Number of hash slots of a cluster.
pub(crate) const SLOT_COUNT: usize = 16384;

/// The even split of all slots that ElastiCache makes: with 3 shards 0-5461, 5462-10922, 10923-16383.
pub(crate) fn even_split(shards: usize) -> Vec<Vec<SlotRange>> {
    let mut first = 0;
    let mut split = Vec::with_capacity(shards);
    for size in target_sizes(shards) {
        split.push(ranges(&(first..first + size).collect::<Vec<_>>()));
        first += size;
    }
    split
}

fn target_sizes(shards: usize) -> impl Iterator<Item = usize> {
    let (size, rest) = (SLOT_COUNT / shards.max(1), SLOT_COUNT % shards.max(1));
    (0..shards).map(move |index| size + usize::from(index < rest))
}

/// New slots of the shards that stay (first `kept.len()`) and of `added` new ones, moving as few slots as an even
/// spread allows. Slots that no kept shard serves are taken from the shards that go.
pub(crate) fn rebalance(kept: &[Vec<SlotRange>], added: usize) -> Vec<Vec<SlotRange>> {
    let mut owned: Vec<Vec<usize>> = kept.iter().map(|ranges| numbers(ranges)).collect();
    owned.resize(kept.len() + added, Vec::new());
    // The larger shares go to those that have most, so that fewer slots move.
    let mut order: Vec<usize> = (0..owned.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(owned.get(*index).map_or(0, Vec::len)));
    let mut targets = vec![0; owned.len()];
    for (index, size) in order.into_iter().zip(target_sizes(owned.len())) {
        if let Some(target) = targets.get_mut(index) {
            *target = size;
        }
    }
    let mut is_kept = vec![false; SLOT_COUNT];
    for (slots, target) in owned.iter_mut().zip(&targets) {
        slots.truncate(*target);
        slots.iter().for_each(|slot| is_kept.get_mut(*slot).into_iter().for_each(|kept| *kept = true));
    }
    let mut free = (0..SLOT_COUNT).filter(|slot| !is_kept.get(*slot).copied().unwrap_or(true));
    for (slots, target) in owned.iter_mut().zip(&targets) {
        slots.extend(free.by_ref().take(target.saturating_sub(slots.len())));
        slots.sort_unstable();
    }
    owned.iter().map(|slots| ranges(slots)).collect()
}

fn numbers(ranges: &[SlotRange]) -> Vec<usize> {
    ranges.iter().flat_map(|range| usize::from(range.first)..=usize::from(range.last)).collect()
}

fn size(ranges: &[SlotRange]) -> usize {
    ranges.iter().map(|range| usize::from(range.last) + 1 - usize::from(range.first)).sum()
}

fn ranges(slots: &[usize]) -> Vec<SlotRange> {
    let mut ranges: Vec<SlotRange> = Vec::new();
    for slot in slots.iter().filter_map(|slot| u16::try_from(*slot).ok()) {
        match ranges.last_mut() {
            Some(range) if range.last + 1 == slot => range.last = slot,
            _ => ranges.push(SlotRange { first: slot, last: slot }),
        }
    }
    ranges
}

/// Reads `0-99,200,300-400`.
pub(crate) fn parse(text: &str) -> Result<Vec<SlotRange>, ApiError> {
    let one = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last && usize::from(last) < SLOT_COUNT).then_some(SlotRange { first, last })
    };
    let ranges: Option<Vec<_>> = text.split(',').map(one).collect();
    let mut ranges = ranges.ok_or_else(|| ApiError::value(format!("Invalid slots: {text}")))?;
    if size(&ranges) > SLOT_COUNT {
        return Err(ApiError::value("Invalid slots: a shard has each slot at most once."));
    }
    ranges.sort_unstable();
    Ok(ranges)
}

/// Writes `0-99,200,300-400`.
pub(crate) fn text(ranges: &[SlotRange]) -> String {
    let one = |range: &SlotRange| match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{}-{}", range.first, range.last),
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Whether the ranges of all shards together are every slot exactly once.
pub(crate) fn are_complete(shards: &[Vec<SlotRange>]) -> bool {
    // Counted before they are listed: a caller may name the same slots many times.
    if shards.iter().map(|ranges| size(ranges)).sum::<usize>() != SLOT_COUNT {
        return false;
    }
    let mut all: Vec<usize> = shards.iter().flat_map(|ranges| numbers(ranges)).collect();
    all.sort_unstable();
    all.iter().copied().eq(0..SLOT_COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(shards: &[Vec<SlotRange>]) -> Vec<String> {
        shards.iter().map(|ranges| text(ranges)).collect()
    }

    #[test]
    fn three_shards_split_as_elasticache_does() {
        assert_eq!(texts(&even_split(3)), ["0-5461", "5462-10922", "10923-16383"]);
        assert!(are_complete(&even_split(7)));
    }

    #[test]
    fn scaling_out_moves_only_what_the_new_shard_needs() {
        let after = rebalance(&even_split(3), 1);
        assert!(are_complete(&after));
        assert_eq!(texts(&after), ["0-4095", "5462-9557", "10923-15018", "4096-5461,9558-10922,15019-16383"]);
    }

    #[test]
    fn scaling_in_spreads_what_the_gone_shard_had() {
        let three = even_split(3);
        let after = rebalance(&three[..2], 0);
        assert!(are_complete(&after));
        assert_eq!(texts(&after), ["0-5461,10923-13652", "5462-10922,13653-16383"]);
    }

    #[test]
    fn an_even_spread_stays_as_it_is() {
        assert_eq!(rebalance(&even_split(5), 0), even_split(5));
    }

    #[test]
    fn texts_read_back() {
        assert_eq!(text(&parse("300-400,0-99,200").unwrap()), "0-99,200,300-400");
        assert!(parse("5-1").is_err());
        assert!(parse("0-16384").is_err());
    }

    #[test]
    fn slots_that_are_named_many_times_are_refused_unlisted() {
        assert!(parse("0-16383,0-16383").is_err());
        let many = vec![parse("0-16383").unwrap(); 100_000];
        assert!(!are_complete(&many));
    }
}
