"""The generated pages hold what the registries' records say, of every component."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs._ext import method_pages, results
from docs._ext.docstrings import rst
from docs._ext.formulas import statements
from docs._ext.markdown import facts, prose, sentence, table, value
from docs._ext.picture_files import file_of
from docs._ext.protocol_pages import effects, records
from docs._ext.quantities import bounds, unit
from wsol.evaluation.records import metric_quantities, protocol_quantities
from wsol.grammar import STORED
from wsol.methods._base import MethodInfo, methods
from wsol.metrics._base import metrics
from wsol.options import MISSING_VALUE, options_of
from wsol.protocols import protocols
from wsol.runs.schema import Quantity


def info(**facts: object) -> MethodInfo:
    known = {"key": "k", "name": "K", "paper": "p", "year": 2026, "layers": "last", "cost": "1F"}
    return MethodInfo(**{**known, "needs": frozenset({"activations"}), **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize("key", methods)
def test_a_method_has_a_page_with_its_paper_and_every_option(key: str, catalog: dict[str, str]) -> None:
    page = catalog[f"methods/{key}"]
    assert prose(methods[key].info.paper) in page
    assert page.count("```{math}") >= 1
    assert all(f"| `{option.name}` |" in page for option in options_of(methods[key]))
    assert f"`{key}`" in catalog["parts/methods"]


@pytest.mark.parametrize("key", methods.packaged())
def test_a_method_s_page_has_formula_identities_traps_cost_and_picture(key: str, catalog: dict[str, str]) -> None:
    known, page = methods[key].info, catalog[f"methods/{key}"]
    assert all(f"```{{math}}\n{formula}\n```" in page for formula in statements(known.formula))
    assert known.identities or known.traps
    for title, text in (("Identities", known.identities), ("Traps", known.traps)):
        assert (f"## {title}\n\n{sentence(text)}\n" in page) == bool(text)
    assert f":Passes per image: {prose(known.cost)}\n" in page
    (name,) = re.findall(r"^```\{picture\} (methods/\w+)$", page, re.M)
    assert name == f"methods/{key}"
    assert file_of(name) is not None, f"run: python scripts/draw_pictures.py {name}"


def test_every_protocol_has_a_page_with_every_knob_and_its_source(catalog: dict[str, str]) -> None:
    assert len(records()) >= 10
    for record in records():
        page = catalog[f"protocols/{record.name}"]
        for knob, given in record.knobs.items():
            assert f"| `{value(given)}` | {prose(record.sources.get(knob, 'not stated'))} |" in page, (
                record.name,
                knob,
            )


def test_the_page_of_knobs_has_every_knob_and_what_the_study_measured(catalog: dict[str, str]) -> None:
    page = catalog["protocols/knobs"]
    assert all(f"## `{knob}`" in page for knob in protocols["exact"].knobs)
    studied = {row["knob"] for row in results.printed("shapes_knobs") if "=" in row["knob"]}
    assert len(studied) > 20
    assert all(f"| `{flip}` |" in page for flip in studied)
    assert effects("refine") == ""


def test_every_metric_has_a_page_with_each_of_its_numbers(catalog: dict[str, str]) -> None:
    for key in metrics.packaged():
        for quantity in metric_quantities(key, metrics[key]()):
            assert f"| `{quantity.key}` | {quantity.label} |" in catalog[f"metrics/{key}"]


def test_the_numbers_of_localization_are_those_of_the_protocols(catalog: dict[str, str]) -> None:
    for name in ("choe2020_v1", "choe2020_v2"):
        assert all(f"`{q.key}`" in catalog["parts/localization"] for q in protocol_quantities(protocols[name]))


def test_a_committed_number_stands_on_the_page_of_its_method(catalog: dict[str, str]) -> None:
    row = next(
        row
        for row in results.numbers("shapes_every_method")
        if (row["variant"], row["protocol"], row["metric"]) == ("layercam@stage5", "choe2020_v1", "maxboxacc")
    )
    assert f"| `layercam@stage5` | {float(row['value']):.1f} [" in catalog["methods/layercam"]


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ("Controls", info(role="control")),
        ("Attention", info(needs=frozenset({"attention"}))),
        ("One forward pass", info()),
        ("One forward pass", info(needs=frozenset({"activations", "head"}))),
        ("One forward and one backward pass", info(needs=frozenset({"activations", "gradients"}))),
        ("Tens to thousands of passes", info(needs=frozenset({"model"}), costly=True)),
        ("A few passes", info(needs=frozenset({"model"}))),
    ],
)
def test_a_method_is_listed_by_what_it_takes(expected: str, given: MethodInfo) -> None:
    assert method_pages.family(given) == expected


def test_values_are_written_as_one_types_them() -> None:
    given = (None, True, 0.0784313725490196, (0.3, 0.5), MISSING_VALUE, "minmax")
    assert [*map(value, given)] == ["null", "true", "0.0784314", "[0.3,0.5]", "must be given", "minmax"]


def test_plain_text_stays_as_it_is_in_markdown() -> None:
    assert prose("a_b * <c> in `x_y`") == r"a\_b \* \<c\> in `x_y`"
    assert sentence("each cell") == "Each cell"
    assert sentence("x is the image") == "x is the image"


def test_tables_and_facts_have_a_line_for_each_entry() -> None:
    assert table(["a", "n"], [["x", "1"]], numbers=1) == "| a | n |\n| --- | --: |\n| x | 1 |"
    assert facts({"Key": "`k`", "Paper": "p"}) == ":Key: `k`\n:Paper: p"


def test_ranges_are_in_the_unit_that_tables_show() -> None:
    share = Quantity(measure="m", key="k", label="K", unit="percent", bounds=(0.0, 1.0))
    assert (bounds(share), unit(share)) == ("0 to 100", "%")
    assert bounds(Quantity(measure="m", key="k", label="K")) == "not bounded"


def test_sections_of_a_docstring_become_definitions() -> None:
    lines = [
        "Sum of `a` * b.",
        "",
        "Parameters",
        "----------",
        "a, b : two numbers,",
        "    both finite. c : a third.",
        "",
    ]
    assert [line for line in rst(lines) if line] == [
        r"Sum of ``a`` \* b.",
        "**Parameters**",
        "``a``, ``b``",
        "   two numbers, both finite.",
        "``c``",
        "   a third.",
    ]


def test_an_indented_example_of_a_docstring_becomes_code() -> None:
    assert rst(["As a decorator:", "", "    @rule(*x)", "    def f(): ...", "", "Then more."]) == [
        "As a decorator:",
        "",
        "::",
        "",
        "    @rule(*x)",
        "    def f(): ...",
        "",
        "",
        "Then more.",
    ]


def test_the_page_of_protocols_names_both_spellings_of_every_option_that_has_two() -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text("utf-8")
    assert all(f"`{typed}`" in text and f"`{kept}`" in text for typed, kept in STORED.items())
