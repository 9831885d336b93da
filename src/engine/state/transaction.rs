//! Commands that are kept for later: between MULTI and EXEC, or until a client is blocked no more.

use std::ops::Range;

use crate::engine::commands::table::CommandId;

/// A request, kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Kept {
    /// A copy of these arguments.
    pub fn new(arguments: &[&[u8]]) -> Self {
        let mut kept = Kept::default();
        for argument in arguments {
            let start = kept.bytes.len();
            kept.bytes.extend_from_slice(argument);
            kept.ranges.push(start..kept.bytes.len());
        }
        kept
    }

    /// The arguments.
    pub fn arguments(&self) -> Vec<&[u8]> {
        self.ranges.iter().map(|range| &self.bytes[range.clone()]).collect()
    }

    /// What it takes on the heap, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.ranges.capacity() * size_of::<Range<usize>>()
    }
}

/// What came since MULTI.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// The commands, in order.
    pub commands: Vec<(CommandId, Kept)>,
    /// Whether one of them was refused: EXEC does nothing then.
    pub failed: bool,
    /// Whether one of them writes.
    pub writes: bool,
    /// Whether one of them may need more memory.
    pub denies_oom: bool,
}
