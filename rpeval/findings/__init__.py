"""The waist: every number any reader will see, named once, after disclosure control."""
