"""Copies ``configs/`` into the wheel, as ``s2m/configs``; everything else about the package is in setup.cfg."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SOURCE = Path(__file__).parent


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


setup(cmdclass={"build_py": BuildWithConfigs})
