"""The rooms of the methods do not know each other; what they share lies beside them."""

import ast
from pathlib import Path

import pytest

METHODS = Path(__file__).resolve().parents[2] / "rpeval/methods"
SHARED = {path.stem for path in METHODS.glob("*.py")} - {"__init__"}
# Planning asks how the default estimate will do, so it must run that estimate and no copy of it.
STANDS_ON = {"planning": {"did"}}
ROOMS = sorted(path.parent.name for path in METHODS.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_stands_on_itself_and_on_what_is_shared(room):
    modules = list((METHODS / room).glob("*.py"))
    assert len(modules) > 2
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rpeval.methods."):
                allowed = SHARED | {room} | STANDS_ON.get(room, set())
                assert node.module.split(".")[2] in allowed, f"{path.name}: {node.module}"


def test_what_is_shared_stands_on_no_room():
    for name in SHARED:
        tree = ast.parse((METHODS / f"{name}.py").read_text(encoding="utf-8"))
        modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [m for m in modules if any(m.startswith(f"rpeval.methods.{room}") for room in ROOMS)]
