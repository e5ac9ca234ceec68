"""The Python face and the command line are one code: equal maps to the bit, equal numbers, rows that resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import wsol
from tests.evaluation.small import made, ran
from wsol.evaluation.kept import view_key
from wsol.runs import kept

N = 4
METHODS = ("cam", "gradcam", "gradcam_pp", "eigencam", "layercam")


def test_maps_and_numbers_are_those_of_the_command_to_the_bit(tmp_path: Path) -> None:
    words = ["dataset=shapes", f"dataset.n={N}", "model=shapes_gap", f"method=[{','.join(METHODS)}]", "maps=keep"]
    experiment = made(*words, "protocol=[choe2020_v2]")
    run = ran(experiment, tmp_path)
    index, view = kept.read(run.path, 0), view_key(experiment.view)
    data, samples = experiment.dataset, list(experiment.samples.values())
    images, labels = [data.image(sample) for sample in samples], [sample.label for sample in samples]
    numbers = wsol.load(run.path).rows()
    for method, variant in zip(METHODS, experiment.variants, strict=True):
        ids = [sample.image_id for sample in samples]
        maps = wsol.attribute("shapes_gap", images, method, layers="last", target=labels, image_ids=ids)
        for sample, raw in zip(samples, maps, strict=True):
            (theirs,) = index[view, variant.key, sample.image_id].maps
            assert raw.dtype == theirs.dtype
            np.testing.assert_array_equal(raw, theirs, err_msg=f"{method} of {sample.image_id}")
        boxes = [sample.boxes_xyxy for sample in samples]
        metric = wsol.MaxBoxAcc("choe2020_v2")
        metric.update(maps, boxes)
        hits = numbers[numbers["variant"] == variant.id]["choe2020_v2/hit"]
        assert metric.compute()["gt_known_loc"] == 100 * hits.mean()


def test_the_same_call_resumes(tmp_path: Path) -> None:
    def evaluated(*methods: str, n: int = N) -> wsol.Result:
        data = wsol.load_dataset("shapes", n=N)
        return wsol.evaluate("shapes_gap", data, methods, "choe2020_v2", runs=tmp_path, gallery=0, limit=n)

    def files(result: wsol.Result) -> dict[str, int]:
        return {file.name: file.stat().st_mtime_ns for file in (result.path / "rows").iterdir()}

    first = evaluated("gradcam")
    before = files(first)
    again = evaluated("gradcam")
    assert again.path == first.path
    assert files(again) == before  # nothing was computed, and so nothing was written
    more = evaluated("gradcam", "layercam")
    assert before.items() < files(more).items()
    assert len(more.rows()) == 2 * N
    assert len(evaluated("gradcam").rows()) == N  # a result is of what was asked for
