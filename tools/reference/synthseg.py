"""Parity fixtures of SynthSeg, from its own code on deterministic weights (synth.py beside this file).

    python tools/reference/synthseg.py ORIGINAL

ORIGINAL is a checkout of BBillot/SynthSeg (66342c1; its published weights are not needed). Needs tensorflow 2.21,
tf-keras 2.21 (under the name of the keras that the original imports), nibabel, SciPy. Writes
crates/zoo/tests/fixtures/systems/synthseg.json and synthseg-*.gz:

networks   each network as `build_model` builds it, its answer before the softmax
prepared   `preprocess` of real volumes
segmented  `postprocess` of made-up posteriors, the usual way and fast, versions 1 and 2, with parcels
cubes      `MakeShape` and the groups of the quality scores
whole      `build_model` and `postprocess` on a real volume: posteriors, labels, volumes
"""
import gzip
import json
import os
import sys
import tempfile
import types
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
import tf_keras

# Names that NumPy had when the original was written.
for name, kind in (("int", int), ("float", float), ("bool", bool)):
    setattr(np, name, getattr(np, name, kind))
sys.modules["keras"] = tf_keras
for name in ("layers", "backend", "models", "initializers", "constraints", "regularizers", "callbacks"):
    sys.modules[f"keras.{name}"] = getattr(tf_keras, name)
sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/systems"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data"))
KEEP = 3000
NAMES = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias", "moving_mean": "running_mean",
         "moving_variance": "running_var"}


def kept(array, keep=KEEP):
    array = np.asarray(array, dtype=np.float32)
    flat = array.reshape(-1)
    if flat.size > keep:
        flat = flat[np.arange(keep, dtype=np.int64) * (flat.size - 1) // (keep - 1)]
    return {"shape": list(array.shape), "value": [float(f"{v:.7g}") for v in flat]}


def channels_first(array):
    """[1, x, y, z, channel] as [channel, x, y, z]."""
    return np.moveaxis(np.asarray(array)[0], -1, 0)


def fill(model):
    """Every weight by its layer's name, as PyTorch orders the axes of a kernel."""
    for layer in model.layers:
        made = []
        for weight in layer.weights:
            name = f"{layer.name}.{NAMES[weight.name.split('/')[-1].removesuffix(':0')]}"
            shape = tuple(weight.shape)
            if len(shape) > 1:
                value = synth.fill(name, (shape[-1], shape[-2], *shape[:-2]))
                made.append(np.moveaxis(value, (0, 1), (-1, -2)))
            else:
                made.append(synth.fill(name, shape))
        if made:
            layer.set_weights(made)
    return model


def image(shape, channels):
    """Deterministic, from 0 to 1, [channel, x, y, z]."""
    count = channels * int(np.prod(shape))
    index = np.arange(count, dtype=np.int64)
    return ((index * 7919 + index // shape[-1] * 104729) % 2049 / 2048.0).astype(np.float32).reshape(channels, *shape)


def unet(nrn, prefix, channels, classes, features=24, size=3, skip=0):
    return nrn.unet(input_shape=[None, None, None, channels], nb_labels=classes, nb_levels=5, nb_conv_per_level=2,
                    conv_size=size, nb_features=features, feat_mult=2, activation="elu", batch_norm=-1,
                    skip_n_concatenations=skip, name=prefix)


def quality(nrn):
    """The tail of `build_model` for quality scores, its head an input of one-hot groups."""
    KL = tf_keras.layers
    net = nrn.conv_enc(input_shape=[None, None, None, 9], nb_levels=4, nb_conv_per_level=2, conv_size=5, nb_features=24,
                       feat_mult=2, activation="relu", batch_norm=-1, use_residuals=True, name="qc")
    options = {"padding": "same", "activation": "relu", "data_format": "channels_last"}
    last = KL.MaxPool3D(pool_size=(2, 2, 2), name="qc_maxpool_3", padding="same")(net.outputs[0])
    last = KL.Conv3D(9, kernel_size=5, **options, name="qc_final_conv_0")(last)
    last = KL.Conv3D(9, kernel_size=5, **options, name="qc_final_conv_1")(last)
    last = KL.Lambda(lambda x: tf.reduce_mean(x, axis=[1, 2, 3]), name="qc_final_pred")(last)
    return tf_keras.Model(net.inputs, last)


def networks(nrn):
    found = {}
    for name, prefix, channels, classes, options in [
        ("whole", "unet", 1, 33, {}), ("tissues", "unet", 1, 5, {}),
        ("denoiser", "l2l", 5, 5, {"features": 16, "size": 5, "skip": 2}), ("second", "unet2", 6, 33, {}),
        ("parcels", "unet_parc", 3, 69, {}),
    ]:
        shape = (32, 64, 32)
        model = fill(unet(nrn, prefix, channels, classes, **options))
        logits = tf_keras.Model(model.inputs, model.get_layer(f"{prefix}_likelihood").output)
        given = np.moveaxis(image(shape, channels), 0, -1)[None]
        found[name] = {"input": list(shape), "answer": kept(channels_first(logits.predict(given, verbose=0)))}
    shape = (32, 48, 32)
    given = np.moveaxis(image(shape, 9), 0, -1)[None]
    found["quality"] = {"input": list(shape), "answer": kept(fill(quality(nrn)).predict(given, verbose=0)[0])}
    return found


def prepared(original):
    found = []
    for name, ct, least in [
        ("volumes/nibabel/anatomical.nii", False, 128), ("volumes/spinalcord/t1/t1w.nii.gz", False, 32),
        ("volumes/nibabel/reoriented_anat_moved.nii", False, 32), ("volumes/totalsegmentator/example_ct_sm.nii.gz", True, 128),
        ("volumes/brain/hippodeep_example_brain_t1.nii.gz", False, 128),
    ]:
        made, affine, _, size, shape, padding, _ = original.preprocess(str(DATA / name), ct, min_pad=least)
        found.append({"image": name, "ct": ct, "least": least, "values": kept(made[0, ..., 0]), "start": [int(v) for v in padding[:3]],
                      "size": [int(v) for v in shape], "voxel_mm3": float(np.prod(size)), "affine": np.asarray(affine).tolist()})
    return found


def posteriors(name, classes, shape):
    """Smooth enough to have pieces: blocks of four voxels with one value, softmax over the channels."""
    blocks = [-(-extent // 4) for extent in shape]
    logits = 2 * synth.fill(f"{name}.weight", (classes * int(np.prod(blocks)), 1)).reshape(classes, *blocks)
    for axis in range(3):
        logits = np.repeat(logits, 4, axis=axis + 1)
    logits = logits[:, : shape[0], : shape[1], : shape[2]].astype(np.float64)
    values = np.exp(logits - logits.max(0))
    return np.moveaxis(values / values.sum(0), 0, -1)[None].astype(np.float32)


class Lists:
    """The original's lists of labels for a version."""

    def __init__(self, original, folder, v1):
        load = lambda name: np.load(folder / "data/labels_classes_priors" / f"{name}.npy")
        end = "" if v1 else "_2.0"
        listed = load("synthseg_segmentation_labels" + end)
        # What `get_flip_indices` gives, which today's NumPy refuses to run: first those in the middle, then
        # the left, then the right in the same order.
        neutral = 18 if v1 else 19
        half = (len(listed) - neutral) // 2
        left, right = listed[neutral : neutral + half], listed[neutral + half :]
        other = dict(zip(left, right)) | dict(zip(right, left)) | {label: label for label in listed[:neutral]}
        self.labels, unique = np.unique(listed, return_index=True)
        self.flip = np.array([int(np.where(self.labels == other[label])[0][0]) for label in self.labels])
        self.topology = load("synthseg_topological_classes" + end)[unique]
        self.qc = load("synthseg_qc_labels" + end)[unique]
        self.parcels = np.unique(load("synthseg_parcellation_labels"))
        self.denoiser = np.unique(load("synthseg_denoiser_labels_2.0"))


def stored(name, labels):
    """A label map, two bytes for each voxel, the lower first."""
    with open(FIXTURES / f"synthseg-{name}.gz", "wb") as file:
        file.write(gzip.compress(np.ascontiguousarray(labels).astype("<u2").tobytes(), 9, mtime=0))
    return {"shape": list(labels.shape), "file": f"synthseg-{name}.gz"}


def segmented(original, folder):
    found = []
    padded, start, size = (32, 36, 28), (1, 2, 0), (30, 33, 28)
    inside = np.array([*start, *(a + b for a, b in zip(start, size))])
    for name, v1, fast, parc in [("full", False, False, True), ("fast", False, True, False), ("one", True, False, False)]:
        lists = Lists(original, folder, v1)
        seg = posteriors(f"seg-{name}", len(lists.labels), padded)
        maps = posteriors(f"parc-{name}", len(lists.parcels), padded) if parc else None
        labels, _, volumes = original.postprocess(
            seg, maps, list(size), inside, None, lists.labels, lists.parcels, np.eye(4), np.array([1.0, 1.1, 0.9]), fast,
            lists.topology, v1)
        found.append({"name": name, "v1": v1, "fast": fast, "parc": parc, "padded": padded, "start": start, "size": size,
                      "labels": stored(name, labels), "volumes": [float(v) for v in volumes]})
    return found


def cubes(original, folder):
    from ext.lab2im import layers

    found = []
    lists = Lists(original, folder, False)
    for name, shape, side, box in [("cut", (40, 36, 44), 24, (3, 33)), ("padded", (20, 18, 22), 32, (5, 15)),
                                   ("odd", (33, 35, 37), 24, (6, 17)), ("empty", (16, 40, 24), 24, (0, 0))]:
        channels = np.zeros(shape, np.int32)
        low, high = box
        part = channels[low:high, low:high, low:high]
        part[:] = np.arange(part.size).reshape(part.shape) * 31 // 7 % 33
        cut = original.MakeShape(side)([tf.constant(channels[None]), tf.constant([shape], tf.int32)])
        labels = layers.ConvertLabels(np.arange(len(lists.labels)), lists.labels)(cut)
        groups = layers.ConvertLabels(lists.labels, lists.qc)(labels)
        found.append({"name": name, "shape": shape, "side": side, "box": box, "groups": stored(f"cube-{name}", np.asarray(groups)[0])})
    return found


def whole(original, folder, nrn):
    found = []
    path = "volumes/spinalcord/t1/t1w.nii.gz"
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        files = {}
        for name, models in {
            "v2": [unet(nrn, "unet", 1, 33)], "v1": [unet(nrn, "unet", 1, 32)],
            "robust": [unet(nrn, "unet", 1, 5), unet(nrn, "l2l", 5, 5, 16, 5, 2), unet(nrn, "unet2", 6, 33)],
            "parc": [unet(nrn, "unet_parc", 3, 69)],
        }.items():
            layers = [layer for model in models for layer in fill(model).layers]
            files[name] = scratch / f"{name}.h5"
            written(files[name], layers)
        for name, v1, fast, robust, parc in [("usual-parc", False, False, False, True), ("one", True, False, False, False),
                                             ("fast", False, True, False, False), ("robust", False, True, True, False)]:
            lists = Lists(original, folder, v1)
            flip = None if fast else lists.flip
            net = original.build_model(str(files["robust" if robust else "v1" if v1 else "v2"]), str(files["parc"]), None, 224,
                                       lists.labels, lists.denoiser, lists.parcels, lists.qc, 0.5, flip, robust, parc, False)
            made, affine, _, size, shape, padding, crop = original.preprocess(str(DATA / path), False, min_pad=32)
            answer = net.predict(made, verbose=0)
            seg, maps = answer if parc else (answer, None)
            told = {"posteriors": kept(channels_first(seg))}
            labels, _, volumes = original.postprocess(seg, maps, shape, padding, crop, lists.labels, lists.parcels, affine, size, fast,
                                                      lists.topology, v1)
            found.append({"name": name, "image": path, "v1": v1, "fast": fast, "robust": robust, "parc": parc, **told,
                          "labels": stored(f"whole-{name}", labels), "volumes": [float(v) for v in volumes]})
    return found


def written(path, layers):
    """Weights as Keras 2 stores them, of layers of several networks in one file."""
    import h5py

    with h5py.File(path, "w") as file:
        model = types.SimpleNamespace(layers=layers, _trainable_weights=[], _non_trainable_weights=[])
        tf_keras.src.saving.legacy.hdf5_format.save_weights_to_hdf5_group(file, model)


def main():
    folder = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(folder))
    from ext.neuron import models as nrn
    from SynthSeg import predict_synthseg as original

    wanted = sys.argv[2:] or ["networks", "prepared", "segmented", "cubes", "whole"]
    path = FIXTURES / "synthseg.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    makers = {"networks": lambda: networks(nrn), "prepared": lambda: prepared(original), "segmented": lambda: segmented(original, folder),
              "cubes": lambda: cubes(original, folder), "whole": lambda: whole(original, folder, nrn)}
    for name in wanted:
        found[name] = makers[name]()
        path.write_text(json.dumps(found, separators=(",", ":")) + "\n")
        print(name, flush=True)


if __name__ == "__main__":
    main()
