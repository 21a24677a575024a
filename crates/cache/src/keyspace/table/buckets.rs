//! An array of buckets in segments, each of which exists from its first write until it is emptied. It never
//! knows which of a table's two arrays it is.

use super::bucket::Bucket;
use crate::keyspace::entry::Entry;

/// 256 KiB: small enough to be zeroed within some 50 us, large enough that the list of segments of a table
/// with 10 million keys stays in the nearest cache.
const SEGMENT_BUCKET_COUNT: usize = 4096;

pub struct Buckets<C> {
    /// Segments not there are empty slices.
    segments: Vec<Box<[Bucket<C>]>>,
    count: usize,
    /// Buckets of the segments that are there.
    allocated_count: usize,
}

impl<C> Buckets<C> {
    /// An array of `count` empty buckets: a power of two, or none.
    pub fn new(count: usize) -> Buckets<C> {
        let segment_count = count.div_ceil(SEGMENT_BUCKET_COUNT);
        let segments = std::iter::repeat_with(Box::default).take(segment_count).collect();
        Buckets { segments, count, allocated_count: 0 }
    }

    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub fn mask(&self) -> u64 {
        (self.count as u64).wrapping_sub(1)
    }

    /// The bucket, unless its segment is not there, which means that it is empty.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Bucket<C>> {
        self.segments.get(index / SEGMENT_BUCKET_COUNT)?.get(index % SEGMENT_BUCKET_COUNT)
    }

    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Bucket<C>> {
        self.segments.get_mut(index / SEGMENT_BUCKET_COUNT)?.get_mut(index % SEGMENT_BUCKET_COUNT)
    }

    #[inline]
    pub fn get_or_create(&mut self, index: usize) -> &mut Bucket<C> {
        let segment = &mut self.segments[index / SEGMENT_BUCKET_COUNT];
        if segment.is_empty() {
            let count = self.count.min(SEGMENT_BUCKET_COUNT);
            *segment = std::iter::repeat_with(|| Bucket::EMPTY).take(count).collect();
            self.allocated_count += count;
        }
        &mut segment[index % SEGMENT_BUCKET_COUNT]
    }

    /// Visits the entries of one bucket.
    #[inline]
    pub fn visit<'a>(&'a self, index: usize, visit: &mut impl FnMut(&'a Entry<C>)) {
        if let Some(bucket) = self.get(index) {
            bucket.for_each(visit);
        }
    }

    /// As [`Buckets::visit`], for marks on the entries.
    pub fn visit_mut(&mut self, index: usize, visit: &mut impl FnMut(&mut Entry<C>)) {
        if let Some(bucket) = self.get_mut(index) {
            bucket.for_each_mut(visit);
        }
    }

    /// Frees the segment that ends at `index`, if one does; its buckets are empty.
    pub fn free_before(&mut self, index: usize) {
        if index.is_multiple_of(SEGMENT_BUCKET_COUNT) {
            let freed = std::mem::take(&mut self.segments[index / SEGMENT_BUCKET_COUNT - 1]);
            self.allocated_count -= freed.len();
        }
    }

    #[inline]
    pub fn memory_size_bytes(&self) -> usize {
        self.allocated_count * size_of::<Bucket<C>>()
            + self.segments.capacity() * size_of::<Box<[Bucket<C>]>>()
    }
}
