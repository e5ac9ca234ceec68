"""Variants: lists expand, ids are readable and stable, wrong names are refused."""

from __future__ import annotations

import pytest

from wsol.errors import ConfigError, UnknownName
from wsol.methods._variants import Variant, combinations, config_of, expand

STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")


def variants(**chosen: dict[str, object]) -> tuple[Variant, ...]:
    return expand(chosen, resolve=lambda name: f"features.{name}", stages=STAGES)


def ids(**chosen: dict[str, object]) -> list[str]:
    return [v.id for v in variants(**chosen)]


def test_lists_make_variants_and_joined_layers_are_fused() -> None:
    assert ids(layercam={"layers": ["stage5", "stage3+stage4+stage5"], "gamma": [None, 2]}) == [
        "layercam@stage5",
        "layercam@stage5[gamma=2]",
        "layercam@stage3+stage4+stage5",
        "layercam@stage3+stage4+stage5[gamma=2]",
    ]


def test_last_all_and_each_are_names_of_stages() -> None:
    assert ids(gradcam={"layers": "last"}) == ["gradcam@stage5"]
    assert ids(gradcam={"layers": "all"}) == ["gradcam@stage1+stage2+stage3+stage4+stage5"]
    assert ids(gradcam={"layers": "each"}) == [f"gradcam@{s}" for s in STAGES]


def test_equal_variants_are_kept_once() -> None:
    assert ids(gradcam={"layers": ["last", "stage5"]}) == ["gradcam@stage5"]


def test_fusion_of_one_layer_without_gamma_makes_no_variant() -> None:
    assert ids(gradcam={"normalise": ["max", "percentile"]}) == ["gradcam@stage5"]
    assert ids(gradcam={"layers": "stage4+stage5", "normalise": ["max", "percentile"]}) == [
        "gradcam@stage4+stage5",
        "gradcam@stage4+stage5[normalise=percentile]",
    ]
    assert ids(gradcam={"gamma": 2, "normalise": "percentile"}) == ["gradcam@stage5[gamma=2,normalise=percentile]"]


def test_a_preset_is_another_name_for_options_of_a_method() -> None:
    (made,) = variants(layercam_fused={"method": "layercam", "layers": "stage4+stage5", "gamma": 2.0})
    assert made.id == "layercam@stage4+stage5[gamma=2]"
    assert made.modules == ("features.stage4", "features.stage5")


def test_fixed_maps_have_no_layers() -> None:
    assert ids(centergauss={}) == ["centergauss"]
    with pytest.raises(ConfigError, match=r"centergauss takes no layers: its maps are in the size"):
        ids(centergauss={"layers": "stage5"})


@pytest.mark.parametrize(
    ("chosen", "error", "sentence"),
    [
        ({"gradcamm": {}}, UnknownName, "no method 'gradcamm'; nearest: 'gradcam'"),
        (
            {"layercam": {"gama": 2}},
            ConfigError,
            r"no option 'methods\.layercam\.gama'; nearest: 'methods\.layercam\.gamma'",
        ),
        ({"layercam": {"gamma": []}}, ConfigError, r"gamma=\[\] leaves nothing to run"),
        ({"layercam": {"fuse": "min"}}, ConfigError, "no value for methods.layercam.fuse 'min'"),
        ({"layercam": {"sample": 0}}, ConfigError, "methods.layercam.sample=0 is out of range; give 1 or more"),
        ({}, ConfigError, "no method is chosen"),
    ],
)
def test_wrong_choices_are_refused_in_one_sentence(
    chosen: dict[str, dict[str, object]], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        expand(chosen, resolve=str, stages=STAGES)


def test_combinations_are_the_product_of_all_lists() -> None:
    assert combinations({"a": [1, 2], "b": 3, "c": [True, False]}) == [
        {"a": a, "b": 3, "c": c} for a in (1, 2) for c in (True, False)
    ]


def test_every_default_configuration_makes_one_variant() -> None:
    from wsol.methods._base import methods

    for key in methods:
        assert len(expand({key: config_of(key)}, resolve=str, stages=STAGES)) == 1, key
