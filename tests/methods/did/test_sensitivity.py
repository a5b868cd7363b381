"""Sensitivity to violated trends: against R, linear programs, hand calculations and simulated truth."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linprog

from rpeval.errors import MethodError
from rpeval.estimate import attempt
from rpeval.methods.did.event_path import EventPath
from rpeval.methods.did.sensitivity import (
    breakdown_relative,
    breakdown_smooth,
    relative_magnitudes,
    smoothness,
)
from rpeval.methods.did.sensitivity_relative import candidates, first_differences, least_favorable
from rpeval.methods.did.sensitivity_smooth import bends, family, folded_critical, periods, shortest_interval

# R 4.2.2, HonestDiD 0.2.6, effect in the first period: Mbar or M, low, high
RELATIVE = {
    "BCdata_EventStudy": [
        (0.5, 0.118129485781773, 0.271583866025621),
        (1.0, 0.0672312507503984, 0.318683725308386),
        (1.5, 0.0132943151201353, 0.369581960339761),
        (2.0, -0.0421619708095719, 0.379457737286147),
    ],
    "medicaid": [
        (0.5, 0.0240018961072587, 0.0672419532165186),
        (1.0, 0.017039514030344, 0.0720056883217761),
        (1.5, 0.00824492614371483, 0.0797009527225766),
        (2.0, -0.000916102904857191, 0.0881290994472629),
    ],
}
SMOOTH = {
    "BCdata_EventStudy": [
        (0.0, 0.131411315935921, 0.216169648181698),
        (0.1, 0.119444000144877, 0.418508214328715),
        (0.2, 0.0194440001496446, 0.518508214323948),
        (0.3, -0.0805559998455877, 0.61850821431918),
    ],
    "medicaid": [
        (0.00, 0.0259495459419249, 0.060733711157542),
        (0.01, 0.0131970251555339, 0.0786707425399022),
        (0.02, 0.00285699595143354, 0.0907160394065241),
        (0.03, -0.00714257640305339, 0.100715611761011),
        (0.05, -0.0271425764013981, 0.120715611759356),
    ],
}
USUAL = {
    "BCdata_EventStudy": (0.15877494280765, 0.233147292681241),
    "medicaid": (0.0285095224504157, 0.0643841858694754),
}
BEFORE = {"BCdata_EventStudy": 4, "medicaid": 5}
NAMES = sorted(BEFORE)


def study(shared_data, name: str) -> EventPath:
    beta = np.loadtxt(shared_data(f"data/did_reference/{name}_betahat.csv"))
    covariance = np.loadtxt(shared_data(f"data/did_reference/{name}_sigma.csv"), delimiter=",")
    P = BEFORE[name]
    return EventPath(pre=beta[:P], post=beta[P:], covariance=covariance, weights=np.eye(len(beta) - P)[0])


def drawn(seed: int, P: int, Q: int, scale: float = 1.0) -> EventPath:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(P + Q, P + Q + 3))
    beta = rng.normal(size=P + Q) * scale
    return EventPath(beta[:P], beta[P:], root @ root.T / (P + Q), weights=rng.dirichlet(np.ones(Q)))


paths = st.builds(
    drawn,
    seed=st.integers(0, 10**6),
    P=st.integers(2, 4),
    Q=st.integers(1, 4),
    scale=st.sampled_from([0.3, 1.0, 4.0]),
)
few = settings(max_examples=15, deadline=None, derandomize=True)


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_relative_magnitudes_agree_with_r(shared_data, name):
    path = study(shared_data, name)
    edge = 20 * np.sqrt(path.covariance[BEFORE[name], BEFORE[name]])  # where R's grid ends
    for mbar, low, high in RELATIVE[name]:
        found = relative_magnitudes(path, mbar=mbar)
        assert found.low == pytest.approx(low, abs=1e-3)
        if high < edge - 1e-6:
            assert found.high == pytest.approx(high, abs=1e-3)
        else:
            assert high == pytest.approx(edge, abs=1e-6)
            assert found.high > edge + 0.01


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_smoothness_agrees_with_r(shared_data, name):
    path = study(shared_data, name)
    for m, low, high in SMOOTH[name]:
        found = smoothness(path, m=m)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_parallel_trends_give_the_usual_interval_of_r(shared_data, name):
    path = study(shared_data, name)
    found = relative_magnitudes(path, mbar=0.0)
    assert (found.low, found.high) == pytest.approx(USUAL[name], abs=1e-10)


@pytest.mark.shared
def test_breakdown_lies_where_r_loses_significance(shared_data):
    paths = {name: study(shared_data, name) for name in NAMES}
    assert all(1.5 < breakdown_relative(path).value < 2.0 for path in paths.values())
    assert 0.2 < breakdown_smooth(paths["BCdata_EventStudy"]).value < 0.3
    assert 0.02 < breakdown_smooth(paths["medicaid"]).value < 0.03


@given(paths, st.floats(0.05, 3), st.floats(-3, 3))
@few
def test_statistic_equals_the_linear_program_of_the_paper(path, mbar, theta):
    P, Q = len(path.pre), len(path.post)
    tests = candidates(path.pre, path.post, path.covariance, path.weights, mbar)
    forms = tests.on_x * (tests.x - theta) + tests.on_v * tests.v[:, None]
    changes, beta = first_differences(P, Q), np.concatenate([path.pre, path.post])
    for row, bound in enumerate([*changes[:P], *-changes[:P]]):
        A = np.concatenate([changes[P:] - mbar * bound, -changes[P:] - mbar * bound])
        sd = np.sqrt(np.einsum("ij,jk,ik->i", A, path.covariance, A))
        effects = np.concatenate(
            [np.zeros((P, Q)), np.eye(Q)]
        )  # unknown effects, with weights @ them = theta
        told = linprog(
            np.eye(1, Q + 1)[0],
            A_ub=np.column_stack([-sd, -A @ effects]),
            b_ub=-A @ beta,
            A_eq=[[0.0, *path.weights]],
            b_eq=[theta],
            bounds=[(None, None)] * (Q + 1),
        )
        assert forms[row].max() == pytest.approx(told.fun, abs=1e-7)


@pytest.mark.parametrize(("seed", "mbar"), [(1, 0.0), (2, 0.5), (3, 2.0)])
def test_least_favorable_value_is_exceeded_as_often_as_it_says(seed, mbar):
    path, kappa, n = drawn(seed, 3, 3), 0.005, 200_000
    tests = candidates(path.pre, path.post, path.covariance, path.weights, mbar)
    value = least_favorable(tests, kappa)
    z = np.random.default_rng(0).normal(size=(n, 2))
    for row in range(len(value)):
        draw = z @ np.linalg.cholesky(tests.covariance[row]).T
        largest = (draw @ np.stack([tests.on_x[row], tests.on_v[row]])).max(axis=1)
        assert (largest > value[row]).mean() == pytest.approx(kappa, abs=4 * np.sqrt(kappa / n))


@given(paths)
@few
def test_intervals_only_grow_with_the_violation_allowed(path):
    found = [relative_magnitudes(path, mbar=mbar) for mbar in (0, 0.3, 1, 3)]
    for small, large in pairwise(found):
        assert large.low <= small.low + 1e-9
        assert large.high >= small.high - 1e-9
    widths = [est.high - est.low for est in (smoothness(path, m=m) for m in (0, 0.1, 0.5, 2))]
    assert all(np.diff(widths) > 0)


@given(paths, st.sampled_from([-1.0, -250.0, 0.001, 7.0]))
@few
def test_another_unit_or_sign_gives_the_same_interval_in_that_unit(path, unit):
    other = replace(path, pre=unit * path.pre, post=unit * path.post, covariance=unit**2 * path.covariance)
    pairs = [
        (relative_magnitudes(path, mbar=0.7), relative_magnitudes(other, mbar=0.7)),
        (smoothness(path, m=0.3), smoothness(other, m=0.3 * abs(unit))),
    ]
    for one, two in pairs:
        ends = sorted([unit * one.low, unit * one.high])
        assert [two.low, two.high] == pytest.approx(ends, rel=1e-6, abs=1e-6 * abs(unit))


@given(paths)
@few
def test_no_violation_equals_the_usual_interval_and_the_estimate_is_never_excluded(path):
    path = replace(path, df=11.0)
    none = relative_magnitudes(path, mbar=0.0)
    Q = len(path.post)
    half = stats.t.ppf(0.975, 11) * np.sqrt(path.weights @ path.covariance[-Q:, -Q:] @ path.weights)
    assert (none.low, none.high) == pytest.approx((none.value - half, none.value + half), abs=1e-8)
    wide = relative_magnitudes(path, mbar=1.0)
    assert wide.low < wide.value < wide.high


@given(paths, st.floats(0, 2), st.integers(0, 10**6))
@few
def test_no_other_estimator_has_a_shorter_interval(path, m, seed):
    shape = family(len(path.pre), path.weights)
    found = shortest_interval(path.pre, path.post, path.covariance, path.weights, m=m)
    rng = np.random.default_rng(seed)
    assert periods(len(path.pre), len(path.post)) @ found.coefficients == pytest.approx(0, abs=1e-9)
    for step in (1e-3, 0.05, 1.0):
        other = found.coefficients + shape.free @ rng.normal(size=shape.free.shape[1]) * step
        sd = np.sqrt(other @ path.covariance @ other)
        bias = np.abs(bends(len(path.pre), len(path.post)).T @ other).sum()
        assert sd * folded_critical(m * bias / sd) >= found.half * (1 - 1e-9)


def test_folded_critical_value_against_the_t_table_and_its_definition():
    assert folded_critical(0.0, 10.0) == pytest.approx(2.228139, abs=1e-6)
    assert folded_critical(40.0, 10.0) == pytest.approx(41.812461, abs=1e-6)
    draws = np.abs(np.random.default_rng(0).normal(size=1_000_000) + 0.7)
    assert folded_critical(0.7) == pytest.approx(np.quantile(draws, 0.95), abs=0.01)


def test_coverage_at_the_edge_of_what_is_allowed():
    rng, root = np.random.default_rng(7), np.linalg.cholesky(0.5 * (np.eye(7) + 1))
    step = 8.0 * np.array([-1, -1, -1, 0, 1, 2, 3])  # the last change before the start, in each year after it
    bent = np.array([0.0, 0, 0, 0, 0.4, 1.2, 2.4])  # bends by 0.4 from the start on
    covered = np.zeros(3)
    for _ in range(120):
        noise = root @ rng.normal(size=7)
        told = [np.delete(truth, 3) for truth in (step, bent)]
        relative, smooth = (
            EventPath((truth + noise[:6])[:3], (truth + noise[:6])[3:], (root @ root.T)[:6, :6])
            for truth in told
        )
        found = [
            relative_magnitudes(relative, mbar=1.0),
            smoothness(smooth, m=0.4),
            relative_magnitudes(smooth, mbar=0.0),
        ]
        covered += [est.low <= 0 <= est.high for est in found]
    assert 0.90 <= covered[0] / 120 <= 0.99
    assert covered[1] / 120 >= 0.92
    assert covered[2] / 120 < 0.9  # a violation that is not allowed for is a violation


def test_breakdown_is_where_the_interval_reaches_zero_and_is_fast():
    path = EventPath(
        pre=np.array([0.5, -0.2, 0.3, 0.1, 0.2]),
        post=np.array([-3.0, -4, -4, -5, -5]),
        covariance=0.3 * (np.eye(10) + 0.5),
        df=39.0,
    )
    began = time.process_time()
    mbar, m = breakdown_relative(path).value, breakdown_smooth(path).value
    assert time.process_time() - began < 2.0
    assert (
        relative_magnitudes(path, mbar=mbar - 1e-3).high
        < 0
        < relative_magnitudes(path, mbar=mbar + 1e-3).high
    )
    assert smoothness(path, m=0.999 * m).high < 0 < smoothness(path, m=1.001 * m).high
    nothing = replace(path, post=np.zeros(5))
    assert (breakdown_relative(nothing).value, breakdown_smooth(nothing).value) == (0.0, 0.0)
    assert breakdown_relative(replace(path, post=path.post * 1000)).value == 10.0


def test_one_change_before_the_start_refuses_mbar_with_the_remedy():
    path = EventPath(pre=np.array([0.1]), post=np.array([-3.0, -3]), covariance=0.1 * np.eye(3))
    found = attempt(breakdown_relative, path)
    assert found.reason.startswith("1 change before the start")
    assert "earlier years" in found.remedy
    assert breakdown_smooth(path).value > 0


def test_everything_wrong_is_said_at_once():
    path = EventPath(
        pre=np.zeros(2), post=np.ones(2), covariance=np.diag([1.0, 1, 1, -1]), weights=np.ones(3)
    )
    with pytest.raises(MethodError) as caught:
        relative_magnitudes(path, mbar=-1.0)
    assert len(caught.value.problems) == 3
    with pytest.raises(MethodError, match="4 coefficients"):
        smoothness(replace(path, covariance=np.eye(3), weights=None), m=0.0)
    with pytest.raises(MethodError, match="no spread"):
        smoothness(replace(path, covariance=np.ones((4, 4)), weights=None), m=0.0)
    with pytest.raises(MethodError, match="missing"):
        smoothness(replace(path, pre=np.array([np.nan, 0])), m=0.0)
