"""Makes small picture and DICOM files of the kinds that no test data hold, and what they hold.

    /path/to/venv/bin/python tools/reference/small_files.py

makes `crates/imaging/tests/fixtures/small/` with the files and `expected.tsv`, one line a file, columns
separated by tabs:

    name  frames  rows  columns  samples  dtype  tolerance  row_mm  column_mm  values

`values`: every sample of every frame, row-major, samples of a pixel together, as a reference decoder
reads the file back: tifffile for TIFF, pydicom for DICOM, Pillow for the rest (PNG of 16 bit RGB, which
none of them reads: what was written). `tolerance` is above 0 for lossy codings, where two decoders
differ in their inverse transforms. Spacing is `-` where the file claims none. The images are a
gradient with a step in it; there is no patient. Requirements: `requirements.txt`.
"""

import pathlib
import struct
import zlib

import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

FOLDER = pathlib.Path(__file__).parents[2] / "crates/imaging/tests/fixtures/small"
ROWS, COLUMNS = 6, 10


def grey(top):
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    values = (x * 7 + y * 11) / (7 * COLUMNS + 11 * ROWS)
    values[2:4, 3:6] = 1.0
    return np.round(values * top)


def colour(top):
    one = grey(top)
    return np.stack([one, one[::-1], top - one], axis=-1)


def png_rgb16(path, array):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", COLUMNS, ROWS, 16, 2, 0, 0, 0)
    physical = struct.pack(">IIB", 5000, 10000, 1)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"pHYs", physical)
        + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def pictures():
    g8, g16 = grey(255).astype(np.uint8), grey(65535).astype(np.uint16)
    c8, c16 = colour(255).astype(np.uint8), colour(65535).astype(np.uint16)
    cm = (100, 50)  # pixels per centimetre: 0.1 mm across, 0.2 mm down
    tiff = dict(resolution=cm, resolutionunit="CENTIMETER")

    def read_tiff(path):
        return tifffile.imread(path)

    for name, array, options in [
        ("grey8.tif", g8, dict(photometric="minisblack", **tiff)),
        ("grey16.tif", g16, dict(photometric="minisblack", **tiff)),
        ("grey16-big-endian.tif", g16, dict(photometric="minisblack", byteorder=">", **tiff)),
        ("grey16-deflate.tif", g16, dict(photometric="minisblack", compression="zlib", predictor=True, **tiff)),
        ("grey8-strips.tif", g8, dict(photometric="minisblack", rowsperstrip=2)),
        ("rgb8.tif", c8, dict(photometric="rgb", resolution=(508, 254), resolutionunit="INCH")),
        ("rgb16.tif", c16, dict(photometric="rgb", **tiff)),
    ]:
        path = FOLDER / name
        order = options.pop("byteorder", "<")
        tifffile.imwrite(path, array, byteorder=order, metadata=None, software=None, **options)
        spacing = ("-", "-")
        if "resolution" in options:
            per = {"CENTIMETER": 10.0, "INCH": 25.4}[options["resolutionunit"]]
            spacing = (per / options["resolution"][1], per / options["resolution"][0])
        yield name, read_tiff(path)[None], 0, spacing
    for compression in ("tiff_lzw", "packbits"):
        name = f"grey8-{compression.removeprefix('tiff_')}.tif"
        Image.fromarray(g8).save(FOLDER / name, compression=compression)
        yield name, np.array(Image.open(FOLDER / name))[None], 0, ("-", "-")
    tifffile.imwrite(
        FOLDER / "grey8-white-is-zero.tif", 255 - g8, photometric="miniswhite", metadata=None, software=None
    )
    yield "grey8-white-is-zero.tif", g8[None], 0, ("-", "-")

    def pillow(name, array, tolerance, spacing=("-", "-"), **options):
        path = FOLDER / name
        Image.fromarray(array).save(path, **options)
        return name, np.array(Image.open(path))[None], tolerance, spacing

    inch = (25.4 / 254, 25.4 / 254)
    yield pillow("grey8.png", g8, 0)
    yield pillow("grey16.png", g16, 0, inch, dpi=(254, 254))
    yield pillow("rgb8.png", c8, 0)
    png_rgb16(FOLDER / "rgb16.png", c16)
    yield "rgb16.png", c16[None], 0, (0.1, 0.2)
    yield pillow("grey8.jpg", g8, 2, inch, quality=95, dpi=(254, 254))
    yield pillow("rgb8.jpg", c8, 4, quality=95, subsampling=0)
    yield pillow("grey8-progressive.jpg", g8, 2, quality=95, progressive=True)
    yield pillow("rgb8-progressive.jpg", c8, 4, quality=95, progressive=True, subsampling=0)
    yield pillow("rgb8-lossless.webp", c8, 0, lossless=True)
    yield pillow("rgb8-lossy.webp", c8, 6, quality=95)


def dataset(name, syntax=ExplicitVRLittleEndian):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.30"
    meta.MediaStorageSOPInstanceUID = "2.25.4711"
    meta.TransferSyntaxUID = syntax
    ds = FileDataset(str(FOLDER / name), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.PhotometricInterpretation = "OT", "MONOCHROME2"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    return ds


def integers(ds, bits, frames=1):
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation, ds.NumberOfFrames = bits - 1, 0, frames


def measures(row, column):
    inner = Dataset()
    inner.PixelSpacing = [row, column]
    outer = Dataset()
    outer.PixelMeasuresSequence = Sequence([inner])
    return outer


def rle(frame):
    """One frame of 16 bit as two byte planes, each as literal runs a row long (PS3.5 annex G)."""
    planes = [b"".join(bytes([COLUMNS - 1]) + row.tobytes() for row in plane)
              for plane in ((frame >> 8).astype(np.uint8), (frame & 255).astype(np.uint8))]
    planes = [plane + b"\x80" * (len(plane) % 2) for plane in planes]
    header = struct.pack("<16I", 2, 64, 64 + len(planes[0]), *[0] * 13)
    return header + planes[0] + planes[1]


def dicoms():
    floats = (grey(4095) / 7 - 100).astype("<f4")
    doubles = np.stack([grey(4095) / 7, -grey(4095) / 3]).astype("<f8")
    words = np.stack([grey(65535), 65535 - grey(65535)]).astype("<u2")

    ds = dataset("float.dcm")
    ds.BitsAllocated, ds.FloatPixelData = 32, floats.tobytes()
    yield "float.dcm", ds, ("-", "-")

    ds = dataset("double-two-frames.dcm")
    ds.BitsAllocated, ds.NumberOfFrames, ds.DoubleFloatPixelData = 64, 2, doubles.tobytes()
    ds.PerFrameFunctionalGroupsSequence = Sequence([measures(0.25, 0.5), measures(1, 1)])
    yield "double-two-frames.dcm", ds, (0.25, 0.5)

    ds = dataset("shared-functional-groups.dcm")
    integers(ds, 16, 2)
    ds.SharedFunctionalGroupsSequence = Sequence([measures(0.7, 0.8)])
    ds.PixelData = words.tobytes()
    yield "shared-functional-groups.dcm", ds, (0.7, 0.8)

    # Three fragments for two frames: only the offset table says which belongs to which.
    ds = dataset("extended-offset-table.dcm", RLELossless)
    integers(ds, 16, 2)
    frames = [rle(frame) for frame in words]
    first, second = frames
    cut = 70
    item = lambda body: b"\xfe\xff\x00\xe0" + struct.pack("<I", len(body)) + body
    empty_table = item(b"")
    ds.PixelData = empty_table + item(first[:cut]) + item(first[cut:]) + item(second)
    ds.ExtendedOffsetTable = struct.pack("<2Q", 0, len(first) + 16)
    ds.ExtendedOffsetTableLengths = struct.pack("<2Q", len(first) + 8, len(second))
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    yield "extended-offset-table.dcm", ds, ("-", "-")


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    lines = ["# pydicom " + pydicom.__version__ + ", tifffile " + tifffile.__version__]

    def line(name, array, tolerance, spacing):
        samples = 3 if array.ndim == 4 else 1
        cells = [name, array.shape[0], ROWS, COLUMNS, samples, array.dtype.name, tolerance]
        cells += [s if s == "-" else f"{s:.6g}" for s in spacing]
        text = "{:.9g}" if array.dtype.kind == "f" and array.itemsize == 4 else "{:.17g}"
        cells.append(",".join(text.format(v) for v in array.astype(np.float64).ravel()))
        lines.append("\t".join(map(str, cells)))

    for name, array, tolerance, spacing in pictures():
        line(name, array, tolerance, spacing)
    for name, ds, spacing in dicoms():
        path = FOLDER / name
        ds.save_as(path, enforce_file_format=True)
        if name == "extended-offset-table.dcm":
            # pydicom wants one fragment a frame beside such a table; the values are what was written.
            array = np.stack([grey(65535), 65535 - grey(65535)]).astype(np.uint16)
        else:
            array = pixel_array(pydicom.dcmread(path))
        line(name, array.reshape(-1, ROWS, COLUMNS), 0, spacing)
    (FOLDER / "expected.tsv").write_text("\n".join(lines) + "\n")
    print(len(lines) - 1, "files")


if __name__ == "__main__":
    main()
