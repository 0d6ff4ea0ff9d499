//! Attention inside the windows of a volume, as in Swin transformers: every window by itself, the volume rolled so that the windows
//! of every second layer lie across those before.
//!
//! ```text
//!  qkv [3·C][D][H][W] ──roll, pad, cut──▶ window [3·C][n] ──attention by head──▶ [heads][n][C/heads] ──back──▶ [C][D][H][W]
//! ```
//! A volume that the windows do not divide is padded at its ends; padded places take part as keys, with given values. Where the
//! roll brings places together that are not neighbours, their scores are lowered by 100.
//!
//! Source: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", 2021; MONAI
//! `monai/networks/nets/swin_unetr.py` (`window_partition`, `compute_mask`, `SwinTransformerBlock.forward_part1`).

use crate::shared::check;
use crate::{AttentionShape, Matrices, Pool, ScoreBias, attention};

/// What is taken from the score of places that the roll brought together.
const APART: f32 = -100.0;
/// No place of the volume: padding.
const NOWHERE: usize = usize::MAX;

/// The extents of an attention in windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowShape {
    /// Channels of the result; queries, keys and values have as many each.
    pub channels: usize,
    /// Heads; they divide the channels.
    pub heads: usize,
    /// The volume: depth, height, width.
    pub size: [usize; 3],
    /// A window.
    pub window: [usize; 3],
    /// How far the volume is rolled; below the window.
    pub shift: [usize; 3],
}

impl WindowShape {
    /// Places of a window.
    pub fn tokens(&self) -> usize {
        self.window.iter().product()
    }

    /// Elements of the result.
    pub fn output_len(&self) -> usize {
        self.channels * self.size.iter().product::<usize>()
    }

    /// Elements of scratch.
    pub fn workspace(&self) -> usize {
        let n = self.tokens();
        let masked = if self.shift == [0; 3] { 0 } else { self.heads * n * n };
        4 * self.channels * n + masked
    }

    /// Windows along each axis.
    pub(crate) fn windows(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.size[axis].div_ceil(self.window[axis]))
    }

    /// By axis: the place in the volume of a place of the rolled, padded one, `None` beyond its end; and which of the parts that
    /// are kept apart it belongs to.
    pub(crate) fn place(&self, axis: usize, rolled: usize) -> (Option<usize>, usize) {
        let padded = self.windows()[axis] * self.window[axis];
        let at = (rolled + self.shift[axis]) % padded;
        let part = match self.shift[axis] {
            0 => 0,
            shift => {
                usize::from(rolled >= padded - self.window[axis])
                    + usize::from(rolled >= padded - shift)
            }
        };
        ((at < self.size[axis]).then_some(at), part)
    }

    #[track_caller]
    fn check(&self) {
        let fits = (0..3).all(|axis| self.shift[axis] < self.window[axis]);
        let heads = self.heads > 0 && self.channels.is_multiple_of(self.heads);
        assert!(fits && heads, "no windows: {self:?}");
    }
}

/// `out[C][D][H][W]` from `qkv[3·C][D][H][W]`; `pad` `[3·C]` stands where the volume is padded, `bias` `[heads][n][n]` is added to
/// every window's scores. Panics unless all slices hold what the shape asks for, shifts are below the window, and heads divide the
/// channels.
pub fn window_attention(
    pool: &Pool,
    s: &WindowShape,
    qkv: &[f32],
    [pad, bias]: [&[f32]; 2],
    work: &mut [f32],
    out: &mut [f32],
) {
    s.check();
    let (n, c) = (s.tokens(), s.channels);
    check("the result of an attention in windows", out.len(), s.output_len());
    check("qkv of an attention in windows", qkv.len(), 3 * s.output_len());
    check("the padding of an attention in windows", pad.len(), 3 * c);
    check("the bias of an attention in windows", bias.len(), s.heads * n * n);
    check("the scratch of an attention in windows", work.len(), s.workspace());
    if out.is_empty() {
        return;
    }
    let (gathered, rest) = work.split_at_mut(3 * c * n);
    let (found, masked) = rest.split_at_mut(c * n);
    let depth = c / s.heads;
    let starts = |first: usize, step: usize| -> Vec<usize> {
        (0..s.heads).map(|head| first + head * step).collect()
    };
    let of_heads = [0, 1, 2].map(|part| starts(part * c * n, depth * n));
    let of_bias = starts(0, n * n);
    let attentions =
        AttentionShape { count: s.heads, queries: n, keys: n, depth, values: depth, beside: 1 };
    let spatial: usize = s.size.iter().product();
    let [windows_z, windows_y, windows_x] = s.windows();
    let (mut places, mut parts) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for window in 0..windows_z * windows_y * windows_x {
        let at =
            [window / (windows_y * windows_x), window / windows_x % windows_y, window % windows_x];
        lay_out(s, at, &mut places, &mut parts);
        for (channel, line) in gathered.chunks_exact_mut(n).enumerate() {
            let image = &qkv[channel * spatial..][..spatial];
            for (value, &place) in line.iter_mut().zip(&places) {
                *value = if place == NOWHERE { pad[channel] } else { image[place] };
            }
        }
        let divided = parts.iter().any(|part| *part != parts[0]);
        if divided {
            for (row, line) in masked.chunks_exact_mut(n).enumerate() {
                let own = parts[row % n];
                for ((to, from), part) in line.iter_mut().zip(&bias[row * n..]).zip(&parts) {
                    *to = from + if *part == own { 0.0 } else { APART };
                }
            }
        }
        let scores = ScoreBias {
            data: if divided { masked } else { bias },
            starts: &of_bias,
            row: n,
            inner: n,
            outer_step: 0,
            inner_step: 1,
        };
        let data = &*gathered;
        let matrices =
            of_heads.each_ref().map(|starts| Matrices { data, starts, row: 1, column: n });
        let scale = 1.0 / (depth as f32).sqrt();
        attention(pool, &attentions, scale, matrices, &[scores], found);
        for (number, values) in found.chunks_exact(depth).enumerate() {
            let (head, place) = (number / n, places[number % n]);
            if place != NOWHERE {
                for (column, value) in values.iter().enumerate() {
                    out[(head * depth + column) * spatial + place] = *value;
                }
            }
        }
    }
}

/// Where the places of a window lie in the volume, and the part of each.
fn lay_out(s: &WindowShape, at: [usize; 3], places: &mut Vec<usize>, parts: &mut Vec<usize>) {
    places.clear();
    parts.clear();
    for z in 0..s.window[0] {
        let (z, part_z) = s.place(0, at[0] * s.window[0] + z);
        for y in 0..s.window[1] {
            let (y, part_y) = s.place(1, at[1] * s.window[1] + y);
            for x in 0..s.window[2] {
                let (x, part_x) = s.place(2, at[2] * s.window[2] + x);
                places.push(match (z, y, x) {
                    (Some(z), Some(y), Some(x)) => (z * s.size[1] + y) * s.size[2] + x,
                    _ => NOWHERE,
                });
                parts.push((part_z * 3 + part_y) * 3 + part_x);
            }
        }
    }
}
