"""Every experiment in conf/ composes, and every name and value in it is one that exists."""

from __future__ import annotations

import pytest

from wsol.environment import conf_dir
from wsol.evaluation.build import experiment_from
from wsol.settings import compose_settings

NAMES = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


def test_the_ablations_are_there() -> None:
    assert {"ablate_layers", "ablate_gamma", "ablate_fusion", "ablate_threshold", "knobs", "demo"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_is_ready_to_run(name: str) -> None:
    experiment = experiment_from(compose_settings([f"experiment={name}", "dataset.n=4"]))
    assert len(experiment.variants) >= 1
    assert len({p.name for p in experiment.protocols}) == len(experiment.protocols) >= 1


def test_the_knob_study_flips_one_knob_at_a_time() -> None:
    experiment = experiment_from(compose_settings(["experiment=knobs", "dataset.n=4"]))
    base, *derived = experiment.protocols
    assert base.name == "choe2020_v1"
    assert len(derived) >= 20
    for one in derived:
        assert sum(one.knobs[knob] != base.knobs[knob] for knob in base.knobs) == 1, one.name


def test_gamma_is_tried_alone_and_in_fusion_in_one_run() -> None:
    variants = {v.id for v in experiment_from(compose_settings(["experiment=ablate_gamma", "dataset.n=4"])).variants}
    assert {"layercam@stage3[gamma=2,scale=all]", "layercam@stage3+stage4+stage5[gamma=2,scale=all]"} <= variants


@pytest.mark.parametrize(("name", "canvas"), [("squash224", 224), ("centre224", 224), ("tencrop256", 256)])
def test_views_of_the_fields_sizes_have_names(name: str, canvas: int) -> None:
    experiment = experiment_from(compose_settings([f"view={name}", "dataset.n=4", "metric=[]"]))
    assert experiment.view.layout((300, 200)).canvas_wh == (canvas, canvas)
