"""The waist: every number any reader will see, named once, after disclosure control."""

from rpeval.findings.book import Findings
from rpeval.findings.finding import Finding, show_interval, show_number
from rpeval.findings.planted import planted_and_found
from rpeval.findings.store import Collected, collect, gather, open_findings
from rpeval.findings.table import Table, printed

__all__ = [
    "Collected", "Finding", "Findings", "Table", "collect", "gather", "open_findings", "planted_and_found",
    "printed", "show_interval", "show_number",
]  # fmt: skip
