"""Parity fixture of N4 from ANTs, by ANTsPy's defaults and a spline distance of 100 mm.

    python tools/reference/n4.py

antspyx 0.6.3 beside the versions of requirements.txt. Writes crates/zoo/tests/fixtures/systems/n4.json.
"""
import json
import os
from pathlib import Path

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
import ants
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
KEEP = 2000


def image(size):
    """Tissue, a slow field, grain, and a border of nothing; [i][j][k]."""
    i, j, k = (axis.astype(np.float64) for axis in np.indices(size))
    tissue = 400 + 300 * np.sin(i / 5) * np.cos(j / 7) + 120 * np.cos(k / 3)
    field = np.exp(0.6 * i / size[0] - 0.5 * (j / size[1]) ** 2 + 0.1 * k / size[2])
    n = (i * size[1] + j) * size[2] + k
    values = tissue * field + (n * 7919) % 101
    values[:4] = 0
    return values.astype(np.float32)


def main():
    found = []
    for size, spacing, box in (((48, 40, 16), (1.5, 2.0, 4.0), ((6, 48), (0, 35), (0, 16))), ((70, 60, 30), (2.0, 2.0, 3.5), ((4, 70), (0, 60), (0, 30)))):
        values, mask = image(size), np.zeros(size, np.float32)
        mask[tuple(slice(*bounds) for bounds in box)] = 1
        out = ants.n4_bias_field_correction(
            ants.from_numpy(values, spacing=spacing), mask=ants.from_numpy(mask, spacing=spacing), shrink_factor=4,
            convergence={"iters": [50, 50, 50, 50], "tol": 1e-7}, spline_param=100).numpy()
        flat = out.reshape(-1)
        kept = [float(f"{flat[n * (len(flat) - 1) // (KEEP - 1)]:.6g}") for n in range(KEEP)]
        changed = np.linalg.norm(out - values) / np.linalg.norm(out)
        print(size, changed)
        found.append({"size": size, "spacing": spacing, "box": box, "changed": float(changed), "value": kept})
    path = ROOT / "crates/zoo/tests/fixtures/systems/n4.json"
    path.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
