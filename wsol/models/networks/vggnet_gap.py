"""VGGnet-GAP of Zhou et al. (CVPR 2016)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from wsol.models.networks._vgg import backbone_keys, features
from wsol.models.networks._zhou import CAMHead
from wsol.models.networks.vgg16_gap import SIZE
from wsol.models.registered import model


@model("vggnet_gap", needs_weights=True)
class VGGnetGAP(CAMHead):
    """VGG16 up to conv5_3, a 3x3 convolution, average pooling, one linear layer: (B, 3, 224, 224) to (B, num_classes).

    From `vgg16_gap`, as Choe et al. train it, it differs in the convolution's two groups (2.4 million weights, not
    4.7), in dropout in front of the linear layer, and in the names `CAM_conv` and `CAM_fc`, which are those of the
    authors' Caffe files; `features` has torchvision's. Weights converted from their files want ``model.input=caffe``,
    whose mean is one color: the authors subtract a mean image.
    """

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = features(SIZE.stages, pools=4)
        self.add_head(SIZE.stages[-1][-1], num_classes, bias=0, dropout=0.5)

    def backbone_keys(self) -> Mapping[str, str]:
        """Ours to torchvision's `vgg16`."""
        return backbone_keys(self, SIZE.stages, "features")

    def features_of(self, images: Tensor) -> Tensor:
        maps: Tensor = self.features(images)
        return maps
