"""Fixtures of the declared steps: preparations as published models do them, by the libraries
themselves, on real images.

    python tools/reference/steps.py DATA     # DATA: folder with cxr/ and dicom/

writes crates/zoo/tests/fixtures/steps.json: for each recipe and image the result's shape and samples
(index, value). `--print-small` prints the table in crates/imaging/src/resample/pil.rs. The recipes
are named as in crates/zoo/tests/steps.rs. Versions: requirements.txt beside this file.
"""

import json
import sys
from pathlib import Path

import numpy as np
import PIL
import pydicom
import skimage.transform
import torch
import torchvision.transforms.v2.functional as F
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_windowing

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ["cxr/nih/00000150_002.png", "cxr/nih/00001684_015.png"]
FILMS = ["dicom/highdicom/dx_image.dcm", "dicom/pydicom/examples_overlay.dcm", "dicom/txrv/rsna_cxr.dcm"]
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def samples(array, count=300):
    array = np.asarray(array, dtype=np.float32)
    flat = array.reshape(-1)
    index = np.arange(count, dtype=np.int64) * (flat.size - 1) // (count - 1)
    return {"shape": list(array.shape), "index": index.tolist(),
            "value": [float(f"{v:.6g}") for v in flat[index]]}


def grey_picture(path):
    return np.asarray(Image.open(path).convert("L"))


def imagenet(path):
    """torchvision's weights transforms: shorter side 256, central 224, ImageNet's statistics."""
    x = torch.from_numpy(grey_picture(path).copy()).float()[None] / 255
    x = F.resize(x.repeat(3, 1, 1), 256, antialias=True)
    return F.normalize(F.center_crop(x, 224), MEAN, DEVIATION)


def imagenet_pil(path):
    """The same on a PIL image, as training scripts do it."""
    x = F.resize(Image.fromarray(grey_picture(path)).convert("RGB"), 256)
    x = F.to_dtype(F.to_image(F.center_crop(x, [224, 224])), torch.float32, scale=True)
    return F.normalize(x, MEAN, DEVIATION)


def film(path):
    data = pydicom.dcmread(path)
    return data, apply_modality_lut(data.pixel_array, data).astype(np.float64)


def percentiles(path):
    """Percentiles 1 and 99 to 0..1, padded to a square with the lowest value, 256 pixels."""
    _, x = film(path)
    low, high = np.percentile(x, [1, 99])
    x = np.clip((x - low) / (high - low), 0, 1).astype(np.float32)
    side = max(x.shape)
    top, left = ((side - n) // 2 for n in x.shape)
    pad = ((top, side - x.shape[0] - top), (left, side - x.shape[1] - left))
    x = np.pad(x, pad, constant_values=x.min())
    return torch.nn.functional.interpolate(torch.from_numpy(x)[None, None], (256, 256), mode="bilinear")[0]


def eight_bits(path):
    """Turned over about the maximum, own range to whole 0..255, scikit-image, z-score."""
    data, x = film(path)
    if data.PhotometricInterpretation == "MONOCHROME1":
        x = x.max() - x
    x = ((x - x.min()) / (x.max() - x.min()) * 255).astype(np.uint8)
    x = skimage.transform.resize(x.astype(np.float64), (128, 160), mode="constant", preserve_range=True, anti_aliasing=True)
    return ((x - x.mean()) / x.std())[None]


def window(path):
    """A window of 600 about 900, 0..1."""
    data, x = film(path)
    data.WindowCenter, data.WindowWidth = 900, 600
    for name in ("VOILUTFunction", "VOILUTSequence"):
        if name in data:
            del data[name]
    x = apply_windowing(x, data)
    bits = data.BitsStored
    slope = float(getattr(data, "RescaleSlope", 1)) if "ModalityLUTSequence" not in data else 1.0
    low, high = (0, 2**bits - 1) if data.PixelRepresentation == 0 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    intercept = float(getattr(data, "RescaleIntercept", 0))
    low, high = low * slope + intercept, high * slope + intercept
    return ((x - low) / (high - low))[None]


RECIPES = [(imagenet, PICTURES), (imagenet_pil, PICTURES), (percentiles, FILMS), (eight_bits, FILMS), (window, FILMS[:2])]


def ramp(height, width):
    i = np.arange(height * width)
    return ((i * 37 + i // width * 11) % 256).astype(np.uint8).reshape(height, width)


def print_small():
    for a, b in [((13, 9), (3, 2)), ((4, 3), (6, 5)), ((7, 8), (7, 3)), ((5, 6), (2, 6))]:
        out = np.asarray(Image.fromarray(ramp(*a)).resize((b[1], b[0]), Image.Resampling.BILINEAR))
        print(f"        ({a}, {b}, &[" + ", ".join(str(v) for v in out.reshape(-1)) + "]),")


def main():
    if sys.argv[1:] == ["--print-small"]:
        return print_small()
    data = Path(sys.argv[1])
    recipes = {recipe.__name__: {name: samples(recipe(data / name)) for name in files} for recipe, files in RECIPES}
    made = {"torch": torch.__version__.split("+")[0], "pillow": PIL.__version__, "skimage": skimage.__version__,
            "pydicom": pydicom.__version__, "recipes": recipes}
    out = ROOT / "crates/zoo/tests/fixtures/steps.json"
    text = json.dumps(made, separators=(",", ":"))
    out.write_text(text.replace('"cxr/', '\n"cxr/').replace('"dicom/', '\n"dicom/') + "\n")
    print(out, len(text))


if __name__ == "__main__":
    main()
