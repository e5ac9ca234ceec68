"""The time left of a run whose images are not alike."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pytest

from wsol.progress import Progress


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("wsol.progress.time.monotonic", lambda: self.now)


def test_each_kind_goes_at_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    progress = Progress({"costly": (4, 3.0), "plain": (100, 1.0)}, what="run")
    clock.now += 20
    progress.advance("costly", 2)  # 10 s per image
    clock.now += 5
    progress.advance("plain", 50)  # 0.1 s per image
    assert progress.done == 52
    assert progress.seconds_left == pytest.approx(2 * 10 + 50 * 0.1)
    clock.now += 5
    progress.advance("plain", 50)
    clock.now += 20
    progress.advance("costly", 2)
    assert progress.seconds_left == 0


def test_a_kind_not_seen_yet_goes_at_the_pace_of_the_others_by_its_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    progress = Progress({"two": (10, 2.0), "six": (5, 6.0)}, what="run")
    clock.now += 8
    progress.advance("two", 4)  # 2 s per image, so 1 s for each unit of work
    assert progress.seconds_left == pytest.approx(6 * 2 + 5 * 6)


def test_lines_say_at_once_that_it_started_and_after_five_seconds_how_fast_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wsol")
    clock = Clock(monkeypatch)
    with Progress({"plain": (100, 1.0)}, what="run") as progress:
        assert caplog.messages == ["run: 0/100 images"]
        for _ in range(12):
            clock.now += 0.5
            progress.advance("plain", 1)
        assert len(caplog.messages) == 2
        assert caplog.messages[1] == "run: 11/100 images, 2.0 images/s, 44 s left"
        progress.note("shard 1/2 written")
    assert caplog.messages[-1].endswith("; shard 1/2 written")


class Notebook:
    """What IPython has in a notebook: a shell with a kernel, and a display whose outputs can be replaced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, kernel: bool = True) -> None:
        self.outputs: list[list[str]] = []  # by output, its versions
        shell = SimpleNamespace(kernel=object()) if kernel else SimpleNamespace()
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=self.display))

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> SimpleNamespace:
        assert raw
        assert display_id
        versions = [data["text/plain"]]
        self.outputs.append(versions)
        return SimpleNamespace(update=lambda data, raw: versions.append(data["text/plain"]))


def test_a_notebook_shows_one_line_that_is_written_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wsol")
    notebook, clock = Notebook(monkeypatch), Clock(monkeypatch)
    with Progress({"plain": (100, 1.0)}, what="run") as progress:
        for _ in range(100):
            clock.now += 0.2
            progress.advance("plain", 1)
        progress.note("shard 1/1 written")
    (versions,) = notebook.outputs
    assert versions[:2] == ["run: 0/100 images", "run: 3/100 images, 5.0 images/s, 19 s left"]
    assert versions[-1] == "run: 100/100 images, 5.0 images/s, 0 s left"
    assert 30 < len(versions) < 40  # no more than two in a second
    assert not caplog.messages


def test_a_notebook_shows_nothing_of_a_run_that_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    with Progress({"plain": (0, 1.0)}, what="run"):
        pass
    assert not notebook.outputs


def test_ipython_in_a_terminal_is_a_terminal(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsol")
    notebook = Notebook(monkeypatch, kernel=False)
    with Progress({"plain": (10, 1.0)}, what="run"):
        pass
    assert not notebook.outputs
    assert caplog.messages == ["run: 0/10 images"]
