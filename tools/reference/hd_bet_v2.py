"""Parity fixture of HD-BET 2, from its own code on made-up weights.

    python tools/reference/hd_bet_v2.py ORIGINAL

ORIGINAL is a checkout of MIC-DKFZ/HD-BET (678e44d); versions: requirements.txt beside this file. Writes
crates/zoo/tests/fixtures/systems/hd-bet-2.json (plans, dataset and what is expected; checksums of the voxels that are left of
the head) and hd-bet-2.gz (the masks of a real head without and with mirrored copies, a bit a voxel, one behind the
other).
"""
import gzip
import json
import os
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
import nnunet_models as made

IMAGE = "volumes/brain/t1_crop.nii.gz"
MODEL = {
    "configuration": "3d_fullres", "folds": 1, "mirror": [0, 2],
    "plans": made.plans({"3d_fullres": made.configuration(
        [5.0, 4.5, 4.75], [32, 40, 32],
        made.architecture(3, "PlainConvUNet", [8, 16, 16], made.ISO, [2, 1, 1], [1, 1]), ["ZScoreNormalization"], [False])}),
    "dataset": made.dataset(["MR"], {"background": 0, "brain": 1}),
}


def scaled(original):
    """What is left of an image whose stored numbers are none of its values."""
    import nibabel
    import SimpleITK as sitk

    stored = np.arange(-30, 30, dtype=np.int16).reshape(3, 4, 5)
    mask = (stored % 3 == 0).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        image, bet, out = (os.path.join(folder, name) for name in ("image.nii.gz", "bet.nii.gz", "out.nii.gz"))
        made_up = nibabel.Nifti1Image(stored.T, np.eye(4))
        made_up.header.set_slope_inter(2.0, 1.0)
        nibabel.save(made_up, image)
        # nibabel scales what it is given when it saves; the numbers themselves are wanted.
        nibabel.save(nibabel.Nifti1Image(mask.T, np.eye(4)), bet)
        with gzip.open(image) as file:
            voxels = np.frombuffer(file.read()[352:], np.int16)
        original.apply_bet(image, bet, out)
        left = sitk.GetArrayFromImage(sitk.ReadImage(out))
    return {"stored": voxels.tolist(), "slope": 2.0, "intercept": 1.0, "mask": mask.reshape(-1).tolist(),
            "values": left.reshape(-1).tolist()}


def main():
    import HD_BET.hd_bet_prediction as original
    import SimpleITK as sitk

    masks, counts, stripped = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = folder / "model"
        made.write_model(model, "hd-bet-2", MODEL, "3d_fullres")
        (model / "fold_0").rename(model / "fold_all")
        original.folder_with_parameter_files = str(model)
        image = made.DATA / IMAGE
        for mirrored in (False, True):
            predictor = original.get_hdbet_predictor(use_tta=mirrored, device=torch.device("cpu"))
            torch.set_num_threads(2)
            out = folder / f"out{int(mirrored)}"
            out.mkdir()
            os.chdir(out)
            original.hdbet_predict(str(image), "brain.nii.gz", predictor, keep_brain_mask=True)
            mask = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "brain_bet.nii.gz"))) != 0
            # What is left of the image is what the mask marks.
            left = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "brain.nii.gz")))
            assert not left[~mask].any()
            stripped.append({"type": str(left.dtype), "crc32": zlib.crc32(left.tobytes())})
            masks.append(mask)
            counts.append(int(mask.sum()))
            print(mirrored, mask.shape, counts[-1], mask.size)
    print("differ", int((masks[0] != masks[1]).sum()))
    packed = b"".join(np.packbits(mask.reshape(-1)).tobytes() for mask in masks)
    (made.FIXTURES / "systems/hd-bet-2.gz").write_bytes(gzip.compress(packed, 9, mtime=0))
    found = {"image": IMAGE, "head": made.head("hd-bet-2"), "mirror": MODEL["mirror"], "voxels": counts,
             "stripped": stripped, "scaled": scaled(original), "plans": MODEL["plans"], "dataset": MODEL["dataset"]}
    (made.FIXTURES / "systems/hd-bet-2.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
