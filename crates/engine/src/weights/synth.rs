//! Deterministic weights, bit for bit the same here and in `tools/reference/synth.py`.
//!
//! 1. `seed` = 64-bit FNV-1a of the tensor's full name in UTF-8.
//! 2. Value `i` (row-major) takes `z = seed + (i + 1) · 0x9E3779B97F4A7C15` (mod 2⁶⁴), mixed as
//!    SplitMix64 does (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//!    OOPSLA 2014): xor-shift 30, × 0xBF58476D1CE4E5B9, xor-shift 27, × 0x94D049BB133111EB,
//!    xor-shift 31.
//! 3. `u` = (top 24 bits − 2²³) / 2²³: uniform in [−1, 1), exact in f32.
//! 4. The tensor's [`Role`] turns `u` into the value with one f32 multiplication and one f32
//!    addition: activations stay of order one, variances are positive.

/// What a tensor is for, told from its name and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `…num_batches_tracked`: 0.
    Counter,
    /// `…running_var`: 1 + u/2.
    Variance,
    /// `…running_mean`: u/10.
    Mean,
    /// `…bias`: u/10.
    Bias,
    /// Anything else of at most one axis, such as a norm's weight: 1 + u/4.
    Gain,
    /// Two axes or more, as of convolutions and linear layers: u · √(4.5 / fan-in). The variance
    /// is 1.5 / fan-in, between what plain (2) and residual (1) networks need. Fan-in is the
    /// product of all axes but the first.
    Kernel,
}

/// The role of a tensor.
pub fn role(name: &str, shape: &[usize]) -> Role {
    if name.ends_with("num_batches_tracked") {
        Role::Counter
    } else if name.ends_with("running_var") {
        Role::Variance
    } else if name.ends_with("running_mean") {
        Role::Mean
    } else if name.ends_with("bias") {
        Role::Bias
    } else if shape.len() < 2 {
        Role::Gain
    } else {
        Role::Kernel
    }
}

/// All values of the tensor called `name` (its full name in the checkpoint), row-major.
pub fn fill(name: &str, shape: &[usize]) -> Vec<f32> {
    fill_as(name, name, shape)
}

/// The same with the stream that another name names: the tensor of a second fold.
pub fn fill_as(name: &str, stream: &str, shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    let (centre, spread) = match role(name, shape) {
        Role::Counter => (0.0, 0.0),
        Role::Variance => (1.0, 0.5),
        Role::Mean | Role::Bias => (0.0, 0.1),
        Role::Gain => (1.0, 0.25),
        Role::Kernel => {
            let fan_in: usize = shape[1..].iter().product();
            (0.0, (4.5 / fan_in.max(1) as f64).sqrt() as f32)
        }
    };
    let seed = fnv1a(stream.as_bytes());
    (0..count as u64).map(|i| uniform(seed, i) * spread + centre).collect()
}

/// `count` values in [−1, 1) from the stream that `name` names, for made-up inputs.
pub fn noise(name: &str, count: usize) -> Vec<f32> {
    let seed = fnv1a(name.as_bytes());
    (0..count as u64).map(|index| uniform(seed, index)).collect()
}

/// Value `index` of the stream `seed`, in [−1, 1).
fn uniform(seed: u64, index: u64) -> f32 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    ((z >> 40) as i32 - (1 << 23)) as f32 / (1 << 23) as f32
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
