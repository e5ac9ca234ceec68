"""The board: it holds every number of the result files, and its page sorts, filters, prints and needs no network."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs._ext.board import page
from docs._ext.results import RESULTS, numbers
from scripts import board_check
from tests.report.made_up import make_run
from tests.report.page.chromium import Chromium
from wsol.errors import DataError
from wsol.report.export.result_file import ResultFile, Row, read_result, text_of
from wsol.report.export.run_result import result_of
from wsol.report.numbers.settings import Settings

QUALITY = {"gradcam@stage5": 0.0, "layercam@stage4[gamma=2]": 0.1, "oraclemap@stage5": 0.3, "centergauss": -0.2}
WORDS = ["dataset=shapes", "model=shapes_gap"]
ROWS = "[...document.querySelectorAll('#numbers tbody tr')]"
NAMES = f"{ROWS}.map(row => row.cells[0].firstChild.textContent)"
VALUES = f"{ROWS}.map(row => Number(row.cells[2].firstChild.textContent))"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two result files, one of them of a run that needs files."""
    place = tmp_path_factory.mktemp("results")
    made = []
    for name, needs in (("one", []), ("photos", ["../my photos"])):
        run = make_run(place / "runs" / name, QUALITY, protocols=("choe2020_v1", "choe2020_v2"), rise=name == "one")
        run.write_manifest({**run.manifest, "recompute": {"words": [*WORDS, *needs], "files": needs}})
        made.append(place / f"{name}.json")
        made[-1].write_text(text_of(result_of(run, Settings(n_resamples=20))), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def one(files: list[Path]) -> ResultFile:
    return read_result(files[0])


@pytest.fixture(scope="module")
def board(files: list[Path]) -> Path:
    place = files[0].with_name("board.html")
    place.write_text(page(files), encoding="utf-8")
    return place


@pytest.fixture
def opened(browser: Chromium, board: Path) -> Iterator[Chromium]:
    """The page, just opened; after the test its console must be empty and no request made."""
    with browser.alone_with(board):
        yield browser


def test_the_page_holds_every_number_with_what_it_carries(board: Path, one: ResultFile) -> None:
    data = json.loads(re.findall(r'id="data">(.*?)</script>', board.read_text(encoding="utf-8"), re.S)[0])
    first = data["files"][0]
    assert len(first["rows"]) == len(one.rows)
    for packed, row in zip(first["rows"], one.rows, strict=True):
        assert packed[2:8] == [row.value, row.low, row.high, row.n, row.failed, row.fingerprint]
        quantity = first["quantities"][packed[1]]
        assert (quantity["measure"], quantity["key"]) == (row.measure, row.quantity)
    assert data["files"][1]["needs"] == ["../my photos"]


def test_a_file_that_is_no_result_file_stops_the_board(tmp_path: Path) -> None:
    place = tmp_path / "mine.json"
    place.write_text("{}")
    with pytest.raises(DataError, match=r"mine\.json is not a result file"):
        page([place])


def test_every_committed_result_file_is_sound_and_has_the_numbers_of_its_table() -> None:
    committed = sorted(RESULTS.glob("*.json"))
    assert committed
    for place in committed:
        assert place.stat().st_size < 2_000_000
        result = read_result(place)
        stated = {(r["variant"], r["protocol"], r["metric"]): r for r in numbers(place.stem)}
        for row in result.rows:
            line = stated[row.variant, row.measure, row.quantity]
            assert (str(row.value), str(row.n)) == (line["value"], line["n"]), (place.stem, row.name)


def test_it_opens_on_the_main_number_of_the_first_run_best_first(opened: Chromium, one: ResultFile) -> None:
    rows = [row for row in one.rows if (row.measure, row.quantity) == ("choe2020_v1", "maxboxacc")]
    ranked = sorted(rows, key=lambda row: -(row.value or 0))
    assert opened.run(NAMES) == [row.variant for row in ranked]
    assert opened.run(VALUES) == [round(row.value or 0, 1) for row in ranked]
    assert opened.run("document.querySelector('#numbers [aria-sort]').innerText.trim()").endswith("Value")


def test_a_head_sorts_by_mouse_and_by_keys(opened: Chromium) -> None:
    first = opened.run(NAMES)
    opened.click("#numbers thead th:nth-child(3) button")
    assert opened.run(NAMES) == first[::-1]
    opened.run("document.querySelector('#numbers thead th:nth-child(1) button').focus()")
    opened.key("Enter")
    assert opened.run(NAMES) == sorted(first)
    assert opened.run("document.querySelector('#numbers thead th').getAttribute('aria-sort')") == "ascending"
    opened.key(" ")
    assert opened.run(NAMES) == sorted(first, reverse=True)
    assert opened.run("document.querySelector('#count').textContent").endswith("sorted by variant, descending.")


def test_filters_leave_what_is_asked_for(opened: Chromium, one: ResultFile) -> None:
    opened.choose("#number", "choe2020_v2/maxboxacc_v2")
    assert opened.run(f"{ROWS}.every(row => row.cells[8].innerText.startsWith('choe2020_v2'))")
    opened.choose("#kind", "ceiling")
    assert opened.run(NAMES) == ["oraclemap@stage5"]
    opened.choose("#kind", "")
    opened.run(
        "(e => { e.value = 'layercam gamma'; e.dispatchEvent(new Event('input')); })(document.querySelector('#text'))"
    )
    assert opened.run(NAMES) == ["layercam@stage4[gamma=2]"]
    opened.run("(e => { e.value = ''; e.dispatchEvent(new Event('input')); })(document.querySelector('#text'))")
    opened.choose("#run", "")
    opened.choose("#number", "")
    every = opened.run(f"{ROWS}.length")
    opened.click("#alone")
    assert opened.run(f"{ROWS}.length") == len(one.rows) < every
    opened.choose("#number", "rise2018_dataset/deletion_auc")
    assert opened.run(VALUES) == sorted(opened.run(VALUES))  # lower is better
    shown = opened.run("location.hash")
    opened.reload()
    assert opened.run("document.querySelector('#alone').checked")
    assert opened.run("location.hash") == shown
    opened.requests[1:] = []  # the reload


def test_each_number_shows_the_command_that_the_result_file_has(opened: Chromium, one: ResultFile) -> None:
    opened.choose("#run", "0")
    opened.choose("#number", "")
    text = (
        "row => [row.cells[0].firstChild.textContent, row.cells[9].innerText, row.querySelector('code:not(td > code)')"
    )
    shown = opened.run(f"{ROWS}.map({text}.textContent])")
    assert sorted(shown) == sorted([row.variant, row.fingerprint, shlex.join(one.command(row))] for row in one.rows)
    opened.choose("#run", "1")
    assert "Needs ../my photos." in opened.run("document.querySelector('#numbers details').textContent")


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("width", [390, 768, 1366])
def test_nothing_sticks_out_at_any_width(browser: Chromium, board: Path, width: int) -> None:
    browser.open(board, width=width)
    browser.choose("#number", "")
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") == width
    if width == 390:  # wider screens may scroll the table in its own frame
        assert browser.run("(d => d.scrollWidth - d.clientWidth)(document.querySelector('.wide'))") == 0
    assert browser.complaints == []


def test_everything_that_takes_input_has_a_name_and_paper_shows_the_commands(opened: Chromium) -> None:
    nameless = (
        "[...document.querySelectorAll('button, select, input, summary')].filter(e => !(e.tagName !== 'SELECT' &&"
        "e.textContent.trim() || e.labels?.length && e.labels[0].firstChild.textContent.trim())).map(e => e.outerHTML)"
    )
    assert opened.run(nameless) == []
    assert opened.pdf()[:5] == b"%PDF-"
    opened.run("dispatchEvent(new Event('beforeprint'))")
    assert opened.run("document.querySelectorAll('#numbers details:not([open])').length") == 0
    opened.run("dispatchEvent(new Event('afterprint'))")
    assert opened.run("document.querySelectorAll('#numbers details[open]').length") == 0


def test_the_check_draws_the_same_numbers_for_a_seed_and_none_that_need_files(files: list[Path]) -> None:
    known = {place.stem: read_result(place) for place in files}
    drawn = [(cell.name, cell.row.name) for cell in board_check.drawn(known, 20, 7)]
    assert drawn == [(cell.name, cell.row.name) for cell in board_check.drawn(known, 20, 7)]
    assert drawn != [(cell.name, cell.row.name) for cell in board_check.drawn(known, 20, 8)]
    assert {name for name, _ in drawn} == {"one"}
    assert len({row for _, row in drawn}) == 20
    assert board_check.left_out(known) == {"photos": "../my photos"}


def verdict(cell: board_check.Cell, again: Row | None, *, printed: bool = False) -> str:
    return board_check.compared(cell, again, printed=printed)["verdict"]


def test_a_number_that_differs_in_its_last_digit_is_found(one: ResultFile) -> None:
    from msgspec.structs import replace

    row = next(row for row in one.rows if row.measure == "choe2020_v1" and row.value)
    cell = board_check.Cell("one", one, row)
    nudged = replace(row, value=(row.value or 0) * (1 + 1e-15))
    assert nudged.value != row.value
    assert verdict(cell, row) == "equal"
    assert verdict(cell, nudged) == verdict(cell, None) == verdict(cell, replace(row, n=row.n - 1)) == "differs"
    assert verdict(cell, nudged, printed=True) == "equal as printed"
    assert verdict(cell, replace(row, value=(row.value or 0) + 0.2), printed=True) == "differs"
    metric = next(row for row in one.rows if row.quantity == "deletion_auc")
    cell = board_check.Cell("one", one, metric)
    assert verdict(cell, replace(metric, value=(metric.value or 0) * (1 + 1e-8))) == "equal to six digits"
    assert verdict(cell, replace(metric, value=(metric.value or 0) * (1 + 1e-5))) == "differs"


@pytest.mark.full
def test_the_check_recomputes_a_committed_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = RESULTS / "shapes_layers.json"
    monkeypatch.setattr(sys, "argv", ["board_check.py", str(file), "--numbers", "1", "--seed", "0"])
    assert board_check.main() == 0
    assert "1 of 1 numbers are equal" in capsys.readouterr().out


def test_the_check_says_what_is_wrong(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answered(result: Row | None) -> SimpleNamespace:
        monkeypatch.setattr(board_check, "recomputed", lambda cell, place: result)
        monkeypatch.setattr(sys, "argv", ["board_check.py", *map(str, files), "--numbers", "1"])
        return SimpleNamespace(code=board_check.main(), out=capsys.readouterr().out)

    found = answered(None)
    assert found.code == 1
    assert "photos: not recomputed here, it needs ../my photos" in found.out
    assert "Seed 0: 0 of 1 numbers are equal." in found.out
    known = {place.stem: read_result(place) for place in files}
    assert answered(board_check.drawn(known, 1, 0)[0].row).code == 0
    monkeypatch.setattr(sys, "argv", ["board_check.py", str(files[1])])
    assert board_check.main() == 2
