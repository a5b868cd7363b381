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
}
ENROLLED = "enrolled_n"
STAMP = "simulated"


def rate_of(count: str) -> str:
    """Name the rate of a count.

    >>> rate_of("oss_n"), rate_of("oss_days")
    ('oss_per_100', 'oss_days_per_100')
    """
    return f"{count.removesuffix('_n')}_per_100"


RATES = {rate_of(count): count for count in COUNTS}
REMOVALS = "removals_per_100"
NUMBERS = (ENROLLED, *COUNTS, *RATES, "days")
KEYS = ("school_id", "school_name", "year", "date", "group", "start_year", STAMP)
STUDENT_KEYS = ("student_id", "action_id", "kind")
FIELDS = (*KEYS, *NUMBERS, *STUDENT_KEYS)


def words_of(field: str) -> str:
    """Name a column in words, with its name in parentheses.

    >>> words_of("oss_n"), words_of("enrolled_n")
    ('out-of-school suspensions (oss_n)', 'enrollment (enrolled_n)')
    """
    words = {ENROLLED: "enrollment", **COUNTS}.get(field)
    return f"{words} ({field})" if words else field
