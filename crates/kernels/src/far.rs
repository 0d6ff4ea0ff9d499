//! Results larger than the caches, written past them.
//!
//! A line of the cache that is written is read from memory first, and pushes out what is needed sooner. Where a result will not be found in
//! the caches when it is read again, whole lines go straight to memory (x86-64: non-temporal stores; elsewhere the usual ones).

/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
/// Bytes of a result that the caches cannot be hoped to keep until it is read again.
const FAR: usize = 24 << 20;

/// Whether what is written to `y` should be [sent](send) past the caches.
pub(crate) fn is_far(y: &[f32]) -> bool {
    size_of_val(y) >= FAR
}

/// Copies a row past the caches where it lies on whole cache lines, else as usual. Other threads see it after [`sent`].
#[inline(always)]
pub(crate) fn send(row: &[f32], to: &mut [f32]) {
    assert_eq!(row.len(), to.len(), "rows of one length");
    #[cfg(target_arch = "x86_64")]
    if to.as_ptr().align_offset(LINE) == 0 && to.len().is_multiple_of(LINE / 4) {
        use std::arch::x86_64::{_mm_loadu_ps, _mm_stream_ps};
        for (to, row) in to.chunks_exact_mut(4).zip(row.chunks_exact(4)) {
            // SAFETY: four numbers each, the first of them aligned; SSE is part of x86-64.
            unsafe { _mm_stream_ps(to.as_mut_ptr(), _mm_loadu_ps(row.as_ptr())) };
        }
        return;
    }
    to.copy_from_slice(row);
}

/// Orders what this thread has sent before everything it does from here on.
#[inline(always)]
pub(crate) fn sent() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a fence; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}
