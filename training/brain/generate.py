"""Heads of any contrast drawn from label maps, in the manner of SynthSeg (Billot et al. 2023, section 3.2).

A label map is deformed (affine and elastic), mirrored, every tissue is given a random mean and spread, a bias field is laid over
it, slices are made thick along one axis, and grey values are scaled as the reader scales a real head.
All volumes are (X, Y, Z) at 1 mm, X towards the right, Y forwards, Z upwards.
"""
import math
from pathlib import Path

import nibabel
import numpy as np
import torch
import torch.nn.functional as F

from labels import tables

KIND, SIDE = (torch.from_numpy(t) for t in tables())


class Heads:
    """Label maps as codes 0..1023, turned to RAS+, cut to the head."""

    def __init__(self, folder, numbers, priors):
        self.codes, self.centres, self.offsets = [], [], []
        for number in numbers:
            image = nibabel.as_closest_canonical(nibabel.load(Path(folder, f"training_seg_{number:02d}.nii.gz")))
            codes = np.asarray(image.dataobj).astype(np.int16)
            where = np.argwhere(codes > 0)
            low, high = where.min(0), where.max(0) + 1
            codes = torch.from_numpy(codes[low[0] : high[0], low[1] : high[1], low[2] : high[2]].copy())
            inside = (KIND[codes.long()] > 0).nonzero().float()
            self.codes.append(codes)
            self.offsets.append(torch.from_numpy(low))
            self.centres.append(inside.mean(0))
        # Tissue classes shared by left and right, and their means and spreads in T1-weighted scans, as SynthSeg publishes them.
        labels = np.load(Path(priors, "generation_labels.npy"))
        classes = np.load(Path(priors, "generation_classes_contrast_specific.npy"))
        self.tissue = torch.zeros(1024, dtype=torch.long)
        self.tissue[torch.from_numpy(labels.astype(np.int64))] = torch.from_numpy(classes.astype(np.int64))
        # Rows: mean and spread of a tissue's mean over scans; the same of its spread.
        self.t1_mean = torch.from_numpy(np.load(Path(priors, "prior_means_t1.npy"))).float() / 255
        self.t1_spread = torch.from_numpy(np.load(Path(priors, "prior_stds_t1.npy"))).float() / 255
        # Finer classes: every code its own tissue, right side as left.
        self.fine = torch.arange(1024)
        for right, left in [(41, 2), (42, 3), (43, 4), (44, 5), (46, 7), (47, 8), (49, 10), (50, 11), (51, 12), (52, 13), (53, 17), (54, 18),
                            (57, 25), (58, 26), (60, 28), (62, 30), (163, 136), (164, 137)]:
            self.fine[right] = left


def uniform(rng, low, high):
    return low + (high - low) * torch.rand((), generator=rng).item()


def coin(rng, chance):
    return torch.rand((), generator=rng).item() < chance


def rotation(angles):
    matrix = torch.eye(3)
    for axis, angle in enumerate(angles):
        c, s, turn = math.cos(angle), math.sin(angle), torch.eye(3)
        i, j = [k for k in range(3) if k != axis]
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
        matrix = matrix @ turn
    return matrix


def warp(codes, centre, size, rng, strength=1.0):
    """Deformed codes of the given size (nearest neighbour), whether the head was mirrored, and some of the brain's voxels with the places
    in `codes` that they come from."""
    mirrored = coin(rng, 0.5)
    matrix = rotation([uniform(rng, -0.3, 0.3) * strength for _ in range(3)])
    matrix = matrix @ torch.diag(torch.tensor([math.exp(uniform(rng, -0.16, 0.16) * strength) for _ in range(3)]))
    for i in range(3):
        for j in range(3):
            if i != j:
                matrix[i, j] += uniform(rng, -0.02, 0.02) * strength
    if mirrored:
        matrix = matrix @ torch.diag(torch.tensor([-1.0, 1, 1]))
    # Mostly the brain; at times its edge, with air, face and neck.
    reach = (45, 60, 55) if strength > 0 and coin(rng, 0.35) else (12, 16, 16)
    shift = torch.tensor([uniform(rng, -r, r) for r in reach]) * strength
    nodes = [max(3, round(s / uniform(rng, 16, 44)) + 1) for s in size]
    bend = torch.randn(1, 3, *nodes, generator=rng) * uniform(rng, 0, 4.5) * strength
    bend = F.interpolate(bend, size=size, mode="trilinear", align_corners=True)[0]
    index = None
    for axis in range(3):
        along = [(torch.arange(size[j]) - (size[j] - 1) / 2) * matrix[axis, j] for j in range(3)]
        at = bend[axis].add_(along[0][:, None, None] + along[1][None, :, None] + (along[2] + centre[axis] + shift[axis])[None, None])
        at = at.round_().to(torch.int32)
        outside = (at < 0) | (at >= codes.shape[axis])
        at = at.clamp_(0, codes.shape[axis] - 1)
        index = at if index is None else index.mul_(codes.shape[axis]).add_(at)
        lost = outside if axis == 0 else lost | outside
    moved = codes.reshape(-1)[index.reshape(-1)].reshape(size)
    moved.masked_fill_(lost, 0)
    some = torch.randint(moved.numel(), (60_000,), generator=rng)
    some = some[KIND[moved.reshape(-1)[some].long()] > 0][:4000]
    apart = lambda flat, shape: torch.stack([flat // (shape[1] * shape[2]), flat // shape[2] % shape[1], flat % shape[2]], 1)
    return moved, mirrored, (apart(some, size), apart(index.reshape(-1)[some].long(), codes.shape))


def blur_along(x, axis, sigma):
    """Gaussian along one axis, edges repeated."""
    if sigma < 0.2:
        return x
    reach = max(1, math.ceil(2.5 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    n, out = x.shape[axis], None
    for k, tap in enumerate(taps.tolist()):
        at = (torch.arange(n) + k - reach).clamp(0, n - 1)
        part = x.index_select(axis, at).mul_(tap)
        out = part if out is None else out.add_(part)
    return out


def sample_along(x, axis, at):
    """Linear interpolation at the positions `at` along one axis."""
    n = x.shape[axis]
    at = at.clamp(0, n - 1)
    low = at.floor().long().clamp(max=n - 2)
    part = (at - low).view([-1 if i == axis else 1 for i in range(3)])
    return x.index_select(axis, low).lerp_(x.index_select(axis, low + 1), part)


def coarse(x, axis, spacing, thickness, rng):
    """What a scanner with slices of the given thickness every `spacing` mm would see, drawn back to 1 mm."""
    x = blur_along(x, axis, 0.75 * math.log(10) / (2 * math.pi) * thickness * 1.2)
    n = x.shape[axis]
    start = uniform(rng, 0, min(spacing, 2.0))
    low = sample_along(x, axis, torch.arange(start, n, spacing))
    low += torch.randn(low.shape, generator=rng) * uniform(rng, 0, 0.03)
    return sample_along(low, axis, (torch.arange(n) - start) / spacing)


def scale(x):
    """Grey values between the percentiles 0.5 and 99.5 become 0..1, the rest is cut off; as the reader does it."""
    flat = x.reshape(-1)
    few = flat if flat.numel() < 400_000 else flat[:: flat.numel() // 200_000]
    low, high = torch.quantile(few, torch.tensor([0.005, 0.995]))
    return ((x - low) / (high - low).clamp(min=1e-6)).clamp_(0, 1)


def contrast(heads, rng, style):
    """Mean and spread for codes 0..1023. Styles: "any", or a scan-like one of "t1", "t2", "flair"."""
    if style == "any":
        table = heads.fine if coin(rng, 0.5) else heads.tissue
        mean, spread = torch.rand(1024, generator=rng)[table], (torch.rand(1024, generator=rng) * 0.14)[table]
    else:
        tissue_mean, between = heads.t1_mean
        # T2- and FLAIR-like: grey above white, fluid bright or dark. Order as in the sequences, values drawn anew each time.
        if style in ("t2", "flair"):
            fluid = heads.tissue[torch.tensor([4, 5, 14, 15, 24, 43, 44])].unique()
            tissue_mean = 0.75 - 0.8 * tissue_mean
            tissue_mean[fluid] = 0.95 if style == "t2" else 0.08
        mean = tissue_mean + torch.randn(tissue_mean.shape, generator=rng) * between
        spread = (heads.t1_spread[0] + torch.randn(tissue_mean.shape, generator=rng) * heads.t1_spread[1]).abs()
        mean, spread = mean[heads.tissue], spread[heads.tissue]
    mean, spread = mean.clone(), spread.clone()
    if style != "any" or coin(rng, 0.75):
        mean[0], spread[0] = (0.0, 0.0) if coin(rng, 0.5) else (uniform(rng, 0, 0.04), uniform(rng, 0, 0.03))
    return mean, spread


def draw(heads, which, size, rng, style="any", slices=None, strength=1.0):
    """One head: grey values (X, Y, Z) in 0..1, class (uint8), side (0 none, 1 left, 2 right), how it lies (whether mirrored; places).

    `slices`: None for a random resolution, else the slice thickness in mm along Z."""
    codes, mirrored, places = warp(heads.codes[which], heads.centres[which], size, rng, strength)
    kind, side = KIND[codes.long()], SIDE[codes.long()]
    if mirrored:
        side = torch.tensor([0, 2, 1], dtype=torch.uint8)[side.long()]
    if style == "any" and slices is None and coin(rng, 0.15):
        codes = codes * (kind > 0)  # brain already cut out of the head
    mean, spread = contrast(heads, rng, style)
    picked = codes.long()
    x = torch.randn(size, generator=rng).mul_(spread[picked]).add_(mean[picked])
    if coin(rng, 0.8):
        field = torch.randn(1, 1, *[int(uniform(rng, 2, 5)) for _ in range(3)], generator=rng) * uniform(rng, 0, 0.45)
        x *= F.interpolate(field, size=size, mode="trilinear", align_corners=True)[0, 0].exp_()
    smooth = uniform(rng, 0, 0.75)
    for axis in range(3):
        x = blur_along(x, axis, smooth)
    if slices is not None:
        if slices > 1.01:
            x = coarse(x, 2, slices, slices, rng)
    elif coin(rng, 0.5):
        spacing = uniform(rng, 1.5, 7)
        x = coarse(x, int(uniform(rng, 0, 2.999)), spacing, uniform(rng, 1, spacing), rng)
    elif coin(rng, 0.4):
        spacing = uniform(rng, 1.2, 3)
        for axis in range(3):
            x = coarse(x, axis, spacing, spacing, rng)
    x = scale(x)
    if style == "any":
        x = x.clamp_(min=0) ** math.exp(uniform(rng, -0.6, 0.6))
    return x, kind, side, (places, mirrored)
