"""One spelling of a choice: what tables print is what every command reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsol.environment import conf_dir
from wsol.errors import ConfigError
from wsol.evaluation.build import experiment_from
from wsol.evaluation.experiment import Experiment
from wsol.grammar import Choice, parse, parse_layers, spell, split
from wsol.report.numbers.names import short_layers
from wsol.settings import compose_settings

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("layercam", Choice("layercam")),
        ("layercam@stage5", Choice("layercam", ("stage5",))),
        ("layercam@stage3-5[gamma=2]", Choice("layercam", ("stage3", "stage4", "stage5"), {"gamma": 2})),
        ("layercam@stage4+5", Choice("layercam", ("stage4", "stage5"))),
        ("layercam@stage4+stage5", Choice("layercam", ("stage4", "stage5"))),
        ("layercam@stage1-2+5", Choice("layercam", ("stage1", "stage2", "stage5"))),
        ("gradcam@last-1", Choice("gradcam", ("last-1",))),
        ("gradcam@features.29", Choice("gradcam", ("features.29",))),
        ("gradcam@blocks.-1.norm1", Choice("gradcam", ("blocks.-1.norm1",))),
        ("choe2020_v2[normalize=max]", Choice("choe2020_v2", (), {"normalise": "max"})),
        ("choe2020_v2[deltas=(0.3, 0.5),tau=0.2]", Choice("choe2020_v2", (), {"deltas": (0.3, 0.5), "tau": 0.2})),
        ("gradcam2017[refine=color_cut]", Choice("gradcam2017", (), {"refine": "colour_cut"})),
        ("x[a=None,b=null,c=none]", Choice("x", (), {"a": None, "b": None, "c": "none"})),
        ("x[d=True,e=false]", Choice("x", (), {"d": True, "e": False})),
        ("timm/resnet50[weights=/a b/c.pth]", Choice("timm/resnet50", (), {"weights": "/a b/c.pth"})),
    ],
)  # fmt: skip
def test_a_choice_is_a_name_with_layers_and_options(text: str, choice: Choice) -> None:
    assert parse(text) == choice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not a valid choice"),
        ("layercam@", "'layercam@' is not a valid choice"),
        ("layercam@stage3[gamma=2", "is not a valid choice"),
        ("layercam@stage3-last", "'stage3-last' is not a range of stages; write for example stage3-5"),
        ("layercam@stage3-last-1", "'stage3-last-1' is not a range"),
        ("layercam@stage5-5", "'stage5-5' is not a range"),
        ("layercam@stage3++5", "a name is missing beside '+'"),
        ("layercam[gamma]", "layercam[gamma]: 'gamma' is not option=value; write for example layercam[tau=0.2]"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert said in str(error.value)


VALUES = st.one_of(
    st.integers(-9, 9),
    st.floats(-9, 9).map(lambda x: round(x, 3)),
    st.booleans(),
    st.none(),
    st.sampled_from(["max", "minmax", "none", "largest_rect", "stage1+stage2"]),
    st.tuples(st.floats(0, 1).map(lambda x: round(x, 2)), st.integers(0, 3)),
)


@given(
    st.sampled_from(["layercam", "choe2020_v2", "peer.gradcam.GradCAM"]),
    st.lists(st.sampled_from(["stage1", "stage4", "stage5", "last", "last-1", "features.29"]), unique=True),
    st.dictionaries(st.sampled_from(["gamma", "tau", "scale", "fuse_size", "deltas"]), VALUES),
)
def test_what_is_printed_is_read_back(name: str, layers: list[str], options: dict[str, Any]) -> None:
    assert parse(spell(name, layers, options)) == Choice(name, tuple(layers), options)


@given(st.lists(st.integers(1, 9), unique=True, min_size=1))
def test_the_short_form_of_stages_is_read_back(stages: list[int]) -> None:
    names = tuple(f"stage{n}" for n in sorted(stages))
    assert parse_layers(short_layers("+".join(names))) == names


def test_a_list_is_split_at_its_outer_commas() -> None:
    assert split("a[x=1,y=(2,3)],b, c@stage1") == ["a[x=1,y=(2,3)]", "b", "c@stage1"]
    assert split("'a,b',c") == ["'a,b'", "c"]
    assert split("") == []


def experiment(*words: str) -> Experiment:
    return experiment_from(compose_settings([*words, "dataset.n=4"]))


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_variant_and_protocol_of_an_experiment_is_read_as_it_is_printed(name: str) -> None:
    whole = experiment(f"experiment={name}")
    for variant in whole.variants:
        layers = variant.layers if "@" in variant.id else ()
        assert parse(variant.id) == Choice(variant.method.info.key, layers, variant.options)
    for protocol in whole.protocols:
        assert parse(protocol.name) == Choice(protocol.preset or protocol.name, (), protocol.changes)
    ids = [variant.id for variant in whole.variants]
    again = experiment(f"method=[{','.join(ids)}]", "metric=[]")
    assert {variant.id for variant in again.variants} == set(ids)
