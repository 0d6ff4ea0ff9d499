//! `Resize`, `Upsample`: one axis after the other.

use super::floats::{array_of, floats};
use super::resize_axis::{Axis, Coordinates, How, Mode, Nearest, Taps};
use super::share::each_chunk;
use super::size::product;
use crate::array::{Array, same_type};
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, unsupported, wrong};
use kernels::Pool;

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("Resize", resize).infer(infer_resize),
    Op::new("Upsample", upsample).infer(infer_upsample),
];

/// Sizes above this are refused before a table of them is made.
const MOST: f64 = 1e9;

fn resize(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let old = call.version() < 11;
    let scales = inputs.maybe(if old { 1 } else { 2 })?.map(Array::to_f32);
    let sizes = if old { None } else { inputs.maybe_ints(3)? };
    let axes = axes(call.attributes(), x.rank())?;
    let plan = plan(call.attributes(), x.shape(), &axes, scales.as_deref(), sizes.as_deref())?;
    let roi = if old { None } else { inputs.maybe(1)?.map(Array::to_f32) };
    let coordinates = coordinates(call.attributes(), old)?;
    let mut each = vec![coordinates; x.rank()];
    if matches!(coordinates, Coordinates::Crop(_)) {
        let roi = roi.filter(|roi| roi.len() == 2 * axes.len());
        let roi = roi.ok_or_else(|| wrong(format!("roi must have {} values", 2 * axes.len())))?;
        for (i, a) in axes.iter().enumerate() {
            each[*a] = Coordinates::Crop([roi[i], roi[axes.len() + i]]);
        }
    }
    let attributes = call.attributes();
    let how = How {
        mode: mode(attributes)?,
        antialias: attributes.flag("antialias"),
        exclude_outside: attributes.flag("exclude_outside"),
    };
    let fill = call.float("extrapolation_value", 0.0);
    one(all_axes(call, x, &plan, &each, &how, fill)?)
}

fn upsample(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let scales = match inputs.maybe(1)? {
        Some(scales) => scales.to_f32(),
        None => call.attributes().floats("scales").unwrap_or(&[]).to_vec(),
    };
    let axes: Vec<usize> = (0..x.rank()).collect();
    let plan = plan(call.attributes(), x.shape(), &axes, Some(&scales), None)?;
    let mode = mode(call.attributes())?;
    let how = How { mode, antialias: false, exclude_outside: false };
    one(all_axes(call, x, &plan, &vec![Coordinates::Simple; x.rank()], &how, 0.0)?)
}

fn mode(attributes: &Attributes) -> Result<Mode> {
    Ok(match attributes.text("mode").unwrap_or("nearest") {
        "nearest" => Mode::Nearest(match attributes.text("nearest_mode").unwrap_or("") {
            "" | "round_prefer_floor" => Nearest::RoundPreferFloor,
            "round_prefer_ceil" => Nearest::RoundPreferCeil,
            "floor" => Nearest::Floor,
            "ceil" => Nearest::Ceil,
            other => return Err(wrong(format!("nearest_mode `{other}`"))),
        }),
        "linear" | "bilinear" => Mode::Linear,
        "cubic" => Mode::Cubic(attributes.float("cubic_coeff_a").unwrap_or(-0.75)),
        other => return Err(wrong(format!("mode `{other}`"))),
    })
}

fn coordinates(attributes: &Attributes, old: bool) -> Result<Coordinates> {
    if old {
        return Ok(Coordinates::Simple);
    }
    Ok(match attributes.text("coordinate_transformation_mode").unwrap_or("half_pixel") {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_crop_and_resize" => Coordinates::Crop([0.0, 1.0]),
        "tf_half_pixel_for_nn" => {
            return Err(unsupported("coordinate_transformation_mode `tf_half_pixel_for_nn`"));
        }
        other => return Err(wrong(format!("coordinate_transformation_mode `{other}`"))),
    })
}

/// The axes that scales and sizes speak of.
fn axes(attributes: &Attributes, rank: usize) -> Result<Vec<usize>> {
    match attributes.ints("axes") {
        Some(axes) => axes.iter().map(|a| axis(*a, rank)).collect(),
        None => Ok((0..rank).collect()),
    }
}

/// What becomes of every axis.
fn plan(
    attributes: &Attributes,
    x: &[usize],
    axes: &[usize],
    scales: Option<&[f32]>,
    sizes: Option<&[i64]>,
) -> Result<Vec<Axis>> {
    let mut plan: Vec<Axis> =
        x.iter().map(|n| Axis { from: *n, to: *n, scale: 1.0, given: false }).collect();
    let mut set = |a: usize, to: f64, scale: f32, given: bool| {
        if !(0.0..MOST).contains(&to) || !scale.is_finite() || scale < 0.0 {
            return Err(wrong(format!("axis {a} resized to {to}")));
        }
        plan[a] = Axis { from: x[a], to: to as usize, scale, given };
        Ok(())
    };
    let scales = scales.filter(|scales| !scales.is_empty());
    let sizes = sizes.filter(|sizes| !sizes.is_empty());
    match (scales, sizes) {
        (Some(scales), None) if scales.len() == axes.len() => {
            for (a, scale) in axes.iter().zip(scales) {
                if *scale <= 0.0 {
                    return Err(wrong(format!("a scale of {scale}")));
                }
                set(*a, scaled(x[*a], *scale), *scale, true)?;
            }
        }
        (None, Some(sizes)) if sizes.len() == axes.len() => {
            let ratio = |(a, size): (&usize, &i64)| *size as f32 / x[*a].max(1) as f32;
            let ratios = axes.iter().zip(sizes).map(ratio);
            let policy = attributes.text("keep_aspect_ratio_policy").unwrap_or("stretch");
            let shared = match policy {
                "stretch" => None,
                "not_larger" => Some(ratios.clone().fold(f32::INFINITY, f32::min)),
                "not_smaller" => Some(ratios.clone().fold(0.0, f32::max)),
                other => return Err(wrong(format!("keep_aspect_ratio_policy `{other}`"))),
            };
            for ((a, size), ratio) in axes.iter().zip(sizes).zip(ratios) {
                match shared {
                    Some(scale) => {
                        set(*a, (f64::from(scale) * x[*a] as f64 + 0.5).floor(), scale, true)?;
                    }
                    None => set(*a, *size as f64, ratio, false)?,
                }
            }
        }
        _ => return Err(wrong(format!("scales {scales:?}, sizes {sizes:?} for axes {axes:?}"))),
    }
    Ok(plan)
}

fn all_axes(
    call: &Call,
    x: &Array,
    plan: &[Axis],
    coordinates: &[Coordinates],
    how: &How,
    fill: f32,
) -> Result<Array> {
    let out: Vec<usize> = plan.iter().map(|axis| axis.to).collect();
    if call.room(&out, x.dtype())? == 0 {
        return Array::new(&out, same_type!(x.data(), values => nothing(values)));
    }
    let mut tables = Vec::new();
    for (a, axis) in plan.iter().enumerate() {
        if !axis.is_still(coordinates[a]) {
            tables.push((a, axis.taps(coordinates[a], how)?));
        }
    }
    // Shrinking axes first: nothing between is then larger than the input or the result.
    tables.sort_by(|(a, _), (b, _)| {
        let ratio = |a: usize| plan[a].to as f64 / plan[a].from.max(1) as f64;
        ratio(*a).total_cmp(&ratio(*b))
    });
    let mut shape = x.shape().to_vec();
    let mut y = if let Mode::Nearest(_) = how.mode {
        let mut data = x.data().clone();
        for (a, taps) in &tables {
            data = same_type!(&data, values => pick(call.pool, values, &shape, *a, taps));
            shape[*a] = plan[*a].to;
        }
        Array::new(&shape, data)?
    } else {
        if !x.dtype().is_float() && x.to_i64().is_none() {
            return Err(unsupported(format!("interpolation of {}", x.dtype())));
        }
        let mut values = match x.dtype().is_float() {
            true => floats(x)?.into_owned(),
            false => x.to_f32(),
        };
        for (a, taps) in &tables {
            values = blend(call.pool, &values, &shape, *a, taps);
            shape[*a] = plan[*a].to;
        }
        array_of(x.dtype(), &shape, values)?
    };
    if tables.iter().any(|(_, taps)| taps.outside.contains(&true)) {
        let dtype = y.dtype();
        let mut values = y.to_f32();
        for (a, taps) in &tables {
            let inner: usize = product(&shape[*a + 1..]);
            for (i, row) in values.chunks_exact_mut(inner.max(1)).enumerate() {
                if taps.outside[i % shape[*a]] {
                    row.fill(fill);
                }
            }
        }
        y = array_of(dtype, &shape, values)?;
    }
    Ok(y)
}

/// An extent times a scale, in 32 bits as ONNX Runtime does where those count exactly.
fn scaled(n: usize, scale: f32) -> f64 {
    match n {
        ..0x100_0000 => f64::from((n as f32 * scale).floor()),
        _ => (n as f64 * f64::from(scale)).floor(),
    }
}

/// No values, of the same type.
fn nothing<T>(_: &[T]) -> Vec<T> {
    Vec::new()
}

/// Extents before, and after an axis; `None` when there is nothing to make.
fn around(shape: &[usize], a: usize, taps: &Taps) -> Option<(usize, usize, usize)> {
    let (outer, inner): (usize, usize) = (product(&shape[..a]), product(&shape[a + 1..]));
    let to = taps.outside.len();
    (outer > 0 && to > 0 && inner > 0).then_some((outer, to, inner))
}

/// One value for each output along axis `a`.
fn pick<T: Clone + Default + Send + Sync>(
    pool: &Pool,
    x: &[T],
    shape: &[usize],
    a: usize,
    taps: &Taps,
) -> Vec<T> {
    let Some((outer, to, inner)) = around(shape, a, taps) else { return Vec::new() };
    let from = shape[a];
    let mut y = vec![T::default(); outer * to * inner];
    if inner == 1 {
        each_chunk(pool, &mut y, to, |row, y| {
            let x = &x[row * from..][..from];
            y.iter_mut().zip(&taps.index).for_each(|(y, i)| *y = x[*i].clone());
        });
    } else {
        each_chunk(pool, &mut y, inner, |row, y| {
            let at = row / to * from + taps.index[row % to];
            y.clone_from_slice(&x[at * inner..][..inner]);
        });
    }
    y
}

/// A weighted sum for each output along axis `a`.
fn blend(pool: &Pool, x: &[f32], shape: &[usize], a: usize, taps: &Taps) -> Vec<f32> {
    let Some((outer, to, inner)) = around(shape, a, taps) else { return Vec::new() };
    let (from, width) = (shape[a], taps.width);
    let mut y = vec![0.0f32; outer * to * inner];
    if inner == 1 {
        each_chunk(pool, &mut y, to, |row, y| {
            let x = &x[row * from..][..from];
            if width == 2 {
                let (index, weight) =
                    (taps.index.as_chunks::<2>().0, taps.weight.as_chunks::<2>().0);
                for ((y, i), w) in y.iter_mut().zip(index).zip(weight) {
                    *y = x[i[0]] * w[0] + x[i[1]] * w[1];
                }
                return;
            }
            let each = taps.index.chunks_exact(width).zip(taps.weight.chunks_exact(width));
            for (y, (index, weight)) in y.iter_mut().zip(each) {
                *y = index.iter().zip(weight).map(|(i, w)| x[*i] * w).sum();
            }
        });
    } else {
        each_chunk(pool, &mut y, inner, |row, y| {
            let (block, i) = (row / to * from, row % to * width);
            let line = |k: usize| &x[(block + taps.index[i + k]) * inner..][..inner];
            if width == 2 {
                let (low, high) = (taps.weight[i], taps.weight[i + 1]);
                for ((y, a), b) in y.iter_mut().zip(line(0)).zip(line(1)) {
                    *y = a * low + b * high;
                }
                return;
            }
            for k in 0..width {
                let weight = taps.weight[i + k];
                y.iter_mut().zip(line(k)).for_each(|(y, x)| *y += x * weight);
            }
        });
    }
    y
}

fn infer_resize(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let old = ask.node.version < 11;
    let scales = match ask.input(if old { 1 } else { 2 }) {
        Some(known) => Some(known.value.as_ref()?.to_f32()),
        None => None,
    };
    let sizes = match ask.input(3) {
        Some(_) => Some(ask.ints(3)?),
        None => None,
    };
    let axes = axes(ask.attributes(), x.shape.len()).ok()?;
    shape(x, plan(ask.attributes(), &x.shape, &axes, scales.as_deref(), sizes.as_deref()))
}

fn infer_upsample(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let scales = match ask.input(1) {
        Some(known) => known.value.as_ref()?.to_f32(),
        None => ask.attributes().floats("scales")?.to_vec(),
    };
    let axes: Vec<usize> = (0..x.shape.len()).collect();
    shape(x, plan(ask.attributes(), &x.shape, &axes, Some(&scales), None))
}

fn shape(x: &Known, plan: Result<Vec<Axis>>) -> Option<Vec<Known>> {
    Some(vec![Known::of(x.dtype, plan.ok()?.iter().map(|axis| axis.to).collect())])
}
