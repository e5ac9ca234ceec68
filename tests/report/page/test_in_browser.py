"""The page in a real browser: clicks, the slider, filters, keys, widths, themes, print; and nothing on the console."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.page.chromium import Chromium
from wsol.protocols._base import protocols
from wsol.report.numbers.report_data import ReportData
from wsol.report.page.html import render_page
from wsol.runs import gallery
from wsol.runs.folder import RunFolder
from wsol.runs.gallery import Gallery, Picture, Shown
from wsol.runs.shards import Shard


@pytest.fixture(scope="session")
def file(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(render_page(run, n_resamples=50), encoding="utf-8")
    return place


@pytest.fixture
def opened(browser: Chromium, file: Path) -> Iterator[Chromium]:
    """The page, just opened; after the test its console must be empty and no request made."""
    with browser.alone_with(file):
        yield browser


@pytest.fixture(scope="session")
def iou(kept: Gallery, data: ReportData) -> Callable[[int, int, int], float]:
    """What the page should say: by image, variant and step of tau."""
    ids, keys = list(kept.pictures), list(data.variants)
    return lambda image, variant, step: float(kept.shown[keys[variant], ids[image]].iou[step])


def listed(browser: Chromium) -> list[int]:
    found: list[int] = browser.run("[...document.querySelectorAll('#cards li')].map(li => Number(li.dataset.image))")
    return found


def drawn(browser: Chromium) -> None:
    """Wait for the pictures of the cards on screen."""
    browser.run("document.querySelector('#gallery').scrollIntoView()")
    browser.wait("document.querySelectorAll('#cards .card[data-drawn]').length > 0")


def index(browser: Chromium) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(browser.run("document.querySelector('#data').textContent"))["gallery"]
    return found


@pytest.mark.full
def test_heads_are_buttons_that_sort_best_first_and_then_turn(opened: Chromium, data: ReportData) -> None:
    place = next(n for n, key in enumerate(data.keys) if key[1] == "deletion_auc")
    button = f"#numbers th[data-column='{place}'] button"
    column = f"[...document.querySelectorAll('#numbers tbody tr')].map(r => Number(r.cells[{place + 1}].dataset.v))"
    opened.click(button)
    assert opened.run(f"document.querySelector({json.dumps(button)}).closest('th').ariaSort") == "ascending"
    first = opened.run(column)
    assert first == sorted(first)  # lower is better here
    opened.click(button)
    assert opened.run(column) == sorted(first, reverse=True)
    assert opened.run("document.querySelectorAll('#numbers [aria-sort]').length") == 1
    assert opened.run("document.querySelector('#sorted').textContent").startswith("Sorted by Deletion")
    opened.run(f"document.querySelector({json.dumps(button)}).focus()")
    opened.key("Enter")
    assert opened.run(column) == first


@pytest.mark.full
def test_the_choice_of_numbers_shows_one_protocol(opened: Chromium) -> None:
    shown = "[...document.querySelectorAll('#numbers thead th')].filter(t => !t.hidden).map(t => t.innerText)"
    opened.choose("#columns", "gradcam2017")
    heads = opened.run(shown)
    assert len(heads) == 5  # the variant, three numbers, n
    assert all("gradcam2017" in head for head in heads[1:-1])
    opened.choose("#columns", "cost")
    assert len(opened.run(shown)) == 7
    opened.choose("#columns", "")
    assert len(opened.run(shown)) > 20


def test_the_slider_moves_boxes_and_numbers(
    opened: Chromium, kept: Gallery, data: ReportData, iou: Callable[[int, int, int], float]
) -> None:
    drawn(opened)
    a = opened.run("Number(document.querySelector('#variant-a').value)")
    opened.run("document.querySelector('#tau').focus()")
    opened.key("Home")
    for _ in range(12):
        opened.key("ArrowRight")
    step = opened.run("Number(document.querySelector('#tau').value)")
    assert step == 12
    assert not opened.run("document.querySelector('#own').checked")
    opened.wait(f"document.querySelector('#tau-value').textContent === '{kept.taus[12]:.3f}'")
    opened.run("new Promise(requestAnimationFrame)")
    found = opened.run(
        "[...document.querySelectorAll('#cards .card[data-drawn]')].map(c => [Number(c.closest('li').dataset.image),"
        "c.querySelector('.value').textContent, ['x', 'y', 'width', 'height'].map(n =>"
        "Number(c.querySelector('.box:not(.rim)').getAttribute(n)))])"
    )
    assert len(found) == 9
    ids, key = list(kept.pictures), list(data.variants)[a]
    for image, shown, (x, y, wide, high) in found:
        value = iou(image, a, 12)
        assert shown.split() == ["●" if value >= 0.5 else "○", f"{np.floor(value * 200 + 1e-4) / 200:.2f}"]
        box = kept.shown[key, ids[image]].boxes[12]
        np.testing.assert_allclose([x, y, x + wide, y + high], box, atol=0.01)


def test_filters_leave_the_right_images(opened: Chromium, iou: Callable[[int, int, int], float]) -> None:
    drawn(opened)
    packed = index(opened)
    images = range(len(packed["ids"]))
    a = opened.run("Number(document.querySelector('#variant-a').value)")
    best = packed["best"]
    opened.choose("#outcome", "fails")
    fails = [i for i in images if iou(i, a, best[a]) < 0.5]
    assert listed(opened) == fails
    assert opened.run("document.querySelector('#count').textContent").startswith(f"{len(fails)} of 9 images")
    opened.choose("#delta", "0.3")
    assert listed(opened) == [i for i in images if iou(i, a, best[a]) < 0.3]
    opened.choose("#delta", "0.5")
    opened.choose("#outcome", "disagree")
    b = opened.run("Number(document.querySelector('#variant-b').value)")
    assert b not in (-1, a)
    assert listed(opened) == [i for i in images if (iou(i, a, best[a]) >= 0.5) != (iou(i, b, best[b]) >= 0.5)]
    opened.choose("#outcome", "")
    opened.choose("#size", "large")
    assert listed(opened) == [i for i in images if packed["area"][i] >= 0.3]
    opened.choose("#size", "")
    label = packed["labels"][0]
    opened.choose("#class", str(label))
    assert listed(opened) == [i for i in images if packed["labels"][i] == label]
    opened.choose("#class", "")
    opened.choose("#network", "wrong")
    assert listed(opened) == [i for i in images if packed["labels"][i] != packed["predicted"][i]]
    opened.choose("#network", "")
    opened.choose("#order", "low")
    # as the page knows them: in steps of 0.005
    assert listed(opened) == sorted(images, key=lambda i: (np.floor(iou(i, a, best[a]) * 200 + 1e-4), i))


def test_disagreement_follows_the_slider(opened: Chromium, iou: Callable[[int, int, int], float]) -> None:
    drawn(opened)
    opened.choose("#variant-b", "1")
    opened.choose("#variant-a", "0")
    opened.choose("#outcome", "disagree")
    for step in (4, 16, 30):
        opened.choose("#tau", str(step))
        expected = [i for i in range(9) if (iou(i, 0, step) >= 0.5) != (iou(i, 1, step) >= 0.5)]
        assert listed(opened) == expected


def test_two_variants_stand_side_by_side(opened: Chromium) -> None:
    drawn(opened)
    opened.choose("#variant-b", "2")
    opened.wait("document.querySelectorAll('#cards .card[data-drawn] .exhibit').length === 18")
    assert opened.run("document.querySelector('.card .value').textContent").startswith("A ")
    opened.choose("#variant-b", "-1")
    opened.wait("document.querySelectorAll('#cards .exhibit').length === 9")


def test_the_heat_map_is_hot_where_the_map_is(opened: Chromium, kept: Gallery, data: ReportData) -> None:
    opened.choose("#variant-a", str(list(data.variants).index("layercam@stage5")))
    drawn(opened)
    opened.wait("document.querySelector('#cards canvas')")
    opacity = "[...document.querySelector('#cards canvas').getContext('2d').getImageData(0, 0, {w}, {h}).data]"
    wide, high = opened.run("(c => [c.width, c.height])(document.querySelector('#cards canvas'))")
    alpha = np.array(opened.run(opacity.format(w=wide, h=high))).reshape(high, wide, 4)[..., 3]
    shown = kept.shown["layercam@stage5", next(iter(kept.pictures))].map
    rows = ((np.arange(shown.shape[0]) + 0.5) * high / shown.shape[0]).astype(int)
    columns = ((np.arange(shown.shape[1]) + 0.5) * wide / shown.shape[1]).astype(int)
    seen = alpha[np.ix_(rows, columns)].ravel()
    assert np.corrcoef(seen, shown.ravel())[0, 1] > 0.97
    opened.run("(s => { s.value = 20; s.dispatchEvent(new Event('input')); })(document.querySelector('#opacity'))")
    assert opened.run("getComputedStyle(document.querySelector('#cards canvas')).opacity") == "0.2"


def test_arrows_walk_the_gallery_and_turn_the_pages_of_its_detail(opened: Chromium) -> None:
    drawn(opened)
    here = "Number(document.activeElement.closest('li').dataset.image)"
    opened.run("document.querySelector('.card[tabindex=\"0\"]').focus()")
    assert opened.run("document.querySelectorAll('.card[tabindex=\"0\"]').length") == 1
    opened.key("ArrowRight")
    assert opened.run(here) == 1
    opened.key("ArrowDown")
    below = opened.run(here)
    assert below > 1
    opened.key("ArrowUp")
    opened.key("End")
    assert opened.run(here) == 8
    opened.key("Home")
    opened.key("Enter")
    opened.wait("document.querySelector('#detail').open && document.querySelector('#detail-head')")
    ids = index(opened)["ids"]
    head = "document.querySelector('#detail-head').textContent"
    assert opened.run(head) == ids[0]
    opened.key("ArrowRight")
    opened.wait(f"{head} === {json.dumps(ids[1])}")
    assert opened.run("document.querySelectorAll('#detail .every button').length") == 5
    opened.click("#detail .every button:nth-child(3)")
    opened.wait("document.querySelector('#variant-a').value === '2'")
    opened.key("Escape")
    opened.wait("!document.querySelector('#detail').open")
    opened.wait(f"{here} === 1")


def test_the_legend_decides_what_is_drawn(opened: Chromium) -> None:
    lines = "document.querySelectorAll('#charts figure:nth-child(1) .line').length"
    before = opened.run(lines)
    opened.click("#legend label:nth-of-type(5) input")
    opened.wait(f"{lines} !== {before}")
    opened.click("#legend .both button:last-child")
    opened.wait(f"{lines} === 0")
    opened.click("#legend .both button:first-child")
    opened.wait(f"{lines} === 5")
    opened.click("#charts figure:nth-child(1) input[value='0.7']")
    opened.wait("document.querySelector('#charts figcaption').textContent.includes('IoU 0.7')")
    opened.click("#charts figure:nth-child(1) summary")
    opened.wait("document.querySelectorAll('#charts figure:nth-child(1) tbody tr').length === 5")


def test_the_pointer_reads_values_off_a_plot(opened: Chromium) -> None:
    opened.wait("document.querySelector('#charts svg') !== null")
    x, y = opened.run(
        "(() => { const s = document.querySelector('#charts svg'); s.scrollIntoView({block: 'center'});"
        "const r = s.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    opened.move(x, y)
    opened.wait("!document.querySelector('#charts .readout').hidden")
    assert opened.run("document.querySelector('#charts .readout').innerText").startswith("τ 0.")


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("width", [390, 900, 1400])
def test_nothing_sticks_out_at_any_width(browser: Chromium, file: Path, width: int) -> None:
    browser.open(file, width=width)
    drawn(browser)
    assert browser.run("document.documentElement.scrollWidth") == width
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    sideways = (
        "[...document.querySelectorAll('body *')].filter(e => e.scrollWidth > e.clientWidth + 1 &&"
        "['auto', 'scroll'].includes(getComputedStyle(e).overflowX)).map(e => e.outerHTML.slice(0, 99))"
    )
    if width == 390:  # wider screens may scroll a table of numbers in its own frame
        assert browser.run(sideways) == []
    browser.click("#cards .card")
    browser.wait("document.querySelector('#detail-head')")
    assert browser.run("(d => d.scrollWidth - d.clientWidth)(document.querySelector('#detail'))") == 0
    assert browser.complaints == []


def test_the_theme_follows_the_reader_and_the_button(browser: Chromium, file: Path) -> None:
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    browser.open(file, dark=True)
    dark = browser.run(paper)
    browser.dark(False)
    light = browser.run(paper)
    assert sum(map(int, dark[4:-1].split(", "))) < 150 < 600 < sum(map(int, light[4:-1].split(", ")))
    browser.click("#theme")
    browser.click("#theme")
    assert browser.run("document.querySelector('#theme').textContent") == "Theme: dark"
    assert browser.run(paper) == dark
    browser.click("#theme")
    assert browser.run(paper) == light
    assert browser.complaints == []


def test_text_stands_out_from_its_paper_in_both_themes(browser: Chromium, file: Path) -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    for dark in (False, True):
        browser.open(file, dark=dark)
        names = ["--paper", "--ink", "--soft", "--accent", "--control", *(f"--c{n}" for n in range(8))]
        paper, *others = browser.run(
            f"{json.dumps(names)}.map(n => getComputedStyle(document.documentElement).getPropertyValue(n).trim())"
        )
        for name, colour in zip(names[1:], others, strict=True):
            high, low = sorted((luminance(paper), luminance(colour)), reverse=True)
            # WCAG 2.2: 4.5 for text, 3 for lines
            assert (high + 0.05) / (low + 0.05) >= (4.5 if name in ("--ink", "--soft", "--accent") else 3), (name, dark)
    browser.dark(False)


def test_everything_that_takes_input_has_a_name(opened: Chromium) -> None:
    drawn(opened)
    nameless = (
        "[...document.querySelectorAll('button, select, input')].filter(e => !(e.getAttribute('aria-label') ||"
        "e.innerText?.trim() && e.tagName === 'BUTTON' || e.labels?.length && e.labels[0].textContent.trim()))"
        ".map(e => e.outerHTML)"
    )
    assert opened.run(nameless) == []
    assert opened.run("[...document.querySelectorAll('img')].filter(i => !i.hasAttribute('alt')).length") == 0
    unsaid = "[...document.querySelectorAll('svg:not([aria-label])')].filter(s => !s.closest('[aria-hidden]'))"
    assert opened.run(f"{unsaid}.length") == 0
    levels = opened.run("[...document.querySelectorAll('main h2, main h3')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 2
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    label = opened.run("document.querySelector('.card').getAttribute('aria-label')")
    assert "IoU" in label
    assert "predicted" in label
    seen = opened.run("[...document.querySelector('.card .caption').children].map(part => part.textContent).join(' ')")
    assert label.startswith(f"{seen}. ")  # what speech control is told is what is seen


def test_every_card_has_its_name_before_it_is_drawn(browser: Chromium, file: Path) -> None:
    browser.open(file, height=300)
    cards = "[...document.querySelectorAll('.card')]"
    assert browser.run(f"{cards}.some(c => c.dataset.drawn === undefined)")
    names = browser.run(f"{cards}.map(c => c.getAttribute('aria-label'))")
    ids = index(browser)["ids"]
    assert len(names) == len(ids) == 9
    assert all(
        image_id in name and ("hit" in name or "miss" in name) for name, image_id in zip(names, ids, strict=True)
    )


@pytest.mark.full
def test_the_frontier_takes_variants_on_the_same_images_and_points_stand_at_their_numbers(opened: Chromium) -> None:
    points = opened.run(
        "[...document.querySelectorAll('#charts figure:last-child circle')].map(c => ({x: Number(c.getAttribute('cx')),"
        "title: c.textContent}))"
    )
    by_cost: dict[str, set[float]] = {}
    for point in points:
        by_cost.setdefault(point["title"].rpartition(" ")[2], set()).add(point["x"])
    assert len(points) == 5
    assert all(len(places) == 1 for places in by_cost.values())
    assert "(n = 12)" in opened.run("document.querySelector('#charts figure:last-child figcaption').textContent")
    leaders = opened.run("document.querySelectorAll('#charts figure:last-child .leader').length")
    assert leaders == opened.run("document.querySelectorAll('#charts figure:last-child .label').length") == 5


def test_it_prints_light_and_without_its_controls(browser: Chromium, file: Path) -> None:
    browser.open(file, dark=True)
    drawn(browser)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()") == "#fff"
    assert browser.run("getComputedStyle(document.querySelector('#tools')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="")
    assert browser.pdf().count(b"/Type /Page\n") >= 2
    browser.dark(False)


def test_a_page_without_a_gallery_says_so(browser: Chromium, run: RunFolder, tmp_path: Path) -> None:
    bare = RunFolder(tmp_path / run.name)
    bare.path.mkdir()
    (bare.path / "rows").symlink_to(run.path / "rows")
    (bare.path / "run.json").write_text((run.path / "run.json").read_text())
    place = tmp_path / "bare.html"
    place.write_text(render_page(bare, n_resamples=20))
    browser.open(place)
    assert browser.run("document.querySelector('#count').textContent").startswith("This run kept no images")
    assert browser.run("getComputedStyle(document.querySelector('#tools')).display") == "none"
    assert browser.complaints == []


@pytest.mark.full
def test_two_thousand_images_cost_only_those_on_screen(
    browser: Chromium, run: RunFolder, kept: Gallery, tmp_path: Path
) -> None:
    big = RunFolder(tmp_path / run.name)
    big.path.mkdir()
    (big.path / "rows").symlink_to(run.path / "rows")
    (big.path / "run.json").write_text((run.path / "run.json").read_text())
    ids = [f"copy/{n:05d}" for n in range(2000)]
    originals = list(kept.pictures.values())
    pictures = [_renamed(originals[n % 9], image_id) for n, image_id in enumerate(ids)]
    shown = [
        _renamed(kept.shown[key, originals[n % 9].image_id], image_id)
        for n, image_id in enumerate(ids)
        for key in ("gradcam@stage5", "layercam@stage5")
    ]
    gallery.write(big, Shard(0, tuple(ids)), protocols["choe2020_v1"], pictures, shown)
    place = tmp_path / "big.html"
    place.write_text(render_page(big, n_resamples=20))
    browser.open(place)
    assert len(listed(browser)) == 2000
    browser.run("document.querySelector('#cards li:last-child').scrollIntoView()")
    browser.wait("document.querySelector('#cards li:last-child .card').dataset.drawn !== undefined")
    browser.wait("document.querySelectorAll('#cards img').length < 150")
    browser.choose("#outcome", "disagree")
    browser.run("document.querySelector('#gallery').scrollIntoView()")
    browser.wait(
        "document.querySelectorAll('#cards .card[data-drawn]').length > 0 || !document.querySelector('#cards li')"
    )
    assert browser.complaints == []


def _renamed(one: Picture | Shown, image_id: str) -> Any:
    from dataclasses import replace

    return replace(one, image_id=image_id)
