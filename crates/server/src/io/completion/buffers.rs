//! The memory that the kernel receives into: a ring of equal buffers, lent to it until it fills one, given
//! back once its bytes are copied to the connection's input.
//!
//! ```text
//! entries (shared with the kernel): [ address, size, id | (tail) ] [ address, size, id ] ...
//! memory:                           [ buffer 0 ][ buffer 1 ] ...
//! ```

use io_uring::types::BufRingEntry;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

/// As many as a poll's share of multishot receives (32) fills from one connection is a quarter megabyte.
pub const BUFFER_SIZE_BYTES: usize = 8 * 1024;
/// The kernel maps the entries: they begin at a page.
const PAGE_SIZE_BYTES: usize = 4096;

pub struct BufferRing {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    count: u16,
    /// Where the next buffer is given back; the kernel sees it at `publish`.
    tail: u16,
}

impl BufferRing {
    /// `count` is a power of two.
    pub fn new(count: u16) -> BufferRing {
        assert!(count.is_power_of_two());
        let entries = allocate(entries_layout(count)).cast();
        let memory = allocate(memory_layout(count));
        let mut ring = BufferRing { entries, memory, count, tail: 0 };
        for id in 0..count {
            ring.give_back(id);
        }
        ring.publish();
        ring
    }

    /// Address and number of the entries, for registration. They live as long as `self`.
    pub fn registration(&self) -> (u64, u16) {
        (self.entries.as_ptr() as u64, self.count)
    }

    /// The bytes that the kernel put into a buffer it has handed over.
    pub fn bytes(&self, id: u16, size: usize) -> &[u8] {
        assert!(id < self.count && size <= BUFFER_SIZE_BYTES);
        // SAFETY: the buffer lies within `memory`, which is initialised (zeroed) and lives as long as `self`.
        // The kernel handed it over and writes to it again only after `give_back` and `publish`, which need
        // `&mut self` and so end this borrow.
        unsafe {
            let start = self.memory.as_ptr().add(usize::from(id) * BUFFER_SIZE_BYTES);
            std::slice::from_raw_parts(start, size)
        }
    }

    /// Lends a buffer to the kernel again, from the next `publish` on.
    pub fn give_back(&mut self, id: u16) {
        assert!(id < self.count);
        let position = usize::from(self.tail & (self.count - 1));
        // SAFETY: `position` and `id` are below `count`, so both pointers stay inside their allocations. The
        // kernel reads entries only between its head and the published tail; this one is beyond it, since
        // there are no more buffers than entries. The setters leave the tail's field of entry 0 alone.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(position);
            entry.set_addr(self.memory.as_ptr().add(usize::from(id) * BUFFER_SIZE_BYTES) as u64);
            entry.set_len(BUFFER_SIZE_BYTES as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel all buffers given back so far.
    pub fn publish(&self) {
        // SAFETY: the tail lies in the first entry, which is valid, aligned for u16 and lives as long as
        // `self`; this thread is its only writer and the kernel reads it atomically.
        let tail = unsafe { &*BufRingEntry::tail(self.entries.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for BufferRing {
    fn drop(&mut self) {
        // SAFETY: both were allocated in `new` with these layouts. The owner has ended the ring before, so
        // the kernel uses neither any more.
        unsafe {
            dealloc(self.entries.as_ptr().cast(), entries_layout(self.count));
            dealloc(self.memory.as_ptr(), memory_layout(self.count));
        }
    }
}

fn entries_layout(count: u16) -> Layout {
    let size = usize::from(count) * size_of::<BufRingEntry>();
    Layout::from_size_align(size, PAGE_SIZE_BYTES).expect("a small layout")
}

fn memory_layout(count: u16) -> Layout {
    let size = usize::from(count) * BUFFER_SIZE_BYTES;
    Layout::from_size_align(size, PAGE_SIZE_BYTES).expect("a small layout")
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: the layouts have a size above zero.
    let memory = unsafe { alloc_zeroed(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}
