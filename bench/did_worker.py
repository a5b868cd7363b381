"""One engine, one task, one panel, in a process of its own: prints estimate, seconds and peak memory.

Called by did.py with the interpreter that has the engine: python did_worker.py ENGINE TASK PANEL REPEATS
"""

import contextlib
import io
import json
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd


def ours(task: str, frame: pd.DataFrame) -> tuple[float, float]:
    """The product; student rows are first summed to schools, which changes no estimate."""
    from rpeval.methods.did.callaway import cohort_effects, overall, rows
    from rpeval.methods.did.design import lay_out
    from rpeval.methods.did.imputation import att_imputation, event_study
    from rpeval.methods.did.randomization import att_randomization

    weights = None
    if "student" in frame.columns:
        frame = frame.groupby(["school_id", "year", "start_year"], dropna=False, as_index=False)
        frame = frame.agg(y=("y", "mean"), n=("y", "size"))
        weights = "n"
    design = lay_out(frame, outcome="y", weights=weights)
    if task == "event study":
        found = dict(event_study(design))[0]
    elif task == "cohort and year":
        effects = cohort_effects(design)
        rows(effects, by="event")
        found = overall(effects)
    elif task == "999 draws":
        found = att_randomization(design, seed=1, draws=999)
    else:
        found = att_imputation(design)
    return found.value, found.se


def diff_diff(task: str, frame: pd.DataFrame) -> tuple[float, float]:
    from diff_diff import CallawaySantAnna, ImputationDiD

    unit = "student" if "student" in frame.columns else "school_id"
    frame = frame.assign(first=frame.start_year.fillna(0).astype(int))
    names = {"outcome": "y", "unit": unit, "time": "year", "first_treat": "first"}
    cluster = {"cluster": "school_id"} if unit == "student" else {}
    if task == "cohort and year":
        found = CallawaySantAnna(control_group="not_yet_treated", **cluster).fit(frame, **names)
    else:
        draws = {"n_bootstrap": 999, "seed": 1} if task == "999 draws" else {}
        found = ImputationDiD(**cluster, **draws).fit(frame, **names)
    return found.overall_att, found.overall_se


def pyfixest(task: str, frame: pd.DataFrame) -> tuple[float, float]:
    import pyfixest as pf

    unit = "student" if "student" in frame.columns else "school_id"
    frame = frame.assign(D=(frame.year >= frame.start_year).astype(int), unit=frame[unit])
    if task == "event study":
        frame = frame.assign(since=(frame.year - frame.start_year).fillna(-1).astype(int))
        fit = pf.feols("y ~ i(since, ref=-1) | unit + year", frame, vcov={"CRV1": "school_id"})
        return float("nan"), float("nan") if fit is None else float(fit.se().iloc[0])
    fit = pf.did2s(frame, "y", "~ 0 | unit + year", "~ D", "D", "school_id")
    return float(fit.coef().loc["D"]), float(fit.se().loc["D"])


def csdid(task: str, frame: pd.DataFrame) -> tuple[float, float]:
    from csdid.att_gt import ATTgt

    unit = "student" if "student" in frame.columns else "school_id"
    frame = frame.assign(g=frame.start_year.fillna(0).astype(int), unit=pd.factorize(frame[unit])[0] + 1)
    found = ATTgt("y", "year", "unit", "g", frame[["y", "year", "unit", "g"]], ["notyettreated"])
    found = found.fit(est_method="dr", bstrap=False).aggte("simple", bstrap=False, cband=False)
    result = found.atte
    return float(result["overall_att"]), float(np.ravel(result["overall_se"])[0])


def differences(task: str, frame: pd.DataFrame) -> tuple[float, float]:
    from differences import ATTgt

    unit = "student" if "student" in frame.columns else "school_id"
    panel = frame.set_index([unit, "year"])[["y", "start_year"]]
    found = ATTgt(data=panel, cohort_column="start_year")
    result = found.fit("y", control_group="not_yet_treated", progress_bar=False).aggregate("simple")
    numbers = (
        np.ravel(getattr(result, "to_numpy", lambda: result)()) if result is not None else [np.nan, np.nan]
    )
    return float(numbers[0]), float(numbers[1])


ENGINES = {
    "rpeval": ours,
    "diff-diff": diff_diff,
    "pyfixest": pyfixest,
    "csdid": csdid,
    "differences": differences,
}


def main() -> None:
    engine, task, path, repeats = sys.argv[1:]
    with np.load(path, allow_pickle=False) as arrays:
        frame = pd.DataFrame({key: arrays[key] for key in arrays})
    frame["school_id"] = frame["school_id"].astype(str)
    warnings.simplefilter("ignore")
    seconds = []
    for _ in range(int(repeats) + 1):
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            value, se = ENGINES[engine](task, frame)
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"value": value, "se": se, "seconds": seconds[1:], "first": seconds[0], "peak_mb": peak})
    )


if __name__ == "__main__":
    main()
