//! Databases, entries, expiry, eviction and watched keys.
