"""Small HDF5 files as Keras and h5py write them, and what they hold.

    python tools/reference/hdf5_files.py

Writes crates/engine/tests/fixtures/weights/hdf5-*.h5 and hdf5.json: for each file its tensors by name with
shape and values (and `names`, where only the names are looked at). Needs tensorflow, tf-keras (Keras 2, as it
was when most medical models were stored) and h5py.
"""
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import h5py
import numpy as np

FIXTURES = Path(__file__).resolve().parents[2] / "crates/engine/tests/fixtures/weights"


def values(shape, seed):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def told(array):
    return {"shape": list(array.shape), "value": [float(v) for v in np.asarray(array, np.float64).reshape(-1)]}


def keras_files():
    """A network with a network inside, stored whole and as weights alone."""
    import tf_keras as keras

    inner = keras.Sequential([
        keras.layers.Input((4, 4, 4, 2)),
        keras.layers.Conv3D(2, 3, padding="same", name="inside_conv"),
        keras.layers.BatchNormalization(name="inside_norm"),
    ], name="inside")
    image = keras.Input((4, 4, 4, 1), name="image")
    x = keras.layers.Conv3D(2, 1, activation="elu", name="first")(image)
    x = inner(x)
    x = keras.layers.MaxPooling3D(2, name="pool")(x)
    model = keras.Model(image, keras.layers.Dense(3, name="last")(x), name="outer")
    model.set_weights([values(w.shape, n) for n, w in enumerate(model.get_weights())])
    model.compile(optimizer=keras.optimizers.legacy.Adam(), loss="mse")
    model.train_on_batch(np.zeros((1, 4, 4, 4, 1)), np.zeros((1, 2, 2, 2, 3)))
    model.set_weights([values(w.shape, n) for n, w in enumerate(model.get_weights())])
    tensors = {w.name.removesuffix(":0").replace("/", "."): told(w.numpy()) for w in model.weights}
    model.save(FIXTURES / "hdf5-keras-model.h5")
    model.save_weights(FIXTURES / "hdf5-keras-weights.h5")
    return {"hdf5-keras-model.h5": tensors, "hdf5-keras-weights.h5": tensors}


def own_files():
    """What Keras does not write today, but others do."""
    found = {}

    def write(name, fill, **options):
        tensors = {}
        with h5py.File(FIXTURES / name, "w", **options) as file:
            fill(file, lambda path, array: tensors.update({path: told(array)}))
        found[name] = tensors

    def chunked(file, keep):
        a = values((5, 7, 3), 1)
        file.create_dataset("a/kernel", data=a, chunks=(2, 3, 3), compression="gzip", shuffle=True)
        keep("a.kernel", a)
        b = np.arange(37, dtype=np.int32)
        file.create_dataset("a/steps", data=b, chunks=(10,), compression="gzip", compression_opts=9)
        keep("a.steps", b)
        c = values((4, 4), 2)
        file.create_dataset("plain", data=c, chunks=(4, 1))
        keep("plain", c)

    def types(file, keep):
        for number, dtype in enumerate(["<f2", "<f4", "<f8", ">f4", ">f2", "<i1", "<u2", ">i4", "<i8"]):
            array = (values((2, 3), 10 + number) * 20).astype(dtype)
            file.create_dataset(f"t{number}", data=array)
            keep(f"t{number}", array.astype(np.float64))
        scalar = np.float32(2.5)
        file.create_dataset("scalar", data=scalar)
        keep("scalar", scalar)
        file.create_dataset("nothing", data=np.zeros((0, 3), np.float32))
        keep("nothing", np.zeros((0, 3)))
        file.create_dataset("text", data=b"not a number")
        file["soft"] = h5py.SoftLink("/t0")

    def latest(file, keep):
        """Links and attributes too many to stand in their group's header."""
        for number in range(90):
            array = values((2,), 100 + number)
            file.create_dataset(f"group/with_a_long_name_{number}", data=array)
            keep(f"group.with_a_long_name_{number}", array)
        file.create_dataset("few/a", data=values((2, 2), 7))
        keep("few.a", values((2, 2), 7))
        for number in range(12):
            file["group"].attrs[f"attribute{number}"] = "x" * number

    def listed(file, keep):
        """Lists in pieces, as texts in a heap, and weights of one name in two layers."""
        names = ["one", "two", "empty"]
        file.attrs["layer_names0"] = np.array(names[:2], dtype=h5py.string_dtype())
        file.attrs["layer_names1"] = np.array(names[2:], dtype=h5py.string_dtype())
        for number, name in enumerate(names[:2]):
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array(["same/kernel:0", f"{name}/bias:0"], dtype="S20")
            for end, shape in [("same/kernel:0", (2, 1)), (f"{name}/bias:0", (3,))]:
                array = values(shape, 40 + number)
                group.create_dataset(end, data=array)
                path = end.removesuffix(":0").replace("/", ".")
                keep(f"{name}.{path}" if path == "same.kernel" else path, array)
        file.create_group("empty").attrs["weight_names"] = []
        file.create_dataset("unlisted", data=values((2,), 50))

    write("hdf5-chunked.h5", chunked)
    write("hdf5-types.h5", types)
    write("hdf5-latest.h5", latest, libver="latest")
    write("hdf5-listed.h5", listed)
    write("hdf5-listed-latest.h5", listed, libver="latest")
    return found


if __name__ == "__main__":
    expected = keras_files() | own_files()
    (FIXTURES / "hdf5.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
