"""Networks of MONAI for onnx_networks.py."""

from monai.networks import nets

from onnx_fixture import Input, Net


def volume(side, channels=1):
    return [Input("volume", (1, channels, side, side, side))]


def slice_(side, channels=1, traced=None):
    return [Input("image", (1, channels, side, side), traced=traced)]


NETS = [
    Net("unet_2d", "monai", lambda: nets.UNet(2, 1, 3, (16, 32, 64, 128), (2, 2, 2), num_res_units=2), slice_(128), 11),
    Net("unet_3d", "monai", lambda: nets.UNet(3, 1, 2, (16, 32, 64, 128), (2, 2, 2), num_res_units=2, norm="batch"), volume(48), 13),
    Net("basic_unet_3d", "monai", lambda: nets.BasicUNet(3, 1, 2, (8, 8, 16, 32, 64, 8)), volume(32), 14),
    Net("dynunet_3d", "monai", lambda: nets.DynUNet(3, 1, 3, [3, 3, 3, 3], [1, 2, 2, 2], [2, 2, 2], [8, 16, 32, 64], norm_name="instance", res_block=True), volume(32), 17),
    Net("segresnet_3d", "monai", lambda: nets.SegResNet(3, 8, 1, 3), volume(48), 17),
    Net("unetr", "monai", lambda: nets.UNETR(1, 3, (32, 32, 32), 8, 96, 192, 4), volume(32), 17),
    Net("swin_unetr", "monai", lambda: nets.SwinUNETR(1, 3, depths=(2, 2, 2, 2), num_heads=(2, 2, 4, 4), feature_size=12), volume(64), 17),
    Net("swin_unetr_2d", "monai", lambda: nets.SwinUNETR(1, 3, depths=(2, 2, 2, 2), num_heads=(2, 2, 4, 4), feature_size=12, spatial_dims=2), slice_(64), 16),
    Net("vnet", "monai", lambda: nets.VNet(3, 1, 2), [Input("volume", (1, 1, 16, 16, 32))], 13),
    Net("attention_unet_2d", "monai", lambda: nets.AttentionUnet(2, 1, 3, (16, 32, 64), (2, 2)), slice_(64), 18, dynamo=True),
    Net("densenet_3d", "monai", lambda: nets.DenseNet(3, 1, 4, init_features=16, growth_rate=8, block_config=(3, 4, 4)), volume(48), 18, dynamo=True),
    Net("highresnet", "monai", lambda: nets.HighResNet(3, 1, 4), volume(14), 17),
    Net("flexible_unet", "monai", lambda: nets.FlexibleUNet(3, 2, "efficientnet-b0", False), slice_(96, 3), 13),
]
