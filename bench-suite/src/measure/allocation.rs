//! The counting allocator: the system's, with two counters a thread. Only this file and `forced.rs` have `unsafe`.
//!
//! Each thread counts for itself, so that counting costs two additions and no shared cache line. A worker
//! reads its own counters before and after its share; what background threads of a contestant allocate is not
//! seen. Growing a block counts as an allocation of the new size, as it would in a language that copies.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a thread has allocated so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// Allocations, growing included.
    pub count: u64,
    /// Bytes asked for.
    pub bytes: u64,
}

impl Allocated {
    /// What was allocated since `earlier`, on the same thread.
    #[must_use]
    pub fn since(self, earlier: Allocated) -> Allocated {
        Allocated { count: self.count - earlier.count, bytes: self.bytes - earlier.bytes }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Allocated) -> Allocated {
        Allocated { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

thread_local! {
    // `const` and without a destructor: reading it never allocates and works until the thread is gone.
    static ALLOCATED: Cell<Allocated> = const { Cell::new(Allocated { count: 0, bytes: 0 }) };
}

/// What the current thread has allocated so far.
#[must_use]
pub fn allocated() -> Allocated {
    ALLOCATED.get()
}

#[inline]
fn count(bytes: usize) {
    let mut allocated = ALLOCATED.get();
    allocated.count += 1;
    allocated.bytes += bytes as u64;
    ALLOCATED.set(allocated);
}

/// The system's allocator, counted.
#[derive(Debug)]
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes unchanged to the system's allocator, which keeps the contract; counting touches
// only a thread-local cell, does not allocate and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, and this is the same call.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, and this is the same call.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if new_size > layout.size() {
            count(new_size);
        }
        // SAFETY: the caller keeps the contract of `realloc`, and every block came from the system's
        // allocator.
        unsafe { System.realloc(block, layout, new_size) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and every block came from the system's
        // allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Gives memory that is free but kept by the allocator back to the system, where the C library can.
///
/// Without it, the peak of one contestant would contain what an earlier one left behind.
pub fn give_back_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointer, may be called at any time and from any thread, and touches only
    // free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_one_allocation_of_its_size() {
        let before = allocated();
        let boxed = std::hint::black_box(Box::new([0_u8; 100]));
        assert_eq!(allocated().since(before), Allocated { count: 1, bytes: 100 });
        drop(boxed);
        assert_eq!(allocated().since(before), Allocated { count: 1, bytes: 100 });
    }

    #[test]
    fn growing_counts_and_other_threads_do_not() {
        let before = allocated();
        let mut list: Vec<u64> = Vec::with_capacity(2);
        list.extend([1, 2]);
        list.reserve_exact(2);
        assert_eq!(allocated().since(before), Allocated { count: 2, bytes: 16 + 32 });

        let made = std::thread::spawn(|| {
            let before = allocated();
            drop(std::hint::black_box(vec![0_u8; 1 << 20]));
            allocated().since(before).bytes
        });
        assert_eq!(made.join().unwrap(), 1 << 20);
        assert!(allocated().since(before).bytes < 1 << 20);
    }
}
