"""The networks that the benchmarks time: how each is built, and on what input.

    python tools/bench/networks.py FOLDER [NETWORK…]     # writes NETWORK.onnx and NETWORK.npy

Weights are random, from a fixed seed: time does not depend on their values. Needs torch, torchvision,
timm, monai, transformers and, for nnU-Net's networks, dynamic-network-architectures
(tools/reference/requirements.txt).
"""

import subprocess
import sys
from pathlib import Path


def torchvision_net(name):
    def build():
        import torchvision

        return getattr(torchvision.models, name)(weights=None)

    return build


def timm_net(name):
    def build():
        import timm

        return timm.create_model(name, pretrained=False)

    return build


def monai_net(name, *arguments, **options):
    def build():
        from monai.networks import nets

        return getattr(nets, name)(*arguments, **options)

    return build


def nnunet_net(kind, dimensions, features, blocks, classes=3):
    """One of nnU-Net's own networks, as its planner asks for it: instance norm, leaky ReLU, stride 2 after the first stage."""

    def build():
        import torch
        from dynamic_network_architectures.architectures import unet

        conv = getattr(torch.nn, f"Conv{dimensions}d")
        norm = getattr(torch.nn, f"InstanceNorm{dimensions}d")
        stages = len(features)
        blocks_name = "n_blocks_per_stage" if kind == "ResidualEncoderUNet" else "n_conv_per_stage"
        return getattr(unet, kind)(
            input_channels=1, n_stages=stages, features_per_stage=features, conv_op=conv, kernel_sizes=3,
            strides=[1] + [2] * (stages - 1), num_classes=classes,
            n_conv_per_stage_decoder=[1 if kind == "ResidualEncoderUNet" else 2] * (stages - 1),
            conv_bias=True, norm_op=norm, norm_op_kwargs={"eps": 1e-5, "affine": True},
            nonlin=torch.nn.LeakyReLU, nonlin_kwargs={"inplace": True}, **{blocks_name: blocks},
        )

    return build


def bert():
    import torch
    from transformers import BertConfig, BertModel

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = BertModel(BertConfig(attn_implementation="eager"))

        def forward(self, ids):
            return self.bert(ids).last_hidden_state

    return Hidden()


def sam_encoder():
    import torch
    from transformers import SamVisionConfig, SamVisionModel

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = SamVisionModel(SamVisionConfig(attn_implementation="eager"))

        def forward(self, picture):
            return self.encoder(picture).last_hidden_state

    return Encoder()


UNET_2D = (32, 64, 128, 256, 512, 512, 512, 512)

# Name: how it is built, and the shape of its input. The first block is the table of BENCHMARKS.md.
NETWORKS = {
    "unet3d_96": (
        monai_net(
            "DynUNet", 3, 1, 3, [3] * 5, [1, 2, 2, 2, 2], [2] * 4, filters=[32, 64, 128, 256, 320],
            norm_name=("INSTANCE", {"affine": True}), act_name=("leakyrelu", {"negative_slope": 0.01, "inplace": True}),
        ),
        (1, 1, 96, 96, 96),
    ),
    "resenc_m_128": (nnunet_net("ResidualEncoderUNet", 3, (32, 64, 128, 256, 320, 320), (1, 3, 4, 6, 6, 6)), (1, 1, 128, 128, 128)),
    "segresnet_128": (monai_net("SegResNet", 3, 16, 1, 3), (1, 1, 128, 128, 128)),
    "densenet121": (torchvision_net("densenet121"), (1, 3, 224, 224)),
    "resnet50_512": (torchvision_net("resnet50"), (1, 3, 512, 512)),
    "unet2d_512": (nnunet_net("PlainConvUNet", 2, UNET_2D, (2,) * 8), (1, 1, 512, 512)),
    "vit_base": (timm_net("vit_base_patch16_224"), (1, 3, 224, 224)),
    "sam_vit_b": (sam_encoder, (1, 3, 1024, 1024)),
    "swin_t": (torchvision_net("swin_t"), (1, 3, 224, 224)),
    "convnext_tiny": (torchvision_net("convnext_tiny"), (1, 3, 224, 224)),
    "efficientnet_b0": (torchvision_net("efficientnet_b0"), (1, 3, 224, 224)),
    "swin_unetr_96": (monai_net("SwinUNETR", 1, 14, feature_size=48), (1, 1, 96, 96, 96)),
    # Others people run.
    "resnet50": (torchvision_net("resnet50"), (1, 3, 224, 224)),
    "mobilenet_v3_large": (torchvision_net("mobilenet_v3_large"), (1, 3, 224, 224)),
    "inception_v3": (torchvision_net("inception_v3"), (1, 3, 299, 299)),
    "bert_base": (bert, (1, 128)),
    "unet_2d": (monai_net("UNet", 2, 1, 3, (32, 64, 128, 256), (2, 2, 2), num_res_units=2), (1, 1, 256, 256)),
}


def export(name, folder, batch=1):
    """Writes `name`.onnx and `name`.npy, its input, into the folder."""
    import numpy as np
    import torch

    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)
    build, (_, *shape) = NETWORKS[name]
    shape = (batch, *shape)
    value = torch.randint(0, 1000, shape) if len(shape) == 2 else torch.randn(shape)
    np.save(Path(folder) / f"{name}.npy", value.numpy())
    with torch.inference_mode():
        torch.onnx.export(
            build().eval(), (value,), Path(folder) / f"{name}.onnx", dynamo=False, opset_version=17,
            input_names=["input"], output_names=["output"],
        )


def export_apart(name, folder, batch=1):
    """The same in a process of its own, so that a program timed next inherits neither memory nor threads. Returns the error, if any."""
    command = [sys.executable, __file__, "--one", name, str(folder), str(batch)]
    made = subprocess.run(command, capture_output=True, text=True)
    return None if made.returncode == 0 else made.stderr.strip()[-400:]


def main():
    if sys.argv[1] == "--one":
        return export(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    folder, *names = sys.argv[1:]
    for name in names or NETWORKS:
        error = export_apart(name, folder)
        print(f"{name}: {error or 'written'}", flush=True)


if __name__ == "__main__":
    main()
