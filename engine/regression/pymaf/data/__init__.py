"""What regressors of people learn from: data sets in SPIN's layout, mixed, changed, cut."""
