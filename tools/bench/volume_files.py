"""Times reading and writing of .nii.gz with nibabel, as `crates/imaging/examples/volume_time.rs` does with this program.

    python tools/bench/volume_files.py make INPUT.nii.gz BIG.nii.gz     a CT of 512 x 512 x 200 from a small one
    python tools/bench/volume_files.py time FILE.nii.gz OUT.nii.gz [REPEAT]

`read` is the array as stored, `read f64` what get_fdata gives; `write` is nibabel's default (level 1).
"""

import sys
import time

import nibabel
import numpy as np


def make(source, target):
    image = nibabel.load(source)
    data = np.asarray(image.dataobj).astype(np.float32)
    size = (512, 512, 200)
    index = [np.arange(n) * data.shape[axis] // n for axis, n in enumerate(size)]
    big = data[np.ix_(*index)]
    big += np.random.default_rng(7).normal(0, 12, size).astype(np.float32)
    affine = image.affine @ np.diag([s / n for s, n in zip(data.shape, size)] + [1])
    nibabel.save(nibabel.Nifti1Image(np.clip(big, -1024, 3071).astype(np.int16), affine), target)


def best(repeat, work):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def measure(path, out, repeat):
    image = nibabel.load(path)
    array = np.asanyarray(image.dataobj)
    fresh = nibabel.Nifti1Image(array, image.affine)
    print(
        f"nibabel {nibabel.__version__}: "
        f"read {best(repeat, lambda: np.asanyarray(nibabel.load(path).dataobj)):.1f} ms  "
        f"read f64 {best(repeat, lambda: nibabel.load(path).get_fdata()):.1f} ms  "
        f"write {best(repeat, lambda: nibabel.save(fresh, out)):.1f} ms"
    )


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3])
    else:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 3)
