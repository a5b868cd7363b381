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
NUMBERS = (*WORDS, *RATES, "days")
KEYS = ("school_id", "school_name", "year", "date", "group", "start_year", STAMP)
FIELDS = (*KEYS, *NUMBERS, "student_id", "action_id", "kind")


def words_of(field: str) -> str:
    """Name a column in words, with its name in parentheses.

    >>> words_of("oss_n"), words_of("enrolled_n")
    ('out-of-school suspensions (oss_n)', 'enrollment (enrolled_n)')
    """
    return f"{WORDS[field]} ({field})" if field in WORDS else field
