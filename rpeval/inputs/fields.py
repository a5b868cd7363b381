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
INVITED = "invited_n"
STAMP = "simulated"


def rate_of(count: str) -> str:
    """Name the rate of a count.

    >>> rate_of("oss_n"), rate_of("oss_days")
    ('oss_per_100', 'oss_days_per_100')
    """
    return f"{count.removesuffix('_n')}_per_100"


RATES = {rate_of(count): count for count in COUNTS}
REMOVALS = "removals_per_100"
NUMBERS = (ENROLLED, INVITED, *COUNTS, *RATES, "days")
KEYS = ("school_id", "school_name", "year", "date", "group", "start_year", STAMP)
STUDENT_KEYS = ("student_id", "action_id", "kind")
FIELDS = (*KEYS, *NUMBERS, *STUDENT_KEYS)


def counted(n: int, noun: str, one: str = "", many: str = "") -> str:
    """Count things, with the verb that fits.

    >>> counted(1, "row", "has", "have"), counted(1204, "school", "stays", "stay"), counted(2, "cell")
    ('1 row has', '1,204 schools stay', '2 cells')
    """
    ending, verb = ("", one) if n == 1 else ("s", many)
    return f"{n:,} {noun}{ending}{verb and ' ' + verb}"


def words_of(field: str) -> str:
    """Name a column in words, with its name in parentheses.

    >>> words_of("oss_n"), words_of("enrolled_n")
    ('out-of-school suspensions (oss_n)', 'enrollment (enrolled_n)')
    """
    words = {ENROLLED: "enrollment", INVITED: "students invited", **COUNTS}.get(field)
    return f"{words} ({field})" if words else field
