//! The product of digits by the processor's tiles, and the way from their sums to `f32`.
//!
//! ```text
//!               B digit 1, 2, 3 in turn (one register of the eight)
//!               ▒▒▒▒
//! A rows 0–15   ▓▓▓▓ ▓▓▓▓ ▓▓▓▓  sums of the three orders       each digit of A (one register) as often as it is needed: twelve products take
//! A rows 16–31  ▓▓▓▓ ▓▓▓▓ ▓▓▓▓                                 fifteen loads of eight cycles, which are done beside them
//! ```
//! Two panels of rows together: an order's sums would otherwise wait for each other (three of 52 cycles a step of 96).

use crate::gemm::tile::Tile;

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
        Tiles { _here: std::marker::PhantomData }
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

/// Digits of up to 32 rows by those of sixteen columns, `steps` steps deep, at least one, to the tile `t` (whose depth, A and B are not looked at).
///
/// # Safety
/// [`supported`] said yes, and the thread has its `tiles`. `a` holds the digits of `t.rows` rows in panels of sixteen, which follow each other, and
/// `row_steps` their steps, for whole panels; `b` those of the columns, `column_steps` sixteen. The rest of `t` as for
/// [`crate::gemm::tile::run`], at most 32 rows and sixteen columns.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(crate) unsafe fn product(
    _tiles: &Tiles,
    t: &Tile,
    steps: usize,
    (a, row_steps): (*const f32, *const f32),
    (b, column_steps): (*const f32, *const f32),
) {
    use super::{SIDE, STEP, STRIDE, TILE};
    use crate::gemm::tile::finish;
    use crate::simd::{Avx512, Simd, prefetch_to_read, prefetch_to_write};
    use std::arch::asm;
    use std::arch::x86_64::{_mm512_cvtepi32_ps, _mm512_load_si512};

    assert!(steps > 0, "a product of no terms");
    /// Six tiles.
    #[repr(align(64))]
    struct Sums(#[allow(dead_code)] [i32; 6 * SIDE * SIDE]);
    let mut sums = std::mem::MaybeUninit::<Sums>::uninit();
    let to = sums.as_mut_ptr().cast::<i32>();
    if t.distant {
        for row in 0..t.rows {
            prefetch_to_write(t.c.wrapping_add(row * t.stride));
            if !t.residual.is_null() {
                prefetch_to_read(t.residual.wrapping_add(row * t.stride));
            }
        }
    }
    // SAFETY: by the contract: tiles of `a` and `b` are read as far as `steps` reaches, `to` has room for six. No tile register
    // holds anything before or after, and the compiler uses none.
    unsafe {
        if t.rows > SIDE {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2",
                "tilezero tmm3", "tilezero tmm4", "tilezero tmm5",
                "2:",
                "tileloadd tmm7, [{b} + {row}]",
                "tileloadd tmm6, [{a} + {row}]", "tdpbssd tmm0, tmm6, tmm7",
                "tileloadd tmm6, [{c} + {row}]", "tdpbssd tmm3, tmm6, tmm7",
                "tileloadd tmm6, [{a} + {row} + {tile}]", "tdpbssd tmm1, tmm6, tmm7",
                "tileloadd tmm6, [{c} + {row} + {tile}]", "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm6, [{a} + {row} + 2*{tile}]", "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{c} + {row} + 2*{tile}]", "tdpbssd tmm5, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {row} + {tile}]",
                "tileloadd tmm6, [{a} + {row}]", "tdpbssd tmm1, tmm6, tmm7",
                "tileloadd tmm6, [{c} + {row}]", "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm6, [{a} + {row} + {tile}]", "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{c} + {row} + {tile}]", "tdpbssd tmm5, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {row} + 2*{tile}]",
                "tileloadd tmm6, [{a} + {row}]", "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm6, [{c} + {row}]", "tdpbssd tmm5, tmm6, tmm7",
                "add {a}, 3*{tile}", "add {c}, 3*{tile}", "add {b}, 3*{tile}",
                "dec {n}", "jnz 2b",
                "tilestored [{to} + {row}], tmm0", "tilestored [{to} + {row} + {tile}], tmm1",
                "tilestored [{to} + {row} + 2*{tile}], tmm2", "tilestored [{to} + {row} + 3*{tile}], tmm3",
                "tilestored [{to} + {row} + 4*{tile}], tmm4", "tilestored [{to} + {row} + 5*{tile}], tmm5",
                a = inout(reg) a => _, b = inout(reg) b => _,
                c = inout(reg) a.byte_add(steps * STRIDE) => _,
                n = inout(reg) steps => _, row = in(reg) STEP, to = in(reg) to, tile = const TILE,
                options(nostack),
            );
        } else {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", "tilezero tmm4",
                "2:",
                "tileloadd tmm7, [{b} + {row}]",
                "tileloadd tmm6, [{a} + {row}]", "tdpbssd tmm0, tmm6, tmm7",
                "tileloadd tmm5, [{a} + {row} + {tile}]", "tdpbssd tmm1, tmm5, tmm7",
                "tileloadd tmm5, [{a} + {row} + 2*{tile}]", "tdpbssd tmm2, tmm5, tmm7",
                "tileloadd tmm7, [{b} + {row} + {tile}]", "tdpbssd tmm3, tmm6, tmm7",
                "tileloadd tmm5, [{a} + {row} + {tile}]", "tdpbssd tmm4, tmm5, tmm7",
                "tileloadd tmm7, [{b} + {row} + 2*{tile}]", "tdpbssd tmm2, tmm6, tmm7",
                "add {a}, 3*{tile}", "add {b}, 3*{tile}",
                "dec {n}", "jnz 2b",
                "tilestored [{to} + {row}], tmm0", "tilestored [{to} + {row} + {tile}], tmm1",
                "tilestored [{to} + {row} + 2*{tile}], tmm2", "tilestored [{to} + {row} + 3*{tile}], tmm3",
                "tilestored [{to} + {row} + 4*{tile}], tmm4",
                a = inout(reg) a => _, b = inout(reg) b => _, n = inout(reg) steps => _,
                row = in(reg) STEP, to = in(reg) to, tile = const TILE, options(nostack),
            );
            // Those of an order were two, so as not to wait for each other.
            add_tiles(to.add(TILE / 4), to.add(3 * TILE / 4));
            add_tiles(to.add(2 * TILE / 4), to.add(4 * TILE / 4));
        }
        let (high, middle) = (Avx512::splat(65536.0), Avx512::splat(256.0));
        // The last order counts 2¹⁶.
        let columns = Avx512::mul(Avx512::load(column_steps), high);
        for row in 0..t.rows {
            let from = to.add(row / SIDE * (3 * TILE / 4) + row % SIDE * SIDE);
            let [first, second, third] = [0, 1, 2].map(|order| {
                _mm512_cvtepi32_ps(_mm512_load_si512(from.add(order * TILE / 4).cast()))
            });
            let sum = Avx512::fma(first, high, Avx512::fma(second, middle, third));
            let by_column = Avx512::mul(sum, columns);
            finish::<Avx512>(t, row, 0, Avx512::mul(by_column, Avx512::splat(*row_steps.add(row))));
        }
    }
}

/// Adds sixteen rows of integers to others.
///
/// # Safety
/// Both are there, on a cache line; the processor has AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn add_tiles(to: *mut i32, from: *const i32) {
    use std::arch::x86_64::{_mm512_add_epi32, _mm512_load_si512, _mm512_store_si512};
    for row in 0..super::SIDE {
        // SAFETY: by the contract.
        unsafe {
            let (to, from) = (to.add(row * 16), from.add(row * 16));
            let sum =
                _mm512_add_epi32(_mm512_load_si512(to.cast()), _mm512_load_si512(from.cast()));
            _mm512_store_si512(to.cast(), sum);
        }
    }
}

/// No other processor has tiles: nobody gets here.
///
/// # Safety
/// [`supported`] said yes.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn product(
    _tiles: &Tiles,
    _t: &Tile,
    _steps: usize,
    _a: (*const f32, *const f32),
    _b: (*const f32, *const f32),
) {
    unreachable!("tiles on a processor without them");
}
