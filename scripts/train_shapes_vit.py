"""Train the two embedded transformers on the embedded data set, on a CPU, after `shapes_gap`.

    python scripts/train_shapes_vit.py                  # both, into wsol/models/networks/weights/
    python scripts/train_shapes_vit.py --nets shapes_vit --out /tmp/weights

Only class labels are used. The stem is that of the trained `shapes_gap` and stays as it is, so that each image and its
mirror image are embedded once; only the transformer behind it is trained.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from train_shapes import draw, normalise

from wsol.datasets.formats.shapes import Shapes
from wsol.models.networks._shapes import INPUT_SIZE, WEIGHTS
from wsol.models.networks.shapes_tscam import ShapesTSCAM
from wsol.models.networks.shapes_vit import ShapesViT
from wsol.models.zoo import load_classifier

Net = ShapesViT | ShapesTSCAM
NETS: dict[str, type[ShapesViT] | type[ShapesTSCAM]] = {"shapes_vit": ShapesViT, "shapes_tscam": ShapesTSCAM}
log = logging.getLogger("train_shapes_vit")


def main() -> None:
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    start = time.monotonic()
    gap = load_classifier("shapes_gap").module
    stem = nn.Sequential(*list(gap.children())[:4]).to(memory_format=torch.channels_last)
    images, labels = draw(Shapes(split="train", seed=args.seed, n=args.images), INPUT_SIZE)
    train = torch.stack([embed(stem, images), embed(stem, images.flip(3))])
    val, test = (
        (embed(stem, x), y)
        for x, y in (draw(Shapes(split=s, seed=args.seed, n=n), INPUT_SIZE) for s, n in (("val", 500), ("test", 200)))
    )
    log.info("images drawn and embedded in %.0f s", time.monotonic() - start)
    for name in args.nets:
        start = time.monotonic()
        torch.manual_seed(args.seed)
        net = NETS[name]()
        net.trunk.stem.load_state_dict(stem.state_dict())
        nn.init.trunc_normal_(net.trunk.position, std=0.02)
        nn.init.trunc_normal_(net.trunk.class_token, std=0.02)
        fit(net, train, labels, epochs=args.epochs, rate=args.rate, check=val)
        net.eval()
        right = 2 * accuracy(net, test)
        log.info(
            "%s: val %.1f %%, %.0f of 200 right, %.0f s", name, accuracy(net, val), right, time.monotonic() - start
        )
        args.out.mkdir(parents=True, exist_ok=True)
        file = args.out / f"{name}.safetensors"
        safetensors.torch.save_file({key: value.contiguous() for key, value in net.state_dict().items()}, file)
        file.chmod(0o644)  # safetensors keeps its files to their owner, which an installed package must not


@torch.inference_mode()
def embed(stem: nn.Module, images: Tensor) -> Tensor:
    """(N, 64, 16, 16) float16 outputs of the stem for (N, 3, 128, 128) uint8 images."""
    return torch.cat([stem(normalise(part)).half() for part in images.split(100)])


def fit(net: Net, train: Tensor, labels: Tensor, *, epochs: int, rate: float, check: tuple[Tensor, Tensor]) -> None:
    """Train all but the stem in place, on what the stem gave, (2, N, 64, 16, 16), for images and their mirror images.

    AdamW, one cycle, batches of 64; each batch is moved by up to one place.
    """
    count, batches = len(labels), len(labels) // 64
    net.trunk.stem.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * batches, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        start = time.monotonic()
        net.train()
        total = 0.0
        for chosen in torch.randperm(count)[: batches * 64].split(64):
            batch = train[torch.randint(2, (64,)), chosen].float()
            batch = batch.roll(tuple(torch.randint(-1, 2, (2,)).tolist()), (2, 3))
            loss = loss_of(net.classify(net.trunk.tokens(batch)), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        checked = accuracy(net, check)
        log.info(
            "  epoch %d: loss %.3f, val %.1f %%, %.0f s", epoch + 1, total / batches, checked, time.monotonic() - start
        )


@torch.inference_mode()
def accuracy(net: Net, data: tuple[Tensor, Tensor]) -> float:
    """Percent of images whose highest logit is their class."""
    net.eval()
    hits = [
        net.classify(net.trunk.tokens(patches.float())).argmax(1) == labels
        for patches, labels in zip(*(x.split(100) for x in data), strict=True)
    ]
    return 100 * torch.cat(hits).float().mean().item()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", choices=sorted(NETS), default=sorted(NETS, reverse=True))
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=2500, help="training images")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
