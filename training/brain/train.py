"""Trains the brain network: python train.py MAPS OUT [--steps 4400] [--start weights.pth]. Resumes from OUT/last.pth.

MAPS is the folder of SynthSeg's training label maps with labels_classes_priors/ beside them; the heads of labels.HELD_OUT
are never opened here.
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

from generate import Heads, draw
from labels import CLASSES, TRAINING
from network import BrainNet, lasting
from prior import Prior

UNIFORM, EACH = 30_000, 700  # sampled places of the 2 mm grid: anywhere, and for each class


def places(kind, rng):
    """Flat indices of sampled 2 mm places and their importance weights (1 / expected number of draws)."""
    x, y, z = kind.shape
    corners = kind.reshape(x // 2, 2, y // 2, 2, z // 2, 2)
    top = corners.amax((1, 3, 5)).reshape(-1).long()  # a place belongs to its highest class
    count = torch.bincount(top, minlength=CLASSES).float()
    rate = UNIFORM / len(top) + torch.where(count > 0, EACH / count.clamp(min=1), 0.0)
    picks = [torch.randint(len(top), (UNIFORM,), generator=rng)]
    order = torch.argsort(top, stable=True)
    start = 0
    for c in range(CLASSES):
        n = int(count[c])
        if n:
            picks.append(order[start + torch.randint(n, (EACH,), generator=rng)])
        start += n
    pick = torch.cat(picks)
    return pick, 1.0 / rate[top[pick]]


def loss_of(net, x, prior, kind, side, rng, overlap):
    """Cross-entropy plus `overlap` times soft Dice over the classes, plus cross-entropy of the side; sums are estimated from the sampled places."""
    pick, weight = places(kind, rng)
    features = net.features(x[None, None], lasting(prior[None]))[0]
    features = features.permute(1, 2, 3, 0).reshape(-1, features.shape[0])[pick]
    logits = net.at_places(features)
    split = lambda t: t.reshape(t.shape[0] // 2, 2, t.shape[1] // 2, 2, t.shape[2] // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, 8)[pick]
    truth, sides = split(kind).long(), split(side)
    kinds = logits[..., :CLASSES].reshape(-1, CLASSES)
    weight = weight[:, None].expand(-1, 8).reshape(-1)
    logp = F.log_softmax(kinds, 1)
    flat = truth.reshape(-1)
    entropy = -(logp.gather(1, flat[:, None])[:, 0] * weight).sum() / weight.sum()
    p = logp.exp() * weight[:, None]
    own = torch.zeros(CLASSES).index_add_(0, flat, p.gather(1, flat[:, None])[:, 0])
    size = torch.zeros(CLASSES).index_add_(0, flat, weight)
    dice = (2 * own + 50) / (size + p.sum(0) + 50)
    paired = (sides > 0).reshape(-1)
    left = logits[..., CLASSES].reshape(-1)[paired]
    lr = F.binary_cross_entropy_with_logits(left, (sides.reshape(-1)[paired] == 1).float())
    return entropy + overlap * (1 - dice[1:]).mean() + 0.3 * lr, entropy.item(), dice[1:].detach(), lr.item()


def crop_size(done, rng):
    """A random box, sides multiples of 32 mm: of about 1.3 million voxels at first, twice as many in the last seventh."""
    low, high = (0.9e6, 1.7e6) if done < 0.85 else (1.9e6, 2.9e6)
    while True:
        pick = [options[torch.randint(len(options), (), generator=rng)] for options in ([96, 128, 160], [96, 128, 160, 192], [96, 128, 160])]
        if low < math.prod(pick) < high:
            return tuple(pick)


def exercise(done, rng):
    """What is drawn next: contrast, slice thickness, strength of the deformation. At first mostly scan-like contrasts at full
    resolution, from which anatomy is learned quickly; later mostly heads of any contrast and resolution."""
    ripe = min(1.0, 0.4 + done)
    dice = lambda: torch.rand((), generator=rng).item()
    style = "any" if dice() < 0.1 + 0.65 * ripe else ("t1", "t1", "t2", "flair")[int(4 * dice())]
    slices = None if dice() < 0.1 + 0.9 * ripe else 1.0
    return style, slices, 0.6 + 0.4 * ripe


class Drawn:
    """Draws heads of training with the place, the class, the side and the prior of their voxels."""

    def __init__(self, maps):
        self.heads = Heads(maps, TRAINING, Path(maps, "labels_classes_priors"))
        self.prior = Prior(maps, TRAINING)

    def head(self, size, rng, style, slices, strength):
        """Image (X, Y, Z), classes, sides, and prior (19, X/2, Y/2, Z/2) of a box of `size` voxels of a head taken at random."""
        which = int(torch.randint(len(self.heads.codes), (), generator=rng))
        x, kind, side, (taken, mirrored) = draw(self.heads, which, size(rng), rng, style, slices, strength)
        return x, kind, side, self.prior.of(which, x.shape, taken, self.heads.offsets[which], mirrored, rng)


def drawer(maps, step, steps, ahead):
    """Draws the heads of all steps from `step` on, in a process of its own."""
    torch.set_num_threads(1)
    drawn = Drawn(maps)
    for step in range(step, steps):
        rng = torch.Generator().manual_seed(77_000_000 + step)
        drawing = drawn.head(lambda rng: crop_size(step / steps, rng), rng, *exercise(step / steps, rng))
        ahead.put([v.numpy() for v in drawing])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("maps"), p.add_argument("out")
    p.add_argument("--steps", type=int, default=4400)
    p.add_argument("--start", help="weights to begin from (a state dict)")
    p.add_argument("--rate", type=float, default=1e-2)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(20261129)
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    net, mean = BrainNet(), BrainNet()
    if a.start:
        net.load_state_dict(torch.load(a.start, weights_only=True))
    mean.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), lr=a.rate, weight_decay=1e-4)
    step, seconds = 0, 0.0
    if (out / "last.pth").exists():
        kept = torch.load(out / "last.pth", weights_only=True)
        net.load_state_dict(kept["net"]), mean.load_state_dict(kept["mean"]), optimiser.load_state_dict(kept["optimiser"])
        step, seconds = kept["step"], kept["seconds"]
    began, shown = time.time(), []
    ahead = mp.get_context("spawn").Queue(8)
    mp.get_context("spawn").Process(target=drawer, args=(a.maps, step, a.steps, ahead), daemon=True).start()
    while step < a.steps:
        rng = torch.Generator().manual_seed(99_000_000 + step)
        for group in optimiser.param_groups:
            group["lr"] = a.rate * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * step / a.steps))
        x, kind, side, known = (torch.from_numpy(v) for v in ahead.get())
        loss, entropy, dice, lr = loss_of(net, x, known, kind, side, rng, 1.0 if step < 0.8 * a.steps else 0.3)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 3.0)
        optimiser.step()
        step += 1
        keep = min(0.995, 1 - 1 / (step / 4 + 2))
        with torch.no_grad():
            for m, v in zip(mean.parameters(), net.parameters()):
                m.lerp_(v, 1 - keep)
        shown.append((entropy, dice.mean().item(), lr))
        if step % 25 == 0 or step == a.steps:
            row = [sum(c) / len(shown) for c in zip(*shown)]
            line = {"step": step, "entropy": round(row[0], 4), "dice": round(row[1], 4), "side": round(row[2], 4),
                    "seconds": round(seconds + time.time() - began), "each": [round(v, 2) for v in dice.tolist()]}
            with open(out / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            print(line, flush=True)
            shown = []
        if step % 100 == 0 or step == a.steps:
            torch.save({"net": net.state_dict(), "mean": mean.state_dict(), "optimiser": optimiser.state_dict(), "step": step,
                        "seconds": seconds + time.time() - began}, out / "last.tmp")
            (out / "last.tmp").replace(out / "last.pth")
    torch.save(mean.state_dict(), out / "best.pth")


if __name__ == "__main__":
    main()
