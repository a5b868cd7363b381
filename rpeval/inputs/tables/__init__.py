"""Any table file, read by its layout into columns of the study, every row that leaves counted."""
