"""Disproportionality: who is removed more often than others, at which stage, and how sure the numbers are."""
