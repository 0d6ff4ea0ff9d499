"""What the network is told beforehand: which structure is to be expected where, once a first look has shown how the head lies.

The atlas (atlas.py) is laid onto the head by an affine map. In training that map comes from the truth and is then made wrong at random,
as the first look's is; the atlas is made of the other training heads, so that none meets itself in it. Channels, at 2 mm: the
probabilities of classes 1 to 18, then how far to the left a place lies (-1 to 1, full at 10 mm from the middle). All 0: nothing known.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F

from atlas import SIZE, STEP, aligned, counted, reduced
from generate import coin, rotation, uniform
from labels import CLASSES

CHANNELS = CLASSES
BLIND = 0.2  # share of steps without a prior: the first look
SIDE_MM = 10.0


def spread_out(first, second, share):
    """(18, 96, 120, 104) probabilities of the full grid from the right half as the file keeps it."""
    odds = torch.zeros(CLASSES - 1, *first.shape)
    p = torch.from_numpy(share.astype(np.float32) / 255)
    for kind, value in ((first, p), (second, 1 - p)):
        for c in range(1, CLASSES):
            odds[c - 1] += value * torch.from_numpy(kind == c)
    return torch.cat([odds.flip(1), odds], 1)


def sample(odds, affine, size):
    """(19, X/2, Y/2, Z/2) prior for a box of `size` voxels of 1 mm; `affine` (3, 4) takes its voxels to mm of the atlas."""
    at = [torch.arange(n // 2, dtype=torch.float32) * 2 + 0.5 for n in size]
    mm = [affine[a, 0] * at[0][:, None, None] + affine[a, 1] * at[1][None, :, None] + affine[a, 2] * at[2][None, None] + affine[a, 3] for a in range(3)]
    # grid_sample: -1 and 1 are the centres of the outermost voxels.
    grid = torch.stack([mm[a] / (STEP * (SIZE[a] - 1) / 2) for a in (2, 1, 0)], -1)
    found = F.grid_sample(odds[None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=True)[0]
    return torch.cat([found, (-mm[0] / SIDE_MM).clamp(-1, 1)[None]])


class Prior:
    def __init__(self, maps, numbers):
        heads, self.maps, _ = aligned(maps, numbers)
        counts = [counted(h) for h in heads] if len(heads) < 4 else None
        total = sum(counted(h) for h in heads) if counts is None else sum(counts)
        self.odds = [spread_out(*reduced(total - counted(h))).half() for h in heads]

    def of(self, which, size, places, offset, mirrored, rng):
        """The prior of a drawn head: `places` are voxels of it and where in the label map they come from, (N, 3) each;
        `offset` is the first voxel of the head's cut in its label map."""
        if coin(rng, BLIND):
            return torch.zeros(CHANNELS, *[n // 2 for n in size])
        here, there = (p.double() for p in places)
        map_to = torch.from_numpy(self.maps[which])
        mm = (there + offset) @ map_to[:, :3].T + map_to[:, 3]
        if mirrored:
            mm[:, 0] = -mm[:, 0]
        affine = torch.linalg.lstsq(torch.cat([here, torch.ones(len(here), 1)], 1), mm).solution.T
        wild = 2.0 if coin(rng, 0.2) else 1.0
        wrong = rotation([uniform(rng, -0.05, 0.05) * wild for _ in range(3)]) @ torch.diag(torch.tensor([math.exp(uniform(rng, -0.04, 0.04) * wild) for _ in range(3)]))
        middle = mm.mean(0)
        affine[:, 3] -= middle
        affine = wrong.double() @ affine
        affine[:, 3] += middle + torch.randn(3, generator=rng) * 1.3 * wild
        return sample(self.odds[which].float(), affine.float(), size)
