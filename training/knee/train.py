"""Trains the knee grader, in two stages; each resumes from OUT/last.pth if that exists:

    python train.py DATA START.pth OUT                    7 epochs; the stem and the first three blocks keep ImageNet's weights
    python train.py DATA OUT/best.pth OUT2 --second       5 epochs more with every weight free

DATA holds train/, val/, test/ with a folder per grade; test/ is never opened here (see test.py).
START.pth is EfficientNet-Lite0 trained on ImageNet (Apache-2.0).
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch

from data import augment, normalise, split
from network import KneeNet

FROZEN = 3  # blocks that keep ImageNet's weights: half of the arithmetic of a step, little of the skill
BATCH = 32


def soft_targets(grades):
    """Ordinal targets: probability falls by e^-2 a grade (soft labels, Diaz & Marathe 2019), so that near misses cost less."""
    distance = (torch.arange(5)[None] - grades[:, None]).abs().float()
    return torch.softmax(-2.0 * distance, 1)


def forward(net, x, frozen):
    with torch.set_grad_enabled(not frozen):
        x = torch.nn.functional.relu6(net.stem_norm(net.stem_conv(x)))
        for block in net.blocks[:frozen]:
            x = block(x)
    for block in net.blocks[frozen:]:
        x = block(x)
    return net.head(net.drop(x.mean((2, 3))))


def set_mode(net, frozen):
    net.train()
    if frozen:
        net.stem_norm.eval()
    for block in net.blocks[:frozen]:
        block.eval()


def kappa(truth, told):
    """Quadratic weighted kappa of grades 0..4."""
    table = torch.zeros(5, 5, dtype=torch.float64)
    for t, p in zip(truth.tolist(), told.tolist()):
        table[t, p] += 1
    weight = (torch.arange(5)[:, None] - torch.arange(5)[None]).double() ** 2
    chance = table.sum(1)[:, None] * table.sum(0)[None] / table.sum()
    return 1 - ((weight * table).sum() / (weight * chance).sum()).item()


@torch.no_grad()
def predict(net, images):
    """Logits averaged over an image and its mirror image."""
    net.eval()
    out = []
    for i in range(0, len(images), 64):
        x = normalise(images[i : i + 64]).contiguous(memory_format=torch.channels_last)
        out.append((net(x) + net(x.flip(3))) / 2)
    return torch.cat(out)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("data"), p.add_argument("start"), p.add_argument("out")
    p.add_argument("--second", action="store_true", help="START is a grader already: go on, everything free")
    p.add_argument("--epochs", type=int)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    frozen, epochs = (0, a.epochs or 5) if a.second else (FROZEN, a.epochs or 7)
    torch.set_num_threads(a.threads)
    torch.manual_seed(20261129)
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    images, grades, _ = split(a.data, "train")
    val_images, val_grades, _ = split(a.data, "val")
    net, mean = KneeNet(), KneeNet()
    if a.second:
        net.load_state_dict(torch.load(a.start, weights_only=True))
    else:
        net.start_from(a.start)
    net, mean = net.to(memory_format=torch.channels_last), mean.to(memory_format=torch.channels_last)
    mean.load_state_dict(net.state_dict())
    trained = [q for block in net.blocks[frozen:] for q in block.parameters()]
    if not frozen:
        trained += [*net.stem_conv.parameters(), *net.stem_norm.parameters()]
    rates = (3e-4, 6e-4) if a.second else (4e-4, 2e-3)
    optimiser = torch.optim.AdamW([{"params": trained, "lr": rates[0]}, {"params": net.head.parameters(), "lr": rates[1]}], weight_decay=0.02)
    peaks = [g["lr"] for g in optimiser.param_groups]
    first, best, seconds = 0, -1.0, 0.0
    if (out / "last.pth").exists():
        kept = torch.load(out / "last.pth", weights_only=True)
        net.load_state_dict(kept["net"]), mean.load_state_dict(kept["mean"]), optimiser.load_state_dict(kept["optimiser"])
        first, best, seconds = kept["epoch"], kept["best"], kept["seconds"]
    steps = len(images) // BATCH
    for epoch in range(first, epochs):
        began = time.time()
        rng = torch.Generator().manual_seed(1000 + epoch)
        order, total = torch.randperm(len(images), generator=rng), 0.0
        set_mode(net, frozen)
        for step in range(steps):
            done = (epoch + step / steps) / epochs
            for group, peak in zip(optimiser.param_groups, peaks):
                group["lr"] = peak * min(1.0, (epoch * steps + step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done))
            pick = order[step * BATCH : (step + 1) * BATCH]
            x = augment(images[pick], rng).contiguous(memory_format=torch.channels_last)
            loss = -(soft_targets(grades[pick]) * torch.log_softmax(forward(net, x, frozen), 1)).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            total += loss.item()
            keep = min(0.998, 1 - 1 / (epoch * steps + step + 2))  # running mean of the weights, which is what ships
            with torch.no_grad():
                for m, v in zip(mean.state_dict().values(), net.state_dict().values()):
                    m.lerp_(v, 1 - keep) if m.is_floating_point() else m.copy_(v)
            if step % 20 == 0:
                print(f"epoch {epoch} step {step}/{steps} loss {total / (step + 1):.4f} {time.time() - began:.0f} s", flush=True)
        told = predict(mean, val_images)
        seconds += time.time() - began
        told = torch.softmax(told, 1)
        grade = told.argmax(1)
        row = {"epoch": epoch + 1, "loss": total / steps, "val_accuracy": (grade == val_grades).double().mean().item(),
               "val_kappa": kappa(val_grades, grade), "val_mae": ((told * torch.arange(5)).sum(1) - val_grades).abs().mean().item(), "seconds": round(seconds)}
        with open(out / "log.jsonl", "a") as log:
            log.write(json.dumps(row) + "\n")
        print(row, flush=True)
        score = row["val_accuracy"] + row["val_kappa"]
        if score > best:
            best = score
            torch.save(mean.state_dict(), out / "best.pth")
        torch.save({"net": net.state_dict(), "mean": mean.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch + 1, "best": best,
                    "seconds": seconds}, out / "last.tmp")
        (out / "last.tmp").replace(out / "last.pth")


if __name__ == "__main__":
    main()
