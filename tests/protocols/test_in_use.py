"""Protocols where they are used: lists in the configuration, files of one's own, views and cuts in a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wsol.cli import main
from wsol.errors import ConfigError
from wsol.evaluation.build import chosen_protocols
from wsol.evaluation.records import protocol_info
from wsol.protocols._base import protocols
from wsol.runs.find import open_run
from wsol.runs.footer import Footer
from wsol.runs.knobs import check_knobs
from wsol.runs.schema import RunInfo


def chosen(**nodes: dict[str, Any]) -> list[str]:
    return [p.name for p in chosen_protocols({"protocols": nodes})]


def test_a_list_makes_one_protocol_a_value() -> None:
    assert chosen(choe2020_v1={"normalise": ["minmax", "max"], "tau_step": [0.001, 0.01]}) == [
        "choe2020_v1",
        "choe2020_v1[tau_step=0.01]",
        "choe2020_v1[normalise=max]",
        "choe2020_v1[normalise=max,tau_step=0.01]",
    ]


def test_a_list_of_numbers_stays_one_value_where_the_knob_is_one() -> None:
    assert chosen(exact={"deltas": [0.5, 0.9]}) == ["exact[deltas=(0.5, 0.9)]"]
    assert chosen(exact={"deltas": [0.3, 0.5, 0.7]}) == ["exact"]


def test_numbers_and_words_can_share_a_list() -> None:
    assert chosen(mine={"protocol": "choe2020_v2", "tau": ["sweep", 0.2, 0]}) == [
        "choe2020_v2",
        "choe2020_v2[tau=0.2]",
        "choe2020_v2[tau=0.0]",
    ]


@pytest.mark.parametrize("name", sorted(protocols))
def test_every_knob_of_a_preset_as_hydra_hands_it_over_is_the_preset(name: str) -> None:
    node = {k: list(v) if isinstance(v, tuple) else v for k, v in protocols[name].knobs.items()}
    assert chosen_protocols({"protocols": {name: {"protocol": name, **node}}}) == (protocols[name],)


def test_a_wrong_knob_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"nearest: 'protocols\.exact\.connectivity'"):
        chosen(exact={"conectivity": 8})


def test_a_name_that_came_to_mean_something_else_is_refused() -> None:
    rule = protocols["gradcam2017"]
    footer = Footer(shard=0, rows=0, work=(), run=RunInfo(dataset="shapes"), protocols={rule.name: protocol_info(rule)})
    stored = [Footer.from_json(footer.to_json(), where="run")]
    check_knobs({rule.name: rule.knobs}, stored, where="run")
    check_knobs({"another": {**rule.knobs, "tau": 0.3}}, stored, where="run")
    check_knobs({rule.name: {**rule.knobs, "a_new_knob": 1}}, stored, where="run")
    with pytest.raises(
        ConfigError, match=r"protocol gradcam2017 is tau=0.3, but the rows in run were made with tau=0.15"
    ):
        check_knobs({rule.name: {**rule.knobs, "tau": 0.3}}, stored, where="run")


def run(runs: Path, *words: str) -> int:
    few = ["dataset.n=3", "metric=[]", "engine.batch_size=3", "gallery=0", "table=false"]
    return main(["run", *few, f"paths.runs={runs}", *words])


def rows(runs: Path) -> dict[str, list[dict[str, Any]]]:
    return {key: table.to_pylist() for key, table in open_run("latest", runs).tables().items()}


@pytest.mark.full
def test_a_run_gives_each_protocol_its_view_and_its_cut(tmp_path: Path) -> None:
    asked = "protocol=[layercam2021,cam2016_code,psol2020,rethinkingcam2020]"
    methods = ["method=[layercam]", "methods.layercam.layers=[stage1,stage5,stage1+stage5]"]
    assert run(tmp_path, asked, *methods) == 0
    with_cut = rows(tmp_path)
    assert run(tmp_path, "protocol=[layercam2021]", "protocol.refine=none", *methods) == 0
    plain = rows(tmp_path)
    for key, found in with_cut.items():
        for row, other in zip(found, plain[key], strict=True):
            assert len(row["cam2016_code/iou"]) == len(row["psol2020/iou"]) == 1
            assert row["layercam2021/rank"] is not None  # of the ten crops
            same = row["layercam2021/iou"] == other["layercam2021[refine=none]/iou"]
            assert same or key == "layercam@stage1"
    cut = [r["layercam2021/iou"] for r in with_cut["layercam@stage1"]]
    assert cut != [r["layercam2021[refine=none]/iou"] for r in plain["layercam@stage1"]]


def test_a_protocol_in_a_file_of_ones_own_runs_and_its_edit_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run_protocol.py"
    text = (
        "from wsol.protocols import Protocol, protocol\nprotocol(Protocol(name='run2026', tau={}, empty='full_box'))\n"
    )
    file.write_text(text.format(0.3))
    words = ["method=[centergauss]", "--with", str(file), "protocol=[run2026,gradcam2017]"]
    assert run(tmp_path, *words) == 0
    (found,) = rows(tmp_path).values()
    assert all(len(row["run2026/iou"]) == 1 for row in found)
    assert main(["list", "protocols", "--with", str(file), "--json"]) == 0
    assert "run2026" in {row["protocol"] for row in json.loads(capsys.readouterr().out)}
    protocols._members.pop("run2026")  # as in a new process
    (tmp_path / "edited.py").write_text(text.format(0.4))
    assert run(tmp_path, "method=[centergauss]", "--with", str(tmp_path / "edited.py"), "protocol=[run2026]") == 2
    assert "protocol run2026 is tau=0.4" in capsys.readouterr().err


def test_the_centre_baseline_is_the_same_under_all_views_that_see_the_whole_image(tmp_path: Path) -> None:
    """The centred bump knows nothing of crops: ten of them summed are centred, too."""
    assert run(tmp_path, "method=[centergauss]", "protocol=[exact]", "protocol.view=[any,tencrop]") == 0
    (found,) = rows(tmp_path).values()
    for row in found:
        best = [max(row[f"{name}/iou"]) for name in ("exact", "exact[view=tencrop]")]
        assert best[0] == pytest.approx(best[1], abs=0.05)
        assert np.isfinite(best).all()
