"""Fill a form with content; everything that does not fit is told at once, by file, key and fix."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from rpeval.errors import Problem
from rpeval.inputs.typed import EMPTY, Form
from rpeval.inputs.words import instead, list_words, nearest, quote

Filled = TypeVar("Filled", bound=Form)
Loc = tuple[Any, ...]
UNKNOWN = ("extra_forbidden", "invalid_key")
DOUBLE = '"'
KEY = "[key]"  # pydantic's mark behind a key that is itself wrong


def fill(form: type[Filled], content: Any, *, name: str) -> tuple[Filled | None, list[Problem]]:
    """Fill a form with the content of a file or a dict.

    form    : the schema, a subclass of `Form`
    content : text, lists and dicts from `read_yaml`, or what papermill passes
    name    : how messages name the file
    Returns the filled form and no problem, or None and every problem.

    >>> from rpeval.inputs.schema import Gap
    >>> fill(Gap, {"group": "Black", "referense": "White"}, name="x.yml")[1][0].fix
    'Write "reference" instead.'
    """
    try:
        return form.model_validate(content), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    return None, list(_explain_all(form, content, errors, name))


def place(name: str, loc: Iterable[Any]) -> str:
    """Name a place in a file; lists count from one.

    >>> place("params/x.yml", ("exclusions", 0, "reason"))
    'params/x.yml: exclusions[1].reason'
    """
    steps = ""
    for part in loc:
        if type(part) is int:
            steps += f"[{part + 1}]"
        else:
            key = str(part)
            steps += f".{key}" if re.fullmatch(r"[\w-]{1,60}", key) else f".{quote(key)}"
    return f"{name}: {steps.removeprefix('.')}" if steps else name


def _explain_all(form: type[Form], content: Any, errors: list[Any], name: str) -> Iterator[Problem]:
    meant = {_meant(form, content, e["loc"]) for e in errors if e["type"] in UNKNOWN}
    for error in errors:
        loc = tuple(error["loc"])
        if error["type"] == "missing" and loc in meant:
            continue  # the misspelled key is told already
        what, fix = _explain(form, content, error)
        yield Problem(place(name, _plain(loc, error["type"])), what, fix)


def _explain(form: type[Form], content: Any, error: Any) -> tuple[str, str]:
    kind, loc, value = error["type"], error["loc"], error["input"]
    if kind == "rpeval":
        return error["ctx"]["what"], error["ctx"]["fix"]
    if kind == "missing":
        return "This key is missing.", _add(form, loc)
    if kind in UNKNOWN:
        return _unknown(form, content, loc)
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return f"{_shape(value)} is not a choice here.", instead(str(value), choices)
    if kind == "tuple_type":
        shown = value if isinstance(value, str | int | float) else "a, b"
        return (
            f"{_shape(value)} stands where a list is expected.",
            f"Write it in brackets: [{quote(shown).strip(DOUBLE)}].",
        )
    if kind in ("model_type", "dict_type"):
        below = (
            list_words(_form_at(form, loc).model_fields) if kind == "model_type" else "each with its value"
        )
        return f"{_shape(value)} stands where keys are expected.", f"Write its keys below it: {below}."
    if kind in ("too_short", "string_too_short"):
        return EMPTY
    return f"{error['msg']}.", "Write it as the documentation of the params says."


def _unknown(form: type[Form], content: Any, loc: Loc) -> tuple[str, str]:
    known = list(_form_at(form, loc[:-1]).model_fields)
    meant = _meant(form, content, loc)
    if meant:
        return "There is no such key.", instead(str(loc[-1]), [meant[-1]])
    return "There is no such key.", f"Delete it, or use one of: {list_words(known)}."


def _meant(form: type[Form], content: Any, loc: Loc) -> Loc | None:
    """Find the key, not yet written, that an unknown key was probably meant to be."""
    written = content
    for part in loc[:-1]:
        written = written[part]
    free = [key for key in _form_at(form, loc[:-1]).model_fields if key not in written]
    found = nearest(str(loc[-1]), free)
    return (*loc[:-1], found) if found else None


def _add(form: type[Form], loc: Loc) -> str:
    field = _form_at(form, loc[:-1]).model_fields[loc[-1]]
    below = _form_in(field.annotation)
    if below:
        keys = [key for key, info in below.model_fields.items() if info.is_required()]
        return f"Add `{loc[-1]}:` with its keys below it: {list_words(keys)}."
    return f"Add a line like `{loc[-1]}: {_example(field)}`."


def _example(field: FieldInfo) -> str:
    return str(field.examples[0]) if field.examples else "…"


def _form_at(form: type[Form], loc: Loc) -> type[Form]:
    """Find the form that stands at a place, through lists and optional parts."""
    for part in loc:
        if part in form.model_fields:
            form = _form_in(form.model_fields[part].annotation) or form
    return form


def _form_in(annotation: Any) -> type[Form] | None:
    if isinstance(annotation, type) and issubclass(annotation, Form):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _form_in(arg))), None)


def _plain(loc: Loc, kind: str) -> Loc:
    """Drop pydantic's marks from a place, and write keys that are not text as text."""
    if kind == "invalid_key":
        loc = (*loc[:-1], str(loc[-1]))
    if loc and loc[-1] == KEY:
        loc = (*loc[:-2], str(loc[-2]))
    return tuple(p for p in loc if not (isinstance(p, str) and re.fullmatch("<.*>", p)))


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "A group of keys"
    return "A list" if isinstance(value, list | tuple) else quote(value)
