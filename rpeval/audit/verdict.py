"""What an audit may conclude, and why: two closed lists."""

from enum import StrEnum


class Verdict(StrEnum):
    """The five ends of an audit."""

    REPRODUCED = "reproduced"
    MOVED = "numbers differ, conclusions hold"
    CHANGED = "a conclusion changed"
    NOT_RUN = "could not be re-run"
    ALTERED = "altered after the run"


EXIT_CODES = {
    Verdict.REPRODUCED: 0, Verdict.MOVED: 10, Verdict.CHANGED: 11, Verdict.NOT_RUN: 12, Verdict.ALTERED: 13,
}  # fmt: skip


class Reason(StrEnum):
    """Why an audit ended as it did."""

    UNCHANGED = "Nothing changed since the run."
    HARMLESS = "What changed since the run moves no finding."
    RESTORED = "It was made again from what the run recorded; the project has changed since."
    EXPLAINED = "One change explains the difference: without it the findings are as recorded."
    ALONE = "Only one thing changed since the run, so it explains the difference; it could not be put back."
    TOGETHER = "No single change explains the difference; without all of them the findings are as recorded."
    UNDECIDED = "Several things changed that cannot be put back one by one, so no one of them can be named."
    RANDOM = "Nothing changed, and two runs differ from each other: the notebooks are not deterministic."
    UNRECORDED = "Nothing recorded changed, and two runs agree with each other but not with the report."
    MISSING = "A file that the run read is not there."
    REFUSED = "The check before the run refuses the params or the data."
    STOPPED = "A notebook stopped."
    BROKEN = "The program failed."
    FILES = "Files of the report are not as the run left them."
    RECORD = "The manifest contradicts itself or the findings."
