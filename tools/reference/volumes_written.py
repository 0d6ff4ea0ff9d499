"""What nibabel and SimpleITK read from the files this program writes.

    CONSILIUM_WRITE_VOLUMES=/tmp/written cargo test -p imaging --test all volumes_written
    python tools/reference/volumes_written.py /tmp/written > crates/imaging/tests/fixtures/written.tsv

Columns: file; SHA-256 of its bytes, decompressed where the whole file is gzip; nibabel's shape, type, slope and
intercept, affine, codes, digest of the stored voxels; SimpleITK's shape, type, affine, digest of the voxels it gives.
`-` where a program does not read the file.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import SimpleITK

from volumes import by_itk, by_nibabel


def main():
    root = Path(sys.argv[1])
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    for path in sorted(root.iterdir()):
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        cells = [path.name, hashlib.sha256(raw).hexdigest()]
        if ".nii" in path.name:
            read = by_nibabel(path)
            cells += [read[1], read[2], read[3], read[4], read[6], read[7]]
        else:
            cells += ["-"] * 6
        try:
            read = by_itk(path)
            cells += [read[1], read[2], read[4], read[7]]
        except Exception:
            cells += ["-"] * 4
        print("\t".join(cells))


if __name__ == "__main__":
    main()
