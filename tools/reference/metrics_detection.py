"""Fixtures of detection metrics.

    python tools/reference/metrics_detection.py

pycocotools (COCO AP), MONAI (FROC) and picai_eval (lesions in volumes) are the references. MONAI leaves
the lowest threshold out of its curve; a false positive below all others gives it one to leave out.
"""

import contextlib
import io
import json
import pathlib

import numpy as np
from monai.metrics import compute_froc_curve_data, compute_froc_score
from picai_eval import evaluate
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

HERE = pathlib.Path(__file__).resolve().parents[2]
OUT = HERE / "crates/metrics/tests/fixtures/detection.json"
NAMES = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()


def scene(rng, images, categories, ties=False, crowd=False):
    truth, found = [], []
    for image in range(images):
        for _ in range(rng.integers(0, 5)):
            w, h = rng.uniform(8, 150, 2)
            box = [float(round(v, 1)) for v in (*rng.uniform(0, 300, 2), w, h)]
            category = int(rng.integers(categories))
            area = box[2] * box[3] * rng.uniform(0.6, 1.0)
            truth.append([image, category, *box, float(round(area, 1)), int(crowd and rng.random() < 0.2)])
            for _ in range(rng.integers(0, 3)):
                moved = [
                    float(round(v, 1))
                    for v in np.array(box) + rng.normal(0, 6, 4) * [1, 1, 0.5, 0.5]
                ]
                moved[2:] = [max(v, 2.0) for v in moved[2:]]
                found.append([image, category, *moved, float(rng.beta(4, 2))])
        for _ in range(rng.integers(0, 3)):
            box = [float(round(v, 1)) for v in (*rng.uniform(0, 300, 2), *rng.uniform(8, 150, 2))]
            found.append([image, int(rng.integers(categories)), *box, float(rng.beta(2, 4))])
    if ties:
        for row in found:
            row[-1] = round(row[-1], 1)
    return truth, found


def coco(images, categories, truth, found):
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = {
            "images": [{"id": i + 1} for i in range(images)],
            "categories": [{"id": c + 1} for c in range(categories)],
            "annotations": [
                {
                    "id": n + 1,
                    "image_id": t[0] + 1,
                    "category_id": t[1] + 1,
                    "bbox": t[2:6],
                    "area": t[6],
                    "iscrowd": t[7],
                }
                for n, t in enumerate(truth)
            ],
        }
        gt.createIndex()
        dt = gt.loadRes(
            [
                {"image_id": f[0] + 1, "category_id": f[1] + 1, "bbox": f[2:6], "score": f[6]}
                for f in found
            ]
        )
        e = COCOeval(gt, dt, "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    return {name: (float(v) if v >= 0 else None) for name, v in zip(NAMES, e.stats)}


def iou(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def froc(images, truth, found):
    taken, tp, fp = set(), [], []
    for f in sorted(found, key=lambda f: -f[6]):
        best = max(
            (
                (iou(f[2:6], t[2:6]), -n)
                for n, t in enumerate(truth)
                if n not in taken and t[:2] == f[:2] and iou(f[2:6], t[2:6]) >= 0.5
            ),
            default=None,
        )
        if best:
            taken.add(-best[1])
            tp.append(f[6])
        else:
            fp.append(f[6])
    fps, sens = compute_froc_curve_data(np.array(fp + [-1.0]), np.array(tp), len(truth), images)
    rates = (0.125, 0.25, 0.5, 1, 2, 4, 8)
    at = [float(compute_froc_score(fps, sens, (r,))) for r in rates]
    return {"sensitivity": at, "cpm": float(compute_froc_score(fps, sens, rates))}


def volumes(rng):
    def ball(centre, radius):
        g = np.ogrid[:14, :12, :10]
        return sum((a - c) ** 2 for a, c in zip(g, centre)) <= radius**2

    cases = []
    for n in range(12):
        truth, found = np.zeros((14, 12, 10), int), np.zeros((14, 12, 10), np.float32)
        for _ in range(0 if n % 3 == 0 else rng.integers(1, 3)):
            centre, radius = rng.uniform(2, 9, 3), rng.uniform(1.2, 2.6)
            truth[ball(centre, radius)] = 1
            for _ in range(rng.integers(0, 3)):
                spot = ball(centre + rng.normal(0, 1.2, 3), rng.uniform(1.0, 2.2))
                near = np.zeros_like(spot)
                near[1:-1, 1:-1, 1:-1] = spot[1:-1, 1:-1, 1:-1]
                touches = found[np.pad(near, 1)[1:-1, 1:-1, 1:-1]].any()
                if not touches:
                    found[near] = np.float32(round(float(rng.uniform(0.1, 1)), 2))
        if rng.random() < 0.5:
            found[13, 11, 9] = np.float32(0.3)
        cases.append((found, truth))
    # One confidence a connected part, as the reference demands.
    from scipy import ndimage

    for found, _ in cases:
        labels, count = ndimage.label(found, np.ones((3, 3, 3)))
        for part in range(1, count + 1):
            found[labels == part] = found[labels == part].max()
    # Ten voxels of which one is hit: the overlap is exactly 0.1, which counts.
    truth, found = np.zeros((14, 12, 10), int), np.zeros((14, 12, 10), np.float32)
    truth[2:12, 5, 5] = 1
    found[2, 5, 5] = 0.9
    cases.append((found, truth))
    with contextlib.redirect_stdout(io.StringIO()):
        m = evaluate([c[0] for c in cases], [c[1] for c in cases], num_parallel_calls=1)
    pack = lambda a: [[int(i), float(a.ravel(order="F")[i])] for i in np.flatnonzero(a.ravel(order="F"))]
    return {
        "size": [14, 12, 10],
        "cases": [{"found": pack(f), "truth": [i for i, _ in pack(t)]} for f, t in cases],
        "lesions": [sorted([list(map(float, r)) for r in m.lesion_results[i]]) for i in range(len(cases))],
        "confidence": [float(m.case_pred[i]) for i in range(len(cases))],
        "AP": float(m.AP),
        "auroc": float(m.auroc),
        "score": float(m.score),
    }


if __name__ == "__main__":
    rng = np.random.default_rng(21)
    out = {"boxes": {}}
    for name, images, categories, options in (
        ("plain", 25, 2, {}),
        ("ties", 20, 3, {"ties": True}),
        ("crowds", 20, 2, {"crowd": True}),
    ):
        truth, found = scene(rng, images, categories, **options)
        out["boxes"][name] = {
            "images": images,
            "categories": categories,
            "truth": truth,
            "found": found,
            "coco": coco(images, categories, truth, found),
        }
        if name == "plain":
            out["boxes"][name]["froc"] = froc(images, truth, found)
    # A category nobody has, an image without anything, nothing found in one category.
    truth = [[0, 0, 10.0, 10.0, 50.0, 50.0, 2500.0, 0], [1, 1, 5.0, 5.0, 20.0, 20.0, 400.0, 0]]
    found = [[0, 0, 12.0, 10.0, 50.0, 50.0, 0.9], [2, 2, 1.0, 1.0, 5.0, 5.0, 0.8]]
    out["boxes"]["gaps"] = {
        "images": 4,
        "categories": 3,
        "truth": truth,
        "found": found,
        "coco": coco(4, 3, truth, found),
    }
    out["volumes"] = volumes(rng)
    OUT.write_text(json.dumps(out, separators=(",", ":")) + "\n")
