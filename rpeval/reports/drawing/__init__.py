"""How figures are drawn: one function for each kind, the marks they share, text alternatives."""

KEPT = "RPEVAL_FIGURES"  # the folder in which a run's notebooks leave what they drew, for the run's own pages
