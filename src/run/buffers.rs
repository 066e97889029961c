//! The memory of batches: taken once at its full size, and used again when the sink has let go of a
//! batch, so that a long run needs no more of it than a short one.

use bytes::Bytes;

/// How many bytes make a batch: smaller ones cost PostgreSQL up to twice the time.
pub(super) const BATCH_SIZE: usize = 1024 * 1024;
/// How many bytes a buffer has room for: whole blocks are added, so that a batch ends up larger.
const CAPACITY: usize = BATCH_SIZE + 256 * 1024;

/// Buffers that were made into batches.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    batches: Vec<Bytes>,
}

impl Buffers {
    /// An empty buffer: that of a batch which nobody holds any more, or a new one.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let done = self.batches.iter().position(Bytes::is_unique);
        let batch = done.map(|done| self.batches.swap_remove(done));
        match batch.map(Bytes::try_into_mut) {
            Some(Ok(mut buffer)) => {
                buffer.clear();
                buffer.into()
            }
            Some(Err(_)) | None => Vec::with_capacity(CAPACITY),
        }
    }

    /// Makes a buffer's bytes a batch.
    pub(super) fn give(&mut self, buffer: Vec<u8>) -> Bytes {
        // What a large partition has made grow is not kept.
        let keep = buffer.capacity() == CAPACITY;
        let batch = Bytes::from(buffer);
        if keep {
            self.batches.push(batch.clone());
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_batch_is_gone() {
        let mut buffers = Buffers::default();
        let mut buffer = buffers.take();
        let place = buffer.as_ptr();
        buffer.extend_from_slice(b"rows");
        let batch = buffers.give(buffer);
        let part = batch.slice(1..);
        drop(batch);
        let other = buffers.take();
        assert_ne!(other.as_ptr(), place, "a part of the batch is in use");
        assert_eq!(part, b"ows"[..]);
        drop(part);
        let buffer = buffers.take();
        assert_eq!(buffer.as_ptr(), place);
        assert_eq!((buffer.len(), buffer.capacity()), (0, CAPACITY));
        assert!(buffers.batches.is_empty());
    }

    #[test]
    fn a_buffer_that_grew_is_not_kept() {
        let mut buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.resize(CAPACITY + 1, 0);
        assert_eq!(buffers.give(buffer).len(), CAPACITY + 1);
        assert!(buffers.batches.is_empty());
    }
}
