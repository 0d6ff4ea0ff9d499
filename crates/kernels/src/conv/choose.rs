//! Which algorithm a convolution runs by: decided here and nowhere else, once, when its weights are packed.
//!
//! ```text
//! shape, instruction set ──▶ candidates ──▶ those the options allow ──▶ the cheapest
//!                            cost, bytes    exactness, memory
//! ```
//!
//! A cost is the time of one thread, counted in multiply-adds at the full speed of the register tile. Everything that is no such
//! multiply-add has an entry in [`ConvCosts`], which `tune.rs` can measure on the machine at hand. A new algorithm is a variant of
//! [`Choice`], a row in [`candidates`] and its entries.

use super::shape::ConvShape;
use super::{dense, digits, sliding, winograd};
use crate::Isa;
use crate::digits::{SIDE, STEP, blocks};
use crate::gemm::tile;
use std::sync::{PoisonError, RwLock};

/// What the choice of an algorithm must respect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackOptions {
    /// Only sums of products as the definition writes them, term by term: no Winograd, whose rounding differs (relative rms 1e-6 to
    /// 4e-6 instead of 3e-7) and which carries a NaN to a tile's neighbours; no digits (1.5e-7, but in relation to the lengths of what is multiplied).
    pub exact: bool,
    /// Most bytes the packed weights may take; without it a limit of 96 MiB for what is larger than the weights themselves.
    /// The plain product, which takes no more than they do, is allowed in any case.
    pub limit_bytes: Option<usize>,
    /// A prologue will be given ([`crate::ConvArgs::prologue`]): what lives by reading the input as it lies is not chosen then.
    pub prologue: bool,
}

/// The algorithms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Implicit matrix product.
    Product,
    /// The same on tiles of digits.
    Digits,
    /// The same where a picture is split once and its taps slide over the digits.
    Sliding,
    /// Sums of lines, for few channels a group.
    Direct,
    /// One output position.
    Dense,
    /// Minimal filtering; the kind of each axis (`winograd/points.rs`).
    Winograd([usize; 3]),
    /// The same, its products on tiles of digits.
    WinogradDigits([usize; 3]),
}

/// What one element costs beside the multiply-adds of the tile, in those: the table of the choice. Each is at least zero and finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvCosts {
    /// Filling an element of a panel of positions (implicit product) where the kernel is one point.
    pub fill: f64,
    /// The same for larger kernels.
    pub gather: f64,
    /// Turning, transforming and storing an element of V (Winograd).
    pub forward: f64,
    /// The same for an element of M, on the way back.
    pub backward: f64,
    /// Laying out an element of the input as lines, or writing a result (sums of lines, products).
    pub line: f64,
    /// Reading a byte of weights from memory.
    pub weight: f64,
    /// A multiply-add of sums of lines.
    pub direct: f64,
    /// A multiply-add of tiles of digits.
    pub tile: f64,
    /// Filling an element of a panel of positions, or fetching one of V (Winograd), and splitting it in digits.
    pub split: f64,
}

/// Entries of the table.
pub(super) const ENTRIES: usize = 9;

impl ConvCosts {
    /// Names of the entries, in the order of [`ConvCosts::to_array`].
    pub const NAMES: [&'static str; ENTRIES] =
        ["fill", "gather", "forward", "backward", "line", "weight", "direct", "tile", "split"];

    /// The entries in the order of [`ConvCosts::NAMES`].
    pub fn to_array(self) -> [f64; ENTRIES] {
        let ConvCosts { fill, gather, forward, backward, line, weight, direct, tile, split } = self;
        [fill, gather, forward, backward, line, weight, direct, tile, split]
    }

    /// The table of these entries; `None` unless each is finite and not below zero.
    pub fn from_array(entries: [f64; ENTRIES]) -> Option<ConvCosts> {
        let [fill, gather, forward, backward, line, weight, direct, tile, split] = entries;
        let fit = entries.iter().all(|v| v.is_finite() && *v >= 0.0);
        fit.then_some(ConvCosts {
            fill,
            gather,
            forward,
            backward,
            line,
            weight,
            direct,
            tile,
            split,
        })
    }
}

/// Measured by `tune` (`conv/tune.rs`) on a Zen 4 processor, one thread, rounded, AVX2 and AVX-512 together. A factor of two in any of
/// them moves the choice for few shapes only, and there the candidates take nearly the same time. Weights were then read from near, for 0.75;
/// what they cost when a network's other weights were read between is measured on an Emerald Rapids, in its own multiply-adds. So are tiles of
/// digits, dearer than they are at their best (0.3): shared machines hold them up at times. Splitting is of a Granite Rapids: with
/// 20, 30 and 40 U-Nets take less time than with 60; narrow pointwise layers then stay sums of products only with the last.
const COSTS: ConvCosts = ConvCosts {
    fill: 15.0,
    gather: 21.0,
    forward: 16.0,
    backward: 14.5,
    line: 10.5,
    weight: 3.0,
    direct: 1.06,
    tile: 0.5,
    split: 40.0,
};

impl Default for ConvCosts {
    /// The built-in table.
    fn default() -> ConvCosts {
        COSTS
    }
}

static IN_USE: RwLock<ConvCosts> = RwLock::new(COSTS);

/// The table that choices are made by.
pub fn conv_costs() -> ConvCosts {
    *IN_USE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Makes choices by this table from now on; what is packed stays as it is. The same table gives the same choices everywhere.
pub fn set_conv_costs(costs: ConvCosts) {
    *IN_USE.write().unwrap_or_else(PoisonError::into_inner) = costs;
}

/// Bytes of packed weights when the caller sets no limit.
const DEFAULT_LIMIT: usize = 96 << 20;

/// One way to compute a shape.
pub(super) struct Candidate {
    pub choice: Choice,
    /// Of packed weights.
    pub bytes: usize,
    /// Multiply-adds of the register tile.
    pub products: f64,
    /// How often each entry of the table counts.
    pub counts: [f64; ENTRIES],
    /// Bytes of packed weights that memory is charged for.
    pub charged: usize,
}

/// What a byte of transformed weights beyond [`FREE`] times the weights is worth, in multiply-adds, on volumes and with stride two. Not measured:
/// deep layers of few positions and many channels otherwise take eight times their weights for a few thousandths of a network's time.
/// nnU-Net's ResEnc-M at 128³ packs 1.7 GB by this instead of 2.4, for 1.6 % more work. With stride two weights grow
/// ninefold on pictures, 27-fold in space; others of pictures fourfold at most.
const CHARGE: f64 = 10.0;
/// Transformed weights may take as many times the weights for nothing.
const FREE: usize = 4;

impl Candidate {
    fn new(choice: Choice, bytes: usize, products: f64, counts: ConvCosts) -> Candidate {
        Candidate { choice, bytes, products, counts: counts.to_array(), charged: 0 }
    }

    /// The time, and what its memory is worth.
    fn price(&self, costs: &ConvCosts) -> f64 {
        self.cost(costs) + CHARGE * self.charged as f64
    }

    pub fn cost(&self, costs: &ConvCosts) -> f64 {
        let terms = self.counts.iter().zip(costs.to_array()).map(|(n, cost)| n * cost);
        self.products + terms.sum::<f64>()
    }
}

/// Nothing counted.
const NOTHING: ConvCosts = ConvCosts {
    fill: 0.0,
    gather: 0.0,
    forward: 0.0,
    backward: 0.0,
    line: 0.0,
    weight: 0.0,
    direct: 0.0,
    tile: 0.0,
    split: 0.0,
};

/// The algorithm for a shape with this output.
pub(super) fn choose(
    shape: &ConvShape,
    output: [usize; 3],
    isa: Isa,
    options: &PackOptions,
) -> Choice {
    choose_by(&conv_costs(), shape, output, isa, options)
}

/// The algorithm by a given table.
pub(super) fn choose_by(
    costs: &ConvCosts,
    shape: &ConvShape,
    output: [usize; 3],
    isa: Isa,
    options: &PackOptions,
) -> Choice {
    let limit = options.limit_bytes.unwrap_or(DEFAULT_LIMIT);
    let allowed = |c: &Candidate| match c.choice {
        Choice::Product | Choice::Direct | Choice::Dense => true,
        Choice::Winograd(_) | Choice::WinogradDigits(_) => !options.exact && c.bytes <= limit,
        Choice::Digits => !options.exact && c.bytes <= limit.max(shape.weight_len() * 4),
        Choice::Sliding => {
            let plain = !options.exact && !options.prologue;
            plain && c.bytes <= limit.max(shape.weight_len() * 4)
        }
    };
    let allowed = candidates(shape, output, isa).into_iter().filter(allowed);
    let cheapest = allowed.min_by(|a, b| a.price(costs).total_cmp(&b.price(costs)));
    cheapest.map_or(Choice::Product, |c| c.choice)
}

/// Everything that can compute this shape.
pub(super) fn candidates(s: &ConvShape, output: [usize; 3], isa: Isa) -> Vec<Candidate> {
    if dense::Dense::suits(s, output) {
        return vec![Candidate::new(Choice::Dense, s.weight_len() * 4, 0.0, NOTHING)];
    }
    let mut all = vec![product(s, output, isa.vectors())];
    if isa == Isa::Amx && digits::Digits::suits(s) {
        all.push(by_digits(s, output));
    }
    if isa == Isa::Amx && sliding::Sliding::suits(s) {
        all.push(slid(s, output));
    }
    let (tiles, isa) = (isa == Isa::Amx, isa.vectors());
    all.extend(direct(s, output));
    let steps = winograd::steps_for(s, output);
    for step in steps {
        let filtered = filtered(s, output, isa, step);
        let digits = tiles && winograd::suits_digits(step);
        all.extend(digits.then(|| filtered_by_digits(s, output, step, &filtered)));
        all.push(filtered);
    }
    all
}

fn product(s: &ConvShape, output: [usize; 3], isa: Isa) -> Candidate {
    let (high, width) = tile::size(isa);
    let positions = output.iter().product::<usize>().next_multiple_of(width);
    let depth = s.in_channels / s.groups.max(1) * s.kernel.iter().product::<usize>();
    let outs = s.out_channels.next_multiple_of(high);
    let bytes = s.weight_len() * 4;
    let pointwise = s.kernel == [1; 3] && s.stride == [1; 3];
    let fills = (positions * depth * s.groups) as f64;
    let (fill, gather) = if pointwise { (fills, 0.0) } else { (0.0, fills) };
    // Each result is written, as a line's is: of a first layer's one channel little else counts.
    let line = (positions * s.out_channels) as f64;
    let counts = ConvCosts { fill, gather, line, weight: bytes as f64, ..NOTHING };
    let products = fills * (outs / s.groups.max(1)) as f64;
    Candidate::new(Choice::Product, bytes, products, counts)
}

fn by_digits(s: &ConvShape, output: [usize; 3]) -> Candidate {
    let positions = output.iter().product::<usize>().next_multiple_of(SIDE);
    let depth = s.in_channels * s.kernel.iter().product::<usize>();
    let (blocks, _) = blocks(depth);
    let bytes = digits::Digits::bytes_of(s);
    let (deep, outs) = (depth.next_multiple_of(STEP), s.out_channels.next_multiple_of(SIDE));
    let counts = ConvCosts {
        split: (positions * depth) as f64,
        tile: (positions * deep) as f64 * outs as f64,
        // Sums are brought to floats once a block.
        line: (positions * s.out_channels * blocks) as f64,
        weight: bytes as f64,
        ..NOTHING
    };
    Candidate::new(Choice::Digits, bytes, 0.0, counts)
}

/// Of the entries `split` and `tile`: splitting where elements are read as they lie, and products beside which nothing is filled or split. Measured
/// on a Granite Rapids: 128 to 32 channels at 28² take 0.6 of what filtering takes, at 14² 0.45, at 56² as much.
const SLID: [f64; 2] = [0.25, 0.45];

/// Every element of the picture is split once; sums are brought to floats once a tap and block. Positions between the rows are computed too.
fn slid(s: &ConvShape, output: [usize; 3]) -> Candidate {
    let taps: usize = s.kernel.iter().product();
    let [phases, grid, positions] = sliding::sizes(s, output);
    let (blocks, _) = blocks(s.in_channels);
    // Panels are filled for each phase otherwise.
    let split = if s.stride == [1; 3] { SLID[0] } else { 1.0 };
    let bytes = sliding::Sliding::bytes_of(s);
    let (deep, outs) =
        (s.in_channels.next_multiple_of(STEP), s.out_channels.next_multiple_of(SIDE));
    let counts = ConvCosts {
        split: split * (phases * grid * s.in_channels) as f64,
        tile: SLID[1] * (positions * deep * taps) as f64 * outs as f64,
        line: (positions * outs * taps * blocks) as f64,
        weight: bytes as f64,
        ..NOTHING
    };
    Candidate::new(Choice::Sliding, bytes, 0.0, counts)
}

/// Where a band of a group's channels fits the nearer caches.
fn direct(s: &ConvShape, output: [usize; 3]) -> Option<Candidate> {
    let (ins, outs) = (s.in_channels / s.groups.max(1), s.out_channels / s.groups.max(1));
    let taps: usize = s.kernel.iter().product();
    if ins == 0 || ins > 32 || taps == 1 && ins > 1 {
        return None;
    }
    // Positions between the rows are computed too.
    let row = output[2] + (s.kernel[2] - 1) * s.dilation[2] / s.stride[2];
    let positions = output[0] * output[1] * row;
    // With few outs each number read serves fewer sums, as it does in every second line of a volume.
    let skips = s.kernel[0] > 1 && s.stride[0] > 1;
    // The columns of strides above two are laid out one by one: patches of 16 and of 4 pixels took 1.3 and 1.4 times what products take (Zen 5),
    // windows that overlap, which read each several times, 0.85 to 0.9.
    let patches = s.stride[2] > 2 && s.kernel[2] <= s.stride[2];
    let apart = if patches { 1.5 } else { 1.0 };
    let loads = (if outs < 4 { 1.25 } else { 1.0 }) * (if skips { 1.3 } else { 1.0 }) * apart;
    let groups = s.groups as f64;
    let sums = groups * (positions * ins * taps * outs) as f64 * loads;
    let lines = (s.input.iter().product::<usize>() * ins + positions * outs) as f64;
    let counts = ConvCosts { line: groups * lines, direct: sums, ..NOTHING };
    Some(Candidate::new(Choice::Direct, s.weight_len() * 4, 0.0, counts))
}

fn filtered(s: &ConvShape, output: [usize; 3], isa: Isa, step: [usize; 3]) -> Candidate {
    let (high, _) = tile::size(isa);
    let points: usize = step.map(winograd::side).iter().product();
    let tiles = [0, 1, 2].map(|a| output[a].div_ceil(winograd::outs(step[a])));
    let tiles: usize = tiles.iter().product();
    // Points, each as often as phases count there.
    let terms: usize = step.map(winograd::terms).iter().product();
    // A last panel is as wide as its vectors.
    let outs = s.out_channels.next_multiple_of(isa.lanes());
    let bytes = winograd::bytes(s, isa, step);
    let counts = ConvCosts {
        forward: (terms * tiles * s.in_channels) as f64,
        backward: (points * tiles * outs) as f64,
        weight: bytes as f64,
        ..NOTHING
    };
    let products = (terms * tiles.next_multiple_of(high)) as f64 * (s.in_channels * outs) as f64;
    let charged = match s.kernel[0] > 1 || s.stride[2] > 1 {
        true => bytes.saturating_sub(FREE * s.weight_len() * 4),
        false => 0,
    };
    Candidate { charged, ..Candidate::new(Choice::Winograd(step), bytes, products, counts) }
}

/// The same on tiles of digits: numbers of V are split, and sums brought to floats once a block.
fn filtered_by_digits(
    s: &ConvShape,
    output: [usize; 3],
    step: [usize; 3],
    filtered: &Candidate,
) -> Candidate {
    let tiles = [0, 1, 2].map(|a| output[a].div_ceil(winograd::outs(step[a])));
    let tiles = tiles.iter().product::<usize>().next_multiple_of(SIDE);
    let (points, terms): (usize, usize) =
        (step.map(winograd::side).iter().product(), step.map(winograd::terms).iter().product());
    let (deep, outs) =
        (s.in_channels.next_multiple_of(STEP), s.out_channels.next_multiple_of(SIDE));
    let bytes = winograd::bytes_of_digits(filtered.bytes, s.in_channels);
    let [fill, gather, forward, backward, ..] = filtered.counts;
    let counts = ConvCosts {
        fill,
        gather,
        forward,
        backward,
        tile: (terms * tiles * deep) as f64 * outs as f64,
        split: (terms * tiles * s.in_channels) as f64,
        line: (points * tiles * outs * blocks(s.in_channels).0) as f64,
        weight: bytes as f64,
        ..NOTHING
    };
    let charged = filtered.charged * bytes / filtered.bytes.max(1);
    Candidate { charged, ..Candidate::new(Choice::WinogradDigits(step), bytes, 0.0, counts) }
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
    fn many_channels_are_filtered_on_tiles_where_there_are_some() {
        let exact = PackOptions { exact: true, ..PackOptions::default() };
        for (channels, size) in [(256, 64), (512, 32), (256, 28)] {
            let s = flat(channels, size);
            let by = |isa, options: &PackOptions| choose(&s, s.output().unwrap(), isa, options);
            let tiles = by(Isa::Amx, &PackOptions::default());
            assert!(matches!(tiles, Choice::WinogradDigits(_)), "{s:?}: {tiles:?}");
            assert!(matches!(by(Isa::Avx512, &PackOptions::default()), Choice::Winograd(_)));
            assert_eq!(by(Isa::Amx, &exact), Choice::Product);
        }
        // Where filtering's transforms serve few out channels, the picture's own digits.
        let narrow = ConvShape { out_channels: 32, ..flat(128, 28) };
        let by = |isa, options| choose(&narrow, narrow.output().unwrap(), isa, &options);
        assert_eq!(by(Isa::Amx, PackOptions::default()), Choice::Sliding);
        let loaded = PackOptions { prologue: true, ..PackOptions::default() };
        assert!(matches!(by(Isa::Amx, loaded), Choice::Winograd(_)));
        assert!(matches!(by(Isa::Avx512, PackOptions::default()), Choice::Winograd(_)));
        assert_eq!(by(Isa::Amx, exact), Choice::Product);
        let few = flat(64, 56);
        let choice = choose(&few, few.output().unwrap(), Isa::Amx, &PackOptions::default());
        assert!(matches!(choice, Choice::Winograd(_)), "{choice:?}");
    }

    #[test]
    fn patches_are_products_and_windows_that_overlap_are_not() {
        let cases = [
            (16, 16, 768, Choice::Product),
            (4, 4, 96, Choice::Product),
            (11, 4, 96, Choice::Direct),
            (7, 2, 64, Choice::Direct),
        ];
        for (kernel, stride, outs, wanted) in cases {
            let new = ConvShape::new(3, outs, [1, 224, 224], [1, kernel, kernel]);
            let s = ConvShape { stride: [1, stride, stride], ..new };
            for isa in Isa::all_vectors() {
                let choice = choose(&s, s.output().unwrap(), isa, &PackOptions::default());
                assert_eq!(choice, wanted, "{isa:?} {kernel} {stride}");
            }
        }
    }

    #[test]
    fn weights_beyond_the_limit_are_not_transformed() {
        let options = |bytes| PackOptions { limit_bytes: Some(bytes), ..PackOptions::default() };
        let need = 36 * 64 * 64 * 4;
        assert!(matches!(choice(&flat(64, 56), options(need)), Choice::Winograd(_)));
        // Smaller tiles need less.
        assert_eq!(choice(&flat(64, 56), options(need - 1)), Choice::Winograd([1, 2, 2]));
        let least = 16 * 64 * 64 * 4;
        assert_eq!(choice(&flat(64, 56), options(least - 1)), Choice::Product);
        assert_eq!(choice(&flat(64, 56), options(0)), Choice::Product);
    }

    #[test]
    fn tiles_of_six_rows_are_for_pictures_and_for_volumes_of_few_channels() {
        let cube = |channels: usize| ConvShape {
            pad: [[1; 2]; 3],
            ..ConvShape::new(channels, channels, [48; 3], [3; 3])
        };
        let wanted = [
            (flat(256, 96), [1, 6, 4]),
            // Four tiles of four rows are sixteen rows, three of six eighteen.
            (flat(256, 16), [1, 4, 4]),
            (cube(64), [4, 6, 4]),
            (cube(128), [4; 3]),
        ];
        for (s, step) in wanted {
            for isa in Isa::all_vectors() {
                let choice = choose(&s, s.output().unwrap(), isa, &PackOptions::default());
                assert_eq!(choice, Choice::Winograd(step), "{isa:?} {s:?}");
            }
        }
    }

    #[test]
    fn few_positions_of_stride_two_do_not_take_nine_times_their_weights() {
        let half = |channels, size| ConvShape { stride: [1, 2, 2], ..flat(channels, size) };
        for isa in Isa::all_vectors() {
            let choose =
                |s: &ConvShape| choose(s, s.output().unwrap(), isa, &PackOptions::default());
            assert!(matches!(choose(&half(128, 128)), Choice::Winograd(_)), "{isa:?}");
            assert_eq!(choose(&half(512, 32)), Choice::Product, "{isa:?}");
        }
    }

    #[test]
    fn deep_layers_of_volumes_do_not_take_eight_times_their_weights() {
        let cube = |channels: usize, size: usize| ConvShape {
            pad: [[1; 2]; 3],
            ..ConvShape::new(channels, channels, [size; 3], [3; 3])
        };
        for isa in Isa::all_vectors() {
            let choose = |s: &ConvShape| choose(s, s.input, isa, &PackOptions::default());
            assert!(matches!(choose(&cube(320, 8)), Choice::Winograd([2, ..])), "{isa:?}");
            assert_eq!(choose(&cube(32, 128)), Choice::Winograd([4, 6, 4]), "{isa:?}");
            assert_eq!(choose(&cube(64, 64)), Choice::Winograd([4, 6, 4]), "{isa:?}");
        }
    }
}
