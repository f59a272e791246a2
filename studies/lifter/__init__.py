"""How good a lifter is: conditions, baselines, and the table that compares trained variants over seeds."""
