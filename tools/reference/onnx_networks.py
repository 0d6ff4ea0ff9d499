"""Whole networks as ONNX, with reference outputs: the fixtures of the engine's parity test.

    python tools/reference/onnx_networks.py [NAME…]      (all without names)

Builds each network below from its configuration, without published weights, exports it with one of
PyTorch's two exporters, replaces its weights by made-up ones that no file stores (onnx_fixture.py
beside this file says how) and runs it in ONNX Runtime on the CPU in f32. Writes

    crates/engine/tests/fixtures/onnx/networks/<name>.onnx.gz    gzip, no weights
    crates/engine/tests/fixtures/onnx/networks/<name>.json

The JSON holds `opset`, `exporter`, `source` (package and version), `gflop`, `noise` (largest
difference between ONNX Runtime with and without its graph optimisations, relative to the largest
value of the output), `sensitivity` (the same for inputs a millionth apart), `operations`, `inputs`
and `outputs`. An input has a `generator`, the name for `synth.uniform(name, count)` in row-major
order, or `values`. An output has its `shape`, `dtype`,
`norm` (square root of the sum of squares of all values) and `values`: elements 0, stride,
2 stride … of the flattened output. Sizes are small, so that a test of all takes seconds.
Versions: requirements.txt beside this file.
"""

import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import onnx_fixture
import onnx_zoo_medical
import onnx_zoo_text
import onnx_zoo_vision

OUT = Path(__file__).resolve().parents[2] / "crates/engine/tests/fixtures/onnx/networks"
NETS = [*onnx_zoo_vision.NETS, *onnx_zoo_medical.NETS, *onnx_zoo_text.NETS]


def main():
    wanted = sys.argv[1:]
    unknown = set(wanted) - {net.name for net in NETS}
    if unknown:
        sys.exit(f"unknown: {' '.join(sorted(unknown))}; known: {' '.join(net.name for net in NETS)}")
    failed = []
    for net in NETS:
        if wanted and net.name not in wanted:
            continue
        try:
            print(onnx_fixture.make(net, OUT), flush=True)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"{net.name}: {type(error).__name__} at {where.filename}:{where.lineno}: …{str(error)[-500:]}", flush=True)
            failed.append(net.name)
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
