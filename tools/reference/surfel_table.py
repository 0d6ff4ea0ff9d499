"""Writes crates/metrics/src/segmentation/surfel_table.rs: the normals of the surface elements that
marching cubes puts into each of the 256 neighbourhoods of eight voxels, as DeepMind's
surface-distance (Apache-2.0) tabulates them. They are multiples of 1/8 and stored times 8.

    python tools/reference/surfel_table.py
"""

import pathlib

import numpy as np
from surface_distance import lookup_tables

HERE = pathlib.Path(__file__).resolve().parents[2]
OUT = HERE / "crates/metrics/src/segmentation/surfel_table.rs"

rows = []
for code, normals in enumerate(lookup_tables._NEIGHBOUR_CODE_TO_NORMALS):
    eighths = np.array(normals, float) * 8
    assert (eighths == np.round(eighths)).all(), code
    kept = [tuple(int(v) for v in n) for n in eighths if any(n)]
    rows.append("&[" + ", ".join(f"({a}, {b}, {c})" for a, b, c in kept) + "]")
text = f"""//! Normals of the surface elements in each neighbourhood of eight voxels, in eighths of a voxel face.
//!
//! Written by `tools/reference/surfel_table.py` from the table of DeepMind's surface-distance
//! (Apache-2.0). Bit 7 − (4 a + 2 b + c) of a code is the voxel at (a, b, c) of the 2 × 2 × 2 cube.

/// One list a code.
#[rustfmt::skip]
pub(super) static NORMALS: [&[(i8, i8, i8)]; 256] = [
"""
line = ""
for row in rows:
    if len(line) + len(row) > 95:
        text += f"    {line.rstrip()}\n"
        line = ""
    line += row + ", "
text += f"    {line.rstrip()}\n];\n"
OUT.write_text(text)
