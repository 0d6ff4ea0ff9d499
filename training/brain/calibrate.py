"""Refits the last layer to plain cross-entropy: python calibrate.py MAPS OUT/best.pth OUT/final.pth [STEPS]

The Dice term of training lets a structure claim every voxel that is likelier than half its overlap (Bertels et al. 2019): volumes come
out too large and probabilities too sure. Cross-entropy alone has no such leaning; with the features fixed it is a regression on new
training heads, and what comes out are probabilities whose sums are volumes.
"""
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from generate import Heads, draw
from labels import CLASSES, TRAINING
from network import BrainNet, lasting
from prior import Prior
from train import crop_size, exercise, places


def main(maps, source, target, steps=320):
    torch.set_num_threads(1)
    torch.manual_seed(5)
    heads = Heads(maps, TRAINING, Path(maps, "labels_classes_priors"))
    prior = Prior(maps, TRAINING)
    net = BrainNet()
    net.load_state_dict(torch.load(source, weights_only=True))
    layer = net.unfold
    optimiser = torch.optim.Adam(layer.parameters(), lr=3e-3)
    kept, mean = [p.detach().clone() for p in layer.parameters()], 0.0
    for step in range(steps):
        rng = torch.Generator().manual_seed(88_000_000 + step)
        optimiser.param_groups[0]["lr"] = 3e-3 * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        style, slices, _ = exercise(0.25, rng)  # half any contrast, half scan-like
        which = int(torch.randint(len(heads.codes), (), generator=rng))
        x, kind, side, (taken, mirrored) = draw(heads, which, crop_size(0.9, rng), rng, style, slices, 0.5)
        known = prior.of(which, x.shape, taken, heads.offsets[which], mirrored, rng)
        with torch.no_grad():
            features = net.features(x[None, None], lasting(known[None]))[0]
        pick, weight = places(kind, rng)
        features = features.permute(1, 2, 3, 0).reshape(-1, features.shape[0])[pick]
        logits = (features @ layer.weight.reshape(features.shape[1], -1)).reshape(len(pick), CLASSES + 1, 8).permute(0, 2, 1) + layer.bias
        split = lambda t: t.reshape(t.shape[0] // 2, 2, t.shape[1] // 2, 2, t.shape[2] // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, 8)[pick]
        truth, sides = split(kind).long().reshape(-1), split(side).reshape(-1)
        weight = weight[:, None].expand(-1, 8).reshape(-1)
        entropy = (F.cross_entropy(logits[..., :CLASSES].reshape(-1, CLASSES), truth, reduction="none") * weight).sum() / weight.sum()
        paired = sides > 0
        left = logits[..., CLASSES].reshape(-1)[paired]
        loss = entropy + 0.3 * F.binary_cross_entropy_with_logits(left, (sides[paired] == 1).float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        mean += entropy.item()
        if step >= steps // 2:  # what stays is the mean of the second half
            with torch.no_grad():
                n = step - steps // 2 + 1
                for k, p in zip(kept, layer.parameters()):
                    k.lerp_(p, 1.0 / n)
        if step % 20 == 19:
            print(step + 1, round(mean / 20, 4), flush=True)
            mean = 0.0
    with torch.no_grad():
        for p, k in zip(layer.parameters(), kept):
            p.copy_(k)
    torch.save(net.state_dict(), target)


if __name__ == "__main__":
    main(*sys.argv[1:4], *(int(a) for a in sys.argv[4:]))
