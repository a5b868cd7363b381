"""What several tests of reports share."""

import pytest

from rpeval.reports import figures


@pytest.fixture(scope="module")
def no_drawing():
    """Leave the pictures out: other tests look at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "svg", lambda table: "<svg></svg>")
        yield
