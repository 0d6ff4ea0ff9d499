//! `DeformConv`: each tap of the kernel is shifted by an offset of its own (Dai et al., 2017; with a
//! mask, Zhu et al., 2019). In two dimensions.

use super::conv::groups;
use super::floats::{array_of, floats, maybe_floats};
use super::share::heavy_chunks;
use super::window::Window;
use crate::array::DType;
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, unsupported, wrong};
use kernels::{Epilogue, gemm, pack_b};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("DeformConv", run)];

fn run(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, w, offset) = (inputs.array(0)?, inputs.array(1)?, inputs.array(2)?);
    let (&[batch, ins, ih, iw], &[outs, per_group, kh, kw]) = (x.shape(), w.shape()) else {
        return Err(unsupported(format!("an input {:?}", x.shape())));
    };
    let window = Window::new(call.attributes(), &[ih, iw], &[kh, kw], false)?;
    let groups = groups(call.attributes())?;
    let offset_groups = usize::try_from(call.int("offset_group", 1)).unwrap_or(0);
    let [_, oh, ow] = window.output;
    let (taps, points) = (kh * kw, oh * ow);
    let sound = per_group.checked_mul(groups) == Some(ins)
        && outs.is_multiple_of(groups)
        && offset_groups > 0
        && ins.is_multiple_of(offset_groups)
        && offset_groups
            .checked_mul(2 * taps)
            .is_some_and(|n| offset.shape() == [batch, n, oh, ow]);
    if !sound {
        return Err(wrong(format!(
            "an input {:?}, weights {:?}, offsets {:?}",
            x.shape(),
            w.shape(),
            offset.shape()
        )));
    }
    let (bias, mask) = (maybe_floats(&inputs, 3)?, maybe_floats(&inputs, 4)?);
    if bias.as_ref().is_some_and(|bias| bias.len() != outs)
        || mask.as_ref().is_some_and(|mask| mask.len() != offset.len() / 2)
    {
        return Err(wrong("bias or mask do not fit"));
    }
    let shape = [batch, outs, oh, ow];
    let mut y = vec![0.0f32; call.room(&shape, DType::F32)?];
    call.room(&[ins, taps, points], DType::F32)?;
    if y.is_empty() || x.is_empty() {
        return one(array_of(x.dtype(), &shape, y)?);
    }
    let (x_values, weights, offsets) = (floats(x)?, floats(w)?, floats(offset)?);
    let (group_ins, group_outs) = (ins / groups, outs / groups);
    for (n, y) in y.chunks_exact_mut(outs * points).enumerate() {
        // What every tap sees, [in][tap][point]; the rest is a matrix product.
        let mut seen = vec![0.0f32; ins * taps * points];
        heavy_chunks(call.pool, &mut seen, points, |row, seen| {
            let (c, tap) = (row / taps, row % taps);
            let plane = &x_values[(n * ins + c) * ih * iw..][..ih * iw];
            let at = (n * offset_groups + c / (ins / offset_groups)) * taps + tap;
            let shift = &offsets[at * 2 * points..][..2 * points];
            let mask = mask.as_ref().map(|mask| &mask[at * points..][..points]);
            for (p, seen) in seen.iter_mut().enumerate() {
                let start = |axis: usize, i: usize, k: usize| {
                    (i * window.stride[axis] + k * window.dilation[axis]) as f32
                        - window.pad[axis][0] as f32
                };
                let h = start(1, p / ow, tap / kw) + shift[p];
                let w = start(2, p % ow, tap % kw) + shift[points + p];
                *seen = bilinear(plane, ih, iw, h, w) * mask.map_or(1.0, |mask| mask[p]);
            }
        });
        let k = group_ins * taps;
        for g in 0..groups {
            let columns = pack_b(k, points, &seen[g * k * points..][..k * points], false);
            let rows = &weights[g * group_outs * k..][..group_outs * k];
            let y = &mut y[g * group_outs * points..][..group_outs * points];
            gemm(call.pool, group_outs, rows, &columns, &Epilogue::default(), y);
        }
        if let Some(bias) = &bias {
            for (y, bias) in y.chunks_exact_mut(points).zip(bias.iter()) {
                y.iter_mut().for_each(|y| *y += bias);
            }
        }
    }
    one(array_of(x.dtype(), &shape, y)?)
}

/// The value between pixels; zero outside.
fn bilinear(plane: &[f32], height: usize, width: usize, h: f32, w: f32) -> f32 {
    if !(h > -1.0 && h < height as f32 && w > -1.0 && w < width as f32) {
        return 0.0;
    }
    let (h0, w0) = (h.floor(), w.floor());
    let (dh, dw) = (h - h0, w - w0);
    let pixel = |h: i64, w: i64| {
        let inside = (0..height as i64).contains(&h) && (0..width as i64).contains(&w);
        if inside { plane[h as usize * width + w as usize] } else { 0.0 }
    };
    let (h0, w0) = (h0 as i64, w0 as i64);
    (1.0 - dh) * ((1.0 - dw) * pixel(h0, w0) + dw * pixel(h0, w0 + 1))
        + dh * ((1.0 - dw) * pixel(h0 + 1, w0) + dw * pixel(h0 + 1, w0 + 1))
}
