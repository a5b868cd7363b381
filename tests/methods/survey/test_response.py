"""Response to a survey: answers counted against invitations, by hand."""

import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.estimate import Refusal, attempt
from rpeval.methods.survey.describe import lowest_response, response

ANSWERS = pd.DataFrame({"school_id": list("aaabcc"), "wave": [2018, 2018, 2022, 2018, 2018, 2022]})
INVITED = pd.DataFrame({
    "school_id": list("abcabc"), "wave": [2018] * 3 + [2022] * 3, "invited_n": [4.0, 10.0, 5.0, 2.0, 6.0, 4.0],
    "arm": ["adopting", "adopting", "comparison"] * 2,
})  # fmt: skip


def test_by_hand_a_school_that_did_not_answer_counts():
    told = response(ANSWERS, INVITED)
    assert told.to_numpy().tolist() == [
        [2018, "adopting", 3, 14, pytest.approx(100 * 3 / 14)], [2018, "comparison", 1, 5, 20.0],
        [2022, "adopting", 1, 8, 12.5], [2022, "comparison", 1, 4, 25.0],
    ]  # fmt: skip
    assert told.columns.tolist() == ["wave", "arm", "students_n", "invited_n", "rate"]
    assert lowest_response(told) == 12.5


def test_answers_without_known_invitations_are_in_neither_number():
    unknown = INVITED.assign(invited_n=INVITED["invited_n"].mask(INVITED["school_id"] == "b"))
    assert response(ANSWERS, unknown)["rate"].tolist() == [50.0, 20.0, 50.0, 25.0]
    pd.testing.assert_frame_equal(
        response(ANSWERS, unknown), response(ANSWERS, INVITED[INVITED["school_id"] != "b"])
    )


def test_without_arms_all_schools_are_one():
    told = response(ANSWERS, INVITED.drop(columns="arm"))
    assert told[["arm", "students_n", "invited_n"]].to_numpy().tolist() == [
        ["all schools", 4, 19], ["all schools", 2, 12]
    ]  # fmt: skip


def test_it_refuses_without_a_list_or_a_wave():
    refused = attempt(response, ANSWERS, None)
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith("No list says who was invited")
    assert refused.remedy == "Name one in sources.invited."
    assert attempt(lowest_response, refused) is refused
    with pytest.raises(MethodError, match="2022-23"):
        response(ANSWERS, INVITED[INVITED["wave"] == 2018])
