//! Running a fused step on the values of a graph.

use super::super::graph::Slot;
use super::super::machine::Values;
use super::super::ops::Value;
use super::{Factor, Fused, Linear, Matrix, Normed, Places, Share, Work};
use crate::array::{Array, Data};
use crate::error::{Error, ErrorKind, Result};
use kernels::{
    AttentionShape, Epilogue, Matrices, Norm, Pool, ScoreBias, attention, gather_rows, gemm,
    layer_norm, layer_norm_rows, permute,
};
use std::sync::Arc;

/// Buffers of results that nobody needs any more, for the next ones: fresh memory costs a page fault every 4 KiB.
#[derive(Default)]
pub(in super::super) struct Spare(Vec<Vec<f32>>);

/// Buffers that are kept.
const MOST_SPARE: usize = 16;

impl Spare {
    /// `len` numbers of any value.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        let fits = |buffer: &Vec<f32>| buffer.capacity() >= len && buffer.capacity() / 4 <= len;
        // What a buffer lacks is filled with zeros: one that is long enough comes first.
        let price = |i: &usize| (len.saturating_sub(self.0[*i].len()), self.0[*i].capacity());
        let best = (0..self.0.len()).filter(|i| fits(&self.0[*i])).min_by_key(price);
        match best {
            Some(index) => {
                let mut buffer = self.0.swap_remove(index);
                buffer.resize(len, 0.0);
                buffer
            }
            None => vec![0.0; len],
        }
    }

    /// Keeps the numbers of a value that nobody else holds.
    pub fn give(&mut self, value: Option<Value>) {
        let Some(Value::Array(array)) = value else { return };
        if let Data::F32(values) = array.into_data() {
            if let Ok(buffer) = Arc::try_unwrap(values) {
                self.give_buffer(buffer);
            }
        }
    }

    /// Keeps a buffer.
    pub fn give_buffer(&mut self, buffer: Vec<f32>) {
        if self.0.len() >= MOST_SPARE {
            self.0.remove(0);
        }
        self.0.push(buffer);
    }
}

impl Fused {
    /// Computes the result from `values`.
    pub fn run(&self, pool: &Pool, values: &Values, spare: &mut Spare) -> Result<Array> {
        let inputs = self.inputs.iter().map(|slot| Self::input(values, *slot));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let mut y = spare.take(self.shape.iter().product());
        self.compute(pool, &inputs, Share::WHOLE, &mut y);
        Array::f32(&self.shape, y)
    }

    /// The numbers of a slot.
    pub fn input(values: &Values, slot: Slot) -> Result<&[f32]> {
        let array = values.get(slot).and_then(Value::array);
        let lost = || Error::new(ErrorKind::BrokenFile, "a value is not there");
        let wrong = || Error::new(ErrorKind::Shape, "32-bit floats expected");
        array.ok_or_else(lost)?.slice::<f32>().ok_or_else(wrong)
    }

    /// Computes a share of the samples that [`Fused::samples`] tells of, from their parts of the inputs and what they all read.
    pub fn compute(&self, pool: &Pool, inputs: &[&[f32]], share: Share, y: &mut [f32]) {
        match &self.work {
            Work::Linear(linear) => linear.run(pool, inputs, share, y),
            Work::Attention(work) => {
                let matrices = |at: usize| {
                    let Places { starts, row, column } = &work.qkv[at];
                    let starts = &starts[..share.part(starts.len())];
                    Matrices { data: inputs[at], starts, row: *row, column: *column }
                };
                let bias: Vec<ScoreBias> = work
                    .bias
                    .iter()
                    .zip(&inputs[3..])
                    .map(|(b, data)| ScoreBias {
                        data,
                        starts: &b.starts[..share.part(b.starts.len())],
                        row: b.row,
                        inner: b.inner,
                        outer_step: b.outer_step,
                        inner_step: b.inner_step,
                    })
                    .collect();
                let qkv = [matrices(0), matrices(1), matrices(2)];
                let shape = AttentionShape { count: share.part(work.shape.count), ..work.shape };
                attention(pool, &shape, work.scale, qkv, &bias, y);
            }
            Work::Copy { offset, factors } => {
                let mut factors: Vec<(usize, usize)> =
                    factors.iter().map(|&Factor { extent, step }| (extent, step)).collect();
                if let Some((extent, _)) = factors.first_mut() {
                    *extent = share.part(*extent);
                }
                permute(pool, &inputs[0][*offset..], &factors, y);
            }
            Work::Rows { width, from } => {
                let from = &from[..share.part(from.len())];
                gather_rows(pool, *width, from, inputs[0], inputs.get(1).copied(), y);
            }
            Work::Norm(Normed { width, eps, from }) => {
                let (weight, bias) = (Some(inputs[1]), inputs.get(2).copied());
                let norm = Norm { weight, bias, eps: *eps, ..Norm::default() };
                let (x, rows) = (inputs[0], y.len() / width);
                match from {
                    Some(from) => layer_norm_rows(pool, *width, &norm, &from[..rows], x, y),
                    None => layer_norm(pool, rows, *width, &norm, x, y),
                }
            }
        }
    }
}

impl Linear {
    fn run(&self, pool: &Pool, inputs: &[&[f32]], share: Share, y: &mut [f32]) {
        // Packed before anything runs.
        let Matrix::Packed(packed) = &self.weight else { return };
        let bias = self.has_bias.then(|| inputs[1]);
        let residual = self.has_residual.then(|| inputs[1 + usize::from(self.has_bias)]);
        gemm(
            pool,
            share.part(self.rows),
            inputs[0],
            packed,
            &Epilogue { bias, residual, activation: self.activation },
            y,
        );
    }
}
