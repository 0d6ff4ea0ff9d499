"""What SimpleITK (GDCM) reads from folders with one DICOM series.

    python tools/reference/series.py ../shared/data/dicom > crates/imaging/tests/fixtures/series.tsv

Columns: folder; size i,j,k; affine (RAS+ mm, three rows); step; every step-th value after rescale, first axis fastest.
"""

import sys
from pathlib import Path

import numpy as np
import SimpleITK

FOLDERS = (
    "ts-ct-series",
    "dcmqi/segmentations/23x38x3/image",
    "dcmqi/segmentations/24x38x3/image",
    "dcmqi/segmentations/ct-3slice",
    "pydicom/dicomdirtests/98892003/MR700",
    "pydicom/dicomdirtests/98892001/CT5N",
)
SAMPLES = 200


def numbers(values):
    return ",".join(repr(float(v)) for v in values)


def main():
    root = Path(sys.argv[1])
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    print(f"# SimpleITK {SimpleITK.Version.VersionString()}")
    for folder in FOLDERS:
        reader = SimpleITK.ImageSeriesReader()
        series = reader.GetGDCMSeriesIDs(str(root / folder))
        assert len(series) == 1, (folder, series)
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(root / folder), series[0]))
        image = reader.Execute()
        rows = np.concatenate(
            [
                np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing(),
                np.array(image.GetOrigin())[:, None],
            ],
            axis=1,
        )
        rows[:2] *= -1
        flat = SimpleITK.GetArrayFromImage(image).ravel()
        step = max(1, flat.size // SAMPLES)
        cells = [
            folder,
            ",".join(map(str, image.GetSize())),
            numbers(rows.ravel()),
            str(step),
            numbers(flat[::step][:SAMPLES]),
        ]
        print("\t".join(cells))


if __name__ == "__main__":
    main()
