//! The hash.
