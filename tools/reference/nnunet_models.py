"""Parity fixtures of nnU-Net, on deterministic weights (synth.py beside this file) and real volumes.

    python tools/reference/nnunet_models.py networks          the network families alone
    python tools/reference/nnunet_models.py models [NAME…]    whole models: prepared image, logits, labels
    python tools/reference/nnunet_models.py v1                a model of nnU-Net 1
    python tools/reference/nnunet_models.py small             the smallest real checkpoint and exported zip

`networks` writes crates/zoo/tests/fixtures/networks/nnunet-<name>.json: a network built by
dynamic-network-architectures from `arch_kwargs` as plans name them, its answer to a deterministic
input. `models` writes crates/zoo/tests/fixtures/nnunet/<name>/: plans.json and dataset.json as a
trained model has them, and what nnunetv2's own preprocessor and predictor make of a real volume
(`expected.json`; `stored`: where the volume lies below the folder of test data). The predictor sums
in half precision; `logits` come from the same code with sums in single precision (`torch.half`
replaced). `labels.gz` holds the label map made from those, bytes in the order z, y, x, then its
difference (exclusive or) from the predictor's own.

Every tensor is filled by its name, of fold n > 0 by `fold<n>.` and its name; weights of heads are
multiplied by `head`. Versions: requirements.txt beside this file.
"""

import contextlib
import gzip
import io
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch

for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(variable, tempfile.gettempdir())

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data"))
KEEP = 3000


def kept(array, keep=KEEP):
    array = np.asarray(array, dtype=np.float32)
    flat = array.reshape(-1)
    if flat.size > keep:
        flat = flat[np.arange(keep, dtype=np.int64) * (flat.size - 1) // (keep - 1)]
    return {"shape": list(array.shape), "value": [float(f"{v:.7g}") for v in flat]}


def wanted(name):
    """Names that inference reads; the others are second names of the same tensors or unused."""
    return ".all_modules." not in name and not name.startswith("decoder.encoder.")


def state(network, fold=0, head=1.0):
    """The network's own state dict, filled by name."""
    values = network.state_dict()
    with torch.no_grad():
        for name, tensor in values.items():
            if not wanted(name) or not tensor.is_floating_point():
                continue
            seed = name if fold == 0 else f"fold{fold}.{name}"
            filled = synth.fill(seed, tuple(tensor.shape)).reshape(tuple(tensor.shape))
            if name.startswith("decoder.seg_layers.") and name.endswith("weight"):
                filled = filled * np.float32(head)
            tensor.copy_(torch.from_numpy(filled))
    network.load_state_dict(values)
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


# ---- Networks ------------------------------------------------------------------------------


def architecture(rank, name, features, strides, repeats, decoder, kernels=None, **more):
    op = "torch.nn.modules.conv.Conv%dd" % rank
    norm = more.pop("norm", "torch.nn.modules.instancenorm.InstanceNorm%dd" % rank)
    counts = "n_blocks_per_stage" if name.startswith("Residual") else "n_conv_per_stage"
    kwargs = {
        "n_stages": len(features),
        "features_per_stage": features,
        "conv_op": op,
        "kernel_sizes": kernels or [[3] * rank] * len(features),
        "strides": strides,
        counts: repeats,
        "n_conv_per_stage_decoder": decoder,
        "conv_bias": True,
        "norm_op": norm,
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    kwargs.update(more)
    return {
        "network_class_name": f"dynamic_network_architectures.architectures.unet.{name}",
        "arch_kwargs": kwargs,
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


NETWORKS = {
    # name: architecture, channels, classes, image
    "plain-2d": (architecture(2, "PlainConvUNet", [8, 16, 24], [[1, 1], [2, 2], [2, 2]], [2, 2, 2], [2, 2]), 3, 4, [40, 32]),
    "plain-3d": (architecture(3, "PlainConvUNet", [6, 12, 20], [[1] * 3, [2] * 3, [2] * 3], [2, 2, 2], [2, 2]), 1, 3, [16, 24, 20]),
    "residual-3d": (
        architecture(3, "ResidualEncoderUNet", [6, 12, 12, 20], [[1] * 3, [2] * 3, [2] * 3, [1, 2, 2]], [1, 2, 3, 2], [1, 1, 1]),
        2, 3, [16, 16, 24],
    ),
    "anisotropic-3d": (
        architecture(
            3, "PlainConvUNet", [5, 10, 20, 20], [[1, 1, 1], [1, 2, 2], [1, 2, 2], [2, 2, 2]], [1, 2, 3, 2], [2, 1, 2],
            kernels=[[1, 3, 3], [1, 3, 3], [3, 3, 3], [3, 3, 3]], nonlin_kwargs={"inplace": True, "negative_slope": 0.1},
        ),
        1, 2, [6, 32, 40],
    ),
    "residual-unet-2d": (
        architecture(
            2, "ResidualUNet", [6, 12, 18], [[1, 1], [2, 2], [2, 1]], [1, 2, 2], [1, 2], conv_bias=False,
            norm="torch.nn.modules.batchnorm.BatchNorm2d", norm_op_kwargs={"eps": 1e-3}, nonlin="torch.nn.ReLU",
        ),
        1, 2, [32, 24],
    ),
    "activation-first-2d": (
        architecture(
            2, "PlainConvUNet", [6, 12], [[1, 1], [2, 2]], [1, 1], [1], nonlin_first=True,
            norm="torch.nn.modules.instancenorm.InstanceNorm2d", norm_op_kwargs={"eps": 1e-4},
        ),
        1, 2, [16, 16],
    ),
}


def build(arch, channels, classes):
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    return get_network_from_plans(
        arch["network_class_name"], arch["arch_kwargs"], arch["_kw_requires_import"], channels, classes,
        allow_init=False, deep_supervision=False,
    ).eval()


def networks(only):
    for name, (arch, channels, classes, extents) in NETWORKS.items():
        if only and name not in only:
            continue
        network = build(arch, channels, classes)
        state(network)
        count = channels * int(np.prod(extents))
        x = synth.uniform(f"nnunet-{name}", count).reshape(1, channels, *extents)
        with torch.no_grad():
            y = network(torch.from_numpy(x))
        print(name, tuple(y.shape), "std", float(y.std()), "finite", bool(torch.isfinite(y).all()))
        plain = {
            "torch": torch.__version__, "architecture": arch, "channels": channels, "classes": classes,
            "names": sorted(n for n in network.state_dict() if wanted(n)),
            "input": [1, channels, *extents], "tensors": {"logits": kept(y.numpy())},
        }
        (FIXTURES / f"networks/nnunet-{name}.json").write_text(json.dumps(plain, separators=(",", ":")) + "\n")


# ---- Whole models --------------------------------------------------------------------------


def configuration(spacing, patch, arch, schemes, masked, **more):
    base = {
        "data_identifier": "nnUNetPlans", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": patch, "median_image_size_in_voxels": patch, "spacing": spacing,
        "normalization_schemes": schemes, "use_mask_for_norm": masked,
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
        "batch_dice": False,
        "architecture": arch,
    }
    base.update(more)
    return base


def plans(configurations, forward=(0, 1, 2), statistics=1):
    numbers = {"max": 3071.0, "mean": 40.5, "median": 55.0, "min": -1100.0, "percentile_00_5": -950.0,
               "percentile_99_5": 640.0, "std": 310.25}
    return {
        "dataset_name": "Dataset900_Synthetic", "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [3.0, 3.0, 3.0],
        "original_median_shape_after_transp": [30, 100, 100],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": list(forward), "transpose_backward": [int(i) for i in np.argsort(forward)],
        "configurations": configurations, "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {str(i): numbers for i in range(statistics)},
    }


def dataset(channels, labels, **more):
    return {"channel_names": {str(i): c for i, c in enumerate(channels)}, "labels": labels, "numTraining": 1,
            "file_ending": ".nii.gz", **more}


ISO = [[1] * 3, [2] * 3, [2] * 3]


def old_plans(features, most, strides, kernels, convs, decoder):
    """A configuration of the format before `architecture` blocks (early 2.x, as TotalSegmentator ships)."""
    return {
        "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": features, "unet_max_num_features": most,
        "n_conv_per_stage_encoder": convs, "n_conv_per_stage_decoder": decoder,
        "num_pool_per_axis": [2, 2, 2], "pool_op_kernel_sizes": strides, "conv_kernel_sizes": kernels,
    }


def fullres():
    made = configuration([4.0, 3.2, 2.6], [16, 40, 48], None, ["CTNormalization"], [False])
    del made["architecture"]
    made.update(old_plans(8, 20, [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [[1, 3, 3], [3, 3, 3], [3, 3, 3]], [2, 2, 2], [2, 2]))
    return made


MODELS = {
    "2d": {
        "stored": ["volumes/totalsegmentator/example_mr_sm.nii.gz"], "configuration": "2d", "folds": 1,
        "plans": plans({"2d": configuration(
            [2.5, 2.75], [64, 56],
            architecture(2, "PlainConvUNet", [8, 16, 24, 24], [[1, 1], [2, 2], [2, 2], [2, 2]], [2, 2, 2, 2], [2, 2, 2]),
            ["ZScoreNormalization"], [False])}),
        "dataset": dataset(["MRI"], {"background": 0, "liver": 1, "spleen": 2}),
        "mirror": [0, 1],
    },
    "3d_fullres": {
        "stored": ["volumes/totalsegmentator/example_ct_sm.nii.gz"], "configuration": "3d_fullres", "folds": 2,
        "plans": plans({"3d_fullres": fullres()}, forward=(1, 0, 2)),
        "dataset": dataset(["CT"], {"background": 0, "organ": 1, "vessel": 2, "bone": 3, "ignore": 4}),
        "mirror": [0, 2],
    },
    "residual": {
        "stored": ["volumes/spine/sub-mri_label-6_T2w.nii.gz", "volumes/spine/sub-mri_seg-subreg_label-6_msk.nii.gz"],
        "configuration": "3d_fullres_res", "folds": 1,
        "plans": plans({
            "3d_fullres": configuration([2.0, 1.9, 2.1], [96, 24, 32], None, ["ZScoreNormalization", "RescaleTo01Normalization"], [True, False]),
            "3d_fullres_res": {
                "inherits_from": "3d_fullres", "patch_size": [32, 24, 32],
                "architecture": architecture(3, "ResidualEncoderUNet", [8, 16, 20], ISO, [1, 2, 2], [1, 1]),
                "resampling_fn_data": "resample_torch_fornnunet",
                "resampling_fn_data_kwargs": {"is_seg": False, "force_separate_z": False, "memefficient_seg_resampling": False},
                "resampling_fn_probabilities": "resample_torch_fornnunet",
                "resampling_fn_probabilities_kwargs": {"is_seg": False, "force_separate_z": False, "memefficient_seg_resampling": False},
            }}, statistics=2),
        "dataset": dataset(["T2", "mask"], {"background": 0, "vertebra": 1, "disc": 2}),
        "mirror": None,
    },
    "cascade": {
        "stored": ["volumes/brain/hippodeep_example_brain_t1.nii.gz"], "configuration": "3d_cascade_fullres", "folds": 1,
        "plans": plans({
            "3d_lowres": configuration(
                [6.0, 6.0, 6.0], [24, 24, 24], architecture(3, "PlainConvUNet", [8, 16, 16], ISO, [1, 1, 1], [1, 1]),
                ["ZScoreNormalization"], [True], next_stage="3d_cascade_fullres"),
            "3d_cascade_fullres": {
                "inherits_from": "3d_lowres", "previous_stage": "3d_lowres", "spacing": [4.0, 3.5, 4.0],
                "patch_size": [32, 32, 24],
                "architecture": architecture(3, "PlainConvUNet", [8, 12, 16], ISO, [2, 1, 1], [1, 1])}}),
        "dataset": dataset(["T1"], {"background": 0, "grey": 1, "white": 2}),
        "mirror": None,
    },
    # More classes than features: sums over tiles are of features, mirrored along all axes.
    "many": {
        "stored": ["volumes/totalsegmentator/example_mr_sm.nii.gz"], "configuration": "3d_fullres", "folds": 1,
        "plans": plans({"3d_fullres": configuration(
            [6.0, 5.5, 5.0], [16, 24, 32],
            architecture(3, "PlainConvUNet", [8, 12, 16], ISO, [1, 2, 2], [1, 1]),
            ["ZScoreNormalization"], [False])}),
        "dataset": dataset(["MRI"], {"background": 0, **{f"structure_{i}": i for i in range(1, 20)}}),
        "mirror": [0, 1, 2],
    },
    "regions": {
        "stored": ["volumes/totalsegmentator/example_ct.nii.gz"], "configuration": "3d_fullres", "folds": 1,
        "plans": plans({"3d_fullres": configuration(
            [10.0, 2.8, 3.1], [8, 48, 48],
            architecture(3, "PlainConvUNet", [8, 16, 16], [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [2, 1, 1], [1, 1], kernels=[[1, 3, 3], [3, 3, 3], [3, 3, 3]]),
            ["CTNormalization"], [False])}),
        "dataset": dataset(["CT"], {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": [3]},
                           regions_class_order=[1, 2, 3]),
        "mirror": None,
    },
}


def head(name):
    return 4.0


def write_model(folder, name, what, configuration_name, channels_extra=0):
    """The results folder of a trained model, weights filled by name."""
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(what["plans"], indent=1))
    (folder / "dataset.json").write_text(json.dumps(what["dataset"], indent=1))
    manager = PlansManager(json.loads(json.dumps(what["plans"])))
    config = manager.get_configuration(configuration_name)
    arch = {"network_class_name": config.network_arch_class_name, "arch_kwargs": config.network_arch_init_kwargs,
            "_kw_requires_import": config.network_arch_init_kwargs_req_import}
    channels = determine_num_input_channels(manager, config, what["dataset"])
    classes = manager.get_label_manager(what["dataset"]).num_segmentation_heads
    for fold in range(what["folds"]):
        network = build(arch, channels, classes)
        weights = state(network, fold, head(name))
        (folder / f"fold_{fold}").mkdir()
        torch.save({
            "network_weights": weights, "optimizer_state": {}, "grad_scaler_state": None, "logging": {},
            "_best_ema": 0.5, "current_epoch": 1000,
            "init_args": {"configuration": configuration_name, "fold": fold, "plans": what["plans"], "dataset_json": what["dataset"]},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": tuple(what["mirror"]) if what["mirror"] else None,
        }, folder / f"fold_{fold}" / "checkpoint_final.pth")


@contextlib.contextmanager
def single_precision_sums():
    half = torch.half
    torch.half = torch.float32
    try:
        yield
    finally:
        torch.half = half


def predictor(folder, mirror):
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    made = nnUNetPredictor(use_mirroring=mirror, device=torch.device("cpu"), allow_tqdm=False)
    made.initialize_from_trained_model_folder(str(folder), None)
    return made


def run(folder, image, properties, mirror, previous=None):
    """Prepared image, logits with sums in single precision, labels from those, labels as they come."""
    from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape

    made = predictor(folder, mirror)
    labels_half = made.predict_single_npy_array(image, dict(properties), previous)
    from nnunetv2.inference.data_iterators import PreprocessAdapterFromNpy

    adapter = PreprocessAdapterFromNpy([image], [previous], [dict(properties)], [None], made.plans_manager,
                                       made.dataset_json, made.configuration_manager, 1)
    dct = next(adapter)
    with single_precision_sums():
        logits = made.predict_logits_from_preprocessed_data(dct["data"]).cpu()
    labels = convert_predicted_logits_to_segmentation_with_correct_shape(
        logits, made.plans_manager, made.configuration_manager, made.label_manager, dct["data_properties"])
    return dct["data"].numpy(), logits.numpy(), np.asarray(labels), np.asarray(labels_half)


def models(only):
    import nnunetv2
    from importlib.metadata import version
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    for name, what in MODELS.items():
        if only and name not in only:
            continue
        image, properties = SimpleITKIO().read_images([str(DATA / path) for path in what["stored"]])
        print(name, image.shape, properties["spacing"], flush=True)
        mirrored = what["mirror"] is not None
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary)
            previous = None
            expected = {"stored": what["stored"], "configuration": what["configuration"], "folds": what["folds"],
                        "mirror": what["mirror"], "head": head(name), "nnunetv2": version("nnunetv2"), "torch": torch.__version__,
                        "shape": list(image.shape), "spacing": list(properties["spacing"])}
            if name == "cascade":
                write_model(root / "low", name, what, "3d_lowres")
                _, _, previous, _ = run(root / "low", image, properties, mirrored)
                out = previous.astype(np.uint8)
                expected["previous_counts"] = np.bincount(out.reshape(-1)).tolist()
            write_model(root / "model", name, what, what["configuration"])
            given = None if previous is None else previous[None].astype(np.int8)
            data, logits, labels, labels_half = run(root / "model", image, properties, mirrored, given)
        target = FIXTURES / "nnunet" / name
        target.mkdir(parents=True, exist_ok=True)
        (target / "plans.json").write_text(json.dumps(what["plans"], separators=(",", ":")) + "\n")
        (target / "dataset.json").write_text(json.dumps(what["dataset"], separators=(",", ":")) + "\n")
        expected["same_as_half"] = float((labels == labels_half).mean())
        expected["counts"] = np.bincount(labels.reshape(-1).astype(int)).tolist()
        expected["tensors"] = {"prepared": kept(data), "logits": kept(logits)}
        (target / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
        stored = np.stack([labels, labels ^ labels_half]).astype(np.uint8)
        with gzip.GzipFile(target / "labels.gz", "wb", compresslevel=9, mtime=0) as out:
            out.write(stored.tobytes())
        print(name, data.shape, logits.shape, "counts", expected["counts"], "half", expected["same_as_half"],
              "logits", float(logits.mean()), float(logits.std()), (target / "labels.gz").stat().st_size, flush=True)


# ---- Version 1 -----------------------------------------------------------------------------


def version_one():
    """crates/zoo/tests/fixtures/nnunet/v1: a model of nnU-Net 1 (nnunet 1.7.1 beside the others).

    Its predictor runs on graphics cards only; here its own preprocessor, network, tile positions,
    weights and resampling are called one after the other as `predict_3D` and
    `save_segmentation_nifti_from_softmax` do.
    """
    import pickle
    from collections import OrderedDict

    from nnunet.inference.segmentation_export import get_do_separate_z, get_lowres_axis
    from nnunet.network_architecture.generic_UNet import Generic_UNet
    from nnunet.network_architecture.neural_network import SegmentationNetwork
    from nnunet.preprocessing.cropping import crop_to_nonzero
    from nnunet.preprocessing.preprocessing import GenericPreprocessor, resample_data_or_seg
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    stored = ["volumes/totalsegmentator/example_mr_sm.nii.gz", "volumes/totalsegmentator/example_mr_sm.nii.gz"]
    image, properties = SimpleITKIO().read_images([str(DATA / path) for path in stored])
    patch, pools, kernels = [24, 40, 48], [[1, 2, 2], [2, 2, 2]], [[1, 3, 3], [3, 3, 3], [3, 3, 3]]
    numbers = {"mean": 210.5, "sd": 120.25, "percentile_00_5": 5.0, "percentile_99_5": 600.0}
    forward = [0, 2, 1]
    made = {
        "num_stages": 1, "num_modalities": 2, "modalities": {0: "MRI", 1: "CT"},
        "normalization_schemes": OrderedDict([(0, "nonCT"), (1, "CT")]),
        "dataset_properties": {"intensityproperties": OrderedDict([(0, None), (1, {k: np.float64(v) for k, v in numbers.items()})]),
                               "all_sizes": [(30, 100, 100)] * 3},
        "original_spacings": [np.array([3.0, 3.0, 3.0])], "num_classes": 2, "all_classes": [1, 2],
        "base_num_features": 8, "use_mask_for_norm": OrderedDict([(0, True), (1, True)]),
        "keep_only_largest_region": None, "transpose_forward": forward, "transpose_backward": forward,
        "data_identifier": "nnUNetData_plans_v2.1",
        "plans_per_stage": {0: {
            "batch_size": 2, "num_pool_per_axis": [1, 2, 2], "patch_size": np.array(patch),
            "median_patient_size_in_voxels": np.array([30, 90, 120]), "current_spacing": np.array([2.5, 2.75, 3.5]),
            "original_spacing": np.array([3.0, 3.0, 3.0]), "do_dummy_2D_data_aug": False,
            "pool_op_kernel_sizes": pools, "conv_kernel_sizes": kernels}},
        "preprocessor_name": "GenericPreprocessor", "conv_per_stage": 2,
    }
    target = FIXTURES / "nnunet/v1"
    target.mkdir(parents=True, exist_ok=True)
    with open(target / "plans.pkl", "wb") as out:
        pickle.dump(made, out)
    info = OrderedDict(init=("plans.pkl", 0, "out", "data", False, 0, True, False, True), name="nnUNetTrainerV2",
                       plans=made)
    info["class"] = "<class nnUNetTrainerV2>"
    with open(target / "model_final_checkpoint.model.pkl", "wb") as out:
        pickle.dump(info, out)

    data, seg, _ = crop_to_nonzero(image, None, nonzero_label=-1)
    axes = [0, *[a + 1 for a in forward]]
    data, seg = data.transpose(axes), seg.transpose(axes)
    spacing = [properties["spacing"][a] for a in forward]
    preprocessor = GenericPreprocessor(made["normalization_schemes"], made["use_mask_for_norm"], [0, 1, 2],
                                       made["dataset_properties"]["intensityproperties"])
    before = data.shape[1:]
    dct = {"original_spacing": np.array(spacing)}
    data, seg, dct = preprocessor.resample_and_normalize(data, made["plans_per_stage"][0]["current_spacing"], dct, seg)
    data = data.astype(np.float32)

    network = Generic_UNet(2, 8, 3, 2, 2, 2, torch.nn.Conv3d, torch.nn.InstanceNorm3d, {"eps": 1e-5, "affine": True},
                           torch.nn.Dropout3d, {"p": 0, "inplace": True}, torch.nn.LeakyReLU,
                           {"negative_slope": 1e-2, "inplace": True}, True, False, lambda x: x, None, pools, kernels,
                           False, True, True).eval()
    values = network.state_dict()
    with torch.no_grad():
        for name, tensor in values.items():
            filled = synth.fill(name, tuple(tensor.shape)).reshape(tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(filled * np.float32(4.0 if name.startswith("seg_outputs.") else 1.0)))
    network.load_state_dict(values)
    network.do_ds = False

    assert all(e >= p for e, p in zip(data.shape[1:], patch)), data.shape
    steps = SegmentationNetwork._compute_steps_for_sliding_window(patch, data.shape[1:], 0.5)
    weights = SegmentationNetwork._get_gaussian(patch)
    sums, total = np.zeros((3, *data.shape[1:]), np.float32), np.zeros(data.shape[1:], np.float32)
    with torch.no_grad():
        for a in steps[0]:
            for b in steps[1]:
                for c in steps[2]:
                    tile = (slice(a, a + patch[0]), slice(b, b + patch[1]), slice(c, c + patch[2]))
                    x = torch.from_numpy(np.ascontiguousarray(data[(slice(None), *tile)])[None])
                    sums[(slice(None), *tile)] += torch.softmax(network(x), 1)[0].numpy() * weights
                    total[tile] += weights
    probabilities = sums / total
    apart = get_do_separate_z(spacing) or get_do_separate_z(made["plans_per_stage"][0]["current_spacing"])
    assert not apart
    back = resample_data_or_seg(probabilities, np.array(before), False, None, 1, False, 0)
    labels = back.argmax(0)
    box = crop_to_nonzero(image, None, nonzero_label=-1)[2]
    whole = np.zeros(image.shape[1:], np.uint8)
    whole[tuple(slice(a, b) for a, b in box)] = labels.transpose(np.argsort(forward))
    from importlib.metadata import version

    expected = {"stored": stored, "nnunet": version("nnunet"), "head": 4.0, "shape": list(image.shape), "folds": 1,
                "spacing": [float(s) for s in properties["spacing"]], "counts": np.bincount(whole.reshape(-1)).tolist(),
                "tensors": {"prepared": kept(data), "probabilities": kept(probabilities)}}
    (target / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
    with gzip.GzipFile(target / "labels.gz", "wb", compresslevel=9, mtime=0) as out:
        out.write(whole.tobytes() + bytes(whole.size))
    print("v1", data.shape, "counts", expected["counts"], (target / "labels.gz").stat().st_size)


def small():
    """The zip that nnUNetv2_export_model_to_zip makes of the smallest model, by torch.save itself."""
    import pickle
    from nnunetv2.postprocessing.remove_connected_components import remove_all_but_largest_component_from_segmentation

    what = {
        "plans": plans({"2d": configuration(
            [1.0, 1.0], [16, 16], architecture(2, "PlainConvUNet", [2, 3], [[1, 1], [2, 2]], [1, 1], [1]),
            ["ZScoreNormalization"], [False])}),
        "dataset": dataset(["MRI"], {"background": 0, "thing": 1}), "mirror": [0, 1], "folds": 2,
    }
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        folder = root / "Dataset900_Synthetic/nnUNetTrainer__nnUNetPlans__2d"
        write_model(folder, "small", what, "2d")
        (folder / "crossval_results_folds_0_1").mkdir()
        with open(folder / "crossval_results_folds_0_1/postprocessing.pkl", "wb") as out:
            pickle.dump(([remove_all_but_largest_component_from_segmentation], [{"labels_or_regions": [1]}]), out)
        target = FIXTURES / "nnunet/export.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    info = zipfile.ZipInfo(str(path.relative_to(root)))
                    out.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    print(target.stat().st_size)


if __name__ == "__main__":
    torch.set_num_threads(2)
    what, only = (sys.argv[1] if len(sys.argv) > 1 else ""), set(sys.argv[2:])
    if what == "networks":
        networks(only)
    elif what == "models":
        models(only)
    elif what == "v1":
        version_one()
    elif what == "small":
        small()
    else:
        sys.exit(__doc__)
