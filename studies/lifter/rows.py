"""What the study trains: rows of the table, and the public command that trains each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studies.code_mark import code_mark
from studies.lifter.runner import Job, recording, settings_hash, training_environment

SUPERVISED = "lifter_supervised"
OURS = "ours"
# The rows that are trained for the 27 joints, too; the published schemes know 17.
FOR_ALL_JOINTS = (OURS, SUPERVISED)
JOINT_SETS = ("h36m17", "s2m27")


@dataclass(frozen=True)
class Row:
    """One trained row: a variant of the lifter (``configs/lifter/VARIANT.yaml``) or the supervised counterpart, for
    a joint set.

    Attributes:
        variant: Of the lifter (``configs/lifter/VARIANT.yaml``), or the supervised counterpart.
        joint_set: The joint set.
    """

    variant: str
    joint_set: str

    @property
    def name(self) -> str:
        """In folders and files: ``ours``, ``ours-s2m27``."""
        return self.variant if self.joint_set == JOINT_SETS[0] else f"{self.variant}-{self.joint_set}"

    @property
    def stage(self) -> str:
        """The stage that trains it."""
        return SUPERVISED if self.variant == SUPERVISED else "lifter"

    def configs(self, root: Path, preset: str, data: str) -> list[Path]:
        """Layers, later ones win. The supervised counterpart is ``ours`` with another loss, so it takes that
        variant's layer as well.

        Args:
            root: The repository.
            preset: Name of the preset.
            data: Name of the data's configuration.
        """
        configs = root / "configs"
        layers = [
            configs / "lifter.yaml",
            configs / "data" / f"{data}.yaml",
            configs / "preset" / preset / "lifter.yaml",
        ]
        of_joints = configs / "joints" / self.joint_set / "lifter.yaml"
        if of_joints.is_file() and self.variant in (OURS, SUPERVISED):
            layers.append(of_joints)
        overlay = configs / "lifter" / f"{OURS if self.variant == SUPERVISED else self.variant}.yaml"
        # Without an overlay of its own, `ours` is what configs/lifter.yaml says.
        if overlay.is_file() or self.variant not in (OURS, SUPERVISED):
            layers.append(overlay)
        return [*layers, configs / "lifter_supervised.yaml"] if self.variant == SUPERVISED else layers


def variants(root: Path) -> list[str]:
    """``ours`` and every overlay in ``configs/lifter``, and the supervised counterpart last.

    Args:
        root: The repository.
    """
    overlays = sorted(path.stem for path in (root / "configs" / "lifter").glob("*.yaml"))
    return [OURS, *(name for name in overlays if name != OURS), SUPERVISED]


def table_rows(chosen: list[str], joint_sets: list[str]) -> list[Row]:
    """The rows of the table: every variant for 17 joints, some of them for 27.

    Args:
        chosen: Variants.
        joint_sets: Names of joint sets.
    """
    return [
        Row(variant, joint_set)
        for joint_set in joint_sets
        for variant in chosen
        if joint_set == JOINT_SETS[0] or variant in FOR_ALL_JOINTS
    ]


@dataclass(frozen=True)
class Setting:
    """What all runs of a table share.

    Attributes:
        root: Of the repository.
        output: Folder of the runs.
        python: Interpreter.
        preset: Name of the preset.
        data: Name of the data's configuration.
        store: The data.
        store_hash: Hash of the store.
        extra: Further arguments of every training, e.g. ``--trainer.max_epochs 2``.
        threads: Per training.
    """

    root: Path
    output: Path
    python: str
    preset: str
    data: str
    store: Path
    store_hash: str
    extra: tuple[str, ...] = ()
    threads: int = 1


def job(row: Row, seed: int, setting: Setting) -> Job:
    """The training of a row with one seed.

    Args:
        row: A row of the table.
        seed: Of the random numbers.
        setting: What all runs share.
    """
    layers = row.configs(setting.root, setting.preset, setting.data)
    arguments = [
        *(part for layer in layers for part in ("--config", str(layer.relative_to(setting.root)))),
        *("--data.init_args.joint_set", row.joint_set),
        # Seed of the order and the mirroring of the frames, too: a seed is one whole repetition.
        *("--seed_everything", str(seed), "--data.init_args.seed", str(seed)),
        *("--trainer.check_val_every_n_epoch", "1", *setting.extra),
    ]
    folder = setting.output.absolute() / f"{row.name}-s{seed}" / row.stage
    places = ("--output", str(folder), *recording(row.name, setting.preset, setting.data, row.variant))
    # The store after the configs, which name one of their own.
    made = ("--data.init_args.store", str(setting.store.absolute()))
    return Job(
        name=f"{row.name}, seed {seed}",
        command=(setting.python, "-m", "stages", row.stage, *places, *arguments, *made),
        artifact=folder / f"{row.stage}.pt",
        settings=settings_hash(arguments, layers, row.stage, setting.store_hash),
        directory=setting.root,
        code=code_mark(row.stage, layers),
        environment=training_environment(setting.root, setting.threads),
    )
