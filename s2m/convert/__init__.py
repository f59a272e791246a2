"""One file of motion as another: what `s2m convert` and `s2m view` read, and the command."""
