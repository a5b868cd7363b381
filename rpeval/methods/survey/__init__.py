"""A survey of students: what the items measure, who answered, what changed."""
