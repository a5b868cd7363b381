"""Fill a form with content; everything that does not fit is told at once, by file, key and fix."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.schema.project import reference_names
from rpeval.inputs.schema.values import EMPTY, Form
from rpeval.inputs.schema.yaml_text import read_yaml
from rpeval.inputs.words import instead, list_words, nearest, quote

Filled = TypeVar("Filled", bound=Form)
Loc = tuple[Any, ...]
UNKNOWN = ("extra_forbidden", "invalid_key")
KEY = "[key]"  # pydantic's mark behind a key that is itself wrong


def fill(
    form: type[Filled], content: Any, *, name: str, context: Any = None
) -> tuple[Filled | None, list[Problem]]:
    """Fill a form with the content of a file or a dict.

    form    : the schema, a subclass of `Form`
    content : text, lists and dicts from `read_yaml`, or what papermill passes
    name    : how messages name the file
    context : what the form's own checks may look at (a `Project`)
    Returns the filled form and no problem, or None and every problem.

    >>> from rpeval.inputs.schema.study import Gap
    >>> fill(Gap, {"group": "Black", "referense": "White"}, name="x.yml")[1][0].fix
    'Write "reference" instead.'
    """
    try:
        return form.model_validate(content, context=context), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    return None, list(_explain_all(form, content, errors, name))


def read_named(form: type[Filled], name: str, *, folder: str, root: Path) -> Filled:
    """Fill a form with a file of the reference data, by its name; refuses (ParamsError) what does not fit."""
    known, path = reference_names(root, folder), f"{folder}/{name}.yml"
    if name not in known:
        raise ParamsError(Problem(folder, f"There is no file {quote(name)} here.", instead(name, known)))
    filled, problems = fill(form, read_yaml(root / path, name=path), name=path)
    if filled is None:
        raise ParamsError(problems)
    return filled


def read_entries(form: type[Filled], path: Path, *, name: str) -> dict[str, Filled]:
    """Read a file whose every key is an entry of one form; refuses (ParamsError) all that does not fit."""
    filled = {id: fill(form, told, name=f"{name}: {id}") for id, told in read_yaml(path, name=name).items()}
    problems = [problem for _, wrong in filled.values() for problem in wrong]
    if problems:
        raise ParamsError(problems)
    return {id: entry for id, (entry, _) in filled.items() if entry is not None}


def place(name: str, loc: Iterable[Any]) -> str:
    """Name a place in a file; lists count from one.

    >>> place("params/x.yml", ("exclusions", 0, "reason"))
    'params/x.yml: exclusions[1].reason'
    """
    steps = ""
    for part in loc:
        key = str(part)
        plain = key if re.fullmatch(r"[\w-]{1,60}", key) else quote(key)
        steps += f"[{part + 1}]" if type(part) is int else f".{plain}"
    return f"{name}: {steps.removeprefix('.')}" if steps else name


def _explain_all(form: type[Form], content: Any, errors: list[Any], name: str) -> Iterator[Problem]:
    meant = {_meant(form, content, e["loc"]) for e in errors if e["type"] in UNKNOWN}
    for error in errors:
        if error["type"] == "missing" and tuple(error["loc"]) in meant:
            continue  # the misspelled key is told already
        what, fix = _explain(form, content, error)
        yield Problem(place(name, _plain(error)), what, fix)


def _explain(form: type[Form], content: Any, error: Any) -> tuple[str, str]:
    kind, loc, value = error["type"], error["loc"], error["input"]
    if kind == "rpeval":
        return error["ctx"]["what"], error["ctx"]["fix"]
    if kind == "missing":
        return "This key is missing.", _add(form, loc)
    if kind in UNKNOWN:
        meant, known = _meant(form, content, loc), list_words(_form_at(form, loc[:-1]).model_fields)
        fix = instead(str(loc[-1]), [meant[-1]]) if meant else f"Delete it, or use one of: {known}."
        return "There is no such key.", fix
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return f"{_shape(value)} is not a choice here.", instead(str(value), choices)
    if kind == "tuple_type":
        shown = quote(value if isinstance(value, str | int | float) else "a, b").strip('"')
        return f"{_shape(value)} stands where a list is expected.", f"Write it in brackets: [{shown}]."
    if kind in ("model_type", "dict_type"):
        form = _form_at(form, loc)
        below = list_words(form.model_fields) if kind == "model_type" else "each with its value"
        return f"{_shape(value)} stands where keys are expected.", f"Write its keys below it: {below}."
    if kind in ("too_short", "string_too_short"):
        return EMPTY
    return f"{error['msg']}.", "Write it as the documentation of the params says."


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
    return f"Add a line like `{loc[-1]}: {field.examples[0] if field.examples else '…'}`."


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


def _plain(error: Any) -> Loc:
    """Give the place of an error without pydantic's marks; keys that are not text are written as text."""
    loc, at = tuple(error["loc"]), error.get("ctx", {}).get("at")
    if error["type"] == "invalid_key":
        loc = (*loc[:-1], str(loc[-1]))
    if loc and loc[-1] == KEY:
        loc = (*loc[:-2], str(loc[-2]))
    marks = re.compile("<.*>")
    return tuple(p for p in (*loc, *([at] if at else [])) if not (isinstance(p, str) and marks.fullmatch(p)))


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "A group of keys"
    return "A list" if isinstance(value, list | tuple) else quote(value)
