//! The one table of shapes: the tests run all of it on every instruction set, the benchmark times its second half.

use crate::{Activation, ConvShape, ConvTransposeShape};

/// Every activation, with parameters that are not the usual ones.
pub const ACTIVATIONS: [Activation; 14] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu(0.01),
    Activation::Elu(1.3),
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::HardSigmoid,
    Activation::HardSwish,
    Activation::Softplus,
    Activation::Mish,
    Activation::Clamp(-1.0, 2.0),
];

/// Awkward convolutions: ones, primes, tails, strides, dilation, uneven padding, groups, one to three dimensions.
pub fn conv_cases() -> Vec<ConvShape> {
    let flat = |i, o, [h, w]: [usize; 2], [kh, kw]: [usize; 2]| {
        ConvShape::new(i, o, [1, h, w], [1, kh, kw])
    };
    let pad = |p: usize| [[0, 0], [p, p], [p, p]];
    let cube = |i, o, n, pad| ConvShape { pad, ..ConvShape::new(i, o, n, [3; 3]) };
    let mut cases = vec![
        flat(1, 1, [1, 1], [1, 1]),
        flat(0, 3, [4, 5], [1, 1]),
        flat(3, 0, [4, 5], [1, 1]),
        flat(5, 7, [11, 13], [1, 1]),
        flat(17, 33, [7, 7], [1, 1]),
        flat(300, 19, [5, 10], [1, 1]),
        ConvShape { stride: [1, 2, 2], ..flat(9, 10, [13, 14], [1, 1]) },
        ConvShape { pad: pad(1), ..flat(3, 8, [6, 6], [1, 1]) },
        ConvShape { pad: pad(1), ..flat(4, 6, [7, 9], [3, 3]) },
        ConvShape { pad: pad(1), ..flat(31, 37, [14, 14], [3, 3]) },
        ConvShape { pad: pad(1), ..flat(70, 9, [3, 50], [3, 3]) },
        ConvShape { pad: pad(1), stride: [1, 2, 2], ..flat(6, 16, [15, 17], [3, 3]) },
        ConvShape { pad: pad(1), stride: [1, 3, 2], ..flat(2, 5, [10, 50], [3, 3]) },
        ConvShape { pad: pad(3), stride: [1, 2, 2], ..flat(1, 64, [30, 31], [7, 7]) },
        ConvShape { pad: pad(3), stride: [1, 2, 2], ..flat(3, 12, [32, 32], [7, 7]) },
        ConvShape { pad: pad(2), dilation: [1, 2, 2], ..flat(8, 8, [9, 9], [3, 3]) },
        ConvShape { pad: pad(12), dilation: [1, 12, 12], ..flat(5, 9, [8, 20], [3, 3]) },
        ConvShape { pad: [[0, 0], [0, 3], [2, 1]], ..flat(3, 4, [5, 6], [2, 4]) },
        ConvShape { pad: [[0, 0], [9, 0], [0, 9]], ..flat(2, 3, [4, 4], [3, 3]) },
        ConvShape { pad: pad(2), ..flat(2, 2, [1, 1], [5, 5]) },
        ConvShape { pad: pad(1), ..flat(2, 2, [0, 3], [2, 2]) },
        ConvShape { groups: 4, pad: pad(1), ..flat(8, 12, [9, 8], [3, 3]) },
        ConvShape { groups: 2, ..flat(10, 26, [6, 6], [1, 1]) },
        ConvShape { groups: 7, pad: pad(1), ..flat(7, 7, [12, 19], [3, 3]) },
        ConvShape { groups: 5, pad: pad(2), stride: [1, 2, 2], ..flat(5, 10, [12, 19], [5, 5]) },
        ConvShape { groups: 3, pad: pad(2), dilation: [1, 2, 1], ..flat(3, 3, [8, 7], [3, 3]) },
        ConvShape { pad: [[0, 0], [0, 0], [2, 2]], ..flat(6, 11, [1, 101], [1, 5]) },
        ConvShape { stride: [1, 1, 4], ..flat(1, 3, [1, 97], [1, 10]) },
        ConvShape { pad: [[1, 1]; 3], ..ConvShape::new(3, 5, [4, 5, 6], [3, 3, 3]) },
        ConvShape {
            pad: [[1, 1]; 3],
            stride: [2; 3],
            ..ConvShape::new(4, 9, [7, 8, 9], [3, 3, 3])
        },
        ConvShape {
            pad: [[1, 0], [0, 2], [1, 1]],
            dilation: [2, 1, 3],
            ..ConvShape::new(2, 3, [7, 5, 9], [2, 3, 3])
        },
        ConvShape { stride: [2; 3], ..ConvShape::new(5, 8, [4, 6, 8], [2, 2, 2]) },
        ConvShape { groups: 4, pad: [[1, 1]; 3], ..ConvShape::new(4, 4, [4, 5, 6], [3, 3, 3]) },
        ConvShape::new(3, 4, [5, 1, 1], [3, 1, 1]),
        // Grouped: blocks of four out channels and fewer, three vectors and fewer, strides, dilation, several bands.
        ConvShape { groups: 8, pad: pad(1), ..flat(32, 32, [14, 14], [3, 3]) },
        ConvShape { groups: 3, pad: pad(1), ..flat(12, 21, [9, 31], [3, 3]) },
        ConvShape { groups: 2, pad: pad(1), stride: [1, 2, 2], ..flat(10, 12, [33, 70], [3, 3]) },
        ConvShape { groups: 2, pad: pad(2), dilation: [1, 2, 2], ..flat(6, 10, [40, 50], [3, 3]) },
        ConvShape { groups: 2, pad: pad(1), ..flat(48, 40, [57, 58], [3, 3]) },
        ConvShape { pad: pad(2), ..flat(20, 2, [30, 31], [5, 5]) },
        // One output position: rows that fill no block, sums that fill no vector, groups, a kernel as large as the picture.
        flat(1152, 48, [1, 1], [1, 1]),
        flat(37, 131, [1, 1], [1, 1]),
        flat(5, 9, [3, 7], [3, 7]),
        ConvShape { groups: 3, ..flat(9, 15, [2, 3], [2, 3]) },
        ConvShape { stride: [1, 2, 2], ..flat(40, 10, [1, 1], [1, 1]) },
        // One input channel a group: planes that fill a vector and do not, one-sided and excessive padding, strides with every remainder,
        // dilation across strides, several outputs a channel, bands of rows and of planes, signals.
        ConvShape { groups: 9, pad: pad(1), ..flat(9, 9, [7, 7], [3, 3]) },
        ConvShape { groups: 6, pad: pad(2), ..flat(6, 6, [7, 7], [5, 5]) },
        ConvShape { groups: 3, pad: pad(3), ..flat(3, 3, [56, 57], [7, 7]) },
        ConvShape { groups: 4, pad: pad(1), stride: [1, 2, 2], ..flat(4, 4, [14, 14], [3, 3]) },
        ConvShape { groups: 4, pad: pad(3), stride: [1, 2, 2], ..flat(4, 4, [15, 33], [7, 7]) },
        ConvShape { groups: 3, pad: pad(2), stride: [1, 3, 4], ..flat(3, 3, [23, 41], [5, 5]) },
        ConvShape { groups: 3, pad: pad(2), stride: [1, 1, 2], ..flat(3, 6, [9, 18], [5, 4]) },
        ConvShape { groups: 3, pad: pad(2), stride: [1, 2, 1], ..flat(3, 9, [9, 18], [4, 5]) },
        ConvShape { groups: 2, stride: [1, 2, 2], ..flat(2, 2, [7, 9], [1, 1]) },
        ConvShape { groups: 2, pad: pad(2), ..flat(2, 4, [4, 5], [1, 1]) },
        ConvShape { groups: 2, pad: [[0, 0], [9, 0], [0, 9]], ..flat(2, 2, [4, 4], [3, 3]) },
        ConvShape { groups: 2, pad: [[0, 0], [0, 2], [3, 0]], ..flat(2, 2, [5, 9], [3, 4]) },
        ConvShape {
            groups: 2,
            pad: [[0, 0], [6, 5], [7, 4]],
            stride: [1, 2, 3],
            dilation: [1, 3, 2],
            ..flat(2, 2, [19, 26], [4, 5])
        },
        ConvShape { groups: 2, pad: pad(12), dilation: [1, 12, 12], ..flat(2, 2, [8, 20], [3, 3]) },
        ConvShape { groups: 2, pad: pad(1), ..flat(2, 2, [150, 113], [3, 3]) },
        ConvShape { groups: 2, pad: pad(1), stride: [1, 2, 2], ..flat(2, 4, [151, 112], [3, 3]) },
        ConvShape { groups: 2, pad: pad(1), ..flat(2, 2, [1, 1], [3, 3]) },
        ConvShape { groups: 3, pad: [[0, 0], [0, 0], [7, 7]], ..flat(3, 3, [1, 61], [1, 15]) },
        ConvShape {
            groups: 2,
            pad: [[1, 1], [2, 2], [3, 3]],
            ..ConvShape::new(2, 4, [23, 40, 41], [3, 5, 7])
        },
        ConvShape {
            groups: 3,
            pad: [[1, 2], [1, 1], [0, 1]],
            stride: [2, 2, 2],
            ..ConvShape::new(3, 3, [8, 9, 11], [3, 3, 3])
        },
        ConvShape {
            groups: 2,
            pad: [[1, 1], [1, 1], [70, 70]],
            ..ConvShape::new(2, 2, [5, 4, 300], [3, 3, 141])
        },
        // 3×3 kernels on enough channels for tiles of 4×4: one tile and less, ragged edges, padding of every kind, channels that fill
        // no vector, several depth blocks, strips of more tiles than one takes, many batches.
        ConvShape { pad: pad(1), ..flat(16, 16, [4, 4], [3, 3]) },
        ConvShape { pad: pad(1), ..flat(16, 16, [1, 1], [3, 3]) },
        flat(24, 40, [3, 3], [3, 3]),
        ConvShape { pad: pad(1), ..flat(32, 64, [7, 7], [3, 3]) },
        ConvShape { pad: pad(2), ..flat(19, 21, [13, 9], [3, 3]) },
        ConvShape { pad: [[0, 0], [2, 0], [0, 1]], ..flat(33, 17, [10, 23], [3, 3]) },
        ConvShape { pad: [[0, 0], [9, 0], [0, 9]], ..flat(17, 16, [4, 5], [3, 3]) },
        ConvShape { pad: pad(1), ..flat(16, 18, [2, 150], [3, 3]) },
        ConvShape { pad: pad(1), ..flat(211, 50, [6, 11], [3, 3]) },
        ConvShape { pad: pad(1), ..flat(40, 24, [57, 61], [3, 3]) },
        ConvShape { pad: pad(1), ..flat(256, 256, [9, 8], [3, 3]) },
        // 3×3×3 on enough channels for tiles of 4×4×4, 2×4×4 and 2×2×2: odd sizes, channels that fill no vector, several depth blocks, no
        // padding and padding of every kind, tiles that hang over on every side, rows of more tiles than a strip takes; 1×3×3 in a volume.
        cube(16, 16, [4, 4, 4], [[1, 1]; 3]),
        cube(17, 21, [7, 9, 13], [[1, 1]; 3]),
        cube(33, 19, [5, 6, 7], [[0, 0]; 3]),
        cube(20, 40, [2, 10, 11], [[1, 1]; 3]),
        cube(16, 17, [3, 3, 5], [[2, 0], [0, 3], [1, 2]]),
        cube(24, 16, [1, 5, 6], [[1, 1]; 3]),
        cube(16, 24, [9, 3, 45], [[0, 1], [1, 0], [1, 1]]),
        cube(211, 35, [4, 6, 5], [[1, 1]; 3]),
        cube(64, 64, [6, 6, 6], [[1, 1]; 3]),
        cube(16, 16, [2, 2, 2], [[9, 0], [1, 1], [0, 9]]),
        cube(32, 32, [13, 18, 17], [[1, 1]; 3]),
        ConvShape { pad: pad(1), ..ConvShape::new(18, 35, [5, 9, 11], [1, 3, 3]) },
    ];
    // Output widths around every vector and tile edge.
    cases.extend(
        [15, 16, 17, 23, 24, 25, 31, 33, 47, 48, 49, 95, 97].map(|w| flat(3, 9, [1, w], [1, 1])),
    );
    // Channel counts around every tile height, several depth blocks.
    cases.extend(
        [1, 2, 3, 5, 8, 13].map(|o| ConvShape { pad: pad(1), ..flat(130, o, [5, 5], [3, 3]) }),
    );
    cases
}

/// Awkward transposed convolutions.
pub fn conv_transpose_cases() -> Vec<ConvTransposeShape> {
    let plain = |i, o, input, kernel, stride| ConvTransposeShape {
        in_channels: i,
        out_channels: o,
        groups: 1,
        input,
        kernel,
        stride,
        dilation: [1; 3],
        pad: [[0; 2]; 3],
        output_padding: [0; 3],
    };
    let pad = [[0, 0], [1, 1], [1, 1]];
    vec![
        plain(1, 1, [1, 1, 1], [1, 1, 1], [1, 1, 1]),
        plain(5, 7, [1, 6, 5], [1, 2, 2], [1, 2, 2]),
        plain(3, 4, [3, 4, 5], [2, 2, 2], [2, 2, 2]),
        plain(9, 17, [2, 7, 7], [1, 2, 2], [1, 2, 2]),
        ConvTransposeShape {
            pad,
            output_padding: [0, 1, 1],
            ..plain(6, 5, [1, 7, 8], [1, 3, 3], [1, 2, 2])
        },
        ConvTransposeShape { pad, ..plain(2, 3, [1, 5, 5], [1, 4, 4], [1, 2, 2]) },
        ConvTransposeShape { pad, ..plain(4, 4, [1, 6, 7], [1, 3, 3], [1, 1, 1]) },
        ConvTransposeShape { groups: 2, ..plain(4, 6, [1, 4, 5], [1, 3, 3], [1, 2, 2]) },
        ConvTransposeShape { dilation: [1, 2, 3], ..plain(3, 2, [1, 4, 5], [1, 3, 2], [1, 2, 3]) },
        ConvTransposeShape {
            pad: [[0, 1], [2, 0], [0, 3]],
            ..plain(3, 2, [3, 4, 5], [3, 3, 3], [2, 2, 2])
        },
        // Kernels as large as their stride: several chunks of rows, shares of the channels, one to three taps along a row.
        plain(33, 21, [3, 11, 50], [2, 2, 2], [2, 2, 2]),
        plain(20, 64, [2, 2, 3], [2, 2, 2], [2, 2, 2]),
        plain(7, 10, [1, 9, 40], [1, 3, 3], [1, 3, 3]),
        plain(8, 13, [3, 5, 6], [2, 2, 1], [2, 2, 1]),
        // Rows of whole registers, woven as they are stored: two blocks of the depth, last tiles of two and four rows, planes.
        plain(200, 10, [1, 6, 32], [1, 2, 2], [1, 2, 2]),
        plain(20, 13, [2, 5, 48], [2, 2, 2], [2, 2, 2]),
        plain(5, 3, [1, 27, 16], [1, 2, 2], [1, 2, 2]),
        plain(3, 5, [2, 3, 64], [1, 1, 2], [1, 1, 2]),
        // A stride beyond the kernel leaves gaps that only the bias fills.
        plain(2, 3, [1, 3, 4], [1, 1, 1], [1, 2, 3]),
        plain(3, 2, [1, 1, 9], [1, 1, 4], [1, 1, 2]),
    ]
}

/// A layer of a published network, by name, and how often the network has it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Network and place in it.
    pub name: String,
    /// The convolution.
    pub shape: ConvShape,
    /// Occurrences in the network.
    pub times: usize,
}

/// All convolutions of the networks the benchmark times.
pub fn layers() -> Vec<Layer> {
    let mut all = densenet121(224);
    all.extend(resnet50(512));
    let dilated = |name: &str, c, o, d| Layer {
        name: format!("pspnet 64x64 {name}"),
        shape: ConvShape { dilation: [1, d, d], ..square(c, o, 64, 3, 1, d) },
        times: 1,
    };
    all.push(dilated("512→512 dilation 2", 512, 512, 2));
    all.push(dilated("512→512 dilation 4", 512, 512, 4));
    let cube = |name: &str, c, o, n: usize, s| Layer {
        name: format!("unet3d {name}"),
        shape: ConvShape {
            pad: [[1; 2]; 3],
            stride: [s; 3],
            ..ConvShape::new(c, o, [n; 3], [3; 3])
        },
        times: 1,
    };
    all.extend([
        cube("1→32 at 96³", 1, 32, 96, 1),
        cube("32→32 at 96³", 32, 32, 96, 1),
        cube("64→32 at 96³", 64, 32, 96, 1),
        cube("64→64 at 48³", 64, 64, 48, 1),
        cube("128→64 at 48³", 128, 64, 48, 1),
        cube("128→128 at 24³", 128, 128, 24, 1),
        cube("256→128 at 24³", 256, 128, 24, 1),
        cube("256→256 at 12³", 256, 256, 12, 1),
        cube("512→256 at 12³", 512, 256, 12, 1),
        cube("320→320 at 6³", 320, 320, 6, 1),
        cube("640→320 at 6³", 640, 320, 6, 1),
        cube("320→320 at 3³", 320, 320, 3, 1),
        cube("32→64 at 96³ stride 2", 32, 64, 96, 2),
        cube("64→128 at 48³ stride 2", 64, 128, 48, 2),
        cube("128→256 at 24³ stride 2", 128, 256, 24, 2),
        cube("256→320 at 12³ stride 2", 256, 320, 12, 2),
        cube("320→320 at 6³ stride 2", 320, 320, 6, 2),
    ]);
    // EfficientNet-B0's and ConvNeXt's.
    for (c, n, k, s) in [
        (32, 112, 3, 1),
        (96, 112, 3, 2),
        (144, 56, 3, 1),
        (144, 56, 5, 2),
        (240, 28, 5, 1),
        (480, 14, 3, 1),
        (672, 14, 5, 1),
        (672, 14, 5, 2),
        (1152, 7, 5, 1),
        (96, 56, 7, 1),
        (384, 14, 7, 1),
        (768, 7, 7, 1),
    ] {
        all.push(Layer {
            name: format!("depthwise {k}x{k}/{s} {c} at {n}²"),
            shape: ConvShape { groups: c, ..square(c, c, n, k, s, k / 2) },
            times: 1,
        });
    }
    all
}

fn square(i: usize, o: usize, n: usize, k: usize, s: usize, p: usize) -> ConvShape {
    let pad = [[0, 0], [p, p], [p, p]];
    ConvShape { stride: [1, s, s], pad, ..ConvShape::new(i, o, [1, n, n], [1, k, k]) }
}

/// DenseNet-121 (Huang et al. 2017, table 1) on one channel of `n`² pixels.
fn densenet121(n: usize) -> Vec<Layer> {
    let layer =
        |what: String, shape, times| Layer { name: format!("densenet121 {what}"), shape, times };
    let mut all = vec![layer("stem 7x7/2 1→64".into(), square(1, 64, n, 7, 2, 3), 1)];
    let (mut size, mut channels) = (n / 4, 64);
    for (block, layers) in [6, 12, 24, 16].into_iter().enumerate() {
        for _ in 0..layers {
            all.push(layer(
                format!("1x1 {channels}→128 at {size}²"),
                square(channels, 128, size, 1, 1, 0),
                1,
            ));
            channels += 32;
        }
        all.push(layer(format!("3x3 128→32 at {size}²"), square(128, 32, size, 3, 1, 1), layers));
        if block < 3 {
            all.push(layer(
                format!("transition {channels}→{} at {size}²", channels / 2),
                square(channels, channels / 2, size, 1, 1, 0),
                1,
            ));
            (size, channels) = (size / 2, channels / 2);
        }
    }
    all
}

/// ResNet-50 (He et al. 2016, table 1; stride in the 3×3 as torchvision has it) on one channel of `n`² pixels.
fn resnet50(n: usize) -> Vec<Layer> {
    let layer =
        |what: String, shape, times| Layer { name: format!("resnet50 {what}"), shape, times };
    let mut all = vec![layer("stem 7x7/2 1→64".into(), square(1, 64, n, 7, 2, 3), 1)];
    let (mut size, mut channels) = (n / 4, 64);
    for (stage, blocks) in [3, 4, 6, 3].into_iter().enumerate() {
        let (width, stride) = (64 << stage, if stage == 0 { 1 } else { 2 });
        let (out, next) = (width * 4, size / stride);
        let names = |what: &str, i: usize, o: usize, n: usize| format!("{what} {i}→{o} at {n}²");
        all.push(layer(
            names("1x1", channels, width, size),
            square(channels, width, size, 1, 1, 0),
            1,
        ));
        all.push(layer(
            names("3x3", width, width, size),
            square(width, width, size, 3, stride, 1),
            1,
        ));
        all.push(layer(
            names("short cut 1x1", channels, out, size),
            square(channels, out, size, 1, stride, 0),
            1,
        ));
        all.push(layer(names("1x1", width, out, next), square(width, out, next, 1, 1, 0), blocks));
        all.push(layer(
            names("1x1", out, width, next),
            square(out, width, next, 1, 1, 0),
            blocks - 1,
        ));
        all.push(layer(
            names("3x3", width, width, next),
            square(width, width, next, 3, 1, 1),
            blocks - 1,
        ));
        (size, channels) = (next, out);
    }
    all
}
