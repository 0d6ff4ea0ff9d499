"""Parity fixtures of TotalSpineSeg, from its own code on made-up answers of its networks.

    python tools/reference/totalspineseg.py ORIGINAL

ORIGINAL is a checkout of neuropoly/totalspineseg (ddab04b1); TorchIO 1.2.1 beside the versions of requirements.txt. Writes
crates/zoo/tests/fixtures/systems/totalspineseg.json and totalspineseg-*.gz: spines as a network might answer, whole and in
part, with errors, and how its algorithm labels them, by themselves and beside localizers; and a real scan taken through
everything between the networks, with soft maps of cord and canal.
"""
import gzip
import json
import os
import sys
import types
from pathlib import Path

import nibabel as nib
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/systems"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data"))
IMAGE = "volumes/spine/sub-mri_label-6_T2w.nii.gz"
LEVELS = [f"C{n}" for n in range(1, 8)] + [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)] + ["S"]
# The arguments of `inference.py`.
COMMON = dict(disc_labels=[1, 2, 3, 4, 5], disc_landmark_labels=[2, 3, 4, 5], disc_landmark_output_labels=[63, 71, 91, 100])
STEPS = [
    dict(canal_labels=[8], canal_output_label=2, cord_labels=[9], cord_output_label=1, sacrum_labels=[6], sacrum_output_label=50,
         map_input_dict={7: 11}),
    dict(vertebrae_labels=[7, 8, 9], vertebrae_landmark_output_labels=[13, 21, 41, 50], vertebrae_extra_labels=[6], canal_labels=[10],
         canal_output_label=2, cord_labels=[11], cord_output_label=1, sacrum_labels=[9], sacrum_output_label=50),
]


def spine(step, shape, names, seed, faults=()):
    """A spine as the network of a step might see it: levels from above, in a box of x (right), y (forward), z (up)."""
    rng = np.random.default_rng(seed)
    nx, ny, nz = shape
    x, y, z = np.indices(shape)
    top, height = nz - 4, (nz - 8) // len(names)
    disc, labels = max(3, height // 4), np.zeros(shape, np.uint8)
    bend = 3 * np.sin(2 * np.pi * z / nz)
    cx, cy = nx / 2 + 0.5 * bend, ny * 0.4 + bend
    far = np.hypot(x - cx, y - cy)
    canal, cord = [(8, 9), (10, 11)][step]
    for place, name in enumerate(names):
        high = top - place * height
        low = high - height + disc
        level = LEVELS.index(name) if name in LEVELS else LEVELS.index("L5") + 1
        body = (np.abs(x - cx) < nx * 0.28) & (y > cy + 5) & (y < cy + 5 + ny * 0.32) & (z < high) & (z >= low)
        arch = (np.abs(x - cx) < 3) & (y < cy - 5) & (y > cy - 5 - ny * 0.2) & (z < high - 1) & (z >= low - 2)
        pedicle = (np.abs(np.abs(x - cx) - 7) < 2) & (np.abs(y - cy) < 7) & (z < high - 2) & (z >= low + 2)
        whole = body | arch if f"open-{name}" in faults else body | arch | pedicle
        if f"arch-{name}" in faults:
            whole = arch
        if step == 0:
            label = 7 if name == "C1" else 6
        elif name == "S":
            label = 9
        else:
            label = 7 + (level % 2)
            if f"same-{name}" in faults:
                label = 7 + (level + 1) % 2
        if f"no-{name}" not in faults:
            labels[whole] = label
        if step == 1 and f"extra-{name}" in faults:
            labels[whole & (rng.random(shape) < 0.3)] = 6
        below = names[place + 1] if place + 1 < len(names) else None
        if below and name not in ("C1",) and f"nodisc-{name}" not in faults:
            label = {"C2": 2, "C7": 3, "T12": 4}.get(name, 5 if below == "S" else 1)
            flat = (np.abs(x - cx) < nx * 0.25) & (y > cy + 6) & (y < cy + 4 + ny * 0.3) & (z < low) & (z >= low - disc)
            labels[flat] = label
            if f"mixed-{name}" in faults:
                labels[flat & (x > cx)] = 3
    if "no-canal" not in faults:
        labels[far < 4.5] = canal
        labels[far < 2.5] = cord
    if "gap" in faults:
        labels[:, :, nz // 2: nz // 2 + 2] = 0
    # Specks: some too small to count, some not, some far away.
    for size in (1, 2, 3) if "specks" in faults else ():
        for _ in range(6):
            at = [rng.integers(1, extent - size - 1) for extent in shape]
            labels[tuple(slice(a, a + size) for a in at)] = rng.integers(1, 6)
    return labels


CASES = [
    ("whole", LEVELS, ()),
    ("neck", LEVELS[:9], ("extra-C3", "extra-C4", "specks")),
    ("back", LEVELS[14:], ("open-L2", "extra-L3", "specks")),
    ("open", LEVELS[3:12], ("open-C5", "open-T1", "open-T3", "extra-T2")),
    ("missing", LEVELS[1:14], ("nodisc-T2", "no-T5", "extra-T3")),
    ("alike", LEVELS[12:], ("same-L1", "same-L2", "nodisc-L3")),
    ("six", LEVELS[16:24] + ["L6", "S"], ("specks",)),
    ("tail", LEVELS[15:23], ("arch-L4", "nodisc-L3")),
    ("mixed", LEVELS[2:13], ("mixed-C7", "mixed-T2", "specks")),
    ("upper", LEVELS[1:6], ("nodisc-C2",)),
    ("thorax", LEVELS[9:17], ()),
    ("gap", LEVELS[4:24], ("gap", "extra-T8")),
    ("no-canal", LEVELS[14:], ("no-canal",)),
    ("top", LEVELS[17:], ("no-T12", "nodisc-L1")),
]


# Localizers of some of them: what they show of discs by output label, spacing in mm, how far they lie shifted.
DISCS = {name: label for name, label in zip(LEVELS[1:], [*range(63, 68), *range(71, 83), *range(91, 96), 100])}
LOCALIZERS = [
    # No landmark in the image, none in the localizer.
    ("thorax", {name: DISCS[name] for name in LEVELS[10:15]}, 2.0, (0.7, -1.2, 0.4)),
    # Landmarks of the localizer that are none to the image: two of them.
    ("open", {name: DISCS[name] for name in ("C6", "C7", "T1")}, 1.5, (0, 0, 0)),
    ("missing", {name: DISCS[name] for name in LEVELS[6:14]}, 3.0, (-1, 0.5, 2)),
    # The localizer says other than the image.
    ("upper", {"C3": 71, "C4": 72}, 1.0, (0, 0, 0)),
    # It shows nothing that is there: C2-C3 and L5-S of the image are left.
    ("alike", {}, 2.0, (0, 0, 0)),
    ("mixed", {}, 2.0, (0, 0, 0)),
    # A sixth lumbar disc, and a label that no disc has.
    ("six", {"L6": 96}, 1.0, (0, 0, 0)),
    ("tail", {"L1": 68}, 1.0, (0, 0, 0)),
]


def localizer(shape, names, shown, scale, shift):
    """Discs of a spine as another image of the same patient shows them."""
    z_of = spine(0, shape, names, 0)
    full = np.zeros(shape, np.uint8)
    top, height = shape[2] - 4, (shape[2] - 8) // len(names)
    for place, name in enumerate(names):
        low = top - place * height - height + max(3, height // 4)
        z = np.arange(shape[2])[None, None, :]
        between = (z < low) & (z >= low - max(3, height // 4)) & np.isin(z_of, [1, 2, 3, 4, 5])
        full[between] = shown.get(name, 0)
    size = [int(np.ceil(extent / scale)) + 2 for extent in shape]
    index = np.indices(size).reshape(3, -1).T * scale + np.asarray(shift)
    at = np.round(index).astype(int)
    inside = np.all((at >= 0) & (at < np.asarray(shape)), axis=1)
    values = np.zeros(len(at), np.uint8)
    values[inside] = full[tuple(at[inside].T)]
    affine = np.diag([scale, scale, scale, 1.0])
    affine[:3, 3] = shift
    return nib.Nifti1Image(values.reshape(size), affine)


def packed(name, values):
    data = np.ascontiguousarray(np.asarray(values).astype(np.uint8)).tobytes()
    (FIXTURES / name).write_bytes(gzip.compress(data, 9, mtime=0))
    return name


def main():
    root = Path(sys.argv[1])
    # The package imports what only training and pictures need.
    for name, place in (("totalspineseg", "totalspineseg"), ("totalspineseg.utils", "totalspineseg/utils")):
        module = types.ModuleType(name)
        module.__path__ = [str(root / place)]
        sys.modules[name] = module
    from totalspineseg.utils.average4d import average4d
    from totalspineseg.utils.crop_image2seg import crop_image2seg
    from totalspineseg.utils.extract_alternate import extract_alternate
    from totalspineseg.utils.extract_soft import extract_soft
    from totalspineseg.utils.fill_canal import fill_canal
    from totalspineseg.utils.iterative_label import iterative_label
    from totalspineseg.utils.largest_component import largest_component
    from totalspineseg.utils.resample import resample
    from totalspineseg.utils.transform_seg2image import transform_seg2image

    def image(values, like=None):
        made = nib.Nifti1Image(np.asarray(values).round().astype(np.uint8), np.eye(4) if like is None else like.affine)
        return made

    def counted(raw, step, loc=None):
        kept = image(largest_component(raw, binarize=True, dilate=5).get_fdata(), raw)
        asked = dict(selected_disc_landmarks=[2, 5, 3, 4])
        if loc is not None:
            asked = dict(loc=loc, selected_disc_landmarks=[2, 5], loc_disc_labels=list(range(63, 101)))
        found = iterative_label(kept, **asked, **COMMON, **STEPS[step])
        return image(fill_canal(found, canal_label=2, cord_label=1, largest_canal=True, largest_cord=True).get_fdata(), raw)

    found = {"labelled": [], "localized": []}
    for name, shown, scale, shift in LOCALIZERS:
        number = next(number for number, case in enumerate(CASES) if case[0] == name)
        _, names, faults = CASES[number]
        shape = (30, 36, 8 + 11 * len(names))
        loc = localizer(shape, names, shown, scale, shift)
        for step in (0, 1):
            raw = image(spine(step, shape, names, number, faults))
            try:
                answer = counted(raw, step, loc).get_fdata().astype(np.uint8)
                file = packed(f"totalspineseg-{name}-{step + 1}-loc.gz", answer)
            except ValueError as error:
                answer, file = np.zeros(1), None
                print(name, step + 1, error)
            print(name, step + 1, "localized", np.unique(answer).tolist())
            found["localized"].append({
                "name": name, "step": step, "shape": shape, "raw": f"totalspineseg-{name}-{step + 1}-raw.gz", "answer": file,
                "size": list(loc.shape), "scale": scale, "shift": list(shift),
                "localizer": packed(f"totalspineseg-{name}-loc.gz", loc.get_fdata())})
    for number, (name, names, faults) in enumerate(CASES):
        for step in (0, 1):
            shape = (30, 36, 8 + 11 * len(names))
            raw = image(spine(step, shape, names, number, faults))
            try:
                answer = counted(raw, step).get_fdata().astype(np.uint8)
                file = packed(f"totalspineseg-{name}-{step + 1}.gz", answer)
            except ValueError as error:
                answer, file = np.zeros(1), None
                print(name, step + 1, error)
            print(name, step + 1, np.unique(answer).tolist())
            found["labelled"].append({"name": name, "step": step, "shape": shape, "answer": file,
                                      "raw": packed(f"totalspineseg-{name}-{step + 1}-raw.gz", raw.get_fdata())})

    def stored(nifti, dtype):
        """As the original's files keep it: whole numbers cut off."""
        return nib.Nifti1Image(np.asanyarray(nifti.dataobj).astype(dtype), nifti.affine)

    scan = nib.load(DATA / IMAGE)
    dtype = np.asanyarray(scan.dataobj).dtype
    input_image = stored(average4d(scan), dtype)
    input_image = stored(nib.as_closest_canonical(input_image), dtype)
    input_image = stored(resample(input_image, (1, 1, 1)), dtype)
    shape = input_image.shape
    raw = image(spine(0, shape, LEVELS[16:], 70, ("specks",)), input_image)
    first = counted(raw, 0)
    cropped = crop_image2seg(input_image, first, margin=10)
    discs = extract_alternate(transform_seg2image(cropped, first), labels=list(range(63, 101)))
    second_raw = image(spine(1, cropped.shape, LEVELS[16:], 71, ("extra-L1", "open-L2")), cropped)
    second = counted(second_raw, 1)
    final = transform_seg2image(scan, transform_seg2image(input_image, second))
    alone = transform_seg2image(scan, first)
    print(shape, cropped.shape, np.unique(final.get_fdata()), np.unique(alone.get_fdata()), np.unique(discs.get_fdata()))
    # Shares of regions as step 1 might give them, [region][z][y][x].
    c, z, y, x = np.indices((9, *shape[::-1]), dtype=np.int64)
    shares = (((c * 611 + z * 7919 + y * 104_729 + x * 1_299_709) % 2049) / 2048).astype(np.float32)
    soft = {}
    for name, label, seg_labels in (("canal", 8, [1, 2]), ("cord", 9, [1])):
        map_ = extract_soft({"probabilities": shares.copy()}, first, label=label, seg_labels=seg_labels, dilate=1)
        map_ = transform_seg2image(scan, nib.Nifti1Image(np.asanyarray(map_.dataobj).astype(np.float32), map_.affine), interpolation="linear")
        values = np.asanyarray(map_.dataobj).astype(np.float32).reshape(-1)
        marked = np.flatnonzero(values)
        at = marked[np.arange(1500) * (len(marked) - 1) // 1499]
        soft[name] = {"at": at.tolist(), "value": values[at].tolist(), "sum": float(values.astype(np.float64).sum())}
        print(name, len(marked), soft[name]["sum"])
    flat = np.asanyarray(input_image.dataobj).astype(np.float32).reshape(-1)
    keep = np.arange(3000, dtype=np.int64) * (flat.size - 1) // 2999
    found["read"] = {
        "soft": soft, "image": IMAGE, "affine": input_image.affine.tolist(), "input": {"shape": list(shape), "value": flat[keep].tolist()},
        "cropped": list(cropped.shape), "origin": cropped.affine[:3, 3].tolist(),
        "first": packed("totalspineseg-scan-1-raw.gz", raw.get_fdata()), "discs": packed("totalspineseg-scan-discs.gz", discs.get_fdata()),
        "second": packed("totalspineseg-scan-2-raw.gz", second_raw.get_fdata()),
        "final": packed("totalspineseg-scan.gz", final.get_fdata()), "alone": packed("totalspineseg-scan-step1.gz", alone.get_fdata())}
    (FIXTURES / "totalspineseg.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


main()
