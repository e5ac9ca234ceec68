"""The end of the networks of Zhou et al. (CVPR 2016), by the names and sizes of their Caffe files (zhoubolei/CAM)."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

WIDTH, GROUPS = 1024, 2


class CAMHead(nn.Module):
    """A backbone, then a 3x3 convolution in two groups, ReLU, average pooling, one linear layer: `CAM_conv`, `CAM_fc`.

    `features_of` is the subclass's. The paper's text has no groups; its files have.
    """

    def add_head(self, inputs: int, classes: int, *, bias: float, dropout: float = 0.0) -> None:
        """First weights as in the files: a normal distribution with deviation 0.01, and this `bias`."""
        self.CAM_conv = nn.Conv2d(inputs, WIDTH, 3, padding=1, groups=GROUPS)
        self.CAM_relu = nn.ReLU(inplace=False)
        self.CAM_pool = nn.AdaptiveAvgPool2d(1)
        self.CAM_dropout = nn.Dropout(dropout)
        self.CAM_fc = nn.Linear(WIDTH, classes)
        nn.init.normal_(self.CAM_conv.weight, 0, 0.01)
        nn.init.constant_(self.CAM_conv.bias, bias)  # type: ignore[arg-type]
        nn.init.xavier_uniform_(self.CAM_fc.weight)
        nn.init.zeros_(self.CAM_fc.bias)

    @abstractmethod
    def features_of(self, images: Tensor) -> Tensor:
        """(B, 3, 224, 224) to (B, K, 14, 14)."""

    def forward(self, images: Tensor) -> Tensor:
        maps = self.CAM_relu(self.CAM_conv(self.features_of(images)))
        logits: Tensor = self.CAM_fc(self.CAM_dropout(self.CAM_pool(maps).flatten(1)))
        return logits
