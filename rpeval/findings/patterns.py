"""Findings by the form of their ids."""

import re
from collections.abc import Iterable, Sequence


def match(ids: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Give the ids that match the patterns, in the order of the patterns and then of the ids, each once.

    A * stands for what may stand between two dots, or for a part of it.

    >>> match(["a.x.att", "a.att", "b.att"], ("*.att", "a.*.att"))
    ['a.att', 'b.att', 'a.x.att']
    """
    forms = [re.compile(re.escape(p).replace(r"\*", "[^.]+")) for p in patterns]
    return list(dict.fromkeys(id for form in forms for id in ids if form.fullmatch(id)))
