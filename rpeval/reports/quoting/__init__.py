"""Numbers that leave the report: filled into other documents, checked there later, and the words around them."""
