"""Tables of made-up results, clean or with one planted error, from a seed: what `wsol audit` is audited with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

CUB, IMAGENET = 5_794, 50_000
SIZES = [11 + (7 * c) % 20 for c in range(200)]  # images of classes as unequal as CUB's, 11 to 30
NETWORKS = ("VGG16", "ResNet50", "InceptionV3")
SYSTEMS = ("CAM", "HaS", "ACoL", "SPG", "ADL", "CutMix", "Grad-CAM++", "LayerCAM", "Ours", "Ours + crop")
LOC = ("top1_loc", "top5_loc", "gt_known_loc")

Row = dict[str, str]


@dataclass
class Made:
    """A table: its rows as they would be printed, n, and where the error is: (row, column), or nowhere."""

    rows: list[Row]
    n: int
    error: str = ""
    at: set[tuple[int, str]] = field(default_factory=set)
    digits: int = 2
    truncated: bool = False

    def csv(self) -> str:
        """Every column that any row has."""
        header = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = [",".join(row.get(name, "") for name in header) for row in self.rows]
        return "\n".join([",".join(header), *lines])


def printed(share: Fraction, digits: int, *, truncated: bool = False) -> str:
    """A share of 1 as a percentage."""
    scaled = 100 * share * 10**digits
    whole = int(scaled) if truncated else int(scaled + Fraction(1, 2))
    return f"{whole / 10**digits:.{digits}f}"


def clean(seed: int) -> Made:
    """A table in which every number follows from hits: counts of n, parts below wholes, means of cells."""
    dice = random.Random(f"clean {seed}")
    n = dice.choice([CUB, CUB, CUB, IMAGENET])
    made = Made([], n, digits=dice.choice([2, 2, 2, 1]), truncated=dice.random() < 0.15)
    networks = dice.sample(NETWORKS, dice.choice([1, 2, 3]))
    more = dice.random() < 0.5  # classification, too
    parts = dice.random() < 0.4  # MaxBoxAcc at three IoU thresholds, too
    for system in dice.sample(SYSTEMS, dice.randint(6, len(SYSTEMS))):
        shares: list[dict[str, Fraction]] = []
        for network in networks:
            hits = {"gt_known_loc": dice.randint(int(0.5 * n), int(0.97 * n))}
            hits["top5_loc"] = int(hits["gt_known_loc"] * dice.uniform(0.8, 0.98))
            hits["top1_loc"] = int(hits["top5_loc"] * dice.uniform(0.7, 0.95))
            if more:
                hits["top1_cls"] = dice.randint(hits["top1_loc"], min(n, hits["top1_loc"] + n // 5))
                hits["top5_cls"] = dice.randint(max(hits["top1_cls"], hits["top5_loc"]), n)
            if parts:
                hits["maxboxacc"] = hits["gt_known_loc"] - dice.randint(0, n // 20)
                at_50 = min(n, hits["maxboxacc"] + dice.randint(n // 50, n // 20))
                hits |= {"maxboxacc@30": at_50 + (n - at_50) // 2, "maxboxacc@50": at_50, "maxboxacc@70": at_50 // 2}
            found = {name: Fraction(k, n) for name, k in hits.items()}
            if parts:
                found["maxboxacc_v2"] = sum(found[f"maxboxacc@{d}"] for d in (30, 50, 70)) / 3
            shares.append(found)
            made.rows.append({"system": system, "network": network, **_printed(found, made)})
        if len(networks) > 1 and dice.random() < 0.6:
            means = {name: sum(one[name] for one in shares) / len(shares) for name in shares[0]}
            made.rows.append({"system": system, "network": "Mean", **_printed(means, made)})
    for row in made.rows:  # papers leave cells empty
        if dice.random() < 0.1 and "maxboxacc_v2" not in row:
            row.pop(dice.choice(["top5_loc", "gt_known_loc"]))
    return made


def _printed(shares: dict[str, Fraction], made: Made) -> Row:
    return {name: printed(share, made.digits, truncated=made.truncated) for name, share in shares.items()}


def _full(seed: int, *needs: str, means: bool = False, n: int = CUB) -> tuple[Made, random.Random]:
    """A clean table with two decimals, rounded, whose rows have these columns, and with means if they are asked for."""
    dice = random.Random(f"planted {seed}")
    while True:
        made = clean(dice.randrange(10**9))
        rows = [row for row in made.rows if all(name in row for name in needs)]
        fits = made.n == n and made.digits == 2 and not made.truncated and len(rows) >= 6
        if fits and (not means or any(row["network"] == "Mean" for row in made.rows)):
            return made, dice


def _choose(made: Made, dice: random.Random, *needs: str, mean: bool = False) -> int:
    places = [
        k for k, row in enumerate(made.rows)
        if all(name in row for name in needs) and (row["network"] == "Mean") == mean
    ]  # fmt: skip
    return dice.choice(places)


def impossible_count(seed: int) -> Made:
    """A cell moved by one or two units of its last place, to where no count of n is."""
    made, dice = _full(seed, *LOC)
    counts = {printed(Fraction(k, made.n), 2) for k in range(made.n + 1)}
    while True:
        row, column = _choose(made, dice, *LOC), dice.choice(LOC)
        value = f"{float(made.rows[row][column]) + dice.choice([-0.02, -0.01, 0.01, 0.02]):.2f}"
        if value not in counts:
            made.rows[row][column] = value
            return _marked(made, (row, column))


def swapped(seed: int) -> Made:
    """Top-1 and Top-5 Loc in each other's place."""
    made, dice = _full(seed, *LOC)
    row = _choose(made, dice, *LOC)
    cells = made.rows[row]
    cells["top1_loc"], cells["top5_loc"] = cells["top5_loc"], cells["top1_loc"]
    return _marked(made, (row, "top1_loc"))


def part_above_whole(seed: int) -> Made:
    """Top-5 Loc with two digits turned, above GT-known Loc."""
    made, dice = _full(seed, *LOC)
    row = _choose(made, dice, *LOC)
    made.rows[row]["gt_known_loc"] = printed(Fraction(int(float(made.rows[row]["top5_loc"]) * 57.94 * 0.97), CUB), 2)
    return _marked(made, (row, "gt_known_loc"))


def above_classification(seed: int) -> Made:
    """More images localized and classified than classified."""
    made, dice = _full(seed, "top1_loc", "top1_cls")
    row = _choose(made, dice, "top1_loc", "top1_cls")
    made.rows[row]["top1_cls"] = printed(Fraction(int(float(made.rows[row]["top1_loc"]) * 57.94 * 0.98), CUB), 2)
    return _marked(made, (row, "top1_cls"))


def wrong_mean(seed: int) -> Made:
    """A mean over networks that is some tenths off."""
    made, dice = _full(seed, means=True)
    row = _choose(made, dice, mean=True)
    column = dice.choice([name for name in LOC if name in made.rows[row]])
    made.rows[row][column] = f"{float(made.rows[row][column]) + dice.choice([-0.4, -0.3, -0.2, 0.2, 0.3, 0.4]):.2f}"
    return _marked(made, (row, column))


def wrong_v2(seed: int) -> Made:
    """A MaxBoxAccV2 that is not the mean of its parts."""
    made, dice = _full(seed, "maxboxacc_v2")
    row = _choose(made, dice, "maxboxacc_v2")
    made.rows[row]["maxboxacc_v2"] = f"{float(made.rows[row]['maxboxacc_v2']) + dice.choice([-0.3, 0.2, 0.5]):.2f}"
    return _marked(made, (row, "maxboxacc_v2"))


def versions_mixed(seed: int) -> Made:
    """The first version's MaxBoxAcc printed as MaxBoxAccV2, without its parts."""
    made, dice = _full(seed, "maxboxacc_v2")
    for row in made.rows:
        for d in (30, 50, 70):
            row.pop(f"maxboxacc@{d}", None)
    made.rows = [row for row in made.rows if row["network"] != "Mean"]
    row = _choose(made, dice, "maxboxacc_v2")
    made.rows[row]["maxboxacc_v2"] = made.rows[row]["maxboxacc"]
    return _marked(made, (row, "maxboxacc_v2"))


def two_numbers(seed: int) -> Made:
    """One system twice on one network, with different numbers."""
    made, dice = _full(seed, *LOC)
    row = _choose(made, dice, *LOC)
    fewer = {name: printed(Fraction(int(float(made.rows[row][name]) * 57.94) - 40, CUB), 2) for name in LOC}
    made.rows.append({**made.rows[row], **fewer})
    return _marked(made, (row, "top1_loc"), (len(made.rows) - 1, "top1_loc"))


def copied_row(seed: int) -> Made:
    """A row's numbers under another system."""
    made, dice = _full(seed, *LOC)
    row = _choose(made, dice, *LOC)
    made.rows.append({**made.rows[row], "system": "A later one"})
    return _marked(made, (len(made.rows) - 1, "top1_loc"))


def fraction(seed: int) -> Made:
    """A fraction among percentages."""
    made, dice = _full(seed, "top1_loc")
    row = _choose(made, dice, "top1_loc")
    made.rows[row]["top1_loc"] = f"{float(made.rows[row]['top1_loc']) / 100:.4f}"
    return _marked(made, (row, "top1_loc"))


def classes_averaged(seed: int) -> Made:
    """Every number of a table averaged over classes instead of images."""
    made, dice = _full(seed, "top1_loc")
    made.rows = [row for row in made.rows if row["network"] != "Mean"]
    for row in made.rows:
        kept = [name for name in row if name in LOC]
        for name in [name for name in row if name not in (*LOC, "system", "network")]:
            del row[name]
        shares = sorted(dice.uniform(0.4, 0.95) for _ in kept)
        for name, share in zip(kept, shares, strict=True):
            of_classes = [Fraction(round(size * dice.uniform(max(0, 2 * share - 1), 1)), size) for size in SIZES]
            row[name] = printed(sum(of_classes) / len(SIZES), 2)
        for low, high in (("top1_loc", "top5_loc"), ("top5_loc", "gt_known_loc"), ("top1_loc", "top5_loc")):
            if low in row and high in row and float(row[low]) > float(row[high]):
                row[low], row[high] = row[high], row[low]
        if {"top1_loc", "gt_known_loc"} <= set(row) and float(row["top1_loc"]) > float(row["gt_known_loc"]):
            row["top1_loc"], row["gt_known_loc"] = row["gt_known_loc"], row["top1_loc"]
    return _marked(made, *((k, name) for k, row in enumerate(made.rows) for name in row if name in LOC))


def center_not_of_the_data(seed: int) -> Made:
    """A center baseline that the boxes don't give."""
    made, dice = _full(seed, "maxboxacc_v2")
    off = dice.choice([48.0, 52.35, 59.7, 61.02])
    made.rows.append({"system": "Center baseline", "network": "-", "maxboxacc_v2": f"{off:.2f}"})
    return _marked(made, (len(made.rows) - 1, "maxboxacc_v2"))


def _marked(made: Made, *places: tuple[int, str]) -> Made:
    made.at = set(places)
    return made


ERRORS: tuple[Callable[[int], Made], ...] = (
    impossible_count, swapped, part_above_whole, above_classification, wrong_mean, wrong_v2, versions_mixed,
    two_numbers, copied_row, fraction, classes_averaged, center_not_of_the_data,
)  # fmt: skip


def planted(count: int) -> list[Made]:
    """Tables with one error each, all kinds in turn."""
    made = []
    for seed in range(count):
        plant = ERRORS[seed % len(ERRORS)]
        table = plant(seed)
        table.error = plant.__name__
        made.append(table)
    return made
