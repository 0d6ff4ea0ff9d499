"""Makes the held-out test: python held_out.py MAPS FOLDER

Four heads that training never saw (labels.HELD_OUT), as drawn by generate.py without deformation, in eight settings: T1-, T2- and
FLAIR-like at 1 mm and with 3 and 6 mm slices, and contrasts at random with slices of 1 to 6 mm. Writes FOLDER/images and FOLDER/truth,
NIfTI files of the same names on the grid of the slices, truth in FreeSurfer's codes. Then:

    consilium read FOLDER/images --out FOLDER/read
    python held_out.py --gather FOLDER
    consilium score --task segmentation FOLDER/predicted FOLDER/truth --group setting
"""
import shutil
import sys
from pathlib import Path

import nibabel
import numpy as np
import torch

from generate import Heads, draw
from labels import HELD_OUT, STRUCTURES

SIZE = (176, 232, 216)
SETTINGS = [("t1", 1.0), ("t1", 3.0), ("t1", 6.0), ("t2", 1.0), ("t2", 6.0), ("flair", 1.0), ("flair", 6.0), ("any", None)]


def codes(kind, side):
    left = np.array([s[1] for s in STRUCTURES], np.uint8)
    right = np.array([s[2] or s[1] for s in STRUCTURES], np.uint8)
    return np.where(side == 2, right[kind], left[kind]).astype(np.uint8)


def main(maps, folder):
    torch.set_num_threads(1)
    heads = Heads(maps, HELD_OUT, Path(maps, "labels_classes_priors"))
    for part in ("images", "truth"):
        Path(folder, part).mkdir(parents=True, exist_ok=True)
    for which, number in enumerate(HELD_OUT):
        for at, (style, slices) in enumerate(SETTINGS):
            rng = torch.Generator().manual_seed(9_000 + 100 * number + at)
            thick = slices or float(torch.randint(1, 7, (), generator=rng))
            x, kind, side = draw(heads, which, SIZE, rng, style, thick, 0.0)
            truth = codes(kind.numpy(), side.numpy())
            image = (x.numpy() * 1000).astype(np.int16)
            step = int(thick)
            first = step // 2  # the grid of the slices: every step-th plane
            affine = np.diag([1.0, 1.0, step, 1.0])
            affine[2, 3] = first
            name = f"{style}-{step}mm-head{number:02d}.nii.gz" if slices else f"any-head{number:02d}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(image[:, :, first::step], affine), Path(folder, "images", name))
            nibabel.save(nibabel.Nifti1Image(truth[:, :, first::step], affine), Path(folder, "truth", name))


def gather(folder):
    target = Path(folder, "predicted")
    target.mkdir(exist_ok=True)
    for map_file in sorted(Path(folder, "read").glob("*/segmentation.nii.gz")):
        shutil.copy(map_file, target / f"{map_file.parent.name}.nii.gz")


if __name__ == "__main__":
    gather(sys.argv[2]) if sys.argv[1] == "--gather" else main(*sys.argv[1:])
