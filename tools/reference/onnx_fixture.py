"""Turns a torch module into a weight-free ONNX fixture with reference outputs; see onnx_networks.py.

The weights of a fixture are made up and nowhere stored. A parameter tensor of more than 64 values
has `data_location: EXTERNAL`, no bytes, and one external_data entry

    location = "synth:<name>*<scale>"

whose values are `synth.fill(<name>, dims) * f32(<scale>)`, one f32 multiplication after the fill
(`<scale>` is everything after the last `*`, a decimal of at most four significant digits). The
suffix of the name picks the role: `.weight`, `.bias`, `.gain`, `.running_var`. Scales are chosen so
that the tensor has the mean or spread that it had in the module, after every convolution and linear
layer of the module was scaled to an output of standard deviation one on the fixture's input. So
signals neither die nor explode in deep networks, and attention stays soft.

A float tensor is a parameter if a second export with other parameters stores other values: masks,
position tables, anchors and index tables are equal in both and stay in the file as they are.
"""

import dataclasses
import gzip
import importlib.metadata
import io
import json
import math
import time
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, numpy_helper

import synth

KEEP_REAL = 64
SAMPLES = 2000
# ONNX Runtime with and without its graph optimisations must agree this well, or no other
# implementation can be held to 1e-4; the same holds for inputs a millionth apart.
NOISE = 4e-5


@dataclasses.dataclass
class Input:
    """Floats are `synth.uniform("input:<name>", count)`, integers lie in [low, high)."""

    name: str
    shape: tuple
    low: int = 0
    high: int = 0
    dtype: str = "float32"
    traced: tuple | None = None
    """The shape at export, where it differs (dynamic axes)."""
    values: list | None = None

    def array(self, shape=None, salt=""):
        shape = shape or self.shape
        count = math.prod(shape)
        if self.values is not None:
            return np.resize(np.array(self.values, self.dtype), shape)
        drawn = synth.uniform(f"input:{self.name}{salt}", count)
        if self.dtype != "float32":
            span = self.high - self.low
            drawn = np.clip(np.floor((drawn + 1) / 2 * span), 0, span - 1) + self.low
        return drawn.astype(self.dtype).reshape(shape)


@dataclasses.dataclass
class Net:
    name: str
    package: str
    build: object
    inputs: list
    opset: int = 17
    dynamo: bool = False
    outputs: list | None = None
    dynamic: dict = dataclasses.field(default_factory=dict)
    """Per input name, axis to name."""
    tame: dict = dataclasses.field(default_factory=dict)
    """Parameters whose name contains the key are multiplied by the value: logits out of saturation."""


def make(net, folder):
    """Writes folder/<name>.onnx.gz and .json; returns one line that says what came out."""
    started = time.monotonic()
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)  # the fused attention has no ONNX form
    module = net.build().eval()
    traced = tuple(torch.from_numpy(i.array(i.traced or i.shape)) for i in net.inputs)
    flop = flops(module, traced)
    draw(module, "second")
    other = export(module, traced, net)
    draw(module, "first")
    settle(module, traced)
    tame(module, net.tame)
    model = export(module, traced, net)

    stored, synthesised = strip(model, other)
    full = filled(stored)
    feeds = {i.name: i.array() for i in net.inputs}
    want = run(full, feeds, optimise=True)
    noise = max(difference(a, b) for a, b in zip(run(full, feeds, optimise=False), want, strict=True))
    sensitivity = sensitivity_to_input(full, feeds, want)
    response = response_to_input(full, net, feeds, want)
    check(net, want, noise, sensitivity, response)

    folder.mkdir(parents=True, exist_ok=True)
    packed = compressed(stored.SerializeToString(deterministic=True))
    (folder / f"{net.name}.onnx.gz").write_bytes(packed)
    card = {
        "opset": next(o.version for o in stored.opset_import if o.domain in ("", "ai.onnx")),
        "exporter": "dynamo" if net.dynamo else "torchscript",
        "source": f"{net.package} {importlib.metadata.version(net.package)}",
        "gflop": round(flop / 1e9, 3),
        "noise": float(f"{noise:.2g}"),
        "sensitivity": float(f"{sensitivity:.2g}"),
        "operations": sorted(operations(stored.graph)),
        "inputs": [input_card(i, value) for i, value in zip(net.inputs, feeds.values(), strict=True)],
        "outputs": [
            output_card(declared.name, value)
            for declared, value in zip(stored.graph.output, want, strict=True)
        ],
    }
    text = json_text(card)
    (folder / f"{net.name}.json").write_text(text, encoding="utf-8")
    shown = ", ".join(f"{o['name']} {o['dtype']}{o['shape']}" for o in card["outputs"][:6])
    control = [o for o in card["operations"] if o in ("If", "Loop", "Scan", "NonMaxSuppression", "RoiAlign")]
    return (
        f"{net.name}: opset {card['opset']} {card['exporter']}, {card['gflop']} GFLOP, noise {noise:.1e}, "
        f"sensitivity {sensitivity:.1e}, response {response:.2f}, {synthesised} synthesised, real {real_bytes(stored) // 1024} KiB, "
        f"gz {len(packed) // 1024} KiB, json {len(text) // 1024} KiB, {time.monotonic() - started:.0f} s "
        f"{control or ''} {shown}"
    )


def draw(module, tag):
    """Random parameters that a test can use: nothing zero, nothing constant, variances positive."""
    linear = linear_weights(module)
    with torch.no_grad():
        for name, tensor in {**dict(module.named_parameters()), **dict(module.named_buffers())}.items():
            if not tensor.is_floating_point() or tensor.numel() < 2:
                continue
            u = torch.from_numpy(synth.uniform(f"{tag}:{name}", tensor.numel())).reshape(tensor.shape)
            if name.endswith("running_var"):
                tensor.copy_(1 + u / 2)
            elif name.endswith("running_mean"):
                tensor.copy_(u / 10)
            elif not isinstance(tensor, torch.nn.Parameter):
                continue
            elif id(tensor) in linear:
                tensor.copy_(u * math.sqrt(3 / linear[id(tensor)]))
            elif tensor.std() < 1e-9 and abs(tensor.mean()) > 1e-9 or original_gain(tensor):
                # A norm's weight, or a layer scale: those that start near zero would hide their branch.
                mean = tensor.mean().item()
                tensor.copy_((mean if abs(mean) >= 0.05 else 0.5) * (1 + u / 4))
                tensor.consilium_gain = True
            elif tensor.ndim < 2:
                tensor.copy_(u / 10)
            elif name.endswith(("in_proj_weight", "weight_ih_l0", "weight_hh_l0")) or "weight_" in name.split(".")[-1]:
                tensor.copy_(u * math.sqrt(3 / math.prod(tensor.shape[1:])))
            else:
                tensor.copy_(u)


def original_gain(tensor):
    return getattr(tensor, "consilium_gain", False)


def linear_weights(module):
    """Weight identities of convolutions and linear layers, with their fan-in."""
    found = {}
    embedded = {id(m.weight) for m in module.modules() if isinstance(m, torch.nn.Embedding)}
    for part in module.modules():
        weight = getattr(part, "weight", None)
        if not isinstance(weight, torch.nn.Parameter) or weight.ndim < 2 or id(weight) in embedded:
            continue
        if type(part).__name__ == "Conv1D":
            found[id(weight)] = weight.shape[0]
        elif isinstance(part, torch.nn.modules.conv._ConvTransposeNd):
            found[id(weight)] = max(1, weight.shape[0] * math.prod(weight.shape[2:]) // math.prod(part.stride))
        elif isinstance(part, (torch.nn.Linear, torch.nn.modules.conv._ConvNd)):
            found[id(weight)] = math.prod(weight.shape[1:])
    return found


def settle(module, inputs):
    """Scales each convolution and linear layer, in running order, to outputs of deviation one
    (Mishkin and Matas, "All you need is a good init", ICLR 2016, in one pass)."""
    linear, seen, hooks = linear_weights(module), set(), []

    def scale(part, _inputs, output):
        if id(part.weight) in seen or not isinstance(output, torch.Tensor):
            return output
        seen.add(id(part.weight))
        bias = getattr(part, "bias", None)
        if bias is not None and isinstance(part, torch.nn.modules.conv._ConvNd):
            bias = bias.reshape(-1, *[1] * len(part.kernel_size))
        bare = output if bias is None else output - bias
        spread = bare.std().item()
        channels = bare.shape[1] if isinstance(part, torch.nn.modules.conv._ConvNd) else bare.shape[-1]
        if not math.isfinite(spread) or spread < 1e-6 or bare.numel() < 8 * channels:
            return output  # too few positions to measure, as after global pooling: fan-in decides
        part.weight /= spread
        return bare / spread if bias is None else bare / spread + bias

    for part in module.modules():
        if id(getattr(part, "weight", None)) in linear and type(part).forward in PLAIN_FORWARDS:
            hooks.append(part.register_forward_hook(scale))
    with torch.no_grad():
        module(*inputs)
    for hook in hooks:
        hook.remove()


def tame(module, factors):
    with torch.no_grad():
        for part, factor in factors.items():
            found = [p for name, p in module.named_parameters() if part in name]
            if not found:
                raise ValueError(f"no parameter is called like {part}")
            for tensor in found:
                tensor *= factor


def _plain_forwards():
    kinds = [torch.nn.Linear]
    for dimensions in (1, 2, 3):
        kinds += [getattr(torch.nn, f"Conv{dimensions}d"), getattr(torch.nn, f"ConvTranspose{dimensions}d")]
    from transformers.pytorch_utils import Conv1D

    return {kind.forward for kind in [*kinds, Conv1D]}


PLAIN_FORWARDS = _plain_forwards()


def export(module, inputs, net):
    names = [i.name for i in net.inputs]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if net.dynamo:
            shapes = None
            if net.dynamic:
                shapes = tuple(
                    {axis: torch.export.Dim(label) for axis, label in net.dynamic.get(n, {}).items()}
                    for n in names
                )
            program = torch.onnx.export(
                module, inputs, dynamo=True, opset_version=net.opset, input_names=names,
                output_names=net.outputs, dynamic_shapes=shapes, verbose=False,
            )
            return program.model_proto
        file = io.BytesIO()
        torch.onnx.export(
            module, inputs, file, dynamo=False, opset_version=net.opset, input_names=names,
            output_names=net.outputs, dynamic_axes=net.dynamic or None,
        )
    return onnx.load_from_string(file.getvalue())


def strip(model, other):
    """The model without documentation and with its parameters as recipes; and their number."""
    stored = onnx.ModelProto()
    stored.CopyFrom(model)
    other_tensors = {name: numpy_helper.to_array(t) for name, t in tensors(other.graph)}
    count = 0
    for name, tensor in tensors(stored.graph):
        if tensor.data_type not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
            continue
        values = numpy_helper.to_array(tensor)
        if values.size <= KEEP_REAL:
            continue
        if name not in other_tensors:
            raise ValueError(f"{name}: in one export only")
        if np.array_equal(values, other_tensors[name], equal_nan=True):
            continue
        if tensor.data_type != TensorProto.FLOAT:
            raise ValueError(f"{name}: a parameter that is not f32")
        recipe = recipe_for(name, values)
        dims = list(tensor.dims)
        tensor.Clear()
        tensor.name, tensor.data_type = name, TensorProto.FLOAT
        tensor.dims.extend(dims)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=recipe)
        count += 1
    clean(stored.graph)
    stored.doc_string = ""
    del stored.metadata_props[:]
    for function in stored.functions:
        function.doc_string = ""
        del function.metadata_props[:], function.value_info[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
    return stored, count


def tensors(graph):
    """Initialisers and Constant nodes' tensors with unique names, subgraphs included."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield f"{node.output[0]}", attribute.t
            if attribute.HasField("g"):
                yield from tensors(attribute.g)


def recipe_for(name, values):
    mean, spread = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    if not (math.isfinite(mean) and spread > 0):
        raise ValueError(f"{name}: mean {mean}, deviation {spread}")
    if abs(mean) < 0.5 * spread:
        generator = f"{name}.weight" if values.ndim >= 2 else f"{name}.bias"
        scale = spread / float(synth.fill(generator, values.shape).std(dtype=np.float64))
    elif spread < 0.6 * abs(mean):
        generator = f"{name}.gain" if values.ndim < 2 and spread < 0.2 * abs(mean) else f"{name}.running_var"
        scale = mean
    else:
        raise ValueError(f"{name}: no role has mean {mean} and deviation {spread}")
    return f"synth:{generator}*{float(f'{scale:.4g}')!r}"


def filled(stored):
    """The model with the values that its recipes stand for."""
    model = onnx.ModelProto()
    model.CopyFrom(stored)
    for _, tensor in tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            generator, _, scale = tensor.external_data[0].value.removeprefix("synth:").rpartition("*")
            values = synth.fill(generator, tensor.dims) * np.float32(scale)
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
            tensor.raw_data = values.astype("<f4").tobytes()
    return model


def clean(graph):
    graph.doc_string = ""
    del graph.value_info[:], graph.metadata_props[:], graph.quantization_annotation[:]
    for value in [*graph.input, *graph.output]:
        value.doc_string = ""
        del value.metadata_props[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
        for attribute in node.attribute:
            attribute.doc_string = ""
            if attribute.HasField("g"):
                clean(attribute.g)
                # The extents that tracing saw, which another iteration need not have.
                for value in [*attribute.g.input, *attribute.g.output]:
                    for extent in value.type.tensor_type.shape.dim:
                        extent.Clear()


def run(model, feeds, optimise):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def difference(got, want):
    """Largest absolute difference over the largest absolute value."""
    if got.shape != want.shape:
        return math.inf
    if got.size == 0:
        return 0.0
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-30))


def response_to_input(full, net, feeds, want):
    """How much the outputs change with the input: about one if they depend on nothing else."""
    others = {
        i.name: i.array(salt=":other") if i.values is None else value
        for i, value in zip(net.inputs, feeds.values(), strict=True)
    }
    found = []
    for a, b in zip(run(full, others, optimise=True), want, strict=True):
        if a.shape != b.shape:
            found.append(1.0)
        elif a.size and np.issubdtype(a.dtype, np.floating):
            a, b = a.astype(np.float64), b.astype(np.float64)
            found.append(float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30)))
    return max(found, default=1.0)


def sensitivity_to_input(full, feeds, want):
    """What changing each float input by a millionth of itself does: a selection that hangs on the
    last digit, as of two boxes with equal scores, shows here."""
    moved = {
        name: value * (1 + np.float32(1e-6) * synth.uniform(f"moved:{name}", value.size).reshape(value.shape))
        if value.dtype == np.float32 else value
        for name, value in feeds.items()
    }
    return max(difference(a, b) for a, b in zip(run(full, moved, optimise=True), want, strict=True))


def check(net, want, noise, sensitivity, response):
    for value in want:
        if value.size == 0:
            raise ValueError(f"{net.name}: an empty output of shape {value.shape}")
        if np.issubdtype(value.dtype, np.floating):
            if not np.isfinite(value).all():
                raise ValueError(f"{net.name}: an output that is not finite")
            if value.size > 1 and value.std() < 1e-3 * max(1e-3, np.abs(value).max()):
                raise ValueError(f"{net.name}: a constant output")
            if not 1e-4 < np.abs(value).max() < 1e6:
                raise ValueError(f"{net.name}: an output up to {np.abs(value).max()}")
    if noise > NOISE:
        raise ValueError(f"{net.name}: ONNX Runtime disagrees with itself by {noise:.1e}")
    if sensitivity > NOISE:
        raise ValueError(f"{net.name}: a millionth more input changes the outputs by {sensitivity:.1e}")
    if response < 0.02:
        raise ValueError(f"{net.name}: another input changes the outputs by {response:.1e} only")


def flops(module, inputs):
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return counter.get_total_flops()


def operations(graph):
    found = set()
    for node in graph.node:
        found.add(f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= operations(attribute.g)
    return found


def real_bytes(model):
    return sum(len(t.raw_data) for _, t in tensors(model.graph))


def input_card(declared, value):
    card = {"name": declared.name, "shape": list(value.shape), "dtype": str(value.dtype)}
    if value.dtype == np.float32 and declared.values is None:
        return {**card, "generator": f"input:{declared.name}"}
    return {**card, "values": value.reshape(-1).tolist()}


def output_card(name, value):
    flat = value.reshape(-1)
    stride = max(1, -(-flat.size // SAMPLES))
    return {
        "name": name,
        "shape": list(value.shape),
        "dtype": str(value.dtype),
        "norm": float(f"{math.sqrt(float(np.square(flat.astype(np.float64)).sum())):.9g}"),
        "stride": stride,
        "values": [short(v) for v in flat[::stride]],
    }


def short(value):
    """A number whose JSON text is the shortest that reads back as the same f32."""
    return float(str(value)) if isinstance(value, np.float32) else value.item()


def json_text(card):
    """One line per top-level entry and per tensor."""
    lines = []
    for key, value in card.items():
        if key in ("inputs", "outputs"):
            rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in value)
            lines.append(f'"{key}": [\n  {rows}\n]')
        else:
            lines.append(f'"{key}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def compressed(data):
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=9, mtime=0, filename="") as packed:
        packed.write(data)
    return file.getvalue()
