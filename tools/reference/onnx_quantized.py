"""Small int8 models with reference outputs, for the engine's test of quantised ONNX.

    python tools/reference/onnx_quantized.py [name ...]

ONNX Runtime's own quantiser turns float models with made-up weights (synth.py) into

    qdq_cnn         QuantizeLinear / DequantizeLinear around each operation, weights per channel
    qoperator_cnn   QLinearConv, QLinearMatMul
    qdq_mlp         QDQ with signed 8-bit activations, symmetric, LayerNormalization and Softmax between
    dynamic_mlp     DynamicQuantizeLinear, MatMulInteger: ranges taken from the running input
    qdq_wide        a float network with enough weights that keeping them as bytes counts: 1x1, 5x5, transposed, Gemm
    qdq_wide_mlp    the same of products, weights per tensor, unsigned

and writes crates/engine/tests/fixtures/onnx/quantized/<name>.onnx.gz (weights inside) and <name>.json
in the format of onnx_networks.py. Reference outputs are those of ONNX Runtime without graph
optimisations, that is of each operation as ONNX defines it; `noise` is how far the fused int8
kernels lie from it, and `step` the largest change that one rounding to the other side in the
last quantised tensor can cause, both relative to the largest value.
Weights have 7 bits (`reduce_range`), so that no processor's 16-bit sums saturate.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

sys.path.insert(0, str(Path(__file__).resolve().parent))
import onnx_fixture
import synth

OUT = Path(__file__).resolve().parents[2] / "crates/engine/tests/fixtures/onnx/quantized"


class Draws(CalibrationDataReader):
    """Eight calibration inputs, none of them the test's."""

    def __init__(self, name, shape):
        self.rows = iter([
            {name: synth.uniform(f"calibration:{n}", int(np.prod(shape))).reshape(shape)} for n in range(8)
        ])

    def get_next(self):
        return next(self.rows, None)


def weight(name, *shape, transposed=False):
    values = synth.fill(name, shape)
    return numpy_helper.from_array(np.ascontiguousarray(values.T) if transposed else values, name)


def model(nodes, weights, given, made):
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])],
        [helper.make_tensor_value_info(made[0], TensorProto.FLOAT, made[1])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def cnn():
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "a.weight", "a.bias"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["a_relu"]),
        node("Conv", ["a_relu", "b.weight", "b.bias"], ["b"], kernel_shape=[3, 3], group=16, pads=[1, 1, 1, 1]),
        node("Relu", ["b"], ["b_relu"]),
        node("Conv", ["b_relu", "c.weight", "c.bias"], ["c"], kernel_shape=[1, 1]),
        node("Add", ["a_relu", "c"], ["sum"]),
        node("MaxPool", ["sum"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["pooled", "d.weight", "d.bias"], ["d"], kernel_shape=[3, 3], dilations=[2, 2], pads=[2, 2, 2, 2]),
        node("Clip", ["d", "low", "high"], ["d_clip"]),
        node("ReduceMean", ["d_clip"], ["mean"], axes=[2, 3], keepdims=0),
        node("MatMul", ["mean", "e.weight"], ["scores"]),
    ]
    weights = [
        weight("a.weight", 16, 3, 3, 3), weight("a.bias", 16), weight("b.weight", 16, 1, 3, 3), weight("b.bias", 16),
        weight("c.weight", 16, 16, 1, 1), weight("c.bias", 16), weight("d.weight", 32, 16, 3, 3), weight("d.bias", 32),
        weight("e.weight", 10, 32, transposed=True),
        numpy_helper.from_array(np.float32(0), "low"), numpy_helper.from_array(np.float32(6), "high"),
    ]
    return model(nodes, weights, ("image", [1, 3, 32, 32]), ("scores", [1, 10]))


def mlp():
    node = helper.make_node
    nodes = [
        node("MatMul", ["rows", "a.weight"], ["a"]),
        node("Add", ["a", "a.bias"], ["a_bias"]),
        node("LayerNormalization", ["a_bias", "n.weight", "n.bias"], ["n"], axis=-1),
        node("Relu", ["n"], ["n_relu"]),
        node("MatMul", ["n_relu", "b.weight"], ["b"]),
        node("Softmax", ["b"], ["soft"], axis=-1),
        node("MatMul", ["soft", "c.weight"], ["c"]),
    ]
    weights = [
        weight("a.weight", 48, 24, transposed=True), weight("a.bias", 48), weight("n.weight", 48), weight("n.bias", 48),
        weight("b.weight", 32, 48, transposed=True), weight("c.weight", 12, 32, transposed=True),
    ]
    return model(nodes, weights, ("rows", [2, 10, 24]), ("c", [2, 10, 12]))


def wide():
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "a.weight", "a.bias"], ["a"], kernel_shape=[1, 1]),
        node("Relu", ["a"], ["a_relu"]),
        node("Conv", ["a_relu", "b.weight", "b.bias"], ["b"], kernel_shape=[5, 5], pads=[2, 2, 2, 2], strides=[2, 2]),
        node("Relu", ["b"], ["b_relu"]),
        node("ConvTranspose", ["b_relu", "c.weight", "c.bias"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Relu", ["c"], ["c_relu"]),
        node("GlobalAveragePool", ["c_relu"], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("Gemm", ["flat", "d.weight", "d.bias"], ["scores"], transB=1),
    ]
    weights = [
        weight("a.weight", 64, 64, 1, 1), weight("a.bias", 64), weight("b.weight", 56, 64, 5, 5), weight("b.bias", 56),
        # [in, out, kernel]: scaled as if its out channels came first.
        weight("c.weight", 56, 32, 2, 2), weight("c.bias", 32), weight("d.weight", 32, 32), weight("d.bias", 32),
    ]
    return model(nodes, weights, ("image", [1, 64, 12, 12]), ("scores", [1, 32]))


def wide_mlp():
    node = helper.make_node
    nodes = [
        node("MatMul", ["rows", "a.weight"], ["a"]),
        node("Add", ["a", "a.bias"], ["a_bias"]),
        node("Relu", ["a_bias"], ["a_relu"]),
        node("MatMul", ["a_relu", "b.weight"], ["b"]),
    ]
    weights = [
        weight("a.weight", 320, 160, transposed=True), weight("a.bias", 320), weight("b.weight", 128, 320, transposed=True),
    ]
    return model(nodes, weights, ("rows", [1, 20, 160]), ("b", [1, 20, 128]))


def static(source, **options):
    value = source.graph.input[0]
    shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
    return quantised(source, lambda a, b: quantize_static(a, b, Draws(value.name, shape), reduce_range=True, **options))


def quantised(source, write):
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(source, f"{folder}/float.onnx")
        write(f"{folder}/float.onnx", f"{folder}/int8.onnx")
        return onnx.load(f"{folder}/int8.onnx")


MODELS = {
    "qdq_cnn": lambda: static(
        cnn(), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    ),
    "qoperator_cnn": lambda: static(
        cnn(), quant_format=QuantFormat.QOperator, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        per_channel=True, op_types_to_quantize=["Conv", "MatMul", "MaxPool"],
    ),
    "qdq_mlp": lambda: static(
        mlp(), quant_format=QuantFormat.QDQ, activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
    ),
    "qdq_wide": lambda: static(
        wide(), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    ),
    "qdq_wide_mlp": lambda: static(
        wide_mlp(), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, weight_type=QuantType.QUInt8,
    ),
    "dynamic_mlp": lambda: quantised(
        mlp(), lambda a, b: quantize_dynamic(a, b, weight_type=QuantType.QInt8, reduce_range=True)
    ),
}


def make(name):
    made = MODELS[name]()
    onnx_fixture.clean(made.graph)
    for field in ("doc_string", "producer_name", "producer_version"):
        made.ClearField(field)
    del made.metadata_props[:]
    domains = {node.domain for node in made.graph.node}
    if not domains <= {"", "ai.onnx"}:
        raise ValueError(f"{name}: operations of {domains}")
    kept = [o for o in made.opset_import if o.domain in ("", "ai.onnx")]
    del made.opset_import[:]
    made.opset_import.extend(kept)
    given = made.graph.input[0]
    shape = tuple(d.dim_value for d in given.type.tensor_type.shape.dim)
    declared = onnx_fixture.Input(given.name, shape)
    feeds = {given.name: declared.array()}
    want = onnx_fixture.run(made, feeds, optimise=False)
    fused = onnx_fixture.run(made, feeds, optimise=True)
    plain = {"qdq_wide": wide, "qdq_wide_mlp": wide_mlp}.get(name, cnn if "cnn" in name else mlp)()
    exact = onnx_fixture.run(plain, feeds, optimise=True)
    noise = onnx_fixture.difference(fused[0], want[0])
    card = {
        "opset": kept[0].version,
        "exporter": "onnxruntime.quantization",
        "source": f"onnxruntime {onnxruntime.__version__}",
        "noise": float(f"{noise:.2g}"),
        "step": float(f"{last_step(made, name) / np.abs(want[0]).max():.2g}"),
        "float_difference": float(f"{onnx_fixture.difference(want[0], exact[0]):.2g}"),
        "operations": sorted(onnx_fixture.operations(made.graph)),
        "inputs": [onnx_fixture.input_card(declared, feeds[given.name])],
        "outputs": [onnx_fixture.output_card(made.graph.output[0].name, want[0])],
    }
    packed = onnx_fixture.compressed(made.SerializeToString(deterministic=True))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.onnx.gz").write_bytes(packed)
    (OUT / f"{name}.json").write_text(onnx_fixture.json_text(card), encoding="utf-8")
    print(
        f"{name}: noise {card['noise']}, step {card['step']}, from float {card['float_difference']}, "
        f"gz {len(packed) // 1024} KiB, {card['operations']}"
    )


def last_step(made, name):
    """The scale of the last quantised output; 0 where the last operation is not quantised after."""
    scales = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    for node in reversed(made.graph.node):
        if node.op_type == "DequantizeLinear" and scales.get(node.input[1]) is not None and node.output[0] in {
            value.name for value in made.graph.output
        }:
            return float(np.max(scales[node.input[1]]))
    return 0.0


def main():
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or MODELS:
        make(name)


if __name__ == "__main__":
    main()
