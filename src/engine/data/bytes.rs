//! Short byte strings without an allocation.
