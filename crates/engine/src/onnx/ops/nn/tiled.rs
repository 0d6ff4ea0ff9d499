//! `Attention` by the kernel that keeps no scores, where nothing else is asked for: no scores shown, none capped, no windows, and
//! no query that may look nowhere.

use super::attend::{Bias, Heads, Job};
use kernels::{AttentionShape, Matrices, Pool, ScoreBias, attention};

/// Where heads lie: `[batch][length][heads·width]` if `flat`, else `[batch][heads][length][width]`.
pub(super) struct Placed<'a> {
    pub data: &'a [f32],
    pub flat: bool,
}

/// Where each of `batch × heads` heads begins and how far its rows are apart; `shared` of them in a row read the same one.
fn places(
    flat: bool,
    [batch, heads, length, width]: [usize; 4],
    shared: usize,
) -> (Vec<usize>, usize) {
    let start = |i: usize| {
        let (b, h) = (i / (heads * shared), i % (heads * shared) / shared);
        match flat {
            true => b * length * heads * width + h * width,
            false => (b * heads + h) * length * width,
        }
    };
    let row = if flat { heads * width } else { width };
    ((0..batch * heads * shared).map(start).collect(), row)
}

/// The result, flat if the queries are; `None` where the call asks for more than the kernel does.
pub(super) fn tiled(pool: &Pool, job: &Job, [q, k, v]: [Placed; 3]) -> Option<Vec<f32>> {
    let n: Heads = job.heads;
    let Bias { mask, left, right, valid, .. } = job.bias;
    let more = job.shown.is_some() || job.softcap.is_some() || left.is_some() || right.is_some();
    if more || valid.is_some() || n.keys == 0 || n.columns == 0 || n.queries == 0 || n.batch == 0 {
        return None;
    }
    let shape = AttentionShape {
        count: n.batch * n.queries,
        queries: n.rows,
        keys: n.columns,
        depth: n.width,
        values: n.value_width,
        beside: if q.flat { n.queries } else { 1 },
    };
    let per = n.queries / n.keys;
    let (a, a_row) = places(q.flat, [n.batch, n.queries, n.rows, n.width], 1);
    let (b, b_row) = places(k.flat, [n.batch, n.keys, n.columns, n.width], per);
    let (c, c_row) = places(v.flat, [n.batch, n.keys, n.columns, n.value_width], per);
    let starts: Vec<usize>;
    let mut bias = Vec::new();
    if let Some(mask) = mask {
        let (data, step) = mask.whole(n.columns)?;
        starts =
            (0..shape.count).map(|i| i / n.queries * step[0] + i % n.queries * step[1]).collect();
        bias.push(ScoreBias {
            data,
            starts: &starts,
            row: step[2],
            inner: n.columns,
            outer_step: 0,
            inner_step: 1,
        });
    }
    let mut y = vec![0.0; shape.output_len()];
    let qkv = [
        Matrices { data: q.data, starts: &a, row: a_row, column: 1 },
        Matrices { data: k.data, starts: &b, row: b_row, column: 1 },
        Matrices { data: v.data, starts: &c, row: c_row, column: 1 },
    ];
    attention(pool, &shape, job.scale, qkv, &bias, &mut y);
    Some(y)
}
