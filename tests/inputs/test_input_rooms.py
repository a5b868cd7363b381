"""The rooms of the inputs stand on each other in one order."""

import ast
from pathlib import Path

import pytest

INPUTS = Path(__file__).resolve().parents[2] / "rpeval/inputs"
GROUND = {"words", "years", "accounting"}
ROOMS = {
    "schema": GROUND,
    "tables": GROUND | {"schema"},
    "schools": GROUND | {"schema", "tables"},
    "answers": GROUND | {"schema", "tables", "schools"},
    "program": GROUND | {"schema", "tables", "schools", "answers"},
    "simulation": GROUND,
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_stands_only_on_those_before_it(room):
    modules = list((INPUTS / room).glob("*.py"))
    assert len(modules) > 2
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rpeval.inputs."):
                assert node.module.split(".")[2] in ROOMS[room] | {room}, f"{path.name}: {node.module}"


def test_every_folder_is_a_room():
    assert {path.parent.name for path in INPUTS.glob("*/__init__.py")} == set(ROOMS)
