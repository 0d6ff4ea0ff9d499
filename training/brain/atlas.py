"""Computes the label-probability atlas that `consilium demo` draws heads from: python atlas.py MAPS consilium-head-atlas.bin

The training heads (never the held-out ones) are moved and scaled so that their brains agree in centre and extent, brought to 2 mm,
averaged together with their mirror images, and reduced to the two likeliest categories of each voxel of the right half.

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

from labels import ALSO, CLASSES, STRUCTURES, TRAINING, tables

# Codes outside the brain, by tissue (generation_classes_contrast_specific.npy tells the same ones apart).
EXTRA = [72, 85, 502, 506, 507, 508, 509, 511, 512, 514, 515, 516, 530, 30]
SIZE = (96, 120, 104)  # voxels of 2 mm
STEP = 2.0
EXTENT = np.array([36.0, 44.0, 33.0])  # standard deviations of the brain's voxels along x, y, z that all heads are scaled to


def categories():
    table = np.zeros(1024, np.uint8)
    kind, _ = tables()
    table[:] = kind
    for i, code in enumerate(EXTRA):
        table[code] = CLASSES + i
    table[62] = table[30]
    return table


def head(path, table):
    codes = np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj).astype(np.int64)
    found = table[codes]
    inside = np.argwhere((found > 0) & (found < CLASSES))
    centre, spread = inside.mean(0), inside.std(0)
    scale = spread / EXTENT * STEP
    grids = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * s + c for n, s, c in zip(SIZE, scale, centre)], indexing="ij")
    return ndimage.map_coordinates(found, grids, order=0, mode="constant", cval=0)


def main(maps, target):
    table, total = categories(), len(STRUCTURES) + len(EXTRA)
    counts = np.zeros((total,) + SIZE, np.float32)
    for number in TRAINING:
        found = head(Path(maps, f"training_seg_{number:02d}.nii.gz"), table)
        for mirrored in (found, found[::-1]):
            for c in np.unique(mirrored):
                counts[c] += mirrored == c
    for c in range(total):
        counts[c] = ndimage.gaussian_filter(counts[c], 0.6)
    half = counts[:, SIZE[0] // 2 :]
    order = np.argsort(-half, axis=0, kind="stable")[:2]
    first, second = (np.take_along_axis(half, order[i : i + 1], 0)[0] for i in (0, 1))
    share = np.clip(np.round(255 * first / np.maximum(first + second, 1e-6)), 0, 255).astype(np.uint8)
    body = b"".join(np.ascontiguousarray(a.transpose(2, 1, 0)).astype(np.uint8).tobytes() for a in (order[0], order[1], share))
    data = b"CHA1" + struct.pack("<3H", *half.shape[1:]) + body
    Path(target).write_bytes(zlib.compress(data, 9))
    print(len(data), "->", Path(target).stat().st_size, "bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
