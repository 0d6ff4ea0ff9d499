"""Writes what pydicom 3 with pylibjpeg reads from the DICOM test files.

    /path/to/venv/bin/python tools/reference/dicom_pixels.py ../shared/data/dicom

makes `crates/imaging/tests/fixtures/pixels.tsv`. One line a file, columns separated by tabs:

    path  frames  rows  columns  samples  dtype  first  last  stride  values

`first`, `last`: SHA-256 of the little-endian bytes of the first and last frame of
`pydicom.pixels.pixel_array(ds)`; `values`: every `stride`-th sample of the first frame, so that lossy
codings can be compared with a tolerance. A file that pydicom cannot read as an image has its error in
place of the numbers: `error` and the class. Requirements: `requirements.txt`.
"""

import hashlib
import logging
import pathlib
import sys
import warnings

import numpy as np
import pydicom
from pydicom.pixels import pixel_array

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


def line(path: pathlib.Path) -> list:
    ds = pydicom.dcmread(path, force=True)
    if not any(k in ds for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        return ["error", "no pixel data"]
    array = pixel_array(ds)
    samples = ds.get("SamplesPerPixel", 1)
    frames = array.shape[0] if array.ndim == 3 + (samples > 1) else 1
    array = array.reshape(frames, ds.Rows, ds.Columns, samples)
    little = array.astype(array.dtype.newbyteorder("<"))
    digest = [hashlib.sha256(np.ascontiguousarray(little[i]).tobytes()).hexdigest() for i in (0, -1)]
    flat = little[0].ravel()
    stride = max(1, flat.size // 199 | 1)
    values = ",".join(str(v) for v in flat[::stride].tolist())
    return [frames, ds.Rows, ds.Columns, samples, array.dtype.name, *digest, stride, values]


def main() -> None:
    root = pathlib.Path(sys.argv[1])
    out = pathlib.Path(__file__).parents[2] / "crates/imaging/tests/fixtures/pixels.tsv"
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        try:
            cells = line(path)
        except Exception as error:  # the class is the fixture
            cells = ["error", type(error).__name__]
        rows.append("\t".join(map(str, [path.relative_to(root).as_posix(), *cells])))
    out.write_text(f"# pydicom {pydicom.__version__}\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
