"""Formulas of docstrings as LaTeX."""

from __future__ import annotations

import re

import pytest

from docs._ext.formulas import explanation, latex, statements
from wsol.methods._base import methods

CASES = {
    "M = ReLU(sum_k w_k A_k)": r"M = \text{ReLU}(\sum_{k} w_{k} A_{k})",
    "g_k * A_k": r"g_{k} \odot  A_{k}",
    "dy/dA^l": r"\frac{\partial y}{\partial A^{l}}",
    "M_{l+1}": "M_{l+1}",
    "1[A_k > mu_k + kappa sigma_k]": r"\mathbf{1}[A_{k} > \mu _{k} + \kappa  \sigma _{k}]",
    "y_without_k": r"y_{\text{without}\ k}",
    "w* = argmax_w f(x)": r"w^{\star} = \text{argmax}_{w} f(x)",
    "M = max over colors of |R|": r"M = \text{ max over colors of }\vert R\vert ",
    "(`plus_minus`)": r"(\texttt{plus_minus})",
    "a_k = A_k": "a_{k} = A_{k}",
}


@pytest.mark.parametrize("plain", CASES)
def test_a_formula_is_typeset(plain: str) -> None:
    assert re.sub(r"\s+", " ", latex(plain)) == re.sub(r"\s+", " ", CASES[plain]).strip()


def test_statements_are_taken_apart() -> None:
    assert statements("w = a_k;  M = w A\nx: y") == ["w = a_{k}", "M = w A", "x: y"]


def test_sentences_behind_an_empty_line_are_no_statements() -> None:
    formula = "M = share of cells\n\nThe share is\ncounted at `shifts` places."
    assert statements(formula) == statements("M = share of cells")
    assert explanation(formula) == "The share is counted at `shifts` places."
    assert explanation("M = A;  A = B") == ""


def test_a_semicolon_within_a_statement_does_not_divide_it() -> None:
    assert len(statements("M = f(x; y)")) == 1


@pytest.mark.parametrize("key", methods)
def test_every_method_has_a_formula_that_closes_its_braces(key: str) -> None:
    found = statements(methods[key].info.formula)
    assert any("=" in statement for statement in found)
    for statement in found:
        bare = statement.replace(r"\{", "").replace(r"\}", "")
        assert bare.count("{") == bare.count("}")
        assert not re.search(r"[_^](?!\{)", re.sub(r"\\text(tt)?\{[^}]*\}", "", bare)), statement


@pytest.mark.parametrize("key", methods)
def test_every_formula_becomes_mathml(key: str) -> None:
    convert = pytest.importorskip("latex2mathml.converter").convert
    for statement in statements(methods[key].info.formula):
        shown = convert(statement)
        assert shown.startswith("<math")
        assert "\\" not in shown
