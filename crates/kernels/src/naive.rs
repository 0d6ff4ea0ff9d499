//! The plain twin of every routine: the definition, written as loops, summed in `f64`. Slow on purpose; the oracle of the tests.

use crate::conv::{ConvArgs, ConvShape, ConvTransposeShape, Epilogue};
use crate::pooling::divisor;
use crate::{
    Activation, AttentionShape, BinaryOp, Matrices, Norm, PoolShape, ScoreBias, WindowShape,
};

/// The activation in `f64`.
pub fn activation(act: Activation, x: f64) -> f64 {
    let hard = (x / 6.0 + 0.5).clamp(0.0, 1.0);
    match act {
        Activation::Identity => x,
        Activation::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::LeakyRelu(slope) => {
            if x < 0.0 {
                x * slope as f64
            } else {
                x
            }
        }
        Activation::Elu(alpha) => {
            if x < 0.0 {
                alpha as f64 * x.exp_m1()
            } else {
                x
            }
        }
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            0.5 * x
                * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
        }
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::HardSigmoid => hard,
        Activation::HardSwish => x * hard,
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::Mish => x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh(),
        Activation::Clamp(low, high) => x.clamp(low as f64, high as f64),
    }
}

/// erf by the series 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, all terms of one sign (Abramowitz & Stegun 7.1.6).
pub fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    sum * 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp()
}

/// Twin of [`conv`](crate::conv); `weight` is `[out][in/groups][kd][kh][kw]`.
pub fn conv(s: &ConvShape, x: &[f32], weight: &[f32], args: &ConvArgs, y: &mut [f32]) {
    let Some([od, oh, ow]) = s.output() else { panic!("no output for {s:?}") };
    let (cin, cout) = (s.in_channels / s.groups, s.out_channels / s.groups);
    let ([id, ih, iw], [kd, kh, kw]) = (s.input, s.kernel);
    let at = |a: usize, o: usize, k: usize| {
        (o * s.stride[a] + k * s.dilation[a]).checked_sub(s.pad[a][0]).filter(|i| *i < s.input[a])
    };
    for o in 0..s.out_channels {
        for p in 0..od * oh * ow {
            let mut sum = 0.0;
            for c in 0..cin {
                let channel = o / cout * cin + c;
                for t in 0..kd * kh * kw {
                    let (z, h, w) = (
                        at(0, p / ow / oh, t / kw / kh),
                        at(1, p / ow % oh, t / kw % kh),
                        at(2, p % ow, t % kw),
                    );
                    let (Some(z), Some(h), Some(w)) = (z, h, w) else { continue };
                    let mut v = x[((channel * id + z) * ih + h) * iw + w] as f64;
                    if let Some(pre) = &args.prologue {
                        let (scale, shift, act) = pre.of(channel);
                        v = activation(act, v * scale as f64 + shift as f64);
                    }
                    sum += v * weight[(o * cin + c) * kd * kh * kw + t] as f64;
                }
            }
            let index = o * od * oh * ow + p;
            y[index] = finish(&args.epilogue, sum, o, index);
        }
    }
}

/// Twin of [`conv_transpose`](crate::conv_transpose); `weight` is `[in][out/groups][kd][kh][kw]`.
pub fn conv_transpose(
    s: &ConvTransposeShape,
    x: &[f32],
    weight: &[f32],
    e: &Epilogue,
    y: &mut [f32],
) {
    let Some([od, oh, ow]) = s.output() else { panic!("no output for {s:?}") };
    let (cin, cout) = (s.in_channels / s.groups, s.out_channels / s.groups);
    let ([id, ih, iw], [kd, kh, kw]) = (s.input, s.kernel);
    let mut sums = vec![0.0f64; s.out_channels * od * oh * ow];
    let at = |a: usize, i: usize, k: usize, n: usize| {
        (i * s.stride[a] + k * s.dilation[a]).checked_sub(s.pad[a][0]).filter(|o| *o < n)
    };
    for c in 0..s.in_channels {
        for i in 0..id * ih * iw {
            for o in 0..cout {
                for t in 0..kd * kh * kw {
                    let (z, h) =
                        (at(0, i / iw / ih, t / kw / kh, od), at(1, i / iw % ih, t / kw % kh, oh));
                    let (Some(z), Some(h), Some(w)) = (z, h, at(2, i % iw, t % kw, ow)) else {
                        continue;
                    };
                    let channel = c / cin * cout + o;
                    sums[((channel * od + z) * oh + h) * ow + w] += x[c * id * ih * iw + i] as f64
                        * weight[(c * cout + o) * kd * kh * kw + t] as f64;
                }
            }
        }
    }
    for (index, sum) in sums.into_iter().enumerate() {
        y[index] = finish(e, sum, index / (od * oh * ow), index);
    }
}

/// Twin of [`gemm`](crate::gemm); `b` is `[k][n]`.
pub fn gemm(m: usize, k: usize, n: usize, a: &[f32], b: &[f32], e: &Epilogue, c: &mut [f32]) {
    for i in 0..m * n {
        let sum = (0..k).map(|l| a[i / n * k + l] as f64 * b[l * n + i % n] as f64).sum();
        c[i] = finish(e, sum, i % n, i);
    }
}

/// Twin of [`attention`](crate::attention).
pub fn attention(
    s: &AttentionShape,
    scale: f32,
    [q, k, v]: [Matrices; 3],
    bias: &[ScoreBias],
    out: &mut [f32],
) {
    let at = |m: &Matrices, i: usize, row: usize, column: usize| {
        m.data[m.starts[i] + row * m.row + column * m.column] as f64
    };
    for i in 0..s.count {
        for row in 0..s.queries {
            let score = |key: usize| {
                let dot: f64 = (0..s.depth).map(|l| at(&q, i, row, l) * at(&k, i, key, l)).sum();
                let more = bias.iter().map(|b| {
                    let key = key / b.inner * b.outer_step + key % b.inner * b.inner_step;
                    b.data[b.starts[i] + row * b.row + key] as f64
                });
                dot * scale as f64 + more.sum::<f64>()
            };
            let scores: Vec<f64> = (0..s.keys).map(score).collect();
            let most = scores.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
            let weights: Vec<f64> = scores.iter().map(|v| (v - most).exp()).collect();
            let total: f64 = weights.iter().sum();
            let to = ((i / s.beside * s.queries + row) * s.beside + i % s.beside) * s.values;
            for column in 0..s.values {
                let sum: f64 = (0..s.keys).map(|key| weights[key] * at(&v, i, key, column)).sum();
                out[to + column] = (sum / total) as f32;
            }
        }
    }
}

/// Twin of [`window_attention`](crate::window_attention).
pub fn window_attention(s: &WindowShape, qkv: &[f32], [pad, bias]: [&[f32]; 2], out: &mut [f32]) {
    let (n, depth) = (s.tokens(), s.channels / s.heads);
    let spatial: usize = s.size.iter().product();
    let windows = s.windows();
    let [_, window_y, window_x] = s.window;
    for window in 0..windows.iter().product() {
        let corner = [
            window / (windows[1] * windows[2]),
            window / windows[2] % windows[1],
            window % windows[2],
        ];
        // The place in the volume and the parts of a token.
        let token = |t: usize| {
            let within = [t / (window_y * window_x), t / window_x % window_y, t % window_x];
            let of: [(Option<usize>, usize); 3] = std::array::from_fn(|axis| {
                s.place(axis, corner[axis] * s.window[axis] + within[axis])
            });
            let place = match of.map(|(place, _)| place) {
                [Some(z), Some(y), Some(x)] => Some((z * s.size[1] + y) * s.size[2] + x),
                _ => None,
            };
            (place, of.map(|(_, part)| part))
        };
        let value = |channel: usize, t: usize| {
            token(t).0.map_or(pad[channel], |place| qkv[channel * spatial + place]) as f64
        };
        for head in 0..s.heads {
            for t in 0..n {
                let (Some(place), part) = token(t) else { continue };
                let score = |key: usize| {
                    let dot = |l: usize| {
                        value(head * depth + l, t) * value(s.channels + head * depth + l, key)
                    };
                    let apart = if token(key).1 == part { 0.0 } else { -100.0 };
                    (0..depth).map(dot).sum::<f64>() / (depth as f64).sqrt()
                        + bias[(head * n + t) * n + key] as f64
                        + apart
                };
                let scores: Vec<f64> = (0..n).map(score).collect();
                let most = scores.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
                let weights: Vec<f64> = scores.iter().map(|v| (v - most).exp()).collect();
                let total: f64 = weights.iter().sum();
                for l in 0..depth {
                    let of =
                        |key: usize| weights[key] * value(2 * s.channels + head * depth + l, key);
                    out[(head * depth + l) * spatial + place] =
                        ((0..n).map(of).sum::<f64>() / total) as f32;
                }
            }
        }
    }
}

fn finish(e: &Epilogue, sum: f64, channel: usize, index: usize) -> f32 {
    let sum = sum
        + e.bias.map_or(0.0, |b| b[channel] as f64)
        + e.residual.map_or(0.0, |r| r[index] as f64);
    activation(e.activation, sum) as f32
}

/// Twin of [`max_pool`](crate::max_pool).
pub fn max_pool(s: &PoolShape, x: &[f32], y: &mut [f32]) {
    pooling(s, x, y, |window, _| {
        window.iter().fold(f64::NEG_INFINITY, |m, v| {
            if m.is_nan() || v.is_nan() { f64::NAN } else { m.max(*v) }
        })
    });
}

/// Twin of [`avg_pool`](crate::avg_pool).
pub fn avg_pool(s: &PoolShape, x: &[f32], y: &mut [f32]) {
    pooling(s, x, y, |window, count| window.iter().sum::<f64>() / count as f64);
}

fn pooling(s: &PoolShape, x: &[f32], y: &mut [f32], f: impl Fn(&[f64], usize) -> f64) {
    let Some([od, oh, ow]) = s.output() else { panic!("no output for {s:?}") };
    let at = |a: usize, o: usize, k: usize| {
        (o * s.stride[a] + k * s.dilation[a]).checked_sub(s.pad[a][0]).filter(|i| *i < s.input[a])
    };
    let ([id, ih, iw], [kd, kh, kw]) = (s.input, s.kernel);
    for (i, y) in y.iter_mut().enumerate() {
        let (c, z, h, w) = (i / ow / oh / od, i / ow / oh % od, i / ow % oh, i % ow);
        let mut window = Vec::new();
        for t in 0..kd * kh * kw {
            if let (Some(z), Some(h), Some(w)) =
                (at(0, z, t / kw / kh), at(1, h, t / kw % kh), at(2, w, t % kw))
            {
                window.push(x[((c * id + z) * ih + h) * iw + w] as f64);
            }
        }
        *y = f(&window, divisor(s, 0, z) * divisor(s, 1, h) * divisor(s, 2, w)) as f32;
    }
}

/// Twin of [`global_avg_pool`](crate::global_avg_pool).
pub fn global_avg_pool(channels: usize, spatial: usize, x: &[f32], y: &mut [f32]) {
    for c in 0..channels {
        y[c] = (x[c * spatial..][..spatial].iter().map(|v| *v as f64).sum::<f64>() / spatial as f64)
            as f32;
    }
}

/// Twin of [`affine`](crate::affine).
pub fn affine(
    spatial: usize,
    scale: &[f32],
    shift: &[f32],
    act: Activation,
    x: &[f32],
    y: &mut [f32],
) {
    for (i, y) in y.iter_mut().enumerate() {
        let c = i / spatial;
        *y = activation(act, x[i] as f64 * scale[c] as f64 + shift[c] as f64) as f32;
    }
}

/// Twin of [`binary`](crate::binary).
pub fn binary(op: BinaryOp, x: &[f32], y: &[f32], out: &mut [f32]) {
    for (i, o) in out.iter_mut().enumerate() {
        *o = op.apply(x[i], if y.len() == 1 { y[0] } else { y[i] });
    }
}

/// Twin of [`norm_scale`](crate::norm_scale).
pub fn norm_scale(groups: usize, norm: &Norm, x: &[f32], scale: &mut [f32], shift: &mut [f32]) {
    let (channels, run) = (scale.len(), x.len() / groups.max(1));
    for c in 0..channels {
        let x = &x[c / (channels / groups) * run..][..run];
        let mean = x.iter().map(|v| *v as f64).sum::<f64>() / run as f64;
        let spread = x.iter().map(|v| (*v as f64 - mean).powi(2)).sum::<f64>() / run as f64;
        let factor = norm.weight.map_or(1.0, |w| w[c] as f64) / (spread + norm.eps as f64).sqrt();
        scale[c] = factor as f32;
        shift[c] = (norm.bias.map_or(0.0, |b| b[c] as f64) - mean * factor) as f32;
    }
}

/// Twin of [`group_norm`](crate::group_norm), and with as many groups as channels of [`instance_norm`](crate::instance_norm).
pub fn group_norm(
    groups: usize,
    channels: usize,
    spatial: usize,
    norm: &Norm,
    x: &[f32],
    y: &mut [f32],
) {
    let run = channels / groups * spatial;
    for (i, y) in y.iter_mut().enumerate() {
        *y = normalised(norm, &x[i / run * run..][..run], x[i], i / spatial);
    }
}

/// Twin of [`layer_norm`](crate::layer_norm).
pub fn layer_norm(cols: usize, norm: &Norm, x: &[f32], y: &mut [f32]) {
    for (i, y) in y.iter_mut().enumerate() {
        *y = normalised(norm, &x[i / cols * cols..][..cols], x[i], i % cols);
    }
}

/// Twin of [`channel_norm`](crate::channel_norm).
pub fn channel_norm(channels: usize, norm: &Norm, x: &[f32], y: &mut [f32]) {
    let spatial = x.len() / channels.max(1);
    for position in 0..spatial {
        let run: Vec<f32> = (0..channels).map(|c| x[c * spatial + position]).collect();
        for c in 0..channels {
            y[c * spatial + position] = normalised(norm, &run, run[c], c);
        }
    }
}

fn normalised(norm: &Norm, run: &[f32], x: f32, channel: usize) -> f32 {
    let n = run.len() as f64;
    let mean = run.iter().map(|v| *v as f64).sum::<f64>() / n;
    let variance = run.iter().map(|v| (*v as f64 - mean).powi(2)).sum::<f64>() / n;
    let v = (x as f64 - mean) / (variance + norm.eps as f64).sqrt();
    let v = v * norm.weight.map_or(1.0, |w| w[channel] as f64)
        + norm.bias.map_or(0.0, |b| b[channel] as f64);
    activation(norm.activation, v) as f32
}

/// Twin of [`softmax`](crate::softmax).
pub fn softmax(cols: usize, x: &[f32], y: &mut [f32]) {
    for (i, y) in y.iter_mut().enumerate() {
        let row = &x[i / cols * cols..][..cols];
        let top = row.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v as f64));
        let sum: f64 = row.iter().map(|v| (*v as f64 - top).exp()).sum();
        *y = ((x[i] as f64 - top).exp() / sum) as f32;
    }
}

/// Twin of [`resize_linear`](crate::resize_linear): the eight corners of the cell each output falls in, indices in `f32` as there.
pub fn resize_linear(
    channels: usize,
    from: [usize; 3],
    to: [usize; 3],
    align_corners: bool,
    x: &[f32],
    y: &mut [f32],
) {
    let at = |a: usize, i: usize| -> (usize, usize, f64) {
        let scale = match (align_corners, to[a]) {
            (true, 0 | 1) => 0.0,
            (true, to) => (from[a] as f32 - 1.0) / (to as f32 - 1.0),
            (false, to) => from[a] as f32 / to as f32,
        };
        let half = if align_corners { 0.0 } else { 0.5 };
        let source = (scale * (i as f32 + half) - half).max(0.0);
        let low = (source.floor() as usize).min(from[a] - 1);
        (low, (low + 1).min(from[a] - 1), (source - low as f32) as f64)
    };
    let volume = from.iter().product::<usize>();
    for i in 0..channels * to.iter().product::<usize>() {
        let c = i / to[2] / to[1] / to[0];
        let (z, h, w) =
            (at(0, i / to[2] / to[1] % to[0]), at(1, i / to[2] % to[1]), at(2, i % to[2]));
        let mut sum = 0.0;
        for (z, wz) in [(z.0, 1.0 - z.2), (z.1, z.2)] {
            for (h, wh) in [(h.0, 1.0 - h.2), (h.1, h.2)] {
                for (w, ww) in [(w.0, 1.0 - w.2), (w.1, w.2)] {
                    sum += wz * wh * ww * x[c * volume + (z * from[1] + h) * from[2] + w] as f64;
                }
            }
        }
        y[i] = sum as f32;
    }
}

/// Twin of [`resize_nearest`](crate::resize_nearest).
pub fn resize_nearest(channels: usize, from: [usize; 3], to: [usize; 3], x: &[f32], y: &mut [f32]) {
    let at = |a: usize, i: usize| {
        ((i as f32 * (from[a] as f32 / to[a] as f32)).floor() as usize).min(from[a] - 1)
    };
    for i in 0..channels * to.iter().product::<usize>() {
        let (c, z) = (i / to[2] / to[1] / to[0], at(0, i / to[2] / to[1] % to[0]));
        let (h, w) = (at(1, i / to[2] % to[1]), at(2, i % to[2]));
        y[i] = x[((c * from[0] + z) * from[1] + h) * from[2] + w];
    }
}
