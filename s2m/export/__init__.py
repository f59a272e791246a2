"""Motion of bodies as the files that other programs open: one model of a motion, one writer per format."""
