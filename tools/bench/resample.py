"""Times resampling against the libraries that do it in Python pipelines, in the same sitting.

    cargo build --release -p imaging --example resample_time
    python tools/bench/resample.py target/release/examples/resample_time [WHAT ...]

Needs numpy, scipy, scikit-image, batchgenerators (tools/reference/requirements.txt). WHAT is one or more of
zoom3 (200 cubed to 400 cubed, spline of order 3, against scipy.ndimage.zoom), zoom1, labels (120 cubed to 240
cubed, five labels, against resize_segmentation) and segment10 (logits of ten classes, 100 cubed to 200 cubed, to a
label map, against skimage's resize of each class and argmax); all of them when none is named. Two threads here,
one there: those libraries use no more. Compare ratios, not milliseconds, and leave the machine alone.

Measured on two Zen cores with AVX2, unoptimised workspace profile: zoom3 240 ms against 23.0 s (96 times), labels
76 ms against 4.7 s (61 times), segment10 309 ms against 7.2 s (23 times).
"""
import re
import subprocess
import sys
import time

import numpy as np

SIZES = {"zoom3": (200, 400), "zoom1": (200, 400), "labels": (120, 240), "segment10": (100, 200)}


def noise(n):
    z, y, x = np.meshgrid(*[np.arange(n, dtype=np.int64)] * 3, indexing="ij")
    return ((z * 73 + y * 37 + x * 101 + (z * y + 3 * x * y) % 17 * 29) % 251 - 50).astype(np.float32)


def blobs(n, labels):
    z, y, x = np.meshgrid(*[np.arange(n, dtype=np.int64) * 8 // n] * 3, indexing="ij")
    return ((z * 7 + y * 3 + x * 5) % labels).astype(np.uint8)


def reference(what, n, m):
    """Seconds, and the mean of every 997th value."""
    from batchgenerators.augmentations.utils import resize_segmentation
    from scipy.ndimage import zoom
    from skimage.transform import resize
    volume = noise(n)
    if what.startswith("zoom"):
        start = time.perf_counter()
        out = zoom(volume, m / n, order=int(what[4:]), mode="nearest", grid_mode=True)
    elif what == "labels":
        labels = blobs(n, 5)
        start = time.perf_counter()
        out = resize_segmentation(labels, (m, m, m), 1)
    else:
        classes = int(what[7:])
        own = blobs(n, classes)
        logits = [volume / 100 + np.where(own == c, 8, -8).astype(np.float32) for c in range(classes)]
        start = time.perf_counter()
        large = [resize(c.astype(float), (m, m, m), 1, mode="edge", anti_aliasing=False).astype(np.float32) for c in logits]
        out = np.stack(large).argmax(0)
    return time.perf_counter() - start, float(out.ravel()[::997].astype(np.float64).mean())


def main():
    for what in sys.argv[2:] or SIZES:
        n, m = SIZES[what]
        text = subprocess.run([sys.argv[1], what, str(n), str(m), "2", "3"], check=True, capture_output=True, text=True).stdout
        ours = float(re.search(r"median ([\d.]+) ms", text)[1]) / 1e3
        mean = float(re.search(r"mean ([-\d.]+)", text)[1])
        theirs, expected = reference(what, n, m)
        peak = re.search(r"peak memory (.*)", text)
        print(f"{what}: {n}^3 to {m}^3: {ours * 1e3:.0f} ms here, {theirs * 1e3:.0f} ms there, ratio {theirs / ours:.1f}"
              f"  (means {mean:.5f} and {expected:.5f}, peak memory {peak[1] if peak else 'unknown'})")


if __name__ == "__main__":
    main()
