"""Bodies in SMPL format: the open one that ships with the package, and a user's own."""

from s2m.body.arrays import BodyFileError
from s2m.body.load import load_body
from s2m.body.model import Body

__all__ = ["Body", "BodyFileError", "load_body"]
