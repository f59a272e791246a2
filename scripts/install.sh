#!/usr/bin/env bash
# Create the virtual environment and install the pinned packages: all extras, at the versions that CI ran. Called by make; safe to call again.
set -euo pipefail

if [ -z "${PYTHON:-}" ]; then
    found=$(python3 --version 2>/dev/null || echo "no python3")
    echo "error: the training environment needs Python 3.10, 3.11 or 3.12; found $found." >&2
    echo "       Install one of them, or name it: make train PYTHON=/path/to/python3.11" >&2
    exit 1
fi
needed_mb=6500
[ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c 'import torch' 2>/dev/null && needed_mb=500
free_mb=$(df -Pm . | awk 'NR==2 {print $4}')
if [ "$free_mb" -lt "$needed_mb" ]; then
    echo "error: the installation needs $needed_mb MB of disk; found $free_mb MB free in $(pwd)." >&2
    exit 1
fi
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
echo "Installing into $VENV (once; about 6 GB, a few minutes) ..."
# Without compiling: Python does so for what is imported, and most of these packages never is.
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
