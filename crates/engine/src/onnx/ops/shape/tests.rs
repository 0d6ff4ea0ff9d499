//! Every operation of this family and of `flow` on thousands of arbitrary calls: none panics, none
//! takes memory it may not, and where a rule tells a result's type and shape, the run agrees.

use crate::array::{Array, DType, bf16, f16};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::graph::{Attribute, Attributes, Node};
use crate::onnx::ops::{Ask, Bodies, Call, Inputs, Known, Memo, Op, Value, find};
use kernels::Pool;

/// Gives back what it is given, a truth in front for loops.
struct Echo;

impl Bodies for Echo {
    fn run(&self, name: &str, mut inputs: Vec<Value>) -> Result<Vec<Value>> {
        if name == "body" && inputs.len() > 2 {
            inputs.remove(0);
        }
        Ok(inputs)
    }
    fn nothing(&self, _: &str, _: usize) -> Result<Array> {
        Array::new(&[0], DType::F32.no_values())
    }
    fn input_count(&self, _: &str) -> Result<usize> {
        Err(Error::new(ErrorKind::Unsupported, "not asked"))
    }
}

const MOST_BYTES: u64 = 1 << 20;

fn node(name: &str, version: i64, attributes: Vec<(&str, Attribute)>, outputs: usize) -> Node {
    let op: &'static Op = find("", name).or_else(|| find("ai.onnx.ml", name)).unwrap();
    let mut list = Attributes::default();
    for (key, value) in attributes {
        list.push(key.to_string(), value);
    }
    let outputs = (0..outputs).map(Some).collect();
    let (inputs, bodies) = (Vec::new(), Vec::new());
    Node { name: name.into(), op, version, attributes: list, inputs, outputs, bodies }
}

/// Runs the node, and holds its rule, if it has one, to what came out.
fn run(node: &Node, inputs: &[Option<Value>], pool: &Pool) -> Result<Vec<Value>> {
    let memo = Memo::with_bodies(Vec::new());
    let call =
        Call { node, pool, most_bytes: MOST_BYTES, constant: &[], memo: &memo, bodies: &Echo };
    let told = node.op.infer.and_then(|infer| {
        let known: Option<Vec<Option<Known>>> = inputs
            .iter()
            .map(|input| match input {
                None => Some(None),
                Some(Value::Array(array)) => Some(Some(Known::from(array.clone()))),
                Some(_) => None,
            })
            .collect();
        let known = known?;
        let known: Vec<Option<&Known>> = known.iter().map(Option::as_ref).collect();
        infer(&Ask { node, inputs: &known })
    });
    let results = (node.op.run)(&call, Inputs(inputs.to_vec()))?;
    for (told, result) in told.iter().flatten().zip(&results) {
        // Parts that no output takes are not made.
        let Some(result) = result.array() else { continue };
        assert_eq!((told.dtype, &told.shape[..]), (result.dtype(), result.shape()), "{node:?}");
        if let Some(value) = &told.value {
            assert_eq!(value, result, "{node:?}");
        }
    }
    Ok(results)
}

/// Arbitrary but always the same (Knuth's multiplier for 64 bits, TAOCP 3.3.4).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
    /// Mostly what fits small shapes; now and then what fits nothing.
    fn int(&mut self) -> i64 {
        if self.below(12) == 0 {
            return self.pick(&[i64::MAX, i64::MIN, 1 << 40, -(1 << 40), 1 << 31, 77]);
        }
        self.below(8) as i64 - 3
    }
    fn ints(&mut self, most: usize) -> Vec<i64> {
        let (n, kind) = (self.below(most + 1), self.below(3));
        let of = |dice: &mut Dice| match kind {
            0 => dice.int(),
            1 => dice.below(4) as i64,
            _ => dice.below(2) as i64,
        };
        (0..n).map(|_| of(self)).collect()
    }
    fn shape(&mut self) -> Vec<usize> {
        let rank = self.below(5);
        let full = self.below(4) != 0;
        (0..rank).map(|_| if full { 1 + self.below(4) } else { self.below(4) }).collect()
    }
    fn array(&mut self, shape: &[usize]) -> Array {
        let n = shape.iter().product();
        let real = |dice: &mut Dice| match dice.below(20) {
            0 => f32::NAN,
            1 => f32::INFINITY,
            _ => dice.below(9) as f32 - 4.0,
        };
        let array = match self.below(12) {
            0 => Array::of(shape, (0..n).map(|_| self.below(2) == 0).collect::<Vec<bool>>()),
            1 => Array::of(shape, (0..n).map(|_| f16::from_f32(real(self))).collect::<Vec<f16>>()),
            2 => {
                Array::of(shape, (0..n).map(|_| bf16::from_f32(real(self))).collect::<Vec<bf16>>())
            }
            3 => Array::of(shape, (0..n).map(|i| "ab".repeat(i % 3)).collect::<Vec<String>>()),
            4 => Array::of(shape, (0..n).map(|_| self.int() as i32).collect::<Vec<i32>>()),
            5 => Array::of(shape, (0..n).map(|_| self.int() as u8).collect::<Vec<u8>>()),
            6 | 7 => Array::of(shape, (0..n).map(|_| self.int()).collect::<Vec<i64>>()),
            _ => Array::of(shape, (0..n).map(|_| real(self)).collect::<Vec<f32>>()),
        };
        array.unwrap()
    }
    fn value(&mut self, shape: &[usize]) -> Option<Value> {
        Some(match self.below(16) {
            0 => return None,
            1 | 2 => Array::scalar(self.int()).into(),
            3 | 4 => Array::vector(self.ints(4)).into(),
            5 => Array::vector(self.ints(8)).into(),
            6 => Array::scalar(self.below(2) == 0).into(),
            7 => {
                let n = self.below(3);
                Value::Sequence((0..n).map(|_| self.array(shape)).collect())
            }
            8 => {
                let shape = self.shape();
                let n = shape.iter().product();
                let values = (0..n).map(|_| self.below(3) as i64).collect::<Vec<i64>>();
                Array::of(&shape, values).unwrap().into()
            }
            9 | 10 => {
                let shape = self.shape();
                self.array(&shape).into()
            }
            _ => self.array(shape).into(),
        })
    }
}

impl Dice {
    /// What many operations accept: values, then indices, extents or further values that go with them.
    fn likely(&mut self, shape: &[usize]) -> (Vec<(&'static str, Attribute)>, Vec<Option<Value>>) {
        let rank = shape.len();
        let mut attributes = Vec::new();
        if self.below(2) == 0 {
            let at = self.below(2 * rank + 1) as i64 - rank as i64;
            attributes.push(("axis", Attribute::Int(at)));
        }
        for (name, most) in [("keepdims", 2), ("upper", 2), ("blocksize", 4), ("batch_dims", 2)] {
            if self.below(3) == 0 {
                attributes.push((name, Attribute::Int(self.below(most) as i64)));
            }
        }
        for (name, words) in TEXTS {
            if self.below(2) == 0 {
                attributes.push((name, Attribute::Text(self.pick(words).to_string())));
            }
        }
        let floats = |dice: &mut Dice, shape: &[usize]| {
            let n = shape.iter().product();
            let values = (0..n).map(|_| dice.below(9) as f32 - 4.0).collect();
            Value::Array(Array::f32(shape, values).unwrap())
        };
        let mut inputs = vec![Some(floats(self, shape))];
        for _ in 0..self.below(4) {
            let small = |dice: &mut Dice, shape: &[usize], most: usize| {
                let n = shape.iter().product();
                let values = (0..n).map(|_| dice.below(most) as i64).collect::<Vec<i64>>();
                Value::Array(Array::of(shape, values).unwrap())
            };
            inputs.push(Some(match self.below(7) {
                0 => small(self, &[rank], 3),
                1 => small(self, &[2 * rank], 3),
                2 => small(self, shape, 2),
                3 => small(self, &[2, 1], 2),
                4 => floats(self, &[&[2], shape.get(1..).unwrap_or(&[])].concat()),
                5 => small(self, &[], 3),
                _ => floats(self, shape),
            }));
        }
        (attributes, inputs)
    }
}

const INTS: &[&str] = &[
    "axis",
    "keepdims",
    "batch_dims",
    "k",
    "largest",
    "sorted",
    "upper",
    "blocksize",
    "allowzero",
    "start",
    "end",
    "noop_with_empty_axes",
    "select_last_index",
    "batch_axis",
    "time_axis",
    "dtype",
    "new_axis",
    "num_scan_inputs",
    "periodic",
    "output_datatype",
    "maxsplit",
    "min_gram_length",
    "max_gram_length",
    "max_skip_count",
];
const LISTS: &[&str] = &[
    "axes",
    "perm",
    "pads",
    "split",
    "starts",
    "ends",
    "shape",
    "dilations",
    "strides",
    "scan_input_axes",
    "scan_output_axes",
    "ngram_counts",
    "ngram_indexes",
    "pool_int64s",
];
const TEXTS: &[(&str, &[&str])] = &[
    ("mode", &["constant", "reflect", "edge", "wrap", "CRD", "DCR", "linear", "circular", "TF"]),
    ("reduction", &["none", "add", "mul", "max", "min", "?"]),
];

fn family() -> Vec<&'static str> {
    let flow = [super::super::flow::scan::OPS, super::super::flow::sequence::OPS];
    let rest = [super::super::flow::optional::OPS, super::super::flow::control::OPS];
    let shape: [&[Op]; 15] = [
        super::axes::OPS,
        super::col2im::OPS,
        super::concat::OPS,
        super::fill::OPS,
        super::gather::OPS,
        super::labels::OPS,
        super::layout::OPS,
        super::order::OPS,
        super::pad::OPS,
        super::reduce::OPS,
        super::reverse::OPS,
        super::scatter::OPS,
        super::slice::OPS,
        super::text::OPS,
        super::unique::OPS,
    ];
    let all = shape.iter().chain(&flow).chain(&rest);
    // A loop may run for as long as it is told to.
    all.flat_map(|ops| ops.iter()).map(|op| op.name).filter(|name| *name != "Loop").collect()
}

#[test]
fn no_call_panics_and_no_rule_contradicts_a_run() {
    let pool = Pool::new(2);
    let mut dice = Dice(7);
    for name in family() {
        let mut fine = 0;
        for _ in 0..3000 {
            let mut attributes = Vec::new();
            for _ in 0..dice.below(5) {
                let name = dice.pick(INTS);
                attributes.push((name, Attribute::Int(dice.int())));
            }
            for _ in 0..dice.below(5) {
                let name = dice.pick(LISTS);
                attributes.push((name, Attribute::Ints(dice.ints(5))));
            }
            for _ in 0..dice.below(3) {
                let (name, words) = dice.pick(TEXTS);
                attributes.push((name, Attribute::Text(dice.pick(words).to_string())));
            }
            let version = dice.pick(&[1, 8, 9, 13, 18, 24]);
            let shape = dice.shape();
            let mut inputs: Vec<Option<Value>> =
                (0..1 + dice.below(5)).map(|_| dice.value(&shape)).collect();
            if dice.below(3) != 0 {
                (attributes, inputs) = dice.likely(&shape);
            }
            let node = node(name, version, attributes, 1 + dice.below(4));
            fine += usize::from(run(&node, &inputs, &pool).is_ok());
        }
        println!("{name}: {fine} of 3000 calls ran");
    }
}

#[test]
fn what_would_not_fit_is_refused_before_it_is_made() {
    let pool = Pool::new(1);
    let huge = |values: &[i64]| Some(Value::Array(Array::vector(values.to_vec())));
    let one = || Some(Value::Array(Array::vector(vec![1.0f32])));
    let calls = [
        ("Expand", vec![one(), huge(&[1 << 40, 1 << 40])]),
        ("Tile", vec![one(), huge(&[i64::MAX])]),
        ("ConstantOfShape", vec![huge(&[1 << 50])]),
        ("Pad", vec![one(), huge(&[1 << 60, 1 << 60])]),
        (
            "OneHot",
            vec![huge(&[1]), huge(&[1 << 60]), Some(Array::vector(vec![0.0f32, 1.0]).into())],
        ),
        ("HannWindow", vec![huge(&[1 << 60])]),
        ("CenterCropPad", vec![one(), huge(&[1 << 60])]),
    ];
    for (name, inputs) in calls {
        let error = run(&node(name, 18, Vec::new(), 1), &inputs, &pool).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Limit, "{name}: {error}");
    }
    let range = [0, i64::MAX, 1].map(|v| Some(Value::Array(Array::scalar(v))));
    let error = run(&node("Range", 11, Vec::new(), 1), &range, &pool).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Limit);
}

#[test]
fn a_loop_that_never_ends_stops_when_its_results_fill_the_memory_allowed() {
    let trips = Some(Value::Array(Array::scalar(i64::MAX)));
    // The body gives (condition, carried, carried again for stacking): two carried inputs, one stacked.
    struct Twice;
    impl Bodies for Twice {
        fn run(&self, _: &str, inputs: Vec<Value>) -> Result<Vec<Value>> {
            Ok(vec![inputs[1].clone(), inputs[2].clone(), inputs[2].clone()])
        }
        fn nothing(&self, _: &str, _: usize) -> Result<Array> {
            Array::new(&[0], DType::F32.no_values())
        }
        fn input_count(&self, _: &str) -> Result<usize> {
            Ok(3)
        }
    }
    for carried in [Array::vector(vec![0.5f32; 100]), Array::vector(Vec::<f32>::new())] {
        let node = node("Loop", 16, Vec::new(), 2);
        let memo = Memo::with_bodies(Vec::new());
        let pool = Pool::new(1);
        let call = Call {
            node: &node,
            pool: &pool,
            most_bytes: MOST_BYTES,
            constant: &[],
            memo: &memo,
            bodies: &Twice,
        };
        let inputs = Inputs(vec![trips.clone(), None, Some(carried.into())]);
        let error = (node.op.run)(&call, inputs).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Limit);
    }
}

#[test]
fn reductions_of_nothing_are_the_neutral_values() {
    let pool = Pool::new(1);
    let empty = Some(Value::Array(Array::f32(&[2, 0], Vec::new()).unwrap()));
    let axes = Some(Value::Array(Array::vector(vec![1i64])));
    let of = |name| {
        let result = run(&node(name, 18, Vec::new(), 1), &[empty.clone(), axes.clone()], &pool);
        result.unwrap()[0].array().unwrap().slice::<f32>().unwrap().to_vec()
    };
    assert_eq!(of("ReduceSum"), [0.0; 2]);
    assert_eq!(of("ReduceProd"), [1.0; 2]);
    assert_eq!(of("ReduceMax"), [f32::NEG_INFINITY; 2]);
    assert_eq!(of("ReduceMin"), [f32::INFINITY; 2]);
    assert_eq!(of("ReduceLogSumExp"), [f32::NEG_INFINITY; 2]);
    assert_eq!(of("ReduceL2"), [0.0; 2]);
    assert!(of("ReduceMean")[0].is_nan());
}

#[test]
fn means_of_small_integers_do_not_overflow_and_are_cut_towards_zero() {
    let pool = Pool::new(1);
    let x = Array::of(&[2, 3], vec![100i8, 120, 127, -7, -1, 0]).unwrap();
    let attributes = vec![("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(0))];
    let node = node("ReduceMean", 13, attributes, 1);
    let mean = run(&node, &[Some(x.into())], &pool).unwrap();
    assert_eq!(mean[0].array().unwrap().slice::<i8>().unwrap(), [115, -2]);
}
