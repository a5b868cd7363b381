"""The calibration bench on three designs: the default holds its level, and the bench can see what does not."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import calibration
import cases

from rpeval.methods.did.callaway import att_callaway, cohort_effects, overall
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.twfe import twfe

DRAWS = 400
CHOSEN = [
    "20 schools, no effect",
    "14 schools, 4 adopt",
    "12 schools, half adopt, effect differs by cohort",
]
BY_NAME = {case.name: case for case in cases.CASES}


def error(share: float, n: int = DRAWS) -> float:
    return float(np.sqrt(share * (1 - share) / n))


@pytest.mark.parametrize("name", CHOSEN)
def test_the_default_covers_between_93_and_97_percent(name):
    draws, found = calibration.judge(BY_NAME[name], DRAWS, seed=11, bootstrap=False)[calibration.DEFAULT]
    assert 0.93 - 3 * error(0.93) < found.covered.mean() < 0.97 + 3 * error(0.97)
    assert found.alarm.mean() < 0.07 + 3 * error(0.07)
    spread = (found.value - draws.truth).std() / np.sqrt(DRAWS)
    assert abs((found.value - draws.truth).mean()) < 4 * spread


def test_the_bench_sees_intervals_that_are_too_narrow():
    case = BY_NAME["20 schools, 2 adopt"]
    found = calibration.by_t(case, cases.draw(case, DRAWS, 5), calibration.two_way)
    assert found.covered.mean() < 0.85
    assert found.alarm.mean() > 0.15


def test_many_samples_at_once_equal_the_product_one_by_one():
    case = BY_NAME["14 schools, 4 adopt"]
    draws = cases.draw(case, 3, 7)
    usual = calibration.usual_callaway(case)(case, draws.Y)
    for r in range(3):
        design = calibration.laid(case, draws.Y[..., r])
        for method, many in [
            (att_imputation(design), calibration.imputed(case, draws.Y)),
            (twfe(design), calibration.two_way(case, draws.Y)),
        ]:
            assert (many.value[r], many.se[r]) == (pytest.approx(method.value), pytest.approx(method.se))
            assert np.broadcast_to(many.p(0.0), 3)[r] == pytest.approx(method.p)
        one = overall(cohort_effects(design), inference="influence")
        assert (usual.value[r], usual.se[r]) == (pytest.approx(one.value), pytest.approx(one.se))
        assert usual.value[r] == pytest.approx(att_callaway(design).value)


def test_samples_are_drawn_to_their_truth():
    """The mean difference between outcomes with and without the program is the planted effect."""
    for case in cases.CASES:
        draws = cases.draw(case, 200, 3)
        change = (draws.Y - draws.Y0)[case.treated].mean(axis=0)
        assert abs((change - draws.truth).mean()) < 5 * change.std() / np.sqrt(200) + 1e-9
        assert (draws.Y == draws.Y0)[~case.treated].all()
        assert 8 <= case.schools <= 60
        assert case.adopters_n >= 2


def test_there_are_designs_of_every_kind():
    assert len(cases.CASES) >= 16
    assert len({case.name for case in cases.CASES}) == len(cases.CASES)
    assert {case.effect for case in cases.CASES} == {"none", "constant", "growing", "by cohort"}
    assert {case.adopters for case in cases.CASES} == {"any", "smallest", "largest"}
    assert any(case.drift for case in cases.CASES)
    assert any(case.base <= 1 for case in cases.CASES)
