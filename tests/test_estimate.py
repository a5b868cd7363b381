"""Refusals: they replace an estimate, pass through what rests on it, and never swallow a fault."""

import pytest

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Refusal, attempt, rows_of

NONE = Refusal("No adoption list.", "Name one.")


def refuse(*_):
    raise MethodError([Problem("panel", "No adoption list.", "Name one."), Problem("panel", "Few.", "Add.")])


def test_a_refusal_carries_every_reason_and_remedy():
    assert attempt(refuse) == Refusal("No adoption list. Few.", "Name one. Add.")


def test_what_rests_on_a_refusal_is_refused():
    assert attempt(abs, NONE) is NONE
    assert attempt(dict, x=NONE) is NONE
    assert rows_of(attempt(refuse)) == ()


def test_a_fault_is_not_a_refusal():
    with pytest.raises(ZeroDivisionError):
        attempt(lambda: 1 / 0)
