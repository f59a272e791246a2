"""``python -m studies.mesh.synthetic_bodies``: bodies as stage 3 is taught on by default, made of training frames; a
picture, with
what the default encoder is given of these frames."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from s2m.body import load_body
from s2m.data import FrameDataModule
from s2m.files import write_png
from s2m.heads import ComparingEncoder
from s2m.pretrained import load_mesh_model
from s2m.synthetic.pairs import SyntheticPairs
from studies.command import positive, run_command
from studies.mesh.pictures import compared_picture, synthetic_picture


def main(arguments: list[str] | None = None) -> None:
    """Draw and write the picture.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    run_command(draw, parse(sys.argv[1:] if arguments is None else arguments))


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.mesh.synthetic_bodies", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="artifact of stage 3")
    parser.add_argument("--store", type=Path, required=True, help="frame store")
    parser.add_argument("--split", default="train", help="where frames come from (train)")
    parser.add_argument("--count", type=positive, default=6, help="number of frames (6)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="picture, .png")
    return parser.parse_args(arguments)


def draw(options: argparse.Namespace) -> None:
    """Make the bodies.

    Args:
        options: The parsed command line.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    model, artifact = load_mesh_model(options.model, load_body(None))
    data = FrameDataModule(str(options.store), artifact.joint_set, train_split=options.split, batch_size=options.count)
    frame = data.training_sample(options.count)
    pictures = [synthetic_picture(model, SyntheticPairs(), frame)]
    if isinstance(model.encoder, ComparingEncoder):
        pictures.append(compared_picture(model, frame))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_png(options.output, np.concatenate(pictures))
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
