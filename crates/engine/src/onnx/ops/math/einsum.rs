//! `Einsum`: sums of products named by letters. Operands are contracted from left to right, each pair as
//! a product of stacks of matrices.

use super::halve;
use super::matmul::multiply;
use super::number::{Number, by_number};
use super::threads::{GRAIN, fill_units, map};
use crate::array::{Array, DType, count, same_type};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};
use kernels::Pool;
use std::collections::BTreeMap;

pub(in super::super) const OPS: &[Op] = &[Op::new("Einsum", einsum).infer(infer)];

/// A letter, or an axis under an ellipsis, counted from the last on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// The number from behind, complemented so that they sort from the front.
    Under(i64),
    Letter(char),
}

/// What an equation means for operands of certain shapes.
#[derive(Debug, PartialEq)]
struct Equation {
    /// One for each axis of each operand.
    operands: Vec<Vec<Label>>,
    result: Vec<Label>,
    extents: BTreeMap<Label, usize>,
}

impl Equation {
    fn read(text: &str, shapes: &[&[usize]]) -> Option<Equation> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != shapes.len() {
            return None;
        }
        let (mut operands, mut extents) = (Vec::new(), BTreeMap::new());
        for (term, shape) in terms.iter().zip(shapes) {
            let labels = labels(term, Some(shape.len()), 0)?;
            for (label, &extent) in labels.iter().zip(*shape) {
                let known = extents.entry(*label).or_insert(extent);
                match (*known, extent) {
                    (known, extent) if known == extent => {}
                    (1, _) => *known = extent,
                    (_, 1) => {}
                    _ => return None,
                }
            }
            operands.push(labels);
        }
        let under: Vec<Label> =
            extents.keys().filter(|label| matches!(label, Label::Under(_))).copied().collect();
        let result = match right {
            Some(right) => labels(right, None, under.len())?,
            None => {
                let times =
                    |label: &Label| operands.iter().flatten().filter(|l| *l == label).count();
                let single = extents
                    .keys()
                    .filter(|label| matches!(label, Label::Letter(_)) && times(label) == 1);
                under.iter().chain(single).copied().collect()
            }
        };
        let known = result.iter().all(|label| extents.contains_key(label));
        let twice = (1..result.len()).any(|i| result[..i].contains(&result[i]));
        (known && !twice).then_some(Equation { operands, result, extents })
    }

    fn shape(&self) -> Vec<usize> {
        self.result.iter().filter_map(|label| self.extents.get(label).copied()).collect()
    }
}

/// The labels of a term; an ellipsis stands for what `rank` leaves, or for `under` axes.
fn labels(term: &str, rank: Option<usize>, under: usize) -> Option<Vec<Label>> {
    let letters = |text: &str| {
        let all = text.chars().all(char::is_alphabetic);
        all.then(|| text.chars().map(Label::Letter).collect::<Vec<Label>>())
    };
    let Some((before, after)) = term.split_once("...") else {
        return letters(term).filter(|found| rank.is_none_or(|rank| found.len() == rank));
    };
    let (mut all, after) = (letters(before)?, letters(after)?);
    let under = match rank {
        Some(rank) => rank.checked_sub(all.len() + after.len())?,
        None => under,
    };
    all.extend((0..under as i64).map(|i| Label::Under(i - under as i64)));
    all.extend(after);
    Some(all)
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let shapes: Vec<&[usize]> = ask.inputs.iter().flatten().map(|k| k.shape.as_slice()).collect();
    let equation = Equation::read(ask.attributes().text("equation")?, &shapes)?;
    Some(vec![Known::of(ask.input(0)?.dtype, equation.shape())])
}

/// An operand on its way: each label once.
struct Term {
    labels: Vec<Label>,
    array: Array,
}

fn einsum(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let arrays: Vec<Array> = (0..inputs.len()).map(|i| inputs.take(i)).collect::<Result<_>>()?;
    let shapes: Vec<&[usize]> = arrays.iter().map(Array::shape).collect();
    let text = call.text("equation", "");
    let equation = Equation::read(text, &shapes).ok_or_else(|| {
        wrong(format!("the equation `{text}` does not fit the shapes {shapes:?}"))
    })?;
    let Some(dtype) = arrays.first().map(Array::dtype) else {
        return Err(wrong("no operands"));
    };
    if arrays.iter().any(|array| array.dtype() != dtype) {
        return Err(wrong("operands of different types do not mix"));
    }
    call.room(&equation.shape(), dtype)?;
    let half = matches!(dtype, DType::F16 | DType::BF16);
    let mut terms = Vec::new();
    for (array, labels) in arrays.into_iter().zip(&equation.operands) {
        let array = if half { Array::f32(array.shape(), array.to_f32())? } else { array };
        terms.push(single(call, array, labels, &equation.extents)?);
    }
    let mut terms = terms.into_iter();
    let Some(mut total) = terms.next() else { return Err(wrong("no operands")) };
    while let Some(next) = terms.next() {
        let later: Vec<Label> = terms.as_slice().iter().flat_map(|t| t.labels.clone()).collect();
        let needed = |label: &Label| equation.result.contains(label) || later.contains(label);
        total = contract(call, total, next, needed)?;
    }
    let total = summed(call, total, |label| equation.result.contains(label))?;
    let total = arranged(call, &total, &equation.result)?;
    let shape = equation.shape();
    one(if half { halve(&shape, total.to_f32(), dtype)? } else { total.reshaped(&shape)? })
}

/// Axes of a label that appears twice become their diagonal; axes of one element that others stretch
/// are dropped.
fn single(
    call: &Call,
    array: Array,
    labels: &[Label],
    extents: &BTreeMap<Label, usize>,
) -> Result<Term> {
    let mut axes: Vec<(Label, usize, usize)> = Vec::new();
    let mut step = 1;
    for (label, &extent) in labels.iter().zip(array.shape()).rev() {
        let stretched = extent == 1 && extents.get(label).is_some_and(|full| *full != 1);
        if !stretched {
            match axes.iter_mut().find(|axis| axis.0 == *label) {
                Some(axis) => axis.2 += step,
                None => axes.push((*label, extent, step)),
            }
        }
        step = step.saturating_mul(extent);
    }
    axes.reverse();
    let places: Vec<(usize, usize)> = axes.iter().map(|axis| (axis.1, axis.2)).collect();
    Ok(Term {
        labels: axes.iter().map(|axis| axis.0).collect(),
        array: view(call, &array, &places)?,
    })
}

/// The elements at strided places, dense: an extent and a step for each axis.
fn view(call: &Call, array: &Array, axes: &[(usize, usize)]) -> Result<Array> {
    let shape: Vec<usize> = axes.iter().map(|axis| axis.0).collect();
    let n = call.room(&shape, array.dtype())?;
    let mut dense = 1usize;
    let mut same = n == array.len();
    for (extent, step) in axes.iter().rev() {
        same &= *step == dense || *extent == 1;
        dense = dense.saturating_mul(*extent);
    }
    if same {
        return array.clone().reshaped(&shape);
    }
    let data = same_type!(array.data(), v => picked(call.pool, v, axes, n));
    Array::new(&shape, data)
}

/// `n` values of `v` at the strided places. What lies together goes together: the last axes, as far as they are dense.
fn picked<T: Clone + Default + Send + Sync>(
    pool: &Pool,
    v: &[T],
    mut axes: &[(usize, usize)],
    n: usize,
) -> Vec<T> {
    let mut run = 1;
    while let Some(((extent, step), rest)) = axes.split_last() {
        if *extent == 0 || (*extent > 1 && *step != run) {
            break;
        }
        (run, axes) = (run * extent, rest);
    }
    let mut out = vec![T::default(); n];
    fill_units(pool, &mut out, run, GRAIN, |from, part| {
        let mut place = vec![0; axes.len()];
        let (mut rest, mut at) = (from / run, 0);
        for (place, (extent, step)) in place.iter_mut().zip(axes).rev() {
            if *extent > 0 {
                *place = rest % extent;
                rest /= extent;
            }
            at += *place * step;
        }
        for out in part.chunks_exact_mut(run) {
            match out {
                [out] => *out = v[at].clone(),
                out => out.clone_from_slice(&v[at..][..run]),
            }
            for (place, (extent, step)) in place.iter_mut().zip(axes).rev() {
                *place += 1;
                at += step;
                if *place < *extent {
                    break;
                }
                at -= extent * step;
                *place = 0;
            }
        }
    });
    out
}

/// With its axes in that order; every label must be there.
fn arranged(call: &Call, term: &Term, order: &[Label]) -> Result<Array> {
    let mut axes = Vec::new();
    for label in order {
        let Some(at) = term.labels.iter().position(|l| l == label) else { continue };
        let step = term.array.shape()[at + 1..].iter().fold(1usize, |n, e| n.saturating_mul(*e));
        axes.push((term.array.shape()[at], step));
    }
    view(call, &term.array, &axes)
}

/// Without the labels that are not needed.
fn summed(call: &Call, term: Term, needed: impl Fn(&Label) -> bool) -> Result<Term> {
    let (keep, drop): (Vec<Label>, Vec<Label>) = term.labels.iter().partition(|l| needed(l));
    if drop.is_empty() {
        return Ok(term);
    }
    let shape: Vec<usize> = keep.iter().map(|label| extent(&term, label)).collect();
    let order: Vec<Label> = keep.iter().chain(&drop).copied().collect();
    let array = arranged(call, &term, &order)?;
    let n = call.room(&shape, array.dtype())?;
    let each = array.len().checked_div(n).unwrap_or(0);
    let array = by_number!(array.dtype(), T => {
        let v = super::arithmetic::values::<T>(&array)?;
        let total = |i: &usize| {
            v[i * each..][..each].iter().fold(T::default(), |sum, x| Number::add(sum, *x))
        };
        Array::of(&shape, map(call.pool, &(0..n).collect::<Vec<usize>>(), total))
    })?;
    Ok(Term { labels: keep, array })
}

fn extent(term: &Term, label: &Label) -> usize {
    let at = term.labels.iter().position(|l| l == label);
    at.map_or(1, |at| term.array.shape()[at])
}

/// The product of two operands, summed over what is in both and not needed any more.
fn contract(call: &Call, a: Term, b: Term, needed: impl Fn(&Label) -> bool) -> Result<Term> {
    let a = summed(call, a, |label| needed(label) || b.labels.contains(label))?;
    let b = summed(call, b, |label| needed(label) || a.labels.contains(label))?;
    let (both, only_a): (Vec<Label>, Vec<Label>) =
        a.labels.iter().partition(|label| b.labels.contains(label));
    let (stack, depth): (Vec<Label>, Vec<Label>) = both.iter().partition(|label| needed(label));
    let only_b: Vec<Label> = b.labels.iter().filter(|l| !a.labels.contains(l)).copied().collect();
    let size = |term: &Term, labels: &[Label]| {
        let extents: Vec<usize> = labels.iter().map(|label| extent(term, label)).collect();
        count(&extents).ok_or_else(|| wrong("the extents are too large"))
    };
    let (batch, k) = (size(&a, &stack)?, size(&a, &depth)?);
    let (m, n) = (size(&a, &only_a)?, size(&b, &only_b)?);
    let left = arranged(call, &a, &[&stack[..], &only_a, &depth].concat())?;
    // Where the depth already runs fastest the product reads its transpose, nothing moves.
    let turned = [&stack[..], &only_b, &depth].concat();
    let turn = b.labels == turned;
    let order = if turn { turned } else { [&stack[..], &depth, &only_b].concat() };
    let right = arranged(call, &b, &order)?;
    let right = right.reshaped(&if turn { [batch, n, k] } else { [batch, k, n] })?;
    let left = left.reshaped(&[batch, m, k])?;
    let product = multiply(call, &left, &right, turn, false)?;
    let labels = [&stack[..], &only_a, &only_b].concat();
    let shape: Vec<usize> = labels
        .iter()
        .map(|label| if a.labels.contains(label) { extent(&a, label) } else { extent(&b, label) })
        .collect();
    Ok(Term { array: product.reshaped(&shape)?, labels })
}
