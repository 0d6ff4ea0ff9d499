//! Operations in which each axis chooses its positions on its own: `Pad`, `Tile`, `CenterCropPad`.

use super::remap::{FILL, remap};
use super::typed::same_dtype;
use crate::array::{Array, DType, count};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, unsupported, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("CenterCropPad", center_crop_pad).infer(infer_center_crop_pad),
    Op::new("Pad", pad).infer(infer_pad),
    Op::new("Tile", tile).infer(infer_tile),
];

/// What lies beyond the ends of an axis.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Constant,
    /// Mirrored about the outermost values, which are not repeated.
    Reflect,
    /// The outermost value.
    Edge,
    /// The other end.
    Wrap,
}

fn pad(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let attributes = call.attributes();
    let by_attribute = call.version() < 11;
    let pads = match attributes.ints(if call.version() < 2 { "paddings" } else { "pads" }) {
        Some(pads) if by_attribute => pads.to_vec(),
        _ => inputs.ints(1)?,
    };
    let axes = inputs.maybe_ints(3)?;
    let fill = match inputs.maybe(2)? {
        Some(fill) if !by_attribute => Some(fill.clone()),
        _ => None,
    };
    let array = inputs.take(0)?;
    let fill = match (fill, attributes.float("value")) {
        (Some(fill), _) => {
            same_dtype(&array, &fill)?;
            Some(fill)
        }
        (None, Some(value)) if by_attribute => {
            Some(super::typed::from_f64(&[], vec![f64::from(value)], array.dtype())?)
        }
        _ => None,
    };
    let mode = match call.text("mode", "constant") {
        "constant" => Mode::Constant,
        "reflect" => Mode::Reflect,
        "edge" => Mode::Edge,
        "wrap" => Mode::Wrap,
        other => return Err(unsupported(format!("padding mode `{other}`"))),
    };
    let ends = ends(array.rank(), &pads, axes.as_deref())?;
    if ends.iter().all(|ends| *ends == (0, 0)) {
        return one(array);
    }
    let target = padded(array.shape(), &ends)?;
    if call.room(&target, array.dtype())? == 0 {
        return one(empty(&array, &target)?);
    }
    let mut maps = Vec::with_capacity(target.len());
    for (&extent, &(before, after)) in array.shape().iter().zip(&ends) {
        maps.push(map(extent, before, after, mode)?);
    }
    one(remap(&array, &maps, fill.as_ref(), call.pool)?)
}

fn infer_pad(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let name = if ask.node.version < 2 { "paddings" } else { "pads" };
    let pads = match ask.attributes().ints(name) {
        Some(pads) if ask.node.version < 11 => pads.to_vec(),
        _ => ask.ints(1)?,
    };
    let axes = match ask.input(3) {
        Some(_) => Some(ask.ints(3)?),
        None => None,
    };
    let ends = ends(x.shape.len(), &pads, axes.as_deref()).ok()?;
    Some(vec![Known::of(x.dtype, padded(&x.shape, &ends).ok()?)])
}

/// Values before and after each axis.
fn ends(rank: usize, pads: &[i64], axes: Option<&[i64]>) -> Result<Vec<(i64, i64)>> {
    let n = axes.map_or(rank, <[i64]>::len);
    if n.checked_mul(2) != Some(pads.len()) {
        return Err(wrong(format!("{} pads for {n} axes", pads.len())));
    }
    let mut ends = vec![(0, 0); rank];
    for i in 0..n {
        let at = axis(axes.map_or(i as i64, |axes| axes[i]), rank)?;
        ends[at] = (pads[i], pads[n + i]);
    }
    Ok(ends)
}

fn padded(shape: &[usize], ends: &[(i64, i64)]) -> Result<Vec<usize>> {
    let one = |(extent, (before, after)): (&usize, &(i64, i64))| {
        let sum = *extent as i128 + i128::from(*before) + i128::from(*after);
        // Either end may at most take the whole axis away.
        let low = -(*extent as i128);
        let fits = i128::from(*before) >= low && i128::from(*after) >= low;
        usize::try_from(sum).ok().filter(|_| fits).ok_or_else(|| {
            wrong(format!("an axis of {extent} cannot be padded by {before}, {after}"))
        })
    };
    shape.iter().zip(ends).map(one).collect()
}

/// For each index of the padded axis the position it takes. Negative pads cut first.
fn map(extent: usize, before: i64, after: i64, mode: Mode) -> Result<Vec<usize>> {
    let (low, high) = ((-before).max(0), extent as i64 - (-after).max(0));
    let kept = high - low;
    let (before, after) = (before.max(0), after.max(0));
    if kept <= 0 && mode != Mode::Constant && before + after > 0 {
        return Err(wrong("nothing to mirror or repeat along an empty axis"));
    }
    let of = |i: i64| {
        let at = match mode {
            _ if (0..kept).contains(&i) => i,
            Mode::Constant => return FILL,
            Mode::Edge => i.clamp(0, kept - 1),
            Mode::Wrap => i.rem_euclid(kept),
            Mode::Reflect if kept == 1 => 0,
            Mode::Reflect => {
                let period = 2 * (kept - 1);
                let phase = i.rem_euclid(period);
                phase.min(period - phase)
            }
        };
        (low + at) as usize
    };
    Ok((-before..kept.max(0) + after).map(of).collect())
}

/// Without values.
fn empty(like: &Array, shape: &[usize]) -> Result<Array> {
    Array::new(shape, crate::array::same_type!(like.data(), values => values[..0].to_vec()))
}

fn tile(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let mut repeats = inputs.ints(1)?;
    let by_axis = if call.version() < 6 { Some(inputs.int(2)?) } else { None };
    let array = inputs.take(0)?;
    if let Some(at) = by_axis {
        let at = axis(at, array.rank())?;
        let tiles = repeats.first().copied().unwrap_or(1);
        repeats = vec![1; array.rank()];
        repeats[at] = tiles;
    }
    let target = tiled(array.shape(), &repeats)?;
    if target == array.shape() {
        return one(array);
    }
    if call.room(&target, array.dtype())? == 0 {
        return one(empty(&array, &target)?);
    }
    let map = |(n, extent): (&usize, &usize)| (0..*n).map(|i| i % extent).collect();
    let maps: Vec<Vec<usize>> = target.iter().zip(array.shape()).map(map).collect();
    one(remap(&array, &maps, None, call.pool)?)
}

fn infer_tile(ask: &Ask) -> Option<Vec<Known>> {
    if ask.node.version < 6 {
        return None;
    }
    let x = ask.input(0)?;
    let target = tiled(&x.shape, &ask.ints(1)?).ok()?;
    count(&target)?;
    Some(vec![Known::of(x.dtype, target)])
}

fn tiled(shape: &[usize], repeats: &[i64]) -> Result<Vec<usize>> {
    let cannot = || wrong(format!("{shape:?} does not repeat {repeats:?} times"));
    if repeats.len() != shape.len() {
        return Err(cannot());
    }
    let one = |(extent, n): (&usize, &i64)| usize::try_from(*n).ok()?.checked_mul(*extent);
    shape.iter().zip(repeats).map(|pair| one(pair).ok_or_else(cannot)).collect()
}

fn center_crop_pad(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let wanted = inputs.ints(1)?;
    let array = inputs.take(0)?;
    let target = centered(array.shape(), &wanted, call.attributes().ints("axes"))?;
    if call.room(&target, array.dtype())? == 0 {
        return one(empty(&array, &target)?);
    }
    let map = |(&wanted, &extent): (&usize, &usize)| -> Vec<usize> {
        if wanted <= extent {
            let cut = (extent - wanted) / 2;
            return (cut..cut + wanted).collect();
        }
        let before = (wanted - extent) / 2;
        let of = |i: usize| i.checked_sub(before).filter(|at| *at < extent).unwrap_or(FILL);
        (0..wanted).map(of).collect()
    };
    let maps: Vec<Vec<usize>> = target.iter().zip(array.shape()).map(map).collect();
    let zero = match array.dtype() {
        DType::Text | DType::Small(_) => None,
        dtype => Some(super::typed::from_f64(&[], vec![0.0], dtype)?),
    };
    one(remap(&array, &maps, zero.as_ref(), call.pool)?)
}

fn infer_center_crop_pad(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let target = centered(&x.shape, &ask.ints(1)?, ask.attributes().ints("axes")).ok()?;
    Some(vec![Known::of(x.dtype, target)])
}

fn centered(shape: &[usize], wanted: &[i64], axes: Option<&[i64]>) -> Result<Vec<usize>> {
    let n = axes.map_or(shape.len(), <[i64]>::len);
    if wanted.len() != n {
        return Err(wrong(format!("{} extents for {n} axes", wanted.len())));
    }
    let mut target = shape.to_vec();
    for (i, extent) in wanted.iter().enumerate() {
        let at = axis(axes.map_or(i as i64, |axes| axes[i]), shape.len())?;
        target[at] =
            usize::try_from(*extent).map_err(|_| wrong(format!("an extent of {extent}")))?;
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_larger_than_the_axis_go_on_mirroring_and_repeating() {
        let of = |before, after, mode| map(3, before, after, mode).unwrap();
        assert_eq!(of(5, 3, Mode::Reflect), [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(of(4, 1, Mode::Wrap), [2, 0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(of(1, 2, Mode::Edge), [0, 0, 1, 2, 2, 2]);
        assert_eq!(of(-1, 2, Mode::Edge), [1, 2, 2, 2]);
        assert_eq!(of(-1, 1, Mode::Constant), [1, 2, FILL]);
        assert_eq!(of(2, -3, Mode::Constant), [FILL, FILL]);
        assert!(map(0, 1, 0, Mode::Edge).is_err());
        assert_eq!(padded(&[3], &[(1 << 60, 5)]).unwrap(), [(1 << 60) + 8]);
        assert!(padded(&[3], &[(i64::MAX, i64::MAX)]).is_err());
        assert!(padded(&[3], &[(-4, 9)]).is_err());
        assert!(padded(&[3], &[(i64::MIN, 9)]).is_err());
    }
}
