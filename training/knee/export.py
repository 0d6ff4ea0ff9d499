"""Calibrates the trained grader and writes it as the program ships it:
python export.py DATA OUT/best.pth consilium-knee.safetensors

The temperature is fitted on val/ (Guo et al. 2017) and divided into the head. `domain` whitens the pooled features of train/
(Mahalanobis distance with one covariance, Lee et al. 2018), scaled so that 1 in 200 films of val/ lies beyond distance 1.
Half-precision numbers.
"""
import sys

import torch
from safetensors.torch import save_file

from data import normalise, split
from network import KneeNet


@torch.no_grad()
def pooled(net, images):
    """(N, 192) pooled features, each the mean over a film and its mirror image, as the program reads it."""
    mean = lambda x: (net.features(x).mean((2, 3)) + net.features(x.flip(3)).mean((2, 3))) / 2
    return torch.cat([mean(normalise(images[i : i + 64]).contiguous(memory_format=torch.channels_last)) for i in range(0, len(images), 64)])


def temperature(logits, grades):
    scales = torch.linspace(0.4, 3.0, 261)
    losses = torch.stack([torch.nn.functional.cross_entropy(logits / t, grades) for t in scales])
    return scales[losses.argmin()].item()


def main(data, source, target):
    torch.set_num_threads(1)
    net = KneeNet().eval()
    net.load_state_dict(torch.load(source, weights_only=True))
    net = net.to(memory_format=torch.channels_last)
    half = {k: v.half() for k, v in net.state_dict().items() if v.is_floating_point()}
    net.load_state_dict({k: v.float() for k, v in half.items()}, strict=False)
    train, _, _ = split(data, "train")
    val, grades, _ = split(data, "val")
    known, held = pooled(net, train).double(), pooled(net, val).double()
    t = temperature(net.head(held.float()), grades)
    centre = known.mean(0)
    spread = torch.cov(known.t()) + 1e-3 * torch.eye(known.shape[1], dtype=torch.float64) * known.var(0).mean()
    whiten = torch.linalg.inv(torch.linalg.cholesky(spread))
    distance = ((held - centre) @ whiten.t()).norm(dim=1)
    reach = distance.quantile(0.995)
    whiten /= reach
    state = {k: v for k, v in half.items() if not k.startswith("head.")}
    state["head.weight"], state["head.bias"] = (net.head.weight / t).half(), (net.head.bias / t).half()
    state["domain.weight"], state["domain.bias"] = whiten.half(), (-whiten @ centre).half()
    print(f"temperature {t:.2f}, distance of val median {(distance / reach).median():.3f} largest {(distance / reach).max():.3f}")
    save_file({k: v.detach().contiguous() for k, v in state.items()}, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
