"""Hours lost to removals and taken back, screens for what a log hides, incidents and what followed."""
