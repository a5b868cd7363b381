"""The wild cluster bootstrap against explicit refits, CR2 against R clubSandwich, and their size."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.did import bootstrap
from rpeval.methods.did.bootstrap import draw_signs, twfe_bootstrap, twfe_cr2
from rpeval.methods.did.design import Design, lay_out
from rpeval.methods.did.twfe import twfe


def laid(frame: pd.DataFrame, weights: str | None = None) -> Design:
    return lay_out(frame, outcome="oss", weights=weights)


def draw(schools=13, adopters=5, years=6, *, effect=-1.0, noise=1.0, seed=0, holes=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = np.full(schools, np.nan)
    starts[:adopters] = 2017 + np.arange(adopters) % 2
    frame = pd.DataFrame({"school_id": np.repeat([f"{i:03d}" for i in range(schools)], years)})
    frame["year"], frame["start_year"] = (
        np.tile(np.arange(2014, 2014 + years), schools),
        np.repeat(starts, years),
    )
    frame["enrolled_n"] = rng.integers(100, 900, len(frame)).astype(float)
    frame["oss"] = rng.normal(0, noise, len(frame)) + np.repeat(rng.normal(8, 2, schools), years)
    frame["oss"] += effect * (frame.year >= frame.start_year)
    return frame.drop(index=rng.choice(len(frame), holes, replace=False))


def slow_p(frame: pd.DataFrame, effect: float, signs: np.ndarray, weights=None) -> float:
    """Restricted wild cluster bootstrap as its definition says: every sample refitted with all dummies."""
    root = np.sqrt(frame[weights].to_numpy() if weights else np.ones(len(frame)))
    D = (frame.year >= frame.start_year).to_numpy(dtype=float)
    dummies = pd.get_dummies(frame[["school_id", "year"]].astype(str)).to_numpy(dtype=float)
    school = pd.factorize(frame.school_id, sort=True)[0]
    X = np.column_stack([dummies, D]) * root[:, None]
    solve = np.linalg.pinv(X)

    def squared_t(y: np.ndarray, null: float) -> float:
        beta = solve @ (y * root)
        score = np.linalg.pinv(X.T @ X)[-1] @ (X * (y * root - X @ beta)[:, None]).T
        return (beta[-1] - null) ** 2 / (np.bincount(school, score) ** 2).sum()

    y = frame.oss.to_numpy()
    gamma = np.linalg.pinv(dummies * root[:, None]) @ ((y - effect * D) * root)
    fitted = dummies @ gamma + effect * D
    actual = squared_t(y, effect)
    others = [squared_t(fitted + s[school] * (y - fitted), effect) for s in signs]
    return float(np.mean(np.array(others) >= actual * (1 - 1e-9)))


def fast_p(frame: pd.DataFrame, effect: float, signs: np.ndarray, weights=None) -> float:
    """The product's p-value on samples that a test chooses."""
    design = laid(frame, weights)
    actual = twfe(design)
    reference = bootstrap.under_signs(design, signs, True)
    return float(bootstrap.p_value(reference, actual, np.array([effect]))[0])


@pytest.fixture(scope="module")
def castle() -> pd.DataFrame:
    data = pytest.importorskip("causaldata").castle.load_pandas().data
    data = data[["sid", "year", "post", "l_homicide"]].rename(columns={"sid": "school_id"})
    data["l_homicide"] = data["l_homicide"].astype(str).astype(float)
    first = data[data.post == 1].groupby("school_id").year.min()
    return data.assign(year=data.year.astype(int), start_year=data.school_id.map(first))


@pytest.mark.parametrize(("weights", "holes"), [(None, 0), ("enrolled_n", 4)])
@pytest.mark.parametrize("effect", [0.0, -1.7])
def test_p_equals_explicit_refits_of_every_sample(weights, holes, effect):
    frame = draw(schools=9, adopters=4, effect=-0.6, seed=3, holes=holes)
    signs, _ = draw_signs(9, draws=150, seed=0)
    expected = slow_p(frame, effect, signs, weights)
    assert 0.01 < expected < 1
    assert fast_p(frame, effect, signs, weights) == pytest.approx(expected, abs=1e-12)


def test_half_of_the_samples_stand_for_all():
    signs, complete = draw_signs(5, draws=99, seed=0)
    every = np.array(list(itertools.product(sorted({*signs[:, 1]}), repeat=5)))
    assert complete
    assert len(signs) * 2 == len(every) == 6**5
    frame = draw(schools=5, adopters=2, effect=-1.0, seed=3)
    assert fast_p(frame, 0.0, signs) == pytest.approx(fast_p(frame, 0.0, every), abs=1e-12)


def test_interval_holds_exactly_the_effects_the_slow_test_does_not_reject():
    frame = draw(schools=12, adopters=6, seed=5)
    estimate = twfe_bootstrap(laid(frame), seed=0)
    signs, complete = draw_signs(12, draws=99, seed=0)
    assert complete
    assert len(signs) == 2048
    assert estimate.kind == "exact"
    treated = frame.year >= frame.start_year

    def p_against(effect: float) -> float:
        return twfe_bootstrap(laid(frame.assign(oss=frame.oss - effect * treated)), seed=0).p

    for end, inward in [(estimate.low, 1), (estimate.high, -1)]:
        assert p_against(end + inward * 1e-6) > 0.05
        assert p_against(end - inward * 1e-6) <= 0.05


def test_webb_below_twelve_schools_and_signs_from_twelve():
    few, complete = draw_signs(8, draws=500, seed=1)
    assert not complete
    assert np.allclose(sorted({*np.round(few.ravel() ** 2, 9)}), [0.5, 1, 1.5])
    many, complete = draw_signs(30, draws=500, seed=1)
    assert not complete
    assert {*many.ravel()} == {-1.0, 1.0}


def test_an_interval_without_an_end_is_refused():
    with pytest.raises(MethodError, match="9 samples of the bootstrap reject no effect"):
        twfe_bootstrap(laid(draw(schools=20, adopters=6)), seed=0, draws=9)


def test_two_adopters_widen_the_interval():
    """Where clustered errors are far too small, the bootstrap must be the more cautious of the two."""
    frame = draw(schools=20, adopters=2, seed=1)
    boot, plain = (
        twfe_bootstrap(laid(frame), seed=0, draws=499),
        twfe(laid(frame)),
    )
    assert boot.high - boot.low > 1.5 * (plain.high - plain.low)


def test_same_seed_same_numbers_and_order_of_rows_does_not_matter():
    frame = draw(schools=20, adopters=8)
    one = twfe_bootstrap(laid(frame), seed=4, draws=199)
    assert one == twfe_bootstrap(laid(frame.sample(frac=1, random_state=1)), seed=4, draws=199)
    assert one.mcse == pytest.approx(math.sqrt(one.p * (1 - one.p) / 200))


def test_size_is_near_nominal_where_clustered_errors_reject_too_often():
    """14 schools, 5 adopting, errors that drift: 150 samples."""
    rng, boot, plain, draws = np.random.default_rng(8), 0, 0, 150
    frame = draw(schools=14, adopters=5, effect=0.0)
    for _ in range(draws):
        frame["oss"] = rng.normal(0, 1, (14, 6)).cumsum(axis=1).ravel()
        boot += twfe_bootstrap(laid(frame), seed=0, draws=199).p <= 0.05
        plain += twfe(laid(frame)).p <= 0.05
    assert boot / draws <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)
    assert boot <= plain


def test_equals_r_clubsandwich_on_castle(castle):
    estimate = twfe_cr2(lay_out(castle, outcome="l_homicide"))
    assert estimate.value == pytest.approx(0.0693984338854515, abs=1e-10)
    assert estimate.se == pytest.approx(0.0560899662194493, abs=1e-10)
    assert estimate.df == pytest.approx(36.8311237735685, abs=1e-6)
    assert estimate.p == pytest.approx(0.223817398473869, abs=1e-8)


def test_sixty_schools_take_less_than_two_seconds():
    frame = draw(schools=60, adopters=20, years=8)
    twfe_bootstrap(laid(frame), seed=1, draws=99)
    started = time.perf_counter()
    twfe_bootstrap(laid(frame), seed=1, draws=999)
    assert time.perf_counter() - started < 2.0


def test_many_schools_are_drawn_and_not_counted():
    signs, complete = draw_signs(5_000, draws=3, seed=1)
    assert signs.shape == (3, 5_000)
    assert not complete
