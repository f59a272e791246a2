"""A lifter goes on learning on a user's own recordings: 2D joints are all that it needs."""
