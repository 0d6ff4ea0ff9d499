"""Writes what pydicom 3 makes of Modality LUT, VOI LUT and window.

    /path/to/venv/bin/python tools/reference/dicom_display.py ../shared/data/dicom

makes `crates/imaging/tests/fixtures/display.tsv`, columns separated by tabs:

    path  stride  modality  display

`modality`: every `stride`-th value of the first frame after `apply_modality_lut`; `display`: the same
after `apply_voi_lut(..., index=0, prefer_lut=True)`, scaled to 0..1 by the output range (`-` where
the header has neither LUT nor window). Not inverted for MONOCHROME1. Requirements: `requirements.txt`.
"""

import logging
import pathlib
import sys
import warnings

import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


def output_range(ds) -> tuple[float, float]:
    """What apply_voi_lut scales to: entries of the LUT, else the range of values after rescale."""
    if "VOILUTSequence" in ds and ds.VOILUTSequence:
        return 0.0, float((1 << ds.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    if "ModalityLUTSequence" in ds and ds.ModalityLUTSequence:
        return 0.0, float((1 << ds.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)
    if ds.PixelRepresentation == 0:
        low, high = 0.0, 2.0**ds.BitsStored - 1
    else:
        low, high = -(2.0 ** (ds.BitsStored - 1)), 2.0 ** (ds.BitsStored - 1) - 1
    slope, intercept = ds.get("RescaleSlope"), ds.get("RescaleIntercept")
    if slope is not None and intercept is not None:
        low, high = low * slope + intercept, high * slope + intercept
    return low, high


def main() -> None:
    root = pathlib.Path(sys.argv[1])
    out = pathlib.Path(__file__).parents[2] / "crates/imaging/tests/fixtures/display.tsv"
    rows = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        try:
            ds = pydicom.dcmread(path, force=True)
            if ds.get("SamplesPerPixel") != 1 or not ds.PhotometricInterpretation.startswith("MONO"):
                continue
            shown = "WindowCenter" in ds or "VOILUTSequence" in ds
            if not shown and "RescaleSlope" not in ds and "ModalityLUTSequence" not in ds:
                continue
            array = pixel_array(ds, index=0)
            modality = apply_modality_lut(array, ds)
            cells = modality.astype(np.float64).ravel()
            stride = max(1, cells.size // 97 | 1)
            text = ",".join(f"{v:.6g}" for v in cells[::stride])
            display = "-"
            if shown and ds.get("WindowCenter", "") is not None:
                low, high = output_range(ds)
                values = apply_voi_lut(modality, ds, index=0, prefer_lut=True).astype(np.float64)
                units = np.clip((values.ravel()[::stride] - low) / (high - low), 0, 1)
                display = ",".join(f"{v:.5f}" for v in units)
        except Exception:  # files that are no images
            continue
        rows.append("\t".join([path.relative_to(root).as_posix(), str(stride), text, display]))
    out.write_text(f"# pydicom {pydicom.__version__}\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
