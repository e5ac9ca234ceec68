"""SciPy's compiled functions by themselves, against its packages; each in a process that has loaded neither."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array

from wsol.stats import compiled


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tails_load_no_package_and_are_its_own() -> None:
    run(
        "import sys\n"
        "from wsol.stats.tails import t_quantile, t_tails, binomial_below\n"
        "found = [float(t_tails(2.1, 30)), t_quantile(0.95, 30), binomial_below(3, 9)]\n"
        "assert not {'scipy.special', 'scipy.sparse', 'numpy.testing'} & set(sys.modules)\n"
        "import scipy.special as s\n"
        "assert found == [2 * s.stdtr(30, -2.1), -s.stdtrit(30, (1 - 0.95) / 2), s.betainc(6, 4, 0.5)]\n"
        "assert s.gamma(4) == 6 and s._ufuncs.stdtr is sys.modules['scipy.special._ufuncs'].stdtr\n"
    )


def test_a_package_that_is_loaded_stays() -> None:
    run(
        "import sys, scipy.special as s\n"
        "from wsol.stats.compiled import special\n"
        "assert special().stdtr is s._ufuncs.stdtr and sys.modules['scipy.special'] is s\n"
    )


def test_a_table_loads_neither_package() -> None:
    run(
        "import sys, numpy as np\n"
        "from wsol.stats.best import Search, draw_best_of\n"
        "from wsol.stats.hits import Hits\n"
        "from wsol.stats.resamples import Resamples\n"
        "matrix = np.random.default_rng(0).random((50, 9)) < 0.5\n"
        "(found,) = draw_best_of([Search(hits=Hits.from_matrix(matrix), resamples=Resamples(50, 20))])\n"
        "assert found['maxboxacc'].estimate().low < found['maxboxacc'].value\n"
        "assert 'scipy.sparse' not in sys.modules\n"
    )


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_sparse_products_are_those_of_the_matrices(public: bool, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    if public:
        monkeypatch.setattr(compiled, "_tools", lambda: None)
    rng = np.random.default_rng(0)
    sparse = csr_array((rng.integers(-1, 2, (7, 30)) * (rng.random((7, 30)) < 0.2)).astype(kind))
    for dense in (rng.integers(0, 5, (30, 11)).astype(kind), rng.integers(0, 5, (11, 30)).astype(kind).T):
        product = compiled.sparse_product(sparse.data, sparse.indices, sparse.indptr, dense)
        assert product.dtype == kind
        np.testing.assert_array_equal(product, sparse.toarray() @ dense)


def test_a_module_that_is_missing_leaves_nothing_behind() -> None:
    before = sys.modules.get("scipy.special")
    assert compiled.alone("scipy.special._no_such_module") is None
    assert sys.modules.get("scipy.special") is before
