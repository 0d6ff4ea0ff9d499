//! `NonMaxSuppression`: the best boxes of each class that do not overlap better ones.

use super::floats::floats;
use crate::array::Array;
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("NonMaxSuppression", run)];

/// Sides in order: low and high of both axes.
#[derive(Clone, Copy)]
struct Bounds {
    low: [f32; 2],
    high: [f32; 2],
}

impl Bounds {
    fn of(values: &[f32], centred: bool) -> Bounds {
        let [a, b, c, d] = [values[0], values[1], values[2], values[3]];
        if centred {
            let (w, h) = (c / 2.0, d / 2.0);
            return Bounds { low: [a - w, b - h], high: [a + w, b + h] };
        }
        Bounds { low: [b.min(d), a.min(c)], high: [b.max(d), a.max(c)] }
    }

    fn area(&self) -> f32 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }

    /// Area of both over area of either.
    fn overlap(&self, other: &Bounds) -> f32 {
        let side = |a: usize| self.high[a].min(other.high[a]) - self.low[a].max(other.low[a]);
        let (w, h) = (side(0), side(1));
        let union = self.area() + other.area() - w * h;
        let sound = w > 0.0 && h > 0.0 && self.area() > 0.0 && other.area() > 0.0 && union > 0.0;
        if sound { w * h / union } else { f32::NEG_INFINITY }
    }
}

fn run(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (boxes, scores) = (inputs.array(0)?, inputs.array(1)?);
    let (&[batch, count, 4], &[same, classes, also]) = (boxes.shape(), scores.shape()) else {
        return Err(wrong(format!("boxes {:?}, scores {:?}", boxes.shape(), scores.shape())));
    };
    if batch != same || count != also {
        return Err(wrong(format!("boxes {:?}, scores {:?}", boxes.shape(), scores.shape())));
    }
    if scores.is_empty() || boxes.is_empty() {
        return one(Array::of::<i64>(&[0, 3], Vec::new())?);
    }
    let first = |index: usize| -> Result<Option<f32>> {
        Ok(inputs.maybe(index)?.and_then(|array| array.to_f32().first().copied()))
    };
    let most = inputs.maybe_ints(2)?.and_then(|values| values.first().copied()).unwrap_or(0);
    let most = usize::try_from(most).unwrap_or(0);
    let (iou, least) = (first(3)?.unwrap_or(0.0), first(4)?);
    let centred = call.int("center_point_box", 0) != 0;
    let (boxes, scores) = (floats(boxes)?, floats(scores)?);
    let mut found = Vec::new();
    for b in 0..batch {
        let bounds: Vec<Bounds> = boxes[b * count * 4..][..count * 4]
            .chunks_exact(4)
            .map(|values| Bounds::of(values, centred))
            .collect();
        for class in 0..classes {
            let scores = &scores[(b * classes + class) * count..][..count];
            let mut order: Vec<usize> =
                (0..count).filter(|i| least.is_none_or(|least| scores[*i] > least)).collect();
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
            let mut kept: Vec<usize> = Vec::new();
            for i in order {
                if kept.len() >= most {
                    break;
                }
                if !kept.iter().any(|k| bounds[i].overlap(&bounds[*k]) > iou) {
                    kept.push(i);
                    found.extend([b as i64, class as i64, i as i64]);
                }
            }
        }
    }
    one(Array::of(&[found.len() / 3, 3], found)?)
}
