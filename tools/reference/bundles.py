"""Parity fixtures of MONAI bundles, on deterministic weights (synth.py beside this file) and real volumes.

    python tools/reference/bundles.py [NAME…]

Writes crates/zoo/tests/fixtures/bundles/<name>/: `configs/metadata.json` and `configs/inference.json` (or `.yaml`)
in the form of published bundles, and what MONAI's own parser, transforms, networks and inferers make of a real
volume: `expected.json` with the prepared case and the logits on its grid, sampled, in the order channel, i, j, k;
`labels.gz` with the label map on the case's own grid, bytes in the order k, j, i. `stored` names the images below
the folder of test data. Versions: requirements.txt beside this file.
"""

import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import synth

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/zoo/tests/fixtures/bundles"
DATA = Path(os.environ.get("CONSILIUM_TEST_DATA", ROOT / "../shared/data"))
KEEP = 3000

LOADER = {"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'", "load_dict": {"model": "@network"}}
EVALUATOR = {
    "_target_": "SupervisedEvaluator",
    "device": "@device",
    "val_data_loader": "@dataloader",
    "network": "@network",
    "inferer": "@inferer",
    "postprocessing": "@postprocessing",
    "amp": True,
}


def t(target, keys="image", **more):
    return {"_target_": target, "keys": keys, **more}


def compose(*transforms):
    return {"_target_": "Compose", "transforms": list(transforms)}


def invert(nearest, key="image"):
    return t("Invertd", "pred", transform="@preprocessing", orig_keys=key, nearest_interp=nearest, to_tensor=True)


SAVE = t("SaveImaged", "pred", output_dir="@output_dir")


def bundle(network, before, inferer, after, loader=None, **more):
    config = {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "output_dir": "$@bundle_root + '/eval'",
        "dataset_dir": "/workspace/data",
        "datalist": "$list(sorted(glob.glob(@dataset_dir + '/imagesTs/*.nii.gz')))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    }
    config.update(more)
    config.update(
        {
            "network_def": network,
            "network": "$@network_def.to(@device)",
            "preprocessing": before,
            "dataset": {"_target_": "Dataset", "data": "$[{'image': i} for i in @datalist]", "transform": "@preprocessing"},
            "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": False, "num_workers": 0},
            "inferer": inferer,
            "postprocessing": after,
            "handlers": [{"_target_": "StatsHandler", "iteration_log": False}],
            "evaluator": EVALUATOR,
            "checkpointloader": loader or LOADER,
            "run": ["$@evaluator.run()"],
        }
    )
    return config


def metadata(name, modality, inputs, outputs, monai="1.4.0"):
    return {
        "name": name,
        "version": "0.0.1",
        "monai_version": monai,
        "task": "made-up weights for comparisons",
        "network_data_format": {
            "inputs": {"image": {"type": "image", "modality": modality, "num_channels": len(inputs),
                                 "channel_def": {str(n): c for n, c in enumerate(inputs)}}},
            "outputs": {"pred": {"type": "image", "format": "segmentation", "num_channels": len(outputs),
                                 "channel_def": {str(n): c for n, c in enumerate(outputs)}}},
        },
    }


ANATOMICAL = ["volumes/nibabel/anatomical.nii"]
MRI = ["volumes/innereye/id1_channel1.nii.gz"]
HEAD = ["volumes/brain/hippodeep_example_brain_t1.nii.gz"]
THICK = ["volumes/spinalcord/mt/mt0.nii.gz", "volumes/spinalcord/mt/mt1.nii.gz"]

# The classes of the published VISTA3D by number (its configs/metadata.json), by which its prompts are named.
LOBES = ["left lung upper lobe", "left lung lower lobe", "right lung upper lobe", "right lung middle lobe", "right lung lower lobe"]
VERTEBRAE = [f"vertebrae {level}" for level in [f"L{n}" for n in range(5, 0, -1)] + [f"T{n}" for n in range(12, 0, -1)]
             + [f"C{n}" for n in range(7, 0, -1)]]
PAIRS = ["humerus", "scapula", "clavicula", "femur", "hip"]
MUSCLES = ["gluteus maximus", "gluteus medius", "gluteus minimus", "autochthon", "iliopsoas"]


def sides(names):
    return [f"{side} {name}" for name in names for side in ("left", "right")]


VISTA = (
    ["background", "liver", "kidney", "spleen", "pancreas", "right kidney", "aorta", "inferior vena cava", "right adrenal gland",
     "left adrenal gland", "gallbladder", "esophagus", "stomach", "duodenum", "left kidney", "bladder", "prostate or uterus",
     "portal vein and splenic vein", "rectum", "small bowel", "lung", "bone", "brain", "lung tumor", "pancreatic tumor",
     "hepatic vessel", "hepatic tumor", "colon cancer primaries"]
    + LOBES + VERTEBRAE + ["trachea"] + sides(["iliac artery", "iliac vena"]) + ["colon"]
    + [f"{side} rib {n}" for side in ("left", "right") for n in range(1, 13)]
    + sides(PAIRS) + ["sacrum"] + sides(MUSCLES)
    + ["left atrial appendage", "brachiocephalic trunk", *sides(["brachiocephalic vein", "common carotid artery"]), "costal cartilages",
       "heart", *sides(["kidney cyst"]), "prostate", "pulmonary vein", "skull", "spinal cord", "sternum", *sides(["subclavian artery"]),
       "superior vena cava", "thyroid gland", "vertebrae S1", "bone lesion", "kidney mass", "liver tumor", "vertebrae L6", "airway"]
)


def vista(network, roi, everything, spacing, after=None):
    """A configuration as VISTA3D's is published, of another size."""
    config = bundle(
        network,
        compose(),
        {"_target_": "scripts.inferer.Vista3dInferer", "roi_size": "@patch_size", "overlap": 0.3, "sw_batch_size": "@sw_batch_size",
         "use_point_window": True},
        compose(
            t("ToDeviced", "pred", device="cpu", _disabled_=True),
            t("monai.apps.vista3d.transforms.VistaPostTransformd", "pred"),
            t("Invertd", "pred", transform="$copy.deepcopy(@preprocessing)", orig_keys="@image_key", nearest_interp=True, to_tensor=True),
            t("Lambdad", "pred", func="$lambda x: torch.nan_to_num(x, nan=255)"),
            SAVE,
        ),
        image_key="image",
        input_dict="${'image': '/data/Task09_Spleen/imagesTr/spleen_10.nii.gz', 'label_prompt': [3]}",
        everything_labels=everything,
        metadata_path="$@bundle_root + '/configs/metadata.json'",
        metadata="$json.loads(pathlib.Path(@metadata_path).read_text())",
        labels_dict="$@metadata['network_data_format']['outputs']['pred']['channel_def']",
        subclass={"2": [14, 5], "20": [28, 29, 30, 31, 32], "21": "$list(range(33, 57)) + list(range(63, 98)) + [114, 120, 122]"},
        input_channels=1,
        sw_batch_size=1,
        patch_size=roi,
        preprocessing_transforms=[
            t("LoadImaged", "@image_key", image_only=True), t("EnsureChannelFirstd", "@image_key"),
            t("EnsureTyped", "@image_key", device="@device", track_meta=True),
            t("Spacingd", "@image_key", pixdim=spacing, mode="bilinear"),
            t("CropForegroundd", "@image_key", allow_smaller=True, margin=10, source_key="@image_key"),
            t("monai.apps.vista3d.transforms.VistaPreTransformd", "@image_key", subclass="@subclass", labels_dict="@labels_dict"),
            t("ScaleIntensityRanged", "@image_key", a_min=-963.8247715525971, a_max=1053.678477684517, b_min=0, b_max=1, clip=True),
            t("Orientationd", "@image_key", axcodes="RAS"),
            t("CastToTyped", "@image_key", dtype="$torch.float32"),
        ],
    )
    config["imports"] += ["$import copy", "$import json", "$import pathlib"]
    config["preprocessing"] = compose()
    config["preprocessing"]["transforms"] = "$@preprocessing_transforms "
    config["dataset"]["data"] = "$[@input_dict]"
    config["evaluator"] = {**EVALUATOR, "_target_": "scripts.evaluator.Vista3dEvaluator",
                           "hyper_kwargs": {"user_prompt": True, "everything_labels": "@everything_labels"}}
    return config


# name: images, metadata, configuration, ending
BUNDLES = {
    "organ_unet": (
        ANATOMICAL,
        metadata("An organ", "CT", ["image"], ["background", "liver", "spleen"]),
        bundle(
            {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [8, 16, 32],
             "strides": [2, 2], "num_res_units": 2, "norm": "batch"},
            compose(
                t("LoadImaged"), t("EnsureChannelFirstd"), t("Orientationd", axcodes="RAS"),
                t("Spacingd", pixdim=[1.5, 1.7, 2.3], mode="bilinear"),
                t("ScaleIntensityRanged", a_min=-57, a_max=12000, b_min=0, b_max=1, clip=True),
                t("EnsureTyped"),
            ),
            {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 16], "sw_batch_size": 4, "overlap": 0.5},
            compose(t("Activationsd", "pred", softmax=True), invert(False), t("AsDiscreted", "pred", argmax=True), SAVE),
        ),
        "json",
    ),
    "parts_segresnet": (
        MRI,
        metadata("Parts", "MR", ["image"], ["background", "part one", "part two", "part three"]),
        bundle(
            {"_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 4, "init_filters": 8,
             "blocks_down": [1, 2, 2], "blocks_up": [1, 1], "dropout_prob": 0.2},
            compose(
                t("LoadImaged", "@image_key"), t("EnsureTyped", "@image_key"), t("EnsureChannelFirstd", "@image_key"),
                t("Orientationd", "@image_key", axcodes="RAS"), t("Spacingd", "@image_key", pixdim="@pixdim", mode="bilinear"),
                t("NormalizeIntensityd", "@image_key", nonzero=True), t("ScaleIntensityd", "@image_key", minv=-1.0, maxv=1.0),
            ),
            {"_target_": "SlidingWindowInferer", "roi_size": [48, 48, 48], "sw_batch_size": "@shown#batch",
             "overlap": "@shown#overlap", "padding_mode": "replicate", "mode": "gaussian", "device": "@device"},
            compose(t("Activationsd", "pred", softmax=True), t("AsDiscreted", "pred", argmax=True), invert(True, "@image_key"), SAVE),
            loader={**LOADER, "load_path": "$@bundle_root + '/models/' + @modelname"},
            shown={"high": False, "overlap": 0.25, "batch": 1},
            image_key="image",
            pixdim="$[1.5, 1.5, 1.5] if @shown#high else [2.1, 2.1, 2.1]",
            modelname="$'model.pt' if @shown#high else 'model_lowres.pt'",
        ),
        "json",
    ),
    "regions_segresnet": (
        THICK,
        metadata("Regions", "MR", ["first", "second"], ["core", "whole", "enhancing"]),
        bundle(
            {"_target_": "SegResNet", "in_channels": 2, "out_channels": 3, "init_filters": 8, "blocks_down": [1, 2],
             "blocks_up": [1], "norm": ["instance", {"affine": True}], "upsample_mode": "deconv", "act": ["leakyrelu", {"negative_slope": 0.1}]},
            compose(
                t("LoadImaged"), t("EnsureChannelFirstd"), t("NormalizeIntensityd", nonzero=True, channel_wise=True),
                t("DivisiblePadd", k=4),
            ),
            {"_target_": "SimpleInferer"},
            compose(
                t("Activationsd", "pred", sigmoid=True), invert(False), t("AsDiscreted", "pred", threshold=0.5),
                t("Lambdad", "pred", func="$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))"),
                SAVE,
            ),
        ),
        "json",
    ),
    "pieces_dynunet": (
        HEAD,
        metadata("Pieces", "MR", ["image"], ["background", "femur left", "femur right"], monai="1.5.0"),
        bundle(
            {"_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "kernel_size": [[3, 3, 1], 3, [3, 3, 3]],
             "strides": [1, [2, 2, 1], 2], "upsample_kernel_size": [[2, 2, 1], 2], "filters": [6, 10, 14],
             "norm_name": ["INSTANCE", {"affine": True}], "res_block": True, "deep_supervision": False},
            compose(
                t("LoadImaged", ["image"]), t("EnsureChannelFirstd", ["image"]), t("Orientationd", ["image"], axcodes="PLI"),
                t("CropForegroundd", ["image"], source_key="image", select_fn="$lambda x: x > 60", margin=3, k_divisible=[4, 4, 2]),
                t("NormalizeIntensityd", ["image"], subtrahend=60.0, divisor=42.0),
                t("Spacingd", ["image"], pixdim=[4.1, 3.3, -1], mode=["bilinear"]),
                t("SpatialPadd", ["image"], spatial_size=[40, 48, 40]),
            ),
            {"_target_": "SlidingWindowInferer", "roi_size": [32, 40, -1], "sw_batch_size": 1, "overlap": [0.3, 0.1, 0.0], "mode": "gaussian",
             "sigma_scale": 0.2},
            compose(
                t("Activationsd", "pred", softmax=True), t("AsDiscreted", "pred", argmax=True),
                t("KeepLargestConnectedComponentd", "pred", applied_labels=[1, 2]), invert(True), SAVE,
            ),
        ),
        "yaml",
    ),
    "plain_unet": (
        MRI,
        metadata("Plain", "MR", ["image"], ["background", "one"]),
        bundle(
            {"_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "channels": [6, 8, 12, 16],
             "strides": [2, 1, 2], "norm": ["group", {"num_groups": 2}], "act": ["leakyrelu", {"negative_slope": 0.2}], "bias": False,
             "kernel_size": 3, "up_kernel_size": 5, "adn_ordering": "AN"},
            compose(
                t("LoadImaged"), t("EnsureChannelFirstd"), t("Spacingd", pixdim=2.37, mode="nearest"), t("Orientationd", axcodes="LPS"),
                t("ScaleIntensityd"),
            ),
            {"_target_": "SlidingWindowInferer", "roi_size": 40, "overlap": 0.4, "cval": 0.25},
            compose(t("Activationsd", "pred", sigmoid=True), t("AsDiscreted", "pred", threshold=0.55), SAVE),
        ),
        "json",
    ),
    # As the published one for abdominal organs, made before MONAI 1.5.
    "organs_swin_unetr": (
        MRI,
        metadata("Organs", "CT", ["image"], ["background", "spleen", "liver", "stomach"]),
        bundle(
            {"_target_": "SwinUNETR", "spatial_dims": 3, "img_size": 96, "in_channels": 1, "out_channels": 4, "feature_size": 12,
             "use_checkpoint": True},
            compose(
                t("LoadImaged"), t("EnsureChannelFirstd"), t("Orientationd", axcodes="RAS"),
                t("Spacingd", pixdim=[1.5, 1.5, 2.0], mode="bilinear"),
                t("ScaleIntensityRanged", a_min=-175, a_max=250, b_min=0.0, b_max=1.0, clip=True), t("EnsureTyped"),
            ),
            {"_target_": "SlidingWindowInferer", "roi_size": [64, 64, 32], "sw_batch_size": 4, "overlap": 0.5},
            compose(t("Activationsd", "pred", softmax=True), invert(False), t("AsDiscreted", "pred", argmax=True), SAVE),
        ),
        "json",
    ),
    "swin_unetr": (
        ANATOMICAL,
        metadata("Windows", "MR", ["image"], ["background", "one"], monai="1.5.0"),
        bundle(
            {"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 2, "feature_size": 24, "depths": [2, 1, 1, 2],
             "window_size": [3, 4, 7], "qkv_bias": False, "norm_name": ["instance", {"affine": True}], "mlp_ratio": 2.0},
            compose(t("LoadImaged"), t("EnsureChannelFirstd"), t("ScaleIntensityd", minv=-1.0, maxv=1.0)),
            {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 64], "overlap": 0.25, "mode": "gaussian"},
            compose(t("Activationsd", "pred", softmax=True), t("AsDiscreted", "pred", argmax=True), invert(True), SAVE),
        ),
        "json",
    ),
    "swin_unetr_in_order": (
        ANATOMICAL,
        metadata("Windows in order", "MR", ["image"], ["background", "one", "two"], monai="1.5.0"),
        bundle(
            {"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 3, "feature_size": 12, "normalize": False,
             "downsample": "mergingv2"},
            compose(t("LoadImaged"), t("EnsureChannelFirstd"), t("ScaleIntensityd", minv=0.0, maxv=1.0)),
            {"_target_": "SlidingWindowInferer", "roi_size": [64, 32, 32], "overlap": 0.25},
            compose(t("Activationsd", "pred", softmax=True), t("AsDiscreted", "pred", argmax=True), invert(True), SAVE),
        ),
        "json",
    ),
    # As the published one, with a sixth of its features and smaller tiles.
    "vista3d": (
        ANATOMICAL,
        metadata("VISTA3D", "CT", ["image"], VISTA),
        vista("$monai.networks.nets.vista3d132(encoder_embed_dim=8, in_channels=@input_channels)", [48, 32, 32],
              "$list(set([i+1 for i in range(132)]) - set([2,16,18,20,21,23,24,25,26,27,128,129,130,131,132]))", [1.5, 1.7, 2.5]),
        "json",
    ),
    "vista3d_alone": (
        MRI,
        metadata("VISTA3D for the spleen", "CT", ["image"], VISTA),
        vista("$monai.networks.nets.vista3d132(8, @input_channels)", [32, 48, 32], "$[3]", [2.6, 2.6, 2.6]),
        "json",
    ),
}


class Asked:
    """What the published `scripts/inferer.py` and `scripts/evaluator.py` do where classes are asked for."""

    def __init__(self, parser, classes):
        self.roi, self.classes = parser.get_parsed_content("patch_size"), classes

    def __call__(self, image, network):
        from monai.inferers import SlidingWindowInfererAdapt

        inferer = SlidingWindowInfererAdapt(roi_size=self.roi, sw_batch_size=1, with_coord=True)
        vector = torch.tensor(self.classes).unsqueeze(-1)
        return inferer(image, network, transpose=True, point_coords=None, point_labels=None, class_vector=vector, prompt_class=vector,
                       prev_mask=None, labels=None, label_set=None)


def kept(array, keep=KEEP):
    array = np.asarray(array, dtype=np.float32)
    flat = array.reshape(-1)
    if flat.size > keep:
        flat = flat[np.arange(keep, dtype=np.int64) * (flat.size - 1) // (keep - 1)]
    return {"shape": list(array.shape), "value": [float(f"{v:.7g}") for v in flat]}


def is_second_name(name):
    return name.startswith("skip_layers.")


def fill(network):
    values = network.state_dict()
    for name, tensor in values.items():
        if tensor.is_floating_point() and not is_second_name(name):
            # The skip layers of a DynUNet are the same tensors under second names.
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(synth.fill(name, tuple(tensor.shape)))))
    network.load_state_dict(values)
    return network.eval()


def older_merging(self, x):
    """What `PatchMerging.forward` did before MONAI 1.5: two neighbours twice, two never."""
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0), (0, 0, 1), (1, 1, 1)]
    return self.reduction(self.norm(torch.cat([x[:, i::2, j::2, k::2] for i, j, k in places], -1)))


def write(name):
    import yaml
    from monai.networks.nets import swin_unetr
    from monai.bundle import ConfigParser
    from monai.data import decollate_batch
    from monai.transforms import SaveImage
    from monai.transforms.utils import reset_ops_id

    images, meta, config, ending = BUNDLES[name]
    newer = swin_unetr.PatchMerging.forward
    if meta["monai_version"] < "1.5":
        swin_unetr.PatchMerging.forward = older_merging
    asks = isinstance(config["network_def"], str)
    if "img_size" in config["network_def"]:
        # Versions from 1.5 no longer take it.
        own = swin_unetr.SwinUNETR.__init__
        swin_unetr.SwinUNETR.__init__ = lambda self, *args, img_size=None, **more: own(self, *args, **more)
    folder = FIXTURES / name
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "configs/metadata.json").write_text(json.dumps(meta, indent=1) + "\n")
    file = folder / f"configs/inference.{ending}"
    text = yaml.safe_dump(config, sort_keys=False) if ending == "yaml" else json.dumps(config, indent=1) + "\n"
    file.write_text(text)
    # Bundles are run in their own folder.
    os.chdir(folder)
    parser = ConfigParser()
    parser.read_config(str(file))
    with torch.no_grad():
        network = fill(parser.get_parsed_content("network_def"))
        before = parser.get_parsed_content("preprocessing")
        paths = [str(DATA / image) for image in images]
        case = before({"image": paths if len(paths) > 1 else paths[0]})
        classes = parser.get_parsed_content("everything_labels") if asks else None
        inferer = Asked(parser, classes) if asks else parser.get_parsed_content("inferer")
        logits = inferer(case["image"][None], network)
        case["pred"] = logits[0].clone()
        if asks:
            # As the published evaluator: the copy of the transforms that inverts is another object.
            reset_ops_id(case["image"])
            case["label_prompt"] = torch.tensor(classes).unsqueeze(-1)
        prepared, answer = np.array(case["image"]), np.array(logits[0])
        after = parser.get_parsed_content("postprocessing")
        # Everything but saving; where nothing inverts, saving itself goes back to the image's grid.
        steps = [step for step in after.transforms if type(step).__name__ != "SaveImaged"]
        inverts = any(type(step).__name__ == "Invertd" for step in steps)
        for step in steps:
            case = step(case)
        pred = case["pred"]
        if not inverts:
            import tempfile
            import nibabel

            out = tempfile.mkdtemp()
            SaveImage(output_dir=out, separate_folder=False, resample=True, output_postfix="x", print_log=False)(pred)
            saved = nibabel.load(next(Path(out).iterdir()))
            labels = np.asarray(saved.dataobj)
            labels = labels.reshape(labels.shape[:3])
        else:
            labels = np.array(pred)[0]
    swin_unetr.PatchMerging.forward = newer
    labels = np.rint(labels).astype(np.uint8)
    expected = {
        "monai": __import__("monai").__version__,
        "stored": images,
        "prepared": kept(prepared),
        "logits": kept(answer),
        "size": list(labels.shape),
        "present": {str(v): int(n) for v, n in zip(*np.unique(labels, return_counts=True))},
    }
    if asks:
        expected["classes"] = classes
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    packed = gzip.compress(np.ascontiguousarray(labels.transpose(2, 1, 0)).tobytes(), 9, mtime=0)
    (folder / "labels.gz").write_bytes(packed)
    print(name, prepared.shape, answer.shape, labels.shape, expected["present"], len(packed))


if __name__ == "__main__":
    for name in sys.argv[1:] or BUNDLES:
        write(name)
