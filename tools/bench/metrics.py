"""The judge beside MONAI, surface-distance, scikit-learn and pycocoevalcap, in one sitting.

    cargo build --release -p metrics --example speed
    python tools/bench/metrics.py --speed target/release/examples/speed [surface|bootstrap|cider ...]

Every part runs alone in a process of its own, with the same number of threads where the library has
threads. Results are compared before times are: a ratio of different numbers means nothing.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def masks(folder):
    """A liver-sized pair in 512 x 512 x 400 voxels of 0.75 x 0.75 x 1 mm: bumpy ellipsoids."""
    size = (512, 512, 400)
    x, y, z = np.ogrid[: size[0], : size[1], : size[2]]

    def shape(shift, wave):
        r = ((x - 230 - shift) / 150) ** 2 + ((y - 250) / 120) ** 2 + ((z - 200 - shift) / 110) ** 2
        return (r + 0.08 * np.sin(x / wave) * np.cos(y / wave) * np.sin(z / wave)) < 1

    truth, predicted = shape(0, 9.0), shape(2, 11.0)
    for name, mask in (("predicted", predicted), ("truth", truth)):
        mask.ravel(order="F").astype(np.uint8).tofile(folder / f"{name}.raw")
        np.save(folder / f"{name}.npy", mask)
    return [str(v) for v in (*size, 0.75, 0.75, 1.0)]


def load(folder):
    return np.load(folder / "predicted.npy"), np.load(folder / "truth.npy"), (0.75, 0.75, 1.0)


def run_monai(folder, threads):
    import torch
    from monai.metrics import (
        compute_average_surface_distance,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    torch.set_num_threads(threads)
    predicted, truth, spacing = load(folder)
    p, t = (torch.from_numpy(m)[None, None] for m in (predicted, truth))
    start = time.perf_counter()
    kind = dict(include_background=True, spacing=list(spacing))
    hd95 = float(compute_hausdorff_distance(p, t, percentile=95, **kind))
    one = time.perf_counter() - start
    assd = float(compute_average_surface_distance(p, t, symmetric=True, **kind))
    nsd = float(compute_surface_dice(p, t, class_thresholds=[1.0], **kind))
    return {"s": time.perf_counter() - start, "hd95_s": one, "hd95": hd95, "assd": assd, "nsd": nsd}


def run_surface_distance(folder, threads):
    from scipy import ndimage

    # Version 0.1 is older than NumPy 2 and SciPy 2.
    np.Inf = np.inf
    for old in ("filters", "morphology"):
        if not hasattr(ndimage, old):
            setattr(ndimage, old, ndimage)
    import surface_distance as sd

    predicted, truth, spacing = load(folder)
    start = time.perf_counter()
    found = sd.compute_surface_distances(truth, predicted, spacing)
    hd95 = sd.compute_robust_hausdorff(found, 95)
    nsd = sd.compute_surface_dice_at_tolerance(found, 1.0)
    return {"s": time.perf_counter() - start, "surfels_hd95": float(hd95), "surfels_nsd": float(nsd)}


CASES, LABELS, RESAMPLES = 25_000, 14, 2_000


def tables(folder):
    rng = np.random.default_rng(5)
    truth = rng.random((LABELS, CASES)) < np.linspace(0.02, 0.4, LABELS)[:, None]
    scores = rng.normal(size=(LABELS, CASES)) + 1.2 * truth
    patients = rng.integers(0, 12_000, CASES).astype("<u4")
    scores.astype("<f8").tofile(folder / "scores.raw")
    truth.astype(np.uint8).tofile(folder / "labels.raw")
    patients.tofile(folder / "patients.raw")
    np.savez(folder / "tables.npz", scores=scores, truth=truth, patients=patients)
    return [str(v) for v in (CASES, LABELS, RESAMPLES)]


def run_scikit_learn(folder, _threads, resamples=20):
    """The usual loop, of which `resamples` rounds are timed and the rest counted up."""
    from sklearn.metrics import roc_auc_score

    data = np.load(folder / "tables.npz")
    scores, truth, patients = data["scores"], data["truth"], data["patients"]
    order = np.argsort(patients, kind="stable")
    names, first = np.unique(patients[order], return_index=True)
    members = np.split(order, first[1:])
    rng = np.random.default_rng(1)
    start = time.perf_counter()
    for _ in range(resamples):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])
        for label in range(LABELS):
            roc_auc_score(truth[label, drawn], scores[label, drawn])
    seconds = time.perf_counter() - start
    return {"s": seconds * RESAMPLES / resamples, "timed_resamples": resamples}


def reports(folder):
    rng = random.Random(9)
    words = [f"w{i}" for i in range(3000)]
    weights = [1 / (i + 3) for i in range(3000)]
    for name in ("hypotheses", "references"):
        (folder / f"{name}.txt").write_text("")
    with open(folder / "hypotheses.txt", "w") as h, open(folder / "references.txt", "w") as r:
        for _ in range(5000):
            text = rng.choices(words, weights, k=rng.randint(30, 90))
            r.write(" ".join(text) + "\n")
            kept = [w if rng.random() < 0.7 else rng.choices(words, weights)[0] for w in text]
            h.write(" ".join(kept[: rng.randint(20, len(kept))]) + "\n")
    return []


def run_pycocoevalcap(folder, _threads):
    from pycocoevalcap.cider.cider import Cider

    read = lambda name: (folder / name).read_text().splitlines()
    res = {i: [line] for i, line in enumerate(read("hypotheses.txt"))}
    gts = {i: [line] for i, line in enumerate(read("references.txt"))}
    start = time.perf_counter()
    mean, _ = Cider().compute_score(gts, res)
    return {"s": time.perf_counter() - start, "cider": float(mean)}


PARTS = {
    "surface": (masks, ["predicted.raw", "truth.raw"], [run_monai, run_surface_distance]),
    "bootstrap": (tables, ["scores.raw", "labels.raw", "patients.raw"], [run_scikit_learn]),
    "cider": (reports, ["hypotheses.txt", "references.txt"], [run_pycocoevalcap]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--speed", required=True, help="the built example")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", help="keep inputs here, and use them when they are there")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        runs = {run.__name__: run for _, _, peers in PARTS.values() for run in peers}
        found = runs[options.peer](pathlib.Path(options.folder), options.threads)
        print(json.dumps({**found, "peak_mib": peak_mib()}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for part in options.parts:
            make, files, peers = PARTS[part]
            kept = folder / f"{part}.json"
            if not kept.exists():
                kept.write_text(json.dumps(make(folder)))
            rest = json.loads(kept.read_text())
            line = [options.speed, part, str(options.threads), *(str(folder / f) for f in files)]
            own = [json.loads(subprocess.check_output([*line, *rest])) for _ in range(3)]
            key = "s" if "s" in own[0] else "voxels_s"
            best = min(own, key=lambda found: found[key])
            print(part, "consilium", json.dumps(best))
            for peer in peers:
                command = [sys.executable, "-W", "ignore", __file__, "--speed", "-", "--peer"]
                command += [peer.__name__, "--threads", str(options.threads)]
                command += ["--folder", str(folder)]
                found = json.loads(subprocess.check_output(command).splitlines()[-1])
                print(part, peer.__name__[4:], json.dumps(found))
                for name in set(found) & set(best) - {"s", "hd95_s", "peak_mib"}:
                    off = abs(found[name] - best[name]) / max(abs(found[name]), 1e-12)
                    assert off < 1e-5, (name, found[name], best[name])
                surfels = peer is run_surface_distance
                seconds = best["surfels_s"] if surfels else best[key]
                print(f"{part}: {found['s'] / seconds:.1f} times {peer.__name__[4:]}")
                if "hd95_s" in found:
                    print(f"{part}: {found['hd95_s'] / seconds:.1f} times its HD95 alone")


if __name__ == "__main__":
    main()
