"""Finished reports as small as a synthesis can read them, with findings that a test chooses."""

import hashlib
import json
from pathlib import Path
from typing import Any

METHOD = "imputation difference-in-differences; jackknife by school, t(20.0)"


def effect(value: float | None, se: float | None = None, **more: Any) -> dict[str, Any]:
    """Give a finding suspensions.att as findings.json holds it; None for one that was refused."""
    ends = {} if se is None else {"low": value - 2.1 * se, "high": value + 2.1 * se}
    reason = "No adoption list: no school has a start year." if value is None else ""
    return {"id": "suspensions.att", "label": "Effect on out-of-school suspensions", "kind": "exact",
            "unit": "per 100 students", "method": METHOD if value is not None else "", "value": value, "se": se,
            "df": 20.0, "level": 0.95, "clusters": 24, "treated": 8, "reason": reason, **ends, **more}  # fmt: skip


def write_report(
    reports: Path, study: str, *found: dict[str, Any], simulated: bool = True, starts: int = 2, **params: Any
) -> Path:
    """Write findings, trend and manifest of a study, as far as a synthesis reads them."""
    folder = reports / study
    (folder / "tables").mkdir(parents=True)
    district = f"{study.title()}{' (simulated)' if simulated else ''}"
    head = {
        "schema": "rpeval/findings/1",
        "study": study,
        "title": study,
        "district": district,
        "simulated": simulated,
    }
    (folder / "findings.json").write_text(json.dumps({**head, "findings": list(found), "tables": []}))
    rows = [f"{2016 + year},adopting,{int(year < starts)}" for year in range(4)]
    (folder / "tables/suspensions.trend.csv").write_text("\n".join(["year,arm,starts_n", *rows]) + "\n")
    resolved = {"district": {"leaid": f"99{len(study):05d}"}, "outcome": "oss_per_100", "weights": "schools",
                "hours_per_day": 6.5, "sources": {}, **params}  # fmt: skip
    outputs = [
        {"path": name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
        for name in ("findings.json", "tables/suspensions.trend.csv")
    ]
    manifest = {"schema": "rpeval/manifest/2", "study": study, "simulated": simulated, "params": {"resolved": resolved},
                "outputs": outputs}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def write_three(root: Path) -> list[str]:
    """Write three reports that may be pooled, and give their paths below the project."""
    for study, value, se in [("ash", -1.0, 0.6), ("birch", -2.5, 0.9), ("cypress", 0.4, 1.2)]:
        write_report(root / "reports", study, effect(value, se))
    return [f"reports/{study}" for study in ("ash", "birch", "cypress")]
