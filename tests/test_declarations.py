"""What a decorator says is read from the file's text; it is what importing the file gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fresh_process import HEAVY, free_of, fresh
from wsol.declarations import facts_of, read_declaration
from wsol.errors import UnknownName
from wsol.methods._base import method, methods
from wsol.metrics._base import metric, metrics
from wsol.registry import Registry
from wsol.training.technique import technique, techniques

FACTS: list[tuple[Registry[Any], Callable[..., Any], tuple[str, ...]]] = [
    (methods, method, ("paper", "year", "needs", "layers", "cost", "costly", "stochastic", "constant_is_full", "role")),
    (metrics, metric, ("paper", "year", "needs", "about", "cost")),
    (techniques, technique, ("paper", "year", "head")),
]


@pytest.mark.parametrize(("registry", "decorator", "names"), FACTS, ids=["methods", "metrics", "techniques"])
def test_the_text_says_what_the_imported_class_says(
    registry: Registry[Any], decorator: Callable[..., Any], names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = registry.packaged()
    monkeypatch.setattr(Registry, "is_loaded", lambda self, key: False)  # so that the text is read all the same
    for key, member in imported.items():
        facts = facts_of(registry, decorator, key, ("name", "docstring", *names))
        info = {name: getattr(member.info, name) for name in names}
        assert facts.pop("name") == member.__name__
        assert facts.pop("docstring") == inspect.getdoc(member)
        for values in (facts, info):
            values["needs"] = frozenset(values.get("needs", ()))
        assert facts == info, key


@pytest.mark.parametrize("kind", ["methods", "metrics", "techniques"])
def test_lists_are_printed_without_torch(kind: str) -> None:
    fresh("from wsol.cli import main", f"assert main(['list', '{kind}']) == 0", free_of(*HEAVY))


def test_a_computed_argument_is_named_and_left_out(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "@other('mine', paper='not this one')\nclass Other: pass\n"
        "@method('mine', paper=PAPER, year=2000 + 26, needs=('gradients',))\n"
        "class Mine:\n    '''Mine: a map.\n\n    M = A\n    '''\n"
    )
    declared = read_declaration(file, "method", "mine")
    assert declared is not None
    assert (declared.name, declared.docstring) == ("Mine", "Mine: a map.\n\nM = A")
    assert declared.facts == {"needs": ("gradients",)}
    assert declared.computed == {"paper", "year"}
    assert read_declaration(file, "method", "yours") is None


def test_arguments_in_a_dictionary_are_not_guessed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("@method('mine', year=2026, **more)\nclass Mine: ...\n")
    assert read_declaration(file, "method", "mine") is None


def test_a_file_whose_values_are_computed_is_imported() -> None:
    assert facts_of(metrics, metric, "rise2018_dataset", ("paper",)) == {
        "paper": metrics["rise2018_dataset"].info.paper
    }


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownName, match="layercam"):
        facts_of(methods, method, "layerkam", ("paper",))
