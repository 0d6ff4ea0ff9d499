"""Parity fixture of the part of a large scan that SPINEPS reads, from its own code on made-up answers of VIBESegmentator.

    python tools/reference/spineps_region.py SPINEPS TPTBOX

Checkouts of Hendrik-code/spineps (60cc736) and Hendrik-code/TPTBox (f43f7fb); connected-components-3d and fill-voids beside
the versions of requirements.txt. Writes
crates/zoo/tests/fixtures/systems/spineps-region.json: for real scans what the network would be shown and the box that follows
from its answer, a spine where the scan's own mask has one.
"""
import json
import os
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/systems"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data")) / "volumes/spine"
# Before this folder, where a script has the name of the package.
sys.path[:0] = sys.argv[1:3]
# The package imports what this part of it does not need.
for name, place, names in (("spineps", "spineps", ()), ("spineps.seg_pipeline", "none", ("logger",)),
                           ("spineps.utils.proc_functions", "none", ("n4_bias",))):
    module = types.ModuleType(name)
    module.__path__ = [str(Path(sys.argv[1]) / place)]
    for own in names:
        setattr(module, own, None)
    sys.modules[name] = module

import TPTBox.segmentation.nnUnet_utils.inference_api as inference_api
import TPTBox.segmentation.VibeSeg.inference_nnunet as inference_nnunet
from spineps.phase_pre import compute_crop
from TPTBox import NII

KEEP = 1000
CASES = [
    ("sub-ct_label-22_ct.nii.gz", {"orientation": ["L", "A", "S"], "spacing": [3.0, 2.0, 1.5]}),
    ("sub-mri_label-6_T2w.nii.gz", {"spacing": [1.5, 1.5, 1.5]}),
    ("sub-mri_label-6_T2w.nii.gz", {"orientation": ["P", "I", "R"], "resolution_range": [2.0, 2.5, 3.0]}),
]


def answer(shape):
    """Labels [x][y][z] of a made-up answer: a rod of spine, soft tissue around it, a speck of sacrum."""
    x, y, z = np.indices(shape)
    labels = np.full(shape, 66, np.uint8)
    far = np.hypot((x - shape[0] * 0.55) / shape[0], (y - shape[1] * 0.4) / shape[1])
    labels[(far < 0.12) & (z > shape[2] * 0.3)] = 69
    labels[(far < 0.06) & (z > shape[2] * 0.3)] = 68
    labels[shape[0] // 2, shape[1] // 2, shape[2] // 5] = 23
    return labels


def main():
    found = []
    for file, settings in CASES:
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "nnUNet_results/Dataset100/nnUNetTrainer__nnUNetResEncUNetLPlans__3d_fullres"
            (model / "fold_0").mkdir(parents=True)
            (model / "plans.json").write_text(json.dumps({"configurations": {"3d_fullres": {"spacing": [1, 1, 1]}}}))
            (model / "dataset.json").write_text(json.dumps({"channel_names": {"0": "any"}, **settings}))
            inference_nnunet._model_path_ = Path(folder) / "nnUNet_results"
            inference_nnunet.download_weights = lambda *_: None
            shown = []

            def run(images, *_, **__):
                # As the network's own code turns it over: [z][y][x] in half precision.
                array = images[0].get_array().astype(np.float16)
                shown.append(array)
                return images[0].set_array(answer(array.shape), seg=True), None, None

            inference_api.load_inf_model = lambda *_, **__: None
            inference_api.run_inference = run
            nii = NII.load(DATA / file, seg=False)
            crop = compute_crop(nii, Path(folder) / "out.nii.gz", ddevice="cpu")
        flat = shown[0].astype(np.float32).transpose(2, 1, 0).reshape(-1)
        at = np.arange(KEEP, dtype=np.int64) * (flat.size - 1) // (KEEP - 1)
        found.append({"image": f"volumes/spine/{file}", "settings": settings, "shape": list(shown[0].shape[::-1]),
                      "value": flat[at].tolist(), "box": [[int(part.start), int(part.stop)] for part in crop]})
        print(file, settings, shown[0].shape, crop, nii.shape)
    (FIXTURES / "spineps-region.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


main()
