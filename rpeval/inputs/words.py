"""Words that messages about inputs share: values quoted safely, lists cut short, counts with their nouns."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST, FEW = 60, 5


def quote(value: Any) -> str:
    r"""Show a value in a message: on one line, at most sixty characters, without invisible ones.

    >>> print(quote("0612345"), quote("a\tb"), quote(None), quote(True), quote(201957))
    "0612345" "a\tb" nothing true 201957
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    if not short.isprintable():
        short = short.encode("unicode_escape").decode("ascii")
    return f'"{short}"' if isinstance(value, str) else short


def list_words(words: Iterable[Any]) -> str:
    """Join words with commas, in the order given.

    >>> list_words(["name", "leaid", "state"])
    'name, leaid, state'
    """
    return ", ".join(str(word) for word in words)


def some(words: Iterable[Any]) -> str:
    """Name the first five, and say how many more there are.

    >>> some("abc"), some(range(7))
    ('a, b, c', '0, 1, 2, 3, 4 and 2 more')
    """
    words = list(words)
    return list_words(words[:FEW]) + (f" and {len(words) - FEW:,} more" if len(words) > FEW else "")


def counted(n: int, noun: str, one: str = "", many: str = "") -> str:
    """Count things, with the verb that fits.

    >>> counted(1, "row", "has", "have"), counted(1204, "school", "stays", "stay"), counted(2, "cell")
    ('1 row has', '1,204 schools stay', '2 cells')
    """
    ending, verb = ("", one) if n == 1 else ("s", many)
    return f"{n:,} {noun}{ending}{verb and ' ' + verb}"


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Find the choice that a misspelled word was probably meant to be, or None.

    >>> nearest("leiad", ["name", "leaid", "state"]), nearest("colour", ["name", "leaid"])
    ('leaid', None)
    """
    spelled = {choice.casefold(): choice for choice in choices}
    found = get_close_matches(word.casefold()[:LONGEST], spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def instead(word: str, choices: Iterable[str]) -> str:
    """Say what to write in place of an unknown word: the nearest choice, or else all of them.

    >>> instead("leiad", ["name", "leaid", "state"]), instead("colour", ["name", "leaid"])
    ('Write "leaid" instead.', 'Use one of: name, leaid.')
    """
    choices = list(choices)
    meant = nearest(word, choices)
    return f"Write {quote(meant)} instead." if meant else f"Use one of: {list_words(choices)}."
