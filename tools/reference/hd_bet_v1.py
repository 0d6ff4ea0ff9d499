"""Parity fixtures of HD-BET 1, from its own code on deterministic weights (synth.py beside this file).

    python tools/reference/hd_bet_v1.py ORIGINAL

ORIGINAL is a checkout of NeuroAI-HD/HD-BET (d517276). Writes crates/zoo/tests/fixtures/systems/hd-bet-1.json and
hd-bet-1.gz: the network's answer, and a real T1 prepared, read by two networks with mirrored copies, and brought
back to its grid. Versions: requirements.txt beside this file.
"""
import gzip
import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/systems"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data"))
IMAGE = "volumes/nibabel/anatomical.nii"
LEAST = 48


def kept(array, keep=3000):
    array = np.asarray(array, dtype=np.float32)
    flat = array.reshape(-1)
    if flat.size > keep:
        flat = flat[np.arange(keep, dtype=np.int64) * (flat.size - 1) // (keep - 1)]
    return {"shape": list(array.shape), "value": [float(f"{v:.7g}") for v in flat]}


def main():
    sys.path.insert(0, sys.argv[1])
    # Its package asks for the place of its weights when it is imported.
    sys.modules["imp"] = types.ModuleType("imp")
    from HD_BET import config, data_loading, predict_case, utils

    network, _ = config.HD_BET_Config().get_network(False, None)
    network.eval().apply(utils.SetNetworkToVal(False, False))
    found = {}
    with torch.no_grad():
        # Names with `net<n>.` before them, so that the networks differ; the second's answers are exchanged, so
        # that their mean is brain in one half of the voxels.
        def filled(number):
            for name, tensor in network.state_dict().items():
                if tensor.is_floating_point():
                    value = torch.from_numpy(synth.fill(f"net{number}.{name}", tensor.shape))
                    tensor.copy_(value.flip(0) if number == 1 and name == "seg_layer.weight" else value)
            return network

        shape = (32, 48, 32)
        index = np.arange(int(np.prod(shape)), dtype=np.int64)
        given = ((index * 7919 + index // shape[-1] * 104729) % 2049 / 1024.0 - 1).astype(np.float32).reshape(1, 1, *shape)
        share = filled(0)(torch.from_numpy(given))[0, 1]
        found["network"] = {"input": shape, "share": kept(share.numpy())}

        data, facts = data_loading.load_and_preprocess(str(DATA / IMAGE))
        means = []
        for number in range(2):
            _, _, mean, _ = predict_case.predict_case_3D_net(filled(number), data, True, 1, 1, 16, (LEAST,) * 3, "cpu", (2, 3, 4))
            means.append(mean)
        mean = np.stack(means).mean(0)
        labels = utils.postprocess_prediction(mean.argmax(0))
        target = np.array(facts["size"])[[2, 1, 0]]
        labels = data_loading.resize_segmentation(labels, target, order=1)
        padded, _ = predict_case.pad_patient_3D(data[0], 16, (LEAST,) * 3)
    found["whole"] = {"image": IMAGE, "least": LEAST, "prepared": kept(padded), "size": list(data[0].shape), "share": kept(mean[1]),
                      "voxels": int((labels != 0).sum()), "shape": list(labels.shape)}
    (FIXTURES / "hd-bet-1.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
    (FIXTURES / "hd-bet-1.gz").write_bytes(gzip.compress(np.packbits(labels != 0).tobytes(), 9, mtime=0))
    print(found["whole"]["voxels"], labels.size, sitk.Version_VersionString())


if __name__ == "__main__":
    main()
