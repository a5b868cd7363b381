"""What a cell's result rests on, read from the code alone: names, the statements that made them, functions.

Nothing is executed. Names are followed backward through assignments, loops and conditions; what is changed
inside a function or by an alias is not seen, so the result is what *may* have entered, never less than the
statements show.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from rpeval.errors import Problem, RunError
from rpeval.runs.notebook import code_cells

WILD = "(.+)"
MOST = 400  # ids that one call may name
CHANGES = ("append", "extend", "update", "add", "insert", "setdefault")
RECORDS = {"add": ("what", "cell_n", "of_n", "decision"), "release": ("frame",)}

Use = tuple[str, str]  # a name, and the attribute of it that is used, or ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One simple statement, or the head of a loop or condition.

    cell, number : id and number of its code cell; node : what is executed
    makes        : names it assigns or changes; whole : whether it replaces them
    value        : the expressions it computes; within : positions of the loops and conditions around it
    """

    cell: str
    number: int
    node: ast.AST
    makes: tuple[str, ...]
    whole: bool
    value: tuple[ast.AST, ...]
    within: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A notebook's code in order: statements, what each imported name stands for."""

    statements: tuple[Statement, ...]
    imported: dict[str, str]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a finding is recorded.

    at : position of the statement; call : the call; wild : parts of the id that the code computes
    """

    at: int
    call: ast.Call
    wild: tuple[str, ...]


def read_code(notebook: dict[str, Any], where: str) -> Code:
    """Take a notebook's code cells apart; refuses (RunError) a cell that is not Python."""
    statements: list[Statement] = []
    for number, (_, cell) in enumerate(code_cells(notebook), start=1):
        try:
            body = ast.parse(cell["source"]).body
        except SyntaxError as error:
            what = f"Cell [{number}] is not plain Python ({error.msg})."
            raise RunError(Problem(where, what, "Mend the cell and run the study again.")) from None
        statements.extend(_flatten(body, cell.get("id", ""), number, (), len(statements)))
    nodes = (s.node for s in statements if isinstance(s.node, ast.ImportFrom | ast.Import))
    imported = {alias.asname or alias.name: f"{getattr(node, 'module', '') or ''}.{alias.name}".strip(".")
                for node in nodes for alias in node.names}  # fmt: skip
    return Code(tuple(statements), imported)


def _flatten(
    body: list[ast.stmt], cell: str, number: int, within: tuple[int, ...], start: int
) -> list[Statement]:
    found: list[Statement] = []
    for node in body:
        for makes, whole, value in _parts(node):
            found.append(Statement(cell, number, node, makes, whole, value, within))
        inner = [s for name in ("body", "orelse", "finalbody") for s in getattr(node, name, [])]
        if inner and isinstance(node, ast.stmt):
            around = (*within, start + len(found) - 1)
            found.extend(_flatten(inner, cell, number, around, start + len(found)))
    return found


def _parts(node: ast.stmt) -> Iterator[tuple[tuple[str, ...], bool, tuple[ast.AST, ...]]]:
    """Give what a statement makes and computes; `a, b = x, y` is two."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for left, right in pairs:
                yield _names(left), not isinstance(left, ast.Subscript | ast.Attribute), (right, *_keys(left))
    elif isinstance(node, ast.AugAssign):
        yield _names(node.target), False, (node.value, node.target)
    elif isinstance(node, ast.For):
        yield _names(node.target), True, (node.iter,)
    elif isinstance(node, ast.If | ast.While):
        yield (), False, (node.test,)
    elif isinstance(node, ast.With):
        yield (), False, tuple(item.context_expr for item in node.items)
    elif isinstance(node, ast.Expr):
        yield _changed(node.value), False, (node.value,)
    else:
        yield (), False, ()


def _changed(call: ast.AST) -> tuple[str, ...]:
    """Name what a call like `rows.append(row)` changes; a call with more arguments records something."""
    plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and not call.keywords
    if plain and len(call.args) == 1 and call.func.attr in CHANGES and isinstance(call.func.value, ast.Name):
        return (call.func.value.id,)
    return ()


def _names(target: ast.AST) -> tuple[str, ...]:
    if isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
        return _names(target.value)
    return tuple(n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def _keys(target: ast.AST) -> tuple[ast.AST, ...]:
    return (target.slice,) if isinstance(target, ast.Subscript) else ()


def find_site(code: Code, id: str) -> Site | None:
    """Find the call that records a finding or table: the one that spells the most of its id."""
    best, found = -1, None
    for at, statement in enumerate(code.statements):
        for call in _calls(statement):
            for pattern in dict.fromkeys(_texts(call.args[0], at, code)):
                match = re.fullmatch(pattern, id)
                spelled = len(id) - sum(len(text) for text in match.groups()) if match else -1
                if spelled > max(best, 0):
                    best, found = spelled, Site(at, call, match.groups())
    return found


def _calls(statement: Statement) -> Iterator[ast.Call]:
    nodes = (node for value in statement.value for node in ast.walk(value))
    for node in nodes:
        recording = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
        if recording and node.func.attr in RECORDS and isinstance(node.func.value, ast.Name):
            yield node


def _texts(node: ast.AST, at: int, code: Code) -> list[str]:
    """Give the texts that an expression can be, as patterns; what only the run knows is a wild part."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [re.escape(node.value)]
    if isinstance(node, ast.FormattedValue):
        return _texts(node.value, at, code)
    if isinstance(node, ast.IfExp):
        return _texts(node.body, at, code) + _texts(node.orelse, at, code)
    if isinstance(node, ast.JoinedStr):
        parts = [_texts(part, at, code) for part in node.values]
        total = 1
        for part in parts:
            total *= len(part)
        return ["".join(each) for each in product(*parts)] if total <= MOST else [WILD]
    if isinstance(node, ast.Name):
        made = _maker(node.id, at, code)
        return _made(node.id, made, code) if made is not None else [WILD]
    return [WILD]


def _maker(name: str, at: int, code: Code) -> int | None:
    made = ((n, code.statements[n]) for n in range(at - 1, -1, -1))
    return next((n for n, statement in made if name in statement.makes and statement.whole), None)


def _made(name: str, at: int, code: Code) -> list[str]:
    statement = code.statements[at]
    node, (value, *_) = statement.node, statement.value
    if isinstance(node, ast.Assign):
        return _texts(value, at, code) if statement.makes == (name,) else [WILD]
    if isinstance(node, ast.For):
        parts = [_part(node.target, item, name) for item in _items(node.iter, at, code)]
        return [text for part in parts for text in _texts(part, at, code)] or [WILD]
    return [WILD]


def _items(node: ast.AST, at: int, code: Code) -> list[ast.AST]:
    """Give what a loop goes over, where the code spells it out: a list, a dict, or a name for one."""
    pairs = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "items"
    of = node.func.value if pairs else node
    made = _maker(of.id, at, code) if isinstance(of, ast.Name) else None
    of = code.statements[made].value[0] if made is not None else of
    if isinstance(of, ast.Dict) and None not in of.keys:
        both = zip(of.keys, of.values, strict=True)
        return [ast.Tuple([k, v], ast.Load()) for k, v in both] if pairs else [k for k in of.keys if k]
    return list(of.elts) if isinstance(of, ast.List | ast.Tuple) else []


def _part(target: ast.AST, item: ast.AST, name: str) -> ast.AST:
    """Take the part of an item that a loop puts into a name."""
    if isinstance(target, ast.Tuple) and isinstance(item, ast.Tuple) and len(target.elts) == len(item.elts):
        for left, right in zip(target.elts, item.elts, strict=True):
            if name in _names(left):
                return _part(left, right, name)
    return item if isinstance(target, ast.Name) else ast.Pass()


def uses(nodes: Iterable[ast.AST], stop: frozenset[str] = frozenset()) -> set[Use]:
    """Collect the names that expressions use, with the attribute that is used of each.

    stop : names of functions whose arguments are not looked at
    """
    found: set[Use] = set()
    for node in nodes:
        own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {argument.arg for n in ast.walk(node) if isinstance(n, ast.Lambda) for argument in n.args.args}
        found |= {use for use in _uses(node, stop) if use[0] not in own}
    return found


def _uses(node: ast.AST, stop: frozenset[str]) -> Iterator[Use]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield node.value.id, node.attr
        return
    if isinstance(node, ast.Name):
        yield node.id, ""
        return
    if isinstance(node, ast.Attribute) and (name := _called(node.value)) in stop:
        yield name, node.attr
        return
    if (name := _called(node)) in stop:
        yield name, ""
        return
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, stop)


def _called(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def recorded(call: ast.Call) -> list[ast.AST]:
    """Give the expressions behind a recorded number or table, without its wording."""
    wanted = RECORDS[call.func.attr]  # type: ignore[attr-defined]
    return [*call.args[1:2], *(k.value for k in call.keywords if k.arg in wanted)]


def trace(code: Code, site: Site, stop: frozenset[str]) -> tuple[dict[int, None], set[Use]]:
    """Follow a recorded value back to the statements that made it.

    stop : functions behind which nothing is followed (readers of files)
    Returns the positions of the statements, in order, and everything they use.
    """
    start = code.statements[site.at]
    used = uses(recorded(site.call), stop)
    open_uses = [(name, site.at, start.within) for name, part in sorted(used) if part != "seed"]
    kept, done = {site.at}, set()
    for head in start.within:
        _enter(head, code, stop, kept, used, open_uses)
    while open_uses:
        name, before, within = open_uses.pop()
        if (name, before) in done:
            continue
        done.add((name, before))
        for at in range(before - 1, -1, -1):
            statement = code.statements[at]
            if name not in statement.makes:
                continue
            _enter(at, code, stop, kept, used, open_uses)
            if statement.whole and set(statement.within) <= set(within):
                break
    return dict.fromkeys(sorted(kept)), used


def _enter(
    at: int, code: Code, stop: frozenset[str], kept: set[int], used: set[Use], open_uses: list
) -> None:
    """Keep a statement and the loops and conditions around it, and follow what they use."""
    for each in (at, *code.statements[at].within):
        if each in kept:
            continue
        kept.add(each)
        statement = code.statements[each]
        new = uses(statement.value, stop)
        used |= new
        open_uses += [(name, each, statement.within) for name, part in sorted(new) if part != "seed"]
