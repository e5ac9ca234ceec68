"""Every experiment in conf/ composes, and every name and value in it is one that exists."""

from __future__ import annotations

import PIL.Image
import pytest

from wsol.environment import conf_dir
from wsol.evaluation.build import experiment_from
from wsol.methods._base import methods
from wsol.settings import compose_settings

NAMES = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


def test_the_ablations_are_there() -> None:
    assert {"ablate_layers", "ablate_gamma", "ablate_fusion", "ablate_threshold", "knobs", "demo"} <= set(NAMES)


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_is_ready_to_run(name: str) -> None:
    experiment = experiment_from(compose_settings([f"experiment={name}", "dataset.limit=4"]))
    assert len(experiment.variants) >= 1
    assert len({p.name for p in experiment.protocols}) == len(experiment.protocols) >= 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Somebody's own images, as words."""
    place = tmp_path_factory.mktemp("folder")
    rows = ["image_id,label,x0,y0,x1,y1"]
    for n in range(5):
        PIL.Image.new("RGB", (48, 40), (50 * n, 90, 120)).save(place / f"{n}.png")
        rows.append(f"{n}.png,{n % 2},4,4,30,30")
    (place / "boxes.csv").write_text("\n".join(rows))
    return ["dataset=folder", f"dataset.images={place}", f"dataset.annotations={place / 'boxes.csv'}"]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("ablate_gamma", "resnet18"),
        *(pytest.param(name, "resnet18", marks=pytest.mark.full) for name in NAMES if name != "ablate_gamma"),
        *(pytest.param(name, "vit_b_16", marks=pytest.mark.full) for name in ("demo", "ablate_layers")),
    ],
)
def test_an_experiment_takes_any_dataset_and_network(name: str, model: str, folder: list[str]) -> None:
    whole = experiment_from(compose_settings([f"experiment={name}", *folder, f"model={model}[weights=random]"]))
    assert len(whole.samples) == 5
    stages = {f"stage{n}" for n in range(1, 6)}
    assert {layer for v in whole.variants for layer in v.layers} <= {*stages, "input"}
    keys = {v.method.info.key for v in whole.variants}
    attention = {key for key, method in methods.items() if "attention" in method.info.needs}
    if name in ("demo", "every_method"):
        assert keys & attention == (attention if model == "vit_b_16" else set())
        plain = {key for key, m in methods.items() if not m.info.needs & {"attention", "branches", "head"}}
        assert {key for key in plain if methods[key].info.role != "ceiling"} <= keys


def test_the_knob_study_flips_one_knob_at_a_time() -> None:
    experiment = experiment_from(compose_settings(["experiment=knobs", "dataset.limit=4"]))
    base, *derived = experiment.protocols
    assert base.name == "choe2020_v1"
    assert len(derived) >= 20
    for one in derived:
        assert sum(one.knobs[knob] != base.knobs[knob] for knob in base.knobs) == 1, one.name


def test_gamma_is_tried_alone_and_in_fusion_in_one_run() -> None:
    variants = {
        v.id for v in experiment_from(compose_settings(["experiment=ablate_gamma", "dataset.limit=4"])).variants
    }
    assert {"layercam@stage3[gamma=2,scale=all]", "layercam@stage3+stage4+stage5[gamma=2,scale=all]"} <= variants


@pytest.mark.full
@pytest.mark.parametrize(("name", "canvas"), [("squash224", 224), ("centre224", 224), ("tencrop256", 256)])
def test_views_of_the_fields_sizes_have_names(name: str, canvas: int) -> None:
    experiment = experiment_from(compose_settings([f"view={name}", "dataset.limit=4", "metric=[]"]))
    assert experiment.view.layout((300, 200)).canvas_wh == (canvas, canvas)
