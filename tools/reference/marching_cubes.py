"""The triangles of marching cubes, measured on scikit-image: which it makes of a cell by the signs of its corners.

    python tools/reference/marching_cubes.py

Writes crates/imaging/src/mesh/cubes.tsv. A row: the corners inside, the ambiguous faces that join them (both as
bits, see mesh/cubes.rs), the triangles with a letter for each edge and `m` for the middle; where the inside of the
cell decides too, those for its two other outcomes (`outcome` below). Versions: requirements.txt beside this file.
"""
from pathlib import Path

import numpy as np
from skimage.measure import marching_cubes

ROOT = Path(__file__).resolve().parents[2]
FACES = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
EDGES = [(n, n | bit) for n in range(8) for bit in (1, 2, 4) if not n & bit]
# Cells of each key that are looked at.
LOOKED_AT = 40


def faces_joined(cells):
    """Bits of the ambiguous faces whose corners inside hang together, of cells `[n, 8]`."""
    joined = np.zeros(len(cells), int)
    for number, face in enumerate(FACES):
        p, q, r, s = (cells[:, n] for n in face)
        ambiguous = ((p > 0) == (r > 0)) & ((q > 0) == (s > 0)) & ((p > 0) != (q > 0))
        crossing = p * r - q * s
        joined |= (ambiguous & np.where(p > 0, crossing > 0, crossing < 0)).astype(int) << number
    return joined


def outcome(cells):
    """What a slice across the first axis shows, where its saddle is extreme: 1 for at most one corner outside, 2 for
    opposite corners inside that hang together there, else 0."""
    v = [cells[:, n] for n in range(8)]
    a = (v[4] - v[0]) * (v[7] - v[3]) - (v[6] - v[2]) * (v[5] - v[1])
    b = v[3] * (v[4] - v[0]) + v[0] * (v[7] - v[3]) - v[1] * (v[6] - v[2]) - v[2] * (v[5] - v[1])
    eps = np.spacing(1.0)
    t = -b / (2 * a + eps)
    p, q, r, s = (v[n] + (v[n + 4] - v[n]) * t for n in (0, 2, 3, 1))
    signs = (p >= 0) + 2 * (q >= 0) + 4 * (r >= 0) + 8 * (s >= 0)
    saddle = p * r - q * s
    sure = np.isin(signs, (7, 11, 13, 14, 15))
    joined = ((signs == 5) & (saddle >= eps)) | ((signs == 10) & (saddle < eps))
    return np.where((t >= 0) & (t <= 1), sure + 2 * joined, 0)


def letters(cell):
    vertices, faces, _, _ = marching_cubes(cell.reshape(2, 2, 2), 0.0, gradient_direction="ascent")

    def letter(place):
        free = [axis for axis in range(3) if abs(place[axis] - round(float(place[axis]))) > 1e-4]
        if len(free) != 1:
            return "m"
        low = sum(4 >> axis for axis in range(3) if axis != free[0] and place[axis] > 0.5)
        return "abcdefghijkl"[EDGES.index((low, low | 4 >> free[0]))]

    return "".join(letter(vertices[n]) for n in faces.ravel())


def main():
    rng = np.random.default_rng(5)
    seen = {}
    for spread in (0.4, 0.8, 1.6):
        cells = (rng.choice([-1, 1], (1_500_000, 8)) * np.exp(rng.normal(0, spread, (1_500_000, 8)))).astype(np.float32)
        # Far from corners and from ties, so that every point tells its edge.
        size = np.abs(cells)
        cells = cells[(size.max(1) / size.min(1)) < 2000].astype(np.float64)
        inside = ((cells > 0) << np.arange(8)).sum(1)
        keys = inside * 64 + faces_joined(cells)
        flags = outcome(cells)
        for number in np.flatnonzero((inside > 0) & (inside < 255)):
            found = seen.setdefault(int(keys[number]), ([], [], []))[int(flags[number])]
            if len(found) < LOOKED_AT:
                found.append(letters(cells[number].astype(np.float32)))
    rows = []
    for key, outcomes in sorted(seen.items()):
        kinds = [sorted(set(found)) for found in outcomes]
        # One kind for each outcome: nothing else decides.
        assert all(len(kind) <= 1 for kind in kinds), (key, kinds)
        usual = next(kind for kind in kinds if kind)
        row = [(kind or usual)[0] for kind in kinds]
        rows.append("\t".join([str(key // 64), str(key % 64)] + row[: 1 if len(set(row)) == 1 else 3]))
    (ROOT / "crates/imaging/src/mesh/cubes.tsv").write_text("\n".join(rows) + "\n")
    print(len(rows), "rows,", sum(row.count("\t") == 4 for row in rows), "decided inside")


if __name__ == "__main__":
    main()
