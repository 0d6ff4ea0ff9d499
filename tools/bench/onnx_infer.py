"""Times `consilium infer` against the CPU runtimes that people use for ONNX files.

    python tools/bench/onnx_infer.py --consilium target/release/consilium [--threads 2] [--rounds 3] [--repeat 7] [NETWORK…]

Needs torch, torchvision, timm, monai, transformers, onnxruntime and numpy
(tools/reference/requirements.txt); OpenVINO too is timed where it is installed. Exports each network
with random weights into a temporary folder (time does not depend on their values) and times the
programs in turn, each in a process of its own, f32, batch 1, over some rounds in one sitting. Prints
the median over the rounds of each program's own median in milliseconds after warm-up, how far its
outputs lie from ONNX Runtime's relative to the largest value, and the ratio of the fastest peer's
time to ours: above 1 we are faster. Compare ratios, not milliseconds.
"""

import argparse
import importlib.util
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from networks import NETWORKS, export_apart


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=" ".join(NETWORKS))
    parser.add_argument("--consilium", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    unknown = set(arguments.networks) - set(NETWORKS)
    if unknown:
        parser.error(f"unknown networks: {' '.join(sorted(unknown))}")
    engines = ["consilium", "onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
    ratios = []
    for name in arguments.networks or NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            ratio = compare(name, Path(folder), engines, arguments)
            if ratio:
                ratios.append(ratio)
    if len(ratios) > 1:
        print(f"geometric mean of {len(ratios)} ratios {statistics.geometric_mean(ratios):.2f}")


def compare(name, folder, engines, arguments):
    error = export_apart(name, folder)
    if error is not None:
        print(f"{name}: not exported: {error}", flush=True)
        return None
    (folder / f"{name}.onnx").rename(folder / "model.onnx")
    (folder / f"{name}.npy").rename(folder / "input.npy")
    times = {engine: [] for engine in engines}
    for _ in range(arguments.rounds):
        for engine in engines:
            if times[engine] is not None:
                found = timed(engine, folder, arguments)
                times[engine] = None if found is None else [*times[engine], found]
    ran = {engine: statistics.median(found) for engine, found in times.items() if found}
    reference = np.load(folder / "onnxruntime.npy") if "onnxruntime" in ran else None
    for engine, milliseconds in ran.items():
        told = ""
        if engine != "onnxruntime" and reference is not None:
            got = np.load(folder / f"{engine}.npy")
            told = f"  differs {np.abs(got - reference).max() / np.abs(reference).max():.1e}"
        print(f"{name:20} {engine:12} {milliseconds:9.1f} ms{told}", flush=True)
    if "consilium" not in ran or len(ran) < 2:
        return None
    best = min((ms, engine) for engine, ms in ran.items() if engine != "consilium")
    print(f"{name:20} ratio {best[0] / ran['consilium']:.2f} to {best[1]}", flush=True)
    return best[0] / ran["consilium"]


def timed(engine, folder, arguments):
    threads, repeat = str(arguments.threads), str(arguments.repeat)
    output = folder / f"{engine}.npy"
    if engine == "consilium":
        command = [
            arguments.consilium, "infer", folder / "model.onnx", "--input", folder / "input.npy", "--output", output,
            "--threads", threads, "--repeat", repeat, "--lang", "en",
        ]
    else:
        command = [sys.executable, __file__, "--peer", engine, folder, output, threads, repeat]
    ended = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"median\s+([0-9.]+) ms", ended.stdout + ended.stderr)
    if ended.returncode != 0 or not found:
        print(f"{engine} failed: {(ended.stderr or ended.stdout).strip()[-400:]}", flush=True)
        return None
    return float(found.group(1))


def peer(engine, *arguments):
    folder, output, threads, repeat = Path(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3])
    model, value = str(folder / "model.onnx"), np.load(folder / "input.npy")
    run = {"onnxruntime": onnxruntime_runner, "openvino": openvino_runner}[engine](model, value, threads)
    np.save(output, run())
    run()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1e3)
    print(f"median {statistics.median(times):.1f} ms")


def onnxruntime_runner(model, value, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: value})[0]


def openvino_runner(model, value, threads):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer([value])[0]


if __name__ == "__main__":
    sys.exit(main())
