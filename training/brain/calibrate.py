"""Refits the last two layers to plain cross-entropy: python calibrate.py MAPS OUT/best.pth OUT/final.pth [STEPS]

The Dice term of training lets a structure claim every voxel that is likelier than half its overlap (Bertels et al. 2019): volumes come
out too large and probabilities too sure. Cross-entropy alone has no such leaning; with the features fixed that is a small network on new
training heads, and what comes out are probabilities whose sums are volumes.
"""
import math
import sys

import torch
import torch.nn.functional as F

from labels import CLASSES
from network import BrainNet, lasting
from train import Drawn, crop_size, exercise, places


def main(maps, source, target, steps=320):
    torch.set_num_threads(1)
    torch.manual_seed(5)
    drawn = Drawn(maps)
    net = BrainNet()
    net.load_state_dict(torch.load(source, weights_only=True))
    last = [*net.mix.parameters(), *net.unfold.parameters()]
    optimiser = torch.optim.Adam(last, lr=1e-3)
    kept, mean = [p.detach().clone() for p in last], 0.0
    for step in range(steps):
        rng = torch.Generator().manual_seed(88_000_000 + step)
        optimiser.param_groups[0]["lr"] = 1e-3 * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        style, slices, _ = exercise(0.25, rng)  # half any contrast, half scan-like
        x, kind, side, known = drawn.head(lambda rng: crop_size(0.9, rng), rng, style, slices, 0.5)
        with torch.no_grad():
            features = net.features(x[None, None], lasting(known[None]))[0]
        pick, weight = places(kind, rng)
        features = features.permute(1, 2, 3, 0).reshape(-1, features.shape[0])[pick]
        logits = net.at_places(features)
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
                for k, p in zip(kept, last):
                    k.lerp_(p, 1.0 / n)
        if step % 20 == 19:
            print(step + 1, round(mean / 20, 4), flush=True)
            mean = 0.0
    with torch.no_grad():
        for p, k in zip(last, kept):
            p.copy_(k)
    torch.save(net.state_dict(), target)


if __name__ == "__main__":
    main(*sys.argv[1:4], *(int(a) for a in sys.argv[4:]))
