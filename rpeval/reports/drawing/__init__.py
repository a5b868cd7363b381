"""How figures are drawn: one function for each kind, the marks they share, text alternatives."""
