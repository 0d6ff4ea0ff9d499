"""Small checkpoints of every container, for crates/engine/tests/weights_files.rs.

Writes crates/engine/tests/fixtures/weights/{*.pt,*.safetensors,expected.json}. Run (needs requirements.txt):
    python tools/reference/checkpoints.py
The source texts that old containers carry are replaced by a placeholder: only data is kept. Weights of whole
modules come from synth.py, so that expected.json need not list them ("synth": true).
"""
import collections
import hashlib
import json
import pathlib
import pickle
import struct
import subprocess
import sys
import types
import warnings
import zipfile

HERE = pathlib.Path(__file__).resolve()
OUT = HERE.parents[2] / "crates/engine/tests/fixtures/weights"


def old_streams():
    """Imitates torch 0.3 under Python 2 and torch 1.0, whose classes no longer exist: runs without torch."""

    def module(name, **members):
        made = sys.modules[name] = types.ModuleType(name)
        for key, value in members.items():
            value.__module__, value.__qualname__, value.__name__ = name, key, key
            setattr(made, key, value)
        return made

    def function(*_):
        raise AssertionError

    copy = lambda: types.FunctionType(function.__code__, {})
    module("torch", FloatStorage=type("FloatStorage", (), {}))
    utils = module("torch._utils", _rebuild_tensor=copy(), _rebuild_tensor_v2=copy(), _rebuild_parameter=copy())
    module("torch.nn"), module("torch.nn.backends"), module("torch.nn.modules")
    thnn = module("torch.nn.backends.thnn", _get_thnn_function_backend=copy())
    linear = module("torch.nn.modules.linear", Linear=type("Linear", (), {}))
    container = module("torch.nn.modules.container", Sequential=type("Sequential", (), {}))
    parameter = module("torch.nn.parameter", Parameter=type("Parameter", (), {}))

    class Reduced:
        def __init__(self, *parts):
            self.parts = parts

        def __reduce__(self):
            return self.parts

    class Storage:
        def __init__(self, key, values, view=None):
            self.key, self.values, self.view = key, values, view

    class Pickler(pickle._Pickler):
        python2 = False

        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", sys.modules["torch"].FloatStorage, value.key, "cpu", len(value.values), value.view)
            seen = self.__dict__.setdefault("seen", set())
            if isinstance(value, type) and value.__module__.startswith("torch.nn.modules") and value not in seen:
                seen.add(value)
                return ("module", value, "somewhere.py", "source left out")

    class Pickler2(Pickler):
        dispatch = dict(pickle._Pickler.dispatch)

        def save_str(self, text):
            raw = text.encode()
            self.write(b"U" + bytes([len(raw)]) + raw)
            self.memoize(text)

        def save_ordered(self, value):
            self.save_reduce(collections.OrderedDict, ([list(pair) for pair in value.items()],), obj=value)

        dispatch[str], dispatch[collections.OrderedDict] = save_str, save_ordered

    def stream(path, value, storages, pickler):
        with open(path, "wb") as file:
            for head in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
                pickle.dump(head, file, protocol=2)
            pickler(file, protocol=2).dump(value)
            pickle.dump(sorted(storage.key for storage in storages), file, protocol=2)
            for storage in sorted(storages, key=lambda storage: storage.key):
                file.write(struct.pack(f"<q{len(storage.values)}f", len(storage.values), *storage.values))

    def attributes(parameters, modules=()):
        hooks = {key: collections.OrderedDict() for key in ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks")}
        return {
            "training": True,
            "_parameters": collections.OrderedDict(parameters),
            "_buffers": collections.OrderedDict(),
            "_modules": collections.OrderedDict(modules),
            "_backend": Reduced(thnn._get_thnn_function_backend, ()),
            **hooks,
        }

    def make(kind, state):
        made = kind()
        made.__dict__.update(state)
        return made

    weight, bias = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0]
    for name, pickler in (("torch03", Pickler2), ("torch10", Pickler)):
        storages = [Storage("94001", weight), Storage("94002", bias)]
        if name == "torch03":
            def tensor(storage, shape, stride):
                data = Reduced(utils._rebuild_tensor, (storage, 0, shape, stride))
                return Reduced(parameter.Parameter, (data,), (data, True, False, collections.OrderedDict()))
        else:
            def tensor(storage, shape, stride):
                data = Reduced(utils._rebuild_tensor_v2, (storage, 0, shape, stride, False, collections.OrderedDict()))
                return Reduced(utils._rebuild_parameter, (data, True, collections.OrderedDict()))
        inner = make(linear.Linear, attributes({"weight": tensor(storages[0], (2, 3), (3, 1)), "bias": tensor(storages[1], (2,), (1,))}))
        model = make(container.Sequential, attributes({}, {"0": inner}))
        stream(OUT / f"{name}-module.pt", model, storages, pickler)
    # A view into a shared storage, as torch 0.4 saved it: keys name the root, the view its part.
    root = Storage("1", weight)
    view = Storage("1", weight, ("2", 2, 4))
    tensors = {"whole": (root, 0, (6,), (1,)), "part": (view, 1, (3,), (1,))}
    state = {key: Reduced(utils._rebuild_tensor, value) for key, value in tensors.items()}
    stream(OUT / "torch04-view.pt", state, [root], Pickler)
    values = {
        "0.weight": {"dtype": "F32", "shape": [2, 3], "values": weight},
        "0.bias": {"dtype": "F32", "shape": [2], "values": bias},
    }
    return {
        "torch03-module.pt": {"container": "pytorch-legacy-module", "entries": values},
        "torch10-module.pt": {"container": "pytorch-legacy-module", "entries": values},
        "torch04-view.pt": {
            "container": "pytorch-legacy",
            "entries": {
                "whole": {"dtype": "F32", "shape": [6], "values": weight},
                "part": {"dtype": "F32", "shape": [3], "values": [4.0, 5.0, 6.0]},
            },
        },
    }


def main():
    import torch
    import torchxrayvision
    from safetensors.torch import save_file

    import synth

    warnings.filterwarnings("ignore")
    OUT.mkdir(parents=True, exist_ok=True)
    expected = json.loads(subprocess.run([sys.executable, str(HERE), "--old"], check=True, capture_output=True).stdout)
    names = {
        torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64", torch.int8: "I8",
        torch.uint8: "U8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64", torch.bool: "Bool",
    }

    def expect(file, container, tensors):
        expected[file] = {
            "container": container,
            "entries": {
                name: {
                    "dtype": names[tensor.dtype],
                    "shape": list(tensor.shape),
                    "values": tensor.detach().to(torch.float64).reshape(-1).tolist(),
                }
                for name, tensor in tensors.items()
            },
        }

    ramp = torch.arange(12.0).reshape(3, 4) - 4.5
    every = {str(dtype).split(".")[1]: (ramp * 3).to(dtype) for dtype in names}
    every["scalar"], every["empty"] = torch.tensor(2.5), torch.zeros(0, 3)
    base = torch.arange(24.0).reshape(2, 3, 4)
    views = {
        "base": base, "transposed": base.permute(2, 0, 1), "offset": base[1, 1:, ::2],
        "expanded": base[0, 0, :1].expand(5, 1), "flat": base.view(-1)[5:9],
    }
    plain = collections.OrderedDict(weight=ramp, bias=torch.tensor([1.0, -2.0]))
    for legacy in (False, True):
        kind = "legacy" if legacy else "zip"
        save = lambda value, file, **more: torch.save(value, OUT / file, _use_new_zipfile_serialization=not legacy, **more)
        save(every, f"{kind}-dtypes.pt")
        expect(f"{kind}-dtypes.pt", f"pytorch-{kind}", every)
        save(views, f"{kind}-views.pt")
        expect(f"{kind}-views.pt", f"pytorch-{kind}", views)
        for protocol in range(1, 6):
            save(plain, f"{kind}-protocol{protocol}.pt", pickle_protocol=protocol)
            expect(f"{kind}-protocol{protocol}.pt", f"pytorch-{kind}", plain)
    prefixed = {"module._orig_mod." + name: tensor for name, tensor in plain.items()}
    for key in ("state_dict", "model", "model_state", "network_weights", "teacher"):
        loss = torch.tensor(0.5)
        torch.save({"epoch": 3, "best_loss": loss, key: prefixed, "optimizer": {"state": {0: {"step": loss}}}}, OUT / f"wrapped-{key}.pt")
        expect(f"wrapped-{key}.pt", "pytorch-zip", plain)
    torch.save({"network": {"state_dict": plain}}, OUT / "wrapped-twice.pt")
    expect("wrapped-twice.pt", "pytorch-zip", plain)

    small = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(3, 2))
    synth.fill_module(small)
    torch.save(small.state_dict(), OUT / "zip-metadata.pt")
    expect("zip-metadata.pt", "pytorch-zip", small.state_dict())
    small[0].register_buffer("passing", torch.ones(2), persistent=False)
    small[0].register_parameter("none", None)
    small[2].weight.note = "parameters with attributes are saved with state"
    small.shared = small[2]
    torch.save(small, OUT / "zip-module.pt")
    expect("zip-module.pt", "pytorch-zip-module", small.state_dict())
    script = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    torch.jit.save(torch.jit.trace(synth.fill_module(script), torch.rand(1, 1, 5, 5)), OUT / "script.pt")
    with zipfile.ZipFile(OUT / "script.pt") as source:
        kept = [(info, source.read(info)) for info in source.infolist() if not info.filename.endswith(".debug_pkl")]
    with zipfile.ZipFile(OUT / "script.pt", "w") as target:  # without the paths of this machine
        for info, content in kept:
            target.writestr(info.filename, content)
    expect("script.pt", "torchscript", script.state_dict())

    xrv = torchxrayvision.models.DenseNet(
        growth_rate=2, block_config=(1, 1), num_init_features=4, bn_size=1, num_classes=3, weights=None)
    xrv.pathologies, xrv.op_threshs = ["Atelectasis", "", "Mass"], torch.tensor([0.1, float("nan"), 0.3])
    synth.fill_module(xrv)
    # Old containers carry the sources of all classes; none of that is needed.
    torch.serialization.get_source_lines_and_file = lambda *_: (["source left out"], 0, "somewhere.py")
    for legacy in (False, True):
        kind = "legacy" if legacy else "zip"
        torch.save(xrv, OUT / f"xrv-{kind}.pt", _use_new_zipfile_serialization=not legacy)
        expected[f"xrv-{kind}.pt"] = {
            "container": f"pytorch-{kind}-module",
            "synth": True,
            "entries": {name: {"shape": list(tensor.shape)} for name, tensor in xrv.state_dict().items()},
        }

    # Deflated entries, and the byte order of a big-endian machine.
    with zipfile.ZipFile(OUT / "zip-protocol2.pt") as source:
        contents = {info.filename: source.read(info) for info in source.infolist()}
    with zipfile.ZipFile(OUT / "zip-deflated.pt", "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in contents.items():
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    expect("zip-deflated.pt", "pytorch-zip", plain)
    with zipfile.ZipFile(OUT / "zip-big-endian.pt", "w") as target:
        for name, content in contents.items():
            if name.endswith("byteorder"):
                content = b"big"
            elif "/data/" in name:
                content = b"".join(content[at:at + 4][::-1] for at in range(0, len(content), 4))
            with target.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
                entry.write(content)
    expect("zip-big-endian.pt", "pytorch-zip", plain)

    contiguous = {name: tensor.contiguous() for name, tensor in every.items()}
    save_file(contiguous, OUT / "dtypes.safetensors", metadata={"format": "pt"})
    expect("dtypes.safetensors", "safetensors", contiguous)
    for file, facts in expected.items():
        facts["sha256"] = hashlib.sha256((OUT / file).read_bytes()).hexdigest()
    text = json.dumps(expected, indent=None, sort_keys=True).replace('}}, "', '}},\n"')
    (OUT / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--old"]:
        print(json.dumps(old_streams()))
    else:
        main()
