"""Each check by hand, and what comes out of the collected tables by itself."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from wsol.errors import DataError
from wsol.published.audit._base import Finding, Number, audit, checks
from wsol.published.audit._counts import (
    ROUNDED,
    TRUNCATED,
    base_rate,
    counts_of,
    is_possible,
    poisson_binomial_tail,
)
from wsol.published.audit._names import dataset_of, metric_of, network_of, system_of
from wsol.published.audit._page import as_page
from wsol.published.audit._read import own_findings, published_numbers, table_numbers
from wsol.published.beside import benchmark_names, load_benchmark


def number(value: float = 50.0, **fields: Any) -> Number:
    plain = {"table": "t", "cell": "c", "dataset": "CUB", "network": "vgg16", "system": "cam", "metric": "top1_loc"}
    return Number(**{**plain, "value": value, "digits": 2, "printed": str(value), "n": 5794, **fields})


def said(numbers: Iterable[Number], name: str) -> list[str]:
    return [finding.says for finding in audit(list(numbers), [name])]


# counts


@given(k=st.integers(0, 997), digits=st.integers(0, 3))
def test_every_count_is_possible_however_it_is_printed(k: int, digits: int) -> None:
    scaled = Fraction(100 * k, 997) * 10**digits
    rounded, cut = int(scaled + Fraction(1, 2)) / 10**digits, int(scaled) / 10**digits
    assert is_possible(rounded, digits, 997)
    assert is_possible(cut, digits, 997, rule=TRUNCATED)


@pytest.mark.parametrize("rule", [ROUNDED, TRUNCATED])
def test_possible_percentages_are_those_of_all_counts(rule: str) -> None:
    """Of 37 images: k / 37 in exact fractions, one decimal."""
    half = Fraction(1, 2) if rule == ROUNDED else 0
    expected = {int(Fraction(1000 * k, 37) + half) for k in range(38)}
    assert {v for v in range(1001) if is_possible(v / 10, 1, 37, rule=rule)} == expected


def test_the_base_rates_of_cub_are_the_handbooks() -> None:
    assert round(base_rate(5794, 2), 2) == 0.58
    assert round(base_rate(5794, 2, either=True), 2) == 0.87
    assert base_rate(50_000, 2) == base_rate(5794, 1) == 1
    assert base_rate(500, 2) == pytest.approx(501 / 10_001)


def test_the_tail_of_unequal_coins_is_the_sum_over_all_outcomes() -> None:
    rates = [0.1, 0.5, 0.9]
    none = 0.9 * 0.5 * 0.1
    one = 0.1 * 0.5 * 0.1 + 0.9 * 0.5 * 0.1 + 0.9 * 0.5 * 0.9
    assert poisson_binomial_tail(rates, 0) == pytest.approx(none)
    assert poisson_binomial_tail(rates, 1) == pytest.approx(none + one)
    assert poisson_binomial_tail(rates, 3) == pytest.approx(1)


def test_a_table_says_by_which_rule_its_cells_are_counts() -> None:
    cut = [number(int(10_000 * k / 5794) / 100) for k in range(3000, 3040)]
    found = counts_of(5794, cut)
    assert found is not None
    assert (found.rule, found.wrong) == (TRUNCATED, ())
    assert counts_of(50_000, cut) is None


def test_one_impossible_cell_among_counts_is_named() -> None:
    cells = [number(round(100 * k / 5794, 2), cell=str(k), system=str(k)) for k in range(3000, 3020)]
    assert not said(cells, "possible_counts")
    (sentence,) = said([*cells, number(36.13, system="x")], "possible_counts")  # 2093 / 5794 is 36.124, 2094 is 36.141
    assert "36.13: not a whole number of 5,794 images" in sentence
    assert "20 of its table's 21 cells are" in sentence


def test_numbers_in_full_that_are_no_counts_look_like_averages_over_classes() -> None:
    whole = number(100 * 4193 / 5794, digits=13, of_classes=True)
    assert not said([whole], "class_average")
    assert "are not whole numbers of images" in said([number(72.36417930523903, digits=14, of_classes=True)],
                                                     "class_average")[0]  # fmt: skip


# the others


@pytest.mark.parametrize(
    ("cells", "name", "sentence"),
    [
        ([(53.91, {}), (43.45, {"metric": "top5_loc"})], "order", "Top-1 Loc 53.91 is above Top-5 Loc 43.45"),
        ([(60.0, {"metric": "top5_loc"}), (59.9, {"metric": "gt_known_loc"})], "order", "above GT-known Loc 59.90"),
        ([(60.0, {}), (59.9, {"metric": "top1_cls"})], "order", "above Top-1 Cls 59.90"),
        ([(104.2, {})], "bounds", "is 104.20 %, outside 0 to 100"),
        ([(0.71, {}), *((v, {"system": str(v)}) for v in (70, 71, 72))], "bounds", "a fraction among percentages?"),
        ([(61.47, {"metric": "win"}), (39.44, {"metric": "win", "system": "o"})], "complements", "together 100.91 %"),
        ([(50.0, {}), (50.5, {"table": "u"})], "same_system", "Top-1 Loc is 50.00 (t), 50.50 (u)"),
        (
            [(60.0, {}), (62.0, {"network": "resnet50"}), (61.5, {"network": "mean"})],
            "means",
            "printed as 61.50 (Top-1 Loc), and its cells 60.00, 62.00 have the mean 61.00",
        ),
        (
            [(v, {"metric": m}) for v, m in ((80, "maxboxacc@30"), (60, "maxboxacc@50"), (40, "maxboxacc@70"),
                                             (61, "maxboxacc_v2"))],
            "means",
            "the mean of its parts is printed as 61.00",
        ),
        (
            [(52.5, {"metric": "maxboxacc_v2"}), (52.5, {"metric": "maxboxacc", "table": "u"})],
            "versions",
            "52.50 is MaxBoxAccV2 in t and the first version's MaxBoxAcc in u",
        ),
        (
            [(59.7, {"system": "center", "metric": "maxboxacc_v2"}),
             (56.83, {"system": "center", "metric": "maxboxacc_v2", "table": "m", "certainty": "measured"})],
            "centre_baseline",
            "printed as 59.70 in t; the boxes of these 5,794 images give 56.83",
        ),
        (
            [(v, {"metric": m, "network": net}) for net in ("vgg16", "inceptionv3")
             for v, m in ((41.06, "top1_loc"), (50.66, "top5_loc"), (55.1, "gt_known_loc"))],
            "repeated_rows",
            "41.06, 50.66, 55.10 stand for CUB, vgg16, cam and for CUB, inceptionv3, cam in t",
        ),
    ],
)  # fmt: skip
def test_a_check_names_what_does_not_fit(cells: list[tuple[float, Any]], name: str, sentence: str) -> None:
    (found,) = said([number(value, **fields) for value, fields in cells], name)
    assert sentence in found


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        ([(53.91, {}), (53.91, {"metric": "top5_loc"})], "order"),
        ([(60.04, {}), (60.0, {"metric": "top5_loc", "digits": 1})], "order"),  # 60.0 may be 60.04
        ([(50.004, {"digits": 3}), (50.0, {"table": "u"})], "same_system"),
        ([(50.0, {}), (50.5, {"table": "u", "setting": "tau 0.2"})], "same_system"),
        ([(60.0, {}), (62.0, {"network": "resnet50"}), (61.01, {"network": "mean"})], "means"),
        ([(60.0, {}), (62.0, {"network": "resnet50"}), (70.0, {"network": "inceptionv3", "metric": "top5_loc"}),
          (64.0, {"network": "mean"})], "means"),  # the third network's cell is left out of the table
        ([(61.47, {"metric": "win"}), (38.54, {"metric": "win", "system": "o"})], "complements"),
        ([(v, {"metric": m, "system": s}) for s in ("gradcam", "xgradcam")
          for v, m in ((41.06, "top1_loc"), (50.66, "top5_loc"), (55.1, "gt_known_loc"))], "repeated_rows"),
        ([(56.8, {"system": "center", "metric": "maxboxacc_v2", "digits": 1}),
          (56.83, {"system": "center", "metric": "maxboxacc_v2", "certainty": "measured"})], "centre_baseline"),
    ],
)  # fmt: skip
def test_a_check_is_silent_where_all_fits(cells: list[tuple[float, Any]], name: str) -> None:
    assert not said([number(value, **fields) for value, fields in cells], name)


# names and files


def test_names_have_one_spelling() -> None:
    assert {network_of(text) for text in ("VGG-16", "vgg16", "VGG 16")} == {"vgg16"}
    assert {network_of(text) for text in ("Mean", "mean of 3", "Average")} == {"mean"}
    assert system_of("Grad-CAM++") == system_of("gradcam++ (2018)") != system_of("Grad-CAM")
    assert system_of("Center baseline") == system_of("Centre Gaussian") == "center"
    assert system_of("GenPromp (2023CVPR)") == "genpromp"
    assert {dataset_of(text) for text in ("CUB-200-2011", "cub")} == {"CUB"}
    spelled = ("top1_loc", "Top-1 Loc (%)", "Top-1", "top1", "Top-1 Loc. [%]")
    assert {metric_of(text) for text in spelled} == {"top1_loc"}
    assert {metric_of(text) for text in ("gt_known", "GT-known Loc", "GT-Known")} == {"gt_known_loc"}
    assert metric_of("MaxBoxAccV2") == "maxboxacc_v2"
    assert metric_of("MaxBoxAcc@0.3") is None or metric_of("MaxBoxAcc@30") == "maxboxacc@30"
    assert metric_of("year") is None


def test_a_table_of_fractions_is_read_as_percentages(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('name,images,Top-1,gt known\nCAM,"5,794",0.4106,0.5510\nOurs,5794,-,0.8012\n')
    found = table_numbers(file)
    assert [(n.value, n.digits, n.n, n.metric, n.cell) for n in found] == [
        (pytest.approx(41.06), 2, 5794, "top1_loc", "line 2, Top-1"),
        (pytest.approx(55.1), 2, 5794, "gt_known_loc", "line 2, gt known"),
        (pytest.approx(80.12), 2, 5794, "gt_known_loc", "line 3, gt known"),
    ]
    assert {n.dataset for n in found} == {"CUB"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,year\nCAM,2016", "has no column of numbers"),
        ("top1_loc\n5", "has no column of systems"),
        ("system,top1_loc\nCAM,high", "line 2, column top1_loc: 'high' is not a number"),
        ("system,top1_loc\nCAM,inf", "is not a finite number"),
        ("system,n,top1_loc\nCAM,none,5", "n is 'none'; expected a number of images"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        own_findings([tmp_path / "t.csv"])


# the collected tables


@pytest.fixture(scope="module")
def published() -> list[Number]:
    return list(published_numbers(load_benchmark(name) for name in benchmark_names()))


@pytest.fixture(scope="module")
def field(published: list[Number]) -> list[Finding]:
    return audit(published)


def test_some_1900_published_numbers_are_looked_at(published: list[Number]) -> None:
    assert len(published) > 1800


@pytest.mark.parametrize(
    ("check", "table", "words"),
    [  # handbook/data.md, section 7
        ("class_average", "idc2024", ["72.36417930", "93.35930243"]),
        ("class_average", "psol2020", ["of 31 cells"]),
        ("same_system", "psol2020", ["CUB, VGG16, CAM", "36.13", "41.06"]),
        ("same_system", "psol2020", ["CUB, ResNet50, CAM", "29.58", "46.71", "49.41"]),
        ("same_system", "torchcam", ["LayerCAM", "17.12", "18.05"]),
        ("versions", "choe2020", ["CUB", "59.7 is MaxBoxAccV2 in choe2020", "choe2020_v1"]),
        ("versions", "choe2020", ["ImageNet", "52.5 is MaxBoxAccV2 in choe2020"]),
        ("centre_baseline", "choe2020", ["printed as 52.5", "53.39"]),
        ("centre_baseline", "choe2020", ["printed as 59.7", "56.83"]),
        ("complements", "gradcampp2018", ["100.91"]),
        ("order", "layercam2021", ["53.91", "43.45"]),
        ("repeated_rows", "bas2022", ["41.06, 50.66, 55.1", "VGG16", "InceptionV3"]),
        ("repeated_rows", "awesome_wsol", ["41.1, 50.7, 73.8, 91.5", "CUB", "ImageNet"]),
    ],
)
def test_the_handbooks_findings_come_out_by_themselves(
    check: str, table: str, words: list[str], field: list[Finding]
) -> None:
    fitting = [f.says for f in field if f.check == check and table in f.tables and all(w in f.says for w in words)]
    assert len(fitting) == 1, [f.says for f in field if f.check == check]


def test_four_means_of_ivr_and_two_of_fcams_own_do_not_follow(field: list[Finding]) -> None:
    means = [f for f in field if f.check == "means"]
    assert sum("ivr2021" in f.tables for f in means) == 4
    own = [f for f in means if "fcam2022" in f.tables and f.numbers[0].certainty == "primary"]
    assert len(own) == 2


def test_the_committed_page_is_what_the_command_writes(published: list[Number], field: list[Finding]) -> None:
    text = (ROOT / "results" / "audit.md").read_text(encoding="utf-8")
    assert text == as_page(field, published), "run: wsol audit --page results/audit.md"


def test_the_page_accuses_nobody(published: list[Number], field: list[Finding]) -> None:
    text = as_page(field, published).lower()
    for word in ("fraud", "fake", "fabricat", "cheat", "dishonest", "manipulat", "wrong number", "error by"):
        assert word not in text


def test_every_check_is_one_file_that_says_what_it_looks_for() -> None:
    folder = ROOT / "wsol" / "published" / "audit"
    assert set(checks) == {file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")}
    assert all(checks[name].name == name and checks[name].about for name in checks)
