"""Writes what PyTorch answers with the shipped weights on films of the data set: python parity.py DATA consilium-knee.safetensors knee.json

DATA is the folder with a folder per grade of the 54 films beside the tests; the first three of each grade are taken."""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from data import normalise
from network import KneeNet


def main(data, weights, target):
    torch.set_num_threads(1)
    state = {k: v.float() for k, v in load_file(weights).items()}
    domain = state.pop("domain.weight"), state.pop("domain.bias")
    net = KneeNet().eval()
    missing = net.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys and all(k.endswith("num_batches_tracked") for k in missing.missing_keys), missing
    films = []
    for grade in range(5):
        for file in sorted(Path(data, str(grade)).glob("*.png"))[:3]:
            image = torch.from_numpy(np.asarray(Image.open(file).convert("L")))[None, None]
            with torch.no_grad():
                x = normalise(image)
                pooled = net.features(torch.cat([x, x.flip(3)])).mean((2, 3))
                logits, distance = net.head(pooled).flatten(), (pooled.mean(0) @ domain[0].t() + domain[1]).norm()
            films.append({"film": f"{grade}/{file.name}", "logits": logits.tolist(), "distance": distance.item()})
    with open(target, "w") as f:
        json.dump({"torch": torch.__version__, "films": films}, f, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
