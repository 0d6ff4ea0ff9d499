"""Fixtures of TotalSegmentator 2.18.0: whole tasks with made-up models on real images.

    python tools/reference/totalsegmentator_tasks.py DATA

DATA is the folder with the real data (volumes/totalsegmentator). Models are nnU-Nets of two small stages
in the plans format of the published ones, filled by synth.py beside this file under `DATASET.tensor`; they
are run by TotalSegmentator's own nnUNet_predict_image, with sums of tiles in single precision. Writes
crates/zoo/tests/fixtures/systems/totalsegmentator.json and totalsegmentator-*.gz (labels, one byte a
voxel, in the order of the file). Versions: TotalSegmentator 2.18.0, the rest in requirements.txt.
"""

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = tempfile.mkdtemp()
for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ[variable] = ROOT
os.environ["TOTALSEG_HOME_DIR"] = ROOT

import nibabel as nib
import numpy as np
import torch

torch.half = torch.float32

from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from totalsegmentator.map_tasks_config import TASK_CONFIGS, TASK_ID_WEIGHTS_CONFIGS
from totalsegmentator.map_to_binary import class_map, class_map_parts_mr
from totalsegmentator.nnunet import nnUNet_predict_image

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

OUT = Path(__file__).resolve().parents[2] / "crates/zoo/tests/fixtures/systems"


def plans(spacing, modality):
    scheme = "CTNormalization" if modality == "CT" else "ZScoreNormalization"
    kwargs = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    return {
        "dataset_name": "Test", "plans_name": "nnUNetPlans", "image_reader_writer": "NibabelIOWithReorient",
        "original_median_spacing_after_transp": spacing, "original_median_shape_after_transp": [40, 40, 40],
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": {
            "data_identifier": "nnUNetPlans", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
            "patch_size": [16, 24, 24], "median_image_size_in_voxels": [40, 40, 40], "spacing": spacing,
            "normalization_schemes": [scheme], "use_mask_for_norm": [False],
            "resampling_fn_data": "resample_data_or_seg_to_shape",
            "resampling_fn_seg": "resample_data_or_seg_to_shape",
            "resampling_fn_data_kwargs": kwargs,
            "resampling_fn_seg_kwargs": {**kwargs, "is_seg": True, "order": 1},
            "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
            "resampling_fn_probabilities_kwargs": {**kwargs, "order": 1},
            "batch_dice": False, "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 6,
            "unet_max_num_features": 12, "n_conv_per_stage_encoder": [1, 1], "n_conv_per_stage_decoder": [1],
            "num_pool_per_axis": [1, 1, 1], "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2]],
            "conv_kernel_sizes": [[3, 3, 3], [3, 3, 3]]}},
        "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {
            "max": 1000.0, "mean": 20.0, "median": 20.0, "min": -1000.0, "percentile_00_5": -900.0,
            "percentile_99_5": 900.0, "std": 200.0}},
    }


def make(dataset, trainer, spacing, modality, labels, models):
    folder = TASK_ID_WEIGHTS_CONFIGS[dataset]["foldername"]
    name = f"{trainer}__nnUNetPlans__3d_fullres"
    target = Path(ROOT) / folder / name
    (target / "fold_0").mkdir(parents=True)
    own = plans([spacing] * 3, modality)
    described = {"channel_names": {"0": modality}, "numTraining": 1, "file_ending": ".nii.gz",
                 "labels": {"background": 0, **{name: label for label, name in labels.items()}}}
    (target / "plans.json").write_text(json.dumps(own))
    (target / "dataset.json").write_text(json.dumps(described))
    configuration = PlansManager(own).get_configuration("3d_fullres")
    network = get_network_from_plans(
        configuration.network_arch_class_name, configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import, 1, len(labels) + 1, deep_supervision=True)
    state = network.state_dict()
    with torch.no_grad():
        for key, tensor in state.items():
            if ".all_modules." not in key and not key.startswith("decoder.encoder."):
                tensor.copy_(torch.from_numpy(synth.fill(f"{dataset}.{key}", tuple(tensor.shape))))
    # fill() tells what a tensor is for by its name and shape, which the prefix does not change.
    network.load_state_dict(state)
    torch.save({"network_weights": network.state_dict(), "trainer_name": trainer, "current_epoch": 1,
                "init_args": {"configuration": "3d_fullres"}, "inference_allowed_mirroring_axes": None},
               target / "fold_0/checkpoint_final.pth")
    models[str(dataset)] = {"folder": f"{folder}/{name}", "plans": own, "dataset": described}


def predict(image, dataset, trainer, task, spacing, crop=None):
    seg, _, _ = nnUNet_predict_image(
        image, None, dataset, model="3d_fullres", folds=[0], trainer=trainer, tta=False, multilabel_image=True,
        resample=spacing, crop=crop, crop_path=None, task_name=task, nr_threads_saving=1,
        crop_addon=[20, 20, 20], quiet=True, skip_saving=True, device="cpu")
    return seg


def write(name, seg, models, image):
    labels = np.asanyarray(seg.dataobj).astype(np.uint8)
    packed = gzip.compress(labels.tobytes(order="F"), 9, mtime=0)
    (OUT / f"totalsegmentator-{name}.gz").write_bytes(packed)
    counts = dict(zip(*[v.tolist() for v in np.unique(labels, return_counts=True)]))
    print(name, labels.shape, len(packed), counts)
    return {"image": image, "models": models, "counts": counts}


def main(data):
    folder = data / "volumes/totalsegmentator"
    result = {}
    ct = folder / "example_ct_sm.nii.gz"
    image = nib.load(ct)

    models = {}
    coarse = "nnUNetTrainer_4000epochs_NoMirroring"
    fine = TASK_CONFIGS["hip_implant"]["trainer"]
    make(298, coarse, 6.0, "CT", class_map["total"], models)
    make(260, fine, 4.0, "CT", class_map["hip_implant"], models)
    rough = predict(image, 298, coarse, "total", 6.0)
    inverse = {name: label for label, name in class_map["total"].items()}
    wanted = [inverse[name] for name in TASK_CONFIGS["hip_implant"]["crop"]]
    mask = np.isin(np.asanyarray(rough.dataobj), wanted).astype(np.uint8)
    print("crop mask", mask.sum(), np.unique(rough.dataobj, return_counts=True))
    seg = predict(image, 260, fine, "hip_implant", None, nib.Nifti1Image(mask, image.affine))
    result["hip_implant"] = write("hip_implant", seg, models, ct.name)
    result["total-fastest"] = write("total-fastest", rough, {"298": models["298"]}, ct.name)

    models = {}
    make(300, "nnUNetTrainer", 6.0, "CT", class_map["body"], models)
    seg = predict(image, 300, "nnUNetTrainer", "body", 6.0)
    result["body-fast"] = write("body-fast", seg, models, ct.name)

    models = {}
    mr = folder / "example_mr_sm.nii.gz"
    trainer = TASK_CONFIGS["total_mr"]["sub_modes"]["default"]["trainer"]
    for dataset, part in ((850, "class_map_part_organs"), (851, "class_map_part_muscles")):
        make(dataset, trainer, 1.5, "MR", class_map_parts_mr[part], models)
    seg = predict(nib.load(mr), [850, 851], trainer, "total_mr", [1.5, 1.5, 1.5])
    result["total_mr"] = write("total_mr", seg, models, mr.name)

    path = OUT / "totalsegmentator.json"
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(path.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
