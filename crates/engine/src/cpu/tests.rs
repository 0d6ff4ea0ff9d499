//! The rewritten graph computes what the plain one computes, for any threads, batch and rank.

use super::*;
use crate::graph::{Builder, Conv, ConvTranspose, Node, Value, Window};
use crate::weights::Scope;
use kernels::{Activation, BinaryOp};

fn options(threads: usize, passes: Passes) -> Options {
    Options { passes, ..Options::new(Pool::new(threads)) }
}

/// Small numbers from a linear congruential generator (Knuth, MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % end
    }

    fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let count = shape.iter().product();
        let data = (0..count).map(|_| self.below(2001) as f32 / 1000.0 - 1.0).collect();
        Tensor::new(shape, data).unwrap()
    }
}

/// A random network of 12 nodes over values of one spatial size.
fn random_graph(seed: u64, batch: usize, solid: bool) -> Graph {
    let mut random = Random(seed);
    let (mut b, s) = (Builder::new(), Scope::recording());
    let shape: &[usize] = if solid { &[batch, 3, 4, 5, 6] } else { &[batch, 3, 7, 6] };
    let mut values = vec![b.input("x", shape)];
    for step in 0..12 {
        let scope = s.at(&format!("layer{step}"));
        let x = values[random.below(values.len())];
        let y = values[random.below(values.len())];
        let value = match random.below(13) {
            0 => conv(&mut b, &scope, x, 1, 1 + random.below(5), solid),
            1 => conv(&mut b, &scope, x, 3, 1 + random.below(5), solid),
            2 => b.batch_norm(x, &scope, 1e-5).unwrap(),
            3 => b.relu(x),
            4 => {
                let a = conv(&mut b, &scope.at("a"), x, 3, 4, solid);
                let c = conv(&mut b, &scope.at("c"), y, 1, 4, solid);
                b.binary(BinaryOp::Add, a, c).unwrap()
            }
            5 => b.concat(&[x, y], 1).unwrap(),
            6 => gated(&mut b, x, random.below(3)),
            7 => {
                let y = conv(&mut b, &scope, x, 1, 1 + random.below(5), solid);
                let window = if solid { Window::new([2; 3]) } else { Window::new([2; 2]) };
                let small = b.avg_pool(y, window.stride(1)).unwrap();
                let full = b.shape(x)[2..].to_vec();
                b.resize_nearest(small, &full).unwrap()
            }
            8 => {
                // A norm before a convolution, with and without activation and sum.
                let a = b.group_norm(x, &scope.at("norm"), 1, 1e-3).unwrap();
                let a = if random.below(2) == 0 {
                    b.activation(a, kernels::Activation::LeakyRelu(0.1))
                } else {
                    a
                };
                let c = conv(&mut b, &scope.at("a"), a, 1 + 2 * random.below(2), 3, solid);
                if random.below(2) == 0 {
                    let d = conv(&mut b, &scope.at("c"), y, 1, 3, solid);
                    b.binary(BinaryOp::Add, c, d).unwrap()
                } else {
                    c
                }
            }
            9 => {
                // A norm that ends a residual block.
                let a = conv(&mut b, &scope.at("a"), x, 3, 4, solid);
                let a = b.group_norm(a, &scope.at("norm"), 2, 1e-3).unwrap();
                let c = conv(&mut b, &scope.at("c"), y, 1, 4, solid);
                let sum = b.binary(BinaryOp::Add, a, c).unwrap();
                b.relu(sum)
            }
            11 => {
                // Squeeze and excitation before a convolution, with and without a sum.
                let gate = b.global_avg_pool(x).unwrap();
                let gate = b.sigmoid(gate);
                let scaled = b.scale_channels(x, gate).unwrap();
                let c = conv(&mut b, &scope.at("a"), scaled, 1, 3, solid);
                if random.below(2) == 0 {
                    let d = conv(&mut b, &scope.at("c"), y, 1, 3, solid);
                    b.binary(BinaryOp::Add, c, d).unwrap()
                } else {
                    c
                }
            }
            10 => spelled_norm(&mut b, &scope, x, random.below(2) == 0),
            _ if solid => b.max_pool(x, Window::new([3; 3]).stride(1).pad(1)).unwrap(),
            _ => {
                let p = ConvTranspose::new(2, [3, 3]).pad(1);
                b.conv_transpose(x, &scope, p).unwrap()
            }
        };
        values.push(value);
    }
    let last: Vec<(&str, Value)> =
        values[values.len() - 3..].iter().map(|&value| ("y", value)).collect();
    b.finish(&last)
}

/// A group norm as its parts, before an activation or not.
fn spelled_norm(b: &mut Builder, s: &Scope, x: Value, active: bool) -> Value {
    let shape = b.shape(x).to_vec();
    let groups = if shape[1].is_multiple_of(2) { 2 } else { 1 };
    let rest = shape[1..].iter().product::<usize>() / groups;
    let flat = b.reshape(x, &[shape[0], groups, rest]).unwrap();
    let norm = b.group_norm(flat, &s.at("inner"), groups, 1e-3).unwrap();
    let back = b.reshape(norm, &shape).unwrap();
    let scale = b.batch_norm(back, &s.at("first"), 1e-5).unwrap();
    let value = b.batch_norm(scale, &s.at("second"), 1e-5).unwrap();
    if active { b.relu(value) } else { value }
}

/// A value times a function of itself, in either order.
fn gated(b: &mut Builder, x: Value, which: usize) -> Value {
    let gate = match which {
        0 => b.activation(x, Activation::Sigmoid),
        1 => b.activation(x, Activation::HardSigmoid),
        _ => {
            let inner = b.activation(x, Activation::Softplus);
            b.activation(inner, Activation::Tanh)
        }
    };
    let pair = if which == 1 { [x, gate] } else { [gate, x] };
    b.binary(BinaryOp::Mul, pair[0], pair[1]).unwrap()
}

fn conv(b: &mut Builder, s: &Scope, x: Value, k: usize, out: usize, solid: bool) -> Value {
    let pad = k / 2;
    if solid {
        b.conv(x, s, Conv::new(out, [k; 3]).pad(pad)).unwrap()
    } else {
        b.conv(x, s, Conv::new(out, [k; 2]).pad(pad).no_bias()).unwrap()
    }
}

fn run(graph: &Graph, x: &Tensor, threads: usize, passes: Passes) -> Vec<Tensor> {
    let mut network = Network::compile(graph.clone(), &options(threads, passes)).unwrap();
    let first = network.run(&[x]).unwrap();
    assert_eq!(network.run(&[x]).unwrap(), first, "a second run gives the same");
    first
}

fn assert_close(a: &[Tensor], b: &[Tensor], what: &str) {
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.shape(), b.shape());
        let rms = |f: &dyn Fn(usize) -> f32| {
            (0..a.data().len()).map(|i| f64::from(f(i)).powi(2)).sum::<f64>().sqrt()
        };
        let error = rms(&|i| a.data()[i] - b.data()[i]);
        let size = rms(&|i| b.data()[i]);
        assert!(error <= 1e-5 * size + 1e-12, "{what}: {error} of {size}");
    }
}

#[test]
fn every_pass_keeps_the_result() {
    let none = Passes::none();
    let each = [
        Passes { fuse_gate: true, ..none },
        Passes { join_norm: true, ..none },
        Passes { pool_first: true, ..none },
        Passes { fold_affine: true, ..none },
        Passes { fuse_residual: true, ..none },
        Passes { fuse_activation: true, ..none },
        Passes { fuse_prologue: true, ..none },
        Passes { fuse_norm: true, ..none },
        Passes { fuse_norm: true, fuse_residual: true, fuse_activation: true, ..none },
        Passes { fuse_scale: true, ..none },
        Passes { fuse_scale: true, fuse_residual: true, ..none },
        Passes { place_in_concat: true, ..none },
        Passes::all(),
    ];
    for seed in 0..60 {
        let solid = seed % 3 == 0;
        let graph = random_graph(seed, 1 + (seed % 2) as usize, solid);
        let x = Random(seed + 1000).tensor(graph.input_shapes()[0]);
        let oracle = graph.interpret(&[&x]).unwrap();
        let plain = run(&graph, &x, 1, none);
        assert_close(&plain, &oracle, &format!("seed {seed}, the executor\n{graph}"));
        for passes in each {
            let rewritten = passes.rewrite(graph.clone());
            let what = format!("seed {seed}, {passes:?} interpreted\n{rewritten}");
            assert_close(&rewritten.interpret(&[&x]).unwrap(), &oracle, &what);
            let what = format!("seed {seed}, {passes:?}\n{graph}");
            assert_close(&run(&graph, &x, 1, passes), &plain, &what);
        }
    }
}

/// Two levels of a U-Net, the skip connection behind or before what comes from below.
fn small_unet(batch: usize, behind: bool, act: Activation) -> Graph {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[batch, 3, 12, 20]);
    let layer = |b: &mut Builder, name: &str, x, stride: usize, out| {
        let (s, conv) = (s.at(name), Conv::new(out, [3, 3]).pad(1).strides(&[stride, stride]));
        let x = b.conv(x, &s.at("conv"), conv).unwrap();
        let x = b.instance_norm(x, Some(&s.at("norm")), 1e-5).unwrap();
        b.activation(x, act)
    };
    let skip = layer(&mut b, "top", x, 1, 17);
    let below = layer(&mut b, "below", skip, 2, 9);
    let up = ConvTranspose::of(6, &[2, 2]).strides(&[2, 2]);
    let up = b.conv_transpose(below, &s.at("up"), up).unwrap();
    let parts = if behind { [up, skip] } else { [skip, up] };
    let joined = b.concat(&parts, 1).unwrap();
    let y = layer(&mut b, "last", joined, 1, 16);
    let y = b.conv(y, &s.at("head"), Conv::new(2, [1, 1])).unwrap();
    b.finish(&[("y", y)])
}

#[test]
fn the_norm_of_a_skip_connection_is_applied_by_all_that_read_it() {
    for act in [Activation::LeakyRelu(0.01), Activation::Relu, Activation::Identity] {
        for (behind, batch) in [(true, 1), (false, 2)] {
            let graph = small_unet(batch, behind, act);
            let rewritten = Passes::all().rewrite(graph.clone());
            let whole = |node: &Node| matches!(node.op, Op::GroupNorm { .. });
            // That of the lower level goes into a transposed convolution.
            assert_eq!(rewritten.nodes.iter().filter(|node| whole(node)).count(), 1, "{rewritten}");
            let x = Random(5).tensor(graph.input_shapes()[0]);
            let oracle = graph.interpret(&[&x]).unwrap();
            assert_close(&rewritten.interpret(&[&x]).unwrap(), &oracle, "interpreted");
            let one = run(&graph, &x, 1, Passes::all());
            assert_close(&one, &oracle, &format!("{act:?}\n{rewritten}"));
            assert_eq!(run(&graph, &x, 3, Passes::all()), one);
        }
    }
    // An activation that costs more than a norm is computed once.
    let graph = Passes::all().rewrite(small_unet(1, true, Activation::Silu));
    let top = graph.nodes.iter().find(|node| node.name == "top.norm");
    assert!(matches!(top.unwrap().op, Op::GroupNorm { .. }), "{graph}");
}

#[test]
fn threads_do_not_change_a_bit() {
    for seed in 0..20 {
        let graph = random_graph(seed, 1, seed % 2 == 0);
        let x = Random(seed).tensor(graph.input_shapes()[0]);
        let one = run(&graph, &x, 1, Passes::all());
        assert_eq!(run(&graph, &x, 2, Passes::all()), one, "seed {seed}");
        assert_eq!(run(&graph, &x, 5, Passes::all()), one, "seed {seed}");
    }
}

#[test]
fn a_batch_is_its_samples_one_by_one() {
    for seed in 0..24 {
        // With two threads some pass has one sample or two, or all.
        let count = 2 + seed as usize % 4;
        let (batch, single) = (random_graph(seed, count, false), random_graph(seed, 1, false));
        let x = Random(seed).tensor(batch.input_shapes()[0]);
        let whole = run(&batch, &x, 2, Passes::all());
        assert_eq!(run(&batch, &x, 3, Passes::all()), whole);
        let sample = x.data().len() / count;
        for index in 0..count {
            let part = x.data()[index * sample..(index + 1) * sample].to_vec();
            let part = Tensor::new(single.input_shapes()[0], part).unwrap();
            for (one, all) in run(&single, &part, 2, Passes::all()).iter().zip(&whole) {
                let len = one.data().len();
                assert_eq!(one.data(), &all.data()[index * len..(index + 1) * len]);
            }
        }
    }
}

/// The growing block of a DenseNet: norm, ReLU, 1×1, norm, ReLU, 3×3, join.
fn dense_block(layers: usize) -> Graph {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[1, 8, 16, 16]);
    let mut x = b.conv(x, &s.at("stem"), Conv::new(8, [3, 3]).pad(1)).unwrap();
    for layer in 0..layers {
        let s = s.at(&format!("layer{layer}"));
        let y = b.batch_norm(x, &s.at("norm1"), 1e-5).unwrap();
        let y = b.relu(y);
        let y = b.conv(y, &s.at("conv1"), Conv::new(16, [1, 1]).no_bias()).unwrap();
        let y = b.batch_norm(y, &s.at("norm2"), 1e-5).unwrap();
        let y = b.relu(y);
        let y = b.conv(y, &s.at("conv2"), Conv::new(4, [3, 3]).pad(1).no_bias()).unwrap();
        x = b.concat(&[x, y], 1).unwrap();
    }
    b.finish(&[("y", x)])
}

#[test]
fn a_gate_is_part_of_the_convolution_before_it() {
    for which in 0..3 {
        let (mut b, s) = (Builder::new(), Scope::recording());
        let x = b.input("x", &[1, 3, 5, 5]);
        let x = conv(&mut b, &s, x, 3, 4, false);
        let y = gated(&mut b, x, which);
        let graph = Passes::all().rewrite(b.finish(&[("y", y)]));
        let ops: Vec<&str> = graph.nodes.iter().map(|node| node.op.name()).collect();
        assert_eq!(ops, ["input", "conv"]);
    }
}

#[test]
fn the_factors_of_an_excitation_are_applied_while_loading() {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[2, 5, 6, 7]);
    let gate = b.global_avg_pool(x).unwrap();
    let gate = b.sigmoid(gate);
    let scaled = b.scale_channels(x, gate).unwrap();
    let y = conv(&mut b, &s, scaled, 1, 4, false);
    assert!(b.scale_channels(x, y).is_err());
    let graph = Passes::all().rewrite(b.finish(&[("y", y)]));
    let ops: Vec<&str> = graph.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(ops, ["input", "global-avg-pool", "activation", "conv"]);
}

#[test]
fn a_mean_stands_before_the_convolution_and_takes_its_norm() {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[1, 6, 8, 8]);
    let y = b.batch_norm(x, &s.at("norm"), 1e-5).unwrap();
    let y = b.relu(y);
    let y = conv(&mut b, &s.at("conv"), y, 1, 3, false);
    let y = b.avg_pool(y, Window::new([2; 2])).unwrap();
    let graph = b.finish(&[("y", y)]);
    let rewritten = Passes::all().rewrite(graph.clone());
    let ops: Vec<&str> = rewritten.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(ops, ["input", "norm-pool", "conv"]);
    assert_eq!(4 * rewritten.flops(), graph.flops());
    // Where padding counts, or windows do not get fewer, they stay.
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[1, 6, 8, 8]);
    let y = conv(&mut b, &s.at("conv"), x, 1, 3, false);
    let y = b.avg_pool(y, Window::new([2; 2]).pad(1)).unwrap();
    let graph = Passes::all().rewrite(b.finish(&[("y", y)]));
    assert!(matches!(graph.nodes[1].op, Op::Conv { .. }));
}

#[test]
fn a_dense_block_is_written_without_copies() {
    let network = Network::compile(dense_block(6), &options(1, Passes::all())).unwrap();
    assert_eq!(network.copies(), 0);
    let kinds: Vec<_> = network.nodes.iter().map(|node| node.op).collect();
    assert!(!kinds.contains(&"affine") && !kinds.contains(&"activation"), "{kinds:?}");
    // One buffer that grows to 8 + 6·4 channels, the input of the stem or one bottleneck of 16.
    let most = 4 * 16 * 16 * (32 + 16 + 8);
    assert!(network.memory().activations <= most, "{:?}", network.memory());
}

/// The same written as the paper does: each layer joins all maps before it.
fn flat_dense_block(layers: usize) -> Graph {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[2, 3, 6, 5]);
    let mut maps = vec![conv(&mut b, &s.at("stem"), x, 3, 8, false)];
    for layer in 0..layers {
        let joined = b.concat(&maps, 1).unwrap();
        maps.push(conv(&mut b, &s.at(&format!("layer{layer}")), joined, 3, 4, false));
    }
    let all = b.concat(&maps, 1).unwrap();
    b.finish(&[("y", all)])
}

#[test]
fn joins_that_repeat_each_other_share_one_buffer() {
    let graph = flat_dense_block(6);
    let mut network = Network::compile(graph.clone(), &options(2, Passes::all())).unwrap();
    assert_eq!(network.copies(), 0);
    // Two samples of 8 + 6·4 channels, and the input.
    assert!(network.memory().activations <= 2 * 4 * 30 * (32 + 3) + 64);
    let x = Random(1).tensor(&[2, 3, 6, 5]);
    assert_close(&network.run(&[&x]).unwrap(), &graph.interpret(&[&x]).unwrap(), "flat block");
}

#[test]
fn what_comes_back_up_takes_memory_only_then() {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[1, 8, 16, 16]);
    let a = conv(&mut b, &s.at("a"), x, 3, 8, false);
    let skip = conv(&mut b, &s.at("skip"), a, 3, 8, false);
    let deep = b.conv(skip, &s.at("deep"), Conv::new(16, [2; 2]).stride(2)).unwrap();
    let up = b.conv_transpose(deep, &s.at("up"), ConvTranspose::new(8, [2; 2]).stride(2)).unwrap();
    let joined = b.concat(&[up, skip], 1).unwrap();
    let y = conv(&mut b, &s.at("y"), joined, 3, 8, false);
    let graph = b.finish(&[("y", y)]);
    let mut network = Network::compile(graph.clone(), &options(2, Passes::all())).unwrap();
    assert_eq!(network.copies(), 0);
    // Three maps of 8 channels: those that are joined, and the input of the skip or the result. The input of all lies where what comes up
    // will.
    let most = 4 * 3 * 8 * 256 + 64;
    assert!(network.memory().activations <= most, "{:?}", network.memory());
    let x = Random(1).tensor(&[1, 8, 16, 16]);
    assert_close(&network.run(&[&x]).unwrap(), &graph.interpret(&[&x]).unwrap(), "skip");
}

#[test]
fn what_is_planned_is_what_is_held() {
    for seed in 0..10 {
        let graph = random_graph(seed, 2, seed % 2 == 0);
        let mut network = Network::compile(graph, &options(2, Passes::all())).unwrap();
        let x = Random(seed).tensor(&network.nodes[network.inputs[0]].shape.clone());
        let held = |n: &Network| (n.arena.len() as u64 * 4, n.workspace.len() as u64 * 4);
        let (memory, before) = (network.memory(), held(&network));
        assert_eq!(before, (memory.activations, memory.workspace));
        network.run(&[&x]).unwrap();
        assert_eq!(held(&network), before, "a run grows nothing");
    }
}

#[test]
fn progress_reaches_the_end() {
    let mut network = Network::compile(dense_block(1), &options(1, Passes::all())).unwrap();
    let x = Random(3).tensor(&[1, 8, 16, 16]);
    let mut seen = Vec::new();
    network.run_with_progress(&[&x], |done, total| seen.push((done, total))).unwrap();
    assert_eq!(seen, (1..=seen.len()).map(|done| (done, seen.len())).collect::<Vec<_>>());
    assert_eq!(seen.len(), network.nodes.len());
}

#[test]
fn a_network_over_the_limit_is_refused() {
    let limited = |limit| Options { memory_limit_bytes: Some(limit), ..options(1, Passes::all()) };
    let error = Network::compile(dense_block(6), &limited(1000)).err().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Limit);
    let need = Network::compile(dense_block(6), &options(1, Passes::all())).unwrap();
    assert!(Network::compile(dense_block(6), &limited(need.planned_bytes())).is_ok());
}

#[test]
fn wrong_inputs_are_named() {
    let mut network = Network::compile(dense_block(1), &options(1, Passes::all())).unwrap();
    assert!(network.run(&[]).is_err());
    let error = network.run(&[&Tensor::new(&[1, 8, 4, 4], vec![0.0; 128]).unwrap()]).unwrap_err();
    assert_eq!(error.to_string(), "x: shape [1, 8, 4, 4] given, [1, 8, 16, 16] wanted");
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let x = b.input("x", &[1, 2, 3, 3]);
    let error = b.conv(x, &s.at("stem.conv"), Conv::new(4, [7, 7])).unwrap_err();
    assert!(error.to_string().starts_with("stem.conv: "), "{error}");
    assert!(b.conv(x, &s.at("a"), Conv::new(4, [3])).is_err());
    assert!(b.max_pool(x, Window::new([5, 5])).is_err());
    let y = b.input("y", &[1, 2, 3, 4]);
    assert!(b.add(x, y).is_err() && b.concat(&[x, y], 1).is_err() && b.concat(&[], 1).is_err());
    assert!(b.linear(x, &s.at("fc"), 3).is_err());
}

#[test]
fn a_vector_is_one_sample() {
    let mut b = Builder::new();
    let x = b.input("x", &[4]);
    let y = b.softmax(x);
    let graph = b.finish(&[("y", y)]);
    let x = Random(7).tensor(&[4]);
    let y = run(&graph, &x, 1, Passes::all());
    assert!((y[0].data().iter().sum::<f32>() - 1.0).abs() < 1e-6, "{y:?}");
    assert_close(&y, &graph.interpret(&[&x]).unwrap(), "softmax of a vector");
}

#[test]
fn the_other_operations_match_their_twins() {
    for batch in [1, 3] {
        let (mut b, s) = (Builder::new(), Scope::recording());
        let x = b.input("x", &[batch, 4, 7, 9]);
        let pool = b.avg_pool(x, Window::new([3, 3]).stride(2).pad(1).ceil_mode()).unwrap();
        let outside = b.avg_pool(x, Window::new([2, 3]).count_exclude_pad().pad(1)).unwrap();
        let grown = b.resize_linear(pool, &[11, 6], true).unwrap();
        let shrunk = b.resize_linear(x, &[3, 5], false).unwrap();
        let mean = b.global_avg_pool(grown).unwrap();
        let logits = b.linear(mean, &s.at("fc"), 6).unwrap();
        let chances = b.softmax(logits);
        let gate = b.sigmoid(logits);
        let grouped = Conv::new(6, [3, 3]).groups(2).dilation(2).pad(2).stride(2);
        let grouped = b.conv(x, &s.at("grouped"), grouped).unwrap();
        let shifted = b.affine(grouped, vec![0.5; 6], vec![-1.0; 6]).unwrap();
        let up = ConvTranspose::new(3, [3, 3]).stride(2).pad(1).output_padding(1);
        let up = b.conv_transpose(shifted, &s.at("up"), up).unwrap();
        let values = [outside, shrunk, chances, gate, up];
        let graph = b.finish(&values.map(|value| ("y", value)));
        let x = Random(batch as u64).tensor(&[batch, 4, 7, 9]);
        let oracle = graph.interpret(&[&x]).unwrap();
        assert_close(&run(&graph, &x, 2, Passes::none()), &oracle, "plain");
        assert_close(&run(&graph, &x, 2, Passes::all()), &oracle, "rewritten");
    }
}

#[test]
fn norms_and_shapes_match_their_twins() {
    for batch in [1, 3] {
        let (mut b, s) = (Builder::new(), Scope::recording());
        let x = b.input("x", &[batch, 6, 4, 3, 5]);
        let grouped = b.group_norm(x, &s.at("group"), 3, 1e-5).unwrap();
        let grouped = b.relu(grouped);
        let plain = b.instance_norm(grouped, None, 1e-5).unwrap();
        let learnt = b.instance_norm(plain, Some(&s.at("instance")), 1e-3).unwrap();
        let bigger = b.resize_nearest(learnt, &[5, 6, 7]).unwrap();
        let tokens = b.reshape(plain, &[batch, 12, 30]).unwrap();
        let tokens = b.layer_norm(tokens, &s.at("layer"), 1e-6).unwrap();
        let tokens = b.activation(tokens, Activation::Gelu);
        let flat = b.flatten(tokens).unwrap();
        let out = b.linear(flat, &s.at("fc"), 4).unwrap();
        assert!(b.reshape(x, &[batch, 7]).is_err());
        assert!(b.group_norm(x, &s.at("bad"), 4, 1e-5).is_err());
        assert!(b.resize_nearest(x, &[5, 6]).is_err());
        let graph = b.finish(&[("bigger", bigger), ("out", out)]);
        let x = Random(batch as u64).tensor(&[batch, 6, 4, 3, 5]);
        let oracle = graph.interpret(&[&x]).unwrap();
        assert_close(&run(&graph, &x, 2, Passes::none()), &oracle, "plain");
        assert_close(&run(&graph, &x, 2, Passes::all()), &oracle, "rewritten");
        let fused = Passes::all().rewrite(graph);
        assert!(fused.nodes().iter().all(|node| node.op.name() != "activation"));
    }
}

/// Norms of one and of several channels, one that a convolution takes in and one that others read too, two samples, two inputs.
#[test]
fn a_norm_hears_from_the_convolution_of_a_volume_what_it_would_measure() {
    let (mut b, s) = (Builder::new(), Scope::recording());
    let shape = [2, 16, 12, 13, 14];
    let x = b.input("x", &shape);
    let first = conv(&mut b, &s.at("first"), x, 3, 20, true);
    let first = b.instance_norm(first, Some(&s.at("instance")), 1e-5).unwrap();
    let second = conv(&mut b, &s.at("second"), first, 3, 18, true);
    let second = b.group_norm(second, &s.at("group"), 3, 1e-5).unwrap();
    let second = b.relu(second);
    let third = conv(&mut b, &s.at("third"), second, 3, 16, true);
    let graph = b.finish(&[("second", second), ("third", third)]);
    let mut network = Network::compile(graph.clone(), &options(2, Passes::all())).unwrap();
    for seed in 0..2 {
        let x = Random(seed).tensor(&shape);
        let got = network.run(&[&x]).unwrap();
        assert_close(&got, &graph.interpret(&[&x]).unwrap(), "norms");
        assert_eq!(
            run(&graph, &x, 1, Passes::all()),
            got,
            "threads and earlier runs change nothing"
        );
    }
    for (node, inputs) in network.nodes.iter().map(|node| (node, &node.inputs)) {
        if let Step::GroupNorm { .. } | Step::NormScale { .. } = node.step {
            let heard = [0, 1].map(|sample| network.asides.hear(inputs, sample).is_some());
            assert_eq!(heard, [true; 2], "{}", node.name);
        }
    }
}

#[test]
fn windows_of_a_transformer_match_their_twins() {
    for batch in [1, 2] {
        let (mut b, s) = (Builder::new(), Scope::recording());
        let x = b.input("x", &[batch, 6, 4, 3, 5]);
        let normed = b.channel_norm(x, Some(&s.at("norm")), 1e-5).unwrap();
        let qkv = b.pointwise(normed, &s.at("qkv"), 18, true).unwrap();
        let bias = Random(5).tensor(&[2 * 8 * 8]).into_data();
        let pad = Random(6).tensor(&[18]).into_data();
        let windows = [[2, 2, 2], [1, 0, 1]];
        let seen = b.window_attention(qkv, 2, windows, bias.clone(), pad.clone()).unwrap();
        let more = b.pointwise(seen, &s.at("proj"), 6, false).unwrap();
        let sum = b.add(x, more).unwrap();
        let out = b.channel_norm(sum, None, 1e-5).unwrap();
        assert!(b.window_attention(qkv, 4, windows, bias.clone(), pad.clone()).is_err());
        assert!(b.window_attention(qkv, 2, windows, bias[1..].to_vec(), pad.clone()).is_err());
        let wide = [[2, 4, 2], [1, 0, 1]];
        assert!(b.window_attention(qkv, 2, wide, bias, pad).is_err());
        let graph = b.finish(&[("out", out)]);
        let x = Random(batch as u64).tensor(&[batch, 6, 4, 3, 5]);
        let oracle = graph.interpret(&[&x]).unwrap();
        assert_close(&run(&graph, &x, 2, Passes::none()), &oracle, "plain");
        assert_close(&run(&graph, &x, 2, Passes::all()), &oracle, "rewritten");
    }
}

#[test]
fn buffers_that_were_given_back_are_taken_anew() {
    let graph = || random_graph(7, 1, true);
    let mut kept = Network::compile(graph(), &options(2, Passes::all())).unwrap();
    let mut given = Network::compile(graph(), &options(2, Passes::all())).unwrap();
    let input = Random(3).tensor(&[1, 3, 4, 5, 6]);
    let expected = kept.run(&[&input]).unwrap();
    for _ in 0..2 {
        given.release_buffers();
        assert_eq!(given.run(&[&input]).unwrap(), expected);
    }
    // Networks that take turns may give back, too.
    given.release_buffers();
    kept.exchange_buffers(&mut given).unwrap();
    assert_eq!(kept.run(&[&input]).unwrap(), expected);
    assert_eq!(given.run(&[&input]).unwrap(), expected);
    assert!(given.ran() > Duration::ZERO && given.fork(&Pool::new(1)).ran() == Duration::ZERO);
}
