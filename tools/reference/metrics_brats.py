"""Fixture of the tumour regions of BraTS 2023: made-up label maps through the challenge's own code.

    python tools/reference/metrics_brats.py BraTS-2023-Metrics

The argument is a checkout of github.com/rachitsaluja/BraTS-2023-Metrics at 43c9052 (October 2023), which needs
numpy, scipy, pandas, nibabel and connected-components-3d.
"""

import json
import pathlib
import sys
import tempfile

import nibabel as nib
import numpy as np
import pandas as pd

OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/consilium/tests/fixtures/brats2023.json"
SIZE = (24, 22, 18)


def ball(centre, radius):
    grid = np.meshgrid(*(np.arange(n) for n in SIZE), indexing="ij")
    return sum((g - c) ** 2 for g, c in zip(grid, centre)) <= radius**2


def tumour(parts):
    """Oedema around a core of necrosis in a rim that enhances."""
    out = np.zeros(SIZE, np.uint8)
    for centre, radius, core, necrosis in parts:
        out[ball(centre, radius)] = 2
        out[ball(centre, core)] = 3
        out[ball(centre, necrosis)] = 1
    return out


CASES = {
    # Two tumours, of which one is found; a small one made up.
    "two": (
        tumour([((7, 7, 8), 5, 3.2, 1.5), ((19, 16, 12), 3.2, 2.2, 0)]),
        tumour([((8, 7, 8), 4.6, 2.8, 1.2), ((4, 18, 3), 2, 1, -1)]),
    ),
    # No enhancing part in the truth, one predicted.
    "no_rim": (
        np.where(tumour([((10, 10, 9), 5, 3, 1)]) == 3, 1, tumour([((10, 10, 9), 5, 3, 1)])).astype(np.uint8),
        tumour([((10, 11, 9), 5, 2.5, 1)]),
    ),
    "missed": (tumour([((12, 10, 9), 4, 2.4, 1)]), np.zeros(SIZE, np.uint8)),
    "both_empty": (np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)),
    # Lesions of up to 50 mm³ are not judged.
    "small": (tumour([((5, 5, 5), 2, 1, 0)]), tumour([((5, 6, 5), 2, 1, 0)])),
}


def replaced(table, value, new, inplace=False):
    """pandas' own compares the lists in a column of objects, too."""
    out = table if inplace else table.copy()
    for column in out.columns:
        if any(isinstance(x, float) and x == value for x in out[column]):
            out[column] = [new if isinstance(x, float) and x == value else x for x in out[column]]
    return None if inplace else out


def main():
    sys.path.insert(0, sys.argv[1])
    # What pandas 2 and NumPy 2 no longer have and the code still calls.
    pd.DataFrame.append = lambda self, other: pd.concat([self, other])
    np.Inf, np.float = np.inf, float
    pd.DataFrame.replace = replaced
    from metrics import get_LesionWiseResults

    cases = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (truth, predicted) in CASES.items():
            paths = []
            for what, voxels in (("pred", predicted), ("truth", truth)):
                path = f"{folder}/{name}-{what}.nii.gz"
                nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)
                paths.append(path)
            scores = {}
            for track in ("GLI", "MEN", "MET"):
                table = get_LesionWiseResults(*paths, challenge_name=f"BraTS-{track}")
                scores[track] = {
                    row["Labels"]: {
                        "lesion_dice": float(row["LesionWise_Score_Dice"]),
                        "lesion_hd95": float(row["LesionWise_Score_HD95"]),
                        "dice": float(row["Legacy_Dice"]),
                        "hd95": float(row["Legacy_HD95"]),
                        "specificity": float(row["Specificity"]),
                        "found": float(row["Num_TP"]),
                        "missed": float(row["Num_FN"]),
                        "made_up": float(row["Num_FP"]),
                    }
                    for _, row in table.iterrows()
                }
            # x fastest.
            runs = lambda v: "".join(str(x) for x in v.ravel(order="F"))
            cases[name] = {"truth": runs(truth), "predicted": runs(predicted), "scores": scores}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"size": SIZE, "cases": cases}, separators=(",", ":")) + "\n")
    print(OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
