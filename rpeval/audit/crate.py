"""A pack as a research object that archives and other programs read: Process Run Crate 0.5.

Source: RO-Crate 1.1 (w3id.org/ro/crate/1.1) and its profile w3id.org/ro/wfrun/process/0.5.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from rpeval.findings.store import dump

NAME = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TERMS = "https://w3id.org/ro/terms/workflow-run#"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context",
           {"sha256": f"{TERMS}sha256", "environment": f"{TERMS}environment"}]  # fmt: skip
MEDIA = {
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".json": "application/json",
    ".html": "text/html", ".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf",
    ".yml": "application/yaml", ".yaml": "application/yaml", ".ipynb": "application/x-ipynb+json",
    ".md": "text/markdown", ".txt": "text/plain", ".zip": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}  # fmt: skip
MIT = {"@id": "https://spdx.org/licenses/MIT", "@type": "CreativeWork", "name": "MIT License",
       "description": "The simulated data and the reports on them may be used as the code may."}  # fmt: skip
RESERVED = {"@id": "#license", "@type": "CreativeWork", "name": "No license is known",
            "description": "All rights are the district's, unless it says otherwise."}  # fmt: skip
OPERATOR = {"@id": "#operator", "@type": "Organization", "name": "Whoever ran the evaluation (not recorded)"}

Entity = dict[str, Any]


def describe_crate(
    content: Mapping[str, Any], *, title: str, files: Mapping[str, bytes], report: str,
    inputs: Mapping[str, str],
) -> str:  # fmt: skip
    """Write the metadata of a crate: what was run, on what, by which software, and what came out.

    Use it for a pack, whose files it describes; the metadata lie beside them as ro-crate-metadata.json.

    content : a report's manifest
    title   : the study's title
    files   : path in the crate to content, of every file but the metadata
    report  : the report's folder in the crate, with / at its end
    inputs  : key of each declared input to its path in the crate; an input that is not in `files` is told by
              name and hash alone
    Returns JSON text; the same pack gives the same text. Each notebook is an action of its own, without a
    time of its own, beside the action of the whole run.
    """
    parts = [_file(path, body) for path, body in sorted(files.items())]
    told = [_absent(item) for item in content["inputs"] if inputs.get(item["key"]) not in files]
    software, settings = list(_software(content)), list(_settings(content))
    params = [_value(f"#param-{name}", name, value)
              for name, value in _flat(content["params"]["resolved"])]  # fmt: skip
    used = [quote(path) for path in inputs.values() if path in files] + [one["@id"] for one in told + params]
    notebooks = [_notebook(each, content) for each in content["notebooks"]]
    run = _run(content, files=files, report=report, used=used, settings=settings)
    actions = [run, *_notebook_actions(notebooks, files, report, used)]
    graph = [
        {"@id": NAME, "@type": "CreativeWork", "conformsTo": {"@id": CONTEXT[0].removesuffix("/context")},
         "about": {"@id": "./"}},
        _root(content, title, parts, actions),
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        _license(content), OPERATOR, *actions, *notebooks, *software, *parts, *told, *params, *settings,
    ]  # fmt: skip
    return dump({"@context": CONTEXT, "@graph": graph})


def _license(content: Mapping[str, Any]) -> Entity:
    return MIT if content["simulated"] else RESERVED


def _refer(entities: Iterable[Entity]) -> list[dict[str, str]]:
    return [{"@id": entity["@id"]} for entity in entities]


def _root(content: Mapping[str, Any], title: str, parts: list[Entity], actions: list[Entity]) -> Entity:
    stamp = "The data are simulated: no real district is described. " if content["simulated"] else ""
    text = "An evaluation of a school district's program: its report, the params and data it was made from"
    return {
        "@id": "./", "@type": "Dataset", "name": f"{title}{' (simulated data)' if stamp else ''}",
        "description": f"{stamp}{text} as far as they may be passed on, and the run that made it.",
        "datePublished": content["when"]["end"], "license": {"@id": _license(content)["@id"]},
        "conformsTo": {"@id": PROFILE}, "author": {"@id": OPERATOR["@id"]},
        "publisher": {"@id": OPERATOR["@id"]}, "hasPart": _refer(parts), "mentions": _refer(actions),
    }  # fmt: skip


def _file(path: str, body: bytes) -> Entity:
    pure = PurePosixPath(path)
    return {"@id": quote(path), "@type": "File", "name": pure.name, "contentSize": str(len(body)),
            "encodingFormat": MEDIA.get(pure.suffix, "application/octet-stream"),
            "sha256": sha256(body).hexdigest()}  # fmt: skip


def _absent(item: Mapping[str, Any]) -> Entity:
    """Tell of an input that is not in the crate: what it was, not what it held; a keyed hash says nothing."""
    return {"@id": f"#input-{item['key']}", "@type": "CreativeWork", "name": PurePosixPath(item["path"]).name,
            "description": "An input that is left out of this pack: it may not be passed on without asking.",
            **({} if item["keyed"] else {"sha256": item["sha256"]})}  # fmt: skip


def _software(content: Mapping[str, Any]) -> Iterable[Entity]:
    code = content["code"]
    libraries = {f"pkg:pypi/{name}@{version}": (name, version) for name, version in code["packages"].items()}
    rpeval = {
        "@id": f"pkg:generic/rpeval@{code['rpeval']['version']}", "@type": "SoftwareApplication",
        "name": "rpeval", "softwareVersion": code["rpeval"]["version"], "url": "pkg:generic/rpeval",
        "description": f"SHA-256 of the package {code['rpeval']['sha256']}; {_commit(code.get('git'))}.",
        "softwareRequirements": [{"@id": id} for id in libraries],
    }  # fmt: skip
    python = {"@id": f"pkg:generic/python@{code['python']}", "@type": "SoftwareApplication", "name": "Python",
              "softwareVersion": code["python"], "url": "https://www.python.org/"}  # fmt: skip
    yield from (rpeval, python)
    for id, (name, version) in libraries.items():
        yield {"@id": id, "@type": "SoftwareApplication", "name": name, "softwareVersion": version, "url": id}


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git:
        return "its commit is not known"
    return f"commit {git['commit']}{'' if git['clean'] else ', with changes that are not in it'}"


def _settings(content: Mapping[str, Any]) -> Iterable[Entity]:
    """Give what can move the last digits: platform, linear algebra, threads."""
    for name, value in _flat(content["machine"]):
        yield _value(f"#machine-{name}", name, value)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """Give settings by dotted name; a list is one value.

    >>> list(_flat({"years": {"first": "2016-17", "leave_out": ["2020-21"]}, "none": None}))
    [('years.first', '2016-17'), ('years.leave_out', '["2020-21"]')]
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        elif value is not None:
            plain = isinstance(value, str | int | float)
            yield f"{above}{key}", value if plain else json.dumps(value, ensure_ascii=False)


def _value(id: str, name: str, value: Any) -> Entity:
    return {"@id": quote(id, safe="#/"), "@type": "PropertyValue", "name": name, "value": value}


def _notebook(each: Mapping[str, Any], content: Mapping[str, Any]) -> Entity:
    name = each["name"]
    return {"@id": f"#notebook-{name}", "@type": "SoftwareSourceCode", "name": f"{name}.ipynb",
            "version": each["code_sha256"], "programmingLanguage": f"Python {content['code']['python']}",
            "description": "A notebook; its version is the SHA-256 of its code cells."}  # fmt: skip


def _run(
    content: Mapping[str, Any], *, files, report: str, used: list[str], settings: list[Entity]
) -> Entity:
    return {
        "@id": "#run", "@type": "CreateAction", "name": f"Run of the study {content['study']}",
        "description": "The notebooks were executed in order in a clean room, then the pages were written.",
        "instrument": {"@id": f"pkg:generic/rpeval@{content['code']['rpeval']['version']}"},
        "startTime": content["when"]["start"], "endTime": content["when"]["end"],
        "agent": {"@id": OPERATOR["@id"]}, "environment": _refer(settings),
        "object": [{"@id": id} for id in used],
        "result": [{"@id": quote(path)} for path in sorted(files) if path.startswith(report)],
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
    }  # fmt: skip


def _notebook_actions(
    notebooks, files: Mapping[str, bytes], report: str, used: list[str]
) -> Iterable[Entity]:
    for notebook in notebooks:
        name = notebook["name"].removesuffix(".ipynb")
        yield {
            "@id": f"#run-{name}", "@type": "CreateAction", "name": f"Execution of {notebook['name']}",
            "description": "Part of the run; its own times are not recorded.",
            "instrument": {"@id": notebook["@id"]}, "agent": {"@id": OPERATOR["@id"]},
            "object": [{"@id": id} for id in used],
            "result": [{"@id": quote(path)} for path in _made_by(name, files, report)],
        }  # fmt: skip


def _made_by(notebook: str, files: Mapping[str, bytes], report: str) -> list[str]:
    """Name what one notebook left: its executed copy, its findings, its tables and their figures."""
    part = f"{report}findings/{notebook}.json"
    made = [f"{report}notebooks/{notebook}.ipynb", part]
    for table in json.loads(files[part])["tables"] if part in files else ():
        made += [f"{report}{table['file']}", f"{report}figures/{table['id']}.svg"]
    return [path for path in made if path in files]
