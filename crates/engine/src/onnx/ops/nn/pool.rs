//! `MaxPool`, `AveragePool`, `LpPool`: each output value stands for a window of the input.

use super::floats::{array_of, floats};
use super::share::heavy_chunks;
use super::size::product;
use super::window::{Window, spatial};
use crate::array::{Array, DType, Data, Element};
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, unsupported, wrong};
use kernels::PoolShape;

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("AveragePool", average).infer(infer),
    Op::new("LpPool", lp).infer(infer),
    Op::new("MaxPool", max).infer(infer_max),
];

/// The window over `x` `[batch][channel][spatial…]` and the shape of the result.
fn plan(attributes: &Attributes, x: &[usize]) -> Result<(Window, Vec<usize>)> {
    let input = spatial(x)?;
    let kernel = attributes.sizes("kernel_shape", &[])?;
    let window = Window::new(attributes, input, &kernel, attributes.flag("ceil_mode"))?;
    let mut shape = x[..2].to_vec();
    shape.extend_from_slice(window.output_shape());
    Ok((window, shape))
}

/// The same for the kernels, where they give the same windows.
fn fast(window: &Window, channels: usize, ceil: bool, count_pad: bool) -> Option<PoolShape> {
    let shape = PoolShape {
        channels,
        input: window.input,
        kernel: window.kernel,
        stride: window.stride,
        dilation: window.dilation,
        pad: window.pad,
        ceil_mode: ceil,
        count_include_pad: count_pad,
    };
    // The kernels visit every tap: not those far off the input.
    let near = (0..3).all(|a| window.kernel[a] <= window.input[a].max(64));
    (near && shape.output() == Some(window.output)).then_some(shape)
}

fn channels(x: &Array) -> usize {
    product(&x.shape()[..2])
}

fn max(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let (window, shape) = plan(call.attributes(), x.shape())?;
    let n = call.room(&shape, DType::I64)?;
    let ceil = call.attributes().flag("ceil_mode");
    let both = call.node.wants(1);
    if let (Some(values), Some(fast), false) =
        (x.slice::<f32>(), fast(&window, channels(x), ceil, true), both)
    {
        let mut y = vec![0.0f32; n];
        if !x.is_empty() {
            kernels::max_pool(call.pool, &fast, values, &mut y);
        }
        return one(Array::f32(&shape, y)?);
    }
    let by_column = call.int("storage_order", 0) != 0;
    let place = |c: usize, at: [usize; 3]| {
        let [d, h, w] = window.input;
        let within = match by_column {
            false => (at[0] * h + at[1]) * w + at[2],
            true => (at[2] * h + at[1]) * d + at[0],
        };
        (c * d * h * w + within) as i64
    };
    macro_rules! types {
        ($($variant:ident, $least:expr;)*) => {
            match x.data() {
                $(Data::$variant(values) => {
                    let (y, at) = largest(call, &window, values, n, $least, place, both);
                    (Array::of(&shape, y)?, at)
                })*
                _ => return Err(unsupported(format!("MaxPool of {}", x.dtype()))),
            }
        };
    }
    let (y, at) = types! {
        F32, f32::NEG_INFINITY; F64, f64::NEG_INFINITY;
        F16, crate::array::f16::NEG_INFINITY; BF16, crate::array::bf16::NEG_INFINITY;
        I8, i8::MIN; U8, u8::MIN; I16, i16::MIN; U16, u16::MIN;
        I32, i32::MIN; U32, u32::MIN; I64, i64::MIN; U64, u64::MIN;
    };
    let mut results = vec![Value::Array(y)];
    if both {
        results.push(Value::Array(Array::of(&shape, at)?));
    }
    Ok(results)
}

/// The largest value of each window and, where asked for, its place; NaN where there is one.
fn largest<T: Element + PartialOrd + Copy + Send + Sync>(
    call: &Call,
    window: &Window,
    x: &[T],
    n: usize,
    least: T,
    place: impl Fn(usize, [usize; 3]) -> i64 + Sync,
    both: bool,
) -> (Vec<T>, Vec<i64>) {
    let mut found = vec![(least, -1i64); n];
    each_window(call, window, x, &mut found, |c, x, taps| {
        let mut best: Option<(T, [usize; 3])> = None;
        let is_nan = |v: &T| v.partial_cmp(v).is_none();
        each_tap(window, taps, |at, i| {
            let v = x[i];
            if best.is_none_or(|(m, _)| v > m || (is_nan(&v) && !is_nan(&m))) {
                best = Some((v, at));
            }
        });
        best.map_or((least, -1), |(v, at)| (v, if both { place(c, at) } else { 0 }))
    });
    let at = if both { found.iter().map(|(_, at)| *at).collect() } else { Vec::new() };
    (found.into_iter().map(|(v, _)| v).collect(), at)
}

/// Fills `y` `[channel][d][h][w]` with `f(channel, channel's input, taps on the input by axis)`.
fn each_window<T: Sync, R: Send>(
    call: &Call,
    window: &Window,
    x: &[T],
    y: &mut [R],
    f: impl Fn(usize, &[T], [(usize, usize); 3]) -> R + Sync,
) {
    let from: usize = product(&window.input);
    let [od, oh, ow] = window.output;
    heavy_chunks(call.pool, y, ow, |row, y| {
        let (c, z, h) = (row / oh / od, row / oh % od, row % oh);
        let x = &x[c * from..][..from];
        let (z, h) = (window.on_input(0, z), window.on_input(1, h));
        for (w, y) in y.iter_mut().enumerate() {
            *y = f(c, x, [z, h, window.on_input(2, w)]);
        }
    });
}

/// Calls `f(place, index)` for the taps on the input, the last axis fastest.
#[inline(always)]
fn each_tap(window: &Window, taps: [(usize, usize); 3], mut f: impl FnMut([usize; 3], usize)) {
    let [_, ih, iw] = window.input;
    let step = window.dilation;
    for z in (0..taps[0].1).map(|k| taps[0].0 + k * step[0]) {
        for h in (0..taps[1].1).map(|k| taps[1].0 + k * step[1]) {
            let row = (z * ih + h) * iw;
            for w in (0..taps[2].1).map(|k| taps[2].0 + k * step[2]) {
                f([z, h, w], row + w);
            }
        }
    }
}

fn average(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let (window, shape) = plan(call.attributes(), x.shape())?;
    let n = call.room(&shape, DType::F32)?;
    let attributes = call.attributes();
    let count_pad = attributes.flag("count_include_pad");
    let values = floats(x)?;
    let mut y = vec![0.0f32; n];
    let fast = fast(&window, channels(x), attributes.flag("ceil_mode"), count_pad);
    match fast {
        _ if x.is_empty() => {}
        Some(fast) if window.dilation == [1; 3] => {
            kernels::avg_pool(call.pool, &fast, None, &values, &mut y);
        }
        _ => average_plain(call, &window, &values, count_pad, &mut y),
    }
    one(array_of(x.dtype(), &shape, y)?)
}

fn average_plain(call: &Call, window: &Window, x: &[f32], count_pad: bool, y: &mut [f32]) {
    let [od, oh, ow] = window.output;
    let from: usize = product(&window.input);
    heavy_chunks(call.pool, y, ow, |row, y| {
        let (c, z, h) = (row / oh / od, row / oh % od, row % oh);
        let x = &x[c * from..][..from];
        for (w, y) in y.iter_mut().enumerate() {
            let at = [z, h, w];
            let taps = [0, 1, 2].map(|a| window.on_input(a, at[a]));
            let count: f64 = (0..3)
                .map(|a| if count_pad { window.on_padded(a, at[a]) } else { taps[a].1 } as f64)
                .product();
            let mut sum = 0.0f64;
            each_tap(window, taps, |_, i| sum += f64::from(x[i]));
            *y = (sum / count) as f32;
        }
    });
}

fn lp(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let (window, shape) = plan(call.attributes(), x.shape())?;
    let n = call.room(&shape, DType::F32)?;
    let p = f64::from(call.float("p", 2.0));
    if p <= 0.0 {
        return Err(wrong(format!("a norm of degree {p}")));
    }
    let values = floats(x)?;
    let mut y = vec![0.0f32; n];
    if !x.is_empty() {
        each_window(call, &window, &values, &mut y, |_, x, taps| {
            let mut sum = 0.0f64;
            each_tap(&window, taps, |_, i| sum += f64::from(x[i]).abs().powf(p));
            sum.powf(1.0 / p) as f32
        });
    }
    one(array_of(x.dtype(), &shape, y)?)
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let (_, shape) = plan(ask.attributes(), &x.shape).ok()?;
    Some(vec![Known::of(x.dtype, shape)])
}

fn infer_max(ask: &Ask) -> Option<Vec<Known>> {
    let mut known = infer(ask)?;
    if ask.node.output_count() > 1 {
        known.push(Known::of(DType::I64, known[0].shape.clone()));
    }
    Some(known)
}
