"""From rows of schools or students to one checked row per school and year, with program starts."""
