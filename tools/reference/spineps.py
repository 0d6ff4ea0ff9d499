"""Parity fixtures of SPINEPS and VERIDAH, from their own code on made-up weights and on answers made of real masks.

    python tools/reference/spineps.py SPINEPS TPTBOX

Checkouts of Hendrik-code/spineps (60cc736) and Hendrik-code/TPTBox (f43f7fb); connected-components-3d, fill-voids,
pytorch-lightning, monai and antspyx beside the versions of requirements.txt. Writes
crates/zoo/tests/fixtures/systems/spineps.json and spineps-*.gz: the network of phase 2, and cases taken through
everything between the networks, the networks' answers being masks of real scans with errors in them.
"""
import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/systems"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data")) / "volumes/spine"
# Before this folder, whose script has the name of the package.
sys.path[:0] = sys.argv[1:3]

import torch
from synth import fill

torch.set_num_threads(1)
import spineps.phase_instance as phase_instance
from spineps.architectures.pl_densenet import ARGS_MODEL, PLClassifier
from spineps.architectures.unet3D import Unet3D
from spineps.lab_model import VertLabelingClassifier
from spineps.phase_instance import predict_instance_mask
from spineps.phase_labeling import find_vert_path_from_predictions, perform_labeling_step
from spineps.phase_post import phase_postprocess_combined
from spineps.phase_pre import preprocess_input
from spineps.phase_semantic import predict_semantic_mask
from spineps.seg_enums import OutputType
from spineps.seg_model import Segmentation_Model
from spineps.utils.seg_modelconfig import load_inference_config
from TPTBox import NII

PARTS = [41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 100, 26, 50, 51]
KEEP = 3000


def samples(values):
    flat = np.asarray(values, np.float32).reshape(-1)
    kept = flat if len(flat) <= KEEP else flat[[k * (len(flat) - 1) // (KEEP - 1) for k in range(KEEP)]]
    return {"shape": list(np.shape(values)), "value": short(kept)}


def short(values):
    return [float(f"{v:.6g}") for v in values]


def spots(values):
    """Three hundred of all values."""
    flat = np.asarray(values, np.float32).reshape(-1)
    return short(flat[[k * (len(flat) - 1) // 299 for k in range(300)]])


def packed(name, values):
    values = np.asarray(values)
    assert values.min() >= 0 and values.max() < 256, (name, values.max())
    (FIXTURES / name).write_bytes(gzip.compress(np.ascontiguousarray(values.astype(np.uint8)).tobytes(), 9, mtime=0))
    return name


def networks():
    """Logits of both sizes of the network, on deterministic weights."""
    found = []
    for dim, channels in ((16, 10), (8, 11)):
        net = Unet3D(dim=dim, dim_mults=(1, 2, 4, 8), out_dim=4, channels=channels).eval()
        with torch.no_grad():
            for name, tensor in net.state_dict().items():
                tensor.copy_(torch.from_numpy(fill("network." + name, tensor.shape)))
            shape = (32, 24, 16)
            index = np.arange(np.prod(shape))
            labels = ((index * 7919 + index // shape[2] * 104729) % 2049 % channels).reshape(shape)
            x = torch.nn.functional.one_hot(torch.from_numpy(labels), channels).permute(3, 0, 1, 2)[None].float()
            found.append({"stem": dim, "channels": channels, "input": shape, "logits": samples(net(x)[0].numpy())})
    return found


def config(folder, name, **entries):
    usual = dict(log_name=name, modality="T2w", acquisition="sag", modeltype="nnunet", model_expected_orientation=["P", "I", "R"],
                 available_folds=1, inference_augmentation=False, resolution_range=[1.5, 1.5, 1.5], default_step_size=0.5,
                 labels={str(number): str(label) for number, label in enumerate(PARTS, 1)})
    text = json.dumps({**usual, **entries})
    file = Path(folder, f"{name}.json")
    file.write_text(text)
    return load_inference_config(file), json.loads(text)


class Told(Segmentation_Model):
    """A model whose network's answers are given."""

    def __init__(self, settings, answer):
        super().__init__(tempfile.gettempdir(), settings, use_cpu=True)
        self.answer, self.predictor, self.seen, self.said = answer, object(), [], []

    def load(self, folds=None):
        return self

    def run(self, input_nii, verbose=False):
        self.seen.append(input_nii[0].copy())
        answer = np.asarray(self.answer(input_nii[0]))
        self.said.append(answer)
        return {OutputType.seg: input_nii[0].set_array(answer.astype(np.uint8), seg=True), OutputType.softmax_logits: None}


def tiled(parts, verts, times):
    """The same three vertebrae several times, one below the other."""
    below = np.concatenate([np.where((verts > 0) & (verts < 40), verts + 3 * n, 0) for n in range(times)], axis=1)
    return np.tile(parts, (1, times, 1)), below


def faults(parts, verts, which, seed):
    """Errors as networks make them."""
    rng = np.random.default_rng(seed)
    parts, verts = parts.copy(), verts.copy()
    shape = parts.shape
    box = lambda mask: tuple(slice(np.where(mask.any(axis=tuple(a for a in range(3) if a != axis)))[0].min(),
                                   np.where(mask.any(axis=tuple(a for a in range(3) if a != axis)))[0].max() + 1) for axis in range(3))
    labels = [v for v in np.unique(verts) if 0 < v < 40]
    if "merged" in which:
        # Two bodies and the disc between them become one.
        a, b = labels[len(labels) // 2], labels[len(labels) // 2 + 1]
        body = ((verts == a) | (verts == b)) & (parts == 49)
        p, i, r = box(body)
        inner = (slice(p.start + 3, p.stop - 3), i, slice(r.start + 3, r.stop - 3))
        region = parts[inner]
        region[np.isin(region, (0, 100, 62))] = 49
    if "nodisc" in which:
        disc = np.isin(parts, (100, 62))
        rows = np.where(disc.any(axis=(0, 2)))[0]
        parts[:, rows.min():rows.min() + 8][np.isin(parts[:, rows.min():rows.min() + 8], (100, 62))] = 0
    if "specks" in which:
        for label in (41, 43, 49, 100, 61, 26):
            for size in (1, 2, 4):
                at = [rng.integers(0, extent - size) for extent in shape]
                parts[tuple(slice(a, a + size) for a in at)] = label
    if "holes" in which:
        for label in (49, 61, 100):
            voxels = np.argwhere(parts == label)
            for at in voxels[rng.integers(0, len(voxels), 12)]:
                parts[tuple(at)] = 0
    if "fragments" in which:
        voxels = np.argwhere(np.isin(parts, (41, 42)))
        for at in voxels[rng.integers(0, len(voxels), 8)]:
            cube = tuple(slice(max(0, a - 2), a + 3) for a in at)
            verts[cube][verts[cube] > 0] = rng.choice(labels)
    if "articular" in which:
        voxels = np.argwhere(np.isin(parts, (45, 46, 47, 48)))
        for at in voxels[rng.integers(0, len(voxels), 10)]:
            cube = tuple(slice(max(0, a - 3), a + 4) for a in at)
            verts[cube][np.isin(parts[cube], (45, 46, 47, 48))] = rng.choice(labels)
    if "gaps" in which:
        for n in range(14):
            at = [rng.integers(0, extent - 6) for extent in shape]
            verts[tuple(slice(a, a + 6) for a in at)] = 0
        verts[(verts == labels[-1]) & np.isin(parts, (43, 44))] = 0
    if "sacrum" in which:
        last = (verts == labels[-1])
        parts[last] = 26
        verts[last] = 0
    if "split" in which:
        first = (verts == labels[0])
        p, i, r = box(first & (parts == 49))
        verts[:, :(i.start + i.stop) // 2 - 2][verts[:, :(i.start + i.stop) // 2 - 2] == labels[0]] = 39
    return parts, verts


def three(verts, rng, noise):
    """What the network of phase 2 says of a cut-out: the vertebra in its middle, that above and that below."""
    middle = verts[tuple(extent // 2 for extent in verts.shape)]
    order = sorted((np.argwhere(verts == v)[:, 1].mean(), v) for v in np.unique(verts) if v > 0)
    names = [v for _, v in order]
    answer = np.zeros(verts.shape, np.uint8)
    if not names:
        return answer
    if middle == 0:
        middle = min(names, key=lambda v: abs(np.argwhere(verts == v)[:, 1].mean() - verts.shape[1] / 2))
    at = names.index(middle)
    for step in (-1, 0, 1):
        if 0 <= at + step < len(names):
            answer[verts == names[at + step]] = 2 + step
    if noise:
        blank = rng.random(tuple(-(-extent // 4) for extent in verts.shape)) < 0.06
        answer[np.kron(blank, np.ones((4, 4, 4), bool))[tuple(slice(0, extent) for extent in verts.shape)]] = 0
    if noise > 1:
        answer[:, : verts.shape[1] // 3][answer[:, : verts.shape[1] // 3] == 1] = 0
    return answer


def pattern(shape, ct):
    """An image that needs no file, with a border of nothing along the first axis."""
    n = np.arange(np.prod(shape), dtype=np.int64)
    values = ((n * 7919 + n // shape[2] * 104729) % 2049).reshape(shape) - (1024 if ct else 0)
    values[:5] = values[-3:] = -1024 if ct else 0
    return values


def oblique(spacing, code, shape):
    """An affine of these axes, a little turned."""
    angle = 0.06
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    start = nib.orientations.inv_ornt_aff(
        nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(code)), shape)
    affine[:3, :3] = turn @ start[:3, :3] @ np.diag(spacing)
    affine[:3, 3] = [12.5, -40.25, 7.0]
    return affine


HEADS = {"VERT": 24, "VERTREL": 6, "VERTGRP": 12, "REGION": 3, "FULLYVISIBLE": 2}


def classifiers():
    """Logits of every head of three backbones, on deterministic weights."""
    found = []
    for backbone in ("DENSENET121", "RESNET18", "RESNET50"):
        opt = ARGS_MODEL(backbone=backbone, num_classes=sum(HEADS.values()))
        net = PLClassifier(opt, HEADS).eval()
        with torch.no_grad():
            for name, tensor in net.state_dict().items():
                if tensor.is_floating_point():
                    tensor.copy_(torch.from_numpy(fill(name, tensor.shape)))
            shape = (32, 48, 16) if backbone != "DENSENET121" else (64, 64, 32)
            index = np.arange(np.prod(shape))
            image = ((index * 7919 + index // shape[2] * 104729) % 2049 / 1024 - 1).astype(np.float32).reshape(1, 1, *shape)
            logits = net(torch.from_numpy(image))
            found.append({"backbone": backbone, "input": shape,
                          "logits": {name: samples(values.numpy()) for name, values in logits.items()}})
    # A checkpoint as Lightning writes it, but for its weights.
    opt.final_size = (32, 48, 16)
    torch.save({"state_dict": {"net.conv1.weight": torch.zeros(1)}, "pytorch-lightning_version": "2.5.0",
                "hyper_parameters": {"opt": opt, "group_2_n_channel": HEADS}}, FIXTURES / "spineps-classifier.ckpt")
    return found


def softmax(values, sharp):
    values = np.exp((values * sharp) - np.max(values * sharp))
    return np.round(values / values.sum(), 4).astype(np.float32)


def paths():
    """Names of vertebrae by what a classifier says, for spines whole and in part, with more and fewer vertebrae."""
    rng, found = np.random.default_rng(11), []
    groups = [0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 9, 9, 10, 10, 11]
    for number in range(28):
        start, count = int(rng.integers(0, 18)), int(rng.integers(1, 14))
        truth = list(range(start, min(24, start + count)))
        if number % 4 == 1 and 18 in truth:
            truth.insert(truth.index(18), 18)
        if number % 4 == 2 and 18 in truth and 17 in truth:
            truth.remove(18)
        if number % 5 == 3 and truth[-1] == 23:
            truth.append(23)
        heads = [["VERT", "VERTREL", "VERTGRP", "REGION", "FULLYVISIBLE"], ["VERT", "VERTREL", "VERTT13"], ["VERTGRP", "REGION"],
                 ["VERT", "REGION", "VERTREL", "VERTT13", "FULLYVISIBLE"]][number % 4]
        said = {}
        for place, name in enumerate(truth):
            region = 0 if name < 7 else 1 if name < 19 else 2
            last = place + 1 < len(truth) and (0 if truth[place + 1] < 7 else 1 if truth[place + 1] < 19 else 2) > region
            relation = {(0, True): 1, (1, True): 3}.get((region, last), {7: 2, 19: 4, 23: 5}.get(name, 0))
            right = {"VERT": (24, name), "VERTREL": (6, relation), "VERTGRP": (12, groups[name]), "REGION": (3, region),
                     "FULLYVISIBLE": (2, 1), "VERTT13": (2, int(place > 0 and truth[place - 1] == name == 18))}
            said[place] = {"soft": {}}
            for head in heads:
                classes, index = right[head]
                values = rng.normal(0, 1, classes)
                values[index] += rng.choice([0, 1.5, 3])
                said[place]["soft"][head] = softmax(values, 1.3)
        options = dict(disable_c1=bool(number % 3), proc_lab_force_no_tl_anomaly=number % 7 == 0)
        if number % 9 == 0 and len(truth) > 1:
            options.update(force_c1_instance=0, force_c2_instance=1, disable_c1=False)
        vertebrae = [{head: short(values) for head, values in one["soft"].items()} for one in said.values()]
        _, _, names, *_ = find_vert_path_from_predictions(said, **options)
        found.append({"vertebrae": vertebrae, "from_c1": not options["disable_c1"], "twelve": options["proc_lab_force_no_tl_anomaly"],
                      "c1": options.get("force_c1_instance"), "c2": options.get("force_c2_instance"), "names": [int(n) for n in names]})
    return found


class Shown(VertLabelingClassifier):
    """The classifier of VERIDAH whose network's answers are given."""

    def __init__(self, settings, size):
        super().__init__(tempfile.gettempdir(), settings, use_cpu=True)
        from monai.transforms import CenterSpatialCropd, Compose, NormalizeIntensityd

        self.cutout_size = self.final_size = size
        self.transform = Compose([NormalizeIntensityd(keys=["img"], nonzero=True, channel_wise=False),
                                  CenterSpatialCropd(keys=["img", "seg"], roi_size=size)])
        self.predictor, self.seen, self.said, self.rng = self, [], [], np.random.default_rng(3)

    def eval(self):
        return self

    def to(self, device):
        return self

    def softmax(self, values):
        return values

    def forward(self, patch):
        self.seen.append(patch[0, 0].numpy().copy())
        self.said.append({name: softmax(self.rng.normal(0, 1, classes), 2) for name, classes in HEADS.items()})
        return {name: torch.from_numpy(values)[None] for name, values in self.said[-1].items()}


# Spacings at which no voxel of the networks' grids lies half-way between two of the scan's: there the last bit of an affine
# decides, here as there.
CASES = [
    dict(name="mri", scan="mri", times=1, code=None, which=("holes",), noise=1, semantic={}, instance={}),
    dict(name="long", scan="mri", times=4, code="LAS", type="int16", spacing=(1.7, 1.37, 1.53), which=("merged", "specks", "holes", "nodisc", "sacrum"), noise=1,
         semantic=dict(resolution_range=[[1.5, 1.5, 1.5], [1.5, 1.5, 2.0]]), instance=dict(resolution_range=[1.5, 1.5, 1.77])),
    dict(name="torn", scan="mri", times=3, code="RSP", type="float32", spacing=(1.5, 1.5, 1.5), which=("specks", "gaps", "fragments", "articular", "split"), noise=2,
         semantic={}, instance={}),
    dict(name="ct", scan="ct", times=2, code="PIR", type="int16", spacing=(1.3, 1.57, 1.7), which=("specks", "holes", "articular"), noise=1,
         semantic=dict(modality="CT", has_c1=True, sacrum_ids=[26]), instance={}),
]


def run(case, folder):
    scan, number = {"mri": ("mri", "6_T2w"), "ct": ("ct", "22_ct")}[case["scan"]], case["name"]
    seg = "6" if case["scan"] == "mri" else "22"
    image = nib.load(DATA / f"sub-{scan[0]}_label-{scan[1]}.nii.gz")
    parts = np.asanyarray(nib.load(DATA / f"sub-{scan[0]}_seg-subreg_label-{seg}_msk.nii.gz").dataobj).astype(np.uint8)
    verts = np.asanyarray(nib.load(DATA / f"sub-{scan[0]}_seg-vert_label-{seg}_msk.nii.gz").dataobj).astype(np.uint8)
    values = np.asanyarray(image.dataobj)
    affine = image.affine
    if case["scan"] == "ct":
        # Few levels of grey that compress well; the dens of a vertebra.
        parts[(verts == verts[verts > 0].min()) & (parts == 50)] = 51
    parts, verts = tiled(parts, verts, case["times"])
    values = np.tile(values, (1, case["times"], 1))
    parts, verts = faults(parts, verts, case["which"], len(number))
    whole = nib.Nifti1Image(values, affine)
    truth = [nib.Nifti1Image(a.astype(np.uint8), affine) for a in (parts, verts)]
    if case["code"]:
        # Along other axes, at another spacing, a little turned: the image and what is true of it alike.
        turn = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(case["code"]))
        arrays = [nib.orientations.apply_orientation(np.asanyarray(n.dataobj), turn) for n in (whole, *truth)]
        affine = oblique(case["spacing"], case["code"], arrays[0].shape)
        whole, *truth = [nib.Nifti1Image(np.ascontiguousarray(a), affine) for a in arrays]
    ct = case["scan"] == "ct"
    if case["code"]:
        whole = nib.Nifti1Image(pattern(whole.shape, ct).astype(case["type"]), whole.affine)
    img = NII(whole, seg=False)
    truth = [NII(t, seg=True) for t in truth]

    semantic, told = config(folder, f"{number}-semantic", **case["semantic"])
    instance, known = config(folder, f"{number}-instance", **{
        "modality": "SEG", "modeltype": "unet", "labels": {"1": "1", "2": "2", "3": "3"}, "cutout_size": [88, 64, 48],
        **case["instance"]})
    debug = {}
    prepared, code = preprocess_input(img.copy(), debug, proc_normalize_input=not ct, proc_do_n4_bias_correction=False)
    back = {label: n for n, label in enumerate(PARTS, 1)}

    def classes(given):
        there = truth[0].resample_from_to(given, verbose=False).get_seg_array()
        return np.vectorize(lambda label: back.get(int(label), 0))(there)

    first = Told(semantic, classes)
    cleaned, _, code = predict_semantic_mask(prepared, first, debug)
    print(number, "semantic", code, cleaned.shape, cleaned.unique())

    rng = np.random.default_rng(7)
    place = []
    original = phase_instance.np_calc_crop_around_centerpoint

    def recorded(com, arr, size):
        found = original(com, arr, size)
        place.append((found[1], found[2]))
        return found

    fine = {}

    def cutouts(given):
        if "verts" not in fine:
            fine["verts"] = truth[1].resample_from_to(debug["inst_cropped_Subreg_nii_b"], verbose=False).get_seg_array()
        coords, padding = place[len(second.said)]
        return three(np.pad(fine["verts"][coords], padding), rng, case["noise"])

    phase_instance.np_calc_crop_around_centerpoint = recorded
    second = Told(instance, cutouts)
    found, code = predict_instance_mask(cleaned.copy(), second, debug)
    phase_instance.np_calc_crop_around_centerpoint = original
    print(number, "instances", code, len(second.said), found.unique())
    cleaned[cleaned == 50] = 49
    offset = 0 if ct else 1
    final = phase_postprocess_combined(
        img_nii=img, seg_nii=cleaned.resample_from_to(img), vert_nii=found.resample_from_to(img), model_labeling=None,
        debug_data=debug, labeling_offset=offset, disable_c1=not semantic.has_c1, sacrum_ids=semantic.sacrum_ids)
    print(number, "final", final[0].unique(), final[1].unique())
    settings, naming = config(folder, f"{number}-labelling", modality="CT" if ct else "T2w", modeltype="classifier", labels={},
                              resolution_range=[1.5, 1.2, 1.5] if ct else [1.5, 1.5, 2.1])
    shown = Shown(settings, (40, 48, 24))
    named = phase_postprocess_combined(
        img_nii=img, seg_nii=cleaned.resample_from_to(img), vert_nii=found.resample_from_to(img), model_labeling=shown,
        debug_data=debug, labeling_offset=offset, disable_c1=not semantic.has_c1, sacrum_ids=semantic.sacrum_ids)
    print(number, "named", named[1].unique())
    seen = first.seen[0].get_array().astype(np.float16).astype(np.float32)
    pre = f"spineps-{number}"
    return {
        "name": number, "image": f"volumes/spine/sub-{scan[0]}_label-{scan[1]}.nii.gz" if not case["code"] else None,
        "ct": ct, "real": case.get("type") == "float32", "size": list(whole.shape), "affine": np.round(whole.affine[:3], 12).tolist(),
        "semantic": told, "instance": known, "seen": samples(seen),
        "classes": packed(f"{pre}-classes.gz", first.said[0]),
        "cutouts": packed(f"{pre}-cutouts.gz", np.stack(second.said)),
        "asked": [int(cut.get_seg_array().astype(np.int64).sum()) for cut in second.seen],
        "parts": packed(f"{pre}-parts.gz", final[0].get_seg_array()),
        "vertebrae": packed(f"{pre}-vertebrae.gz", final[1].get_seg_array()),
        "labelling": naming, "patch": [40, 48, 24], "patches": [spots(patch) for patch in shown.seen],
        "said": [{name: short(values) for name, values in one.items()} for one in shown.said],
        "named": packed(f"{pre}-named.gz", named[1].get_seg_array()),
    }


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = {"networks": networks(), "classifiers": classifiers(), "paths": paths(), "cases": [run(case, folder) for case in CASES]}
    (FIXTURES / "spineps.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
