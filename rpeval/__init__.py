"""rpeval: evaluate a school district's restorative-practices program, one params file per district."""

__version__ = "0.1.0"
