"""Writes the ONNX project's own backend tests as files, for `crates/engine/tests`.

    python -m venv venv && venv/bin/pip install -r tools/reference/onnx-nodes.txt
    venv/bin/python tools/reference/onnx_nodes.py OUT

The `onnx` package computes the node cases (numpy, seeded here) and carries the others as files:

    OUT/<kind>/<test>/model.onnx
    OUT/<kind>/<test>/test_data_set_<n>/input_<i>.pb, output_<i>.pb
    OUT/cases.tsv      kind, test, rtol, atol, operations (tab-separated, one header line)

`input_<i>.pb` belongs to graph input i (those that are no initialisers, in order), `output_<i>.pb`
to graph output i. Each holds a TensorProto, or a SequenceProto, OptionalProto or MapProto where the
graph says so. Kinds: `node` (one operation, and its expansion into others), `simple`,
`pytorch-operator`, `pytorch-converted`, and `real` (the classification networks with constant
weights that ONNX ships under `light`, on ONNX's ramp input i / n).

Operations are written `domain::Name` outside the default domain, comma-separated and sorted, those of
subgraphs and model-local functions included. The tolerances are ONNX's: |got - want| <= atol + rtol
|want|, NaN equal to NaN; its own runner allows bfloat16 outputs a relative 2^-6, which the table
already says.
"""

import argparse
import os
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

BFLOAT16_RTOL = 2.0**-6
SHIPPED = ("simple", "pytorch-operator", "pytorch-converted")


def main():
    parser = argparse.ArgumentParser(description="Write ONNX's backend tests as files.")
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out

    warnings.simplefilter("ignore")
    for kind in ("node", *SHIPPED, "real"):
        shutil.rmtree(out / kind, ignore_errors=True)
    rows = sorted([*write_node(out / "node"), *copy_shipped(out), *write_light(out / "real")])
    lines = ["kind\ttest\trtol\tatol\toperations", *("\t".join(row) for row in rows)]
    (out / "cases.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    counts = {}
    for row in rows:
        counts[row[0]] = counts.get(row[0], 0) + 1
    told = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    print(f"onnx {onnx.__version__}: {len(rows)} cases written ({told})")


def write_node(out):
    # Cases draw from numpy's global generator while they are collected.
    np.random.seed(0)
    from onnx.backend.test.case.node import collect_testcases

    for case in collect_testcases():
        folder = out / case.name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(serialized(case.model))
        for n, (inputs, outputs) in enumerate(case.data_sets):
            write_values(folder / f"test_data_set_{n}", "input", inputs, case.model.graph.input)
            write_values(folder / f"test_data_set_{n}", "output", outputs, case.model.graph.output)
        yield row("node", case.name, case.rtol, case.atol, case.model)


def copy_shipped(out):
    from onnx.backend.test.loader import DATA_DIR, load_model_tests

    for kind in SHIPPED:
        for case in load_model_tests(DATA_DIR, kind):
            shutil.copytree(case.model_dir, out / kind / case.name)
            model = onnx.load(os.path.join(case.model_dir, "model.onnx"), load_external_data=False)
            yield row(kind, case.name, case.rtol, case.atol, model)


def write_light(out):
    from onnx.backend.test.case.model import collect_testcases
    from onnx.backend.test.loader import DATA_DIR

    for case in collect_testcases():
        if case.kind != "real":
            continue
        source = Path(DATA_DIR) / "light" / Path(case.url).name
        model = onnx.load(source)
        folder = out / case.name
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        shutil.copyfile(source, folder / "model.onnx")
        given = {tensor.name for tensor in model.graph.initializer}
        for n, value in enumerate(v for v in model.graph.input if v.name not in given):
            shape = [d.dim_value if d.HasField("dim_value") else 1 for d in value.type.tensor_type.shape.dim]
            count = int(np.prod(shape))
            ramp = (np.arange(count).reshape(shape) / count).astype(np.float32)
            (data / f"input_{n}.pb").write_bytes(serialized(numpy_helper.from_array(ramp, value.name)))
        for n in range(len(model.graph.output)):
            shutil.copyfile(source.with_name(f"{source.stem}_output_{n}.pb"), data / f"output_{n}.pb")
        yield row("real", case.name, case.rtol, case.atol, model)


def write_values(folder, side, values, declared):
    folder.mkdir(exist_ok=True)
    for n, value in enumerate(values):
        (folder / f"{side}_{n}.pb").write_bytes(serialized(proto(value, declared[n])))


def proto(value, declared):
    if isinstance(value, TensorProto):
        return value
    write = {
        "map_type": numpy_helper.from_dict,
        "sequence_type": numpy_helper.from_list,
        "optional_type": numpy_helper.from_optional,
        "tensor_type": numpy_helper.from_array,
    }[declared.type.WhichOneof("value")]
    return write(value, declared.name)


def serialized(message):
    return message.SerializeToString(deterministic=True)


def row(kind, name, rtol, atol, model):
    bfloat16 = any(v.type.tensor_type.elem_type == TensorProto.BFLOAT16 for v in model.graph.output)
    rtol = max(rtol, BFLOAT16_RTOL) if bfloat16 else rtol
    return kind, name, repr(float(rtol)), repr(float(atol)), ",".join(sorted(operations(model)))


def operations(model):
    found = set()
    lists = [model.graph.node, *(function.node for function in model.functions)]
    while lists:
        for node in lists.pop():
            found.add(f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    lists.append(attribute.g.node)
                lists.extend(graph.node for graph in attribute.graphs)
    return found


if __name__ == "__main__":
    sys.exit(main())
