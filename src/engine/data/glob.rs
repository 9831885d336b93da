//! Glob patterns as KEYS and SUBSCRIBE know them.
