//! The product of digits by the processor's tiles.
//!
//! ```text
//!               B digit 1, 2, 3 in turn (one register of the eight)
//!               ▒▒▒▒
//! A rows 0–15   ▓▓▓▓ ▓▓▓▓ ▓▓▓▓  sums of the three orders       each digit of A (one register) as often as it is needed: twelve products take
//! A rows 16–31  ▓▓▓▓ ▓▓▓▓ ▓▓▓▓                                 fifteen loads of eight cycles, which are done beside them
//! ```
//! Two panels of rows together: an order's sums would otherwise wait for each other (three of 52 cycles a step of 96).

use super::Rows;
use super::end::{Ending, Sums};
use std::mem::MaybeUninit;

/// Whether this processor has tiles of bytes, and the system lets this process use them.
pub(crate) fn supported() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return linux::supported();
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod linux {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;
    use std::sync::OnceLock;

    /// Bits of `EDX` of leaf 7: tiles, products of bytes.
    const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
    /// `arch_prctl`, asking for the use of a part of the processor's state, and the number of the tiles' data among these parts: the
    /// kernel's `Documentation/arch/x86/xstate.rst`.
    const ARCH_PRCTL: i64 = 158;
    const REQUEST: i64 = 0x1023;
    const TILE_DATA: i64 = 18;

    pub fn supported() -> bool {
        static ANSWER: OnceLock<bool> = OnceLock::new();
        *ANSWER.get_or_init(|| {
            if !is_x86_feature_detected!("avx512f") {
                return false;
            }
            // Every processor with AVX-512 has leaf 7.
            let has = __cpuid_count(7, 0).edx & TILE_AND_INT8 == TILE_AND_INT8;
            has && permitted()
        })
    }

    /// Asks the kernel, for all threads of the process.
    fn permitted() -> bool {
        let mut answer = ARCH_PRCTL;
        // SAFETY: a system call that reads no memory of ours; it changes the registers named.
        unsafe {
            asm!(
                "syscall", inout("rax") answer, in("rdi") REQUEST, in("rsi") TILE_DATA,
                out("rcx") _, out("r11") _, options(nostack),
            );
        }
        answer == 0
    }
}

/// Eight tiles of 16×64 bytes, for as long as this lives, on the thread that made it.
pub(crate) struct Tiles {
    /// Of a product.
    sums: MaybeUninit<Sums>,
    /// Not to be sent elsewhere.
    _here: std::marker::PhantomData<*const ()>,
}

/// What `LDTILECFG` reads.
#[cfg(target_arch = "x86_64")]
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Tiles {
    /// # Safety
    /// [`supported`] said yes.
    pub unsafe fn new() -> Tiles {
        #[cfg(target_arch = "x86_64")]
        {
            let mut config = Config {
                palette: 1,
                start_row: 0,
                reserved: [0; 14],
                row_bytes: [0; 16],
                rows: [0; 16],
            };
            config.row_bytes[..8].fill(64);
            config.rows[..8].fill(16);
            // SAFETY: 64 bytes are read; the instruction is there, by the contract.
            unsafe {
                std::arch::asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, readonly))
            };
        }
        Tiles { sums: MaybeUninit::uninit(), _here: std::marker::PhantomData }
    }

    /// Digits of the rows `a` by those of sixteen columns, `b`, `steps` steps deep, at least one.
    ///
    /// # Safety
    /// `a` names the digits of the rows of `to`, sixteen or twice as many; `b` holds those of the columns, see [`super::split_columns`]. What `to`
    /// names is valid, see [`Ending`].
    pub unsafe fn product(&mut self, steps: usize, a: Rows, b: *const f32, to: &Ending) {
        assert!(steps > 0, "a product of no terms");
        to.ask();
        // SAFETY: by the contract, and that of `new`; the sums are written before they are read.
        unsafe {
            multiply(steps, a, b, to.is_tall(), self.sums.as_mut_ptr());
            to.end(self.sums.assume_init_mut());
        }
    }
}

impl Drop for Tiles {
    /// Tiles that are in use make switching threads slow.
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instruction is there, or `new` would not have been called.
        unsafe {
            std::arch::asm!("tilerelease", options(nostack, nomem));
        }
    }
}

/// The sums of products of digits, of two panels of rows or of one.
///
/// # Safety
/// The thread has tiles of bytes; `a` and `b` are readable as far as `steps` reaches, `to` can be written.
#[cfg(target_arch = "x86_64")]
unsafe fn multiply(steps: usize, a: Rows, b: *const f32, tall: bool, to: *mut Sums) {
    use super::{STEP, TILE};
    use std::arch::asm;
    let Rows { digits: a, apart, panel } = a;
    // Where each digit of the first panel of rows is, and from one step to the next.
    let ([a1, a2, a3], step) =
        ([0, 1, 2].map(|digit| a.wrapping_byte_add(digit * apart)), 3 * apart);
    // SAFETY: by the contract. No tile register holds anything before or after, and the compiler uses none.
    unsafe {
        if tall {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2",
                "tilezero tmm3", "tilezero tmm4", "tilezero tmm5",
                "2:",
                "tileloadd tmm7, [{b} + {row}]",
                "tileloadd tmm6, [{a1} + {row}]", "tdpbssd tmm0, tmm6, tmm7",
                "tileloadd tmm6, [{c1} + {row}]", "tdpbssd tmm3, tmm6, tmm7",
                "tileloadd tmm6, [{a2} + {row}]", "tdpbssd tmm1, tmm6, tmm7",
                "tileloadd tmm6, [{c2} + {row}]", "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm6, [{a3} + {row}]", "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{c3} + {row}]", "tdpbssd tmm5, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {row} + {tile}]",
                "tileloadd tmm6, [{a1} + {row}]", "tdpbssd tmm1, tmm6, tmm7",
                "tileloadd tmm6, [{c1} + {row}]", "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm6, [{a2} + {row}]", "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{c2} + {row}]", "tdpbssd tmm5, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {row} + 2*{tile}]",
                "tileloadd tmm6, [{a1} + {row}]", "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{c1} + {row}]", "tdpbssd tmm5, tmm6, tmm7",
                "add {a1}, {step}", "add {a2}, {step}", "add {a3}, {step}",
                "add {c1}, {step}", "add {c2}, {step}", "add {c3}, {step}", "add {b}, 3*{tile}",
                "dec {n}", "jnz 2b",
                "tilestored [{to} + {row}], tmm0", "tilestored [{to} + {row} + {tile}], tmm1",
                "tilestored [{to} + {row} + 2*{tile}], tmm2", "tilestored [{to} + {row} + 3*{tile}], tmm3",
                "tilestored [{to} + {row} + 4*{tile}], tmm4", "tilestored [{to} + {row} + 5*{tile}], tmm5",
                a1 = inout(reg) a1 => _, a2 = inout(reg) a2 => _, a3 = inout(reg) a3 => _,
                c1 = inout(reg) a1.wrapping_byte_add(panel) => _,
                c2 = inout(reg) a2.wrapping_byte_add(panel) => _,
                c3 = inout(reg) a3.wrapping_byte_add(panel) => _,
                b = inout(reg) b => _, step = in(reg) step,
                n = inout(reg) steps => _, row = in(reg) STEP, to = in(reg) to, tile = const TILE,
                options(nostack),
            );
        } else {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", "tilezero tmm4",
                "2:",
                "tileloadd tmm7, [{b} + {row}]",
                "tileloadd tmm6, [{a1} + {row}]", "tdpbssd tmm0, tmm6, tmm7",
                "tileloadd tmm5, [{a2} + {row}]", "tdpbssd tmm1, tmm5, tmm7",
                "tileloadd tmm5, [{a3} + {row}]", "tdpbssd tmm2, tmm5, tmm7",
                "tileloadd tmm7, [{b} + {row} + {tile}]", "tdpbssd tmm3, tmm6, tmm7",
                "tileloadd tmm5, [{a2} + {row}]", "tdpbssd tmm4, tmm5, tmm7",
                "tileloadd tmm7, [{b} + {row} + 2*{tile}]", "tdpbssd tmm2, tmm6, tmm7",
                "add {a1}, {step}", "add {a2}, {step}", "add {a3}, {step}", "add {b}, 3*{tile}",
                "dec {n}", "jnz 2b",
                "tilestored [{to} + {row}], tmm0", "tilestored [{to} + {row} + {tile}], tmm1",
                "tilestored [{to} + {row} + 2*{tile}], tmm2", "tilestored [{to} + {row} + 3*{tile}], tmm3",
                "tilestored [{to} + {row} + 4*{tile}], tmm4",
                a1 = inout(reg) a1 => _, a2 = inout(reg) a2 => _, a3 = inout(reg) a3 => _,
                b = inout(reg) b => _, step = in(reg) step, n = inout(reg) steps => _,
                row = in(reg) STEP, to = in(reg) to, tile = const TILE, options(nostack),
            );
        }
    }
}

/// No other processor has tiles: nobody gets here.
///
/// # Safety
/// None.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn multiply(_steps: usize, _a: Rows, _b: *const f32, _tall: bool, _to: *mut Sums) {
    unreachable!("tiles on a processor without them");
}
