"""Fixtures of segmentation metrics.

    python tools/reference/metrics_masks.py

MONAI, DeepMind's surface-distance, scikit-image (thinning) and cc3d are the references. medpy's HD95,
BraTS 2023's lesion-wise scores and panoptic quality are written out after their definitions.
"""

import itertools
import json
import math
import pathlib

import numpy as np

np.Inf = np.inf  # surface-distance 0.1 is older than NumPy 2
np.NaN = np.nan
import cc3d  # noqa: E402
import torch  # noqa: E402
from scipy import ndimage  # noqa: E402

if not hasattr(ndimage, "filters"):
    ndimage.filters = ndimage
if not hasattr(ndimage, "morphology"):
    ndimage.morphology = ndimage
import monai.metrics as mm  # noqa: E402
import surface_distance as sd  # noqa: E402
from skimage.morphology import skeletonize  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parents[2]
OUT = HERE / "crates/metrics/tests/fixtures/masks.json"


def bits(mask):
    """Voxels x fastest, eight a byte, the first in the highest bit."""
    return np.packbits(mask.ravel(order="F")).tobytes().hex()


def ball(size, centre, radius, spacing=(1, 1, 1)):
    grid = np.ogrid[tuple(slice(0, n) for n in size)]
    return sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, spacing)) <= radius**2


def noise(rng, size, share, smooth):
    field = ndimage.gaussian_filter(rng.normal(size=size), smooth)
    return field > np.quantile(field, 1 - share)


def tubes(rng, size, count):
    mask = np.zeros(size, bool)
    for _ in range(count):
        a, b = rng.uniform(2, np.array(size) - 3, (2, len(size)))
        for t in np.linspace(0, 1, 60):
            p = a + (b - a) * t + 2 * np.sin(3 * t + a[0])
            mask |= ball(size, p, 1.6)
    return mask


def cases():
    rng = np.random.default_rng(11)
    s3 = (20, 17, 14)
    empty = np.zeros(s3, bool)
    a, b = ball(s3, (9, 8, 6), 5.2), ball(s3, (11, 8, 7), 4.7)
    yield "balls", a, b, (1.0, 1.0, 1.0)
    yield "balls_anisotropic", a, b, (0.7, 0.9, 3.0)
    yield "identical", a, a, (1.0, 1.0, 2.0)
    yield "at_the_edge", ball(s3, (0, 0, 0), 5.0), ball(s3, (1, 16, 0), 6.1), (1.0, 0.5, 2.0)
    yield "whole_volume", ~empty, a, (1.0, 1.0, 1.0)
    one, other = empty.copy(), empty.copy()
    one[3, 4, 5] = other[15, 12, 9] = True
    yield "single_voxels_far_apart", one, other, (0.8, 0.8, 1.25)
    yield "ragged", noise(rng, s3, 0.3, 0.8), noise(rng, s3, 0.25, 0.8), (0.9, 1.1, 2.5)
    yield "parts", noise(rng, s3, 0.12, 1.3), noise(rng, s3, 0.15, 1.3), (1.0, 1.0, 1.0)
    yield "both_empty", empty, empty, (1.0, 1.0, 1.0)
    yield "missed", empty, a, (1.0, 1.0, 1.0)
    yield "spurious", a, empty, (1.0, 1.0, 1.0)
    yield "tubes", tubes(rng, (24, 22, 18), 4), tubes(rng, (24, 22, 18), 3), (1.0, 1.0, 1.0)
    t = tubes(rng, (24, 22, 18), 5)
    yield "tubes_shifted", t, np.roll(t, 1, 0), (1.0, 1.0, 1.0)
    s2 = (30, 26)
    yield "picture", noise(rng, s2, 0.3, 2), noise(rng, s2, 0.3, 2), (0.5, 0.8)
    yield "picture_identical", ball(s2, (12, 11), 7), ball(s2, (12, 11), 7), (1.0, 1.0)
    yield "picture_tubes", tubes(rng, s2, 4), tubes(rng, s2, 4), (1.0, 1.0)


def border(mask):
    return mask ^ ndimage.binary_erosion(mask)


def measure(p, r, spacing):
    out = {
        "size": list(p.shape),
        "spacing": list(spacing),
        "predicted": bits(p),
        "reference": bits(r),
    }
    stats = [int((p & r).sum()), int((p & ~r).sum()), int((~p & r).sum())]
    out["counts"] = stats
    tp, tn = torch.tensor(p)[None, None], torch.tensor(r)[None, None]
    fp, fr = tp.float(), tn.float()
    if p.any() or r.any():
        out["dice"] = float(mm.compute_dice(fp, fr, include_background=True, ignore_empty=False))
        out["iou"] = float(mm.compute_iou(fp, fr, include_background=True, ignore_empty=False))
    if not (p.any() and r.any()):
        return out
    spacing = list(spacing)
    hd = lambda q: float(
        mm.compute_hausdorff_distance(fp, fr, include_background=True, percentile=q, spacing=spacing)
    )
    asd = lambda a, b, sym: float(
        mm.compute_average_surface_distance(
            a, b, include_background=True, symmetric=sym, spacing=spacing
        )
    )
    nsd = lambda t, sub: float(
        mm.compute_surface_dice(
            fp, fr, class_thresholds=[t], include_background=True, spacing=spacing, use_subvoxels=sub
        )
    )
    out["monai"] = {
        "hd": hd(None),
        "hd95": hd(95),
        "assd": asd(fp, fr, True),
        "to_reference": asd(fp, fr, False),
        "to_predicted": asd(fr, fp, False),
        "nsd": {str(t): nsd(t, False) for t in (0.5, 1.0, 2.0)},
    }
    bp, br = border(p), border(r)
    d1 = ndimage.distance_transform_edt(~br, sampling=spacing)[bp]
    d2 = ndimage.distance_transform_edt(~bp, sampling=spacing)[br]
    out["pooled_hd95"] = float(np.percentile(np.hstack((d1, d2)), 95))
    d = sd.compute_surface_distances(r, p, spacing)
    to_p, to_r = sd.compute_average_surface_distance(d)
    out["deepmind"] = {
        "hd95": float(sd.compute_robust_hausdorff(d, 95)),
        "hd50": float(sd.compute_robust_hausdorff(d, 50)),
        "to_predicted": float(to_p),
        "to_reference": float(to_r),
        "nsd": {
            str(t): float(sd.compute_surface_dice_at_tolerance(d, t)) for t in (0.5, 1.0, 2.0)
        },
        "area": [float(d["surfel_areas_pred"].sum()), float(d["surfel_areas_gt"].sum())],
    }
    sp, sr = (skeletonize(m, method="lee") > 0 for m in (p, r))
    out["skeleton"] = [bits(sp), bits(sr)]
    prec, sens = (sp & r).sum() / sp.sum(), (sr & p).sum() / sr.sum()
    out["cl_dice"] = 2 * prec * sens / (prec + sens) if prec + sens else 0.0
    structure = np.ones((3,) * p.ndim)
    lp, n_p = ndimage.label(p, structure)
    lr, n_r = ndimage.label(r, structure)
    ious = []
    for i, j in itertools.product(range(1, n_p + 1), range(1, n_r + 1)):
        x, y = lp == i, lr == j
        v = (x & y).sum() / (x | y).sum()
        if v > 0.5:
            ious.append(v)
    t = len(ious)
    out["panoptic"] = [t, n_p - t, n_r - t, sum(ious) / (t + 0.5 * (n_p - t) + 0.5 * (n_r - t))]
    return out


def lesion_wise(p, r, spacing, dilations, smallest):
    """BraTS 2023, one tissue."""
    structure = ndimage.generate_binary_structure(3, 2)
    wide = ndimage.binary_dilation(r, structure, iterations=dilations)
    lesions = cc3d.connected_components(wide, connectivity=26) * r
    parts = cc3d.connected_components(p, connectivity=26)
    rows, belong = [], set()
    for n in range(1, lesions.max() + 1):
        own = lesions == n
        near = ndimage.binary_dilation(own, structure, iterations=dilations)
        mine = set(np.unique(parts[near])) - {0}
        belong |= mine
        found = np.isin(parts, list(mine))
        dice = 2 * (found & own).sum() / (found.sum() + own.sum())
        hd = sd.compute_robust_hausdorff(sd.compute_surface_distances(own, found, spacing), 95)
        rows.append([own.sum() * math.prod(spacing), len(mine), dice, hd if np.isfinite(hd) else 374])
    fp = parts.max() - len(belong)
    large = [row for row in rows if row[0] > smallest]
    n = len(large) + fp
    return {
        "dilations": dilations,
        "smallest": smallest,
        "rows": [[float(v) for v in row] for row in rows],
        "tp": sum(row[1] > 0 for row in large),
        "fn": sum(row[1] == 0 for row in large),
        "fp": int(fp),
        "dice": float(sum(row[2] for row in large) / n) if n else None,
        "hd95": float((sum(row[3] for row in large) + fp * 374) / n) if n else None,
    }


def lesions():
    rng = np.random.default_rng(12)
    size = (34, 32, 26)
    reference, predicted = np.zeros(size, bool), np.zeros(size, bool)
    for centre, radius in (((6, 6, 6), 3.2), ((12, 7, 6), 2.1), ((24, 24, 12), 4), ((6, 25, 20), 1)):
        reference |= ball(size, centre, radius)
    for centre, radius in (((6, 7, 6), 3.0), ((27, 24, 12), 2.4), ((22, 21, 12), 2.0), ((26, 6, 20), 2)):
        predicted |= ball(size, centre, radius)
    for name, p, r in (
        ("lesions", predicted, reference),
        ("nothing_found", np.zeros(size, bool), reference),
        ("nothing_there", predicted, np.zeros(size, bool)),
        ("both_empty", np.zeros(size, bool), np.zeros(size, bool)),
        ("ragged", noise(rng, size, 0.05, 1.2), noise(rng, size, 0.05, 1.2)),
    ):
        for dilations, smallest in ((3, 50), (1, 2)):
            yield f"{name}_{dilations}", p, r, lesion_wise(p, r, (1.0, 1.0, 1.0), dilations, smallest)


if __name__ == "__main__":
    fixture = {"cases": {}, "lesions": {}}
    for name, p, r, spacing in cases():
        fixture["cases"][name] = measure(p, r, spacing)
    for name, p, r, expected in lesions():
        expected.update(size=list(p.shape), predicted=bits(p), reference=bits(r))
        fixture["lesions"][name] = expected
    text = json.dumps(fixture, separators=(",", ":"))
    assert "NaN" not in text and "Infinity" not in text
    OUT.write_text(text + "\n")
    print(len(text), "bytes")
