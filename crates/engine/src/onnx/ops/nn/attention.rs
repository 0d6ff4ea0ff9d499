//! `Attention`: softmax(Q·Kᵀ·scale + bias)·V, a few rows of queries at a time.

use super::attend::{Bias, Heads, Job, attend};
use super::floats::{array_of, floats};
use super::tiled::{Placed, tiled};
use crate::array::{Array, DType, Data};
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, unsupported, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("Attention", run).infer(infer)];

/// Heads and length of an input: `[batch][heads][length][width]` or `[batch][length][heads·width]`.
struct Layout {
    batch: usize,
    heads: usize,
    length: usize,
    width: usize,
    /// The second form.
    flat: bool,
}

fn layout(shape: &[usize], heads: Option<i64>) -> Result<Layout> {
    match (shape, heads.map(usize::try_from)) {
        (&[batch, heads, length, width], _) => {
            Ok(Layout { batch, heads, length, width, flat: false })
        }
        (&[batch, length, all], Some(Ok(heads))) if heads > 0 && all % heads == 0 => {
            Ok(Layout { batch, heads, length, width: all / heads, flat: true })
        }
        _ => Err(wrong(format!("{shape:?} in {heads:?} heads"))),
    }
}

fn layouts(attributes: &Attributes, shapes: [&[usize]; 3]) -> Result<[Layout; 3]> {
    let kv = attributes.int("kv_num_heads");
    let q = layout(shapes[0], attributes.int("q_num_heads"))?;
    let (k, v) = (layout(shapes[1], kv)?, layout(shapes[2], kv)?);
    let fits = k.batch == q.batch
        && v.batch == q.batch
        && k.heads == v.heads
        && k.length == v.length
        && k.width == q.width
        && k.heads > 0
        && k.width > 0
        && q.heads.is_multiple_of(k.heads);
    if !fits {
        return Err(wrong(format!("attention of {shapes:?}")));
    }
    Ok([q, k, v])
}

/// `[batch][length][heads·width]` to `[batch][heads][length][width]`; the latter stays.
fn by_head(values: &[f32], l: &Layout) -> Vec<f32> {
    if !l.flat {
        return values.to_vec();
    }
    let mut y = vec![0.0; values.len()];
    for (i, row) in y.chunks_exact_mut(l.width.max(1)).enumerate() {
        let (b, h, t) = (i / l.length / l.heads, i / l.length % l.heads, i % l.length);
        row.copy_from_slice(&values[((b * l.length + t) * l.heads + h) * l.width..][..l.width]);
    }
    y
}

/// The other way round.
fn by_position(values: &[f32], l: &Layout) -> Vec<f32> {
    let swapped = Layout { heads: l.length, length: l.heads, flat: true, ..*l };
    by_head(values, &swapped)
}

/// Past values before those of now, both `[batch][heads][length][width]`; `None` when nothing is past.
fn appended(past: Option<&Array>, now: &[f32], l: &Layout) -> Result<Option<(Vec<f32>, usize)>> {
    let Some(past) = past else { return Ok(None) };
    let &[batch, heads, before, width] = past.shape() else {
        return Err(wrong(format!("a past {:?}", past.shape())));
    };
    if (batch, heads, width) != (l.batch, l.heads, l.width) || before > 1 << 30 {
        return Err(wrong(format!("a past {:?}", past.shape())));
    }
    let old = floats(past)?;
    let mut both = Vec::with_capacity(old.len() + now.len());
    for i in 0..batch * heads {
        both.extend_from_slice(&old[i * before * width..][..before * width]);
        both.extend_from_slice(&now[i * l.length * width..][..l.length * width]);
    }
    Ok(Some((both, before)))
}

fn run(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (q, k, v) = (inputs.array(0)?, inputs.array(1)?, inputs.array(2)?);
    let attributes = call.attributes();
    let [lq, mut lk, mut lv] = layouts(attributes, [q.shape(), k.shape(), v.shape()])?;
    for l in [&lq, &lk, &lv] {
        // An empty input may name extents of any size.
        call.room(&[l.batch, l.heads.max(1), l.length.max(1)], DType::F32)?;
    }
    let (q_given, k_given, v_given) = (floats(q)?, floats(k)?, floats(v)?);
    // What is given back is wanted head by head, and so is what joins a past.
    let is_bare = call.node.output_count() <= 1 && inputs.maybe(4)?.is_none();
    let apart = |given: &[f32], l: &Layout| if is_bare { Vec::new() } else { by_head(given, l) };
    let (mut keys, mut values) = (apart(&k_given, &lk), apart(&v_given, &lv));
    let mut before = 0;
    if inputs.maybe(4)?.is_some() != inputs.maybe(5)?.is_some() {
        return Err(wrong("past_key and past_value go together"));
    }
    if let Some((both, past)) = appended(inputs.maybe(4)?, &keys, &lk)? {
        (keys, before) = (both, past);
        lk.length += past;
    }
    if let Some((both, past)) = appended(inputs.maybe(5)?, &values, &lv)? {
        values = both;
        lv.length += past;
    }
    if lk.length != lv.length {
        return Err(wrong("as many keys as values are needed"));
    }
    let heads = Heads {
        batch: lq.batch,
        queries: lq.heads,
        keys: lk.heads,
        rows: lq.length,
        columns: lk.length,
        width: lq.width,
        value_width: lv.width,
    };
    let valid = match inputs.maybe_ints(6)? {
        Some(valid) if valid.len() != lq.batch => return Err(wrong("nonpad_kv_seqlen")),
        Some(_) if before > 0 => return Err(wrong("nonpad_kv_seqlen beside a past")),
        other => other,
    };
    let offset = |b: usize| match &valid {
        Some(valid) => valid[b].saturating_sub(lq.length as i64),
        None => before as i64,
    };
    let window = |name: &str| attributes.int(name).filter(|n| *n >= 0);
    let mut right = window("right_window_size");
    if attributes.flag("is_causal") {
        right = Some(right.map_or(0, |n| n.min(0)));
    }
    let bias = Bias {
        mask: inputs.maybe(3)?.map(|mask| Mask::new(mask, &heads)).transpose()?,
        left: window("left_window_size"),
        right,
        offsets: (0..lq.batch).map(offset).collect(),
        valid: valid.clone(),
    };
    let scale = attributes.float("scale").unwrap_or(1.0 / (lq.width as f32).sqrt());
    let job = Job {
        heads,
        scale,
        softcap: attributes.float("softcap").filter(|cap| *cap > 0.0),
        bias: &bias,
        shown: call.node.wants(3).then(|| call.int("qk_matmul_output_mode", 0)),
    };
    call.room(&[lq.batch, lq.heads, lq.length, lv.width], DType::F32)?;
    if job.shown.is_some() {
        call.room(&[lq.batch, lq.heads, lq.length, lk.length], DType::F32)?;
    }
    let out = Layout { width: lv.width, ..lq };
    let shape = match out.flat {
        true => vec![out.batch, out.length, out.heads * out.width],
        false => vec![out.batch, out.heads, out.length, out.width],
    };
    let placed = |given, l: &Layout, apart| match is_bare {
        true => Placed { data: given, flat: l.flat },
        false => Placed { data: apart, flat: false },
    };
    let of_queries = Placed { data: &q_given, flat: lq.flat };
    let of_keys = placed(&k_given, &lk, &keys);
    let (y, scores) =
        match tiled(call.pool, &job, [of_queries, of_keys, placed(&v_given, &lv, &values)]) {
            Some(y) => (y, Vec::new()),
            None => {
                if is_bare {
                    (keys, values) = (by_head(&k_given, &lk), by_head(&v_given, &lv));
                }
                let (y, scores) = attend(call.pool, &job, &by_head(&q_given, &lq), &keys, &values);
                (if out.flat { by_position(&y, &out) } else { y }, scores)
            }
        };
    let mut results = vec![Value::Array(array_of(q.dtype(), &shape, y)?)];
    let present = |like: &Array, l: &Layout, values: Vec<f32>| {
        let shape = [l.batch, l.heads, l.length, l.width];
        array_of(like.dtype(), &shape, values).map(Value::Array)
    };
    if call.node.output_count() > 1 {
        results.push(present(k, &lk, keys)?);
        results.push(present(v, &lv, values)?);
        let shape = [lq.batch, lq.heads, lq.length, lk.length];
        if job.shown.is_some() {
            results.push(Value::Array(array_of(q.dtype(), &shape, scores)?));
        }
    }
    Ok(results)
}

/// A mask that broadcasts over `[batch][heads][rows][columns]`; columns it lacks are shut.
pub(super) struct Mask {
    values: Vec<f32>,
    step: [usize; 3],
    columns: usize,
}

impl Mask {
    pub fn new(mask: &Array, heads: &Heads) -> Result<Mask> {
        let values = match mask.data() {
            Data::Bool(open) => {
                open.iter().map(|open| if *open { 0.0 } else { f32::NEG_INFINITY }).collect()
            }
            _ if mask.dtype().is_float() => mask.to_f32(),
            _ => return Err(unsupported(format!("a mask of {}", mask.dtype()))),
        };
        let full = [heads.batch, heads.queries, heads.rows];
        let shape = mask.shape();
        let Some((&columns, outer)) = shape.split_last().filter(|(_, outer)| outer.len() <= 3)
        else {
            return Err(wrong(format!("a mask {shape:?}")));
        };
        let (mut step, mut running) = ([0; 3], columns);
        for (i, n) in outer.iter().rev().enumerate() {
            let a = 2 - i;
            match *n {
                1 => {}
                n if n == full[a] => step[a] = running,
                _ => return Err(wrong(format!("a mask {shape:?} for {full:?}"))),
            }
            running = running.saturating_mul(*n);
        }
        let fits = columns == 1 || columns <= heads.columns;
        if !fits {
            return Err(wrong(format!("a mask {shape:?} for {} keys", heads.columns)));
        }
        Ok(Mask { values, step, columns })
    }

    /// Its values and steps by sample, head and query, if it covers all `columns` and leaves every query some key.
    pub fn whole(&self, columns: usize) -> Option<(&[f32], [usize; 3])> {
        let open = |row: &[f32]| row.iter().any(|v| *v != f32::NEG_INFINITY);
        let fits = self.columns == columns && columns > 0;
        (fits && self.values.chunks(columns).all(open)).then_some((&self.values[..], self.step))
    }

    /// Adds the row of a query.
    pub fn add(&self, at: [usize; 3], row: &mut [f32]) {
        let start: usize = at.iter().zip(self.step).map(|(at, step)| at * step).sum();
        let mask = &self.values[start..][..self.columns];
        let (inside, beyond) = row.split_at_mut(self.columns.min(row.len()));
        inside.iter_mut().zip(mask).for_each(|(row, mask)| *row += mask);
        beyond.fill(f32::NEG_INFINITY);
    }
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let (q, k, v) = (ask.input(0)?, ask.input(1)?, ask.input(2)?);
    let attributes = ask.attributes();
    let [lq, lk, lv] = layouts(attributes, [&q.shape, &k.shape, &v.shape]).ok()?;
    let past = match ask.input(4) {
        Some(past) => *past.shape.get(2)?,
        None => 0,
    };
    let y = match lq.flat {
        true => vec![lq.batch, lq.length, lq.heads * lv.width],
        false => vec![lq.batch, lq.heads, lq.length, lv.width],
    };
    let length = lk.length + past;
    let mut known = vec![
        Known::of(q.dtype, y),
        Known::of(k.dtype, vec![lk.batch, lk.heads, length, lk.width]),
        Known::of(v.dtype, vec![lv.batch, lv.heads, length, lv.width]),
        Known::of(q.dtype, vec![lq.batch, lq.heads, lq.length, length]),
    ];
    known.truncate(ask.node.output_count().max(1));
    Some(known)
}
