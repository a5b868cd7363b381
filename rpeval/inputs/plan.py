"""The analysis plan as it was locked, and what was changed since: nothing is judged here, only compared."""

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest, sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from rpeval.errors import ParamsError, Problem

SCHEMA = "rpeval/lock/1"
PLANNED = (
    "seed", "years", "outcome", "companions", "weights", "gaps", "exclusions", "margins", "harms", "claims",
    "hours_per_day", "definitions", "state_rules",
)  # fmt: skip
COLUMNS = ["what", "before", "after", "reason", "at"]
NOTHING = "not set"
NO_REASON = "No reason was recorded."
KEYED = "hmac-sha256"
LOST = "not known: the key of the lock is gone"


@dataclass(frozen=True, slots=True)
class Entry:
    """One state of a plan.

    at       : when it was recorded (UTC)
    reason   : why the plan was amended; empty for the first entry
    plan     : what was planned, as `plan_of` gives it
    files    : mark of each of the study's files at that time, by source (`mark_file`)
    previous : hash of the entry before, empty for the first
    hash     : SHA-256 of all of this
    """

    at: str
    reason: str
    plan: dict[str, Any]
    files: dict[str, str]
    previous: str

    @property
    def hash(self) -> str:
        """Hash the entry: a change anywhere in it, or in an entry before it, gives another."""
        return hash_plan([self.at, self.reason, self.plan, self.files, self.previous])

    def as_json(self) -> dict[str, Any]:
        """Give the entry as it stands in the lock file."""
        return {"at": self.at, "reason": self.reason, "plan_sha256": hash_plan(self.plan), "plan": self.plan,
                "files": self.files, "previous": self.previous, "sha256": self.hash}  # fmt: skip


def plan_of(params: Any) -> dict[str, Any]:
    """Take from a study's params what must be decided before any result is seen, as plain values.

    Outcome, companions, margins, harms, claims, gaps, exclusions, years, weights, seed, and what is counted.
    """
    resolved = params.resolved()
    return {key: resolved[key] for key in PLANNED if key in resolved}


def hash_plan(content: Any) -> str:
    """Hash plain content in its one canonical form: JSON, keys sorted, no blanks, UTF-8.

    >>> hash_plan({"b": 1, "a": 2}) == hash_plan({"a": 2, "b": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return sha256(text.encode()).hexdigest()


def lock_path(params: Any) -> Path:
    """Say where a study's lock lies: beside the params files, by the study's name alone.

    A notebook that got the params as content, and not as a file, finds it all the same.
    """
    return params.root / "params" / f"{params.study}.lock.json"


def key_path(params: Any) -> Path:
    """Say where the key to a lock's marks of files lies: beside the lock, but for the district alone."""
    return lock_path(params).with_suffix(".key")


def lock_files(params: Any) -> dict[str, Path]:
    """Give the files of a study's lock by the name they have among the inputs; none where none was locked."""
    files = {"lock": lock_path(params), "lock.key": key_path(params)}
    return {name: path for name, path in files.items() if path.is_file() and files["lock"].is_file()}


def read_lock(params: Any) -> tuple[Entry, ...]:
    """Read the entries of a study's lock, the first plan first; none where no plan was locked.

    Refuses (ParamsError) a file that is not readable as a lock, is another study's, or was changed by hand:
    each entry holds the hash of the one before, so that none can be edited or taken out unseen.
    """
    path = lock_path(params)
    if not path.is_file():
        return ()
    where = f"params/{path.name}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        told = [content["schema"], content["study"]]
        rows = content["entries"]
        entries = [
            Entry(row["at"], row["reason"], row["plan"], row["files"], row["previous"]) for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"The lock cannot be read ({type(error).__name__})."
        raise ParamsError(Problem(where, what, "Restore it from the repository's history.")) from None
    if told != [SCHEMA, params.study] or not entries:
        what = "This is no lock of this study."
        raise ParamsError(Problem(where, what, "Restore it from the repository's history."))
    check_chain(where, entries, [row.get("sha256") for row in rows], name="lock")
    return tuple(entries)


def check_chain(where: str, entries: Iterable[Any], written: Iterable[Any], *, name: str) -> None:
    """Refuse (ParamsError) a chain of entries of which one was edited, taken out or put between.

    where   : the file, for the message; name : what it is called there
    entries : in order, each with `previous` and `hash`; written : the hash that stands beside each
    That the last entries were dropped cannot be seen from the chain itself.
    """
    previous = ""
    for number, (entry, told) in enumerate(zip(entries, written, strict=True), start=1):
        if entry.previous != previous or entry.hash != told:
            what = f"Entry {number} of the {name} is not as it was recorded."
            raise ParamsError(Problem(where, what, "Restore it from the repository's history."))
        previous = entry.hash


def deviations(entries: tuple[Entry, ...], plan: dict[str, Any]) -> pd.DataFrame:
    """List every change of a plan since it was locked, in order of time.

    entries : `read_lock`; plan : what is analyzed now (`plan_of`)
    Returns what (dotted: margins.oss_per_100), before, after, reason and at (UTC) of each amendment; then
    what differs between the last entry and the plan now, for which no reason was recorded and no time is
    known. No rows where nothing was locked or nothing changed; a change that was taken back stays listed.

    >>> locked = Entry("2027-05-03T10:00:00+00:00", "", {"margins": {"oss_per_100": 1.0}}, {}, "")
    >>> deviations((locked,), {"margins": {"oss_per_100": 0.5}}).iloc[0].tolist()
    ['margins.oss_per_100', '1', '0.5', 'No reason was recorded.', 'after the last entry']
    """
    steps = [(old.plan, new.plan, new.reason, new.at) for old, new in pairwise(entries)]
    if entries:
        steps.append((entries[-1].plan, plan, NO_REASON, "after the last entry"))
    rows = [
        (what, before, after, reason, at)
        for old, new, reason, at in steps
        for what, before, after in _differences(old, new)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def locked_value(entries: tuple[Entry, ...], what: str) -> Any:
    """Give what the first plan said, by its dotted name; None where it said nothing or none was locked.

    >>> locked = Entry("2027-05-03T10:00:00+00:00", "", {"margins": {"oss_per_100": 1.0}}, {}, "")
    >>> locked_value((locked,), "margins.oss_per_100"), locked_value((), "outcome")
    (1.0, None)
    """
    return _flat(entries[0].plan).get(what) if entries else None


def already_there(entries: tuple[Entry, ...], files: dict[str, set[str]]) -> list[str]:
    """Name the sources whose file was the same, byte by byte, when the plan was locked.

    Where the panel is among them, the lock came after the outcomes: it shows what was planned by then, not
    that it was planned blind. Where a mark was made with a key that is not there, the source is named with a
    note that nobody can say.

    entries : `read_lock`; files : marks by source, now (`hash_files`)

    >>> marks = {"panel": "hmac-sha256:1a2b:99", "survey": "3c"}
    >>> locked = Entry("2027-05-03T10:00:00+00:00", "", {}, marks, "")
    >>> already_there((locked,), {"panel": {"77"}, "survey": {"3c"}})
    ['panel (not known: the key of the lock is gone)', 'survey']
    """
    told = []
    for source, marks in files.items():
        was = entries[0].files.get(source, "") if entries else ""
        if was in marks:
            told.append(source)
        elif _made_with(was) not in map(_made_with, marks):
            told.append(f"{source} ({LOST})")
    return told


def _made_with(mark: str) -> str:
    return mark.rpartition(":")[0]


def hash_files(params: Any) -> dict[str, set[str]]:
    """Mark every file a study reads in each way that its lock may have done, by the name of its source.

    The plain way is that of simulated studies, and of locks made before there were keys; the keyed one needs
    the lock's key. A file that is not there is left out.
    """
    ways = {None, read_key_file(key_path(params))}
    paths = {source: path for source, path in params.source_paths().items() if path.is_file()}
    return {source: {mark_file(path, key=key) for key in ways} for source, path in paths.items()}


def mark_file(path: Path, *, key: bytes | None = None) -> str:
    """Write a file's fingerprint as a lock holds it: a keyed one says so, and with which key it was made.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "empty"
    >>> place.touch()
    >>> mark_file(place)[:9], mark_file(place, key=b"secret")[:29]
    ('e3b0c4429', 'hmac-sha256:2bb80d53:f9e66e17')
    """
    if key is None:
        return fingerprint(path)
    return f"{KEYED}:{sha256(key).hexdigest()[:8]}:{fingerprint(path, key)}"


def fingerprint(path: Path, key: bytes | None = None) -> str:
    """Hash a file with SHA-256, or with HMAC-SHA-256 where there is a key."""
    with path.open("rb") as file:
        return file_digest(
            file, sha256 if key is None else partial(hmac.new, key, digestmod=sha256)
        ).hexdigest()


def read_key_file(path: Path) -> bytes | None:
    """Read a key to keyed hashes; None where it is not there, as in a pack for the public."""
    try:
        return path.read_text(encoding="ascii").strip().encode() or None
    except (OSError, ValueError):
        return None


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str]]:
    before, after = _flat(old), _flat(new)
    return [
        (what, show_value(before.get(what)), show_value(after.get(what)))
        for what in sorted({*before, *after})
        if before.get(what) != after.get(what)
    ]


def _flat(plan: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Give the values of a plan by dotted name; lists stay whole, and an empty group is nothing."""
    flat: dict[str, Any] = {}
    for key, value in plan.items():
        name = f"{above}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {} if value == [] else {name: value}
    return flat


def show_value(value: Any) -> str:
    """Write a value for a reader.

    >>> show_value([{"group": "Black", "reference": "White"}]), show_value(["a", "b"])
    ('group Black, reference White', 'a; b')
    >>> show_value(None), show_value(1.0)
    ('not set', '1')
    """
    if value is None:
        return NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key} {show_value(of)}" for key, of in value.items() if of != [])
    if isinstance(value, list):
        return "; ".join(show_value(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
