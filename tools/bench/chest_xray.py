"""Times `consilium read` against TorchXRayVision on the same films and the same weights.

    python tools/bench/chest_xray.py --consilium target/release/consilium [--films 200] [--runs 5]

Needs torch, torchxrayvision, pydicom, numpy (tools/reference/requirements.txt). Makes, in a
temporary folder: one 2000 x 2500 DICOM, a folder of 1024 x 1024 DICOMs, and DenseNet121 weights
(random, saved as the library saves its own: a pickled module). Prints, for both programs in turn:
a cold process on the single film (median wall time, peak memory) and images per second over the
folder, then the ratios. Both use two threads. The folder is read three ways in turn, each time twice,
the better time counts: as `consilium read` does it by default (page, pictures and three explanation
maps a film), with `--explain none` (page and picture), and by the original, which prints scores. The
figures come from the same sitting; compare ratios, not milliseconds, and leave the machine alone:
the original's threads wait for each other, so other work slows it more than it slows this program.
"""
import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time

# What the library's users run: read, normalise, crop, resize, predict (its README's example).
ORIGINAL = """
import sys, torch, torchvision, torchxrayvision as xrv
torch.set_num_threads(2)
model = torch.load(sys.argv[1], weights_only=False); model.eval()
transform = torchvision.transforms.Compose([xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)])
for path in sys.argv[2:]:
    image = xrv.utils.read_xray_dcm(path) if path.endswith(".dcm") else xrv.utils.load_image(path)
    image = torch.from_numpy(transform(image[None] if image.ndim == 2 else image)).float()
    with torch.no_grad():
        print(path, model(image[None])[0].tolist())
"""


def make_film(path, rows, columns, seed):
    import numpy as np
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    lungs = sum(
        np.exp(-(((x / columns - cx) / 0.16) ** 2 + ((y / rows - 0.45) / 0.3) ** 2)) for cx in (0.3, 0.7)
    )
    pixels = (3000 - 1800 * lungs + rng.normal(0, 40, (rows, columns))).clip(0, 4095).astype("<u2")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    film.Modality, film.BodyPartExamined, film.ViewPosition = "DX", "CHEST", "PA"
    film.Rows, film.Columns, film.SamplesPerPixel = rows, columns, 1
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.PhotometricInterpretation, film.PixelSpacing = "MONOCHROME2", [0.17, 0.17]
    film.PixelData = pixels.tobytes()
    film.save_as(path, enforce_file_format=True)


def timed(command):
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    if status != 0:
        sys.exit(f"{command[0]} failed: {process.stderr.read().decode()[-2000:]}")
    process.stderr.close()
    return seconds, usage.ru_maxrss / 1024


def make_all(weights, single, paths):
    import torch
    import torchxrayvision as xrv

    torch.manual_seed(0)
    torch.save(xrv.models.DenseNet(num_classes=18, weights=None).eval(), weights)
    make_film(single, 2500, 2000, 0)
    for index, path in enumerate(paths):
        make_film(path, 1024, 1024, index)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consilium", required=True)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "original.py")
        with open(script, "w") as file:
            file.write(ORIGINAL)
        weights = os.path.join(folder, "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt")
        single = os.path.join(folder, "single.dcm")
        films = os.path.join(folder, "films")
        os.mkdir(films)
        paths = [os.path.join(films, f"{index:04}.dcm") for index in range(arguments.films)]
        # In a process of its own: a child's peak memory counts its parent's at the start.
        maker = multiprocessing.get_context("spawn").Process(target=make_all, args=(weights, single, paths))
        maker.start()
        maker.join()

        def ours(inputs, *more):
            out = os.path.join(folder, "out")
            return [arguments.consilium, "read", *inputs, "--model", "xrv-densenet121-res224-all",
                    "--weights", weights, "--out", out, "--threads", "2", *more]

        def theirs(inputs):
            return [sys.executable, script, weights, *inputs]

        results = {"consilium": [], "original": []}
        for _ in range(arguments.runs):
            results["consilium"].append(timed(ours([single])))
            results["original"].append(timed(theirs([single])))
        medians = {}
        for name, runs in results.items():
            medians[name] = statistics.median(seconds for seconds, _ in runs)
            memory = max(memory for _, memory in runs)
            print(f"one film, cold: {name:10} {medians[name]:6.2f} s  peak {memory:6.0f} MB")
        print(f"one film, cold: ratio {medians['original'] / medians['consilium']:.1f}")
        ways = {
            "consilium": ours([films]),
            "consilium, no maps": ours([films], "--explain", "none"),
            "original": theirs(paths),
        }
        best = {}
        for _ in range(2):
            for name, command in ways.items():
                best[name] = min(best.get(name, (float("inf"), 0)), timed(command))
        count = arguments.films
        for name, (seconds, memory) in best.items():
            ratio = best["original"][0] / seconds
            print(f"{count} films: {name:18} {count / seconds:6.1f} images/s  peak {memory:6.0f} MB  ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
