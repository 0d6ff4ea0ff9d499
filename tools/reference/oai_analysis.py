"""Parity fixtures of OAI_analysis_2, from its own code on deterministic weights (synth.py beside this file) and on
made-up cartilages.

    python tools/reference/oai_analysis.py ORIGINAL

ORIGINAL is a checkout of uncbiag/OAI_analysis_2 (728fc41a). Writes crates/zoo/tests/fixtures/systems/
oai-analysis.json: the network's answer, a volume read in tiles, and of a femoral and a tibial cartilage the surface,
its two sides and the distances between them. Versions: requirements.txt beside this file.
"""
import json
import sys
import tempfile
import types
from pathlib import Path

import itk
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/systems"
# x, y, z, as its configuration writes them.
PATCH, OVERLAP = (32, 32, 16), (4, 4, 2)


def kept(array, keep=3000):
    array = np.asarray(array, dtype=np.float64)
    flat = array.reshape(-1)
    if flat.size > keep:
        flat = flat[np.arange(keep, dtype=np.int64) * (flat.size - 1) // (keep - 1)]
    return {"shape": list(array.shape), "value": [float(f"{v:.7g}") for v in flat]}


def pattern(shape):
    index = np.arange(int(np.prod(shape)), dtype=np.int64)
    return ((index * 7919 + index // shape[-1] * 104729) % 2049 / 1024.0 - 1).astype(np.float32).reshape(shape)


def places(shape, spacing):
    """Millimetres of the voxels `[z][y][x]`: x, y, z."""
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij")
    return x * spacing[0], y * spacing[1], z * spacing[2]


def crumb(x, y, z, at):
    return 2.0 - np.sqrt((x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2)


def shares(depth):
    """From how deep a voxel lies inside, in millimetres; nothing at the border."""
    map = (1.0 / (1.0 + np.exp(-depth / 0.3))).astype(np.float32)
    inside = np.zeros_like(map)
    inside[2:-2, 2:-2, 2:-2] = map[2:-2, 2:-2, 2:-2]
    return inside


def femoral(shape, spacing):
    x, y, z = places(shape, spacing)
    dx, dy, dz = x - 32.0, y - 20.0, z - 26.0
    r, angle = np.hypot(dx, dy), np.arctan2(dx, dy)
    thick = 2.2 + 0.5 * np.sin(2.0 * angle) + 0.02 * dz
    inner = 22.0 - 0.006 * dz * dz
    depth = np.minimum(thick / 2 - np.abs(r - inner - thick / 2), 22.0 * (1.8 - np.abs(angle)))
    return shares(np.maximum(np.minimum(depth, 20.0 - np.abs(dz)), crumb(x, y, z, (32.0, 20.0, 26.0))))


def tibial(shape, spacing):
    x, y, z = places(shape, spacing)
    depth = np.full(shape, -9.0)
    for middle, wide, thick in ((14.0, 9.0, 2.4), (38.0, 10.0, 1.8)):
        dx, dz = x - 30.0, z - middle
        bowl = 14.0 + 0.01 * dx * dx + 0.008 * dz * dz
        high = thick + 0.02 * dx
        rim = (1.0 - np.sqrt((dx / 16.0) ** 2 + (dz / wide) ** 2)) * wide
        depth = np.maximum(depth, np.minimum(high / 2 - np.abs(y - bowl - high / 2), rim))
    return shares(np.maximum(depth, crumb(x, y, z, (30.0, 30.0, 26.0))))


def points_of(mesh):
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(mesh.GetPoints().GetData()).astype(np.float64)


def distances(mesh):
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(mesh.GetPointData().GetScalars()).astype(np.float64)


def measured(mp, map, spacing, kind):
    from skimage.measure import marching_cubes
    from vtk.util.numpy_support import vtk_to_numpy

    image = itk.GetImageFromArray(map.astype(np.float64))
    image.SetSpacing(spacing)
    verts, faces, _, _ = marching_cubes(
        np.swapaxes(map, 0, 2).astype(float), 0.5, spacing=spacing, gradient_direction="ascent"
    )
    large = mp.get_vtk_mesh(verts, faces)
    mesh = mp.get_mesh(image)
    inner, outer = mp.split_mesh(mesh, kind)
    to_outer, to_inner = mp.get_distance(inner, outer)
    # Points of the pieces that were left out stay behind, in no triangle.
    used = np.unique(vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()))
    at = points_of(mesh)[used]
    found = {
        "spacing": spacing,
        "shape": list(map.shape),
        "share": kept(map),
        "points": kept(verts),
        "faces": kept(faces),
        "large": [len(used), large.GetNumberOfCells()],
        "smoothed": {"mean": at.mean(0).tolist(), "sd": at.std(0).tolist(), "bounds": [at.min(0).tolist(), at.max(0).tolist()]},
    }
    for name, side in (("inner", to_outer), ("outer", to_inner)):
        mm, where = distances(side), points_of(side)
        found[name] = {
            "points": len(mm),
            "triangles": side.GetNumberOfCells(),
            "centre": where.mean(0).tolist(),
            "mean": mm.mean(),
            "sd": mm.std(),
            "max": mm.max(),
            "quantiles": np.quantile(mm, np.linspace(0, 1, 51)).round(6).tolist(),
        }
    if kind == "FC":
        where = points_of(inner)
        # As `project_thickness` does before.
        where[:, [1, 0]] = where[:, [0, 1]]
        ((x, y), r), _ = mp.get_cylinder(where)
        found["circle"] = [y, x, r]
    print(kind, found["large"], {name: (found[name]["points"], found[name]["mean"]) for name in ("inner", "outer")})
    return found


def main():
    sys.path.insert(0, sys.argv[1])
    # Its package loads a registration when it is imported, of which nothing is used here.
    for name in ("oai_analysis", "oai_analysis.segmentation"):
        package = types.ModuleType(name)
        package.__path__ = [str(Path(sys.argv[1], *name.split(".")))]
        sys.modules[name] = package
    # Only its decorators stand before functions that are not run.
    dask = types.ModuleType("dask")
    dask.delayed = lambda *given, **_: given[0] if given else lambda function: function
    dask.compute = dask.visualize = None
    distributed = types.ModuleType("dask.distributed")
    distributed.Client = distributed.progress = distributed.LocalCluster = None
    sys.modules.update({"dask": dask, "dask.distributed": distributed})
    from oai_analysis import dask_processing
    from oai_analysis import mesh_processing as mp
    from oai_analysis.segmentation import networks, segmenter

    found = {}
    setting = {"in_channels": 1, "n_classes": 2, "bias": True, "BN": False}
    network = synth.fill_module(networks.UNet(**setting)).eval()
    with torch.no_grad():
        shape = (16, 24, 32)
        logits = network(torch.from_numpy(pattern(shape))[None, None])[0]
        found["network"] = {"input": shape, "logits": kept(logits.numpy())}

    with tempfile.TemporaryDirectory() as folder:
        weights, config = Path(folder, "model.pth.tar"), Path(folder, "config.pth.tar")
        # The network's answers are small; ten times as large, shares differ.
        state = network.state_dict()
        for name in ("dc0.weight", "dc0.bias"):
            state[name] = state[name] * 10
        torch.save({"model_state_dict": state, "epoch": 600, "best_score": 0.9}, weights)
        config.write_text(json.dumps({"patch_size": PATCH, "model": "UNet", "model_setting": setting}))
        reader = segmenter.Segmenter3DInPatchClassWise(
            mode="pred",
            config={"ckpoint_path": str(weights), "training_config_file": str(config), "device": "cpu", "batch_size": 4,
                    "overlap_size": OVERLAP, "output_prob": True, "output_itk": True},
        )
        shape = (26, 52, 40)
        # In 64 bits: ITK takes no percentiles of 32 bits from this NumPy.
        image = itk.GetImageFromArray(((pattern(shape) + 1) * 512).astype(np.float64))
        image = dask_processing.image_normalize(image, 0.1, 99.9, 0, 1)
        image = itk.GetImageFromArray(itk.GetArrayFromImage(image).astype(np.float32))
        maps = reader.segment(image, if_output_prob_map=True, if_output_itk=True)
        found["tiles"] = {"patch": PATCH, "overlap": OVERLAP, "shape": shape, "window": kept(itk.GetArrayFromImage(image)),
                          "femoral": kept(itk.GetArrayFromImage(maps[0])), "tibial": kept(itk.GetArrayFromImage(maps[1]))}

    shape, spacing = (52, 72, 92), [0.7, 0.7, 1.0]
    found["femoral"] = measured(mp, femoral(shape, spacing), spacing, "FC")
    shape = (52, 48, 88)
    found["tibial"] = measured(mp, tibial(shape, spacing), spacing, "TC")
    (FIXTURES / "oai-analysis.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
