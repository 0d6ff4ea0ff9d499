//! The arithmetic of attention: for each head, a block of queries against all keys at a time.

use super::attention::Mask;
use kernels::{Epilogue, Pool, gemm, pack_b, softmax};
use std::sync::{Mutex, PoisonError};

/// Queries of a block: their scores stay in the cache.
const BLOCK: usize = 128;

/// Extents. `q` is `[batch][queries][rows][width]`, `k` and `v` `[batch][keys][columns][…]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub batch: usize,
    /// Heads of the queries, a multiple of those of the keys.
    pub queries: usize,
    pub keys: usize,
    pub rows: usize,
    pub columns: usize,
    pub width: usize,
    pub value_width: usize,
}

/// What is added to scores: 0 or −∞ where a query may or may not look, or any number.
pub(super) struct Bias {
    pub mask: Option<Mask>,
    /// How far before and after its own place a query looks.
    pub left: Option<i64>,
    pub right: Option<i64>,
    /// The place of the first query of each sample among its keys.
    pub offsets: Vec<i64>,
    /// Keys of each sample that are no filling.
    pub valid: Option<Vec<i64>>,
}

impl Bias {
    fn is_nothing(&self) -> bool {
        self.mask.is_none() && self.left.is_none() && self.right.is_none() && self.valid.is_none()
    }

    /// The bias of one query; true when it may look nowhere.
    fn fill(&self, [b, h, i]: [usize; 3], row: &mut [f32]) -> bool {
        row.fill(0.0);
        if let Some(mask) = &self.mask {
            mask.add([b, h, i], row);
        }
        let place = self.offsets[b].saturating_add(i as i64);
        let (mut low, mut high) = (0, row.len() as i64);
        if let Some(left) = self.left {
            low = place.saturating_sub(left).clamp(0, high);
        }
        if let Some(right) = self.right {
            high = place.saturating_add(right).saturating_add(1).clamp(0, high);
        }
        if let Some(valid) = &self.valid {
            high = high.min(valid[b].max(0));
        }
        let (low, high) = (low as usize, (high as usize).max(low as usize));
        row[..low].fill(f32::NEG_INFINITY);
        row[high..].fill(f32::NEG_INFINITY);
        row.iter().all(|v| *v == f32::NEG_INFINITY)
    }
}

/// One call.
pub(super) struct Job<'a> {
    pub heads: Heads,
    pub scale: f32,
    pub softcap: Option<f32>,
    pub bias: &'a Bias,
    /// Which scores are given back: 0 raw, 1 capped, 2 with the bias, 3 after softmax.
    pub shown: Option<i64>,
}

/// The result `[batch][queries][rows][value_width]` and, if wanted, the scores
/// `[batch][queries][rows][columns]`.
pub(super) fn attend(
    pool: &Pool,
    job: &Job,
    q: &[f32],
    k: &[f32],
    v: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let n = job.heads;
    let all = n.batch * n.queries * n.rows;
    let mut y = vec![0.0f32; all * n.value_width];
    let mut scores = vec![0.0f32; if job.shown.is_some() { all * n.columns } else { 0 }];
    let group = n.queries / n.keys.max(1) * n.rows;
    if all == 0 || n.columns == 0 {
        return (y, scores);
    }
    // One task for the queries that share a head of keys.
    let mut shown = scores.chunks_mut((group * n.columns).max(1));
    let mut made = y.chunks_mut((group * n.value_width).max(1));
    let parts: Vec<Mutex<(&mut [f32], &mut [f32])>> = (0..n.batch * n.keys)
        .map(|_| {
            let y = made.next().unwrap_or_default();
            Mutex::new((y, shown.next().unwrap_or_default()))
        })
        .collect();
    let task = |at: usize| {
        let mut part = parts[at].lock().unwrap_or_else(PoisonError::into_inner);
        let (y, shown) = &mut *part;
        let keys = &k[at * n.columns * n.width..][..n.columns * n.width];
        let values = &v[at * n.columns * n.value_width..][..n.columns * n.value_width];
        let q = &q[at * group * n.width..][..group * n.width];
        one_head(pool, job, at, q, keys, values, y, shown);
    };
    // Few heads: the products inside run on all threads instead.
    if parts.len() < pool.threads() {
        (0..parts.len()).for_each(task);
    } else {
        pool.run(parts.len(), task);
    }
    drop(parts);
    (y, scores)
}

#[allow(clippy::too_many_arguments, reason = "the slices of one head")]
fn one_head(
    pool: &Pool,
    job: &Job,
    at: usize,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    y: &mut [f32],
    shown: &mut [f32],
) {
    let n = job.heads;
    let (keys, values) =
        (pack_b(n.width, n.columns, k, true), pack_b(n.columns, n.value_width, v, false));
    let per = n.queries / n.keys;
    let plain = job.bias.is_nothing();
    let mut bias = vec![0.0f32; n.columns];
    let mut scores = vec![0.0f32; BLOCK.min(per * n.rows) * n.columns];
    let mut weights = scores.clone();
    for first in (0..per * n.rows).step_by(BLOCK) {
        let rows = BLOCK.min(per * n.rows - first);
        let scores = &mut scores[..rows * n.columns];
        let weights = &mut weights[..rows * n.columns];
        let q = &q[first * n.width..][..rows * n.width];
        gemm(pool, rows, q, &keys, &Epilogue::default(), scores);
        scores.iter_mut().for_each(|s| *s *= job.scale);
        let mut show = |mode: i64, values: &[f32]| {
            if job.shown == Some(mode) {
                shown[first * n.columns..][..values.len()].copy_from_slice(values);
            }
        };
        show(0, scores);
        if let Some(cap) = job.softcap {
            scores.iter_mut().for_each(|s| *s = cap * (*s / cap).tanh());
        }
        show(1, scores);
        let mut shut = Vec::new();
        if !plain {
            for (i, scores) in scores.chunks_exact_mut(n.columns).enumerate() {
                let (h, row) = ((first + i) / n.rows, (first + i) % n.rows);
                let place = [at / n.keys, at % n.keys * per + h, row];
                if job.bias.fill(place, &mut bias) {
                    shut.push(i);
                }
                scores.iter_mut().zip(&bias).for_each(|(s, b)| *s += b);
            }
        }
        show(2, scores);
        softmax(pool, rows, n.columns, scores, weights);
        // A query that may look nowhere gives zeros.
        for (i, scores) in scores.chunks_exact(n.columns).enumerate() {
            if scores[0] == f32::NEG_INFINITY && scores.iter().all(|s| *s == f32::NEG_INFINITY) {
                shut.push(i);
            }
        }
        for i in shut {
            weights[i * n.columns..][..n.columns].fill(0.0);
        }
        show(3, weights);
        let y = &mut y[first * n.value_width..][..rows * n.value_width];
        gemm(pool, rows, weights, &values, &Epilogue::default(), y);
    }
}
