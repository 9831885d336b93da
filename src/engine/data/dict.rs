//! A dense hash table with Redis's SCAN guarantee.
