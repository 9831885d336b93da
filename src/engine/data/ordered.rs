//! Members ordered by score, with ranks.
