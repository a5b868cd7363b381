"""The jackknife's variance and Welch's degrees of freedom, written out school by school for the tests."""

import math


def by_hand(full: float, without: dict, starts: dict) -> tuple[float, float]:
    """Standard error and df from the estimate, the estimates without each school, and their start years.

    starts: the cohort of each adopting school; schools that are not in it are the others.
    """
    G, cohorts = len(without), sorted({*starts.values()})
    spare = len(starts) - len(cohorts)
    apart = len(cohorts) > 1 and spare >= 3
    adopting = 0.0
    for cohort in cohorts:
        changes = [without[s] - full for s in without if starts.get(s) == cohort]
        center = sum(changes) / len(changes) if apart else 0.0
        adopting += sum((c - center) ** 2 for c in changes)
    df = len(starts) - 1
    if apart:
        adopting, df = adopting * (len(starts) - 1) / spare, spare
    adopting *= (G - 1) / G
    others = (G - 1) / G * sum((without[s] - full) ** 2 for s in without if s not in starts)
    total = adopting + others
    others_df = max(G - len(starts) - 1, 1)
    return math.sqrt(total), total**2 / (adopting**2 / df + others**2 / others_df)


def starts_of(frame, unit="school_id", start="start_year") -> dict:
    """Start year of each adopting school."""
    return frame.groupby(unit)[start].first().dropna().to_dict()
