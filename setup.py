"""Copies ``configs/`` into the wheel, as ``s2m/configs``, and mends the README's links; the rest is in setup.cfg."""

import os
import re
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SOURCE = Path(__file__).parent
_FENCED = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s]+)\)")


def long_description(readme: str, url: str = "") -> str:
    """The README as a package index shows it, which has no other file of the repository.

    Args:
        readme: Markdown.
        url: Where the repository's files are shown, ``https://HOST/OWNER/NAME/blob/VERSION``: relative links become
            absolute, those of pictures with ``/raw/`` in place of ``/blob/``. Empty: links become their text.

    Returns:
        Markdown without relative links. Code is left as it is.
    """

    def mended(match: re.Match[str]) -> str:
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            return match[0]
        if not url:
            return match["text"]
        base = url.rstrip("/")
        base = base.replace("/blob/", "/raw/") if match["image"] else base
        place = f"{base}/README.md{target}" if target.startswith("#") else f"{base}/{target}"
        return f"{match['image']}[{match['text']}]({place})"

    parts = _FENCED.split(readme)
    return "".join(part if part.startswith("```") else _LINK.sub(mended, part) for part in parts)


class BuildWithConfigs(build_py):
    """The package's files, and the configuration files that it finds by name (s2m/config_files.py)."""

    def run(self) -> None:
        """Build; an editable install finds the folder where it is."""
        super().run()
        if not self.editable_mode:
            for source, target in self._configs().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name the copies too."""
        return [*super().get_outputs(include_bytecode), *self._configs().values()]

    def _configs(self) -> dict[str, str]:
        files = sorted((SOURCE / "configs").rglob("*.yaml"))
        return {str(file): str(Path(self.build_lib, "s2m", file.relative_to(SOURCE))) for file in files}


if __name__ == "__main__":
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    setup(
        cmdclass={"build_py": BuildWithConfigs},
        long_description=long_description(text, os.environ.get("README_URL", "")),
    )
