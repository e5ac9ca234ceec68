"""An image is decoded once for all views, protocols, metrics and the gallery: real decodings are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.datasets.prepare.archives import drawn
from tests.evaluation.small import made, ran
from wsol.datasets import image_files


@pytest.fixture
def images(tmp_path: Path) -> tuple[str, ...]:
    """Five drawn images with a box each, one of them cut off; the words that choose them."""
    rows = ["image_id,label,x0,y0,x1,y1"]
    for n in range(5):
        (tmp_path / f"{n}.jpg").write_bytes(drawn(n) if n != 3 else drawn(n)[:300])
        rows.append(f"{n}.jpg,{n % 3},1,1,9,9")
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    return ("dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path / 'boxes.csv'}")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was decoded, in the order in which it was."""
    contents: list[bytes] = []
    decode = image_files.decode_image
    monkeypatch.setattr(
        image_files,
        "decode_image",
        lambda content, *, upright: (contents.append(content), decode(content, upright=upright))[1],
    )
    return contents


@pytest.mark.parametrize(
    ("words", "views"),
    [
        (["protocol=[choe2020_v2,psol2020,cam2016_code]", "metric=[pointing]", "gallery=2"], 3),
        pytest.param(["protocol=[choe2020_v1,choe2020_v2]", "metric=[rise2018_dataset]"], 1, marks=pytest.mark.full),
        pytest.param(["view=tencrop"], 1, marks=pytest.mark.full),
    ],
)
def test_an_image_is_decoded_once_for_all_views_and_protocols(
    words: list[str], views: int, tmp_path: Path, images: tuple[str, ...], decoded: list[bytes]
) -> None:
    experiment = made(*images, "dataset.limit=3", "method=[gradcam,inputedge,centergauss]", *words)
    assert len({experiment.view_of(protocol) for protocol in experiment.protocols}) == views
    assert decoded == []  # what is known without pixels is read without them
    ran(experiment, tmp_path / "runs")
    assert sorted(decoded) == sorted(drawn(n) for n in range(3))


def test_damaged_images_are_in_no_row_and_the_count_is_the_same_in_all(
    tmp_path: Path, images: tuple[str, ...], decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    folder = ran(made(*images, "dataset.damaged=skip", "method=[gradcam,centergauss]"), tmp_path / "runs")
    tables = folder.tables()
    assert [table["image_id"].to_pylist() for table in tables.values()] == [["0.jpg", "1.jpg", "2.jpg", "4.jpg"]] * 2
    (note,) = folder.about().run.notes
    assert note.startswith("1 damaged image is left out of all rows (dataset.damaged=skip), first '3.jpg' (")
    assert len(decoded) == 5 + 4  # each once beforehand, and the sound ones once more for their rows
