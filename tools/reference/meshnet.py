"""Parity fixtures of MeshNet, from brainchop's and niivue's own code on deterministic weights (synth.py beside this file).

    cd FOLDER && npm install @niivue/niivue@0.62 @tensorflow/tfjs@4.22
    python tools/reference/meshnet.py FOLDER BRAINCHOP

BRAINCHOP is a checkout of neuroneural/brainchop (4c87885) in which `npm` finds the same packages. Writes
crates/zoo/tests/fixtures/systems/meshnet.json and meshnet-*.gz: a real T1 conformed, and what brainchop's worker makes of
it with small models under the names of the published ones. Versions: requirements.txt beside this file.
"""
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/systems"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data"))
IMAGE = "volumes/nibabel/anatomical.nii"
# Folder, number of brainchop's list, choice, features, classes, dilations, activation, norm.
MODELS = [
    ("model30chan18cls", 4, "", 4, 18, [1, 2, 8], "elu", False),
    ("mindgrab", 16, "mindgrab", 4, 2, [8, 4, 1], "gelu", True),
]


def write(folder, name, features, classes, dilations, activation, norm):
    """A layers model as TensorFlow.js reads it."""
    end = "_gn" if norm else ""
    layers = [(f"conv3d_{n}{end}", features, 3, d, not norm, activation) for n, d in enumerate(dilations)]
    layers.append(("output", classes, 1, 1, True, None))
    topology = [{"class_name": "InputLayer", "name": "input", "inbound_nodes": [], "config": {
        "name": "input", "batch_input_shape": [None, 256, 256, 256, 1], "dtype": "float32", "sparse": False, "ragged": False}}]
    weights, data, channels, previous = [], b"", 1, "input"
    for layer, out, k, d, bias, act in layers:
        kernel = synth.fill(f"{name}.{layer}.weight", [out, channels, k, k, k])
        data += np.ascontiguousarray(np.transpose(kernel, (2, 3, 4, 1, 0)), dtype="<f4").tobytes()
        weights.append({"name": f"{layer}/kernel", "shape": [k, k, k, channels, out], "dtype": "float32"})
        if bias:
            data += np.asarray(synth.fill(f"{name}.{layer}.bias", [out]), dtype="<f4").tobytes()
            weights.append({"name": f"{layer}/bias", "shape": [out], "dtype": "float32"})
        topology.append({"class_name": "Conv3D", "name": layer, "inbound_nodes": [[[previous, 0, 0, {}]]], "config": {
            "name": layer, "trainable": True, "dtype": "float32", "filters": out, "kernel_size": [k] * 3, "strides": [1] * 3,
            "padding": "same", "data_format": "channels_last", "dilation_rate": [d] * 3, "groups": 1, "activation": "linear",
            "use_bias": bias, "kernel_initializer": {"class_name": "Zeros", "config": {}},
            "bias_initializer": {"class_name": "Zeros", "config": {}}}})
        previous = layer
        if act:
            topology.append({"class_name": "Activation", "name": f"{layer}_act", "inbound_nodes": [[[layer, 0, 0, {}]]],
                             "config": {"name": f"{layer}_act", "trainable": True, "dtype": "float32", "activation": act}})
            previous = f"{layer}_act"
        channels = out
    config = {"name": "model", "layers": topology, "input_layers": [["input", 0, 0]], "output_layers": [[previous, 0, 0]]}
    model = {"format": "layers-model", "generatedBy": "keras v2.7.0", "convertedBy": "TensorFlow.js Converter v3.9.0",
             "modelTopology": {"keras_version": "2.7.0", "backend": "tensorflow",
                               "model_config": {"class_name": "Functional", "config": config}},
             "weightsManifest": [{"paths": ["model.bin"], "weights": weights}]}
    (folder / name).mkdir()
    (folder / name / "model.json").write_text(json.dumps(model))
    (folder / name / "model.bin").write_bytes(data)


def packed(name, values):
    (FIXTURES / name).write_bytes(gzip.compress(np.asarray(values, dtype=np.uint8).tobytes(), 9, mtime=0))
    return name


def boxed(values, around):
    """The box outside of which lies one value."""
    inside = np.argwhere(values != around)
    low, high = inside.min(0), inside.max(0) + 1
    return {"low": low.tolist(), "high": high.tolist()}, tuple(slice(int(a), int(b)) for a, b in zip(low, high))


def main():
    packages, brainchop = sys.argv[1:]
    shape = (256, 256, 256)
    with tempfile.TemporaryDirectory() as place:
        models, out = Path(place, "models"), Path(place, "out")
        models.mkdir()
        out.mkdir()
        for folder, _, _, *rest in MODELS:
            write(models, folder, *rest)
        # brainchop starts a worker for each run.
        for model in MODELS:
            line = ["node", "--max-old-space-size=12000", str(HERE / "meshnet.mjs"), brainchop, str(models), str(DATA / IMAGE), str(out)]
            subprocess.run(line + [str(model[1])], cwd=packages, check=True)
        keep(out, shape)


def keep(out, shape):
    """What the test compares."""
    conformed = np.frombuffer((out / "conformed.bin").read_bytes(), np.uint8).reshape(shape)
    around = int(conformed[0, 0, 0])
    box, part = boxed(conformed, around)
    found = {"image": IMAGE, "affine": json.loads((out / "affine.json").read_text()), "read": [],
             "conformed": {"around": around, "file": packed("meshnet-conformed.gz", conformed[part]), **box}}
    for folder, number, choice, features, classes, dilations, activation, norm in MODELS:
        labels = np.frombuffer((out / f"{number}.bin").read_bytes(), np.uint8).reshape(shape)
        if norm:
            # The original gives the image under its mask.
            labels = (labels > 0).astype(np.uint8)
        box, part = boxed(labels, 0)
        values, counts = np.unique(labels, return_counts=True)
        print(folder, box, dict(zip(values.tolist(), counts.tolist())))
        found["read"].append({
            "folder": folder, "choice": choice, "features": features, "classes": classes,
            "dilations": dilations, "activation": activation, "norm": norm, "around": 0,
            "file": packed(f"meshnet-{choice or 'usual'}.gz", labels[part]), **box})
    (FIXTURES / "meshnet.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
