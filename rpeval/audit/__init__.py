"""What surrounds a report: does it stand, what is it made of, what changed, and what was decided."""
