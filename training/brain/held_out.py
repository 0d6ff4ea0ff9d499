"""Makes the held-out test: python held_out.py MAPS FOLDER

Four heads that training never saw (labels.HELD_OUT), as drawn by generate.py without deformation, in eight settings: T1-, T2- and
FLAIR-like at 1 mm and with 3 and 6 mm slices, and contrasts at random with slices of 1 to 6 mm. Writes FOLDER/images and FOLDER/truth,
NIfTI files of the same names on the grid of the slices, truth in FreeSurfer's codes. Then:

    consilium read FOLDER/images --out FOLDER/read
    python held_out.py --table FOLDER                 # the table of the README

and `consilium score --task segmentation FOLDER/predicted FOLDER/truth` says the same in more detail.
"""
import csv
import shutil
import sys
from pathlib import Path

import nibabel
import numpy as np
import torch

from generate import Heads, draw
from labels import CLASSES, HELD_OUT, STRUCTURES

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
            x, kind, side, _ = draw(heads, which, SIZE, rng, style, thick, 0.0)
            truth = codes(kind.numpy(), side.numpy())
            image = (x.numpy() * 1000).astype(np.int16)
            step = int(thick)
            first = step // 2  # the grid of the slices: every step-th plane
            affine = np.diag([1.0, 1.0, step, 1.0])
            affine[2, 3] = first
            name = f"{style}-{step}mm-head{number:02d}.nii.gz" if slices else f"any-head{number:02d}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(image[:, :, first::step], affine), Path(folder, "images", name))
            nibabel.save(nibabel.Nifti1Image(truth[:, :, first::step], affine), Path(folder, "truth", name))


def dice(folder):
    """(heads, settings, classes + 1) Dice, sides counted apart and averaged, brain mask last; errors of intracranial volume in percent
    (heads, settings); and of every structure its quality, whether it was withheld, and its Dice."""
    table, error, shown = np.zeros((len(HELD_OUT), len(SETTINGS), CLASSES + 1)), np.zeros((len(HELD_OUT), len(SETTINGS))), []
    for h, number in enumerate(HELD_OUT):
        for s, (style, slices) in enumerate(SETTINGS):
            name = f"{style}-{int(slices)}mm-head{number:02d}" if slices else f"any-head{number:02d}"
            truth_file = nibabel.load(Path(folder, "truth", f"{name}.nii.gz"))
            truth = np.asarray(truth_file.dataobj)
            found = np.asarray(nibabel.load(Path(folder, "read", name, "segmentation.nii.gz")).dataobj)
            shutil.copy(Path(folder, "read", name, "segmentation.nii.gz"), Path(folder, "predicted", f"{name}.nii.gz"))
            overlap = lambda a, b: 2 * np.sum(a & b) / max(1, np.sum(a) + np.sum(b))
            with open(Path(folder, "read", name, "brain-volumes.csv")) as f:
                told = {row["structure"]: row for row in csv.DictReader(f)}
            pixel_ml = abs(np.linalg.det(truth_file.affine[:3, :3])) / 1000
            true_ml = np.sum(truth > 0) * pixel_ml
            error[h, s] = 100 * (float(told["total-intracranial"]["volume_ml"]) / true_ml - 1)
            order = [row for row in told.values() if row["structure"] != "total-intracranial"]
            at = 0
            for c, (_, left, right) in enumerate(STRUCTURES):
                if c == 0:
                    continue
                sides = [overlap(found == code, truth == code) for code in ([left, right] if right else [left])]
                table[h, s, c] = np.mean(sides)
                for value in sides:
                    shown.append((float(order[at]["quality"]), order[at]["withheld"] == "yes", value))
                    at += 1
            table[h, s, CLASSES] = overlap(found > 0, truth > 0)
    return table, error, shown


def interval(values, rng):
    """Mean over heads, and its 95 % bootstrap interval; heads are drawn anew, settings stay."""
    draws = values[rng.integers(0, len(values), (10_000, len(values)))].mean(1)
    return values.mean(), *np.percentile(draws, [2.5, 97.5])


def report(folder):
    Path(folder, "predicted").mkdir(exist_ok=True)
    table, error, shown = dice(folder)
    rng = np.random.default_rng(0)
    names = [f"{style} {int(slices)} mm" if slices else "any" for style, slices in SETTINGS]
    rows = [("mean of the structures", table[:, :, 1:CLASSES].mean(2))]
    rows += [(STRUCTURES[c][0], table[:, :, c]) for c in range(1, CLASSES)] + [("brain mask", table[:, :, CLASSES])]
    print("| structure | all settings | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 2))
    for name, values in rows:
        cells = [interval(values.mean(1), rng)] + [interval(values[:, s], rng) for s in range(len(SETTINGS))]
        print(f"| {name} | " + " | ".join(f"{m:.2f} ({low:.2f} to {high:.2f})" for m, low, high in cells) + " |")
    print("heads", table[:, :, 1:CLASSES].mean((1, 2)).round(3).tolist())
    print("intracranial volume, error in percent: mean", error.mean().round(2), "largest", np.abs(error).max().round(2))
    held = np.array([w for _, w, _ in shown])
    value, quality = np.array([d for *_, d in shown]), np.array([q for q, *_ in shown])
    for bound in (0.5, 0.6, 0.65, 0.7, 0.75):
        low = quality < bound
        print(f"quality below {bound}: {low.mean():.3f} of the structures, of which {np.mean(value[low] < 0.6):.2f} overlap by less than 0.6; of the others {np.mean(value[~low] < 0.6):.2f}")
    print("withheld", held.mean().round(3), "quality minus Dice", (quality - value).mean().round(3))


if __name__ == "__main__":
    report(sys.argv[2]) if sys.argv[1] == "--table" else main(*sys.argv[1:])
