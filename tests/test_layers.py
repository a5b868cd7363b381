"""The house rules that a machine can hold: who may import whom, sizes, names."""

import ast
import statistics
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "rpeval"
GROUND = {"errors", "estimate"}

# Each room, and what it may import beside itself. A dotted name opens that one module of a room.
LAYERS = {
    "__init__": set(),
    "errors": set(),
    "estimate": {"errors"},
    "inputs": GROUND,
    "methods": GROUND,
    "findings": GROUND,
    "reports": GROUND | {"findings"},
    "kernels": set(),
    "runs": GROUND
    | {"kernels", "findings", "reports"}
    | {"inputs.params", "inputs.check", "inputs.kept", "inputs.plan", "inputs.synthesis"},
    # An audit reads what a study reads, to trace a number to its columns and to compute it a second time.
    "audit": GROUND | {"inputs", "findings", "reports", "runs"},
    "cli": GROUND | {"inputs.params", "inputs.check", "reports", "runs", "audit"},
}

# Reading and checking data must stay quick, so inputs may not load these.
HEAVY = {
    "statsmodels",
    "seaborn",
    "matplotlib",
    "scipy",
    "IPython",
    "jupyter_client",
    "nbformat",
    "papermill",
}

BANNED_NAMES = {"utils", "helpers", "manager", "util", "helper", "misc", "common"}
BANNED_STARTS = ("get_", "process_", "handle_", "do_")
LONGEST_MODULE, LONGEST_FUNCTION, TYPICAL_FUNCTION = 350, 40, 10

MODULES = sorted(PACKAGE.rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[str]:
    """Give every imported module, dotted; `from rpeval import errors` counts as rpeval.errors."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.append("rpeval.relative")
        elif isinstance(node, ast.ImportFrom) and node.module == "rpeval":
            found += [f"rpeval.{alias.name}" for alias in node.names if alias.name != "__version__"]
        elif isinstance(node, ast.ImportFrom):
            found.append(str(node.module))
    return found


def strangers(room: str, names: list[str]) -> list[str]:
    """Give the imports from our package that a room may not make."""
    ours = [name.removeprefix("rpeval.") for name in names if name.startswith("rpeval.")]
    allowed = LAYERS[room] | {room}
    return [n for n in ours if not any(n == a or n.startswith(f"{a}.") for a in allowed)]


def functions(tree: ast.AST) -> list[tuple[str, int]]:
    """Give each function's name and its lines without the docstring."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or 0) - first.lineno + 1
            found.append((node.name, lines))
    return found


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def test_the_table_names_every_room():
    assert {room_of(path) for path in MODULES} <= set(LAYERS)


def test_each_room_imports_only_what_the_table_allows(trees):
    wrong = {named(p): bad for p, tree in trees.items() if (bad := strangers(room_of(p), imports(tree)))}
    assert not wrong


@pytest.mark.parametrize(("room", "code", "bad"), [
    ("methods", "from rpeval.inputs.panel import read_panel", ["inputs.panel"]),
    ("inputs", "def f():\n    from rpeval import findings", ["findings"]),
    ("findings", "import rpeval.reports.pages.html", ["reports.pages.html"]),
    ("reports", "from . import figures", ["relative"]),
    ("runs", "from rpeval.inputs.panel import read_panel", ["inputs.panel"]),
    ("runs", "from rpeval.inputs.params import read_params", []),
    ("cli", "from rpeval.methods import did", ["methods"]),
    ("reports", "from rpeval.findings import collect", []),
])  # fmt: skip
def test_the_rule_sees_what_it_should(room, code, bad):
    assert strangers(room, imports(ast.parse(code))) == bad


def test_inputs_stay_light(trees):
    wrong = {
        named(path): heavy
        for path, tree in trees.items()
        if room_of(path) == "inputs" and (heavy := {n.split(".")[0] for n in imports(tree)} & HEAVY)
    }
    assert not wrong


def test_modules_are_short():
    wrong = {
        named(path): lines
        for path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_MODULE
    }
    assert not wrong


def test_functions_are_short(trees):
    measured = {(named(p), name): lines for p, tree in trees.items() for name, lines in functions(tree)}
    assert not {key: lines for key, lines in measured.items() if lines > LONGEST_FUNCTION}
    assert statistics.median(measured.values()) <= TYPICAL_FUNCTION


def test_names_say_something(trees):
    wrong = []
    for path, tree in trees.items():
        defined = [n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        for name in [path.stem, *defined]:
            plain = name.strip("_").lower()
            if plain in BANNED_NAMES or plain.startswith(BANNED_STARTS) or plain.endswith("manager"):
                wrong.append(f"{named(path)}: {name}")
    assert not wrong


def test_nothing_is_validated_by_assert(trees):
    wrong = [named(p) for p, tree in trees.items() if any(isinstance(n, ast.Assert) for n in ast.walk(tree))]
    assert not wrong
