"""Computes the label-probability atlas: python atlas.py MAPS consilium-head-atlas.bin

The network is told where it is by it (prior.py), and `consilium demo` draws heads from it. The training heads (never the held-out
ones) are laid onto each other by the affine map that best fits the centres of their structures, brought to 2 mm, averaged together
with their mirror images, and reduced to the two likeliest categories of each voxel of the right half.

File, before compression with zlib: b"CHA1", extents x y z as uint16 (x from the middle plane to the right), then for each voxel
in (z, y, x) order the likeliest category, then for each the second, then for each the probability of the first in 255ths of
first + second; all uint8. Categories: the classes of labels.py (0 is air), then EXTRA.
"""
import struct
import sys
import zlib
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from labels import CLASSES, STRUCTURES, TRAINING, tables

# Codes outside the brain, by tissue (generation_classes_contrast_specific.npy tells the same ones apart).
EXTRA = [72, 85, 502, 506, 507, 508, 509, 511, 512, 514, 515, 516, 530, 30]
TOTAL = len(STRUCTURES) + len(EXTRA)
SIZE = (96, 120, 104)  # voxels of 2 mm
STEP = 2.0
# Structures whose centres are laid onto each other: all but the brain's outside and what has no shape of its own.
MARKS = [(i, side) for i, (name, _, right) in enumerate(STRUCTURES) if name not in ("background", "CSF") for side in ((1, 2) if right else (0,))]


def categories():
    table = np.zeros(1024, np.uint8)
    kind, _ = tables()
    table[:] = kind
    for i, code in enumerate(EXTRA):
        table[code] = CLASSES + i
    table[62] = table[30]
    return table


def marks(kind, side):
    """Centres of the structures MARKS in voxels, (31, 3)."""
    sums, counts = np.zeros((CLASSES * 3, 3)), np.zeros(CLASSES * 3)
    where = np.nonzero(kind)
    which = kind[where].astype(np.int64) * 3 + side[where]
    counts += np.bincount(which, minlength=CLASSES * 3)
    for axis in range(3):
        sums[:, axis] += np.bincount(which, where[axis], minlength=CLASSES * 3)
    at = [c * 3 + s for c, s in MARKS]
    return sums[at] / counts[at, None]


def fit(source, target):
    """The affine map (3, 4) that takes source points to target points with the least squares."""
    ones = np.ones((len(source), 1))
    return np.linalg.lstsq(np.concatenate([source, ones], 1), target, rcond=None)[0].T


def apply(affine, points):
    return points @ affine[:, :3].T + affine[:, 3]


def mirrored(points):
    """Points of the mirror image, in the order of MARKS."""
    other = [MARKS.index((c, {0: 0, 1: 2, 2: 1}[s])) for c, s in MARKS]
    return points[other] * [-1, 1, 1]


def template(heads):
    """Mean places of the marks in mm from the middle, symmetric, of a size between those of the heads."""
    shape = np.mean([h - h.mean(0) for h in heads], 0)
    shape = (shape + mirrored(shape)) / 2
    for _ in range(20):
        maps = [fit(h, shape) for h in heads]
        mean = np.mean([apply(m, h) for m, h in zip(maps, heads)], 0)
        mean = (mean + mirrored(mean)) / 2
        mean -= mean.mean(0) * [1, 0, 0]
        size = np.exp(np.mean([np.log(np.linalg.det(m[:, :3])) for m in maps]) / 3)
        shape = mean / size
    return shape


def read(path):
    """Codes of a label map as an array along x, y, z in RAS+."""
    return np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj).astype(np.int64)


def laid(codes, affine, table):
    """The categories of a head on the atlas' grid; `affine` takes its voxels to mm of the atlas."""
    back = np.linalg.inv(np.vstack([affine, [0, 0, 0, 1]]))
    grids = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * STEP for n in SIZE], indexing="ij")
    at = [sum(back[a, b] * grids[b] for b in range(3)) + back[a, 3] for a in range(3)]
    return ndimage.map_coordinates(table[codes], at, order=0, mode="constant", cval=0)


def reduced(counts):
    """Likeliest and second category and the first's share in 255ths, each (48, 120, 104), of smoothed counts of the full grid."""
    smooth = np.stack([ndimage.gaussian_filter(c, 0.6) for c in counts])[:, SIZE[0] // 2 :]
    order = np.argsort(-smooth, axis=0, kind="stable")[:2]
    first, second = (np.take_along_axis(smooth, order[i : i + 1], 0)[0] for i in (0, 1))
    share = np.clip(np.round(255 * first / np.maximum(first + second, 1e-6)), 0, 255).astype(np.uint8)
    return order[0].astype(np.uint8), order[1].astype(np.uint8), share


def counted(found):
    counts = np.zeros((TOTAL,) + SIZE, np.float32)
    for seen in (found, found[::-1]):
        for c in np.unique(seen):
            counts[c] += seen == c
    return counts


def aligned(maps, numbers):
    """For each head its categories on the atlas' grid and the map from its voxels to the atlas; and the places of the marks."""
    table, (kind, side) = categories(), tables()
    codes = [read(Path(maps, f"training_seg_{n:02d}.nii.gz")) for n in numbers]
    found = [marks(kind[c], side[c]) for c in codes]
    shape = template(found)
    # The middle of the grid is that of the brain, 8 mm before and 20 mm above halfway between its outermost marks: near the thalamus.
    shape = shape - (shape.min(0) + shape.max(0)) / 2 * [0, 1, 1] - [0, 8, 20]
    maps_to = [fit(f, shape) for f in found]
    return [laid(c, m, table) for c, m in zip(codes, maps_to)], maps_to, shape


def main(maps, target):
    heads, _, shape = aligned(maps, TRAINING)
    body = reduced(sum(counted(h) for h in heads))
    data = b"CHA1" + struct.pack("<3H", *body[0].shape) + b"".join(np.ascontiguousarray(a.transpose(2, 1, 0)).tobytes() for a in body)
    Path(target).write_bytes(zlib.compress(data, 9))
    print(len(data), "->", Path(target).stat().st_size, "bytes")
    for (c, s), at in zip(MARKS, shape):
        print(STRUCTURES[c][0], s, at.round(1).tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
