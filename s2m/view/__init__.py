"""Motion in a browser: a page with what it needs in itself, from a local server or as one file."""
