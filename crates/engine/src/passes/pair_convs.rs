//! A pointwise convolution and the depthwise one that alone reads it, as in the blocks of MobileNet and EfficientNet: what the first writes
//! then never is in memory as a whole.

use crate::graph::{Graph, Node, Op, PlainConv};
use kernels::conv_pair_suits;

/// Joins wherever the kernels say that it is worth it.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Some(&source) = graph.nodes[index].inputs.first() else { continue };
        let (Some(first), Some(second)) =
            (plain(&graph.nodes[source.0]), plain(&graph.nodes[index]))
        else {
            continue;
        };
        if uses[source.0] == 1 && conv_pair_suits(&first.shape, &second.shape) {
            let inputs = graph.nodes[source.0].inputs.clone();
            let node = &mut graph.nodes[index];
            (node.op, node.inputs) = (Op::ConvPair(Box::new([first, second])), inputs);
        }
    }
}

/// A convolution that adds nothing and has nothing before it.
fn plain(node: &Node) -> Option<PlainConv> {
    match &node.op {
        Op::Conv { shape, weight, bias, prologue: None, measured: None, activation }
            if node.inputs.len() == 1 =>
        {
            let (shape, weight, bias) = (shape.clone(), weight.clone(), bias.clone());
            Some(PlainConv { shape, weight, bias, activation: *activation })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::cpu::{Network, Options};
    use crate::graph::{Builder, Conv, Graph, Value};
    use crate::passes::Passes;
    use crate::tensor::Tensor;
    use crate::weights::Scope;
    use kernels::{Activation, Pool};

    /// An inverted residual block; its first value is also an output if `wanted`.
    fn block(wanted: bool) -> Graph {
        let (mut b, s) = (Builder::new(), Scope::recording());
        let x = b.input("x", &[3, 6, 9, 8]);
        let conv = |b: &mut Builder, at: &str, x: Value, conv: Conv| {
            let x = b.conv(x, &s.at(at), conv).unwrap();
            b.batch_norm(x, &s.at(at).at("norm"), 1e-5).unwrap()
        };
        let wide = conv(&mut b, "expand", x, Conv::new(36, [1, 1]).no_bias());
        let wide = b.activation(wide, Activation::Silu);
        let deep = conv(&mut b, "depthwise", wide, Conv::new(36, [3, 3]).pad(1).groups(36));
        let deep = b.activation(deep, Activation::Silu);
        let y = conv(&mut b, "project", deep, Conv::new(6, [1, 1]).no_bias());
        match wanted {
            true => b.finish(&[("y", y), ("wide", wide)]),
            false => b.finish(&[("y", y)]),
        }
    }

    #[test]
    fn what_a_depthwise_convolution_alone_reads_is_never_whole() {
        let ops = |graph: &Graph| -> Vec<&'static str> {
            graph.nodes.iter().map(|node| node.op.name()).collect()
        };
        let (plain, joined) = (block(false), Passes::all().rewrite(block(false)));
        assert_eq!(ops(&joined), ["input", "conv-pair", "conv"]);
        assert_eq!(joined.flops(), plain.flops());
        assert_eq!(ops(&Passes::all().rewrite(block(true))), ["input", "conv", "conv", "conv"]);

        let values = (0..3 * 6 * 9 * 8).map(|i| (i * 7919 % 200) as f32 * 0.01 - 1.0).collect();
        let x = Tensor::new(&[3, 6, 9, 8], values).unwrap();
        let expected = plain.interpret(&[&x]).unwrap();
        let close = |y: &[Tensor]| {
            let pairs = y[0].data().iter().zip(expected[0].data());
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs()))
        };
        assert!(close(&joined.interpret(&[&x]).unwrap()));
        let run = |threads| {
            let mut network = Network::compile(block(false), &Options::new(Pool::new(threads)));
            network.as_mut().unwrap().run(&[&x]).unwrap()
        };
        let answers = [1, 2, 4].map(run);
        assert!(close(&answers[0]));
        assert!(answers[1..].iter().all(|answer| answer[0].data() == answers[0][0].data()));
    }
}
