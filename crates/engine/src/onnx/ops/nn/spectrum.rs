//! `DFT`, `STFT`, `MelWeightMatrix`. Complex numbers are a last axis of two.

use super::floats::{array_of_doubles, doubles};
use super::fourier::{Complex, Fourier};
use super::size::product;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, axis, one, unsupported, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("DFT", dft), Op::new("MelWeightMatrix", mel), Op::new("STFT", stft)];

/// Values in the last axis: 1 for real numbers, 2 for complex ones.
fn parts(x: &Array) -> Result<usize> {
    match x.shape().last() {
        Some(n @ (1 | 2)) if x.dtype().is_float() => Ok(*n),
        _ => Err(wrong(format!("{} {:?} is no signal", x.dtype(), x.shape()))),
    }
}

/// A length from an input, at least one.
fn length(inputs: &Inputs, index: usize) -> Result<Option<usize>> {
    if inputs.maybe(index)?.is_none() {
        return Ok(None);
    }
    let n = inputs.int(index)?;
    let sound = usize::try_from(n).ok().filter(|n| (1..=1 << 30).contains(n));
    sound.map(Some).ok_or_else(|| wrong(format!("a length of {n}")))
}

fn dft(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let parts = parts(x)?;
    let rank = x.rank();
    let at = match (call.version(), inputs.maybe(2)?) {
        (20.., Some(_)) => inputs.int(2)?,
        (20.., None) => -2,
        _ => call.int("axis", 1),
    };
    let at = axis(at, rank)?;
    if at + 1 == rank {
        return Err(wrong("the last axis holds the parts of a number"));
    }
    let (inverse, onesided) = (call.int("inverse", 0) != 0, call.int("onesided", 0) != 0);
    let given = x.shape()[at];
    let back_to_real = inverse && onesided;
    let n = match length(&inputs, 1)? {
        Some(n) => n,
        None if back_to_real => given.saturating_sub(1).saturating_mul(2),
        None => given,
    };
    if n == 0 || n > 1 << 30 {
        return Err(wrong(format!("a transform of {n} values")));
    }
    let kept = if onesided && !inverse { n / 2 + 1 } else { n };
    let mut shape = x.shape().to_vec();
    shape[at] = kept;
    shape[rank - 1] = if back_to_real { 1 } else { 2 };
    call.room(&[n, 16], DType::F64)?;
    let total = call.room(&shape, DType::F64)?;
    let width = shape[rank - 1];
    let inner: usize = product(&shape[at + 1..rank - 1]);
    let outer: usize = product(&shape[..at]);
    if total == 0 {
        return one(array_of_doubles(x.dtype(), &shape, Vec::new())?);
    }
    let values = doubles(x);
    let mut y = vec![0.0f64; total];
    let plan = Fourier::new(n);
    let mut line = vec![[0.0; 2]; n];
    for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
        line.fill([0.0; 2]);
        for (t, line) in line.iter_mut().enumerate().take(given) {
            let from = &values[((o * given + t) * inner + i) * parts..][..parts];
            line[..parts].copy_from_slice(from);
        }
        if back_to_real {
            // The other half mirrors this one.
            for t in n / 2 + 1..n {
                line[t] = [line[n - t][0], -line[n - t][1]];
            }
            line[0][1] = 0.0;
            if n % 2 == 0 {
                line[n / 2][1] = 0.0;
            }
        }
        if inverse {
            plan.inverse(&mut line)
        } else {
            plan.forward(&mut line)
        }
        for (t, line) in line.iter().enumerate().take(kept) {
            y[((o * kept + t) * inner + i) * width..][..width].copy_from_slice(&line[..width]);
        }
    }
    one(array_of_doubles(x.dtype(), &shape, y)?)
}

/// `[batch][frames][frequencies][2]` from a signal `[batch][length][1 or 2]`.
fn stft(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let parts = match x.rank() {
        2 => 1,
        _ => parts(x)?,
    };
    let (&[batch, samples] | &[batch, samples, _]) = x.shape() else {
        return Err(wrong(format!("a signal {:?}", x.shape())));
    };
    let step = length(&inputs, 1)?.ok_or_else(|| wrong("frame_step is missing"))?;
    let window = inputs.maybe(2)?.map(doubles);
    let n = match (length(&inputs, 3)?, &window) {
        (Some(n), _) => n,
        (None, Some(window)) => window.len(),
        (None, None) => samples,
    };
    let Some(room) = samples.checked_sub(n).filter(|_| n > 0) else {
        return Err(wrong(format!("frames of {n} in a signal of {samples}")));
    };
    if window.as_ref().is_some_and(|window| window.len() > n) {
        return Err(wrong(format!("the window is longer than a frame of {n}")));
    }
    let onesided = call.int("onesided", 1) != 0;
    if onesided && parts == 2 {
        return Err(wrong("a complex signal has no one-sided transform"));
    }
    let kept = if onesided { n / 2 + 1 } else { n };
    let shape = [batch, room / step + 1, kept, 2];
    call.room(&[n, 16], DType::F64)?;
    let mut y = vec![0.0f64; call.room(&shape, DType::F64)?];
    let values = doubles(x);
    let plan = Fourier::new(n);
    // A window shorter than the frame stands in its middle.
    let window: Vec<f64> = match window {
        None => vec![1.0; n],
        Some(window) => {
            let mut wide = vec![0.0; n];
            let start = (n - window.len()) / 2;
            wide[start..start + window.len()].copy_from_slice(&window);
            wide
        }
    };
    for (i, y) in y.chunks_exact_mut(kept * 2).enumerate() {
        let start = (i / shape[1]) * samples + i % shape[1] * step;
        let mut line: Vec<Complex> = (0..n)
            .map(|t| {
                let mut value = [0.0; 2];
                value[..parts].copy_from_slice(&values[(start + t) * parts..][..parts]);
                value.map(|v| v * window[t])
            })
            .collect();
        plan.forward(&mut line);
        y.copy_from_slice(line[..kept].as_flattened());
    }
    one(array_of_doubles(x.dtype(), &shape, y)?)
}

/// Triangles over frequencies, equally spaced on the mel scale 2595·log₁₀(1 + f/700):
/// `[frequencies][bins]`.
fn mel(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let bins = length(&inputs, 0)?.ok_or_else(|| wrong("num_mel_bins is missing"))?;
    let n = length(&inputs, 1)?.ok_or_else(|| wrong("dft_length is missing"))?;
    let rate = length(&inputs, 2)?.ok_or_else(|| wrong("sample_rate is missing"))?;
    let edge = |index: usize| -> Result<f64> {
        match doubles(inputs.array(index)?)[..] {
            [edge] => Ok(2595.0 * (edge / 700.0).ln_1p() / 10f64.ln()),
            _ => Err(wrong("an edge is one number")),
        }
    };
    let (low, high) = (edge(3)?, edge(4)?);
    let rows = n / 2 + 1;
    let shape = [rows, bins];
    let mut y = vec![0.0f64; call.room(&shape, DType::F64)?];
    let step = (high - low) / (bins + 2) as f64;
    let place = |i: usize| -> Result<usize> {
        let hertz = 700.0 * ((low + i as f64 * step) / 2595.0 * 10f64.ln()).exp_m1();
        let place = ((n + 1) as f64 * hertz / rate as f64).floor();
        let inside = place >= 0.0 && place < rows as f64;
        inside.then_some(place as usize).ok_or_else(|| wrong("an edge beyond the spectrum"))
    };
    for bin in 0..bins {
        let (left, centre, right) = (place(bin)?, place(bin + 1)?, place(bin + 2)?);
        if left == centre {
            y[centre * bins + bin] = 1.0;
        }
        for j in left..=centre {
            if left < centre {
                y[j * bins + bin] = (j - left) as f64 / (centre - left) as f64;
            }
        }
        for j in centre..right {
            y[j * bins + bin] = (right - j) as f64 / (right - centre) as f64;
        }
    }
    let dtype = DType::from_onnx(call.int("output_datatype", 1));
    let dtype = dtype.ok_or_else(|| unsupported("that output_datatype"))?;
    one(array_of_doubles(dtype, &shape, y)?)
}
