"""GoogLeNet-GAP of Zhou et al. (CVPR 2016), on torchvision's GoogLeNet."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torchvision.models import GoogLeNet

from wsol.models.networks._zhou import CAMHead
from wsol.models.registered import model

BODY = (
    *("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3"),
    *("inception4a", "inception4b", "inception4c", "inception4d", "inception4e"),
)
CHANNELS = 832  # of inception4e
HALF = (0.5, 0.5, 0.5)  # torchvision's weights are TensorFlow's: pixels from -1 to 1


@model("googlenet_gap", mean=HALF, std=HALF, needs_weights=True)
class GoogLeNetGAP(CAMHead):
    """GoogLeNet up to inception4e, a 3x3 convolution, average pooling, one linear layer: to (B, num_classes).

    The body is torchvision's, with batch norm, whose weights it starts from, and its 5x5 branches are 3x3; the paper's,
    in Caffe, has local response normalization, biases and 5x5 convolutions, so its files do not load here. The end is
    the paper's: `CAM_conv` in two groups, `CAM_fc`. Maps have 14 x 14 cells.
    """

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        body = GoogLeNet(aux_logits=False, init_weights=False)
        for name in BODY:
            self.add_module(name, body.get_submodule(name))
        self.add_head(CHANNELS, num_classes, bias=1)

    def backbone_keys(self) -> Mapping[str, str]:
        """Ours to torchvision's `googlenet`: the same."""
        return {name: name for name in BODY if not name.startswith("maxpool")}

    def features_of(self, images: Tensor) -> Tensor:
        for name in BODY:
            images = self.get_submodule(name)(images)
        return images
