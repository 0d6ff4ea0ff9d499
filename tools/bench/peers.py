"""Times `consilium infer` and the CPU runtimes that people use instead, in turn, on the same networks.

    consilium bench peers [NETWORK…]                            # what users type: calls this
    python tools/bench/peers.py --consilium PROGRAM [--threads 2] [--rounds 3] [--seconds 2]
                                [--batch 1] [--write BENCHMARKS.md] [NETWORK…]

What is missing of the peers (requirements.txt) is installed into a virtual environment under
target/bench-peers first; nothing of it is needed to build or run the program. Each network is exported
with random weights (time does not depend on their values). Every program runs in a process of its own,
f32, all of them once a round, over some rounds in one sitting; a round runs each network as often as
fits into some seconds, at least twice, after one or two runs that warm up. Of each program the best
round counts, by its own median (rented machines share their cores: for minutes at a time everything
on two threads may take a third longer), and the ratio of our time to the fastest peer's: below 1 we are
faster. `differs` is the largest difference to ONNX Runtime relative to its largest value. Compare
ratios, not milliseconds.
"""

import argparse
import importlib.util
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Our time over the best peer's, at most: the network, threads.
GOALS = {
    ("unet3d_96", 2): 0.33, ("unet3d_96", 1): 0.40,
    ("resenc_m_128", 2): 0.45, ("segresnet_128", 2): 0.45,
    ("densenet121", 2): 0.65, ("densenet121", 1): 0.65,
    ("resnet50_512", 2): 0.75, ("unet2d_512", 2): 0.45,
    ("vit_base", 2): 0.90, ("sam_vit_b", 2): 0.90,
    ("swin_t", 2): 0.95, ("convnext_tiny", 2): 0.95, ("efficientnet_b0", 2): 0.95,
    ("swin_unetr_96", 2): 0.60,
}
PEERS = ["onnxruntime", "openvino", "torch"]


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--consilium", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--peers", default=",".join(PEERS))
    arguments = parser.parse_args()
    use_environment()
    from networks import NETWORKS

    unknown = set(arguments.networks) - set(NETWORKS)
    if unknown:
        parser.error(f"unknown networks: {' '.join(sorted(unknown))}; there are {' '.join(NETWORKS)}")
    rows = []
    names = arguments.networks or list(dict.fromkeys(name for name, _ in GOALS))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            row = compare(name, Path(folder), arguments)
        if row:
            rows.append(row)
            if arguments.write:
                write(arguments, rows)
    if len(rows) > 1:
        print(f"geometric mean of {len(rows)} ratios {statistics.geometric_mean(row['ratio'] for row in rows):.2f}")


def use_environment():
    """Goes on in an environment that has the peers, making it where need be."""
    # Looked for, not imported: a child's peak memory counts its parent's at the start.
    packages = ["onnxruntime", "openvino", "timm", "torch", "torchvision", "transformers", "monai", "dynamic_network_architectures"]
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if not missing:
        return
    if os.environ.get("CONSILIUM_BENCH_ENVIRONMENT"):
        sys.exit(f"the peers could not be installed: {' '.join(missing)} missing")
    folder = HERE.parent.parent / "target" / "bench-peers"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        print(f"installing the peers into {folder} (several GB)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements.txt")], check=True)
        (folder / "done").touch()
    os.environ["CONSILIUM_BENCH_ENVIRONMENT"] = str(folder)
    os.execv(str(python), [str(python), *sys.argv])


def compare(name, folder, arguments):
    import numpy as np
    from networks import export_apart

    error = export_apart(name, folder, arguments.batch)
    if error is not None:
        print(f"{name}: not exported: {error}", flush=True)
        return None
    engines = ["consilium", *arguments.peers.split(",")]
    times = {engine: [] for engine in engines}
    told = {}
    for _ in range(arguments.rounds):
        for engine in engines:
            if times[engine] is not None:
                found, told[engine] = timed(engine, name, folder, arguments)
                times[engine] = None if found is None else [*times[engine], found]
    ran = {engine: min(found) for engine, found in times.items() if found}
    reference = np.load(folder / "onnxruntime.npy") if "onnxruntime" in ran else None
    row = {"name": name, "threads": arguments.threads, "batch": arguments.batch, "times": ran, "memory": told}
    for engine, milliseconds in ran.items():
        differs = ""
        if engine not in ("onnxruntime", "torch") and reference is not None:
            got = np.load(folder / f"{engine}.npy")
            row.setdefault("differs", {})[engine] = float(np.abs(got - reference).max() / np.abs(reference).max())
            differs = f"  differs {row['differs'][engine]:.1e}"
        print(f"{name:20} {engine:12} {milliseconds:9.1f} ms  peak {told[engine]:6.0f} MB{differs}", flush=True)
    peers = {engine: ms for engine, ms in ran.items() if engine != "consilium"}
    if "consilium" not in ran or not peers:
        return None
    row["best"] = min(peers, key=peers.get)
    row["ratio"] = ran["consilium"] / peers[row["best"]]
    goal = GOALS.get((name, arguments.threads)) if arguments.batch == 1 else None
    wanted = "" if goal is None else f"  goal {goal:.2f} {'reached' if row['ratio'] <= goal else 'missed'}"
    print(f"{name:20} ratio {row['ratio']:.2f} to {row['best']}{wanted}", flush=True)
    return row


def timed(engine, name, folder, arguments):
    """Median in ms and peak memory in MB of one program in a process of its own."""
    threads, seconds = str(arguments.threads), str(arguments.seconds)
    model, value, output = folder / f"{name}.onnx", folder / f"{name}.npy", folder / f"{engine}.npy"
    if engine == "consilium":
        command = [
            arguments.consilium, "infer", model, "--input", value, "--output", output,
            "--threads", threads, "--repeat", str(times_to_repeat(folder, arguments.seconds)), "--lang", "en",
        ]
    else:
        command = [sys.executable, __file__, "--peer", engine, name, folder, threads, seconds]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    found = re.search(r"median\s+([0-9.]+) ms", printed)
    if status != 0 or not found:
        print(f"{name}: {engine} failed: {printed.strip()[-400:]}", flush=True)
        return None, 0
    if engine == "consilium":
        (folder / "last").write_text(found.group(1))
    return float(found.group(1)), usage.ru_maxrss / 1024


def times_to_repeat(folder, seconds):
    """How many runs fit, from the round before; few in the first."""
    last = folder / "last"
    if not last.exists():
        return 3
    return max(2, min(100, int(seconds * 1e3 / max(float(last.read_text()), 1e-3))))


def peer(engine, name, folder, threads, seconds):
    import numpy as np

    folder, threads, seconds = Path(folder), int(threads), float(seconds)
    value = np.load(folder / f"{name}.npy")
    runners = {"onnxruntime": onnxruntime_runners, "openvino": openvino_runners, "torch": torch_runners}[engine]
    best = None
    for run in runners(name, folder, value, threads):
        started = time.perf_counter()
        np.save(folder / f"{engine}.npy", run())
        if time.perf_counter() - started < seconds:
            run()
        times = []
        while len(times) < 2 or (sum(times) < seconds and len(times) < 100):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
        median = statistics.median(times) * 1e3
        best = median if best is None else min(best, median)
    print(f"median {best:.1f} ms")


def onnxruntime_runners(name, folder, value, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
    key = session.get_inputs()[0].name
    yield lambda: session.run(None, {key: value})[0]


def openvino_runners(name, folder, value, threads):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(str(folder / f"{name}.onnx"), "CPU", settings).create_infer_request()
    yield lambda: request.infer([value])[0]


def torch_runners(name, folder, value, threads):
    """Eagerly, in both layouts; the better one counts."""
    import torch
    from networks import NETWORKS

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network, tensor = NETWORKS[name][0]().eval(), torch.from_numpy(value)

    def run():
        with torch.inference_mode():
            output = network(tensor)
            return (output[0] if isinstance(output, (tuple, list)) else output).contiguous().numpy()

    yield run
    if tensor.dim() in (4, 5):
        layout = torch.channels_last if tensor.dim() == 4 else torch.channels_last_3d
        network, tensor = network.to(memory_format=layout), tensor.contiguous(memory_format=layout)
        yield run


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    sets = [flag for flag in ("avx2", "fma", "avx512f") if flag in flags]
    return f"{named[0] if named else 'unknown processor'} ({', '.join(sets)})"


BEGIN, END = "<!-- measured: {} -->", "<!-- end -->"


def write(arguments, rows):
    """Puts the table of these settings into the file, in place of an earlier one of the same settings."""
    import importlib.metadata as metadata

    key = f"{arguments.threads} threads, batch {arguments.batch}"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PEERS)
    lines = [
        BEGIN.format(key), f"## {key[0].upper()}{key[1:]}", "",
        f"{processor()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}; {versions}; f32, medians of the best round in ms.", "",
        "| network | Consilium | ONNX Runtime | OpenVINO | PyTorch | ratio to the best | goal | memory, MB (best peer) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = row["times"]
        cell = lambda engine: f"{times[engine]:.1f}" if engine in times else "-"  # noqa: E731
        goal = GOALS.get((row["name"], row["threads"])) if row["batch"] == 1 else None
        wanted = "" if goal is None else f"{goal:.2f} {'reached' if row['ratio'] <= goal else '**missed**'}"
        memory = f"{row['memory']['consilium']:.0f} ({row['memory'][row['best']]:.0f})"
        cells = [row["name"], cell("consilium"), *map(cell, PEERS), f"{row['ratio']:.2f}", wanted, memory]
        lines.append(f"| {' | '.join(cells)} |")
    block = "\n".join([*lines, "", END]) + "\n"
    text = arguments.write.read_text() if arguments.write.exists() else ""
    begin = BEGIN.format(key)
    if begin in text:
        start = text.index(begin)
        stop = text.index(END, start) + len(END) + 1
        text = text[:start] + block + text[stop:]
    else:
        text = f"{text.rstrip()}\n\n{block}" if text else block
    aside = arguments.write.with_suffix(".part")
    aside.write_text(text)
    aside.rename(arguments.write)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
