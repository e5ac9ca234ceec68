"""Numbers with their doubt: curves over thresholds, intervals, paired differences, ties. Never imports torch."""
