"""One zip for a repository or a regulator: the report, what it was made from, and how to make it again."""

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.audit.crate import NAME as CRATE
from rpeval.audit.crate import describe_crate
from rpeval.errors import Problem, RunError
from rpeval.findings.store import open_findings, write_bytes
from rpeval.runs.manifest import NAME as MANIFEST
from rpeval.runs.manifest import PLAIN, is_as_recorded, open_manifest, read_key

GUIDE = "REPRODUCE.md"
START = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold; the same for every file
NOT_SIMULATED = "Data of a real district; --restricted puts it in."
RESTRICTED = "The run marked this output as restricted; --restricted puts it in."


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not in a pack.

    path : where the manifest names it; bytes_n : its size; why : the reason, as a sentence
    """

    path: str
    bytes_n: int
    why: str


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack holds.

    path     : the zip
    files    : path in the zip to content
    left_out : files of the report or its inputs that are not in it
    """

    path: Path
    files: Mapping[str, bytes]
    left_out: tuple[LeftOut, ...]


def pack_report(folder: Path | str, *, target: Path | str | None = None, restricted: bool = False) -> Pack:
    """Put a finished report, its params and its data into one zip from which a stranger can make it again.

    Use it to hand a report to an archive, a funder or a regulator. The zip holds the report's folder, the
    params and files it was made from at the places where the project has them, REPRODUCE.md with the exact
    commands, and ro-crate-metadata.json (`describe_crate`).

    folder     : a finished report (reports/<study>) in its project
    target     : the zip; by default beside the folder, with its name
    restricted : put in what may not be passed on freely, too: data of real districts, and outputs that the
                 run marked as restricted
    The same report gives the same bytes. Refuses (RunError): a folder that is no finished report, a report or
    an input that is not as the run left it. Nothing is written then.
    """
    folder = Path(os.path.abspath(folder))
    target = Path(os.path.abspath(target)) if target else folder.with_name(f"{folder.name}.zip")
    content = open_manifest(folder)
    report = f"reports/{content['study']}/"
    found, left = _take_outputs(folder, content, restricted)
    files = {f"{report}{path}": body for path, body in found.items()}
    files[f"{report}{MANIFEST}"] = (folder / MANIFEST).read_bytes()
    inputs, without = _take_inputs(folder, content, restricted)
    files |= inputs
    left_out = (*left, *without)
    title = open_findings(folder).title
    files[GUIDE] = write_guide(content, title=title, name=target.name, left_out=left_out).encode()
    places = {item["key"]: place_of(item) for item in content["inputs"]}
    crate = describe_crate(content, title=title, files=files, report=report, inputs=places)
    files[CRATE] = crate.encode()
    _write(target, files)
    return Pack(target, files, left_out)


def place_of(item: Mapping[str, Any]) -> str:
    """Say where an input lies in a pack: its place in the project, or data/beside for one outside of it.

    >>> place_of({"key": "panel", "path": "../elsewhere/panel.csv"})
    'data/beside/panel/panel.csv'
    """
    outside = item["path"].startswith(("../", "/"))
    return f"data/beside/{item['key']}/{item['path'].rpartition('/')[2]}" if outside else item["path"]


def _take_outputs(folder: Path, content: Mapping[str, Any], restricted: bool):
    """Read the outputs that may go along; refuse those that are not as the run left them."""
    files, left, problems, key = {}, [], [], read_key(folder)
    for output in content["outputs"]:
        if output["level"] == "restricted" and not restricted:
            left.append(LeftOut(f"reports/{content['study']}/{output['path']}", output["bytes"], RESTRICTED))
            continue
        path = folder / output["path"]
        if is_as_recorded(path, output, key):
            files[output["path"]] = path.read_bytes()
        else:
            where = f"{folder.name}/{output['path']}"
            problems.append(Problem(where, "This file is not as the run left it.", "Run the study again."))
    if problems:
        raise RunError(problems)
    return files, left


def _take_inputs(folder: Path, content: Mapping[str, Any], restricted: bool):
    """Read the inputs that may go along, the params from the manifest itself; refuse those that changed."""
    files, left, problems, root, key = {}, [], [], folder.parents[1], read_key(folder)
    for item in content["inputs"]:
        if not (content["simulated"] or restricted or item["key"] in PLAIN):
            left.append(LeftOut(item["path"], item["bytes"], NOT_SIMULATED))
            continue
        path = root / item["path"]
        if item["key"] == "params":
            files[place_of(item)] = content["params"]["text"].encode()
        elif is_as_recorded(path, item, key):
            files[place_of(item)] = path.read_bytes()
        else:
            what = "This input is not there, or is not what the run read."
            problems.append(Problem(item["path"], what, "Put it back, or run the study again."))
    if problems:
        raise RunError(problems)
    return files, left


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write the zip whole or not at all; names in order, one fixed time."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for name, body in sorted(files.items()):
            info = zipfile.ZipInfo(name, START)
            info.create_system, info.external_attr = 3, 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(info, body)
    write_bytes(target, made.getvalue())


def write_guide(content: Mapping[str, Any], *, title: str, name: str, left_out: tuple[LeftOut, ...]) -> str:
    """Write REPRODUCE.md: the exact commands, what the report was made with, what was left out and why.

    content : the manifest; title : of the study; name : of the zip; left_out : what the pack does not hold
    """
    code, study = content["code"], content["study"]
    stamp = ["**Simulated data: no real district is described.**", ""] if content["simulated"] else []
    steps = [
        "## Make it again", "",
        "You need git, make and Python " + ".".join(code["python"].split(".")[:2]) + " or newer. In the "
        "folder that holds this zip:", "", *_commands(content, name), "",
        "`rpeval audit` says whether the numbers stand, and if not, why. It compares named findings, each"
        " within the tolerance of its kind: another processor may move the last digits.", "",
    ]  # fmt: skip
    made = [
        "## What it was made with", "",
        f"- rpeval {code['rpeval']['version']}, {_tell_commit(code.get('git'))}",
        f"- SHA-256 of the package's files: {code['rpeval']['sha256']}",
        f"- SHA-256 of requirements.lock: {code.get('lock_sha256') or 'not known'}",
        f"- Python {code['python']} on {content['machine']['system']}, {content['machine']['processor']}",
        f"- run from {content['when']['start']} to {content['when']['end']}", "",
        f"The rest is in `reports/{study}/{MANIFEST}`: params, hashes of inputs and outputs, libraries.", "",
    ]  # fmt: skip
    return "\n".join(
        [f"# {title}: how to reproduce this report", "", *stamp, *steps, *made, *_tell(left_out)]
    )


def _commands(content: Mapping[str, Any], name: str) -> list[str]:
    git, study = content["code"].get("git"), content["study"]
    checkout = [f"    git checkout {git['commit']}"] if git else []
    beside = [item for item in content["inputs"] if place_of(item) != item["path"]]
    moved = [line for item in beside for line in (
        f'    mkdir -p "{item["path"].rpartition("/")[0]}"',
        f'    cp "{place_of(item)}" "{item["path"]}"')]  # fmt: skip
    return [
        "    git clone <the address of rpeval's repository> rpeval", "    cd rpeval", *checkout,
        f'    unzip -o ../{name} "params/*" "data/*" "reports/*"', *moved,
        "    make .venv/.ready", f"    .venv/bin/rpeval audit reports/{study}",
    ]  # fmt: skip


def _tell_commit(git: Mapping[str, Any] | None) -> str:
    if not git:
        return "commit not known: compare the hash of the package below"
    changed = "" if git["clean"] else ", with changes or new files that are not in it"
    return f"commit {git['commit']}{changed}"


def _tell(left_out: tuple[LeftOut, ...]) -> list[str]:
    if not left_out:
        return ["## Left out", "", "Nothing: the pack holds every input and every file of the report.", ""]
    rows = [f"| `{each.path}` | {each.bytes_n:,} | {each.why} |" for each in left_out]
    ask = "Ask the district for the data, put each file at its path, and the commands above work."
    return ["## Left out", "", "| file | bytes | why |", "|---|---:|---|", *rows, "", ask, ""]
