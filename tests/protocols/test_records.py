"""Protocols are data: complete, named by what they change, and found again by that name."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsol.errors import ConfigError, UnknownName
from wsol.protocols._base import CHANGED, Protocol, alias, named, protocols

PRESETS = sorted({p.name for p in protocols.values()})
KNOBS = sorted(Protocol(name="any").knobs)


@pytest.mark.parametrize("name", PRESETS)
def test_every_knob_of_a_preset_has_a_source(name: str) -> None:
    record = protocols[name]
    assert set(record.sources) == set(KNOBS)
    assert all(len(text) > 3 for text in record.sources.values())


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_frozen(name: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocols[name].tau = 0.5  # type: ignore[misc]


def test_the_presets_are_those_the_handbook_names() -> None:
    assert set(PRESETS) >= {
        "choe2020_v1",
        "choe2020_v2",
        "layercam2021",
        "cam2016_text",
        "cam2016_code",
        "gradcam2017",
        "tscam2021",
        "psol2020",
        "exact",
    }


def test_cam2016_means_what_the_paper_says() -> None:
    assert protocols["cam2016"] is protocols["cam2016_text"]
    assert protocols["cam2016"].name == "cam2016_text"


def test_v2_differs_from_v1_in_the_component_and_the_headline_only() -> None:
    first, second = protocols["choe2020_v1"].knobs, protocols["choe2020_v2"].knobs
    assert {k for k in KNOBS if first[k] != second[k]} == {"component", "headline"}


def test_a_derived_protocol_is_named_by_what_it_changes() -> None:
    record = protocols["choe2020_v2"].derive({"normalise": "max", "side": 224})
    assert record.name == "choe2020_v2[normalise=max]"
    assert record.normalise == "max"
    assert record.sources["normalise"] == CHANGED
    assert record.sources["resize"] == protocols["choe2020_v2"].sources["resize"]


def test_no_change_is_the_preset_itself() -> None:
    assert protocols["gradcam2017"].derive({"tau": 0.15, "deltas": [0.5]}) is protocols["gradcam2017"]


def test_deriving_twice_is_deriving_once() -> None:
    base = protocols["choe2020_v1"]
    twice = base.derive({"normalise": "max"}).derive({"tau": 0.2})
    assert twice == base.derive({"tau": 0.2, "normalise": "max"})
    assert twice.name == "choe2020_v1[normalise=max,tau=0.2]"
    assert twice.derive({"tau": "sweep", "normalise": "minmax"}) is base


def test_equal_numbers_make_equal_names() -> None:
    base = protocols["gradcam2017"]
    assert base.derive({"tau": 0}).name == base.derive({"tau": 0.0}).name


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "tau": st.one_of(st.just("sweep"), st.floats(0, 0.99)),
        "normalise": st.sampled_from(["minmax", "max", "percentile", "none"]),
        "deltas": st.lists(st.floats(0.01, 1), min_size=1, max_size=3),
        "clip": st.booleans(),
        "side": st.integers(1, 500),
    },
)


@given(CHANGES)
def test_the_name_of_a_derived_protocol_says_all_of_it(changes: dict[str, object]) -> None:
    record = protocols["choe2020_v1"].derive(changes)
    assert named(record.name) == record


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("choe2020_v3", "nearest: 'choe2020_v2'"),
        ("choe2020_v2[normalis=max]", "nearest: 'protocols.choe2020_v2.normalise'"),
        ("choe2020_v2[iou=plus2]", "there is no IoU convention 'plus2'; nearest: 'plus1'"),
        ("choe2020_v2[merge=summ]", "there is no rule for merging crops 'summ'; nearest: 'sum'"),
        ("choe2020_v2[refine=grabcat]", "there is no refinement 'grabcat'; nearest: 'grabcut'"),
        ("choe2020_v2[normalise=mx]", "nearest: 'max'"),
        ("choe2020_v2[max]", "'max' is not option=value"),
        ("choe2020_v2[tau=1.5]", "tau=1.5 is not in [0, 1)"),
        ("choe2020_v2[compare=ge]", "compare=ge needs quantise=none"),
        ("choe2020_v2[refine=grabcut]", "starts from one threshold"),
        ("choe2020_v1[connectivity=4]", "connectivity=4 can't be had with component=largest_polygon"),
        ("layercam2021[quantise=none]", "resize_uint8 needs quantise=floor_uint8"),
        ("cam2016_code[tau=sweep]", "grey levels of its own"),
        ("exact[candidates=2]", "it needs component=cam2016_tool"),
        ("exact[deltas=()]", "deltas=() is empty"),
        ("exact[deltas=(0.5, 1.5)]", "deltas=1.5 is out of range"),
        ("exact[tau_step=0]", "tau_step=0 is out of range; give 1e-06 or more and at most 0.5"),
    ],
)
def test_what_does_not_exist_or_fit_is_said_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises((ConfigError, UnknownName)) as caught:
        named(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("american", "stored"),
    [
        ("choe2020_v2[normalize=max]", "choe2020_v2[normalise=max]"),
        ("choe2020_v2[order=normalize_first]", "choe2020_v2[order=normalise_first]"),
        ("exact[quantize=floor_uint8,compare=gt]", "exact[compare=gt,quantise=floor_uint8]"),
        ("choe2020_v2[refine=color_cut]", "choe2020_v2[refine=colour_cut]"),
    ],
)
def test_american_spellings_are_understood_and_stored_as_rows_have_them(american: str, stored: str) -> None:
    assert named(american).name == stored
    assert named(american) == named(stored)


def test_a_record_made_in_code_is_checked_like_one_that_is_derived() -> None:
    with pytest.raises(ConfigError, match="there is no resize rule 'bicubic'; nearest: 'cubic'"):
        Protocol(name="mine", resize="bicubic")
    assert Protocol(name="mine", tau=0.3, refine="color_cut").refine == "colour_cut"


def test_another_record_under_a_taken_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is a protocol 'exact' already"):
        alias("exact", Protocol(name="mine"))


def test_the_same_record_may_register_twice() -> None:
    assert alias("exact", dataclasses.replace(protocols["exact"])) == protocols["exact"]


def test_a_name_that_could_not_be_typed_is_refused() -> None:
    with pytest.raises(ConfigError, match="can't name a protocol"):
        alias("my protocol", Protocol(name="mine"))
