"""Parity fixtures of MONAI bundles that detect, on deterministic weights (synth.py beside this file) and real volumes.

    python tools/reference/bundle_detection.py [NAME…]

Writes crates/zoo/tests/fixtures/bundles/<name>/: `configs/` in the form of the published bundle for nodules of the lung, of
another size, and `expected.json`: the boxes that MONAI's own detector and transforms give, centres and lengths in the world
coordinates that the configuration asks for (LPS), in millimetres, with scores and classes, the best first. Images are taken
as scanners make them, as the bundle's own switch for that has it. Versions: requirements.txt beside this file.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bundles import ANATOMICAL, DATA, FIXTURES, THICK, compose, fill, t


def config(pixdim, tile, window, selector, classes, force=False):
    return {
        "whether_raw_luna16": False,
        "whether_resampled_luna16": "$(not @whether_raw_luna16)",
        "imports": ["$import glob", "$import numpy", "$import os"],
        "bundle_root": ".",
        "image_key": "image",
        "output_dir": "$@bundle_root + '/eval'",
        "data_list_file_path": "$@bundle_root + '/LUNA16_datasplit/dataset_fold0.json'",
        "test_datalist": "$monai.data.load_decathlon_datalist(@data_list_file_path, is_segmentation=True, data_list_key='validation')",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "amp": True,
        "load_pretrain": True,
        "spatial_dims": 3,
        "num_classes": classes,
        "force_sliding_window": force,
        "size_divisible": [16, 16, 8],
        "infer_patch_size": tile,
        "anchor_generator": {
            "_target_": "monai.apps.detection.utils.anchor_utils.AnchorGeneratorWithAnchorShape",
            "feature_map_scales": [1, 2, 4],
            "base_anchor_shapes": [[6, 8, 4], [8, 6, 5], [10, 10, 6]],
        },
        "backbone": "$monai.networks.nets.resnet.resnet50(spatial_dims=3,n_input_channels=1,conv1_t_stride=[2,2,1],conv1_t_size=[7,7,7])",
        "feature_extractor": "$monai.apps.detection.networks.retinanet_network.resnet_fpn_feature_extractor(@backbone,3,False,[1,2],None)",
        "network_def": {"_target_": "RetinaNet", "spatial_dims": "@spatial_dims", "num_classes": "@num_classes", "num_anchors": 3,
                        "feature_extractor": "@feature_extractor", "size_divisible": "@size_divisible", "use_list_output": False},
        "network": "$@network_def.to(@device)",
        "detector": {"_target_": "RetinaNetDetector", "network": "@network", "anchor_generator": "@anchor_generator", "debug": False,
                     "spatial_dims": "@spatial_dims", "num_classes": "@num_classes", "size_divisible": "@size_divisible"},
        "detector_ops": [
            "$@detector.set_target_keys(box_key='box', label_key='label')",
            f"$@detector.set_box_selector_parameters({selector})",
            "$@detector.set_sliding_window_inferer(roi_size=@infer_patch_size,overlap=0.25,sw_batch_size=1,mode='constant',device='cpu')",
        ],
        "preprocessing": compose(
            t("LoadImaged", "@image_key", _disabled_="@whether_raw_luna16"),
            t("LoadImaged", "@image_key", reader="itkreader", affine_lps_to_ras=True, _disabled_="@whether_resampled_luna16"),
            t("EnsureChannelFirstd", "@image_key"),
            t("Orientationd", "@image_key", axcodes="RAS"),
            t("Spacingd", "@image_key", pixdim=pixdim, _disabled_="@whether_resampled_luna16"),
            t("ScaleIntensityRanged", "@image_key", a_min=window[0], a_max=window[1], b_min=0.0, b_max=1.0, clip=True),
            t("EnsureTyped", "@image_key"),
        ),
        "dataset": {"_target_": "Dataset", "data": "$@test_datalist", "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": False, "num_workers": 4,
                       "collate_fn": "$monai.data.utils.no_collation"},
        "inferer": {"_target_": "scripts.detection_inferer.RetinaNetInferer", "detector": "@detector",
                    "force_sliding_window": "@force_sliding_window"},
        "postprocessing": compose(
            {"_target_": "ClipBoxToImaged", "box_keys": "box", "label_keys": "label", "box_ref_image_keys": "@image_key", "remove_empty": True},
            {"_target_": "AffineBoxToWorldCoordinated", "box_keys": "box", "box_ref_image_keys": "@image_key", "affine_lps_to_ras": True},
            {"_target_": "ConvertBoxModed", "box_keys": "box", "src_mode": "xyzxyz", "dst_mode": "cccwhd"},
            t("DeleteItemsd", ["@image_key"]),
        ),
        "handlers": [{"_target_": "StatsHandler", "iteration_log": False}],
        "evaluator": {"_target_": "scripts.evaluator.DetectionEvaluator", "_requires_": "@detector_ops", "device": "@device",
                      "val_data_loader": "@dataloader", "network": "@network", "inferer": "@inferer", "val_handlers": "@handlers",
                      "amp": "@amp"},
        "checkpointloader": {"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'",
                             "load_dict": {"model": "@network"}},
        "initialize": ["$@checkpointloader(@evaluator) if @load_pretrain else None"],
        "run": ["$@evaluator.run()"],
    }


def metadata(name):
    return {
        "name": name,
        "version": "0.0.1",
        "monai_version": "1.4.0",
        "task": "CT lung nodule detection",
        "network_data_format": {
            "inputs": {"image": {"type": "image", "modality": "CT", "num_channels": 1, "channel_def": {"0": "image"}}},
            "outputs": {"pred": {"type": "object", "format": "dict", "num_channels": 1}},
        },
    }


# name: image, metadata, configuration
BUNDLES = {
    # An oblique image, seen whole.
    "nodules": (
        THICK[0], metadata("Lung nodule CT detection"),
        config([0.9, 0.85, 4.0], [64, 64, 32], [-100.0, 900.0],
               "score_thresh=0.02,topk_candidates_per_level=1000,nms_thresh=0.22,detections_per_img=60", 1),
    ),
    # Tiles that overlap, and more of one than there is of the image along k; two classes.
    "nodules_tiles": (
        ANATOMICAL[0], metadata("Two kinds in tiles"),
        config([1.1, 1.7, 8.0], [32, 32, 16], [0.0, 9000.0],
               "score_thresh=0.6,topk_candidates_per_level=150,nms_thresh=0.1,detections_per_img=300", 2),
    ),
}


def write(name):
    from monai.bundle import ConfigParser

    image, meta, settings = BUNDLES[name]
    folder = FIXTURES / name
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "configs/metadata.json").write_text(json.dumps(meta, indent=1) + "\n")
    (folder / "configs/inference.json").write_text(json.dumps(settings, indent=1) + "\n")
    os.chdir(folder)
    parser = ConfigParser()
    parser.read_config("configs/inference.json")
    parser["whether_raw_luna16"] = True
    # NIfTI files are the same to both readers.
    parser["preprocessing"]["transforms"][1] = t("LoadImaged", "@image_key", _disabled_="@whether_resampled_luna16")
    with torch.no_grad():
        fill(parser.get_parsed_content("network_def"))
        case = parser.get_parsed_content("preprocessing")({"image": str(DATA / image)})
        detector = parser.get_parsed_content("detector")
        parser.get_parsed_content("detector_ops")
        detector.eval()
        # As the published inferer: tiles where the image is no smaller than one.
        tiled = case["image"][0].numel() >= np.prod(settings["infer_patch_size"]) or settings["force_sliding_window"]
        found = detector([case["image"]], use_inferer=bool(tiled))[0]
        after = parser.get_parsed_content("postprocessing")({**found, "image": case["image"]})
    order = ["box", "label", "label_scores"]
    boxes, labels, scores = (np.asarray(after[key].cpu()) for key in order)
    expected = {
        "monai": __import__("monai").__version__,
        "stored": [image],
        "prepared_size": list(case["image"].shape[1:]),
        "tiled": bool(tiled),
        "boxes": [[float(f"{v:.7g}") for v in box] for box in boxes],
        "classes": [int(label) for label in labels],
        "scores": [float(f"{score:.7g}") for score in scores],
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    print(name, expected["prepared_size"], tiled, len(boxes), scores[:3], scores[-3:], boxes[:2])


if __name__ == "__main__":
    for name in sys.argv[1:] or BUNDLES:
        write(name)
