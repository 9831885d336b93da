//! A sorted set of integers in one block.
