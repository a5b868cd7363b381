"""How a simulated study is drawn: schools, students, suspensions, survey, files, and their truth."""
