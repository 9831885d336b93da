//! The sorted set.
