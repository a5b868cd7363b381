"""What the program costs, what a day of instruction costs, and what it takes in instruction time."""
