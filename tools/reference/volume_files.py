"""Small volume files of every format, type and byte order, made by nibabel and SimpleITK.

    python tools/reference/volume_files.py crates/imaging/tests/fixtures/volumes

Then `volumes.py` writes what the references read from them. Kept small: 5 x 4 x 3 voxels.
"""

import gzip
import sys
import warnings
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK

warnings.simplefilter("ignore")
SIZE = (5, 4, 3)
# Oblique, with spacing 0.8, 1.25, 3.
TURN = np.array([[0.96, -0.28, 0.0], [0.224, 0.768, -0.6], [0.168, 0.576, 0.8]])
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN * [0.8, 1.25, 3.0]
AFFINE[:3, 3] = [-11.5, 7.25, 40.0]


def ramp(dtype, shape=SIZE):
    count = int(np.prod(shape))
    values = (np.arange(count) * 7919) % 251
    if np.dtype(dtype).kind in "if":
        values = values.astype(np.int64) - 120
    if np.dtype(dtype).kind == "f":
        values = values / 8
    return values.astype(dtype).reshape(shape, order="F")


def nifti(out):
    for name in "uint8 int8 uint16 int16 uint32 int32 uint64 int64 float32 float64".split():
        for order in "<>":
            header = nibabel.Nifti1Header(endianness=order)
            image = nibabel.Nifti1Image(ramp(name), AFFINE, header)
            image.set_data_dtype(np.dtype(name))
            nibabel.save(image, out / f"nifti1-{name}-{'le' if order == '<' else 'be'}.nii")
    def both(image, s=2, q=1):
        image.set_sform(AFFINE, s)
        image.set_qform(AFFINE, q)
        return image
    image = nibabel.Nifti1Image(ramp("int16"), None)
    image.set_sform(None, 0)
    image.set_qform(AFFINE, 1)
    nibabel.save(image, out / "qform-only.nii.gz")
    flipped = AFFINE.copy()
    flipped[:, 0] *= -1
    image = nibabel.Nifti1Image(ramp("int16"), None)
    image.set_sform(None, 0)
    image.set_qform(flipped, 1)
    nibabel.save(image, out / "qform-left-handed.nii.gz")
    image = nibabel.Nifti1Image(ramp("int16"), None)
    image.header.set_zooms((0.5, 2.0, 4.0))
    nibabel.save(image, out / "no-form.nii.gz")
    sheared = AFFINE.copy()
    sheared[1, 2] += 0.9
    image = nibabel.Nifti1Image(ramp("int16"), None)
    image.set_sform(sheared, 1)
    image.set_qform(AFFINE, 1)
    nibabel.save(image, out / "forms-differ.nii.gz")
    image = both(nibabel.Nifti1Image(ramp("int16", SIZE + (3,)), AFFINE))
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4] = 2500
    nibabel.save(image, out / "four-axes.nii.gz")
    image = both(nibabel.Nifti1Image(ramp("float32", SIZE + (1, 3)), AFFINE))
    image.header.set_intent("vector")
    nibabel.save(image, out / "vector.nii.gz")
    nibabel.save(both(nibabel.Nifti1Image(ramp("uint8", (5, 4)), AFFINE)), out / "two-axes.nii.gz")
    rgb = np.zeros(SIZE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for n, channel in enumerate("RGB"):
        rgb[channel] = ramp("uint8") + n
    nibabel.save(both(nibabel.Nifti1Image(rgb, AFFINE)), out / "rgb.nii.gz")
    image = both(nibabel.Nifti1Image(ramp("int16"), AFFINE))
    image.header.set_slope_inter(0.25, -7)
    nibabel.save(image, out / "scaled.nii.gz")
    for order, name in (("<", "le"), (">", "be")):
        header = nibabel.Nifti2Header(endianness=order)
        image = both(nibabel.Nifti2Image(ramp("float64"), AFFINE, header))
        nibabel.save(image, out / f"nifti2-{name}.nii.gz")
    nibabel.save(both(nibabel.Nifti1Pair(ramp("int16"), AFFINE)), out / "pair.hdr")
    nibabel.save(both(nibabel.Nifti2Pair(ramp("int16"), AFFINE)), out / "pair2.hdr")
    image = nibabel.AnalyzeImage(ramp("int16"), np.diag([-2.0, 2.0, 3.0, 1.0]))
    nibabel.save(image, out / "analyze.hdr")
    image = nibabel.Spm99AnalyzeImage(ramp("uint8"), None)
    image.header.set_zooms((2, 3, 4))
    image.header["origin"][:3] = (2, 3, 1)
    image.to_filename(out / "analyze-spm.hdr")
    for mat in out.glob("*.mat"):
        mat.unlink()
    complex_image = nibabel.Nifti1Image(ramp("float32").astype("complex64"), AFFINE)
    nibabel.save(complex_image, out / "refused-complex.nii.gz")


def mgh(out):
    for name in "uint8 int16 int32 float32".split():
        nibabel.save(nibabel.MGHImage(ramp(name), AFFINE), out / f"mgh-{name}.mgz")
    nibabel.save(nibabel.MGHImage(ramp("float32", SIZE + (2,)), AFFINE), out / "mgh-frames.mgh")
    image = nibabel.MGHImage(ramp("uint8"), AFFINE)
    nibabel.save(image, out / "mgh-no-ras.mgh")
    path = out / "mgh-no-ras.mgh"
    raw = bytearray(path.read_bytes())
    raw[28:30] = b"\0\0"
    path.write_bytes(raw)


def itk(array, components=1):
    axes = list(range(array.ndim - (components > 1)))[::-1]
    if components > 1:
        axes.append(array.ndim - 1)
    image = SimpleITK.GetImageFromArray(
        np.ascontiguousarray(array.transpose(axes)), isVector=components > 1
    )
    if image.GetDimension() == 3:
        flip = np.diag([-1.0, -1.0, 1.0])
        image.SetDirection((flip @ TURN).ravel())
        image.SetSpacing((0.8, 1.25, 3.0))
        image.SetOrigin((flip @ AFFINE[:3, 3]).tolist())
    return image


def write(image, path, compress=False):
    SimpleITK.WriteImage(image, str(path), compress)


def nrrd_and_meta(out):
    for name in "uint8 int8 uint16 int16 uint32 int32 float32 float64".split():
        write(itk(ramp(name)), out / f"itk-{name}.nrrd")
        write(itk(ramp(name)), out / f"itk-{name}.mha", True)
    for name in "uint64 int64".split():
        write(itk(ramp(name)), out / f"itk-{name}.nrrd", True)
    write(itk(ramp("int16")), out / "detached.nhdr")
    write(itk(ramp("int16")), out / "detached-gzip.nhdr", True)
    write(itk(ramp("int16")), out / "detached.mhd")
    write(itk(ramp("int16")), out / "detached-zlib.mhd", True)
    vector = ramp("float32", SIZE + (3,))
    write(itk(vector, 3), out / "vector.nrrd", True)
    write(itk(vector, 3), out / "vector.mha")
    write(itk(ramp("int16", SIZE + (2,))), out / "four-axes.nrrd")
    write(itk(ramp("int16", SIZE + (2,))), out / "four-axes.mha")
    write(itk(ramp("uint8", (5, 4))), out / "two-axes.mha")
    write(itk(ramp("uint8", (5, 4))), out / "two-axes.nrrd")


def nrrd_by_hand(out):
    """What Slicer and others write that ITK does not."""
    data = ramp("int16")
    def header(*lines):
        return ("\n".join(("NRRD0004", "# by hand", *lines)) + "\n\n").encode()
    common = ["type: short", "dimension: 3", "sizes: 5 4 3"]
    turned = [
        "space directions: (0.8,0,0) (0,1.25,0) (0,0,3)",
        "space origin: (1,2,3)",
    ]
    big = data.astype(">i2").tobytes(order="F")
    little = data.astype("<i2").tobytes(order="F")
    for space in ("right-anterior-superior", "left-anterior-superior", "left-posterior-superior", "RAS", "LPS"):
        (out / f"hand-space-{space}.nrrd").write_bytes(
            header(*common, f"space: {space}", *turned, "endian: big", "encoding: raw") + big)
    (out / "hand-gzip.nrrd").write_bytes(
        header(*common, "space: RAS", *turned, "endian: little", "encoding: gz")
        + gzip.compress(little, mtime=0))
    text = " ".join(map(str, data.ravel(order="F")))
    (out / "hand-text.nrrd").write_bytes(
        header(*common, "space: RAS", *turned, "encoding: ascii") + text.encode() + b"\n")
    (out / "hand-spacings.nrrd").write_bytes(
        header(*common, "spacings: 0.5 0.75 2", "endian: little", "encoding: raw") + little)
    vector = ramp("uint8", (3,) + SIZE)
    (out / "hand-vector-first.nrrd").write_bytes(
        header("type: unsigned char", "dimension: 4", "sizes: 3 5 4 3", "kinds: vector domain domain domain",
               "space: left-posterior-superior",
               "space directions: none (0.8,0,0) (0,1.25,0) (0,0,3)", "space origin: (1,2,3)",
               "encoding: raw") + vector.tobytes(order="F"))


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    nifti(out)
    mgh(out)
    nrrd_and_meta(out)
    nrrd_by_hand(out)


if __name__ == "__main__":
    main()
