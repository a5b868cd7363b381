"""One finding over several studies: their mean, how far they differ, and what a further one could show."""
