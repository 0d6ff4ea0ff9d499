"""Fixtures of resampling: what the reference libraries make of synthetic and real arrays.

    python tools/reference/resampling.py DATA [NAME ...]    # DATA: folder with volumes/

writes crates/imaging/tests/fixtures/resampling/NAME.tsv (all of them, or those named), a line a case:
options, input, shape before, shape after, mean and root mean square of the whole result, samples.
With up to 60 values all are kept, else 60 of them, evenly spread. Label maps keep a hash of all
values (FNV-1a, 64 bits, over single bytes) instead of mean and root mean square. Real arrays are read
from DATA by script and test alike; none is stored. Versions: requirements.txt beside this file.
"""
import gzip
import itertools
import sys
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
OUT = Path(__file__).resolve().parents[2] / "crates/imaging/tests/fixtures/resampling"
DATA = Path(sys.argv[1])
KEPT = 60


def noise(shape):
    """Whole numbers between -50 and 200, rough in every direction; made alike in the test."""
    z, y, x = np.meshgrid(*[np.arange(n, dtype=np.int64) for n in shape], indexing="ij")
    return ((z * 73 + y * 37 + x * 101 + (z * y + 3 * x * y) % 17 * 29) % 251 - 50).astype(np.float32)


def labels(shape):
    """Labels 0 to 4 in blocks, ragged; made alike in the test."""
    z, y, x = np.meshgrid(*[np.arange(n, dtype=np.int64) for n in shape], indexing="ij")
    return ((z // 3 + y // 2 * 2 + x // 4 * 3 + (x * 5 + y * 7 + z) % 11 // 9) % 5).astype(np.uint8)


def anatomical(shape):
    """A corner of a real MR volume, file order."""
    raw = (DATA / "volumes/nibabel/anatomical.nii").read_bytes()[352:]
    whole = np.frombuffer(raw, ">i2", count=25 * 41 * 33).reshape(25, 41, 33).astype(np.float32)
    return whole[tuple(slice(n) for n in shape)]


def organs(shape):
    """The middle of a real label map of a CT, file order."""
    raw = gzip.decompress((DATA / "volumes/nnunet/example_ct_sm_T300_output.nii.gz").read_bytes())[352:]
    whole = np.frombuffer(raw, np.uint8, count=30 * 101 * 122).reshape(30, 101, 122)
    start = [(a - b) // 2 for a, b in zip(whole.shape, shape)]
    return whole[tuple(slice(s, s + n) for s, n in zip(start, shape))]


INPUTS = {"noise": noise, "labels": labels, "anatomical": anatomical, "organs": organs}


def number(value):
    return f"{float(value):.7g}"


def fnv(values):
    state = 0xCBF29CE484222325
    for byte in np.asarray(values).astype(np.uint8).tobytes():
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def row(options, source, before, result):
    result = np.asarray(result)
    flat = result.reshape(-1).astype(np.float64)
    index = np.arange(flat.size)
    if flat.size > KEPT:
        index = np.arange(KEPT, dtype=np.int64) * (flat.size - 1) // (KEPT - 1)
    if source in ("labels", "organs"):
        first, second = fnv(flat), "-"
    else:
        first, second = number(flat.mean()), number(np.sqrt((flat**2).mean()))
    after = (1,) * (3 - result.ndim) + result.shape
    shapes = [",".join(map(str, shape)) for shape in (before, after)]
    return "\t".join([options, source, *shapes, first, second, ",".join(number(v) for v in flat[index])])


SHAPES = [((7, 9, 8), (5, 13, 8)), ((1, 12, 7), (1, 5, 20)), ((1, 1, 5), (3, 4, 9)), ((2, 3, 4), (7, 1, 5)),
          ((5, 4, 31), (9, 9, 12)), ((16, 6, 3), (8, 12, 3)), ((3, 20, 17), (3, 41, 30))]


def scipy_cases():
    from scipy.ndimage import zoom
    modes = ["nearest", "reflect", "mirror", "constant", "grid-constant", "wrap", "grid-wrap"]

    def case(source, before, after, order, mode, grid, prefilter=True, cval=0.0):
        factors = [b / a for a, b in zip(before, after)]
        out = zoom(INPUTS[source](before), factors, order=order, mode=mode, grid_mode=grid, prefilter=prefilter, cval=cval)
        assert out.shape == after
        options = f"order={order};mode={mode};grid={int(grid)};prefilter={int(prefilter)};cval={cval}"
        return row(options, source, before, out)

    for order, mode, grid in itertools.product(range(6), modes, [False, True]):
        yield case("noise", *SHAPES[0], order, mode, grid, cval=7.0)
    for (before, after), order, grid in itertools.product(SHAPES[1:], [0, 1, 3], [False, True]):
        yield case("noise", before, after, order, "nearest", grid)
        yield case("noise", before, after, order, "grid-constant", grid, cval=-30.0)
    for mode, order in itertools.product(modes, [2, 3]):
        yield case("noise", (3, 6, 5), (5, 4, 12), order, mode, True, prefilter=False, cval=1.5)
        yield case("noise", (2, 6, 1), (5, 9, 2), order, mode, True)
    for order, mode in itertools.product([1, 3], modes):
        yield case("anatomical", (25, 41, 33), (31, 30, 47), order, mode, False)
    # A known weakness of the reference: the last plane may fall outside by rounding.
    for to in (50, 59, 99):
        yield case("noise", (1, 4, 50), (1, 4, 2 * to), 1, "constant", False, cval=-99.0)


def skimage_cases():
    from skimage.transform import resize

    def case(source, before, after, order, mode, smooth, cval=0.0, clip=True):
        image = INPUTS[source](before)
        out = resize(image, after, order=order, mode=mode, cval=cval, clip=clip, preserve_range=True,
                     anti_aliasing=smooth)
        options = f"order={order};mode={mode};smooth={int(smooth)};cval={cval};clip={int(clip)}"
        return row(options, source, before, out)

    modes = ["constant", "edge", "symmetric", "reflect", "wrap"]
    for order, mode, smooth in itertools.product(range(4), modes, [False, True]):
        yield case("noise", (11, 9, 16), (4, 13, 5), order, mode, smooth, cval=300.0)
    for (before, after), order in itertools.product(SHAPES, [0, 1, 3]):
        yield case("noise", before, after, order, "edge", False)
        yield case("noise", before, after, order, "edge", True, clip=False)
    yield case("noise", (4, 4, 9), (8, 4, 9), 3, "constant", False, cval=-400.0)
    yield case("noise", (4, 4, 9), (8, 8, 9), 1, "constant", False, cval=60.0)
    for order in (0, 1, 3):
        yield case("anatomical", (25, 41, 33), (31, 30, 47), order, "edge", False)
        yield case("anatomical", (25, 41, 33), (12, 20, 33), order, "edge", True)


def nnunet_cases():
    from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape

    def case(source, before, after, spacing, new_spacing, order, order_z=0, force=None):
        out = resample_data_or_seg_to_shape(
            INPUTS[source](before)[None], after, spacing, new_spacing, is_seg=source in ("labels", "organs"),
            order=order, order_z=order_z, force_separate_z=force)[0]
        options = [f"order={order}", f"order_z={order_z}", f"force={force}",
                   "spacing=" + ",".join(map(str, spacing)), "new=" + ",".join(map(str, new_spacing))]
        return row(";".join(options), source, before, out)

    one = (1.0, 1.0, 1.0)
    small = [((6, 9, 7), (9, 5, 7)), ((4, 6, 5), (8, 12, 10)), ((7, 8, 9), (3, 11, 4)), ((1, 9, 9), (4, 20, 7))]
    spacings = [one, (4.0, 1.0, 1.0), (1.0, 4.0, 1.0), (1.0, 1.0, 4.0)]
    for source in ("noise", "labels"):
        for (before, after), spacing in itertools.product(small, spacings):
            for order in (1, 3) if source == "noise" else (0, 1):
                yield case(source, before, after, spacing, one, order)
        for spacing in spacings[1:]:
            for order_z in (1, 3) if source == "noise" else (1,):
                yield case(source, (6, 7, 7), (9, 13, 10), spacing, one, 1, order_z)
        yield case(source, (6, 9, 7), (9, 5, 7), (4.0, 1.0, 1.0), one, 1, 0, False)
        yield case(source, (6, 9, 7), (9, 5, 7), (1.5, 1.0, 1.0), one, 1, 0, True)
    for order, force in itertools.product((1, 3), (None, False)):
        yield case("anatomical", (25, 41, 33), (38, 31, 47), (6.0, 1.0, 1.0), one, order, 0, force)
    for after in [(60, 202, 61), (45, 90, 100), (17, 151, 122), (30, 50, 61)]:
        yield case("organs", (30, 101, 122), after, one, one, 1)
        yield case("organs", (30, 101, 122), after, (5.0, 1.0, 1.0), one, 1)


def labels_cases():
    from batchgenerators.augmentations.utils import resize_segmentation
    from skimage.transform import resize

    def half_or_more(seg, shape, order):
        """What batchgenerators did up to 0.25.1: labels in ascending order, each where it reaches a half."""
        out = np.zeros(shape, seg.dtype)
        for label in np.unique(seg):
            share = resize((seg == label).astype(float), shape, order, mode="edge", clip=True, anti_aliasing=False)
            out[share >= 0.5] = label
        return out

    shapes = [("labels", before, after) for before, after in SHAPES]
    shapes += [("organs", (12, 40, 50), (24, 80, 100)), ("organs", (12, 40, 50), (7, 61, 33)),
               ("labels", (6, 9, 7), (12, 18, 14)), ("labels", (9, 9, 9), (3, 3, 3)), ("labels", (8, 8, 8), (4, 4, 4))]
    for (source, before, after), order in itertools.product(shapes, (0, 1, 3)):
        yield row(f"order={order};rule=largest", source, before, resize_segmentation(INPUTS[source](before), after, order))
        yield row(f"order={order};rule=half", source, before, half_or_more(INPUTS[source](before), after, order))


def torch_cases():
    import torch
    import torch.nn.functional as F

    def case(source, before, after, mode, align=False, antialias=False, factors=None):
        flat = before[0] == 1 and after[0] == 1
        x = torch.from_numpy(INPUTS[source](before).copy())[None] if flat else \
            torch.from_numpy(INPUTS[source](before).copy())[None, None]
        name = {"linear": "bilinear" if flat else "trilinear", "cubic": "bicubic"}.get(mode, mode)
        more = {"align_corners": align} if mode in ("linear", "cubic") else {}
        if factors:
            out = F.interpolate(x, scale_factor=factors[1:] if flat else factors, mode=name, **more)
        else:
            out = F.interpolate(x, size=after[1:] if flat else after, mode=name,
                                antialias=antialias, **more)
        out = out[0, 0].numpy()
        assert (1,) * (3 - out.ndim) + out.shape == tuple(after), (out.shape, after)
        options = f"mode={mode};align={int(align)};antialias={int(antialias)};factor="
        return row(options + ",".join(map(str, factors or [])), source, before, out)

    for (before, after), mode in itertools.product(SHAPES, ["nearest", "nearest-exact", "linear", "area", "cubic"]):
        if mode == "cubic" and after[0] != 1:
            before, after = (1, *before[1:]), (1, *after[1:])
        yield case("noise", before, after, mode)
        if mode in ("linear", "cubic"):
            yield case("noise", before, after, mode, align=True)
            yield case("noise", (1, *before[1:]), (1, *after[1:]), mode, antialias=True)
            yield case("noise", (1, *before[1:]), (1, *after[1:]), mode, align=True, antialias=True)
    for mode in ("nearest", "nearest-exact", "linear"):
        yield case("noise", (5, 7, 6), (7, 10, 9), mode, factors=[1.5, 1.5, 1.6])
        yield case("noise", (1, 7, 64), (1, 3, 44), mode, factors=[1.0, 0.45, 0.7])
        yield case("anatomical", (25, 41, 33), (31, 30, 47), mode)
    yield case("noise", (1, 3, 200), (1, 3, 331), "nearest")
    yield case("noise", (1, 3, 333), (1, 3, 111), "nearest-exact")


def nnunet_torch_cases():
    from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet

    def case(source, before, after, spacing, save=False, force=None):
        is_seg = source in ("labels", "organs")
        out = resample_torch_fornnunet(INPUTS[source](before)[None].copy(), after, spacing, (1.0, 1.0, 1.0), is_seg=is_seg,
                                       num_threads=1, memefficient_seg_resampling=save, force_separate_z=force)[0]
        options = [f"save={int(save)}", f"force={force}", "spacing=" + ",".join(map(str, spacing))]
        return row(";".join(options), source, before, out)

    shapes = [((6, 9, 7), (9, 5, 7)), ((4, 6, 5), (8, 12, 10)), ((7, 8, 9), (3, 11, 4)), ((3, 9, 9), (4, 20, 7))]
    spacings = [(1.0, 1.0, 1.0), (4.0, 1.0, 1.0), (1.0, 4.0, 1.0), (1.0, 1.0, 4.0)]
    for (before, after), spacing in itertools.product(shapes, spacings):
        yield case("noise", before, after, spacing)
        yield case("labels", before, after, spacing)
        yield case("labels", before, after, spacing, save=True)
    yield case("noise", (6, 9, 7), (9, 5, 7), (4.0, 1.0, 1.0), force=False)
    yield case("anatomical", (25, 41, 33), (38, 31, 47), (6.0, 1.0, 1.0))
    for after in [(60, 202, 61), (45, 90, 100), (17, 151, 122), (30, 50, 61)]:
        yield case("organs", (30, 101, 122), after, (1.0, 1.0, 1.0))
        yield case("organs", (30, 101, 122), after, (5.0, 1.0, 1.0))


def grid_cases():
    import SimpleITK as sitk
    samplings = {"nearest": sitk.sitkNearestNeighbor, "linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline,
                 "gaussian": sitk.sitkLabelGaussian}

    def turn(a, b, c):
        """A rotation by three angles in radians."""
        cos, sin = np.cos([a, b, c]), np.sin([a, b, c])
        x = np.array([[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]])
        y = np.array([[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]])
        z = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]])
        return z @ y @ x

    def place(image, spacing, origin, direction):
        image.SetSpacing(spacing)
        image.SetOrigin(origin)
        image.SetDirection(direction.ravel().tolist())

    def text(spacing, origin, direction):
        """Rows of the 3 x 4 matrix from voxel (i, j, k) to LPS mm."""
        matrix = np.hstack([direction @ np.diag(spacing), np.array(origin)[:, None]])
        return ",".join(repr(float(v)) for v in matrix.ravel())

    straight, flip = np.eye(3), np.diag([-1.0, 1.0, -1.0])
    swap = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    geometries = [
        ("noise", (7, 9, 8), ((1.0, 1.2, 2.0), (0.3, -4.0, 7.0), straight),
         (9, 14, 11), ((0.83, 0.77, 1.63), (-0.6, -4.9, 6.1), straight)),
        ("noise", (7, 9, 8), ((1.0, 1.2, 2.0), (0.3, -4.0, 7.0), flip),
         (6, 10, 9), ((1.1, 0.9, 2.3), (0.6, -4.1, 7.3), flip)),
        ("noise", (7, 9, 8), ((1.0, 1.2, 2.0), (0.3, -4.0, 7.0), straight),
         (8, 7, 9), ((1.9, 1.0, 1.1), (0.55, -3.7, 7.2), swap)),
        ("noise", (7, 9, 8), ((1.0, 1.2, 2.0), (0.3, -4.0, 7.0), straight),
         (8, 12, 12), ((0.9, 0.8, 1.5), (-0.2, -4.6, 7.7), turn(0.2, -0.3, 0.4))),
        ("noise", (5, 6, 7), ((1.0, 1.0, 3.0), (0.0, 0.0, 0.0), turn(0.1, 0.2, -0.1)),
         (11, 9, 8), ((1.0, 1.0, 1.0), (-0.7, 0.3, 1.1), turn(-0.3, 0.1, 0.6))),
        ("noise", (1, 9, 8), ((1.0, 1.2, 2.0), (0.3, -4.0, 7.0), straight),
         (3, 8, 11), ((0.83, 0.97, 0.7), (-0.1, -4.3, 6.4), straight)),
        ("anatomical", (25, 41, 33), ((2.0, 2.0, 2.0), (-31.0, -40.0, -20.0), straight),
         (21, 38, 40), ((1.7, 2.2, 2.6), (-33.0, -37.0, -19.0), turn(0.15, -0.1, 0.05))),
        ("anatomical", (25, 41, 33), ((2.0, 2.0, 2.0), (-31.0, -40.0, -20.0), straight),
         (31, 30, 47), ((1.43, 2.77, 1.61), (-31.3, -39.1, -20.2), straight)),
        ("organs", (30, 101, 122), ((3.0, 3.0, 3.0), (0.0, 0.0, 0.0), straight),
         (40, 90, 100), ((2.9, 3.1, 2.3), (4.2, 11.3, -1.4), turn(0.05, 0.1, 0.2))),
    ]
    for (source, before, here, after, there), (name, sampling) in itertools.product(geometries, samplings.items()):
        if source == "organs" and name in ("linear", "bspline") or name == "gaussian" and source == "anatomical":
            continue
        if name == "gaussian" and source != "organs":
            source = "labels"
        image = sitk.GetImageFromArray(INPUTS[source](before))
        place(image, *here)
        target = sitk.Image([int(n) for n in after[::-1]], sitk.sitkFloat32)
        place(target, *there)
        outside = 0.0 if source in ("organs", "labels") else -77.0
        out = sitk.GetArrayFromImage(sitk.Resample(image, target, sitk.Transform(), sampling, outside, image.GetPixelID()))
        options = f"sampling={name};outside={outside};here={text(*here)};there={text(*there)}"
        yield row(options, source, before, out)


FLAT = [((9, 8), (13, 8)), ((12, 7), (5, 20)), ((1, 5), (4, 9)), ((16, 6), (8, 3)), ((20, 17), (41, 30)),
        ((18, 12), (6, 4)), ((10, 12), (17, 9)), ((30, 31), (13, 14)), ((23, 40), (23, 17)), ((64, 64), (224, 224))]


def opencv_cases():
    import cv2
    kinds = {"nearest": cv2.INTER_NEAREST, "nearest-exact": cv2.INTER_NEAREST_EXACT, "linear": cv2.INTER_LINEAR,
             "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
    # OpenCV's own code, and for some sizes the library that its builds for Intel processors turn to.
    sizes = [(False, *sizes) for sizes in FLAT] + [(True, *sizes) for sizes in FLAT[4::5]]
    for (ipp, before, after), (name, kind) in itertools.product(sizes, kinds.items()):
        cv2.ipp.setUseIPP(ipp)
        image = noise((1, *before))[0] + 50
        for depth, of_depth in (("f32", image), ("u8", image.astype(np.uint8)), ("u16", (image * 200).astype(np.uint16))):
            out = cv2.resize(of_depth, after[::-1], interpolation=kind)
            yield row(f"kind={name}{' ipp' * ipp};depth={depth}", "noise", (1, *before), out[None].astype(np.float32))


def pil_cases():
    from PIL import Image
    for (before, after), name in itertools.product(FLAT, ["NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"]):
        image = noise((1, *before))[0] + 50
        for depth, of_depth in (("f32", image), ("u8", image.astype(np.uint8))):
            out = np.asarray(Image.fromarray(of_depth).resize(after[::-1], Image.Resampling[name]))
            yield row(f"kind={name};depth={depth}", "noise", (1, *before), out[None].astype(np.float32))


SETS = {"opencv": opencv_cases, "pil": pil_cases, "torch": torch_cases, "nnunet_torch": nnunet_torch_cases, "grid": grid_cases, "nnunet": nnunet_cases, "labels": labels_cases, "scipy": scipy_cases, "skimage": skimage_cases}

if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or SETS:
        rows = list(SETS[name]())
        (OUT / f"{name}.tsv").write_text("\n".join(rows) + "\n")
        print(name, len(rows), "cases")
