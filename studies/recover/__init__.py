"""How long ``s2m recover`` takes, and for what."""
