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

    if task == "alpha":
        return scales.cronbach_alpha(frame, **KEY).value, None
    if task == "ordinal factor model":
        return factors.fit_ordinal_factors(frame, **KEY).chisq_scaled, None
    if task == "omega":
        return omega.categorical_omega(frame, **KEY).value, None
    if task == "invariance over two waves":
        return invariance.invariance(frame, by="wave", **KEY).levels[2].chisq_scaled, None
    if task == "percent favorable":
        found = scales.percent_favorable(
            frame, items=["q1"], low=1, high=4, favorable=[3, 4], school="school_id"
        )
        return found.value, found.se
    if task == "effect":
        found = clustered.did_survey(frame, outcome="score")
        return found.value, found.se
    if task == "measurement gate":
        found = gate.measurement_gate(frame, **KEY).effect
        return found.value, found.se
    return notebook(frame)


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

    school, weight = {"school": "school_id"}, {"weight": "weight"}
    answers = frame.assign(
        score=scales.scale_scores(frame, **KEY),
        favorable=scales.favorable_shares(frame, favorable=[3, 4], **KEY),
    )
    named = {"items": dict(zip(ITEMS, ITEMS, strict=True)), "low": 1, "high": 4, "reverse": []}
    describe.answer_shares(answers, categories=["never", "rarely", "often", "always"], **named)
    describe.by_wave(answers, score="score", favorable="favorable")
    describe.school_changes(answers, outcome="score")
    for method, asked in [
        (scales.cronbach_alpha, KEY),
        (scales.item_statistics, KEY),
        (omega.categorical_omega, KEY | school),
        (omega.reliability, KEY | school | {"by": "wave"}),
        (factors.fit_ordinal_factors, KEY),
        (invariance.invariance, KEY | school | {"by": ["arm", "wave"]}),
        (item_functioning.item_functioning, KEY | {"group": "el"}),
        (scales.percent_favorable, KEY | school | {"favorable": [3, 4]}),
        (clustered.did_survey, weight | {"outcome": "favorable"}),
        (clustered.did_school_changes, weight | {"outcome": "score"}),
        (clustered.gap_did, weight | {"outcome": "score", "group": "el", "member": "yes", "reference": "no"}),
        (gate.measurement_gate, KEY | weight),
    ]:
        attempt(method, answers, **asked)
    effect = clustered.did_survey(answers, outcome="score", weight="weight")
    clustered.in_standard_deviations(effect, answers, outcome="score", weight="weight")
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
