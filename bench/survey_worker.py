"""One engine, one task, one survey, in a process of its own: prints value, seconds and peak memory.

Called by survey.py with the interpreter that has the engine: survey_worker.py ENGINE TASK ANSWERS REPEATS
"""

import json
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd

ITEMS = [f"q{j}" for j in range(1, 19)]
KEY = {"items": ITEMS, "low": 1, "high": 4}


def ours(task: str, frame: pd.DataFrame) -> tuple[float, float | None]:
    from rpeval.methods.survey import clustered, factors, gate, invariance, omega, scales
    from rpeval.methods.survey.items import lay_out_items
    from rpeval.methods.survey.survey_design import lay_out

    if task == "notebook 03":
        return notebook(frame)
    if task == "effect":
        found = clustered.did_survey(lay_out(frame, outcome="score"))
        return found.value, found.se
    if task == "percent favorable":
        one = lay_out_items(frame, items=["q1"], low=1, high=4)
        found = scales.percent_favorable(one, favorable=[3, 4], by_school=True)
        return found.value, found.se
    items = lay_out_items(frame, **KEY)
    if task == "alpha":
        return scales.cronbach_alpha(items).value, None
    if task == "ordinal factor model":
        return factors.fit_ordinal_factors(items).chisq_scaled, None
    if task == "omega":
        return omega.categorical_omega(items).value, None
    if task == "invariance over two waves":
        return invariance.invariance(items, by=["wave"]).levels[2].chisq_scaled, None
    found = gate.measurement_gate(items).effect
    return found.value, found.se


def notebook(frame: pd.DataFrame) -> tuple[float, float]:
    """Call what notebook 03 calls, on answers already read; a step may refuse, as there."""
    from rpeval.estimate import attempt
    from rpeval.methods.survey import (
        clustered,
        describe,
        factors,
        gate,
        invariance,
        item_functioning,
        omega,
        scales,
    )
    from rpeval.methods.survey.items import lay_out_items
    from rpeval.methods.survey.survey_design import lay_out

    items, school = lay_out_items(frame, **KEY), {"by_school": True}
    favorable = scales.favorable_shares(items, favorable=[3, 4])
    answers = frame.assign(score=scales.scale_scores(items), favorable=favorable)
    named = dict(zip(ITEMS, ITEMS, strict=True))
    describe.answer_shares(items, texts=named, categories=["never", "rarely", "often", "always"])
    describe.by_wave(answers, score="score", favorable="favorable")
    describe.school_changes(answers, outcome="score")
    sample = lay_out(answers, outcome="score", weight="weight")
    for method, laid, asked in [
        (scales.cronbach_alpha, items, {}),
        (omega.categorical_omega, items, school),
        (omega.reliability, items, school | {"by": ["wave"]}),
        (factors.fit_ordinal_factors, items, {}),
        (invariance.invariance, items, school | {"by": ["arm", "wave"]}),
        (item_functioning.item_functioning, items, {"group": "el"}),
        (scales.percent_favorable, items, school | {"favorable": [3, 4]}),
        (clustered.did_survey, lay_out(answers, outcome="favorable", weight="weight"), {}),
        (clustered.did_school_changes, sample, {}),
        (clustered.gap_did, sample, {"group": "el", "member": "yes", "reference": "no"}),
        (gate.measurement_gate, items, {"weight": "weight"}),
    ]:
        attempt(method, laid, **asked)
    effect = clustered.did_survey(sample)
    clustered.in_standard_deviations(effect, sample)
    return effect.value, effect.se


def svy(task: str, sample) -> tuple[float, float]:
    import svy

    if task == "percent favorable":
        found = sample.estimation.prop("favorable").to_polars().to_dicts()[1]
        return 100 * found["est"], 100 * found["se"]
    fit = sample.glm.fit(y="score", x=["treated", "later", svy.Cat("school_id")])
    found = next(row for row in fit.to_polars().to_dicts() if row["term"] == "treated")
    return found["estimate"], found["std_err"]


def survey_of(path: str) -> pd.DataFrame:
    """Answers as the product's reader leaves them."""
    with np.load(path, allow_pickle=False) as stored:
        frame = pd.DataFrame({name: stored[name] for name in stored})
    frame[ITEMS] = frame[ITEMS].astype(float)
    frame["start_year"] = frame.pop("start").replace(0, np.nan)
    frame["school_id"] = frame.pop("school").astype(str)
    frame["weight"], frame["el"] = 1.0, np.where(frame.index % 3 == 0, "yes", "no")
    frame["arm"] = np.where(frame["start_year"].notna(), "adopting", "comparison")
    return frame.assign(score=frame[ITEMS].mean(axis=1))


def sample_of(frame: pd.DataFrame):
    """The same answers for svy."""
    import polars as pl
    import svy

    later = frame["wave"] == 2020
    table = {
        "school_id": frame["school_id"].to_list(),
        "score": frame["score"].to_numpy(),
        "favorable": (frame["q1"] >= 3).astype(int).to_numpy(),
        "later": later.astype(float).to_numpy(),
        "treated": (later & frame["start_year"].notna()).astype(float).to_numpy(),
        "weight": frame["weight"].to_numpy(),
    }
    return svy.Sample(pl.DataFrame(table), svy.Design(psu="school_id", wgt="weight"))


def main() -> None:
    engine, task, path, repeats = sys.argv[1:]
    warnings.simplefilter("ignore")
    data, method = survey_of(path), ours
    if engine == "svy":
        data, method = sample_of(data), svy
    seconds = []
    for _ in range(int(repeats) + 1):
        started = time.perf_counter()
        value, se = method(task, data)
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"value": value, "se": se, "seconds": seconds[1:], "peak_mb": peak}))


if __name__ == "__main__":
    main()
