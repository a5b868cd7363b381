"""Difference-in-differences on a panel of schools: estimators, inference, and what could sink them."""
