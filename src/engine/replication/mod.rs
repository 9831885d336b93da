//! What a primary and a replica do next, as step functions.
