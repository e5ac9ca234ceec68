"""Formulas as methods state them, ``M = ReLU(sum_k w_k A_k)``, as LaTeX.

The docstring of a method has its formula in plain text, so that a terminal can show it. The notation is small: indices
and powers as ``A_k``, ``A^L`` and ``M_{l+1}``, Greek letters by name, ``*`` for the element-wise product, ``dy/dx`` for
a derivative, ``1[...]`` for an indicator, an option in backticks. A word in front of a bracket or an index is a
function; all other words are text. A new line, or two spaces behind a semicolon, begins another statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

GREEK = frozenset({"alpha", "beta", "gamma", "delta", "theta", "kappa", "lambda", "mu", "psi", "sigma"})
FUNCTIONS = frozenset({"sum", "prod", "max", "min", "exp", "log"})  # LaTeX has a command of that name
SYMBOLS = {
    "*": r"\odot ",
    "<-": r"\leftarrow ",
    "||": r"\Vert ",
    "|": r"\vert ",
    "...": r"\ldots ",
    "..": r"\ldots ",
    "{": r"\{",
    "}": r"\}",
    ", ": r",\; ",
}

TOKEN = re.compile(
    r"""
    `(?P<option>[^`]*)`
  | d(?P<top>[A-Za-z](?:\^\w+)?)/d(?P<bottom>[A-Za-z](?:\^\w+)?)(?!\w)
  | (?P<indicator>1(?=\[|_[A-Zij]))
  | (?P<word>[A-Za-z]+(?:-[A-Za-z]+)*(?:'s\b|(?<=s)'(?=\s))?)
  | (?P<script>[_^](?:\{[^}]*\}|\([^)]*\)|-?\w+(?:\.\d+)?))
  | (?P<best>(?<=[a-z])\*(?=\ =|\)))
  | (?P<symbol>\|\||<-|\.\.\.|\.\.|,\ |[*{}|])
  | (?P<other>.)
    """,
    re.VERBOSE,
)


def explanation(formula: str) -> str:
    """The sentences behind an empty line, which say in words what the formula leaves open; on one line."""
    return " ".join(formula.partition("\n\n")[2].split())


def statements(formula: str) -> list[str]:
    """The formula's statements as LaTeX, one each."""
    parts = re.split(r";\s{2,}|\n", formula.partition("\n\n")[0])
    return [latex(part.strip()) for part in parts if part.strip()]


def latex(statement: str) -> str:
    """One statement as LaTeX."""
    pieces: list[str] = []
    words = ""  # text so far: words beside each other, with the spaces around them
    for is_text, piece in _pieces(statement):
        if is_text or (piece == " " and words):
            words += piece
        else:
            pieces += [_text(words, after=pieces), piece]
            words = ""
    return "".join([*pieces, _text(words, after=pieces)]).strip()


def _pieces(statement: str) -> Iterator[tuple[bool, str]]:
    """Whether each token is text, and its LaTeX."""
    for found in TOKEN.finditer(statement):
        token, kind = found[0], found.lastgroup
        if kind == "bottom":
            yield False, rf"\frac{{\partial {latex(found['top'])}}}{{\partial {latex(found['bottom'])}}}"
        elif kind == "option":
            yield False, rf"\texttt{{{found['option']}}}"
        elif kind == "indicator":
            yield False, r"\mathbf{1}"
        elif kind == "word":
            yield _word(token, called=statement[found.end() : found.end() + 1] in tuple("(_^"))
        elif kind == "script":
            yield False, _script(token)
        elif kind == "best":
            yield False, r"^{\star}"
        else:
            yield False, SYMBOLS.get(token, token)


def _word(token: str, *, called: bool) -> tuple[bool, str]:
    """Whether a word is text, and its LaTeX; `called` where a bracket or an index follows."""
    if token in GREEK:
        return False, f"\\{token} "
    if len(token) == 1 and (called or token != "a"):
        return False, token
    if not called:
        return True, token
    return False, f"\\{token}" if token in FUNCTIONS else rf"\text{{{token}}}"


def _script(token: str) -> str:
    """What is below or above: ``_k``, ``^{l+1}``, ``_(h, q)``, ``_without_k``; words of it are upright."""
    inside = token[1:].strip("{}").removeprefix("(").removesuffix(")")
    upright = re.sub(r"[A-Za-z]{3,}|\bin\b", lambda word: rf"\text{{{word[0]}}}", inside.replace("_", r"\ "))
    return f"{token[0]}{{{upright}}}"


def _text(words: str, *, after: list[str]) -> str:
    """Words as a text that keeps the spaces around it."""
    if not words.strip():
        return ""
    space = " " if after and after[-1] == " " else ""
    return rf"\text{{{space}{words}}}"
