"""DICOM segmentations: fixtures made by highdicom, and a check of ours by the tools of the field.

    python segmentations.py make FOLDER        fixtures and what highdicom reads of them
    python segmentations.py check SEG SERIES LABELS [--binaries DIR]

`check` reads a segmentation that was written for the series in SERIES with pydicom and highdicom and
compares it voxel for voxel with the label map LABELS (NIfTI); runs dciodvfy, and dcmqi's
segimage2itkimage, where they are found.
"""
import argparse
import pathlib
import shutil
import subprocess
import tempfile

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

ROWS, COLUMNS, SLICES = 10, 12, 7


def uid(n):
    return f"2.25.4711{n:06d}"


def image(k):
    """Slice k of a made-up oblique CT; file order is not the order in space."""
    turn = np.deg2rad(20)
    row, column = [np.cos(turn), np.sin(turn), 0.0], [-np.sin(turn), np.cos(turn), 0.0]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = uid(100 + k)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, uid(100 + k)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = uid(1), uid(2), uid(3)
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Made^Up", "0", "", ""
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.ReferringPhysicianName = ds.StudyID = ""
    ds.Modality, ds.Manufacturer, ds.SeriesNumber, ds.InstanceNumber = "CT", "made-up", 1, SLICES - k
    ds.PositionReferenceIndicator = None
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.ImageOrientationPatient = [f"{v:.10f}" for v in row + column]
    ds.ImagePositionPatient = [-30.0, 12.5, 40.0 + 2.5 * k]
    ds.PixelSpacing, ds.SliceThickness = [0.75, 0.5], 2.5
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 1
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.RescaleSlope, ds.RescaleIntercept = 15, 1, 0
    pixels = (np.arange(ROWS * COLUMNS) * (k + 1) % 400 - 100).astype("<i2")
    ds.PixelData = pixels.tobytes()
    return ds


def description(number, label, kind):
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=kind,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="made-up", version="1", family=codes.DCM.ArtificialIntelligence
        ),
    )


def expected(seg, **how):
    """What highdicom reads, slices ordered along row x column, with the affine to LPS millimetres."""
    volume = seg.get_volume(**how)
    affine, array = volume.affine.copy(), np.asarray(volume.array)
    normal = np.cross(affine[:3, 2], affine[:3, 1])
    if affine[:3, 0] @ normal < 0:
        affine[:3, 3] += affine[:3, 0] * (array.shape[0] - 1)
        affine[:3, 0] *= -1
        array = array[::-1]
    lps = np.column_stack([affine[:3, 2], affine[:3, 1], affine[:3, 0], affine[:3, 3]])
    frames = [array] if array.ndim == 3 else [array[..., n] for n in range(array.shape[3])]
    cells = [
        [array.shape[2], array.shape[1], array.shape[0]],
        lps.round(6).ravel().tolist(),
        *(np.round(frame, 6).ravel().tolist() for frame in frames),
    ]
    return "\t".join(",".join(f"{value:g}" for value in cell) for cell in cells)


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    images = [image(k) for k in range(SLICES)]
    labels = np.zeros((SLICES, ROWS, COLUMNS), np.uint8)
    labels[1, 2:5, 3:8] = 1
    labels[4:6, 1:9, 2:6] = 2
    labels[4, 3:5, 7:12] = 1
    other = np.zeros_like(labels)
    other[4:6, 4:10, 4:10] = 1
    overlapping = np.stack([labels == 2, other == 1], axis=-1).astype(np.uint8)
    rng = np.random.default_rng(7)
    shares = np.zeros(labels.shape, np.float32)
    shares[2:5, 2:7, 3:9] = rng.integers(0, 201, (3, 5, 6)) / 200
    segments = [description(1, "Liver", codes.SCT.Liver), description(2, "Spleen", codes.SCT.Spleen)]
    cases = {
        "binary": (labels, segments, dict(segmentation_type="BINARY"), dict(combine_segments=True)),
        "overlap": (overlapping, segments, dict(segmentation_type="BINARY"), {}),
        "fractional": (
            shares,
            segments[:1],
            dict(segmentation_type="FRACTIONAL", fractional_type="PROBABILITY", max_fractional_value=200),
            dict(rescale_fractional=True),
        ),
        "labelmap": (labels, segments, dict(segmentation_type="LABELMAP"), dict(combine_segments=True)),
        "labelmap-rle": (
            labels,
            segments,
            dict(segmentation_type="LABELMAP", transfer_syntax_uid="1.2.840.10008.1.2.5"),
            dict(combine_segments=True),
        ),
    }
    facts = {}
    for name, (pixels, described, how, reading) in cases.items():
        seg = hd.seg.Segmentation(
            source_images=images,
            pixel_array=pixels,
            segment_descriptions=described,
            series_instance_uid=uid(50),
            series_number=2,
            sop_instance_uid=uid(60),
            instance_number=1,
            manufacturer="made-up",
            manufacturer_model_name="made-up",
            software_versions="1",
            device_serial_number="1",
            content_label="TEST",
            **how,
        )
        for name_of in ("ContentDate", "ContentTime", "SeriesDate", "SeriesTime", "InstanceCreationDate"):
            if name_of in seg:
                setattr(seg, name_of, "20260102" if "Date" in name_of else "030405")
        seg.save_as(folder / f"{name}.dcm")
        facts[name] = expected(hd.seg.segread(folder / f"{name}.dcm"), **reading)
    lines = [f"# highdicom {hd.__version__}: name, size, affine to LPS mm, frames"]
    lines += [f"{name}\t{cells}" for name, cells in facts.items()]
    (folder / "expected.tsv").write_text("\n".join(lines) + "\n")


def check(path, series, labels, binaries):
    ours = nib.load(labels)
    array = np.asarray(ours.dataobj)
    ds = pydicom.dcmread(path)
    print(f"{path.name}: {ds.SOPClassUID.name}, {ds.SegmentationType}, {ds.NumberOfFrames} frames")
    sources = {d.SOPInstanceUID: d for d in (pydicom.dcmread(p) for p in series.rglob("*") if p.is_file())}
    seg = hd.seg.segread(path)
    numbers = list(seg.segment_numbers)
    references = {d.get("FrameOfReferenceUID", "") for d in sources.values()}
    assert references == {""} or seg.FrameOfReferenceUID in references
    to_lps = np.diag([-1, -1, 1, 1]) @ ours.affine
    wanted = {}
    for number in numbers:
        volume = seg.get_volume(segment_numbers=[number], combine_segments=False)
        mask = np.asarray(volume.array)[..., 0] > 0
        found = np.argwhere(mask)
        world = found @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        index = (world - to_lps[:3, 3]) @ np.linalg.inv(to_lps[:3, :3]).T
        rounded = index.round().astype(int)
        assert np.abs(index - rounded).max() < 1e-2, "frames do not lie on the grid of the labels"
        values = set(array[tuple(rounded.T)].tolist())
        wanted[number] = values
        inside = np.isin(array, list(values)).sum()
        assert len(found) == inside, (number, len(found), inside)
        print(f"  {number} {seg.get_segment_description(number).SegmentLabel}: {len(found)} voxels, labels {values}")
    for frame in ds.PerFrameFunctionalGroupsSequence:
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        original = sources[source.ReferencedSOPInstanceUID]
        assert original.SOPClassUID == source.ReferencedSOPClassUID
        if "ImagePositionPatient" in original:
            at = frame.PlanePositionSequence[0].ImagePositionPatient
            assert np.allclose(at, original.ImagePositionPatient, atol=1e-4)
    binaries = pathlib.Path(binaries) if binaries else None
    tool = lambda name: (binaries / name if binaries and (binaries / name).exists() else shutil.which(name))
    if verify := tool("dciodvfy"):
        said = subprocess.run([verify, str(path)], capture_output=True, text=True)
        lines = (said.stdout + said.stderr).splitlines()
        errors = [line for line in lines if line.startswith("Error")]
        print("  dciodvfy:", len(errors), "errors", *errors[:20], sep="\n    ")
        warnings = [line for line in lines if line.startswith("Warning")]
        print(*warnings[:20], sep="\n    ")
    if dcmqi := tool("segimage2itkimage"):
        with tempfile.TemporaryDirectory() as out:
            run = [dcmqi, "--inputDICOM", str(path), "--outputDirectory", out, "--outputType", "nii"]
            said = subprocess.run(run, capture_output=True, text=True)
            print("  dcmqi:", said.returncode, sorted(p.name for p in pathlib.Path(out).iterdir()))
            if said.returncode:
                print(said.stdout[-2000:], said.stderr[-2000:])
            marked = 0
            for file in pathlib.Path(out).glob("*.nii*"):
                read = nib.load(file)
                voxels = np.argwhere(np.asarray(read.dataobj) > 0)
                world = voxels @ read.affine[:3, :3].T + read.affine[:3, 3]
                index = (world - ours.affine[:3, 3]) @ np.linalg.inv(ours.affine[:3, :3]).T
                values = array[tuple(index.round().astype(int).T)]
                assert (values > 0).all(), file
                marked += len(voxels)
            print("  dcmqi: voxels", marked, "of", int((array > 0).sum()), "labelled")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "check"])
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    parser.add_argument("--binaries")
    arguments = parser.parse_args()
    if arguments.what == "make":
        make(*arguments.paths)
    else:
        check(*arguments.paths, arguments.binaries)
