//! Shapes that stretch to each other (NumPy's rule, onnx/docs/Broadcasting.md), and loops over them.

use super::threads::fill;
use crate::array::count;
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Known, wrong};
use kernels::Pool;

/// The shape that all shapes stretch to.
pub(super) fn stretched(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let rank = shapes.iter().map(|shape| shape.len()).max()?;
    let mut result = vec![1; rank];
    for shape in shapes {
        for (extent, &own) in result[rank - shape.len()..].iter_mut().zip(*shape) {
            *extent = match (*extent, own) {
                (1, own) => own,
                (extent, 1) => extent,
                (extent, own) if extent == own => own,
                _ => return None,
            };
        }
    }
    Some(result)
}

/// As [`stretched`], or an error that names the shapes.
pub(super) fn common(shapes: &[&[usize]]) -> Result<Vec<usize>> {
    stretched(shapes).ok_or_else(|| wrong(format!("the shapes {shapes:?} do not fit each other")))
}

/// The shape of a second input as it stretches against the first. Before version 7 the attribute
/// `axis` said which axis of the first its own first one meets.
pub(super) fn second_shape(call: &Call, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    if call.version() >= 7 || !call.attributes().flag("broadcast") {
        return Ok(b.to_vec());
    }
    let Some(axis) = call.attributes().int("axis") else { return Ok(b.to_vec()) };
    let axis = crate::onnx::ops::axis(axis, a.len().max(1))?;
    let behind = a
        .len()
        .checked_sub(axis + b.len())
        .ok_or_else(|| wrong(format!("{b:?} does not fit into {a:?} from axis {axis} on")))?;
    let mut shape = b.to_vec();
    shape.resize(b.len() + behind, 1);
    Ok(shape)
}

/// Rule: the first input's type, the shape all inputs stretch to.
pub(super) fn infer_stretched(ask: &Ask) -> Option<Vec<Known>> {
    let shapes: Vec<&[usize]> = ask.inputs.iter().flatten().map(|k| k.shape.as_slice()).collect();
    let first = ask.input(0)?;
    let shape = match ask.node.version < 7 && ask.attributes().flag("broadcast") {
        true => first.shape.clone(),
        false => stretched(&shapes)?,
    };
    Some(vec![Known::of(first.dtype, shape)])
}

/// How `K` operands are read while a result is written in order. Neighbouring axes that all operands
/// run through alike are one.
pub(super) struct Walk<const K: usize> {
    /// Outer axes: extent and the step of each operand.
    outer: Vec<(usize, [usize; K])>,
    inner: usize,
    /// 1, or 0 for an operand that stands still.
    step: [usize; K],
}

impl<const K: usize> Walk<K> {
    /// The operands' shapes must stretch to `out`.
    pub fn new(out: &[usize], operands: [&[usize]; K]) -> Walk<K> {
        let mut axes: Vec<(usize, [usize; K])> = Vec::new();
        for (axis, &extent) in out.iter().enumerate() {
            if extent == 1 {
                continue;
            }
            let steps = operands.map(|shape| {
                let lead = out.len() - shape.len();
                match axis.checked_sub(lead) {
                    Some(own) if shape[own] != 1 => shape[own + 1..].iter().product(),
                    _ => 0,
                }
            });
            match axes.last_mut() {
                Some(last) if (0..K).all(|i| last.1[i] == steps[i] * extent) => {
                    *last = (last.0 * extent, steps);
                }
                _ => axes.push((extent, steps)),
            }
        }
        let (inner, step) = axes.pop().unwrap_or((1, [0; K]));
        Walk { outer: axes, inner, step }
    }

    /// Calls `f` for the stretches that elements `from..from + len` of the result consist of: where
    /// each operand starts, the place within the part, and how long.
    fn runs(&self, from: usize, len: usize, mut f: impl FnMut([usize; K], usize, usize)) {
        if len == 0 || self.inner == 0 {
            return;
        }
        let (mut row, mut column) = (from / self.inner, from % self.inner);
        let mut place = vec![0; self.outer.len()];
        let mut base = [0; K];
        for (at, (extent, steps)) in place.iter_mut().zip(&self.outer).rev() {
            *at = row % extent;
            row /= extent;
            (0..K).for_each(|i| base[i] += *at * steps[i]);
        }
        let mut done = 0;
        loop {
            let run = (self.inner - column).min(len - done);
            f(std::array::from_fn(|i| base[i] + column * self.step[i]), done, run);
            done += run;
            column = 0;
            if done >= len {
                return;
            }
            for (at, (extent, steps)) in place.iter_mut().zip(&self.outer).rev() {
                *at += 1;
                (0..K).for_each(|i| base[i] += steps[i]);
                if *at < *extent {
                    break;
                }
                (0..K).for_each(|i| base[i] -= *extent * steps[i]);
                *at = 0;
            }
        }
    }
}

/// Values of a shape that is known to be in bounds; an empty axis empties it, however large the others.
fn total(shape: &[usize]) -> usize {
    count(shape).unwrap_or(0)
}

/// `f` of each pair of the stretched operands, each a shape and its values.
pub(super) fn map2<A: Sync, B: Sync, R: Send + Default + Clone>(
    pool: &Pool,
    shape: &[usize],
    a: (&[usize], &[A]),
    b: (&[usize], &[B]),
    f: impl Fn(&A, &B) -> R + Sync,
) -> Vec<R> {
    let mut out = vec![R::default(); total(shape)];
    if out.is_empty() {
        return out;
    }
    let walk = Walk::new(shape, [a.0, b.0]);
    fill(pool, &mut out, |from, part| {
        walk.runs(from, part.len(), |[i, j], at, len| {
            let out = part[at..at + len].iter_mut();
            match walk.step {
                [1, 1] => {
                    for ((o, x), y) in out.zip(&a.1[i..i + len]).zip(&b.1[j..j + len]) {
                        *o = f(x, y);
                    }
                }
                [1, _] => out.zip(&a.1[i..i + len]).for_each(|(o, x)| *o = f(x, &b.1[j])),
                [_, 1] => out.zip(&b.1[j..j + len]).for_each(|(o, y)| *o = f(&a.1[i], y)),
                _ => out.for_each(|o| *o = f(&a.1[i], &b.1[j])),
            }
        });
    });
    out
}

/// As [`map2`], written over the first operand, which has the result's shape.
pub(super) fn map2_onto<A: Send + Copy, B: Sync + Copy>(
    pool: &Pool,
    shape: &[usize],
    a: &mut [A],
    b: (&[usize], &[B]),
    f: impl Fn(A, B) -> A + Sync,
) {
    if a.is_empty() {
        return;
    }
    let walk = Walk::new(shape, [shape, b.0]);
    fill(pool, a, |from, part| {
        walk.runs(from, part.len(), |[_, j], at, len| {
            let out = part[at..at + len].iter_mut();
            match walk.step {
                [_, 1] => out.zip(&b.1[j..j + len]).for_each(|(x, y)| *x = f(*x, *y)),
                _ => {
                    let y = b.1[j];
                    out.for_each(|x| *x = f(*x, y));
                }
            }
        });
    });
}

/// One of the two stretched operands, as each condition says.
pub(super) fn choose<T: Sync + Send + Default + Clone>(
    pool: &Pool,
    shape: &[usize],
    condition: (&[usize], &[bool]),
    a: (&[usize], &[T]),
    b: (&[usize], &[T]),
) -> Vec<T> {
    let mut out = vec![T::default(); total(shape)];
    if out.is_empty() {
        return out;
    }
    let walk = Walk::new(shape, [condition.0, a.0, b.0]);
    fill(pool, &mut out, |from, part| {
        walk.runs(from, part.len(), |[c, i, j], at, len| {
            let [dc, di, dj] = walk.step;
            for (l, o) in part[at..at + len].iter_mut().enumerate() {
                let yes = condition.1[c + l * dc];
                *o = if yes { a.1[i + l * di].clone() } else { b.1[j + l * dj].clone() };
            }
        });
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_stretch_as_an_index_by_index_loop_says() {
        let pool = Pool::new(2);
        let shapes: [(&[usize], &[usize]); 7] = [
            (&[2, 3, 4], &[2, 3, 4]),
            (&[2, 3, 4], &[]),
            (&[2, 3, 4], &[4]),
            (&[2, 3, 4], &[3, 1]),
            (&[2, 1, 4], &[1, 3, 1]),
            (&[5, 1, 1, 40], &[700, 1]),
            (&[2, 0, 4], &[1, 4]),
        ];
        for (a, b) in shapes {
            let out = stretched(&[a, b]).unwrap();
            let values = |shape: &[usize]| (0..shape.iter().product()).collect::<Vec<usize>>();
            let (x, y) = (values(a), values(b));
            let got = map2(&pool, &out, (a, &x), (b, &y), |x, y| (*x, *y));
            for (flat, pair) in got.iter().enumerate() {
                let at = |shape: &[usize]| {
                    let (mut rest, mut step, mut index) = (flat, 1, 0);
                    for axis in (0..out.len()).rev() {
                        let place = rest % out[axis];
                        rest /= out[axis];
                        if let Some(own) = (axis + shape.len()).checked_sub(out.len()) {
                            index += if shape[own] == 1 { 0 } else { place * step };
                            step *= shape[own];
                        }
                    }
                    index
                };
                assert_eq!(*pair, (at(a), at(b)), "{a:?} {b:?} at {flat}");
            }
        }
        assert_eq!(stretched(&[&[2, 3], &[4]]), None);
    }
}
