"""The bodies that the renderers' tests draw."""

from tests.render.conftest import people, triangle

__all__ = ["people", "triangle"]
