"""A test of many contrasts at once that holds with few schools."""

from scipy import stats


def box_test(value: float, *, first: float, second: float, df: float, most: int) -> tuple[float, float]:
    """Test a sum of squares against its estimated covariance, whatever the contrasts' correlation.

    Use where there are more contrasts than schools could carry in a Wald test, which needs the inverse of the
    covariance. A sum of squares needs only its trace, and the trace of its square says how many independent
    contrasts it is worth.

    value  : sum of squared contrasts
    first  : trace of their covariance as estimated with `df` degrees of freedom, the same unit
    second : trace of that covariance times itself
    most   : contrasts that can differ freely
    Returns the p-value and the number of independent contrasts, both estimated traces freed of their bias.
    Source: Box (1954), Annals of Mathematical Statistics 25; Huynh & Feldt (1976) for the bias.

    >>> p, worth = box_test(9.0, first=4.0, second=16.0, df=10, most=5)      # as if one: F(1, 10) = 9 / 4
    >>> round(p, 4), worth
    (0.1645, 1.0)
    """
    squares = max(second - first**2 / df, 0.0) * df
    above = (df + 1) * first**2 - 2 * second
    worth = min(max(above / squares, 1.0), float(most)) if squares > 0 else float(most)
    return float(stats.f.sf(value / first, worth, worth * df)), worth
