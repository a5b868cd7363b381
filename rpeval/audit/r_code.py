"""The same estimates as R code that an outsider can run, on a plain table written beside it."""

import os
from pathlib import Path

from rpeval.audit.independent import open_study
from rpeval.audit.second_numbers import time_panel
from rpeval.errors import DataError, Problem
from rpeval.findings.store import open_findings, write_whole
from rpeval.inputs.panel import read_panel

IDS = ("suspensions.att", "suspensions.callaway", "suspensions.twfe")

CODE = """\
# {title}: the main estimates by fixest, did and didimputation.
# Written by rpeval, which does not need R: this code was not run when it was written.
# {level}
# install.packages(c("fixest", "did", "didimputation"))
# Run in the folder of this file: Rscript second_opinion.R
#
# Columns: id, school_id; t = running number of the school year (years left out leave no hole); year;
# g = t of the first program year, 0 = never; D = in the program; y = {outcome}; w = weight.

panel <- read.csv("{table}", colClasses = c(school_id = "character"))
ours <- c({ours})

# Imputation (Borusyak, Jaravel & Spiess)
imputed <- didimputation::did_imputation(
  data = panel, yname = "y", gname = "g", tname = "t", idname = "id"{imputation_weights})

# Two-way fixed effects, standard errors by school
twfe <- fixest::feols(y ~ D | id + t, data = panel, cluster = ~id{twfe_weights})

# Effects by cohort and year (Callaway & Sant'Anna), averaged over adopting schools' program years
cells <- did::att_gt(
  yname = "y", tname = "t", idname = "id", gname = "g", data = panel, xformla = ~1,
  control_group = "notyettreated", base_period = "varying", panel = TRUE,
  allow_unbalanced_panel = {unbalanced}{did_weights}, bstrap = FALSE, cband = FALSE)
cohorts <- did::aggte(cells, type = "simple", na.rm = TRUE)

theirs <- c(suspensions.att = imputed$estimate[1], suspensions.callaway = cohorts$overall.att,
            suspensions.twfe = unname(coef(twfe)["D"]))
both <- data.frame(finding = names(theirs), ours = ours[names(theirs)], theirs = theirs, row.names = NULL)
both$apart <- both$theirs - both$ours
print(both, digits = 10)
"""


def write_r(folder: Path | str, target: Path | str) -> tuple[Path, Path]:
    """Write R code for the main estimates, and the table that it reads, into a folder.

    Use it to let an outsider check the main numbers with programs that share nothing with this one.

    folder : a finished report in its project; target : where the two files go
    Returns the paths of second_opinion.R and of its table. In a study of real data the table holds every
    school's numbers before disclosure control: its name and the code's head say "restricted". Refuses
    (RunError) inputs that are not as the run read them; DataError: a study without program starts.
    """
    folder, target = Path(os.path.abspath(folder)), Path(os.path.abspath(target))
    params, found = open_study(folder), open_findings(folder)
    panel = read_panel(params)
    if not panel.has_adoption:
        what = "The study does not know when programs start, so there is no effect to estimate."
        raise DataError(Problem("sources.adoption", what, "Name a list of starts."))
    rows = time_panel(panel.frame, outcome=params.outcome).rename(columns={params.outcome: "y"})
    rows["w"] = rows[params.weight_column] if params.weight_column else 1.0
    columns = ["id", "school_id", "t", "year", "g", "D", "y", "w"]
    name = "panel.csv" if params.simulated else "panel.restricted.csv"
    write_whole(target / name, rows[columns].to_csv(index=False, lineterminator="\n"))
    known = {id: found.findings[id].value for id in IDS if id in found.findings}
    ours = ", ".join(f"{id} = {value!r}" for id, value in known.items() if isinstance(value, float | int))
    weighted = params.weight_column is not None
    even = rows.groupby("id").size().nunique() == 1 and rows.groupby("t").size().nunique() == 1
    code = CODE.format(
        title=params.title.replace("\n", " "), table=name, ours=ours, outcome=params.outcome,
        level=_level(params.simulated),
        unbalanced="FALSE" if even else "TRUE",
        imputation_weights=', wname = "w"' if weighted else "",
        did_weights=', weightsname = "w"' if weighted else "",
        twfe_weights=", weights = ~w" if weighted else "",
    )  # fmt: skip
    write_whole(target / "second_opinion.R", code)
    return target / "second_opinion.R", target / name


def _level(simulated: bool) -> str:
    if simulated:
        return "Simulated data: no real district is described. Both files may be shared."
    return "RESTRICTED: the table holds every school's numbers before disclosure control. Do not pass it on."
