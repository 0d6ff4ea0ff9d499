//! The instruction set: found once at run time, overridable, and the way plain loops are compiled for each of them.
//!
//! The set in use is stored only after the processor was asked ([`set_isa`], [`Isa::available`]), and packed weights keep the set they
//! were packed for: a set *held* by this crate proves the feature and makes the calls behind it sound.

#[cfg(target_arch = "x86_64")]
use crate::digits;
#[cfg(target_arch = "aarch64")]
use crate::simd::Neon;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Simd};
use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set the kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// What every processor of the target can do (SSE2 on x86-64).
    Portable,
    /// AVX2 and FMA: 256-bit vectors.
    Avx2,
    /// AVX-512 F, VL, BW, DQ: 512-bit vectors.
    Avx512,
    /// The same, and tiles of bytes (AMX) for large products.
    Amx,
    /// NEON: 128-bit vectors, on every AArch64 processor.
    Neon,
}

impl Isa {
    /// Whether this processor has it.
    pub fn supported(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => Isa::Avx512.supported() && digits::supported(),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => true,
            _ => false,
        }
    }

    /// All that this processor has, the fastest last. Never empty.
    pub fn available() -> Vec<Isa> {
        let all = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Amx, Isa::Neon];
        all.into_iter().filter(|isa| isa.supported()).collect()
    }

    /// Those whose vectors differ: tiles are no vectors.
    #[cfg(test)]
    pub(crate) fn all_vectors() -> Vec<Isa> {
        Isa::available().into_iter().filter(|isa| *isa == isa.vectors()).collect()
    }

    /// The set its vectors are of: all that is no tile is done by it.
    pub(crate) fn vectors(self) -> Isa {
        if self == Isa::Amx { Isa::Avx512 } else { self }
    }

    /// Numbers in a register of vectors.
    pub(crate) fn lanes(self) -> usize {
        match self.vectors() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::LANES,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Neon::LANES,
            _ => Portable::LANES,
        }
    }

    /// `"amx"`, `"avx512"`, `"avx2+fma"`, `"neon"` or `"portable"`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2+fma",
            Isa::Avx512 => "avx512",
            Isa::Amx => "amx",
            Isa::Neon => "neon",
        }
    }
}

const UNKNOWN: u8 = u8::MAX;
static CHOSEN: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The vectors in use, of the set [`chosen`].
pub(crate) fn isa() -> Isa {
    chosen().vectors()
}

/// The instruction set in use: the fastest available, unless [`set_isa`] said otherwise.
pub(crate) fn chosen() -> Isa {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => Isa::Portable,
        1 => Isa::Avx2,
        2 => Isa::Avx512,
        3 => Isa::Amx,
        4 => Isa::Neon,
        _ => {
            let best = *Isa::available().last().unwrap_or(&Isa::Portable);
            CHOSEN.store(best as u8, Ordering::Relaxed);
            best
        }
    }
}

/// Use this instruction set from now on; returns whether the processor has it (if not, nothing changes). Meant to be called
/// once at start. Weights packed before stay bound to the set they were packed for and go on working.
pub fn set_isa(isa: Isa) -> bool {
    let ok = isa.supported();
    if ok {
        CHOSEN.store(isa as u8, Ordering::Relaxed);
    }
    ok
}

/// Name of the instruction set in use, for reports: see [`Isa::name`].
pub fn cpu_name() -> &'static str {
    chosen().name()
}

/// Compiles a plain safe function once per instruction set (the compiler vectorises its loops) and picks one at run time; what the
/// target has anyway (SSE2, NEON) is one of them.
/// Nothing in the body depends on the set, and neither do its results: no fused multiply-add is contracted by the compiler.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                match $crate::isa::isa() {
                    // SAFETY: `isa()` returns a set only when the processor has it.
                    $crate::isa::Isa::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::isa::Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    _ => {}
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use multiversion;

/// Runs a function generic over [`Simd`](crate::simd::Simd) on the instruction set `isa`.
macro_rules! on_set {
    ($isa:expr, $generic:ident($($arg:ident: $ty:ty),*)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
        unsafe fn avx512($($arg: $ty),*) {
            // SAFETY: the instruction set is this function's.
            unsafe { $generic::<$crate::simd::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($arg: $ty),*) {
            // SAFETY: the instruction set is this function's.
            unsafe { $generic::<$crate::simd::Avx2>($($arg),*) }
        }
        match $isa {
            // SAFETY: `isa()` gives a set only when the processor has it.
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx512 => unsafe { avx512($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx2 => unsafe { avx2($($arg),*) },
            // SAFETY: NEON is part of AArch64.
            #[cfg(target_arch = "aarch64")]
            $crate::Isa::Neon => unsafe { $generic::<$crate::simd::Neon>($($arg),*) },
            // SAFETY: the portable set needs nothing.
            _ => unsafe { $generic::<$crate::simd::Portable>($($arg),*) },
        }
    }};
}
pub(crate) use on_set;
