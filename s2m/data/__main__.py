"""``python -m s2m.data``."""

from s2m.data.commands import main

if __name__ == "__main__":
    raise SystemExit(main())
