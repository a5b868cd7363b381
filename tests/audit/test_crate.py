"""The crate: judged by another program, and read back by hand."""

import json
import zipfile

import pytest
from finished_folder import finished
from rocrate_validator import models, services
from rocrate_validator.utils import http

from rpeval.audit.crate import CONTEXT, NAME, PROFILE
from rpeval.audit.pack import pack_report

SCHEMA_ORG = [
    "Dataset", "CreateAction", "CreativeWork", "PropertyValue", "SoftwareApplication", "SoftwareSourceCode",
    "Organization", "name", "description", "datePublished", "license", "hasPart", "mentions", "publisher", "author",
    "about", "encodingFormat", "contentSize", "instrument", "object", "result", "agent", "startTime", "endTime",
    "actionStatus", "version", "softwareVersion", "url", "programmingLanguage", "softwareRequirements", "value",
]  # fmt: skip
# What the context of RO-Crate 1.1 says of the terms that we use: the validator asks the web for it otherwise.
TERMS = {
    **{term: f"http://schema.org/{term}" for term in SCHEMA_ORG},
    "File": "http://schema.org/MediaObject", "conformsTo": "http://purl.org/dc/terms/conformsTo",
}  # fmt: skip


class Web:
    """The web as far as the validator needs it: one document, and nothing else."""

    status_code, headers, history = 200, {"Content-Type": "application/ld+json"}, ()
    url = CONTEXT[0]
    text = json.dumps({"@context": TERMS})

    def get(self, url, **_):
        return self if url == self.url else http._OfflineFallbackSession().get(url)

    head = get

    def json(self):
        return json.loads(self.text)

    def raise_for_status(self):
        pass

    def close(self):
        pass


def unpacked(root, **more):
    made = pack_report(finished(root / "project", **more))
    with zipfile.ZipFile(made.path) as zipped:
        zipped.extractall(root / "crate")
    return root / "crate"


def graph_of(crate):
    content = json.loads((crate / NAME).read_text())
    entities = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(entities) == len(content["@graph"]), "an id is there twice"
    return entities


def judge(crate, profile, tmp_path):
    settings = models.ValidationSettings(
        rocrate_uri=models.URI(str(crate)), profile_identifier=profile, requirement_severity="REQUIRED",
        offline=True, cache_path=tmp_path / "cache",
    )  # fmt: skip
    http.HttpRequester().session = Web()
    return services.validate(settings)


@pytest.fixture(scope="module", params=[True, False], ids=["simulated", "real"])
def crate(request, tmp_path_factory):
    told = {} if request.param else {"simulated": False}
    return unpacked(tmp_path_factory.mktemp("crate"), **told)


@pytest.mark.parametrize("profile", ["ro-crate-1.1", "process-run-crate-0.5"])
def test_it_passes_the_validator(crate, profile, tmp_path):
    result = judge(crate, profile, tmp_path)
    assert result.passed(), [issue.message for issue in result.get_issues()]


def test_the_validator_sees_a_fault(tmp_path):
    crate = unpacked(tmp_path)
    content = json.loads((crate / NAME).read_text())
    run = next(e for e in content["@graph"] if e["@id"] == "#run")
    del run["instrument"]
    (crate / NAME).write_text(json.dumps(content))
    assert not judge(crate, "process-run-crate-0.5", tmp_path).passed()


def test_every_term_is_known(crate):
    known = {*TERMS, *CONTEXT[1], "@id", "@type"}
    for entity in graph_of(crate).values():
        types = entity["@type"] if isinstance(entity["@type"], list) else [entity["@type"]]
        assert {*entity, *types} <= known


def test_every_file_is_described_as_it_is(crate):
    import hashlib

    entities = graph_of(crate)
    files = {p.relative_to(crate).as_posix(): p for p in crate.rglob("*") if p.is_file() and p.name != NAME}
    described = {id: e for id, e in entities.items() if e["@type"] == "File"}
    assert set(described) == set(files)
    for name, path in files.items():
        body = path.read_bytes()
        told = described[name]
        assert (told["sha256"], told["contentSize"]) == (hashlib.sha256(body).hexdigest(), str(len(body)))
    assert {part["@id"] for part in entities["./"]["hasPart"]} == set(files)


def test_every_reference_leads_somewhere(crate):
    entities = graph_of(crate)

    def references(value):
        if isinstance(value, dict):
            yield value["@id"]
        for each in value if isinstance(value, list) else ():
            yield from references(each)

    outside = {"https://w3id.org/ro/crate/1.1", "http://schema.org/CompletedActionStatus"}
    for entity in entities.values():
        for key, value in entity.items():
            if not key.startswith("@"):
                assert {*references(value)} <= {*entities} | outside, (entity["@id"], key)


def test_it_tells_the_run(tmp_path):
    entities = graph_of(unpacked(tmp_path))
    run, notebook = entities["#run"], entities["#run-01_suspensions"]
    assert (run["startTime"], run["endTime"]) == ("2027-01-05T10:00:00+00:00", "2027-01-05T10:01:00+00:00")
    assert {"@id": "data/lakeshore/panel.csv"} in run["object"]
    assert {"@id": "reports/lakeshore/findings.json"} in run["result"]
    made = {each["@id"] for each in notebook["result"]}
    assert "reports/lakeshore/tables/suspensions.trend.csv" in made
    assert "reports/lakeshore/findings/01_suspensions.json" in made
    assert "reports/lakeshore/tables/belonging.items.csv" not in made  # another notebook's
    assert entities[notebook["instrument"]["@id"]]["version"] == "a" * 64
    assert entities["#param-years.first"]["value"] == "2016-17"
    assert entities["pkg:pypi/pandas@3.0.0"]["softwareVersion"] == "3.0.0"
    assert entities["./"]["conformsTo"] == {"@id": PROFILE}


def test_simulated_data_are_called_so_and_real_data_have_no_license(tmp_path):
    simulated = graph_of(unpacked(tmp_path / "a"))["./"]
    assert simulated["description"].startswith("The data are simulated")
    assert simulated["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    real = graph_of(unpacked(tmp_path / "b", simulated=False))
    assert "imulated" not in json.dumps(real["./"], ensure_ascii=False)
    assert real["./"]["license"] == {"@id": "#license"}
    assert real["#input-panel"]["@type"] == "CreativeWork"
    assert "sha256" not in real["#input-panel"]  # a keyed hash is no hash of the file
    assert {"@id": "#input-panel"} in real["#run"]["object"]
