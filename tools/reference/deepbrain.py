"""Fixture of DeepBrain: the original's own pipeline on a real T1, step by step.

    python tools/reference/deepbrain.py DATA

DATA is the folder with the real data (weights/deepbrain, volumes/brain). TensorFlow runs the frozen
graph as iitzco/deepbrain's extractor.py does; skimage resizes. Writes
crates/zoo/tests/fixtures/systems/deepbrain.json: of each step 800 samples `index_k = k (n - 1) // 799`
of the array in C order as the original holds it ([i][j][k]), the mask's voxels by
plane k and its volume; and the masks of the newer weights as deepbrain-N.bits.gz, a bit for each voxel in
the order of the file.
Versions: tensorflow-cpu 2.21, requirements.txt beside this file for the rest.
"""

import gzip
import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import skimage
import tensorflow as tf
from skimage.transform import resize

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "crates/zoo/tests/fixtures/systems/deepbrain.json"
KEEP = 800
SIZE = 128


def kept(array):
    flat = np.asarray(array).reshape(-1).astype(np.float64)
    if flat.size > KEEP:
        flat = flat[np.arange(KEEP, dtype=np.int64) * (flat.size - 1) // (KEEP - 1)]
    return {"shape": list(np.asarray(array).shape), "value": [float(f"{v:.8g}") for v in flat]}


def session(path):
    graph = tf.Graph()
    with graph.as_default():
        definition = tf.compat.v1.GraphDef()
        definition.ParseFromString(path.read_bytes())
        # The data pipeline that fed the training is part of the file and of no use.
        fed = tf.compat.v1.graph_util.extract_sub_graph(cut(definition), ["prob"])
        tf.import_graph_def(fed)
    return tf.compat.v1.Session(graph=graph), graph


def cut(definition):
    """`img` and `training` become plain placeholders."""
    for node in definition.node:
        if node.name in ("img", "training"):
            node.op = "Placeholder"
            del node.input[:]
            kind = node.attr["dtype"].type
            node.attr.clear()
            node.attr["dtype"].type = kind
    return definition


def main(data):
    OUT.parent.mkdir(parents=True, exist_ok=True)
    result = {"tensorflow": tf.__version__, "skimage": skimage.__version__, "cases": []}
    for name, model in (("volumes/brain/t1_crop.nii.gz", "graph_v2.pb"),
                        ("volumes/brain/hippodeep_example_brain_t1.nii.gz", "graph_v2.pb"),
                        ("volumes/brain/t1_crop.nii.gz", "graph_v1.pb")):
        run, graph = session(data / "weights/deepbrain" / model)
        image = nib.load(data / name)
        array = image.get_fdata()
        resized = resize(array, (SIZE,) * 3, mode="constant", anti_aliasing=True)
        scaled = resized / np.max(resized)
        prob = run.run(graph.get_tensor_by_name("import/prob:0"), feed_dict={
            graph.get_tensor_by_name("import/img:0"): scaled.reshape(1, SIZE, SIZE, SIZE, 1),
            graph.get_tensor_by_name("import/training:0"): False}).squeeze()
        full = resize(prob, array.shape, mode="constant", anti_aliasing=True)
        mask = full > 0.5
        volume = mask.sum() * abs(np.linalg.det(image.affine[:3, :3])) / 1000
        print(name, model, array.shape, array.dtype, prob.min(), prob.max(), "volume mL", volume)
        result["cases"].append({
            "image": name, "weights": f"weights/deepbrain/{model}", "volume_ml": float(volume),
            "resized": kept(resized), "scaled": kept(scaled), "cube": kept(prob), "full": kept(full),
            "planes": mask.sum((0, 1)).tolist()})
        if model == "graph_v2.pb":
            bits = np.packbits(mask.reshape(-1, order="F"))
            name = f"deepbrain-{len(result['cases']) - 1}.bits.gz"
            (OUT.parent / name).write_bytes(gzip.compress(bits.tobytes(), 9, mtime=0))
    OUT.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(OUT.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
