"""Parity fixtures of the networks, on deterministic weights (synth.py beside this file).

    python tools/reference/networks.py [ID…]

For each system: the original class is built and loads a file with made-up weights in the
container in which the real file is published, then runs on a deterministic input
`value[i] = (i * 7919 + (i // width) * 104729) % 2049 - 1024` (grey, row-major). Writes
crates/zoo/tests/fixtures/networks/<id>.json: `tensors` maps names to {shape, value}; of a tensor
of more than 3000 values the samples `index_k = k (n - 1) // 2999` are kept. Versions:
requirements.txt beside this file.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchxrayvision as xrv

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "crates/zoo/tests/fixtures/networks"
KEEP = 3000
DENSENETS = ["all", "nih", "pc", "chex", "rsna", "mimic_nb", "mimic_ch"]


def image(side):
    i = np.arange(side * side, dtype=np.int64)
    values = (i * 7919 + (i // side) * 104729) % 2049 - 1024
    return torch.from_numpy(values.astype(np.float32).reshape(1, 1, side, side))


def kept(tensor):
    array = tensor.detach().numpy().astype(np.float32)
    flat = array.reshape(-1)
    if flat.size > KEEP:
        flat = flat[np.arange(KEEP, dtype=np.int64) * (flat.size - 1) // (KEEP - 1)]
    return {"shape": list(array.shape), "value": [float(f"{v:.8g}") for v in flat]}


def write(system, tensors, **more):
    OUT.mkdir(parents=True, exist_ok=True)
    # NaN marks a head without an operating point; JSON has no NaN.
    text = json.dumps({"torchxrayvision": xrv.__version__, "torch": torch.__version__, **more,
                       "tensors": {name: kept(t) for name, t in tensors.items()}},
                      separators=(",", ":"), allow_nan=False)
    (OUT / f"{system}.json").write_text(text + "\n")
    for name, t in tensors.items():
        a = t.detach().numpy()
        print(system, name, a.shape, "mean", a.mean(), "std", a.std(), "finite", np.isfinite(a).all())


def fill(module):
    state = module.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(synth.fill(name, tuple(tensor.shape)).reshape(tuple(tensor.shape))))
    module.load_state_dict(state)
    return module


def grad_cam(features, head, label):
    """Selvaraju et al. 2017, equations 1 and 2, by automatic differentiation."""
    features = features.detach().requires_grad_(True)
    pooled = torch.nn.functional.adaptive_avg_pool2d(features, (1, 1)).flatten(1)
    head(pooled)[0, label].backward()
    alpha = features.grad.mean((2, 3), keepdim=True)
    cam = torch.relu((alpha * features).sum(1))[0].detach()
    return cam / cam.max() if cam.max() > 0 else cam


def grad_cams(features, head):
    """Of the first label with an empty map and the first two with one that is not."""
    maps = {label: grad_cam(features, head, label) for label in range(18)}
    empty = [label for label, cam in maps.items() if not cam.any()]
    full = [label for label, cam in maps.items() if cam.any()]
    return {f"gradcam{label}": maps[label] for label in sorted(empty[:1] + full[:2])}


def op_norm_curve(name):
    thresholds = torch.tensor(xrv.models.model_urls[name]["op_threshs"])
    p = torch.linspace(0, 1, 33)[:, None].repeat(1, 18)
    return xrv.models.op_norm(p, thresholds)


def densenets(wanted):
    for name in DENSENETS:
        system = f"xrv-densenet121-res224-{name.replace('_', '-')}"
        if wanted and system not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            url = xrv.models.model_urls[name]["weights_url"]
            torch.save(fill(xrv.models.DenseNet()), Path(folder) / url.rsplit("/", 1)[1])
            model = xrv.models.DenseNet(weights=name, cache_dir=folder)
        x = image(224)
        with torch.no_grad():
            out = model(x)
            features = torch.relu(model.features(x))
            logits = model.classifier(model.features2(x))
            # Of order one, so that the sigmoid and the scaling are not saturated.
            mild = model(x / 512)
        tensors = {"logits": logits, "out": out, "mild": mild, "op_norm": op_norm_curve(name)}
        if name == "all":
            tensors |= {"features": features} | grad_cams(features, model.classifier)
        write(system, tensors, labels=model.targets)


def resnet(wanted):
    system = "xrv-resnet50-res512-all"
    if wanted and system not in wanted:
        return
    name = "resnet50-res512-all"
    with tempfile.TemporaryDirectory() as folder:
        import torchvision
        bare = torchvision.models.resnet50(num_classes=18, weights=None)
        bare.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        url = xrv.models.model_urls[name]["weights_url"]
        torch.save(fill(bare).state_dict(), Path(folder) / url.rsplit("/", 1)[1])
        model = xrv.models.ResNet(weights=name, cache_dir=folder)
    seen = {}
    model.model.layer4.register_forward_hook(lambda m, i, o: seen.__setitem__("f", o))
    model.model.fc.register_forward_hook(lambda m, i, o: seen.__setitem__("l", o))
    with torch.no_grad():
        out = model(image(512))
    write(system, {"logits": seen["l"], "out": out, "op_norm": op_norm_curve(name),
                   "features": seen["f"]} | grad_cams(seen["f"], model.model.fc),
          labels=model.targets)


def pspnet(wanted):
    system = "xrv-pspnet-anatomy"
    if wanted and system not in wanted:
        return
    from torchxrayvision.baseline_models import chestx_det
    with tempfile.TemporaryDirectory() as folder:
        bare = fill(chestx_det.pspnet(14))
        torch.save({"module." + k: v for k, v in bare.state_dict().items()},
                   Path(folder) / "pspnet_chestxray_best_model_4.pth")
        model = chestx_det.PSPNet(cache_dir=folder)
    seen = {}
    model.model.res_block5.register_forward_hook(lambda m, i, o: seen.__setitem__("f", o))
    with torch.no_grad():
        tensors = {"out": model(image(512)), "features": seen["f"]}
        # The same network on 128 x 128, prepared alike, for a quick test.
        x = (image(128).repeat(1, 3, 1, 1) + 1024) / 2048
        tensors["out128"] = model.model(model.transform(x))
    write(system, tensors, labels=model.targets)


def autoencoder(wanted):
    system = "xrv-resnet101-autoencoder"
    if wanted and system not in wanted:
        return
    with tempfile.TemporaryDirectory() as folder:
        bare = fill(xrv.autoencoders.ResNetAE101())
        url = xrv.autoencoders.model_urls["101-elastic"]["weights_url"]
        torch.save(bare.state_dict(), Path(folder) / url.rsplit("/", 1)[1])
        model = xrv.autoencoders.ResNetAE(weights="101-elastic", cache_dir=folder)
    x = image(224)
    with torch.no_grad():
        answer = model(x)
    error = (answer["out"] - x).abs().mean() / 2048
    write(system, {"z": answer["z"], "out": answer["out"], "error": error.reshape(1)})


if __name__ == "__main__":
    torch.set_num_threads(2)
    only = set(sys.argv[1:])
    densenets(only)
    resnet(only)
    pspnet(only)
    autoencoder(only)
