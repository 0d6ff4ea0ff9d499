//! Memory for numbers: it starts on a cache line; that of weights lies in huge pages where the system gives them.
//!
//! ```text
//! large weights     │ huge page │ huge page │ rest in small pages │
//! other weights     │ a │ b b b b │ c c │ d …                      │    one after another in a slab of huge pages
//! ```
//! A processor looks up addresses page by page in a table (TLB) that holds some thousand entries, and the weights of a
//! network are more pages of 4 KiB than that; on a virtual machine each miss costs two walks. With pages of 2 MiB for weights a U-Net in 3-D takes
//! 4 % less processor time on one thread of an Emerald Rapids in a virtual machine, ViT-B 7 %; for activations, which are read again while they are
//! near, nothing. There such a page costs 2 to 3 ms when it is first touched if the machine outside has to give it first,
//! so only those that pay are asked for. Most Linux systems give them
//! to those who ask (`transparent_hugepage` is `madvise`). Memory that was never written is not held by the system, here as elsewhere.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a cache line: a vector load that straddles two costs double.
const LINE: usize = 64;
/// Bytes of a huge page, on x86-64 and, with pages of 4 KiB, on AArch64; from so many on a block is taken from the system itself.
const HUGE: usize = 2 << 20;
/// Bytes of a slab. Only what is written is held.
const SLAB: usize = 64 << 20;
/// Bytes from which weights have a buffer of their own.
const LARGE: usize = SLAB / 8;
/// Bytes of the largest small page of any system.
const PAGE: usize = 64 << 10;

/// `f32` numbers, zero at first.
pub struct Floats {
    block: Arc<Block>,
    /// Of the first number, in bytes from the block's start.
    offset: usize,
    len: usize,
}

/// Memory as it was allocated.
struct Block {
    memory: *mut u8,
    layout: Layout,
    /// It is the system's own, not the allocator's.
    mapped: bool,
    /// Bytes before the first aligned one.
    start: usize,
}

// SAFETY: a block is memory and no more; each part of it belongs to one `Floats`.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

/// The slab that packed weights are taken from, and its bytes that are taken.
static CURRENT: Mutex<Option<(Arc<Block>, usize)>> = Mutex::new(None);

impl Floats {
    /// `len` zeros in a buffer of their own.
    pub fn zeros(len: usize) -> Floats {
        Floats { block: Arc::new(Block::new(bytes(len), LINE)), offset: 0, len }
    }

    /// `len` zeros in huge pages, for what is used over and over.
    pub fn lasting(len: usize) -> Floats {
        Floats { block: Arc::new(Block::new(bytes(len), HUGE)), offset: 0, len }
    }

    /// `len` zeros for weights, which stay as long as a network: small ones share huge pages with others.
    pub(crate) fn for_weights(len: usize) -> Floats {
        let bytes = bytes(len);
        if bytes >= LARGE {
            return Floats { block: Arc::new(Block::new(bytes, HUGE)), offset: 0, len };
        }
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        let (block, taken) = match current.take() {
            Some((block, taken)) if bytes <= SLAB - taken => (block, taken),
            _ => (Arc::new(Block::new(SLAB, HUGE)), 0),
        };
        let offset = taken;
        *current = Some((block.clone(), taken + bytes));
        Floats { block, offset, len }
    }

    /// At least `len` elements, of any value.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.len < len {
            *self = Floats::zeros(len);
        }
    }

    fn start(&self) -> *mut u8 {
        // SAFETY: both lie inside the block.
        unsafe { self.block.memory.add(self.block.start + self.offset) }
    }
}

/// Whole cache lines of `len` numbers.
fn bytes(len: usize) -> usize {
    (len * size_of::<f32>()).next_multiple_of(LINE)
}

impl Block {
    /// So many zeros from a multiple of `align` on; in huge pages if that is one.
    fn new(bytes: usize, align: usize) -> Block {
        let Ok(layout) = Layout::from_size_align(bytes + align, size_of::<f32>()) else {
            panic!("{bytes} bytes are more than there can be");
        };
        let mut memory = if bytes >= HUGE { system::take(layout) } else { null_mut() };
        let mapped = !memory.is_null();
        if !mapped {
            // SAFETY: the size is not zero.
            memory = unsafe { alloc_zeroed(layout) };
        }
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        let start = memory.align_offset(align).min(align);
        if align == HUGE {
            // What is less than a huge page stays in small ones, so that no more is held than was asked for.
            system::advise(memory.wrapping_add(start), bytes / HUGE * HUGE, system::HUGEPAGE);
        }
        Block { memory, layout, mapped, start }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.mapped {
            system::give(self.memory, self.layout);
        } else {
            // SAFETY: allocated with this layout; nobody has a part of it any more.
            unsafe { dealloc(self.memory, self.layout) };
        }
    }
}

impl Drop for Floats {
    /// What goes from a slab that others still use is given back page by page; the slab does not hand it out again.
    fn drop(&mut self) {
        let bytes = bytes(self.len);
        if self.block.layout.size() > SLAB && bytes < LARGE {
            let from = self.start().align_offset(PAGE);
            let whole = bytes.saturating_sub(from) / PAGE * PAGE;
            if whole > 0 {
                system::advise(self.start().wrapping_add(from), whole, system::DONTNEED);
            }
        }
    }
}

/// Memory of the system's own, by whole pages: zero, held once it is written, given back at once. The C library would clear what was used before
/// and keep what is given back, and take the size of what is given back for a size to keep from then on.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod system {
    use std::alloc::Layout;
    use std::ffi::{c_int, c_void};
    use std::ptr::null_mut;

    unsafe extern "C" {
        fn mmap(
            at: *mut c_void,
            len: usize,
            access: c_int,
            kind: c_int,
            file: c_int,
            offset: i64,
        ) -> *mut c_void;
        fn munmap(start: *mut c_void, len: usize) -> c_int;
        fn madvise(start: *mut c_void, len: usize, advice: c_int) -> c_int;
    }

    /// Huge pages are welcome.
    pub const HUGEPAGE: c_int = 14;
    /// The contents are not needed any more.
    pub const DONTNEED: c_int = 4;
    /// To read and to write.
    const ACCESS: c_int = 1 | 2;
    /// Nobody else's, and of no file.
    const KIND: c_int = 0x02 | 0x20;

    /// Null where there is none.
    pub fn take(layout: Layout) -> *mut u8 {
        // SAFETY: new memory, where nothing else is.
        let memory = unsafe { mmap(null_mut(), layout.size(), ACCESS, KIND, -1, 0) };
        // -1 stands for an error.
        if memory.addr() == usize::MAX { null_mut() } else { memory.cast() }
    }

    /// What `take` gave.
    pub fn give(memory: *mut u8, layout: Layout) {
        // SAFETY: the whole of what was taken, of which nobody has a part any more.
        let _ = unsafe { munmap(memory.cast(), layout.size()) };
    }

    /// Tells about memory of ours. Where the system does not listen, nothing is lost.
    pub fn advise(start: *mut u8, bytes: usize, advice: c_int) {
        // SAFETY: whole pages of a block of ours; those given up are read by nobody any more.
        let _ = unsafe { madvise(start.cast(), bytes, advice) };
    }
}

/// Other systems: all memory is the allocator's.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod system {
    use std::alloc::Layout;

    pub const HUGEPAGE: i32 = 0;
    pub const DONTNEED: i32 = 0;

    pub fn take(_: Layout) -> *mut u8 {
        std::ptr::null_mut()
    }

    pub fn give(_: *mut u8, _: Layout) {}

    pub fn advise(_: *mut u8, _: usize, _: i32) {}
}

impl Default for Floats {
    fn default() -> Floats {
        Floats::zeros(0)
    }
}

impl Clone for Floats {
    fn clone(&self) -> Floats {
        let mut copy = Floats::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl std::fmt::Debug for Floats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} numbers", self.len)
    }
}

impl Deref for Floats {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `len` zeroed numbers on a cache line, this buffer's alone.
        unsafe { std::slice::from_raw_parts(self.start().cast(), self.len) }
    }
}

impl DerefMut for Floats {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_zero_on_a_cache_line_and_their_own() {
        let lens = [0, 1, 15, 17, 1000, 300_000, 700_000, 3_000_000];
        let mut all: Vec<Floats> =
            lens.iter().flat_map(|len| [Floats::zeros(*len), Floats::for_weights(*len)]).collect();
        for (i, floats) in all.iter_mut().enumerate() {
            assert!(floats.as_ptr().align_offset(LINE) == 0 && floats.len() == lens[i / 2]);
            assert!(floats.iter().all(|v| *v == 0.0));
            floats.fill(i as f32);
        }
        // Every second one goes; the others keep what they hold.
        let kept: Vec<_> = all.into_iter().enumerate().filter(|(i, _)| i % 3 > 0).collect();
        for (i, floats) in &kept {
            assert!(floats.iter().all(|v| *v == *i as f32));
            assert_eq!(**floats, *floats.clone());
        }
    }

    #[test]
    fn weights_share_a_slab_until_it_is_full() {
        let parts: Vec<Floats> = (0..20).map(|_| Floats::for_weights(LARGE / 4 - 16)).collect();
        let mut places: Vec<usize> = parts.iter().map(|part| part.as_ptr() as usize).collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= LARGE - LINE));
    }
}
