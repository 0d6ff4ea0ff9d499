"""Deterministic weights, bit for bit the same as `engine::weights::synth` (read its documentation).

As a module: `fill(name, shape)` returns a float32 array of that shape; `fill_module(module)` fills every
tensor of a torch module's state dict by its name (integer tensors become 0) and returns the module.
As a program it writes crates/engine/tests/fixtures/weights/synth.json, which the Rust test compares:
    python tools/reference/synth.py
"""
import json
import math
import pathlib

import numpy as np


def role(name, shape):
    for suffix, found in (
        ("num_batches_tracked", "counter"),
        ("running_var", "variance"),
        ("running_mean", "mean"),
        ("bias", "bias"),
    ):
        if name.endswith(suffix):
            return found
    return "gain" if len(shape) < 2 else "kernel"


def uniform(name, count):
    seed = 0xCBF29CE484222325
    for byte in name.encode("utf-8"):
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        index = np.arange(1, count + 1, dtype=np.uint64)
        z = np.uint64(seed) + index * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) / np.float32(1 << 23)


def fill(name, shape):
    shape = tuple(int(extent) for extent in shape)
    fan_in = max(1, math.prod(shape[1:]))
    centre, spread = {
        "counter": (0.0, 0.0),
        "variance": (1.0, 0.5),
        "mean": (0.0, 0.1),
        "bias": (0.0, 0.1),
        "gain": (1.0, 0.25),
        "kernel": (0.0, math.sqrt(4.5 / fan_in)),
    }[role(name, shape)]
    values = uniform(name, math.prod(shape)) * np.float32(spread) + np.float32(centre)
    return values.reshape(shape)


def fill_module(module):
    import torch

    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(fill(name, tensor.shape)))
            else:
                tensor.zero_()
    return module


CASES = [
    ("features.conv0.weight", (4, 1, 7, 7)),
    ("features.norm0.weight", (64,)),
    ("features.norm0.bias", (64,)),
    ("features.norm0.running_mean", (64,)),
    ("features.norm0.running_var", (64,)),
    ("features.norm0.num_batches_tracked", ()),
    ("classifier.weight", (18, 33)),
    ("名.weight", (3, 5)),
    ("scalar", ()),
    ("empty.weight", (0, 3)),
]


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    path = root / "crates/engine/tests/fixtures/weights/synth.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"name": name, "shape": list(shape), "bits": fill(name, shape).reshape(-1).view(np.uint32).tolist()}
        for name, shape in CASES
    ]
    path.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
