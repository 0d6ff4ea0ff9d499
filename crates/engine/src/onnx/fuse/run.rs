//! Running a fused step on the values of a graph.

use super::super::machine::Values;
use super::super::ops::Value;
use super::{Fused, Linear, Matrix, Normed, Places, Work};
use crate::array::{Array, Data};
use crate::error::{Error, ErrorKind, Result};
use kernels::{
    Epilogue, Matrices, Norm, Pool, ScoreBias, attention, gather_rows, gemm, layer_norm,
    layer_norm_rows, permute,
};
use std::sync::Arc;

/// Buffers of results that nobody needs any more, for the next ones: fresh memory costs a page fault every 4 KiB.
#[derive(Default)]
pub(in super::super) struct Spare(Vec<Vec<f32>>);

/// Buffers that are kept.
const MOST_SPARE: usize = 16;

impl Spare {
    /// `len` numbers of any value.
    fn take(&mut self, len: usize) -> Vec<f32> {
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
                if self.0.len() >= MOST_SPARE {
                    self.0.remove(0);
                }
                self.0.push(buffer);
            }
        }
    }
}

impl Fused {
    /// Computes the result from `values`.
    pub fn run(&self, pool: &Pool, values: &Values, spare: &mut Spare) -> Result<Array> {
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for slot in &self.inputs {
            let array = values.get(*slot).and_then(Value::array);
            let lost = || Error::new(ErrorKind::BrokenFile, "a value is not there");
            let wrong = || Error::new(ErrorKind::Shape, "32-bit floats expected");
            inputs.push(array.ok_or_else(lost)?.slice::<f32>().ok_or_else(wrong)?);
        }
        let len = self.shape.iter().product();
        let mut y = spare.take(len);
        match &self.work {
            Work::Linear(linear) => linear.run(pool, &inputs, &mut y),
            Work::Attention(work) => {
                let matrices = |at: usize| {
                    let Places { starts, row, column } = &work.qkv[at];
                    Matrices { data: inputs[at], starts, row: *row, column: *column }
                };
                let bias: Vec<ScoreBias> = work
                    .bias
                    .iter()
                    .zip(&inputs[3..])
                    .map(|(b, data)| ScoreBias {
                        data,
                        starts: &b.starts,
                        row: b.row,
                        inner: b.inner,
                        outer_step: b.outer_step,
                        inner_step: b.inner_step,
                    })
                    .collect();
                let qkv = [matrices(0), matrices(1), matrices(2)];
                attention(pool, &work.shape, work.scale, qkv, &bias, &mut y);
            }
            Work::Copy { offset, factors } => {
                let factors: Vec<(usize, usize)> =
                    factors.iter().map(|f| (f.extent, f.step)).collect();
                permute(pool, &inputs[0][*offset..], &factors, &mut y);
            }
            Work::Rows { width, from } => {
                gather_rows(pool, *width, from, inputs[0], inputs.get(1).copied(), &mut y);
            }
            Work::Norm(Normed { width, eps, from }) => {
                let (weight, bias) = (Some(inputs[1]), inputs.get(2).copied());
                let norm = Norm { weight, bias, eps: *eps, ..Norm::default() };
                let x = inputs[0];
                match from {
                    Some(from) => layer_norm_rows(pool, *width, &norm, from, x, &mut y),
                    None => layer_norm(pool, len / width, *width, &norm, x, &mut y),
                }
            }
        }
        Array::f32(&self.shape, y)
    }
}

impl Linear {
    fn run(&self, pool: &Pool, inputs: &[&[f32]], y: &mut [f32]) {
        // Packed before anything runs.
        let Matrix::Packed(packed) = &self.weight else { return };
        let bias = self.has_bias.then(|| inputs[1]);
        let residual = self.has_residual.then(|| inputs[1 + usize::from(self.has_bias)]);
        gemm(
            pool,
            self.rows,
            inputs[0],
            packed,
            &Epilogue { bias, residual, activation: self.activation },
            y,
        );
    }
}
