"""``torchrun --nproc-per-node N -m s2m.recover FOLDER -o DIR``: each process takes its share of the files."""

from __future__ import annotations

import sys

from s2m.cli import main

if __name__ == "__main__":
    sys.exit(main(["recover", *sys.argv[1:]]))
