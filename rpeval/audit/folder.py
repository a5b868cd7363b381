"""Is a report's folder as the run left it? What is not is named: file, number, table, picture, cell."""

import copy
import csv
import difflib
import functools
import hashlib
import html
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.audit.pack import place_of
from rpeval.errors import RpevalError
from rpeval.findings.compare import compare
from rpeval.inputs.synthesis import folder_name
from rpeval.runs.manifest import NAME, is_as_recorded, is_synthesis
from rpeval.runs.notebook import code_cells, read_notebook
from rpeval.runs.room import report_places
from rpeval.runs.software import PACKAGE, hash_files, hash_tree

LATER = ("decisions.json", "ro-crate-metadata.json")  # may be added to a finished report
TEXTS = ("report", "brief")  # whose pages are read for digits without a source
TOLD = 8  # changes named in one file


@dataclass(frozen=True, slots=True)
class Alteration:
    """A file of a report that is not as the run left it.

    path : below the report's folder; how : altered | missing | added; what : what in it, each as a sentence
    """

    path: str
    how: str
    what: tuple[str, ...] = ()


def find_alterations(folder: Path, record: Mapping[str, Any], key: bytes | None) -> tuple[Alteration, ...]:
    """List the files of a report that were altered, removed or added after the run, and what in them.

    folder : the report; record : its manifest; key : to its keyed hashes, or None
    A restricted file that is not there was left out for the public and is no alteration; see `left_out`.
    """
    listed = {output["path"]: output for output in record["outputs"]}
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    files -= {NAME, *LATER} - listed.keys()
    missing = [path for path, o in listed.items() if path not in files and o["level"] != "restricted"]
    altered = [path for path, output in listed.items() if path in files
               and is_as_recorded(folder / path, output, key) is False]  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        teller = _Teller(folder, record, frozenset((*missing, *altered)), Path(place))
        told = {path: tuple(teller.tell(path))[:TOLD] for path in altered}
    return (
        *(Alteration(path, "altered", what) for path, what in told.items()),
        *(Alteration(path, "missing") for path in missing),
        *(Alteration(path, "added") for path in sorted(files - listed.keys())),
    )


def left_out(folder: Path, record: Mapping[str, Any]) -> tuple[str, ...]:
    """List the restricted files that are not there, as in a pack for the public."""
    return tuple(
        o["path"] for o in record["outputs"]
        if o["level"] == "restricted" and not (folder / o["path"]).is_file()
    )  # fmt: skip


def find_contradictions(folder: Path, record: Mapping[str, Any]) -> tuple[str, ...]:
    """List what the manifest says in two ways: the params and their hash, seed, study and findings."""
    params, head = record["params"], record["inputs"][0]
    seed, study = _told(record)
    resolved = json.dumps(as_given(record), sort_keys=True, ensure_ascii=False)
    checks = {
        "The params in it do not have their recorded hash.":
            hashlib.sha256(params["text"].encode()).hexdigest() == head["sha256"],
        "Its seed is not that of its params.": seed == record["seed"],
        "Its study is not that of its params.": study == record["study"],
    }  # fmt: skip
    try:
        found = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        told = "The findings were made from other params than it holds."
        checks[told] = found["params_sha256"] == hashlib.sha256(resolved.encode()).hexdigest()
    except (OSError, ValueError, KeyError):
        pass  # told as an altered file
    return tuple(told for told, holds in checks.items() if not holds)


def _told(record: Mapping[str, Any]) -> tuple[Any, Any]:
    """Give the seed and the name that the params in a manifest tell; in a synthesis nothing is drawn."""
    told = record["params"]["resolved"]
    if is_synthesis(record):
        return 0, folder_name(told["synthesis"])
    return told.get("seed"), told.get("study")


def as_given(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give the params as the notebooks got them: files from beside the project lead to their copies."""
    content = copy.deepcopy(record["params"]["resolved"])
    sources = content["sources"]
    if "reports" in sources:
        sources["reports"] = list(report_places(sources["reports"]).values())
    for item in record["inputs"]:
        if place_of(item) != item["path"] and "/" not in item["key"]:  # a report's file goes with its folder
            functools.reduce(dict.__getitem__, item["key"].split("."), sources)["path"] = place_of(item)
    return content


def find_stray_digits(folder: Path, record: Mapping[str, Any]) -> tuple[str, ...] | None:
    """List the digits on a report's pages that come from no finding, date or params.

    None where the package is not the one that wrote the pages: it would compose other ones.
    """
    if not _is_renderer(record):
        return None
    from rpeval.reports.quoting.digits import stray

    return tuple(
        f"{file}, {where}: {said}" for text in TEXTS for file, where, said in stray(folder, text=text)
    )


def _is_renderer(record: Mapping[str, Any]) -> bool:
    """Say whether this package is the one that wrote a report's pages."""
    code = record["code"]
    return hash_tree(hash_files(PACKAGE)) == code.get("rendered_sha256", code["rpeval"]["sha256"])


@dataclass(frozen=True)
class _Teller:
    """Says what is altered in a file, from the files that are not."""

    folder: Path
    record: Mapping[str, Any]
    spoiled: frozenset[str]
    place: Path

    def tell(self, path: str) -> Iterator[str]:
        name = path.rpartition("/")[2]
        try:
            if path == "findings.csv":
                yield from self._findings(_read_flat(self.folder / path))
            elif path.startswith("findings") and name.endswith(".json"):
                yield from self._findings(_read_findings(self.folder / path))
            elif path.startswith("tables/"):
                yield f"The table {name.removesuffix('.csv')}."
            elif path.startswith("figures/"):
                yield f"The picture {name.rpartition('.')[0]}."
            elif path.startswith("notebooks/"):
                yield from self._cells(path)
            elif name.endswith((".html", ".md", ".docx", ".pdf")):
                yield from self._page(path)
        except (OSError, ValueError, KeyError, TypeError, IndexError, RpevalError):
            yield "It cannot be read."

    def _findings(self, told: dict[str, dict[str, Any]]) -> Iterator[str]:
        """Compare findings with a copy of them that is as the run left it."""
        truth = self._truth()
        for each in compare({id: truth[id] for id in truth if id in told}, told).differences:
            yield f"{each.id}, {each.what}: {show_value(each.old)} is now {show_value(each.new)}."

    def _truth(self) -> dict[str, dict[str, Any]]:
        parts = [o["path"] for o in self.record["outputs"] if o["path"].startswith("findings/")]
        if "findings.json" not in self.spoiled:
            return _read_findings(self.folder / "findings.json")
        sound = [path for path in parts if path not in self.spoiled]
        return {id: f for path in sound for id, f in _read_findings(self.folder / path).items()}

    def _cells(self, path: str) -> Iterator[str]:
        """Name the cells of an executed notebook whose code is not what ran."""
        name = path.rpartition("/")[2].removesuffix(".ipynb")
        was = next(told["cells"] for told in self.record["notebooks"] if told["name"] == name)
        now = {
            cell.get("id"): hashlib.sha256(cell["source"].encode()).hexdigest()
            for _, cell in code_cells(read_notebook(self.folder / path))
            if "injected-parameters" not in cell["metadata"].get("tags", [])
        }
        changed = [id for id in {**was, **now} if was.get(id) != now.get(id)]
        yield f"The code of cell {', '.join(map(str, changed))}." if changed else "What its cells printed."

    def _page(self, path: str) -> Iterator[str]:
        """Say what differs on a page from the same page written again."""
        if self.again is None or not (self.again / path).is_file():
            return
        if not path.endswith((".docx", ".pdf")):
            old, new = ((f / path).read_text(encoding="utf-8") for f in (self.again, self.folder))
            yield from changed_lines(old, new)
            return
        from rpeval.reports.quoting.texts import read_texts

        old, new = ([(p.where, p.text) for p in read_texts(f / path)] for f in (self.again, self.folder))
        yield from changed_passages(old, new)

    @functools.cached_property
    def again(self) -> Path | None:
        """The report with its pages written again; None where its findings or this package are others."""
        sound = not any(path.startswith(("findings", "tables/")) for path in self.spoiled)
        if not sound or not _is_renderer(self.record):
            return None
        from rpeval.reports.render import render

        copied = self.place / self.folder.name
        shutil.copytree(self.folder, copied)
        render(copied)
        return copied


def show_value(value: Any) -> str:
    """Write a value of a finding.

    >>> show_value(None), show_value(""), show_value(-1.25)
    ('nothing', 'nothing', '-1.25')
    """
    return "nothing" if value in (None, "") else f"{value}"


def _read_findings(path: Path) -> dict[str, dict[str, Any]]:
    return {f["id"]: f for f in json.loads(path.read_text(encoding="utf-8"))["findings"]}


def _read_flat(path: Path) -> dict[str, dict[str, Any]]:
    """Read findings.csv as far as its columns are text or numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = ("value", "low", "high", "se", "p")
    return {
        row["id"]: {k: _number(v) if k in numbers else v for k, v in row.items()
                    if k in (*numbers, "kind", "label", "shown", "shown_interval", "decision")}
        for row in rows
    }  # fmt: skip


def _number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text or None
    return int(number) if number.is_integer() and "." not in text else number


def changed_lines(old: str, new: str) -> Iterator[str]:
    """Say which words of a page changed, and of which finding, table or picture they are.

    >>> print(*changed_lines('<p>It fell by <data data-finding="a.b">1.6</data>.</p>',
    ...                      '<p>It fell by <data data-finding="a.b">2.6</data>.</p>'))
    a.b: “1.6” is now “2.6”.
    """
    before, after = old.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            yield from _changed_words(" ".join(before[i:j]), " ".join(after[k:m]), "\n".join(after[:k]))


def changed_passages(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Say which passages of a document changed, each with where it stands.

    >>> print(*changed_passages([("page 1", "It fell by 1.6.")], [("page 1", "It fell by 2.6.")]))
    page 1: “1.6.” is now “2.6.”.
    """
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            where = (new[k:m] or old[i:j])[0][0]
            was, now = (" ".join(text for _, text in part).split() for part in (old[i:j], new[k:m]))
            words = difflib.SequenceMatcher(None, was, now, autojunk=False)
            for kind, a, b, c, d in words.get_opcodes():
                if kind != "equal":
                    yield f"{where}: “{' '.join(was[a:b])[:80]}” is now “{' '.join(now[c:d])[:80]}”."


def _changed_words(was: str, now: str, page: str) -> Iterator[str]:
    pieces = [re.findall(r"<[^>]*>|[^<\s]+", text) for text in (was, now)]
    for tag, i, j, k, m in difflib.SequenceMatcher(None, *pieces, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        old, new = (" ".join(p for p in part if not p.startswith("<")) for part in
                    (pieces[0][i:j], pieces[1][k:m]))  # fmt: skip
        source = _source(page + "".join(pieces[1][:m]))
        if old or new:
            yield f"{source}: “{html.unescape(old)[:80]}” is now “{html.unescape(new)[:80]}”."
        else:
            yield f"{source}: the markup or the picture."


def _source(before: str) -> str:
    """Name the finding or table that the end of a text belongs to, or the place of the page."""
    for told in reversed(
        [*re.finditer(r'<(\w+)[^>]*data-(?:finding|cell|declared)="([^"]+)"[^>]*>', before)]
    ):
        if before.find(f"</{told.group(1)}>", told.end()) < 0:
            return told.group(2)
    places = re.findall(r'<(?:section|figure|h[1-6])[^>]*\bid="([^"]+)"', before)
    return f"near #{places[-1]}" if places else "the page"
