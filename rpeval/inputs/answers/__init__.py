"""From the texts of a survey file to one row of codes per respondent, and whom the survey invited."""
