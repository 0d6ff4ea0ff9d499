"""Opens the test split, once: python test.py DATA consilium-knee.safetensors FOLDER

Grades every film of test/ with the program's weights and writes FOLDER/predictions.csv and truth.csv, then:

    consilium score --task classification FOLDER/predictions.csv FOLDER/truth.csv
"""
import csv
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from data import split
from export import pooled
from network import KneeNet
from train import kappa


def main(data, weights, folder):
    torch.set_num_threads(1)
    state = {k: v.float() for k, v in load_file(weights).items() if not k.startswith("domain.")}
    net = KneeNet().eval()
    net.load_state_dict(state, strict=False)
    images, grades, names = split(data, "test")
    net = net.to(memory_format=torch.channels_last)
    with torch.no_grad():
        logits = net.head(pooled(net, images))
    odds = torch.softmax(logits, 1)
    told = odds.argmax(1)
    right = (told == grades).double()
    rng = torch.Generator().manual_seed(0)
    # Left and right knee of one person go together: the first digits of a file's name are the person.
    people = sorted({n[:7] for n in names})
    at = {p: i for i, p in enumerate(people)}
    person = torch.tensor([at[n[:7]] for n in names])
    rows = [torch.nonzero(person == i)[:, 0] for i in range(len(people))]
    spread = []
    for _ in range(1000):
        pick = torch.cat([rows[i] for i in torch.randint(len(people), (len(people),), generator=rng).tolist()])
        spread.append((right[pick].mean().item(), kappa(grades[pick], told[pick])))
    low, high = (torch.tensor(spread).quantile(q, 0).tolist() for q in (0.025, 0.975))
    table = [[int(((grades == t) & (told == p)).sum()) for p in range(5)] for t in range(5)]
    brier = ((odds - torch.nn.functional.one_hot(grades, 5)) ** 2).sum(1).mean().item()
    result = {"n": len(names), "people": len(people), "accuracy": right.mean().item(), "accuracy_95": [low[0], high[0]], "kappa": kappa(grades, told),
              "kappa_95": [low[1], high[1]], "brier": brier, "within_one": ((told - grades).abs() <= 1).double().mean().item(), "table": table}
    print(json.dumps(result, indent=1))
    Path(folder).mkdir(parents=True, exist_ok=True)
    header = ["id"] + [f"at_least_{k}" for k in range(1, 5)]
    for name, values in (("predictions.csv", odds.flip(1).cumsum(1).flip(1)[:, 1:]), ("truth.csv", (grades[:, None] >= torch.arange(1, 5)).int())):
        with open(Path(folder, name), "w", newline="") as f:
            csv.writer(f).writerows([header] + [[n] + [round(v, 6) for v in row] for n, row in zip(names, values.tolist())])


if __name__ == "__main__":
    main(*sys.argv[1:])
