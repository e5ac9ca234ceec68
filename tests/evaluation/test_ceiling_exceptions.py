"""scripts/ceiling_exceptions.py lists each image on which a map is above its ceiling, and draws it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from scripts.ceiling_exceptions import main
from tests.evaluation.small import made, ran
from wsol.errors import DataError
from wsol.runs.folder import RunFolder

WORDS = ("dataset.n=4", "method=[layercam@stage4,oraclemap@stage4]", "protocol=[choe2020_v1]")
CEILING = "oraclemap@stage4"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return ran(made(*WORDS), tmp_path_factory.mktemp("runs"))


def lowered(run: RunFolder, folder: Path, image: int, iou: float) -> RunFolder:
    """A copy of the run in which the ceiling of one image is another one."""
    copy = RunFolder(folder / "lowered")
    copy.write_manifest(run.manifest)
    table = pa.concat_tables(run.tables().values(), promote_options="permissive")
    ious = table["choe2020_v1/iou"].to_pylist()
    row = table["variant"].to_pylist().index(CEILING) + image
    ious[row] = [iou] * len(ious[row])
    table = table.set_column(table.column_names.index("choe2020_v1/iou"), "choe2020_v1/iou", pa.array(ious))
    about = run.about()
    (shard,) = made(*WORDS).shards
    copy.write(shard, table, frozenset((key, "choe2020_v1") for key in about.variants), about)
    return copy


def test_no_exception_is_an_empty_list(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(run.path)])
    assert "| choe2020_v1 | oraclemap@stage4 | 4 | 0 | - | 0 |" in capsys.readouterr().out


def test_an_exception_is_listed_with_what_it_crosses_and_drawn(run: RunFolder, tmp_path: Path) -> None:
    ious = run.tables()["layercam@stage4"]["choe2020_v1/iou"].to_pylist()
    image = int(np.argmax([max(one) for one in ious]))
    mine = max(ious[image])
    assert mine > 0.3
    copy = lowered(run, tmp_path, image, 0.25)
    out, pictures = tmp_path / "list", tmp_path / "pictures"
    main([str(copy.path), "--out", str(out), "--pictures", str(pictures), "dataset.n=4"])
    (row,) = csv.DictReader(out.with_suffix(".csv").read_text("utf-8").splitlines())
    assert row["image_id"] == run.tables()["layercam@stage4"]["image_id"][image].as_py()
    assert (float(row["iou"]), float(row["ceiling_iou"])) == (mine, 0.25)
    assert row["crossed"].split()[0] == "0.3"
    assert f"| {row['image_id']} |" in out.with_suffix(".md").read_text("utf-8")
    (picture,) = pictures.iterdir()
    with Image.open(picture) as drawn:
        assert len(np.unique(np.asarray(drawn.convert("L")))) > 50  # a map, not an empty sheet


def test_a_run_without_a_ceiling_says_what_to_add(tmp_path: Path) -> None:
    folder = ran(made("dataset.n=1", "method=[gradcam]", "protocol=[choe2020_v1]"), tmp_path)
    with pytest.raises(DataError, match="add oraclemap@LAYER to it"):
        main([str(folder.path)])
