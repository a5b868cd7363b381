"""Run the benches: python bench/run.py [BENCH ...] [--full].

The quick run takes minutes and writes to bench/out/; the full one writes the tables that are kept in bench/.
"""

import argparse
from pathlib import Path

import calibration
import cases
import did
import faults
import many
import picture
import placebo
import survey
import survey_calibration
import synthesis

HERE = Path(__file__).parent
BENCHES = (
    "did",
    "calibration",
    "fresh",
    "placebo",
    "survey_calibration",
    "survey",
    "synthesis",
    "faults",
    "many",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("benches", nargs="*", help=f"of {', '.join(BENCHES)}; all when none is named")
    parser.add_argument("--full", action="store_true", help="the whole measurement, into bench/")
    parser.add_argument("--draws", type=int, help="samples of each design, or placebo adoptions")
    chosen = parser.parse_args()
    if unknown := set(chosen.benches) - set(BENCHES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    folder = HERE if chosen.full else HERE / "out"
    folder.mkdir(exist_ok=True)
    wanted = chosen.benches or BENCHES
    if "did" in wanted:
        did.write(did.run(full=chosen.full), folder)
    if "calibration" in wanted:
        R = chosen.draws or (calibration.FULL if chosen.full else calibration.QUICK)
        table = calibration.run(R)
        print(calibration.write(table, R, folder))
        picture.write(table, folder)
    if "fresh" in wanted:
        R = chosen.draws or (calibration.FULL if chosen.full else calibration.QUICK)
        table = calibration.run(R, cases.fresh(calibration.FRESH, calibration.FRESH_SEED), bootstrap=False)
        print(calibration.write(table, R, folder, name="fresh", more=calibration.FRESH_ABOUT))
    if "placebo" in wanted:
        draws = chosen.draws or (placebo.FULL if chosen.full else placebo.QUICK)
        print(placebo.write(placebo.run(draws), draws, folder))
    if "survey_calibration" in wanted:
        R = chosen.draws or (survey_calibration.FULL if chosen.full else survey_calibration.QUICK)
        print(survey_calibration.write(survey_calibration.run(R), R, folder))
    if "survey" in wanted:
        draws = chosen.draws or (survey.FULL if chosen.full else survey.QUICK)
        survey.write(survey.run(full=chosen.full), survey.judge_gate(draws), draws, folder)
    if "synthesis" in wanted:
        draws = chosen.draws or (synthesis.FULL if chosen.full else synthesis.QUICK)
        print(synthesis.write(synthesis.run(draws), draws, folder))
    if "faults" in wanted:
        found = faults.run(chosen.draws or (faults.FULL if chosen.full else faults.QUICK))
        print(faults.write(found, folder))
    if "many" in wanted:
        many.tell(many.run(full=chosen.full), folder)
    print(f"Tables are in {folder.relative_to(HERE.parent)}/.")


if __name__ == "__main__":
    main()
