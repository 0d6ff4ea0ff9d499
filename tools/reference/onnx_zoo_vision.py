"""Networks of torchvision and timm for onnx_networks.py."""

import timm
import torch
import torchvision
from timm.models import mvitv2
from torchvision.models import detection, segmentation

from onnx_fixture import Input, Net

BATCH = {"image": {0: "batch"}}
SIZE = {"image": {0: "batch", 2: "height", 3: "width"}}


def image(side, batch=1, traced=None):
    return [Input("image", (batch, 3, side, side), traced=traced)]


def tv(name, **config):
    return lambda: getattr(torchvision.models, name)(weights=None, **config)


def tm(name, **config):
    return lambda: timm.create_model(name, pretrained=False, **config)


class Pick(torch.nn.Module):
    """The entry `key` of a network that returns a dictionary."""

    def __init__(self, module, key):
        super().__init__()
        self.module, self.key = module, key

    def forward(self, image):
        return self.module(image)[self.key]


class Detector(torch.nn.Module):
    """A torchvision detector on one image; boxes, labels, scores and perhaps masks."""

    def __init__(self, module, masks):
        super().__init__()
        self.module, self.keys = module, ["boxes", "labels", "scores", *(["masks"] if masks else [])]

    def forward(self, image):
        found = self.module([image])[0]
        return tuple(found[key] for key in self.keys)


def detector(name, masks=False, **config):
    build = getattr(detection, name)
    return lambda: Detector(build(weights=None, weights_backbone=None, **config), masks)


def segmenter(name, **config):
    return lambda: Pick(getattr(segmentation, name)(weights=None, weights_backbone=None, **config), "out")


def small_swin():
    return torchvision.models.SwinTransformer(
        patch_size=[4, 4], embed_dim=48, depths=[2, 2, 2], num_heads=[3, 6, 12], window_size=[4, 4], num_classes=100
    )


def small_swin_v2():
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

    return torchvision.models.SwinTransformer(
        patch_size=[4, 4], embed_dim=48, depths=[2, 2], num_heads=[3, 6], window_size=[8, 8], num_classes=100,
        block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2,
    )


def small_vit():
    return torchvision.models.VisionTransformer(
        image_size=64, patch_size=8, num_layers=4, num_heads=4, hidden_dim=128, mlp_dim=256, num_classes=100
    )


def small_mvitv2(side=64):
    config = mvitv2.MultiScaleVitCfg(depths=(1, 1, 1), embed_dim=48, stride_q=((1, 1), (2, 2), (2, 2)))
    return mvitv2.MultiScaleVit(config, img_size=(side, side), num_classes=100)


def small_maxvit():
    return torchvision.models.MaxVit(
        input_size=(64, 64), stem_channels=32, partition_size=4, block_channels=[32, 64], block_layers=[2, 2],
        head_dim=16, stochastic_depth_prob=0.0, num_classes=100,
    )


def inception(name, **config):
    return tv(name, init_weights=False, aux_logits=True, transform_input=False, **config)


NETS = [
    Net("resnet18", "torchvision", tv("resnet18"), image(96, 2, (1, 3, 64, 64)), 11, dynamic=SIZE),
    Net("densenet121", "torchvision", tv("densenet121"), image(64), 13),
    Net("mobilenet_v3_small", "torchvision", tv("mobilenet_v3_small"), image(96), 17),
    Net("efficientnet_b0", "torchvision", tv("efficientnet_b0"), image(96), 14),
    Net("inception_v3", "torchvision", inception("inception_v3"), image(96), 11),
    Net("googlenet", "torchvision", inception("googlenet"), image(96, 2, (1, 3, 96, 96)), 9, dynamic=BATCH),
    Net("squeezenet1_1", "torchvision", tv("squeezenet1_1"), image(96), 9),
    Net("shufflenet_v2_x0_5", "torchvision", tv("shufflenet_v2_x0_5"), image(96), 12),
    Net("convnext_tiny", "torchvision", tv("convnext_tiny"), image(64), 17),
    Net("regnet_y_400mf", "torchvision", tv("regnet_y_400mf"), image(96), 18, dynamo=True),
    Net("vit_small", "torchvision", small_vit, image(64), 17),
    Net("swin", "torchvision", small_swin, image(64), 16),
    Net("swin_batch", "torchvision", small_swin, image(128, 3), 16),
    Net("mvitv2_batch", "timm", lambda: small_mvitv2(128), image(128, 3), 17),
    Net("swin_v2", "torchvision", small_swin_v2, image(64), 18, dynamo=True),
    Net("maxvit", "torchvision", small_maxvit, image(64), 17),
    Net("fcn_resnet50", "torchvision", segmenter("fcn_resnet50", num_classes=5), image(48), 13),
    Net("deeplabv3_mobilenet_v3_large", "torchvision", segmenter("deeplabv3_mobilenet_v3_large", num_classes=5), image(96), 18, dynamo=True),
    Net("lraspp_mobilenet_v3_large", "torchvision", segmenter("lraspp_mobilenet_v3_large", num_classes=5), image(128, 1, (1, 3, 96, 96)), 11, dynamic=SIZE),
    Net("fasterrcnn_mobilenet", "torchvision", detector("fasterrcnn_mobilenet_v3_large_320_fpn", num_classes=5, min_size=96, max_size=128, box_score_thresh=0.0, rpn_post_nms_top_n_test=50, box_detections_per_img=20), [Input("image", (3, 96, 128))], 11, tame={"cls_score": 0.2, "bbox_pred": 0.2}),
    Net("maskrcnn_resnet50", "torchvision", detector("maskrcnn_resnet50_fpn", masks=True, num_classes=3, min_size=64, max_size=96, box_score_thresh=0.0, rpn_post_nms_top_n_test=20, box_detections_per_img=3), [Input("image", (3, 64, 80))], 16, tame={"cls_score": 0.2, "bbox_pred": 0.2}),
    Net("ssdlite320_mobilenet", "torchvision", detector("ssdlite320_mobilenet_v3_large", num_classes=5, topk_candidates=50, detections_per_img=20), [Input("image", (3, 96, 128))], 14, tame={"classification_head": 0.5, "regression_head": 0.5}),
    Net("retinanet_resnet50", "torchvision", detector("retinanet_resnet50_fpn", num_classes=5, min_size=64, max_size=96, topk_candidates=50, detections_per_img=20), [Input("image", (3, 64, 96))], 17),
    Net("tf_efficientnetv2_b0", "timm", tm("tf_efficientnetv2_b0"), image(96), 17),
    Net("convnextv2_atto", "timm", tm("convnextv2_atto"), image(64), 18, dynamo=True),
    Net("mobilevit_xxs", "timm", tm("mobilevit_xxs"), image(128), 14),
    Net("poolformer_s12", "timm", tm("poolformer_s12"), image(64), 17),
    Net("deit_tiny", "timm", tm("deit_tiny_patch16_224", img_size=64, depth=4), image(64, 2, (1, 3, 64, 64)), 14, dynamic=BATCH),
    Net("eva02_tiny", "timm", tm("eva02_tiny_patch14_224", img_size=56, depth=3), image(56), 20, dynamo=True),
    Net("res2net50", "timm", tm("res2net50_26w_4s"), image(64), 15),
    Net("mvitv2", "timm", small_mvitv2, image(64), 17),
    Net("xcit_nano", "timm", tm("xcit_nano_12_p16_224", img_size=64), image(64), 17),
]
