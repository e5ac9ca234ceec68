"""Train the two embedded convolutional networks on the embedded data set, on a CPU, in minutes.

    python scripts/train_shapes.py                      # both, into wsol/models/networks/weights/
    python scripts/train_shapes.py --nets shapes_gap --out /tmp/weights

Only class labels are used. The sign is small and takes a small network long to find, so training starts on easy
drawings of the same kind (large signs, few distractors, half the resolution) and goes on with the train split itself.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import PIL.Image
import safetensors.torch
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wsol.datasets.formats.shapes import Shapes
from wsol.models.networks._shapes import INPUT_SIZE, MEAN, STD, WEIGHTS
from wsol.models.networks.shapes_gap import ShapesGAP
from wsol.models.networks.shapes_vgg import ShapesVGG

NETS: dict[str, type[ShapesGAP] | type[ShapesVGG]] = {"shapes_vgg": ShapesVGG, "shapes_gap": ShapesGAP}
log = logging.getLogger("train_shapes")


def main() -> None:
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    start = time.monotonic()
    easy = draw(Shapes(split="train", seed=args.seed + 1, n=args.easy_images, part_scale=0.6, scales=(0.6, 0.95),
                       distractors=1.0, two_instances=0.0, background_correlation=0.1), INPUT_SIZE // 2)  # fmt: skip
    train = draw(Shapes(split="train", seed=args.seed, n=args.images), INPUT_SIZE)
    val = draw(Shapes(split="val", seed=args.seed), INPUT_SIZE)
    test = draw(Shapes(split="test", seed=args.seed), INPUT_SIZE)
    log.info("%d images drawn in %.0f s", sum(len(x[1]) for x in (easy, train, val, test)), time.monotonic() - start)
    for name in args.nets:
        start = time.monotonic()
        torch.manual_seed(args.seed)
        net = with_norm(NETS[name]())
        fit(net, easy, epochs=args.easy_epochs, rate=args.rate, bf16=args.bf16)
        fit(net, train, epochs=args.epochs, rate=args.rate, bf16=args.bf16, check=val)
        net = without_norm(net)
        first = test[0][:200], test[1][:200]
        log.info(
            "%s: val %.1f %%, test %.1f %%, first 200 of test %.0f right, %.0f s",
            name, accuracy(net, val), accuracy(net, test), 2 * accuracy(net, first), time.monotonic() - start,
        )  # fmt: skip
        args.out.mkdir(parents=True, exist_ok=True)
        file = args.out / f"{name}.safetensors"
        safetensors.torch.save_file({key: value.contiguous() for key, value in net.state_dict().items()}, file)
        file.chmod(0o644)  # safetensors keeps its files to their owner, which an installed package must not


Data = tuple[torch.Tensor, torch.Tensor]  # (N, 3, size, size) uint8 images, (N,) labels


def draw(shapes: Shapes, size: int) -> Data:
    """All images of a split, squashed to a square as at evaluation."""
    samples = shapes.samples()
    images = np.empty((len(samples), size, size, 3), np.uint8)
    for i, sample in enumerate(samples):
        images[i] = shapes.image(sample).resize((size, size), PIL.Image.Resampling.BILINEAR)
    labels = torch.tensor([sample.label for sample in samples])
    return torch.from_numpy(images).permute(0, 3, 1, 2), labels


def fit(net: nn.Module, data: Data, *, epochs: int, rate: float, bf16: bool, check: Data | None = None) -> None:
    """Train in place: AdamW, one cycle, batches of 64."""
    images, labels = data
    batches = len(images) // 64
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * batches, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        start = time.monotonic()
        net.train()
        total = 0.0
        for chosen in torch.randperm(len(images))[: batches * 64].split(64):
            batch = normalise(augment(images[chosen]))
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = loss_of(net(batch).float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        checked = f", val {accuracy(net, check):.1f} %" if check else ""
        log.info("  epoch %d: loss %.3f%s, %.0f s", epoch + 1, total / batches, checked, time.monotonic() - start)


def augment(images: torch.Tensor) -> torch.Tensor:
    """Half of a batch mirrored, all of it moved by up to 1/16 of its side."""
    images = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(3), images)
    reach = images.shape[3] // 16
    return images.roll(tuple(torch.randint(-reach, reach + 1, (2,)).tolist()), (2, 3))


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 to what the networks take."""
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def accuracy(net: nn.Module, data: Data) -> float:
    """Percent of images whose highest logit is their class."""
    net.eval()
    hits = [
        net(normalise(images)).argmax(1) == labels for images, labels in zip(*(x.split(100) for x in data), strict=True)
    ]
    return 100 * torch.cat(hits).float().mean().item()


def with_norm(net: nn.Module) -> nn.Module:
    """A VGG learns fast only with batch norm behind each convolution; `without_norm` folds them away again."""
    if isinstance(net, ShapesVGG):
        layers: list[nn.Module] = []
        for layer in net.features:
            layers += [layer, nn.BatchNorm2d(layer.out_channels)] if isinstance(layer, nn.Conv2d) else [layer]
        net.features = nn.Sequential(*layers)
    return net.to(memory_format=torch.channels_last)


def without_norm(net: nn.Module) -> nn.Module:
    """The same function in eval mode, with the layers that `build` gives."""
    net.eval()
    if isinstance(net, ShapesVGG):
        layers: list[nn.Module] = []
        for layer in net.features:
            if isinstance(layer, nn.BatchNorm2d):
                layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
            else:
                layers.append(layer)
        net.features = nn.Sequential(*layers)
    return net


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", choices=sorted(NETS), default=sorted(NETS))
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=6000, help="training images")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--easy-images", type=int, default=4000)
    parser.add_argument("--easy-epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=4e-3, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="mixed precision: twice as fast where the CPU has bfloat16")
    return parser.parse_args()


if __name__ == "__main__":
    main()
