"""Writes the trained network as the program ships it: python export.py OUT/best.pth consilium-brain.safetensors

Half-precision numbers; kernels turned from (x, y, z) to (z, y, x), the order in which the program keeps volumes.
"""
import sys

import torch
from safetensors.torch import save_file


def turned(state):
    return {k: (v.permute(0, 1, 4, 3, 2) if v.dim() == 5 else v).contiguous().half() for k, v in state.items()}


def load(path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state.get("mean", state)


if __name__ == "__main__":
    save_file(turned(load(sys.argv[1])), sys.argv[2])
