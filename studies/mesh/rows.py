"""What the ablation study trains: its rows, and the public commands that train each of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path, PurePath

from s2m.errors import UserError
from studies.code_mark import code_mark
from studies.lifter import rows as lifters
from studies.lifter.runner import Job, recording, settings_hash, training_environment

FULL = "full"
SHARED, ALL = "h36m17", "s2m27"
PARENTS = ("lifter", "regressor")
# What the tables show; the others take their time, and so does a validation that decides nothing.
SPLIT = "test"
WITHOUT_VALIDATION = ("--trainer.limit_val_batches", "0")


@dataclass(frozen=True)
class Row:
    """One trained row.

    Attributes:
        label: For people.
        overlay: Of ``configs``, without its ending; empty for the full model.
        joint_set: The joint set.
        published: The row's name in the paper's Table 7; empty where the paper has none.
        costly: Not trained unless asked for by name, since it takes days on a CPU.
        stage: What is trained last.
        once: With the first seed alone; of rows that no table of the paper has.
    """

    name: str
    label: str
    overlay: str = ""
    joint_set: str = SHARED
    published: str = ""
    costly: bool = False
    stage: str = "mesh"
    once: bool = False


ROWS = (
    Row(FULL, "full", published="full"),
    Row("no_dik", "no DIK (learned rotations)", "ablation/no_dik", published="without DIK"),
    Row("no_sr", "no SR (mean shape, no mask loss)", "ablation/no_sr", published="without SR"),
    Row(
        "no_regressor",
        "no regressor (the body's own, fixed)",
        "ablation/no_regressor",
        published="without adaptive regressor",
    ),
    Row("no_pr", "no PR", "ablation/no_pr", published="without PR"),
    Row("no_synthetic_supervision", "no synthetic bodies (Eqn. 7 alone)", "ablation/no_synthetic_supervision"),
    Row("pr_all", "PR on all joints", "ablation/pr_all"),
    Row("silhouette_root", "root from the silhouette", "ablation/silhouette_root"),
    Row("residual_root", "root: skeleton + learned residual", "ablation/residual_root"),
    Row("mse_mask", "mask loss: MSE", "ablation/mse_mask"),
    Row("exact_renderer", "renderer: exact, no fill, no cull", "ablation/exact_renderer"),
    Row("sharper_silhouette", "renderer: sigma 1e-5 instead of 3e-5", "ablation/sharper_silhouette"),
    Row("pytorch3d_renderer", "renderer: PyTorch3D, K = 25", "ablation/pytorch3d_renderer", costly=True),
    Row("whole_mask", "mask as a whole, no windows", "ablation/whole_mask", once=True),
    Row("silhouette_encoder", "encoder: ResNet-18 on the mask", "ablation/silhouette_encoder", once=True),
    Row("clean_frames", "shown frames as they are", "ablation/clean_frames", once=True),
    Row("augmented", "shown wrong masks, too", "ablation/augmented", once=True),
    Row("paper_weights", "the paper's weights, as printed", "weights/paper", once=True),
    Row("supervised", "supervised counterpart (3D truth: no competitor)", "mesh_supervised", stage="mesh_supervised"),
    Row("full_s2m27", "full, 27 joints (PR a residual)", "", ALL),
    Row("no_pr_s2m27", "no PR, 27 joints (ends by DIK alone)", "ablation/no_pr", ALL),
)


def chosen_rows(names: list[str] | None, seeds: int) -> dict[Row, int]:
    """Rows in the table's order and how many seeds each gets; all but the costly ones if not given.

    Args:
        names: ``ROW``, or ``ROW:SEEDS`` for a number of its own. UserError for unknown names and other numbers.
    """
    if names is None:
        return {row: 1 if row.once else seeds for row in ROWS if not row.costly}
    own = dict(_row_and_seeds(name) for name in names)
    known = {row.name for row in ROWS}
    unknown = [name for name in own if name not in known]
    if unknown:
        raise UserError(f"--rows: expected some of {' '.join(sorted(known))}, found {' '.join(unknown)}")
    counts = {row: own.get(row.name) or (1 if row.once else seeds) for row in ROWS}
    return {row: count for row, count in counts.items() if row.name in {*own, FULL}}


def _row_and_seeds(text: str) -> tuple[str, int | None]:
    name, colon, count = text.partition(":")
    if colon and not (count.isdigit() and int(count)):
        raise UserError(f"--rows {text}: expected ROW or ROW:SEEDS with at least one seed, found '{count}'")
    return name, int(count) if colon else None


@dataclass(frozen=True)
class Setting:
    """What all trainings share.

    Attributes:
        root: Of the repository.
        output: Folder of the runs.
        lifters: Folder of the runs of ``make table-lifter``, whose ``ours`` is this study's stage 1, too.
        python: Interpreter.
        preset: Name of the preset.
        store: The data.
        store_hash: Hash of the store.
        extra: Further arguments of every training and of stage 3 alone.
        mesh_extra: Further arguments of stage 3 alone.
        threads: Per training.
    """

    root: Path
    output: Path
    lifters: Path
    python: str
    preset: str
    data: str
    store: Path
    store_hash: str
    extra: tuple[str, ...] = ()
    mesh_extra: tuple[str, ...] = ()
    threads: int = 1


@dataclass(frozen=True)
class Chain:
    """The trainings that a row needs for one seed; those of the first two stages are shared by rows.

    Attributes:
        lifter: The lifter.
    """

    lifter: Job
    regressor: Job
    mesh: Job


def chain(row: Row, seed: int, setting: Setting) -> Chain:
    """The three trainings of a row with one seed.

    Args:
        row: A row of the table.
        seed: Of the random numbers.
    """
    shared = f"shared-{row.joint_set}-s{seed}"
    lifter = _lifter(row.joint_set, seed, setting)
    regressor = _job("regressor", shared, row, seed, setting, {"lifter": lifter})
    parents = {"lifter": lifter, "pretrained_regressor": regressor}
    return Chain(lifter, regressor, _job(row.stage, f"{row.name}-s{seed}", row, seed, setting, parents))


def _lifter(joint_set: str, seed: int, setting: Setting) -> Job:
    same = {field.name: getattr(setting, field.name) for field in fields(lifters.Setting) if field.name != "output"}
    return lifters.job(lifters.Row(lifters.OURS, joint_set), seed, lifters.Setting(output=setting.lifters, **same))


def _job(stage: str, folder: str, row: Row, seed: int, setting: Setting, parents: dict[str, Job]) -> Job:
    configs, last = setting.root / "configs", stage == row.stage
    scheme = "mesh" if last else stage  # the supervised counterpart is a layer on stage 3's
    layers = [
        configs / f"{scheme}.yaml",
        configs / "data" / f"{setting.data}.yaml",
        configs / "preset" / setting.preset / f"{scheme}.yaml",
    ]
    if last and row.overlay:
        layers.append(configs / f"{row.overlay}.yaml")
    arguments = [
        *(part for layer in layers for part in ("--config", str(layer.relative_to(setting.root)))),
        *("--data.init_args.joint_set", row.joint_set),
        # Seed of the order and the mirroring of the frames, too: a seed is one whole repetition.
        *("--seed_everything", str(seed), "--data.init_args.seed", str(seed)),
        *(("--data.init_args.test_splits", json.dumps([SPLIT]), *WITHOUT_VALIDATION) if last else ()),
        *setting.extra,
        *(setting.mesh_extra if last else ()),
    ]
    output = setting.output.absolute() / folder / stage
    # Where files lie does not change a result; the store comes after the configs, which name one of their own.
    group = row.name if last else folder.removesuffix(f"-s{seed}")
    ablation = PurePath(row.overlay).name if last and row.overlay else FULL
    places = ["--output", str(output), *recording(group, setting.preset, setting.data, ablation)]
    made = ["--data.init_args.store", str(setting.store.absolute())]
    for argument, parent in parents.items():
        made += [f"--model.{argument}", str(parent.artifact)]
    before = [parent.settings for parent in parents.values()]
    return Job(
        name=f"{folder}, {stage}",
        command=(setting.python, "-m", "stages", stage, *places, *arguments, *made),
        artifact=output / f"{stage}.pt",
        settings=settings_hash(arguments, layers, stage, setting.store_hash, *before),
        directory=setting.root,
        code=code_mark(stage, layers),
        environment=training_environment(setting.root, setting.threads),
    )
