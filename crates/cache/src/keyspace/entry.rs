//! One key with its value behind one thin pointer; a short string lies in the same allocation as its key.
//!
//! ```text
//! 0         16          16 + key length                         size - 8    size
//! [ Header ][ key bytes ][ string bytes      ][ slack          ][ deadline ]   text
//! [ Header ][ key bytes ][ pad to 8 ][ cell  ][ slack          ][ deadline ]   integer, shared, container
//! ```
//!
//! The deadline exists only where the header says so. Sizes are those an allocator hands out anyway (16-byte
//! steps, later a quarter of a power of two), so that the slack costs nothing and overwriting a value with
//! one of about the same length needs no allocation.
//!
//! An entry never knows its table, the clock or a command. This is one of the two files of the crate with
//! unsafe code; the other is `table/bucket.rs`.

use super::string::{StringEncoding, StringRef};
use crate::values::canonical_integer;
use bytes::{Bytes, BytesMut};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::ptr::NonNull;
use warren_units::UnixMillis;
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;

/// A key and its value. `C` is whatever holds the other types: lists, hashes, sets...
#[repr(transparent)]
pub struct Entry<C> {
    header: NonNull<Header>,
    owns: PhantomData<(Bytes, C)>,
}

/// What an entry holds.
#[derive(Debug)]
pub enum Value<'a, C> {
    String(StringRef<'a>),
    Container(&'a C),
}

/// A value taken out of its entry because freeing it may take long.
pub enum Detached<C> {
    Shared(Bytes),
    Container(C),
}

#[repr(C)]
struct Header {
    access_clock: u32,
    key_length: u32,
    /// Size of the allocation in units of 8 bytes.
    size_in_words: u32,
    /// Of text inside the entry.
    text_length: u16,
    payload: Payload,
    flags: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Payload {
    Text,
    Integer,
    Shared,
    Container,
}

/// A deadline lies in the last 8 bytes.
const HAS_DEADLINE: u8 = 1;
/// The text was built by a change (APPEND, SETRANGE, SETBIT), not set whole.
const CHANGED: u8 = 2;
/// One of two colours: which entries a frozen view still has to write out (see [`super::freeze`]).
const COLOUR: u8 = 4;

const ALIGNMENT: usize = 8;
const HEADER_SIZE: usize = size_of::<Header>();
const DEADLINE_SIZE: usize = 8;
const _: () = assert!(HEADER_SIZE == 16 && SHARED_SIZE_BYTES_MIN - 1 <= u16::MAX as usize);

// SAFETY: an entry owns its allocation alone, and what it can hold (Bytes, C) is Send where C is.
unsafe impl<C: Send> Send for Entry<C> {}
// SAFETY: through a shared reference an entry is only read.
unsafe impl<C: Sync> Sync for Entry<C> {}

impl<C> Entry<C> {
    /// A string; the canonical decimal of an i64 is stored as a number.
    pub fn new_string(key: &[u8], value: &[u8]) -> Entry<C> {
        if let Some(number) = canonical_integer(value) {
            return Entry::new_integer(key, number);
        }
        if value.len() >= SHARED_SIZE_BYTES_MIN {
            return Entry::new_shared(key, Bytes::copy_from_slice(value));
        }
        let mut entry = Entry::with_room(key, value.len());
        entry.set_text(value, false);
        entry
    }

    /// A string that is referenced, not copied, where it is large.
    pub fn new_shared(key: &[u8], value: Bytes) -> Entry<C> {
        if value.len() < SHARED_SIZE_BYTES_MIN {
            return Entry::new_string(key, &value);
        }
        let mut entry = Entry::with_room(key, cell_room::<Bytes>());
        entry.put_cell(Payload::Shared, value);
        entry
    }

    pub fn new_integer(key: &[u8], value: i64) -> Entry<C> {
        let mut entry = Entry::with_room(key, cell_room::<i64>());
        entry.put_cell(Payload::Integer, value);
        entry
    }

    pub fn new_container(key: &[u8], container: C) -> Entry<C> {
        let mut entry = Entry::with_room(key, cell_room::<C>());
        entry.put_cell(Payload::Container, container);
        entry
    }

    #[inline]
    pub fn key(&self) -> &[u8] {
        // SAFETY: the key bytes were written at creation and lie within the allocation.
        unsafe { std::slice::from_raw_parts(self.at(HEADER_SIZE), self.header().key_length as usize) }
    }

    /// Whether this is the entry's key. Keys of common lengths are compared without a call.
    #[inline]
    pub fn has_key(&self, key: &[u8]) -> bool {
        let own = self.key();
        match (own.first_chunk::<8>(), own.last_chunk::<8>()) {
            (Some(first), Some(last)) if own.len() <= 16 => {
                own.len() == key.len() && key.first_chunk() == Some(first) && key.last_chunk() == Some(last)
            }
            _ => own == key,
        }
    }

    /// Where the entry lies, for prefetching only.
    #[inline]
    pub(super) fn address(&self) -> *const u8 {
        self.header.as_ptr().cast()
    }

    #[inline]
    pub fn expire_at(&self) -> Option<UnixMillis> {
        if self.header().flags & HAS_DEADLINE == 0 {
            return None;
        }
        // SAFETY: the flag says that the last 8 bytes, aligned as the size is a multiple of 8, hold one.
        Some(UnixMillis(unsafe { self.at(self.size() - DEADLINE_SIZE).cast::<u64>().read() }))
    }

    pub fn set_expire_at(&mut self, deadline: Option<UnixMillis>) {
        let Some(deadline) = deadline else {
            self.header_mut().flags &= !HAS_DEADLINE;
            return;
        };
        if self.header().flags & HAS_DEADLINE == 0 {
            let size = self.payload_end() + DEADLINE_SIZE;
            if size > self.size() {
                self.resize(size_class(size));
            }
            self.header_mut().flags |= HAS_DEADLINE;
        }
        self.write_deadline(deadline);
    }

    /// When (LRU) or how often (LFU) the key was used: what the eviction policy wants to remember.
    #[inline]
    pub fn access_clock(&self) -> u32 {
        self.header().access_clock
    }

    #[inline]
    pub fn set_access_clock(&mut self, clock: u32) {
        self.header_mut().access_clock = clock;
    }

    #[inline]
    pub fn colour(&self) -> bool {
        self.header().flags & COLOUR != 0
    }

    #[inline]
    pub fn set_colour(&mut self, colour: bool) {
        let header = self.header_mut();
        header.flags = (header.flags & !COLOUR) | if colour { COLOUR } else { 0 };
    }

    #[inline]
    pub fn value(&self) -> Value<'_, C> {
        match self.header().payload {
            Payload::Text => Value::String(StringRef::Plain(self.text())),
            // SAFETY: the payload says which type lies in the cell.
            Payload::Integer => Value::String(StringRef::Integer(unsafe { *self.cell::<i64>() })),
            // SAFETY: as above.
            Payload::Shared => Value::String(StringRef::Shared(unsafe { &*self.cell::<Bytes>() })),
            // SAFETY: as above.
            Payload::Container => Value::Container(unsafe { &*self.cell::<C>() }),
        }
    }

    #[inline]
    pub fn string(&self) -> Option<StringRef<'_>> {
        match self.value() {
            Value::String(string) => Some(string),
            Value::Container(_) => None,
        }
    }

    #[inline]
    pub fn container(&self) -> Option<&C> {
        match self.value() {
            Value::String(_) => None,
            Value::Container(container) => Some(container),
        }
    }

    #[inline]
    pub fn container_mut(&mut self) -> Option<&mut C> {
        // SAFETY: the payload says that a C lies in the cell, and `self` is borrowed exclusively.
        (self.header().payload == Payload::Container).then(|| unsafe { &mut *self.cell::<C>() })
    }

    pub fn string_encoding(&self) -> Option<StringEncoding> {
        let changed = self.header().flags & CHANGED != 0;
        Some(match self.string()? {
            StringRef::Integer(_) => StringEncoding::Int,
            StringRef::Plain(text) => StringEncoding::of_text(text.len(), changed),
            StringRef::Shared(text) => StringEncoding::of_text(text.len(), changed),
        })
    }

    /// True for text that was built by a change, which OBJECT ENCODING shows as `raw`.
    pub fn is_changed_text(&self) -> bool {
        self.header().payload == Payload::Text && self.header().flags & CHANGED != 0
    }

    /// The entry's own memory and that of a large string; a container's memory is for the container to say.
    pub fn memory_size_bytes(&self) -> usize {
        self.size()
            + match self.value() {
                Value::String(StringRef::Shared(bytes)) => bytes.len(),
                _ => 0,
            }
    }

    /// Replaces the value by a string, in place where it fits; the deadline stays.
    #[inline]
    pub fn set_string(&mut self, value: &[u8]) {
        if let Some(number) = canonical_integer(value) {
            return self.set_integer(number);
        }
        if value.len() >= SHARED_SIZE_BYTES_MIN {
            return self.set_shared(Bytes::copy_from_slice(value));
        }
        self.set_text(value, false);
    }

    /// Replaces the value by a short text that is kept as text even if it is the decimal of a number.
    pub fn set_short_text(&mut self, value: &[u8]) {
        self.set_text(value, false);
    }

    /// Replaces the value by a string that is referenced, not copied, where it is large.
    pub fn set_shared(&mut self, value: Bytes) {
        if value.len() < SHARED_SIZE_BYTES_MIN {
            return self.set_string(&value);
        }
        drop(self.take_value());
        self.put_cell(Payload::Shared, value);
    }

    pub fn set_integer(&mut self, value: i64) {
        drop(self.take_value());
        self.put_cell(Payload::Integer, value);
    }

    pub fn set_container(&mut self, container: C) {
        drop(self.take_value());
        self.put_cell(Payload::Container, container);
    }

    /// Appends to a string and returns its new length. Amortised, the cost is that of the appended bytes
    /// unless the value is large and someone else still reads it.
    ///
    /// # Panics
    /// If the entry holds a container; so do `set_range` and `change_string`.
    pub fn append(&mut self, tail: &[u8]) -> usize {
        let length = self.string().expect("append to a container").len();
        self.set_range(length, tail)
    }

    /// Overwrites from `offset` on, zeros filling a gap, and returns the new length.
    pub fn set_range(&mut self, offset: usize, part: &[u8]) -> usize {
        self.change_string(offset + part.len(), |bytes| {
            bytes[offset..offset + part.len()].copy_from_slice(part);
            bytes.len()
        })
    }

    /// Makes the string at least `length_min` long, zeros at its end, and gives it to `change`. A number
    /// becomes text; a large value that is shared is copied first.
    pub fn change_string<R>(&mut self, length_min: usize, change: impl FnOnce(&mut [u8]) -> R) -> R {
        if let Value::String(StringRef::Integer(number)) = self.value() {
            self.set_text(itoa::Buffer::new().format(number).as_bytes(), true);
        }
        self.header_mut().flags |= CHANGED;
        let mut large = match self.take_value() {
            None if length_min < SHARED_SIZE_BYTES_MIN => {
                self.grow_text(length_min);
                return change(self.text_mut());
            }
            None => BytesMut::from(self.text()),
            Some(Detached::Shared(bytes)) => BytesMut::from(bytes),
            Some(Detached::Container(_)) => panic!("string change of a container"),
        };
        if large.len() < length_min {
            large.resize(length_min, 0);
        }
        let result = change(&mut large);
        self.put_cell(Payload::Shared, large.freeze());
        result
    }

    /// Takes a container or a large string out and leaves the empty string; text and numbers stay.
    pub fn take_value(&mut self) -> Option<Detached<C>> {
        let detached = match self.header().payload {
            Payload::Text | Payload::Integer => return None,
            // SAFETY: the payload says that Bytes lie in the cell; it is overwritten below, so they have
            // one owner.
            Payload::Shared => Detached::Shared(unsafe { self.cell::<Bytes>().read() }),
            // SAFETY: as above, with C.
            Payload::Container => Detached::Container(unsafe { self.cell::<C>().read() }),
        };
        let header = self.header_mut();
        header.payload = Payload::Text;
        header.text_length = 0;
        Some(detached)
    }

    /// The same value, deadline and access clock under another key.
    pub fn with_key(mut self, key: &[u8]) -> Entry<C> {
        let mut renamed = match self.take_value() {
            Some(Detached::Shared(bytes)) => Entry::new_shared(key, bytes),
            Some(Detached::Container(container)) => Entry::new_container(key, container),
            None => self.small_string_copy(key),
        };
        renamed.copy_marks(&self);
        renamed
    }

    /// A copy under another key, as COPY makes it.
    pub fn copy_with_key(&self, key: &[u8]) -> Entry<C>
    where
        C: Clone,
    {
        let mut copy = match self.value() {
            Value::String(StringRef::Shared(bytes)) => Entry::new_shared(key, bytes.clone()),
            Value::Container(container) => Entry::new_container(key, container.clone()),
            Value::String(_) => self.small_string_copy(key),
        };
        copy.copy_marks(self);
        copy
    }
}

/// Where things lie, and how much room there is.
impl<C> Entry<C> {
    const CELLS_ARE_ALIGNED: () = assert!(align_of::<C>() <= ALIGNMENT && align_of::<Bytes>() <= ALIGNMENT);

    /// An empty string with room for `room` bytes after the key.
    fn with_room(key: &[u8], room: usize) -> Entry<C> {
        let () = Self::CELLS_ARE_ALIGNED;
        let size = size_class(HEADER_SIZE + key.len() + room);
        let layout = layout(size);
        // SAFETY: the size is at least that of the header.
        let Some(header) = NonNull::new(unsafe { alloc(layout) }.cast::<Header>()) else {
            handle_alloc_error(layout);
        };
        let content = Header {
            access_clock: 0,
            key_length: u32::try_from(key.len()).expect("a key is shorter than 4 GiB"),
            size_in_words: size_in_words(size),
            text_length: 0,
            payload: Payload::Text,
            flags: 0,
        };
        // SAFETY: the allocation is new, aligned for the header, and has room for it and the key after it.
        unsafe {
            header.write(content);
            header
                .cast::<u8>()
                .add(HEADER_SIZE)
                .copy_from_nonoverlapping(NonNull::from(key).cast(), key.len());
        }
        Entry { header, owns: PhantomData }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the header lives as long as the entry.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn header_mut(&mut self) -> &mut Header {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { self.header.as_mut() }
    }

    #[inline]
    fn size(&self) -> usize {
        self.header().size_in_words as usize * ALIGNMENT
    }

    /// The address of the byte at `offset`, which must lie within the allocation or at its end.
    #[inline]
    fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.size());
        // SAFETY: callers stay within the allocation, checked above in debug builds.
        unsafe { self.header.as_ptr().cast::<u8>().add(offset) }
    }

    #[inline]
    fn text_offset(&self) -> usize {
        HEADER_SIZE + self.header().key_length as usize
    }

    #[inline]
    fn cell_offset(&self) -> usize {
        self.text_offset().next_multiple_of(ALIGNMENT)
    }

    /// Where the value lies if it is no text; aligned for any of the cell types.
    #[inline]
    fn cell<T>(&self) -> *mut T {
        self.at(self.cell_offset()).cast()
    }

    #[inline]
    fn payload_end(&self) -> usize {
        match self.header().payload {
            Payload::Text => self.text_offset() + self.header().text_length as usize,
            Payload::Integer => self.cell_offset() + size_of::<i64>(),
            Payload::Shared => self.cell_offset() + size_of::<Bytes>(),
            Payload::Container => self.cell_offset() + size_of::<C>(),
        }
    }

    #[inline]
    fn text(&self) -> &[u8] {
        debug_assert!(self.header().payload == Payload::Text);
        // SAFETY: that many bytes of text were written after the key.
        unsafe { std::slice::from_raw_parts(self.at(self.text_offset()), self.header().text_length as usize) }
    }

    fn text_mut(&mut self) -> &mut [u8] {
        debug_assert!(self.header().payload == Payload::Text);
        let length = self.header().text_length as usize;
        // SAFETY: as in `text`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.at(self.text_offset()), length) }
    }

    /// Makes the value this text. The old value must be text or a number.
    #[inline]
    fn set_text(&mut self, text: &[u8], changed: bool) {
        debug_assert!(text.len() < SHARED_SIZE_BYTES_MIN);
        drop(self.take_value());
        self.fit(self.text_offset() + text.len());
        // SAFETY: `fit` made room; `text` is not part of this entry, which is borrowed exclusively.
        unsafe { self.at(self.text_offset()).copy_from_nonoverlapping(text.as_ptr(), text.len()) };
        let header = self.header_mut();
        header.payload = Payload::Text;
        header.text_length = text.len() as u16;
        header.flags = (header.flags & !CHANGED) | if changed { CHANGED } else { 0 };
    }

    /// Makes text at least `length` long, with zeros.
    fn grow_text(&mut self, length: usize) {
        let old_length = self.text().len();
        if length <= old_length {
            return;
        }
        let size = self.text_offset() + length + self.deadline_size();
        if size > self.size() {
            self.resize(size_class(size));
        }
        // SAFETY: there is room for `length` bytes of text now.
        unsafe { self.at(self.text_offset() + old_length).write_bytes(0, length - old_length) };
        self.header_mut().text_length = length as u16;
    }

    /// Writes a value other than text. The old value must be text or a number, which are simply forgotten.
    fn put_cell<T>(&mut self, payload: Payload, value: T) {
        self.fit(self.cell_offset() + size_of::<T>());
        // SAFETY: `fit` made room at the cell, which is aligned for T (`CELLS_ARE_ALIGNED`).
        unsafe { self.cell::<T>().write(value) };
        let header = self.header_mut();
        header.payload = payload;
        if payload != Payload::Shared {
            header.flags &= !CHANGED;
        }
    }

    /// Makes the allocation fit a value that ends at `end`, forgetting the old one: grows it if that is
    /// longer, shrinks it if less than half is needed.
    #[inline]
    fn fit(&mut self, end: usize) {
        let needed = end + self.deadline_size();
        if needed > self.size() || size_class(needed) * 2 < self.size() {
            // Nothing of the old value may count as payload while the allocation shrinks.
            let header = self.header_mut();
            header.payload = Payload::Text;
            header.text_length = 0;
            self.resize(size_class(needed));
        }
    }

    #[inline]
    fn deadline_size(&self) -> usize {
        if self.header().flags & HAS_DEADLINE == 0 { 0 } else { DEADLINE_SIZE }
    }

    /// Moves to an allocation of `size`, keeping all up to the end of the payload, and the deadline.
    fn resize(&mut self, size: usize) {
        debug_assert!(self.payload_end() + self.deadline_size() <= size && size.is_multiple_of(ALIGNMENT));
        let deadline = self.expire_at();
        // SAFETY: the allocation came from `alloc` or `realloc` with this layout; the new size is not zero.
        let moved = unsafe { realloc(self.header.as_ptr().cast(), layout(self.size()), size) };
        let Some(header) = NonNull::new(moved.cast::<Header>()) else {
            handle_alloc_error(layout(size));
        };
        self.header = header;
        self.header_mut().size_in_words = size_in_words(size);
        if let Some(deadline) = deadline {
            self.write_deadline(deadline);
        }
    }

    fn write_deadline(&mut self, deadline: UnixMillis) {
        debug_assert!(self.payload_end() + DEADLINE_SIZE <= self.size());
        // SAFETY: the last 8 bytes are aligned and no payload reaches into them.
        unsafe { self.at(self.size() - DEADLINE_SIZE).cast::<u64>().write(deadline.0) };
    }

    /// Text or a number under another key.
    fn small_string_copy(&self, key: &[u8]) -> Entry<C> {
        if self.header().payload == Payload::Integer {
            // SAFETY: the payload says that a number lies in the cell.
            return Entry::new_integer(key, unsafe { *self.cell::<i64>() });
        }
        let text = self.text();
        let mut copy = Entry::with_room(key, text.len());
        copy.set_text(text, false);
        copy
    }

    fn copy_marks(&mut self, from: &Entry<C>) {
        self.header_mut().flags |= from.header().flags & CHANGED;
        self.set_access_clock(from.access_clock());
        self.set_expire_at(from.expire_at());
    }
}

impl<C> Drop for Entry<C> {
    fn drop(&mut self) {
        drop(self.take_value());
        // SAFETY: the allocation has this layout, and nothing uses it after the drop.
        unsafe { dealloc(self.header.as_ptr().cast(), layout(self.size())) };
    }
}

#[inline]
fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGNMENT).expect("an entry fits the address space")
}

#[inline]
fn size_in_words(size: usize) -> u32 {
    u32::try_from(size / ALIGNMENT).expect("an entry is smaller than 32 GiB")
}

/// Room a cell may need after the key, padding included.
const fn cell_room<T>() -> usize {
    size_of::<T>() + ALIGNMENT - 1
}

/// The size an allocator such as jemalloc reserves for `size` bytes.
#[inline]
fn size_class(size: usize) -> usize {
    if size <= 128 {
        return size.next_multiple_of(16);
    }
    let step = (1 << (size - 1).ilog2()) / 4;
    size.next_multiple_of(step)
}

#[cfg(test)]
mod tests;
