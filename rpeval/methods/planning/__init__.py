"""Before a program starts: what a study could detect, and a fair order of adoption that anyone can check."""
