"""wsol: a benchmark suite for weakly supervised object localization.

>>> import wsol
>>> maps = wsol.attribute(model, images, "layercam", layers="layer4", target=labels)      # doctest: +SKIP
>>> wsol.localize(maps, sizes_wh, protocol="choe2020_v2")[0].boxes(0.2)                    # doctest: +SKIP
>>> wsol.evaluate(model, dataset, methods=["gradcam", "layercam"]).table()                 # doctest: +SKIP

Everything here is imported when it is first used: ``import wsol`` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsol.environment import __version__

if TYPE_CHECKING:
    from wsol.api.attribute import attribute
    from wsol.api.boxes import localize
    from wsol.api.dataset import load_dataset
    from wsol.api.evaluate import evaluate
    from wsol.api.maps import Maps
    from wsol.api.max_box_acc import MaxBoxAcc
    from wsol.api.pictures import overlay
    from wsol.api.reproduce import reproduce
    from wsol.api.result import Result, load
    from wsol.datasets.adapt import PythonDataset
    from wsol.datasets.base import dataset
    from wsol.methods import LayerFeatures, method
    from wsol.metrics._base import metric
    from wsol.models.registered import model
    from wsol.models.zoo import load_classifier
    from wsol.protocols import Protocol, protocol
    from wsol.views import view

FACE = {  # name: the module it is in
    "attribute": "wsol.api.attribute",
    "localize": "wsol.api.boxes",
    "evaluate": "wsol.api.evaluate",
    "Maps": "wsol.api.maps",
    "MaxBoxAcc": "wsol.api.max_box_acc",
    "overlay": "wsol.api.pictures",
    "reproduce": "wsol.api.reproduce",
    "Result": "wsol.api.result",
    "load": "wsol.api.result",
    "load_classifier": "wsol.models.zoo",
    "load_dataset": "wsol.api.dataset",
    "PythonDataset": "wsol.datasets.adapt",
    "LayerFeatures": "wsol.methods",
    "Protocol": "wsol.protocols",
    "dataset": "wsol.datasets.base",
    "method": "wsol.methods",
    "metric": "wsol.metrics._base",
    "model": "wsol.models.registered",
    "protocol": "wsol.protocols",
    "view": "wsol.views",
}

__all__ = [
    "LayerFeatures",
    "Maps",
    "MaxBoxAcc",
    "Protocol",
    "PythonDataset",
    "Result",
    "__version__",
    "attribute",
    "dataset",
    "evaluate",
    "load",
    "load_classifier",
    "load_dataset",
    "localize",
    "method",
    "metric",
    "model",
    "overlay",
    "protocol",
    "reproduce",
    "view",
]


def __getattr__(name: str) -> Any:
    if name not in FACE:
        raise AttributeError(f"module 'wsol' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(FACE[name]), name)
    return found


def __dir__() -> list[str]:
    return __all__
