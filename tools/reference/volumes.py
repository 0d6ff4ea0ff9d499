"""What nibabel and SimpleITK read from volume files.

    python tools/reference/volumes.py DATA/volumes > crates/imaging/tests/fixtures/volumes.tsv
    python tools/reference/volumes.py crates/imaging/tests/fixtures/volumes \
        > crates/imaging/tests/fixtures/volumes/expected.tsv

One line a file. Columns: path; reader; shape i,j,k,frames; stored type; slope,intercept; affine (RAS+ mm, three
rows); orientation; qform_code,sform_code; SHA-256 of the stored voxels, little endian, first axis fastest, frames
(channels, colours) slowest; step; every step-th scaled value; the same affine as SimpleITK has it, or `-`.
A file the references do not read: `error` and the reference's words.
"""

import hashlib
import sys
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK

SAMPLES = 24
ENDINGS = (".nii", ".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh")


def numbers(values):
    return ",".join(repr(float(v)) for v in values)


def planes(array):
    """[i, j, k, ...] with colours as a last axis; [frames, k, j, i] flat."""
    array = array.reshape(array.shape + (1,) * (3 - array.ndim)) if array.ndim < 3 else array
    return array.reshape(array.shape[:3] + (-1,), order="F")


def digest(array):
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes(order="F")).hexdigest()


def sampled(flat):
    step = max(1, flat.size // SAMPLES)
    return step, numbers(flat[::step][:SAMPLES])


def by_nibabel(path):
    image = nibabel.load(path)
    raw = np.asanyarray(
        image.dataobj.get_unscaled() if hasattr(image.dataobj, "get_unscaled") else image.dataobj
    )
    if raw.dtype.names:
        raw = np.stack([raw[name] for name in raw.dtype.names], axis=-1)
        scaled = raw
        slope = None
    else:
        scaled = image.get_fdata(caching="unchanged")
        slope = getattr(image.dataobj, "slope", None)
    stored = planes(raw)
    step, values = sampled(planes(np.asarray(scaled)).ravel(order="F"))
    inter = getattr(image.dataobj, "inter", 0.0) or 0.0
    header = image.header
    codes = (
        f"{int(header['qform_code'])},{int(header['sform_code'])}" if "qform_code" in header else "-"
    )
    affine = image.affine
    code = "".join(str(c) for c in nibabel.aff2axcodes(affine))
    name = np.dtype(raw.dtype).name
    return [
        "nibabel",
        ",".join(map(str, stored.shape)),
        name,
        numbers([1.0 if slope is None else slope, inter]),
        numbers(affine[:3].ravel()),
        code,
        codes,
        digest(stored),
        str(step),
        values,
    ]


def itk_affine(image):
    """RAS+ rows of the first three axes; a missing third axis is a unit step along z."""
    n = image.GetDimension()
    direction = np.eye(3)
    given = np.array(image.GetDirection()).reshape(n, n)
    m = min(n, 3)
    direction[:m, :m] = given[:m, :m]
    spacing = np.ones(3)
    spacing[:m] = image.GetSpacing()[:m]
    origin = np.zeros(3)
    origin[:m] = image.GetOrigin()[:m]
    rows = np.concatenate([direction * spacing, origin[:, None]], axis=1)
    rows[:2] *= -1
    return rows


def by_itk(path):
    image = SimpleITK.ReadImage(str(path))
    array = SimpleITK.GetArrayFromImage(image)
    axes = list(range(image.GetDimension()))[::-1]
    if image.GetNumberOfComponentsPerPixel() > 1:
        axes.append(image.GetDimension())
    stored = planes(array.transpose(axes))
    affine = itk_affine(image)
    step, values = sampled(stored.astype(float).ravel(order="F"))
    return [
        "SimpleITK",
        ",".join(map(str, stored.shape)),
        stored.dtype.name,
        numbers([1.0, 0.0]),
        numbers(affine.ravel()),
        "".join(nibabel.aff2axcodes(np.vstack([affine, [0, 0, 0, 1]]))),
        "-",
        digest(stored),
        str(step),
        values,
    ]


def itk_column(path):
    try:
        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(path))
        reader.SetImageIO("NiftiImageIO")
        reader.ReadImageInformation()
        n = reader.GetDimension()
        if n < 3:  # ITK keeps a picture and loses where it lies
            return "-"

        class Information:
            GetDimension = staticmethod(lambda: n)
            GetDirection = staticmethod(reader.GetDirection)
            GetSpacing = staticmethod(reader.GetSpacing)
            GetOrigin = staticmethod(reader.GetOrigin)

        return numbers(itk_affine(Information).ravel())
    except Exception:
        return "-"


def line(root, path):
    name = path.relative_to(root).as_posix()
    is_nibabel = name.lower().endswith((".nii", ".nii.gz", ".hdr", ".mgz", ".mgh"))
    try:
        cells = by_nibabel(path) if is_nibabel else by_itk(path)
    except Exception as error:  # whatever the reference says
        return [name, "error", " ".join(str(error).split())[:80]]
    is_nifti = name.lower().endswith((".nii", ".nii.gz"))
    return [name] + cells + [itk_column(path) if is_nifti else "-"]


def main():
    root = Path(sys.argv[1])
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    print(f"# nibabel {nibabel.__version__}, SimpleITK {SimpleITK.Version.VersionString()}")
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name.lower().endswith(ENDINGS):
            print("\t".join(line(root, path)))


if __name__ == "__main__":
    main()
