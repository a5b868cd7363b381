"""The order of adoption: what an auditor draws again without our program, and that nobody is favored."""

import shutil
import subprocess
from collections import Counter
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.planning.adoption_order import adoption_order, list_mark, size_classes, ticket

SCHOOLS = [f"{n:04}" for n in range(101, 121)]
WORDS = "State lottery of 3 May 2027: 4 8 15 16 23 42"


def test_one_line_of_an_auditor_gives_the_same_order():
    again = sorted(SCHOOLS, key=lambda s: sha256(f"{WORDS}/{s}".encode()).hexdigest())
    assert adoption_order(SCHOOLS, words=WORDS)["school_id"].tolist() == again


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="this system has no sha256sum")
def test_a_shell_draws_the_same_lot():
    done = subprocess.run(["sha256sum"], input=f"{WORDS}/0101".encode(), capture_output=True, check=True)
    assert done.stdout.decode().split()[0] == ticket(WORDS, "0101")


def test_the_order_of_the_list_does_not_matter_and_the_words_do():
    one = adoption_order(SCHOOLS, words=WORDS, waves=[4, 3])
    pd.testing.assert_frame_equal(one, adoption_order(SCHOOLS[::-1], words=WORDS, waves=[4, 3]))
    assert one["wave"].value_counts(dropna=False).to_dict() == {1: 4, 2: 3, pd.NA: 13}
    other = adoption_order(SCHOOLS, words=WORDS + ".")
    assert one["school_id"].tolist() != other["school_id"].tolist()
    assert list_mark(SCHOOLS) == list_mark(SCHOOLS[::-1]) != list_mark(SCHOOLS[1:])


def test_a_school_that_closes_leaves_the_others_where_they_were():
    whole = adoption_order(SCHOOLS, words=WORDS)["school_id"].tolist()
    less = adoption_order([s for s in SCHOOLS if s != whole[6]], words=WORDS)["school_id"].tolist()
    assert less == whole[:6] + whole[7:]


@pytest.mark.parametrize(
    "classes", [None, {s: "abbcc"[int(s) % 5] for s in SCHOOLS}], ids=["plain", "strata"]
)
def test_every_school_has_the_same_chance_to_start(classes):
    """Seven of twenty start, whatever the stratum: 35 % for each school, judged by its own Monte Carlo error."""
    times, chosen = 400, Counter()
    for n in range(times):
        order = adoption_order(SCHOOLS, words=f"lot {n}", waves=[7], strata=classes)
        chosen.update(order.loc[order["wave"].notna(), "school_id"])
    share = np.array([chosen[s] / times for s in SCHOOLS])
    error = np.sqrt(0.35 * 0.65 / times)
    assert share.mean() == pytest.approx(0.35)
    assert np.abs(share - 0.35).max() < 4 * error
    assert np.abs(share - 0.35).max() > 0


def test_strata_are_dealt_in_proportion():
    classes = {s: "large" if int(s) <= 108 else "small" for s in SCHOOLS}  # 8 and 12
    for n in range(50):
        order = adoption_order(SCHOOLS, words=f"lot {n}", waves=[5, 5], strata=classes)
        counted = order.groupby("wave")["stratum"].value_counts()
        assert counted[1, "large"] == 2
        assert counted[1, "small"] == 3
        assert counted[2, "large"] == 2


def test_size_classes_are_thirds():
    panel = pd.DataFrame({"school_id": SCHOOLS * 2, "enrolled_n": [*range(20), *range(20)]})
    classes = size_classes(panel.sample(frac=1, random_state=1))
    assert Counter(classes.values()) == {"1 small": 7, "2 middle": 7, "3 large": 6}
    assert (classes["0101"], classes["0120"]) == ("1 small", "3 large")


@pytest.mark.parametrize(("schools", "more", "told"), [
    (SCHOOLS, {"words": " "}, "no words"), ([*SCHOOLS, "0101"], {}, "Listed twice: 0101"),
    ([101, 102], {}, "not written as text"), (SCHOOLS, {"waves": [15, 6]}, "cannot be dealt"),
    (SCHOOLS, {"waves": [0]}, "cannot be dealt"), (SCHOOLS, {"strata": {"0101": "x"}}, "19 schools without"),
])  # fmt: skip
def test_lots_that_could_not_be_checked_are_refused(schools, more, told):
    with pytest.raises(MethodError, match=told):
        adoption_order(schools, **({"words": WORDS} | more))
