//! Which values lie in blocks of channels, chosen when all weights are packed.
//!
//! ```text
//! plain   [channel][d][h][w]                     blocked  [channel / 16][d][h][w][16]
//!
//! conv ──▶ blocked ──▶ conv                      filtering works on a vector of channels at a time: nothing is turned
//!             └──▶ concat ──▶ conv               a part of a buffer lies as whoever writes it would have it
//!                    ▲
//! up   ──▶ blocked ──┘                           a transposed convolution whose kernel is as large as its stride
//! ```
//! A block takes the place of its channels, so plans do not change. A value is blocked where its writer and all its readers can do so; what
//! enters and leaves the network is plain. Results are the same bits either way, but for the moments a first layer tells, which it then gathers
//! from other parts of its result.

use super::Planned;
use super::step::Step;
use kernels::{Activation, PackedConv};

/// Tells each convolution how its input lies and how its output is to, and each transposed one.
pub(super) fn choose(nodes: &mut [Planned], outputs: &[usize]) {
    let blocked = find(nodes, outputs);
    let layouts: Vec<Vec<bool>> =
        nodes.iter().map(|node| x_blocks(nodes, &blocked, node)).collect();
    for ((node, layout), blocked) in nodes.iter_mut().zip(layouts).zip(blocked) {
        match &mut node.step {
            Step::Conv { x_blocks, y_blocked, .. } => (*x_blocks, *y_blocked) = (layout, blocked),
            Step::ConvTranspose { weight, .. } if blocked => weight.write_blocks(),
            _ => {}
        }
    }
}

/// The values that can be: all that could be by themselves, less those that meet one that can not.
fn find(nodes: &[Planned], outputs: &[usize]) -> Vec<bool> {
    let writes = |node: &Planned| match &node.step {
        Step::Conv { weight, .. } => weight.writes_blocks(),
        // Nothing is added to its result.
        Step::ConvTranspose { weight, .. } if node.inputs.len() == 1 => weight.writes_blocks(),
        _ => None,
    };
    let mut blocked: Vec<bool> = nodes.iter().map(|node| writes(node).is_some()).collect();
    // All are packed for one instruction set.
    let Some(block) = nodes.iter().find_map(writes) else { return blocked };
    loop {
        let before = blocked.clone();
        let mut readable = vec![true; nodes.len()];
        outputs.iter().for_each(|&output| readable[output] = false);
        // Readers stand behind what they read.
        for (index, node) in nodes.iter().enumerate().rev() {
            blocked[index] &= readable[index];
            let mut channel = 0;
            for (place, &input) in node.inputs.iter().enumerate() {
                readable[input] &= match &node.step {
                    Step::Conv { weight, .. } if place == 0 => weight.reads_blocks().is_some(),
                    Step::Conv { .. } => place == 1 && residual(node).is_some() && blocked[index],
                    // Parts are written in place or copied as they lie.
                    Step::Concat => readable[index] && channel % block == 0,
                    // It hears from the convolution what it would measure.
                    Step::NormScale { .. } => tells(&nodes[input]),
                    _ => false,
                };
                channel += channels(&nodes[input]);
            }
        }
        for (index, node) in nodes.iter().enumerate() {
            blocked[index] &= residual(node).is_none_or(|residual| blocked[residual]);
        }
        if blocked == before {
            return blocked;
        }
    }
}

/// The layout of a convolution's input, block by block; empty where all of it is plain.
fn x_blocks(nodes: &[Planned], blocked: &[bool], node: &Planned) -> Vec<bool> {
    let Some(block) = conv(node).and_then(PackedConv::reads_blocks) else { return Vec::new() };
    let mut by_channel = Vec::new();
    let mut parts: Vec<usize> = node.inputs.first().copied().into_iter().collect();
    while let Some(part) = parts.pop() {
        let node = &nodes[part];
        if let Step::Concat = node.step {
            parts.extend(node.inputs.iter().rev());
        } else {
            by_channel.extend(std::iter::repeat_n(blocked[part], channels(node)));
        }
    }
    if by_channel.contains(&true) {
        by_channel.into_iter().step_by(block).collect()
    } else {
        Vec::new()
    }
}

fn conv(node: &Planned) -> Option<&PackedConv> {
    match &node.step {
        Step::Conv { weight, .. } => Some(weight),
        _ => None,
    }
}

/// What a convolution adds to its result.
fn residual(node: &Planned) -> Option<usize> {
    match (&node.step, node.inputs.as_slice()) {
        (Step::Conv { measured: None, .. }, [_, residual])
        | (Step::Conv { measured: Some(_), .. }, [_, residual, _]) => Some(*residual),
        _ => None,
    }
}

/// Whether a convolution that writes blocks gives the moments of its result, see [`kernels::conv_moments`].
fn tells(node: &Planned) -> bool {
    let quiet = matches!(node.step, Step::Conv { activation: Activation::Identity, .. });
    quiet && residual(node).is_none()
}

fn channels(node: &Planned) -> usize {
    node.shape.get(1).copied().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::{Network, Options};
    use super::*;
    use crate::graph::{Builder, Conv, ConvTranspose, Graph, Value, Window};
    use crate::tensor::Tensor;
    use crate::weights::Scope;
    use kernels::Pool;

    fn layer(b: &mut Builder, s: &Scope, x: Value, out: usize) -> Value {
        let x = b.conv(x, &s.at("conv"), Conv::new(out, [3, 3]).pad(1)).unwrap();
        let x = b.instance_norm(x, Some(&s.at("norm")), 1e-5).unwrap();
        b.activation(x, Activation::LeakyRelu(0.01))
    }

    /// A U-Net whose lower level has the size of the upper, so that all of its layers, but a first of few channels, are filtered on any machine; `ins` are the
    /// channels of the picture, `up` those that come back, before those of the skip connection.
    fn unet(batch: usize, ins: usize, up: usize) -> Graph {
        let (mut b, s) = (Builder::new(), Scope::recording());
        let x = b.input("x", &[batch, ins, 36, 44]);
        let first = layer(&mut b, &s.at("first"), x, 32);
        let skip = layer(&mut b, &s.at("skip"), first, 32);
        let below = layer(&mut b, &s.at("below"), skip, 32);
        let below = layer(&mut b, &s.at("deep"), below, 32);
        let below = b.max_pool(below, Window::new([2, 2]).stride(2)).unwrap();
        let raised = ConvTranspose::of(up, &[2, 2]).strides(&[2, 2]);
        let raised = b.conv_transpose(below, &s.at("up"), raised).unwrap();
        let joined = b.concat(&[raised, skip], 1).unwrap();
        let y = layer(&mut b, &s.at("last"), joined, 32);
        let y = layer(&mut b, &s.at("end"), y, 16);
        let y = b.conv(y, &s.at("head"), Conv::new(2, [1, 1])).unwrap();
        b.finish(&[("y", y)])
    }

    /// Residual blocks, one after another.
    fn residual_net() -> Graph {
        let (mut b, s) = (Builder::new(), Scope::recording());
        let x = b.input("x", &[1, 32, 30, 41]);
        let conv = |b: &mut Builder, name: &str, x| {
            b.conv(x, &s.at(name), Conv::new(32, [3, 3]).pad(1)).unwrap()
        };
        let mut y = conv(&mut b, "first", x);
        for k in 0..3 {
            let inner = conv(&mut b, &format!("{k}.a"), y);
            let inner = b.activation(inner, Activation::Relu);
            let inner = conv(&mut b, &format!("{k}.b"), inner);
            let sum = b.add(inner, y).unwrap();
            y = b.activation(sum, Activation::Relu);
        }
        let last = conv(&mut b, "last", y);
        b.finish(&[("last", last)])
    }

    /// Names of the nodes that write blocks and of those that read some; checks that plain values give the same bits, or results that differ less
    /// than so much of the greatest.
    fn blocks(graph: &Graph, apart: f32) -> [Vec<String>; 2] {
        let options = || Options::new(Pool::new(2));
        let mut network = Network::compile(graph.clone(), &options()).unwrap();
        let mut plain = Network::compile_with(graph.clone(), &options(), |_, _| {}).unwrap();
        let shape = graph.input_shapes()[0];
        let count: usize = shape.iter().product();
        let values = (0..count).map(|i| (i * i % 1009) as f32 / 504.0 - 1.0).collect();
        let x = Tensor::new(shape, values).unwrap();
        let results = [&mut network, &mut plain].map(|network| network.run(&[&x]).unwrap());
        if apart == 0.0 {
            assert_eq!(results[0], results[1]);
        }
        for (y, plain) in results[0].iter().zip(&results[1]) {
            let most = plain.data().iter().fold(0.0, |most: f32, v| most.max(v.abs()));
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= apart * most;
            assert!(y.data().iter().zip(plain.data()).all(near), "more than {apart} of {most}");
        }
        let (mut writers, mut readers) = (Vec::new(), Vec::new());
        for node in network.nodes.iter() {
            let (reads, writes) = match &node.step {
                Step::Conv { x_blocks, y_blocked, .. } => (x_blocks.contains(&true), *y_blocked),
                Step::ConvTranspose { weight, .. } => (false, weight.in_blocks()),
                _ => continue,
            };
            writers.extend(writes.then(|| node.name.clone()));
            readers.extend(reads.then(|| node.name.clone()));
        }
        [writers, readers]
    }

    #[test]
    fn what_convolutions_alone_read_lies_in_blocks() {
        for batch in [1, 2] {
            let [writers, readers] = blocks(&unet(batch, 20, 16), 0.0);
            assert_eq!(writers, ["first.conv", "skip.conv", "below.conv", "up", "last.conv"]);
            assert_eq!(readers, ["skip.conv", "below.conv", "deep.conv", "last.conv", "end.conv"]);
        }
        // Behind six channels a block would begin in the middle of a vector.
        let [writers, _] = blocks(&unet(1, 20, 6), 0.0);
        assert_eq!(writers, ["first.conv", "below.conv", "last.conv"]);
    }

    #[test]
    fn first_layers_of_few_channels_write_blocks() {
        for batch in [1, 2] {
            let [writers, readers] = blocks(&unet(batch, 3, 16), 1e-5);
            assert_eq!(writers, ["first.conv", "skip.conv", "below.conv", "up", "last.conv"]);
            assert_eq!(readers[0], "skip.conv");
        }
    }

    #[test]
    fn what_is_added_lies_as_what_it_is_added_to() {
        let [writers, readers] = blocks(&residual_net(), 0.0);
        let all = ["first", "0.a", "0.b", "1.a", "1.b", "2.a", "2.b"];
        assert_eq!(writers, all);
        assert_eq!(readers, [&all[1..], &["last"]].concat());
    }
}
