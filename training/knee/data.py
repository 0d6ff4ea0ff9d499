"""The knee set of Chen 2018 (Mendeley 56rmx5bjcr, CC BY 4.0): 224x224 grey knees in folders split/grade/*.png."""
from pathlib import Path

import numpy as np
import torch
from PIL import Image


def split(root, name):
    """(N, 1, 224, 224) uint8 images, (N,) int64 grades, file names; sorted by grade and name."""
    files = [f for g in range(5) for f in sorted(Path(root, name, str(g)).glob("*.png"))]
    images = np.stack([np.asarray(Image.open(f).convert("L")) for f in files])
    assert images.shape[1:] == (224, 224), images.shape
    return torch.from_numpy(images)[:, None], torch.tensor([int(f.parent.name) for f in files]), [f.name for f in files]


def normalise(images):
    """Grey values 0..255 to about -1..1, the trunk's own scaling."""
    return (images.float() - 127.0) / 128.0


def augment(images, rng):
    """Random mirror, rotation of 12 degrees, scale, shift, gain, gamma, blur or noise, and a hidden patch."""
    n = images.shape[0]
    u = lambda low, high: torch.rand(n, generator=rng) * (high - low) + low
    angle, scale = u(-0.21, 0.21), torch.exp(u(-0.14, 0.14))
    mirror = torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    theta = torch.stack([torch.stack([cos * mirror, -sin, u(-0.1, 0.1)], 1), torch.stack([sin * mirror, cos, u(-0.1, 0.1)], 1)], 1)
    x = images.float() / 255
    x = torch.nn.functional.grid_sample(x, torch.nn.functional.affine_grid(theta, x.shape, align_corners=False),
                                        padding_mode="border", align_corners=False)
    x = x.clamp(1e-4, 1) ** torch.exp(u(-0.35, 0.35))[:, None, None, None]
    x = x * u(0.8, 1.2)[:, None, None, None] + u(-0.12, 0.12)[:, None, None, None]
    for i in range(n):
        kind = torch.rand(1, generator=rng).item()
        if kind < 0.15:
            small = torch.nn.functional.interpolate(x[i : i + 1], scale_factor=0.5 + 0.4 * kind / 0.15, mode="area")
            x[i] = torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="bilinear")[0]
        elif kind < 0.3:
            x[i] += torch.randn(x[i].shape, generator=rng) * 0.06
        elif kind < 0.5:
            y0, x0 = torch.randint(0, 180, (2,), generator=rng).tolist()
            x[i, :, y0 : y0 + 44, x0 : x0 + 44] = x[i].mean()
    return normalise(x.clamp(0, 1) * 255)
