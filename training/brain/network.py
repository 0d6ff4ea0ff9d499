"""The brain network: a 3-D U-Net that reads a 1 mm head and answers at 1 mm, but computes at 2 mm and coarser.

The first layer folds 2x2x2 voxels into features, the last one unfolds them again (transposed convolution, kernel = stride = 2),
so a whole head is cheap on two processor cores. Before that the features of a place are mixed by a layer of its own: which of the 8
voxels is what depends on their intensities and on what the decoder saw around them together.

Input (N, 1, X, Y, Z) in RAS+ order, sides multiples of 32, and the prior of prior.py (N, 19, X/2, Y/2, Z/2); output
(N, CLASSES + 1, X, Y, Z): logits of the classes of labels.py without a side, and last the logit of "left".
"""
import torch
from torch import nn

from labels import CLASSES

WIDTHS = [16, 32, 64, 96, 128]  # features at 2, 4, 8, 16, 32 mm
DEEP = 32  # what the decoder hands over at 2 mm
MIXED = 128


def lasting(x):
    """Channels last in memory: twice as fast on a processor as channels first, and faster than bfloat16."""
    return x.contiguous(memory_format=torch.channels_last_3d)


class Layer(nn.Module):
    """Convolution 3x3x3, instance norm with factor and offset, leaky ReLU 0.01."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.InstanceNorm3d(outputs, affine=True, eps=1e-5)

    def forward(self, x):
        x = lasting(self.conv(x))
        if len(x) == 1:  # the same number, and PyTorch keeps the channels last
            x = nn.functional.batch_norm(x, None, None, self.norm.weight, self.norm.bias, True, 0.0, self.norm.eps)
        else:
            x = self.norm(x)
        return nn.functional.leaky_relu(x, 0.01)


class BrainNet(nn.Module):
    def __init__(self):
        super().__init__()
        w = WIDTHS
        self.fold = nn.Conv3d(1, w[0], 2, 2)
        self.enter = Layer(w[0] + CLASSES, w[0])
        self.down = nn.ModuleList(nn.Sequential(Layer(w[i], w[i + 1], 2), Layer(w[i + 1], w[i + 1])) for i in range(len(w) - 1))
        out = [DEEP, *w[1:]]
        self.up = nn.ModuleList(nn.Sequential(Layer(w[i + 1] + w[i], w[i]), Layer(w[i], out[i])) for i in range(len(w) - 1))
        features = DEEP + 2 * w[0]
        self.mix = nn.Conv3d(features, MIXED, 1)
        self.unfold = nn.ConvTranspose3d(features + MIXED, CLASSES + 1, 2, 2)

    def features(self, x, prior):
        """(N, 64, X/2, Y/2, Z/2): the decoder's features, the folded input, which keeps what 2 mm would blur, and the first layer's."""
        folded = lasting(self.fold(x))
        kept = [self.enter(torch.cat([folded, prior], 1))]
        for layer in self.down:
            kept.append(layer(kept[-1]))
        x = kept[-1]
        for i in reversed(range(len(self.up))):
            x = self.up[i](torch.cat([nn.functional.interpolate(x, scale_factor=2, mode="nearest"), kept[i]], 1))
        return torch.cat([x, nn.functional.leaky_relu(folded, 0.01), kept[0]], 1)

    def forward(self, x, prior):
        features = self.features(x, prior)
        mixed = nn.functional.leaky_relu(self.mix(features), 0.01)
        return self.unfold(torch.cat([features, mixed], 1))

    def at_places(self, features):
        """What `forward` answers at single places: (P, 64) features to (P, 8, CLASSES + 1) logits of the place's voxels."""
        mixed = nn.functional.leaky_relu(nn.functional.linear(features, self.mix.weight.flatten(1), self.mix.bias), 0.01)
        logits = torch.cat([features, mixed], 1) @ self.unfold.weight.flatten(1)
        return logits.reshape(len(features), -1, 8).permute(0, 2, 1) + self.unfold.bias
