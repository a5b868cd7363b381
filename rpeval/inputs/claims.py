"""The claims register, published evidence, WWC's attrition boundary and checklists, from data/reference."""

from pathlib import Path
from typing import TypeVar, get_args

from rpeval.errors import ParamsError
from rpeval.inputs.schema.checklists import Checklist
from rpeval.inputs.schema.claims import Attrition, Evidence, Register, Strength
from rpeval.inputs.schema.forms import fill, read_entries
from rpeval.inputs.schema.values import Form
from rpeval.inputs.schema.yaml_text import read_yaml

CLAIMS = "data/reference/claims.yml"
EVIDENCE = "data/reference/evidence.yml"
ATTRITION = "data/reference/wwc_attrition.yml"
CHECKLISTS = "data/reference/checklists.yml"

Whole = TypeVar("Whole", bound=Form)


def read_register(root: Path) -> Register:
    """Read what is claimed of restorative practices, and what is feared, from data/reference/claims.yml.

    root : the project's folder
    Refuses (ParamsError, all at once) a file that is missing or does not fit.

    >>> register = read_register(Path("."))
    >>> len(register.claims), len(register.checks), register.claims["C40"].who
    (60, 23, ('Milwaukee Public Schools',))
    """
    return _whole(Register, root / CLAIMS, CLAIMS)


def claimed(root: Path) -> tuple[str, ...]:
    """Give the ids and the organizations by which a study may choose claims; none without a register.

    >>> "C40" in claimed(Path(".")), "Milwaukee Public Schools" in claimed(Path("."))
    (True, True)
    """
    if not (root / CLAIMS).is_file():
        return ()
    claims = read_register(root).claims
    return (*claims, *dict.fromkeys(who for claim in claims.values() for who in claim.who))


def read_evidence(root: Path) -> dict[str, Evidence]:
    """Read the published findings that were compared with their source, the strongest design first.

    Those that nobody compared stay in data/reference/evidence.yml and are not given, so that none is printed.
    root : the project's folder
    Refuses (ParamsError, all at once) a file that is missing or does not fit.

    >>> next(iter(read_evidence(Path(".")).values())).strength
    'trial'
    """
    rows = read_entries(Evidence, root / EVIDENCE, name=EVIDENCE)
    order = get_args(Strength)
    checked = [(id, row) for id, row in rows.items() if row.checked]
    return dict(sorted(checked, key=lambda pair: order.index(pair[1].strength)))


def read_attrition(root: Path) -> Attrition:
    """Read how much attrition WWC calls low, from data/reference/wwc_attrition.yml.

    root : the project's folder
    Refuses (ParamsError, all at once) a file that is missing or does not fit.

    >>> table = read_attrition(Path("."))
    >>> table.cautious[30], table.optimistic[30]
    (4.1, 8.2)
    """
    return _whole(Attrition, root / ATTRITION, ATTRITION)


def read_checklists(root: Path) -> dict[str, Checklist]:
    """Read what reporting guidelines ask, from data/reference/checklists.yml.

    root : the project's folder
    Refuses (ParamsError, all at once) a file that is missing or does not fit.

    >>> list(read_checklists(Path(".")))
    ['consort_cluster', 'record', 'tidier', 'cheers']
    """
    return read_entries(Checklist, root / CHECKLISTS, name=CHECKLISTS)


def _whole(form: type[Whole], path: Path, name: str) -> Whole:
    filled, problems = fill(form, read_yaml(path, name=name), name=name)
    if filled is None:
        raise ParamsError(problems)
    return filled
