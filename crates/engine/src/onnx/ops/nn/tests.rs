//! All operations of this family on odd inputs: an error or a result, never a panic; and what the rules
//! foresee is what comes out.

use super::*;
use crate::array::{Array, DType, Data};
use crate::error::Result;
use crate::onnx::graph::{Attribute, Attributes, Node};
use crate::onnx::ops::{Ask, Call, Inputs, Known, Memo, NoBodies, Op, Value};
use kernels::Pool;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn families() -> Vec<&'static Op> {
    let all: &[&'static [Op]] = &[
        attention::OPS,
        batch_norm::OPS,
        conv::OPS,
        conv_transpose::OPS,
        deform_conv::OPS,
        flex_attention::OPS,
        global_pool::OPS,
        grid_sample::OPS,
        layer_norm::OPS,
        linear_attention::OPS,
        loss::OPS,
        non_max_suppression::OPS,
        norm::OPS,
        other_norms::OPS,
        pool::OPS,
        recurrent::OPS,
        regions::OPS,
        resize::OPS,
        rotary::OPS,
        spectrum::OPS,
        training::OPS,
        unpool::OPS,
    ];
    all.iter().flat_map(|family| family.iter()).collect()
}

fn run(
    pool: &Pool,
    op: &'static Op,
    version: i64,
    attributes: Attributes,
    inputs: Vec<Option<Array>>,
    outputs: usize,
) -> (Result<Vec<Value>>, Option<Vec<Known>>) {
    let node = Node {
        name: "test".into(),
        op,
        version,
        attributes,
        inputs: Vec::new(),
        outputs: vec![Some(0); outputs],
        bodies: Vec::new(),
    };
    let known: Vec<Option<Known>> =
        inputs.iter().map(|input| input.clone().map(Known::from)).collect();
    let known: Vec<Option<&Known>> = known.iter().map(Option::as_ref).collect();
    let foreseen = op.infer.and_then(|infer| infer(&Ask { node: &node, inputs: &known }));
    let memo = Memo::with_bodies(Vec::new());
    let constant = vec![true; inputs.len()];
    let call = Call {
        node: &node,
        pool,
        most_bytes: 1 << 24,
        constant: &constant,
        memo: &memo,
        bodies: &NoBodies,
    };
    let inputs = inputs.into_iter().map(|input| input.map(Value::Array)).collect();
    ((op.run)(&call, Inputs(inputs)), foreseen)
}

/// Numbers in a fixed order that looks random (Marsaglia, xorshift, 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    fn shape(&mut self, rank: usize) -> Vec<usize> {
        let wild = self.roll(12) == 0;
        let mut shape: Vec<usize> = (0..rank)
            .map(|_| match wild {
                true => self.pick(&[0, 0, 1, 2, 3, 1 << 20, 1 << 40, 1 << 62, usize::MAX]),
                false => self.pick(&[1, 2, 2, 3, 4, 4, 5, 6]),
            })
            .collect();
        let n = crate::array::count(&shape);
        if n.is_none_or(|n| n > 4096) {
            // Too many values: an empty array of that shape instead.
            shape[0] = 0;
        }
        shape
    }

    fn array(&mut self, shape: &[usize]) -> Array {
        let n = crate::array::count(shape).unwrap();
        match self.roll(10) {
            0 => {
                let values = (0..n)
                    .map(|_| self.pick(&[-1i64, 0, 1, 2, 3, 7, i64::MAX, i64::MIN]))
                    .collect();
                Array::of(shape, values).unwrap()
            }
            1 | 2 => Array::of(shape, (0..n).map(|_| self.roll(4) as i64).collect()).unwrap(),
            3 => {
                let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e30, -1e30, 1.0];
                Array::f32(shape, (0..n).map(|_| self.pick(&odd)).collect()).unwrap()
            }
            4 => Array::of(shape, vec![0.5f64; n]).unwrap(),
            5 => Array::of(shape, vec![String::from("x"); n.min(4096)])
                .unwrap_or_else(|_| Array::scalar(1.0f32)),
            6 => Array::of(shape, vec![true; n]).unwrap(),
            _ => Array::f32(shape, (0..n).map(|_| self.roll(100) as f32 / 25.0 - 1.5).collect())
                .unwrap(),
        }
    }

    fn attributes(&mut self, rank: usize) -> Attributes {
        let mut attributes = Attributes::default();
        let spatial = rank.saturating_sub(2);
        for name in ["kernel_shape", "strides", "dilations", "output_padding", "output_shape"] {
            if self.roll(if name == "kernel_shape" { 2 } else { 6 }) == 0 {
                let values =
                    (0..spatial).map(|_| self.pick(&[1, 1, 2, 2, 3, 0, -1, 1 << 29, i64::MAX]));
                attributes.push(name.into(), Attribute::Ints(values.collect()));
            }
        }
        if self.roll(3) == 0 {
            let values = (0..2 * spatial).map(|_| self.pick(&[0, 1, 1, 2, 3, -1, 1 << 40]));
            attributes.push("pads".into(), Attribute::Ints(values.collect()));
        }
        if self.roll(4) == 0 {
            let values = (0..1 + self.roll(3)).map(|_| self.pick(&[0, 1, 2, -1, 9]));
            attributes.push("axes".into(), Attribute::Ints(values.collect()));
        }
        for name in [
            "group",
            "ceil_mode",
            "count_include_pad",
            "storage_order",
            "axis",
            "p",
            "num_groups",
            "size",
            "layout",
            "hidden_size",
            "linear_before_reset",
            "q_num_heads",
            "kv_num_heads",
            "num_heads",
            "is_causal",
            "antialias",
            "exclude_outside",
            "onesided",
            "inverse",
            "training_mode",
            "sampling_ratio",
            "output_height",
            "output_width",
            "offset_group",
            "align_corners",
            "left_window_size",
            "qk_matmul_output_mode",
            "interleaved",
        ] {
            if self.roll(3) == 0 {
                let value = self.pick(&[1, 1, 1, 2, 2, 3, 0, -1, i64::MIN, i64::MAX]);
                attributes.push(name.into(), Attribute::Int(value));
            }
        }
        let texts = [
            ("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]),
            ("mode", ["linear", "cubic", "nearest", "max"]),
            ("direction", ["reverse", "bidirectional", "forward", "up"]),
            ("padding_mode", ["zeros", "border", "reflection", "x"]),
            ("reduction", ["none", "sum", "mean", "x"]),
            ("update_rule", ["linear", "gated", "delta", "gated_delta"]),
            ("nearest_mode", ["floor", "ceil", "round_prefer_ceil", "round_prefer_floor"]),
            ("keep_aspect_ratio_policy", ["stretch", "not_larger", "not_smaller", "x"]),
            (
                "coordinate_transformation_mode",
                ["align_corners", "asymmetric", "tf_crop_and_resize", "half_pixel_symmetric"],
            ),
        ];
        for (name, values) in texts {
            if self.roll(3) == 0 {
                attributes.push(name.into(), Attribute::Text(self.pick(&values).into()));
            }
        }
        attributes
    }
}

#[test]
fn odd_inputs_give_an_error_or_what_the_rule_foresaw() {
    let pool = Pool::new(2);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut succeeded = std::collections::BTreeSet::new();
    let mut panicked = std::collections::BTreeMap::new();
    for op in families() {
        for _ in 0..400 {
            let rank = dice.pick(&[3, 4, 4, 4, 5, 2, 1, 0, 6]);
            let first = dice.shape(rank);
            let mut inputs = vec![Some(dice.array(&first))];
            for _ in 0..dice.roll(8) {
                let shape = match dice.roll(6) {
                    0 | 1 => first.clone(),
                    2 => first.get(1).map_or(vec![1], |n| vec![*n]),
                    3 => vec![first.len().max(1)],
                    _ => {
                        let rank = dice.pick(&[0, 1, 1, 2, 3, 4]);
                        dice.shape(rank)
                    }
                };
                let shape = match crate::array::count(&shape) {
                    Some(0..=4096) => shape,
                    _ => vec![1],
                };
                let array = dice.array(&shape);
                inputs.push((dice.roll(8) > 0).then_some(array));
            }
            let attributes = dice.attributes(rank);
            let version = dice.pick(&[1, 7, 9, 10, 11, 13, 16, 18, 20, 24]);
            let outputs = 1 + dice.roll(4);
            let told = format!(
                "{} {version} {attributes:?} {:?}",
                op.name,
                inputs
                    .iter()
                    .map(|i| i.as_ref().map(|a| (a.dtype(), a.shape())))
                    .collect::<Vec<_>>()
            );
            let attempt = AssertUnwindSafe(|| run(&pool, op, version, attributes, inputs, outputs));
            let Ok((result, foreseen)) = catch_unwind(attempt) else {
                panicked.entry(op.name).or_insert(told);
                continue;
            };
            let Ok(results) = result else { continue };
            succeeded.insert(op.name);
            for (result, known) in results.iter().zip(foreseen.iter().flatten()) {
                let Some(array) = result.array() else { continue };
                let is = (array.dtype(), array.shape());
                assert_eq!(is, (known.dtype, known.shape.as_slice()), "{told}");
            }
        }
    }
    assert!(panicked.is_empty(), "{panicked:#?}");
    // The inputs are not so odd that everything is refused.
    assert!(succeeded.len() > 15, "{succeeded:?}");
}

fn ints(attributes: &mut Attributes, name: &str, values: &[i64]) {
    attributes.push(name.into(), Attribute::Ints(values.to_vec()));
}

fn find(name: &str) -> &'static Op {
    families().into_iter().find(|op| op.name == name).unwrap()
}

fn only(result: (Result<Vec<Value>>, Option<Vec<Known>>)) -> Array {
    result.0.unwrap()[0].array().unwrap().clone()
}

#[test]
fn a_transposed_convolution_by_phases_equals_the_plain_sum() {
    let pool = Pool::new(2);
    let x = Array::f32(&[1, 2, 3, 2], (0..12).map(|i| i as f32 - 4.0).collect()).unwrap();
    let w = Array::f32(&[2, 1, 3, 2], (0..12).map(|i| 0.5 * i as f32).collect()).unwrap();
    let make = |strides: [i64; 2]| {
        let mut attributes = Attributes::default();
        ints(&mut attributes, "strides", &strides);
        ints(&mut attributes, "pads", &[1, 0, 0, 1]);
        let inputs = vec![Some(x.clone()), Some(w.clone())];
        only(run(&pool, find("ConvTranspose"), 11, attributes, inputs, 1))
    };
    // Strides beyond the number of phases that are packed: where nothing overlaps, only places differ.
    let (few, many) = (make([4, 4]), make([40, 40]));
    let nonzero = |array: &Array| -> Vec<f32> {
        let mut values: Vec<f32> =
            array.slice::<f32>().unwrap().iter().copied().filter(|v| *v != 0.0).collect();
        values.sort_by(f32::total_cmp);
        values
    };
    assert_eq!(nonzero(&few), nonzero(&many));
    assert!(nonzero(&few).len() > 20);
}

#[test]
fn a_recurrent_network_of_no_inputs_runs_on_its_biases() {
    let pool = Pool::new(1);
    let zeros =
        |shape: &[usize]| Some(Array::f32(shape, vec![0.0; shape.iter().product()]).unwrap());
    let bias = Array::f32(&[1, 4], vec![0.5, -1.0, 0.25, 0.0]).unwrap();
    let inputs = vec![zeros(&[1, 3, 0]), zeros(&[1, 2, 0]), zeros(&[1, 2, 2]), Some(bias)];
    let y = only(run(&pool, find("RNN"), 14, Attributes::default(), inputs, 1));
    let Data::F32(values) = y.data() else { panic!("{}", DType::F32) };
    for sample in values.chunks_exact(2) {
        assert!(
            (sample[0] - 0.75f32.tanh()).abs() < 1e-6 && (sample[1] + 1f32.tanh()).abs() < 1e-6
        );
    }
}
