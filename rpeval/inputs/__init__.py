"""Files in, checked frames out; every dropped row has a counted reason."""
