"""The page as a file: whole, safe, and readable without its script."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.small_run import made, ran
from wsol.cli import main
from wsol.report.numbers.report_data import ReportData
from wsol.report.page.html import fill, render_page
from wsol.runs.folder import RunFolder


@pytest.fixture(scope="module")
def text(run: RunFolder) -> str:
    return render_page(run, n_resamples=50)


class Elements(HTMLParser):
    """All start tags with their attributes, and the text of the table's cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def data_of(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    loaded: dict[str, object] = json.loads(found[1])
    return loaded


def test_the_page_refers_to_nothing_outside_itself(text: str) -> None:
    for tag, attributes in Elements(text).tags:
        assert tag not in ("link", "iframe", "object", "base"), tag
        for name in ("src", "href", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_every_number_stands_in_the_table_without_a_script(text: str, run: RunFolder) -> None:
    table = text[text.index('<table id="numbers">') : text.index("</table>")]
    data = ReportData.of(run, n_resamples=50)
    rows = re.findall(r"<tr data-variant.*?</tr>", table)
    assert len(rows) == len(data.lines) == 5
    for row, line in zip(rows, data.lines, strict=True):
        for key in data.keys:
            if key in line.cells:
                cell = line.cells[key]
                assert f"{cell.value:.{cell.digits}f}".lstrip("-") in row


def test_rows_are_best_first_with_controls_last(text: str) -> None:
    ids = re.findall(r'<tr data-variant="\d+"[^>]*><th scope="row" title="([^"]+)"', text)
    assert set(ids[-2:]) == {"centergauss", "fullbox"}
    values = [float(v) for v in re.findall(r'<tr data-variant.*?<td data-label="[^"]*" data-v="([^"]*)"', text)]
    assert len(values) == 5
    claimed = re.findall(r'<th scope="col" data-column="0"[^>]* aria-sort="descending"', text)
    assert len(claimed) == (values == sorted(values, reverse=True))


def test_names_from_the_data_cannot_become_markup(run: RunFolder, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>{{maps}}<!--"
    copy = RunFolder(tmp_path / run.name)
    shutil.copytree(run.path, copy.path)
    manifest = copy.manifest
    copy.write_manifest({**manifest, "class_names": [evil] * 10, "identity": {**manifest["identity"], "weights": evil}})
    made = render_page(copy, n_resamples=20)
    assert "<script>alert" not in made
    data = data_of(made)
    assert isinstance(data["gallery"], dict)
    assert data["gallery"]["classes"][0] == evil
    scripts = [a for tag, a in Elements(made).tags if tag == "script"]
    assert len(scripts) == 4


def test_what_is_filled_in_is_not_filled_again() -> None:
    assert fill("<{{a}}|{{b}}>", {"a": "{{b}}", "b": "{{a}}"}) == "<{{b}}|{{a}}>"


def test_a_run_without_a_gallery_still_has_a_page(run: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(tmp_path / run.name)
    shutil.copytree(run.path, copy.path, ignore=shutil.ignore_patterns("gallery"))
    made = render_page(copy, n_resamples=20)
    assert data_of(made)["gallery"] is None


def test_the_command_writes_the_page_beside_the_rows(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run.path), "--resamples", "20", "--images", "2"]) == 0
    place = Path(capsys.readouterr().out.strip())
    assert place == run.path / "report.html"
    gallery = data_of(place.read_text())["gallery"]
    assert isinstance(gallery, dict)
    assert len(gallery["ids"]) == 2
    place.unlink()


def test_latest_and_out_are_understood(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "r.html"
    assert main(["report", "latest", "--runs", str(run.path.parent), "-o", str(out), "--resamples", "20"]) == 0
    assert out.stat().st_size > 50_000


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["report", "nothing", "--runs", "{here}"], "there is no run"),
        (["report", "{run}", "--style", "gif"], "--style gif is not a kind of figure; use png, svg, pdf"),
        (["report", "{run}", "--images", "-1"], "argument --images: -1 is out of range; give 0 or more"),
        (["report", "{run}", "-o", "{file}/x.html", "--resamples", "20"], "choose another file with -o FILE"),
    ],
)
def test_mistakes_get_a_sentence(
    words: list[str], output: str, run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    places = {"here": str(tmp_path), "run": str(run.path), "file": str(tmp_path / "file")}
    assert main([word.format(**places) for word in words]) == 2
    assert output in capsys.readouterr().err


def test_reporting_does_not_load_torch(run: RunFolder, tmp_path: Path) -> None:
    code = (
        "import sys; from wsol.cli import main;"
        f"main(['report', {str(run.path)!r}, '-o', {str(tmp_path / 'r.html')!r}, '--resamples', '20']);"
        "print('torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split()[-1] == "False"


def test_one_image_has_no_interval_and_a_page(tmp_path: Path) -> None:
    folder = ran(made("dataset.n=1", "gallery=1", "method=[gradcam]", "metric=[drop]"), tmp_path)
    values = data_of(render_page(folder, n_resamples=20))["values"]
    assert all(low <= value <= high for row in values for value, low, high, _ in filter(None, row))  # type: ignore[attr-defined]
