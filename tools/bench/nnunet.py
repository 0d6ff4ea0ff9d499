"""Times a whole nnU-Net case, file to file, against nnunetv2 in the same sitting: time, memory, labels.

    python tools/bench/nnunet.py --consilium PROGRAM [--threads 2] [--only ours|reference] [--folder KEEP] [--small]
    python tools/bench/nnunet.py --consilium PROGRAM --large [--threads 2] [--folder KEEP]

The case: a CT of 120 x 384 x 384 voxels (2.5 x 0.8 x 0.8 mm) made up of ellipsoids and noise, resampled to 1.5 mm
by the plans; the model: nnU-Net's standard six stages (32 to 320 features) with 128-cubed patches, 27 of them,
three classes, weights made up (their values do not matter for the time), no mirroring. `--small` is the same
with a quarter of the voxels and 64-cubed patches, to try the script. `--large` is a CT of 800 x 512 x 512 voxels
(1.5 x 0.8 x 0.8 mm) and the same network with 117 classes and the background: ours alone, under a limit of 6 GB, for
nnunetv2 would hold all classes at the size of the CT, 99 GB. Needs nnunetv2, nibabel and the packages of
tools/reference/requirements.txt; the reference takes minutes. Each program runs in a process of its own; the
memory is the most that process held. `everything else` is wall time less loading the model, less its networks and less
the pictures, which nnunetv2 does not draw: reading, cropping, resampling, labels, resampling back, writing, and with
Consilium also volumes, tables and the report.
User time is the processors' sum.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reference"))


def main():
    if sys.argv[1:2] == ["--reference"]:
        return reference(*map(Path, sys.argv[2:5]), int(sys.argv[5]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consilium", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["ours", "reference"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    only, limit = arguments.only, []
    if arguments.large:
        only, limit = "ours", ["--memory-limit", "6GB"]
    folder = arguments.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    model, image = folder / "model", folder / "case.nii.gz"
    if not model.exists():
        shape, spacing_mm = (384, 384, 120), (0.8, 0.8, 2.5)
        if arguments.small:
            shape = (192, 192, 60)
        if arguments.large:
            shape, spacing_mm = (512, 512, 800), (0.8, 0.8, 1.5)
        write_case(image, shape, spacing_mm)
        write_model(model, 64 if arguments.small else 128, 117 if arguments.large else 2)
    threads, found = str(arguments.threads), {}
    if only != "reference":
        found["ours"] = timed("consilium", [
            arguments.consilium, "read", image, "--model", model, "--threads", threads, "--out", folder / "ours", "--quiet", "--lang", "en", "-v", *limit])
        result = json.loads((folder / "ours" / "result.json").read_text())
        found["ours"][2].update(parts_of(result, found["ours"][0], found["ours"][2]["pictures"]))
    if only != "ours":
        found["reference"] = timed("nnunetv2", [sys.executable, __file__, "--reference", model, image, folder / "reference.nii.gz", threads])
    for name in ("ours", "reference"):
        if name in found:
            seconds, megabytes, parts, user = found[name]
            told = ", ".join(f"{part} {took:.1f} s" for part, took in parts.items())
            print(f"{name:10} {seconds:7.1f} s  user {user:7.1f} s  {megabytes:6.0f} MB  {told}")
    if {"ours", "reference"} <= set(found):
        print(f"{found['reference'][0] / found['ours'][0]:.2f} times as fast, {found['ours'][1] / found['reference'][1]:.2f} of the memory")
        ours, theirs = (found[name][2]["everything else"] for name in ("ours", "reference"))
        print(f"{theirs / ours:.2f} times as fast in everything but loading, the network and pictures")
        print(f"equal labels: {agreement(folder):.5f}")


def timed(name, command):
    """Seconds, the most memory in MB, the parts it told of itself, user seconds."""
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        sys.exit(f"{name} failed: {printed[-2000:]}")
    told = re.findall(r"^part (.+) ([0-9.]+) s$", printed, re.M)
    told += [("pictures", took) for took in re.findall(r"pictures ([0-9.]+) s, files", printed)]
    return seconds, usage.ru_maxrss / 1024, {part: float(took) for part, took in told}, usage.ru_utime


def parts_of(result, seconds, pictures):
    """The parts of our run, from what `result.json` says, the wall time of the process and what it says of its pictures."""
    run = result["manifest"]["models"][0]
    load, network = run["load_seconds"], run["network_seconds"]
    return {"load": load, "network": network, "everything else": seconds - load - network - pictures}


def agreement(folder):
    import nibabel

    ours = next((folder / "ours").rglob("segmentation*.nii.gz"))
    a, b = (np.asarray(nibabel.load(path).dataobj) for path in (ours, folder / "reference.nii.gz"))
    return float((a == b).mean())


def write_case(path, shape, spacing_mm):
    """Tissue-like ellipsoids in air, with noise."""
    import nibabel

    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    volume = np.full(shape, -1000, np.float32)
    rng = np.random.default_rng(1)
    for at, size, level in [((0, 0, 0), (0.85, 0.65, 1.5), 40), ((-0.35, 0, 0), (0.3, 0.4, 0.8), -800),
                            ((0.35, 0, 0), (0.3, 0.4, 0.8), -780), ((0, 0.45, 0), (0.12, 0.12, 1.4), 500)]:
        inside = sum(((axis - a) / s) ** 2 for axis, a, s in zip((x, y, z), at, size)) < 1
        volume[inside] = level
    volume += rng.standard_normal(shape, np.float32) * 20
    image = nibabel.Nifti1Image(volume.astype(np.int16), np.diag([*spacing_mm, 1]))
    nibabel.save(image, path)


def write_model(folder, patch, classes):
    import nnunet_models as models

    stages = 6
    features, strides = [32, 64, 128, 256, 320, 320], [[1] * 3] + [[2] * 3] * (stages - 1)
    network = models.architecture(3, "PlainConvUNet", features, strides, [2] * stages, [2] * (stages - 1))
    plans = models.plans({"3d_fullres": models.configuration([1.5] * 3, [patch] * 3, network, ["CTNormalization"], [False])})
    dataset = models.dataset(["CT"], {"background": 0, **{f"structure {i}": i for i in range(1, classes + 1)}})
    models.write_model(folder, "bench", {"plans": plans, "dataset": dataset, "folds": 1, "mirror": None}, "3d_fullres")


def reference(model, image, output, threads):
    """What nnunetv2 does when a user calls it, with the same number of threads, its parts timed."""
    import torch

    torch.set_num_threads(threads)
    started = time.perf_counter()
    import nnunet_models as models

    predictor = models.predictor(model, False)
    loaded = time.perf_counter()
    times = {"network": 0.0}
    inner = predictor.predict_logits_from_preprocessed_data

    def network(*arguments, **options):
        begun = time.perf_counter()
        logits = inner(*arguments, **options)
        times["network"] += time.perf_counter() - begun
        return logits

    predictor.predict_logits_from_preprocessed_data = network
    predictor.predict_from_files_sequential([[str(image)]], [str(output)[: -len(".nii.gz")]], False, True)
    ended = time.perf_counter()
    print(f"part load {loaded - started:.1f} s")
    print(f"part network {times['network']:.1f} s")
    print(f"part everything else {ended - loaded - times['network']:.1f} s")


if __name__ == "__main__":
    main()
