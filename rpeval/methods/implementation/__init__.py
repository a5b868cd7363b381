"""What was delivered: training, dose, fidelity, access, each with its denominator."""
