"""Findings in, figures and pages out; nothing is computed here."""
