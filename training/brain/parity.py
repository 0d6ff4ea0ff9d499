"""Writes what PyTorch answers with the shipped weights: python parity.py consilium-brain.safetensors brain.json

The inputs are formulas of the voxel's place, so that the test can make them: sin(0.05 x) + sin(0.07 y + 1) + sin(0.11 z + 2), scaled
to 0..1, and for channel c of the prior sin(0.3 c + 0.11 x) + sin(0.2 y) + sin(0.17 z), scaled alike. The file holds every STEP-th of the 20 logits x voxels in (output, z, y, x) order."""
import json
import sys

import torch
from safetensors.torch import load_file

from network import BrainNet
from prior import CHANNELS

SIZE, STEP = (64, 96, 32), 12_347


def main(weights, target):
    torch.set_num_threads(1)
    state = {k: (v.float().permute(0, 1, 4, 3, 2) if v.dim() == 5 else v.float()) for k, v in load_file(weights).items()}
    net = BrainNet().eval()
    net.load_state_dict(state)
    x, y, z = (torch.arange(n, dtype=torch.float64) for n in SIZE)
    image = torch.sin(0.05 * x)[:, None, None] + torch.sin(0.07 * y + 1)[None, :, None] + torch.sin(0.11 * z + 2)[None, None]
    image = ((image + 3) / 6).float()
    c, x, y, z = (torch.arange(n, dtype=torch.float64) for n in (CHANNELS, *(n // 2 for n in SIZE)))
    prior = torch.sin(0.3 * c[:, None] + 0.11 * x)[:, :, None, None] + torch.sin(0.2 * y)[:, None] + torch.sin(0.17 * z)
    prior = ((prior + 3) / 6).float()
    with torch.no_grad():
        out = net(image[None, None], prior[None])[0].permute(0, 3, 2, 1).reshape(-1)
    kept = out[::STEP].tolist()
    with open(target, "w") as f:
        json.dump({"torch": torch.__version__, "size_xyz": SIZE, "step": STEP, "norm": out.double().norm().item(), "logits": kept}, f)


if __name__ == "__main__":
    main(*sys.argv[1:])
