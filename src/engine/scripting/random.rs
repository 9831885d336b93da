//! The random numbers that scripts see: a 48-bit linear congruential generator, the arithmetic of `drand48`.
//!
//! A script that seeds the generator gets the same sequence on every machine and from every server that speaks this
//! protocol, so the arithmetic is fixed. It knows nothing of Lua.

use std::cell::Cell;

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;
/// The state before anyone seeds it.
const FIRST_STATE: u64 = 0x1234_ABCD_330E;
/// The low 16 bits of a seeded state.
const SEED_TAIL: u64 = 0x330E;

/// The generator; one for the life of a server, whatever becomes of the Lua state.
#[derive(Debug)]
pub(super) struct Random {
    state: Cell<u64>,
}

impl Default for Random {
    fn default() -> Self {
        Self { state: Cell::new(FIRST_STATE) }
    }
}

impl Random {
    /// Starts the sequence that belongs to `seed`.
    pub(super) fn seed(&self, seed: i32) {
        let high = u64::from(seed.cast_unsigned());
        self.state.set((high << 16) | SEED_TAIL);
    }

    /// The next number, `0..=i32::MAX`.
    fn next(&self) -> i32 {
        let state = self.state.get().wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        self.state.set(state);
        i32::try_from(state >> 17).unwrap_or(i32::MAX)
    }

    /// The next number in `0.0..1.0`.
    pub(super) fn unit(&self) -> f64 {
        f64::from(self.next() % i32::MAX) / f64::from(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_sequence() {
        let random = Random::default();
        random.seed(10);
        let first = random.unit();
        random.seed(20);
        assert_ne!(first, random.unit());
        random.seed(10);
        assert_eq!(first, random.unit());
    }

    #[test]
    fn agrees_with_the_c_library() {
        // srand48(0); lrand48() three times.
        let random = Random::default();
        random.seed(0);
        assert_eq!([random.next(), random.next(), random.next()], [366850414, 1610402240, 206956554]);
    }
}
