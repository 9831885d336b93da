//! The memory that the engine takes, counted: `used_memory` and `maxmemory` go by it.
//!
//! A program that runs the engine makes [`Counting`] its global allocator. The only unsafe code of the engine: each
//! function hands its arguments on as they are.

#![expect(unsafe_code, reason = "an allocator's functions are unsafe by their nature")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static USED: AtomicUsize = AtomicUsize::new(0);

/// Memory that is taken and not given back, bytes.
pub fn used() -> usize {
    USED.load(Ordering::Relaxed)
}

/// An allocator that counts what it hands out.
#[derive(Clone, Copy, Debug)]
pub struct Counting;

// SAFETY: all memory comes from and goes to one allocator, with the layouts that the caller gives; counting touches none
// of it.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same as ours.
        let taken = unsafe { System.alloc(layout) };
        if !taken.is_null() {
            USED.fetch_add(layout.size(), Ordering::Relaxed);
        }
        taken
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let taken = unsafe { System.alloc_zeroed(layout) };
        if !taken.is_null() {
            USED.fetch_add(layout.size(), Ordering::Relaxed);
        }
        taken
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above; the memory came from the same allocator.
        unsafe { System.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let taken = unsafe { System.realloc(memory, layout, size) };
        if !taken.is_null() {
            USED.fetch_add(size, Ordering::Relaxed);
            USED.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        taken
    }
}
