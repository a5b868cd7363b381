"""Numbers that leave the report: filled into documents, checked there later, and the words around them."""
