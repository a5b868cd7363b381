"""The logs of the program itself: practices, training, fidelity, staff, sections, summers and costs."""
