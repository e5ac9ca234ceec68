"""`wsol data prepare`: what it prints and how it exits; what it does: tests/datasets/prepare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.datasets.prepare.archives import drawn, tar, tree, write, zipped
from wsol.cli import main
from wsol.datasets.prepare import preparations

PLUGIN = """
from wsol.datasets.prepare import Part, Preparation, preparation

preparation(
    Preparation(
        key="two_birds",
        about="two drawn birds",
        parts=(Part(name="images", pattern=r"(\\d\\.jpg)", place=r"birds/\\g<1>", counts=(2,), archives="birds.tar"),),
    )
)
"""


def both(n: int) -> bytes:
    return tar({f"{k}.jpg": drawn(k) for k in range(n)})


@pytest.fixture
def birds(tmp_path: Path) -> list[str]:
    """Words that prepare two birds from ``src`` into ``dst``."""
    (tmp_path / "birds.py").write_text(PLUGIN)
    words = ["data", "prepare", "two_birds", str(tmp_path / "src"), str(tmp_path / "dst")]
    return [*words, "--with", str(tmp_path / "birds.py")]


def test_all_that_is_there_is_one_line_and_exit_code_0(
    birds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "src", {"birds.tar": both(2)})
    assert main(birds) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-2:] == [
        f"two_birds: 2 of 2 images; 2 files written; complete in {tmp_path / 'dst'}",
        f"Next: wsol doctor dataset={tmp_path / 'dst'}",
    ]
    assert "prepare two_birds: 0/2 files" in printed.err
    assert tree(tmp_path / "dst") == {"birds/0.jpg": drawn(0), "birds/1.jpg": drawn(1)}


def test_what_is_missing_is_named_and_exits_with_1(
    birds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "src", {"birds.tar": both(1)})
    assert main(birds) == 1
    assert capsys.readouterr().out.splitlines()[-2] == (
        "two_birds: 1 of 2 images; 1 files written; missing: 1 files, first images (in birds.tar)"
    )


def test_a_difference_from_a_count_from_memory_is_a_warning(
    birds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = PLUGIN.replace("counts=(2,),", "counts=(2,), certain=False,").replace("two_birds", "some_birds")
    (tmp_path / "birds.py").write_text(plugin)
    birds[2] = "some_birds"
    write(tmp_path / "src", {"birds.tar": both(1)})
    assert main(birds) == 0
    printed = capsys.readouterr().out
    assert "2 (from memory)" in printed
    memory = "images: 1 files; 2 is a count from memory, "
    assert f"{memory}and that may be wrong: compare with the archive.\n" in printed
    assert f"some_birds: 1 images; 1 files written; complete in {tmp_path / 'dst'}" in printed
    write(tmp_path / "src", {"birds.tar": both(2)})
    assert main([*birds, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["notes"] == [f"{memory.replace('1 files', '2 files')}which agrees."]
    assert (facts["parts"][0]["certain"], facts["parts"][0]["missing"]) == (False, 0)
    write(tmp_path / "empty", {"birds.tar": both(0)})
    assert main([*birds[:3], str(tmp_path / "empty"), str(tmp_path / "new"), *birds[5:]]) == 2


def test_two_data_sets_of_one_name_are_told_apart_by_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = PLUGIN.replace("two_birds", "twice_birds")
    (tmp_path / "one.py").write_text(plugin)
    (tmp_path / "other.py").write_text(plugin.replace("two drawn birds", "two other birds"))
    files = [word for name in ("one.py", "other.py") for word in ("--with", str(tmp_path / name))]
    assert main(["data", "prepare", *files]) == 2
    assert "two preparations are named 'twice_birds' and differ in about; rename one" in capsys.readouterr().err


def test_dry_writes_nothing(birds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "src", {"birds.tar": both(2)})
    assert main([*birds, "--dry"]) == 0
    assert not (tmp_path / "dst").exists()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"two_birds: 2 of 2 images; 2 files would be written; {tmp_path / 'dst'} would be complete"


def test_json_holds_the_same_facts(birds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "src", {"birds.tar": both(1), "more.zip": zipped({"readme": b""})})
    assert main([*birds, "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    counts = {"files": 1, "written": 1, "expected": 2, "certain": True, "missing": 1}
    assert facts == {
        "dataset": "two_birds",
        "folder": str(tmp_path / "dst"),
        "dry": False,
        "parts": [{"part": "images", **counts, "archives": "birds.tar"}],
        "notes": ["Left in the archives: 1 other member."],
    }


def test_without_a_name_it_lists_what_can_be_prepared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "prepare"]) == 0
    printed = capsys.readouterr().out
    assert all(f"| {key} " in printed for key in preparations)
    assert "CUB_200_2011.tgz" in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["prepar"], "there is no action 'prepar'; nearest: 'prepare'"),
        (
            ["prepare", "cubs", "a", "b"],
            "there is no data set to prepare 'cubs'; nearest: 'cub'. See: wsol data prepare",
        ),
        (["prepare", "cub"], "say where from and where to: wsol data prepare cub SRC DST; see wsol data --help"),
        (["prepare", "cub", "no/where", "b"], "there is no folder for SRC: 'no/where'"),
        (["prepare", "cub", "nowhere.tgz", "b"], "there is no file for SRC: 'nowhere.tgz'"),
        (["prepare", "cub", "/dev/null", "b"], "SRC=/dev/null is a pipe or device, not a file"),
        (["prepare", "cub", "links", "b"], "SRC=links/a.tgz is a link to gone.tgz, which is not there"),
        (["prepare", "cub", "README.md", "b"], "README.md is not named like an archive; expected .tar, "),
        (["prepare", "cub", "conf", "b"], "conf holds nothing of cub: expected CUB_200_2011.tgz, segmentations.tgz, "),
    ],
)
def test_bad_usage_is_one_sentence_and_exits_with_2(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"README.md": b"", "conf/config.yaml": b"", "links/readme": b""})
    (tmp_path / "links/a.tgz").symlink_to("gone.tgz")
    monkeypatch.chdir(tmp_path)
    assert main(["data", *words]) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
