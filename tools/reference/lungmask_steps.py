"""Fixtures of lungmask 0.2.20: preparation, network, cleaning, the whole, on a real CT.

    python tools/reference/lungmask_steps.py DATA

DATA is the folder with the real data (volumes/totalsegmentator). The networks have made-up weights
(synth.py beside this file). Writes crates/zoo/tests/fixtures/systems/lungmask.json and label maps
[z][y][x], one byte a voxel, as lungmask-*.gz. Versions: lungmask 0.2.20, fill_voids 2.1.2, the rest in
requirements.txt beside this file.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from lungmask import utils
from lungmask.mask import LMInferer
from lungmask.resunet import UNet

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

OUT = Path(__file__).resolve().parents[2] / "crates/zoo/tests/fixtures/systems"
KEEP = 3000


def kept(array):
    flat = np.asarray(array).reshape(-1)
    if flat.size > KEEP:
        flat = flat[np.arange(KEEP, dtype=np.int64) * (flat.size - 1) // (KEEP - 1)]
    return {"shape": list(np.asarray(array).shape), "value": [float(f"{v:.8g}") for v in flat]}


def write_map(name, labels):
    (OUT / f"lungmask-{name}.gz").write_bytes(gzip.compress(labels.astype(np.uint8).tobytes(), 9, mtime=0))
    print(name, labels.shape, np.unique(labels, return_counts=True))


def network(classes):
    net = UNet(n_classes=classes, padding=True, depth=5, up_mode="upsample", batch_norm=True, residual=False)
    return synth.fill_module(net).eval()


def speckled(seg, name):
    """Five structures of a real segmentation as labels 1 to 5, every thirtieth voxel another label."""
    table = np.zeros(256, np.uint8)
    for label, structure in enumerate([[5], [20, 6], [1, 2, 3], [10, 14], [11, 18, 19]], 1):
        table[structure] = label
    labels = table[seg]
    noise = synth.uniform(name, labels.size).reshape(labels.shape)
    index = np.arange(labels.size).reshape(labels.shape)
    labels[noise > 0.97] = (1 + index % 5)[noise > 0.97]
    labels[noise < -0.97] = 0
    return labels


def main(data):
    folder = data / "volumes/totalsegmentator"
    result = {}
    image = sitk.ReadImage(str(folder / "example_ct.nii.gz"))
    array = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
    slices, boxes = utils.preprocess(array, resolution=[256, 256])
    slices[slices > 600] = 600
    result["prepare"] = {"slices": kept(np.divide(slices + 1024, 1624)),
                         "boxes": [[int(v) for v in box] for box in boxes]}

    side = 256
    i = np.arange(side * side, dtype=np.int64)
    values = ((i * 7919 + (i // side) * 104729) % 2049).astype(np.float32) / 2048
    for classes in (3, 6):
        net = network(classes)
        seen = {}
        net.last.register_forward_hook(lambda m, i, o: seen.__setitem__("logits", o))
        with torch.no_grad():
            net(torch.from_numpy(values.reshape(1, 1, side, side)))
        result[f"network{classes}"] = kept(seen["logits"].numpy())
        print(classes, seen["logits"].mean(), seen["logits"].std())

    seg = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "example_seg.nii.gz")))
    labels = speckled(seg, "lungmask-specks")
    write_map("clean", utils.postprocessing(labels.copy(), disable_tqdm=True))
    write_map("plane", utils.postprocessing(labels[15:16].copy(), disable_tqdm=True))
    lungs = (speckled(seg, "lungmask-lungs") > 0).astype(np.uint8)
    fused = labels.copy()
    spare = fused.max() + 1
    fused[np.logical_and(fused == 0, lungs > 0)] = spare
    fused[lungs == 0] = 0
    write_map("fuse", utils.postprocessing(fused, spare=[spare], disable_tqdm=True))

    small = sitk.ReadImage(str(folder / "example_ct_sm.nii.gz"))[:, :, 12:18]
    with tempfile.TemporaryDirectory() as temp:
        paths = {}
        for name, classes in (("lobes", 6), ("lungs", 3)):
            paths[name] = str(Path(temp) / f"{name}.pth")
            torch.save(network(classes).state_dict(), paths[name])
        inferer = LMInferer(modelname="LTRCLobes", modelpath=paths["lobes"], fillmodel="R231",
                            fillmodel_path=paths["lungs"], force_cpu=True, tqdm_disable=True)
        write_map("whole", inferer.apply(small))
        alone = LMInferer(modelname="R231", modelpath=paths["lungs"], force_cpu=True, tqdm_disable=True)
        write_map("lungs", alone.apply(small))
    path = OUT / "lungmask.json"
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(path.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
