"""Fixtures of TorchXRayVision's preprocessing, step by step, on real images.

    python tools/reference/preprocessing.py DATA     # DATA: folder with cxr/ and dicom/
    python tools/reference/preprocessing.py --print-small

writes crates/zoo/tests/fixtures/preprocessing.json: for each image the extents after the centre
crop and samples (index, value) after normalise + crop, after XRayResizer(224), after
XRayResizer(512) and after the model's own fix_resolution(224) of the crop. `--print-small` prints
the tables in crates/imaging/src/resample. Versions: requirements.txt beside this file.
"""

import json
import sys
from pathlib import Path

import numpy as np
import skimage.transform
import torch
import torchxrayvision as xrv

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    "cxr/nih/00000150_002.png",
    "cxr/nih/00001684_015.png",
    "cxr/nih/00005869_001.png",
    "dicom/txrv/rsna_cxr.dcm",
    "dicom/txrv/Fake_MONOCHROME1.dcm",
    "dicom/highdicom/dx_image.dcm",  # 211 x 169, MONOCHROME1, uncompressed
    "dicom/pydicom/examples_overlay.dcm",  # 484 x 300, 12 bits, uncompressed
]


def samples(array, count=400):
    flat = np.asarray(array, dtype=np.float32).reshape(-1)
    index = np.arange(count, dtype=np.int64) * (flat.size - 1) // (count - 1)
    return {"shape": list(np.shape(array)), "index": index.tolist(),
            "value": [float(np.round(v, 5)) for v in flat[index]]}


def steps(path):
    image = xrv.utils.load_image(str(path))
    crop = xrv.datasets.XRayCenterCrop()(image)
    fixed = xrv.utils.fix_resolution(torch.from_numpy(crop.copy()), 224, object())
    return {
        "crop": samples(crop),
        "resized224": samples(xrv.datasets.XRayResizer(224)(crop)),
        "resized512": samples(xrv.datasets.XRayResizer(512)(crop)),
        "fixed224": samples(fixed[0].numpy()),
    }


def ramp(height, width):
    i = np.arange(height * width)
    return ((i * 37 + i // width * 11) % 101 - 50).astype(np.float32).reshape(height, width)


def literal(array):
    return "&[" + ", ".join(f"{v:.5f}" for v in array.reshape(-1)) + "]"


def print_small():
    for a, b in [((13, 9), (3, 2)), ((4, 3), (6, 5)), ((9, 2), (2, 4)), ((17, 16), (4, 16))]:
        out = skimage.transform.resize(ramp(*a)[None], (1, *b), mode="constant", preserve_range=True)
        print(f"        ({a}, {b}, {literal(out)}),", file=sys.stderr)
    for a, b, antialias in [((13, 9), (3, 2), True), ((4, 3), (6, 5), True), ((9, 2), (2, 4), True),
                            ((13, 9), (3, 2), False), ((4, 3), (6, 5), False)]:
        out = torch.nn.functional.interpolate(torch.from_numpy(ramp(*a))[None, None], size=b,
                                              mode="bilinear", antialias=antialias)
        print(f"        ({a}, {b}, {str(antialias).lower()}, {literal(out.numpy())}),")


def main():
    if sys.argv[1:] == ["--print-small"]:
        return print_small()
    data = Path(sys.argv[1])
    out = ROOT / "crates/zoo/tests/fixtures/preprocessing.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    made = {"torchxrayvision": xrv.__version__, "skimage": skimage.__version__,
            "files": {name: steps(data / name) for name in FILES}}
    out.write_text(json.dumps(made, separators=(",", ":")).replace('"cxr/', '\n"cxr/').replace('"dicom/', '\n"dicom/') + "\n")


if __name__ == "__main__":
    main()
