"""Fixture of the trabecular region: Comp2Comp's own on a real vertebra.

    python tools/reference/bone_density.py DATA COMP2COMP

DATA is the folder with the real data (volumes/spine), COMP2COMP a checkout of StanfordMIMI/Comp2Comp
(fa617e2d), of which spine/spine_utils.py is run. Writes crates/zoo/tests/fixtures/systems/bone_density.json.
Versions: requirements.txt beside this file.
"""

import json
import sys
import types
from pathlib import Path

import nibabel as nib
import numpy as np

OUT = Path(__file__).resolve().parents[2] / "crates/zoo/tests/fixtures/systems/bone_density.json"


def main(data, checkout):
    # The pictures that the module also draws are not needed.
    for name in ("comp2comp", "comp2comp.spine", "comp2comp.spine.spine_visualization"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["comp2comp.spine"].spine_visualization = sys.modules["comp2comp.spine.spine_visualization"]
    sys.path.insert(0, str(checkout / "comp2comp/spine"))
    import spine_utils

    folder = data / "volumes/spine"
    image = nib.as_closest_canonical(nib.load(folder / "sub-ct_label-22_ct.nii.gz"))
    mask = nib.as_closest_canonical(nib.load(folder / "sub-ct_seg-vert_label-22_msk.nii.gz"))
    labels = np.asanyarray(mask.dataobj)
    print(image.shape, image.header.get_zooms(), np.unique(labels, return_counts=True))
    kind = types.SimpleNamespace(categories={"L3": 22})
    hus, rois, whole, centroids, _ = spine_utils.compute_rois(mask, image, kind)
    roi = rois["L3"] > 0
    places = np.flatnonzero(roi.transpose(2, 1, 0).reshape(-1))
    result = {
        "image": "sub-ct_label-22_ct.nii.gz", "mask": "sub-ct_seg-vert_label-22_msk.nii.gz", "label": 22,
        "trabecular_hu": float(hus["L3"]), "whole_hu": float(whole["L3"]), "voxels": int(roi.sum()),
        "slices": {int(k): int(n) for k, n in enumerate(roi.sum((0, 1))) if n},
        "sum_of_places": int(places.sum()), "first": int(places[0]), "last": int(places[-1]),
    }
    OUT.write_text(json.dumps(result) + "\n")
    print(result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
