//! One step of `RNN`, `GRU`, `LSTM` for some samples: `x` holds what the input contributes,
//! `[sample][gate][hidden]`, `h` and `c` the states, `[sample][hidden]`, which become the next ones.

use super::gates::Gate;
use super::recurrent::limited;
use kernels::{Epilogue, PackedMatrix, Pool, gemm};

/// What a step needs besides.
pub(super) struct Cell<'a> {
    pub pool: &'a Pool,
    pub hidden: usize,
    pub recurrent: &'a [PackedMatrix],
    /// Of the last gate's recurrent product.
    pub reset_bias: &'a [f32],
    pub gates: &'a [Gate],
    pub clip: Option<f32>,
    /// Of the input, output and forget gate.
    pub peepholes: &'a [f32],
    pub input_forget: bool,
    pub linear_before_reset: bool,
}

impl Cell<'_> {
    fn apply(&self, gate: usize, x: &mut [f32]) {
        limited(self.pool, self.gates[gate], self.clip, x);
    }

    /// `h · R`, one row a sample.
    fn product(&self, part: usize, h: &[f32], columns: usize, bias: Option<&[f32]>) -> Vec<f32> {
        let rows = h.len() / self.hidden;
        let mut y = vec![0.0; rows * columns];
        let epilogue = Epilogue { bias, ..Epilogue::default() };
        gemm(self.pool, rows, h, &self.recurrent[part], &epilogue, &mut y);
        y
    }
}

/// h' = f(x + h·R)
pub(super) fn rnn(cell: &Cell, x: &mut [f32], h: &mut [f32]) {
    let product = cell.product(0, h, cell.hidden, None);
    for ((h, x), p) in h.iter_mut().zip(x.iter()).zip(product) {
        *h = x + p;
    }
    cell.apply(0, h);
}

/// z, r = f(x + h·R); n = g(x + (r∘h)·R) or g(x + r∘(h·R + b)); h' = (1 − z)∘n + z∘h
pub(super) fn gru(cell: &Cell, x: &mut [f32], h: &mut [f32]) {
    let n = cell.hidden;
    let product = cell.product(0, h, 2 * n, None);
    for (x, p) in x.chunks_exact_mut(3 * n).zip(product.chunks_exact(2 * n)) {
        x.iter_mut().zip(p).for_each(|(x, p)| *x += p);
        cell.apply(0, &mut x[..2 * n]);
    }
    let reset = if cell.linear_before_reset {
        let mut product = cell.product(1, h, n, Some(cell.reset_bias));
        for (x, p) in x.chunks_exact(3 * n).zip(product.chunks_exact_mut(n)) {
            p.iter_mut().zip(&x[n..]).for_each(|(p, r)| *p *= r);
        }
        product
    } else {
        let mut kept = h.to_vec();
        for (x, kept) in x.chunks_exact(3 * n).zip(kept.chunks_exact_mut(n)) {
            kept.iter_mut().zip(&x[n..]).for_each(|(h, r)| *h *= r);
        }
        cell.product(1, &kept, n, None)
    };
    for ((x, p), h) in
        x.chunks_exact_mut(3 * n).zip(reset.chunks_exact(n)).zip(h.chunks_exact_mut(n))
    {
        let (zr, new) = x.split_at_mut(2 * n);
        new.iter_mut().zip(p).for_each(|(x, p)| *x += p);
        cell.apply(1, new);
        for ((h, z), new) in h.iter_mut().zip(zr.iter()).zip(new.iter()) {
            *h = (1.0 - z) * new + z * *h;
        }
    }
}

/// i, o, f, g = x + h·R; c' = f∘c + i∘g; h' = o∘h(c'), the peepholes added to i, f (of c) and o (of c').
pub(super) fn lstm(cell: &Cell, x: &mut [f32], h: &mut [f32], c: &mut [f32]) {
    let n = cell.hidden;
    let product = cell.product(0, h, 4 * n, None);
    let samples = x.chunks_exact_mut(4 * n).zip(product.chunks_exact(4 * n));
    for ((x, p), (h, c)) in samples.zip(h.chunks_exact_mut(n).zip(c.chunks_exact_mut(n))) {
        x.iter_mut().zip(p).for_each(|(x, p)| *x += p);
        let (input, rest) = x.split_at_mut(n);
        let (output, rest) = rest.split_at_mut(n);
        let (forget, new) = rest.split_at_mut(n);
        let peep = |gate: usize, x: &mut [f32], c: &[f32]| {
            if let Some(weights) = cell.peepholes.get(gate * n..(gate + 1) * n) {
                x.iter_mut().zip(weights).zip(c).for_each(|((x, w), c)| *x += w * c);
            }
        };
        peep(0, input, c);
        peep(2, forget, c);
        cell.apply(0, input);
        if cell.input_forget {
            forget.iter_mut().zip(input.iter()).for_each(|(f, i)| *f = 1.0 - i);
        } else {
            cell.apply(0, forget);
        }
        cell.apply(1, new);
        for (((c, f), i), new) in c.iter_mut().zip(forget.iter()).zip(input.iter()).zip(new.iter())
        {
            *c = f * *c + i * new;
        }
        peep(1, output, c);
        cell.apply(0, output);
        h.copy_from_slice(c);
        // `clip` limits gates alone, as in ONNX Runtime: models were trained and checked so.
        cell.gates[2].apply(cell.pool, h);
        h.iter_mut().zip(output.iter()).for_each(|(h, o)| *h *= o);
    }
}
