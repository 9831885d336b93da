//! The set.
