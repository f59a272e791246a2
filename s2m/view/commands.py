"""``s2m view``: motion in a browser."""

from __future__ import annotations

import argparse
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.errors import UserError
from s2m.files import write_text
from s2m.ik.source_options import FILES, add_sources, check_sources, files_named
from s2m.options import add_overwrite, add_voice, check_outputs, say

if TYPE_CHECKING:
    from s2m.view.collection import Collection

_ABOUT = """Show motion in a browser: play, scrub, turn; the body, its joints, the joints of the file that it was found
from, the floor; two files side by side. The page is served to this machine alone, until Ctrl-C; --static writes it as
one file that needs no server, no network."""
_LARGEST = 300 << 20  # bytes of motion in one page


def add_view_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m view``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
    parser = subparsers.add_parser("view", help="motion in a browser", description=_ABOUT)
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help=f"files of motion, the first two side by side: {FILES}, .glb; or a folder of such files",
    )
    parser.add_argument("--static", type=Path, metavar="HTML", help="write the page to this file instead")
    parser.add_argument("--port", type=int, default=0, help="port of the server (default: any that is free)")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_sources(parser)
    add_overwrite(parser)
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; without ``--static``, until Ctrl-C.

    Args:
        arguments: Parsed options of ``s2m view``.

    Returns:
        Exit code 0.

    Raises:
        UserError: For bad input.
    """
    if not 0 <= arguments.port < 1 << 16:
        raise UserError(f"--port: expected a number from 0 to 65535, found {arguments.port}")
    if arguments.static is not None:
        inputs = [*arguments.files, *files_named(arguments)]
        check_outputs({"--static": (arguments.static, ".html")}, inputs, arguments.overwrite)
    check_sources(arguments)

    from s2m.ik.chosen_body import BodyChoice
    from s2m.view.collection import Collection, files_of

    files, root = files_of(arguments.files)
    with tempfile.TemporaryDirectory(prefix="s2m-") as folder:
        collection = Collection(files, BodyChoice.of(arguments.body), Path(folder), arguments)
        if arguments.static is not None:
            _write(collection, root, arguments)
        else:
            _serve(collection, root, arguments)
    return 0


def _title(collection: Collection, root: Path | None) -> str:
    return root.resolve().name if root is not None else " and ".join(path.name for path in collection.files[:2])


def _write(collection: Collection, root: Path | None, arguments: argparse.Namespace) -> None:
    from s2m.view.page import Shown, viewer_page

    shown, size = [], 0
    for number, name in enumerate(collection.names(root)):
        content = collection.glb(number)
        size += len(content)
        if size > _LARGEST:
            raise UserError(f"{name}: expected at most {_LARGEST >> 20} MB of motion in one page, found more")
        shown.append(Shown(name, content))
    write_text(arguments.static, viewer_page(shown, _title(collection, root), beside=root is None))
    say(arguments, f"{arguments.static}: {len(shown)} motion{'s' if len(shown) > 1 else ''}")


def _serve(collection: Collection, root: Path | None, arguments: argparse.Namespace) -> None:
    from s2m.view.server import ViewServer

    if root is None:  # what cannot be read is said here, not in the browser
        for number in range(len(collection.files)):
            collection.glb(number)
    names, title = collection.names(root), _title(collection, root)
    with ViewServer(collection, names, title, beside=root is None, port=arguments.port) as server:
        print(f"{server.url} shows {len(names)} motions until Ctrl-C", flush=True)
        if arguments.open:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say(arguments, "stopped")
