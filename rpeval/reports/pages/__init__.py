"""A document in each of its forms; none of them computes anything."""
