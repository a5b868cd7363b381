"""The columns a table of schools can have after reading, in the words of the reports."""

COUNTS = {
    "oss_n": "out-of-school suspensions",
    "iss_n": "in-school suspensions",
    "expelled_n": "expulsions",
    "suspended_n": "students suspended",
    "oss_days": "days of out-of-school suspension",
    "referred_n": "referrals to law enforcement",
    "arrested_n": "school-related arrests",
    "transferred_n": "disciplinary transfers",
    "placed_n": "alternative placements",
}
# How a removal of each count is called in the ledger of removals, and an absence of each kind.
REMOVAL_OF = {
    "oss_n": "out_of_school",
    "iss_n": "in_school",
    "expelled_n": "expulsion",
    "placed_n": "alternative_placement",
    "transferred_n": "transfer",
    "referred_n": "police_referral",
    "arrested_n": "arrest",
}
ABSENCE_OF = {
    "early_release": "early_release",
    "present_not_in_class": "present_not_in_class",
    "unexcused": "absence_after_incident",
}
ENROLLED, INVITED, REMOVALS = "enrolled_n", "invited_n", "removals_per_100"
WORDS = {ENROLLED: "enrollment", INVITED: "students invited", **COUNTS}
STAMP = "simulated"


def rate_of(count: str) -> str:
    """Name the rate of a count.

    >>> rate_of("oss_n"), rate_of("oss_days")
    ('oss_per_100', 'oss_days_per_100')
    """
    return f"{count.removesuffix('_n')}_per_100"


RATES = {rate_of(count): count for count in COUNTS}
IDEA_COUNTS = ("cell_n", "of_n")
# The logs of the program itself: what was done, by whom, and what it took.
PROGRAM_COUNTS = (
    "events_n", "minutes", "students_n", "staff_n", "fte", "classes_n", "sections_n", "planned_n",
    "attended_days", "possible_days", "incidents_n", "fall_attended_days", "fall_possible_days",
    "fall_incidents_n", "quantity", "unit_price", "life_years",
)  # fmt: skip
PROGRAM_TEXTS = (
    "event_id", "practice", "voluntary", "completed", "staff_id", "course", "trained_on", "hired_on",
    "left_on", "employed", "indicator", "rater", "role", "funding", "site", "restorative", "ingredient",
    "unit", "phase", "perspective",
)  # fmt: skip
NUMBERS = (*WORDS, *RATES, *IDEA_COUNTS, "days", "hours", "tier", "score", *PROGRAM_COUNTS)
KEYS = ("school_id", "school_name", "year", "date", "group", "start_year", STAMP)
INCIDENT = ("incident_id", "type", "severity", "response", "agreement")
FIELDS = (*KEYS, *NUMBERS, *INCIDENT, "student_id", "action_id", "kind", "category", "level", *PROGRAM_TEXTS)


def words_of(field: str) -> str:
    """Name a column in words, with its name in parentheses.

    >>> words_of("oss_n"), words_of("enrolled_n")
    ('out-of-school suspensions (oss_n)', 'enrollment (enrolled_n)')
    """
    return f"{WORDS[field]} ({field})" if field in WORDS else field
