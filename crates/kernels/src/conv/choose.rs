//! Which algorithm a convolution runs by: decided here and nowhere else, once, when its weights are packed.
//!
//! ```text
//! shape, instruction set ──▶ candidates ──▶ those the options allow ──▶ the cheapest
//!                            cost, bytes    exactness, memory
//! ```
//!
//! A cost is the time of one thread, counted in multiply-adds at the full speed of the register tile. Everything that is no such
//! multiply-add has a factor in [`COSTS`]. A new algorithm is a variant of [`Choice`], a row in [`candidates`] and its factors.

use super::shape::ConvShape;
use super::{dense, winograd};
use crate::Isa;
use crate::gemm::tile;

/// What the choice of an algorithm must respect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackOptions {
    /// Only sums of products as the definition writes them, term by term: no Winograd, whose rounding differs (relative rms about
    /// 2e-6 instead of 2e-7) and which carries a NaN to a tile's neighbours.
    pub exact: bool,
    /// Most bytes the packed weights may take; without it a limit of 96 MiB for what is larger than the weights themselves.
    /// The plain product, which takes no more than they do, is allowed in any case.
    pub limit_bytes: Option<usize>,
}

/// The algorithms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Implicit matrix product.
    Product,
    /// Sums of lines, for few channels a group.
    Direct,
    /// One output position.
    Dense,
    /// Minimal filtering with so many outputs a tile along each axis.
    Winograd([usize; 3]),
}

/// What one element costs beside the multiply-adds of the tile, in those.
struct Costs {
    /// Filling an element of a panel of positions (implicit product), for a kernel of one point and for others.
    fill: f64,
    gather: f64,
    /// Turning, transforming and storing an element of V; of M on the way back.
    forward: f64,
    backward: f64,
    /// Laying out an element of the input as lines, or one of the results in its place.
    line: f64,
    /// Reading a byte of weights from memory.
    weight: f64,
}

/// Estimated from times of `examples/layers` on a Zen 3 processor with AVX2, one thread, where a multiply-add at full speed takes 1/16 of a
/// cycle: 3×3 convolutions of DenseNet-121 and ResNet-50, 3×3×3 convolutions of U-Nets. A factor of two in any of them moves the choice
/// for few shapes only, and there the candidates take nearly the same time.
const COSTS: Costs =
    Costs { fill: 12.0, gather: 30.0, line: 6.0, forward: 10.0, backward: 10.0, weight: 1.5 };

/// Bytes of packed weights when the caller sets no limit.
const DEFAULT_LIMIT: usize = 96 << 20;

struct Candidate {
    choice: Choice,
    bytes: usize,
    cost: f64,
}

/// The algorithm for a shape with this output.
pub(super) fn choose(
    shape: &ConvShape,
    output: [usize; 3],
    isa: Isa,
    options: &PackOptions,
) -> Choice {
    let limit = options.limit_bytes.unwrap_or(DEFAULT_LIMIT);
    let allowed = |c: &Candidate| match c.choice {
        Choice::Product | Choice::Direct | Choice::Dense => true,
        Choice::Winograd(_) => !options.exact && c.bytes <= limit,
    };
    let allowed = candidates(shape, output, isa).into_iter().filter(allowed);
    let cheapest = allowed.min_by(|a, b| a.cost.total_cmp(&b.cost));
    cheapest.map_or(Choice::Product, |c| c.choice)
}

/// Everything that can compute this shape.
fn candidates(s: &ConvShape, output: [usize; 3], isa: Isa) -> Vec<Candidate> {
    if dense::Dense::suits(s, output) {
        return vec![Candidate { choice: Choice::Dense, bytes: s.weight_len() * 4, cost: 0.0 }];
    }
    let mut all = vec![product(s, output, isa)];
    all.extend(direct(s, output));
    all.extend(
        winograd::steps_for(s, output).into_iter().map(|step| filtered(s, output, isa, step)),
    );
    all
}

fn product(s: &ConvShape, output: [usize; 3], isa: Isa) -> Candidate {
    let (high, width) = tile::size(isa);
    let positions = output.iter().product::<usize>().next_multiple_of(width);
    let depth = s.in_channels / s.groups.max(1) * s.kernel.iter().product::<usize>();
    let outs = s.out_channels.next_multiple_of(high);
    let bytes = s.weight_len() * 4;
    let pointwise = s.kernel == [1; 3] && s.stride == [1; 3];
    let fill = if pointwise { COSTS.fill } else { COSTS.gather };
    let fills = (positions * depth * s.groups) as f64;
    let cost = fills * (outs / s.groups.max(1)) as f64 + fills * fill + bytes as f64 * COSTS.weight;
    Candidate { choice: Choice::Product, bytes, cost }
}

/// Where a band of a group's channels fits the nearer caches.
fn direct(s: &ConvShape, output: [usize; 3]) -> Option<Candidate> {
    let (ins, outs) = (s.in_channels / s.groups.max(1), s.out_channels / s.groups.max(1));
    let taps: usize = s.kernel.iter().product();
    if ins > 32 || taps == 1 && ins > 1 {
        return None;
    }
    // Positions between the rows are computed too.
    let row = output[2] + (s.kernel[2] - 1) * s.dilation[2] / s.stride[2];
    let positions = output[0] * output[1] * row;
    let loads = if outs < 4 { 1.6 } else { 1.25 };
    let sums = (positions * ins * taps * outs) as f64 * loads;
    let lines = (s.input.iter().product::<usize>() * ins) as f64 * COSTS.line;
    let kept = (positions * outs) as f64 * COSTS.line;
    let cost = s.groups as f64 * (sums + lines + kept);
    Some(Candidate { choice: Choice::Direct, bytes: s.weight_len() * 4, cost })
}

fn filtered(s: &ConvShape, output: [usize; 3], isa: Isa, step: [usize; 3]) -> Candidate {
    let (high, _) = tile::size(isa);
    let points: usize = step.map(winograd::side).iter().product();
    let tiles: usize = [0, 1, 2].map(|a| output[a].div_ceil(step[a])).iter().product();
    // A last panel is as wide as its vectors.
    let outs = s.out_channels.next_multiple_of(winograd::lanes(isa));
    let bytes = winograd::bytes(s, isa, step);
    let channels = COSTS.forward * s.in_channels as f64 + COSTS.backward * outs as f64;
    let cost = (points * tiles.next_multiple_of(high)) as f64 * (s.in_channels * outs) as f64
        + (points * tiles) as f64 * channels
        + bytes as f64 * COSTS.weight;
    Candidate { choice: Choice::Winograd(step), bytes, cost }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(channels: usize, size: usize) -> ConvShape {
        let pad = [[0, 0], [1, 1], [1, 1]];
        ConvShape { pad, ..ConvShape::new(channels, channels, [1, size, size], [1, 3, 3]) }
    }

    fn choice(s: &ConvShape, options: PackOptions) -> Choice {
        let Some(output) = s.output() else { panic!("no output") };
        choose(s, output, Isa::Portable, &options)
    }

    #[test]
    fn exact_convolutions_are_sums_of_products() {
        assert!(matches!(choice(&flat(64, 56), PackOptions::default()), Choice::Winograd(_)));
        let exact = PackOptions { exact: true, ..PackOptions::default() };
        assert_eq!(choice(&flat(64, 56), exact), Choice::Product);
    }

    #[test]
    fn weights_beyond_the_limit_are_not_transformed() {
        let options = |bytes| PackOptions { limit_bytes: Some(bytes), ..PackOptions::default() };
        let need = 36 * 64 * 64 * 4;
        assert!(matches!(choice(&flat(64, 56), options(need)), Choice::Winograd(_)));
        assert_eq!(choice(&flat(64, 56), options(need - 1)), Choice::Product);
        assert_eq!(choice(&flat(64, 56), options(0)), Choice::Product);
    }
}
