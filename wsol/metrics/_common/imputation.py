"""Fill removed pixels from their neighbors: ROAD's linear imputation, all removals of an image in one solve.

Every removed pixel is the mean of its eight neighbors, the direct ones at twice the weight of the others: a Laplace
equation with the kept pixels as its boundary. It is solved by conjugate gradients with a multigrid cycle before each
step, about a dozen whatever the size of the hole; on a GPU all removals and channels go together.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wsol.errors import ConfigError

DIRECT, DIAGONAL = 1 / 6, 1 / 12  # weights of the neighbors (Rong et al., 2022)
DAMPING = 0.8  # of the Jacobi sweeps
COARSEST = 4  # a grid is not halved below this side
SWEEPS = 16  # on the coarsest grid
TOLERANCE = 1e-5  # of the residual, relative to the right side; pixels are then right to a few 1e-4 or better
MAX_ITERATIONS = 200
CACHED = 1 << 17  # numbers an array may have on a CPU; measured at 224 x 224


def impute_linear(image: Tensor, removed: Tensor, *, tolerance: float = TOLERANCE) -> Tensor:
    """(3, h, w) and P masks (P, h, w) to (P, 3, h, w), same dtype: removed pixels imputed, the others untouched.

    Weights of neighbors outside the image go to those inside. Half precision is solved in float32.

    Raises
    ------
    ConfigError : a mask that leaves no pixel to start from.
    """
    if bool(removed.flatten(1).all(1).any()):
        raise ConfigError("a removal of all pixels leaves nothing to impute from; remove less than 100 %")
    wide = image if image.dtype == torch.float64 else image.float()
    # On a CPU few removals at a time stay in the cache, which is twice as fast as all of them in step.
    together = len(removed) if image.device.type != "cpu" else max(1, CACHED // image.numel())
    parts = [_imputed(wide, removed[i : i + together], tolerance) for i in range(0, len(removed), together)]
    return torch.cat(parts).to(image.dtype)


def _imputed(image: Tensor, removed: Tensor, tolerance: float) -> Tensor:
    unknown = removed[:, None].to(image.dtype)
    # The mean of what is kept goes out first: less to solve for, and flat images are exact.
    level = ((1 - unknown) * image).sum((2, 3), keepdim=True) / (1 - unknown).sum((2, 3), keepdim=True)
    known = (1 - unknown) * (image - level)
    solved = _solve(_grids(unknown), unknown * _neighbors(known), tolerance)
    return torch.where(removed[:, None], solved + level, image)


@dataclass(frozen=True, slots=True)
class _Grid:
    """One resolution: which cells are unknown (P, 1, h, w), their neighbors' weight, and their prolongation's."""

    unknown: Tensor
    weight: Tensor
    spread: Tensor


def _solve(grids: list[_Grid], right: Tensor, tolerance: float) -> Tensor:
    """Conjugate gradients on the finest grid, every mask and channel with its own step lengths."""
    fine = grids[0]
    x = torch.zeros_like(right)
    residual = right
    goal = tolerance * _norm(right)
    direction = z = _cycle(grids, residual)
    rz = _dot(residual, z)
    for _ in range(MAX_ITERATIONS):
        if bool((_norm(residual) <= goal).all()):
            break
        image = _apply(fine, direction)
        step = _ratio(rz, _dot(direction, image))
        x = x + step * direction
        residual = residual - step * image
        z = _cycle(grids, residual)
        rz, before = _dot(residual, z), rz
        direction = z + _ratio(rz, before) * direction
    return x


def _cycle(grids: list[_Grid], right: Tensor) -> Tensor:
    """One symmetric V-cycle from zero: about the solution of the equation with this right side."""
    grid = grids[0]
    x = DAMPING * right / grid.weight
    if len(grids) == 1:
        for _ in range(SWEEPS):
            x = x + DAMPING * (right - _apply(grid, x)) / grid.weight
        return x
    left = (right - _apply(grid, x)) / grid.spread
    coarse = _cycle(grids[1:], grids[1].unknown * _restrict(left))
    x = x + grid.unknown * _prolong(coarse, right.shape[-2:]) / grid.spread
    return x + DAMPING * (right - _apply(grid, x)) / grid.weight


def _grids(unknown: Tensor) -> list[_Grid]:
    """From fine to coarse. A coarse cell is unknown where all its cells are; cells outside the image are neither."""
    inside = torch.ones_like(unknown[:1])
    grids = []
    while True:
        height, width = unknown.shape[-2:]
        weight = _neighbors(inside).clamp_min(DIAGONAL)
        smaller = torch.nn.functional.pad(inside, (0, width % 2, 0, height % 2))
        coarse_inside = torch.nn.functional.max_pool2d(smaller, 2)
        spread = _prolong(coarse_inside, (height, width))
        grids.append(_Grid(unknown, weight, spread))
        if min(height, width) < 2 * COARSEST:
            return grids
        kept = torch.nn.functional.pad(inside - unknown, (0, width % 2, 0, height % 2))
        unknown = coarse_inside - torch.nn.functional.max_pool2d(kept, 2)
        inside = coarse_inside


def _apply(grid: _Grid, x: Tensor) -> Tensor:
    """What is left over when each unknown cell is compared with its neighbors; symmetric and positive."""
    return grid.unknown * (grid.weight * x - _neighbors(x))


def _neighbors(x: Tensor) -> Tensor:
    """Weighted sum of the eight neighbors, nothing outside."""
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    sides = padded[..., :, :-2] + padded[..., :, 2:]
    columns = DIAGONAL * sides + DIRECT * padded[..., :, 1:-1]
    return columns[..., :-2, :] + columns[..., 2:, :] + DIRECT * sides[..., 1:-1, :]


def _prolong(coarse: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Bilinear to twice the side, nothing outside, cut to `size`."""
    grown = torch.nn.functional.conv_transpose2d(_flat(coarse), _kernel(coarse), stride=2, padding=1)
    return grown.view(*coarse.shape[:2], *grown.shape[-2:])[..., : size[0], : size[1]]


def _restrict(fine: Tensor) -> Tensor:
    """The transpose of `_prolong`."""
    height, width = fine.shape[-2:]
    even = torch.nn.functional.pad(fine, (0, width % 2, 0, height % 2))
    shrunk = torch.nn.functional.conv2d(_flat(even), _kernel(fine), stride=2, padding=1)
    return shrunk.view(*fine.shape[:2], *shrunk.shape[-2:])


def _kernel(like: Tensor) -> Tensor:
    line = torch.tensor([0.25, 0.75, 0.75, 0.25], dtype=like.dtype, device=like.device)
    return (line[:, None] * line)[None, None]


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1, 1, *x.shape[-2:])


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((2, 3), keepdim=True)


def _norm(x: Tensor) -> Tensor:
    return x.square().sum((2, 3), keepdim=True).sqrt()


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where a system is solved already."""
    return torch.where(b > 0, a / torch.where(b > 0, b, 1.0), 0.0)
