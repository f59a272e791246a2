"""The settings that change no result: where things lie, how a run is executed, what it is called, how often it reports.

One list for two questions: whether two runs are one configuration (:mod:`s2m.compare.settings`), and whether a
checkpoint belongs to the settings at hand (:mod:`stages.cli`).
"""

from __future__ import annotations

_TRAINER = (
    "accelerator", "barebones", "benchmark", "callbacks", "check_val_every_n_epoch", "default_root_dir",
    "detect_anomaly", "devices", "enable_autolog_hparams", "enable_checkpointing", "enable_model_summary",
    "enable_progress_bar", "log_every_n_steps", "logger", "num_nodes", "num_sanity_val_steps", "profiler", "strategy",
    "use_distributed_sampler",
)  # fmt: skip
_DATA = ("store", "num_workers", "worker_timeout", "resident")
# Options of the suite itself.
_SUITE = ("output", "project", "group", "tags", "checkpoint_minutes")
# Artifacts that a stage builds on, by the key that holds their path; what is in them counts, by its hash.
PARENTS = {"lifter": "model.lifter", "regressor": "model.pretrained_regressor"}

_KEYS = frozenset(
    {
        *_SUITE,
        *PARENTS.values(),
        *(f"trainer.{name}" for name in _TRAINER),
        *(f"data.init_args.{name}" for name in _DATA),
    }
)


def changes_a_result(key: str) -> bool:
    """Whether a result can depend on a setting.

    Args:
        key: dotted, as in a resolved config: ``trainer.devices``.

    Returns:
        False for what is listed here, and for what lies below it (``trainer.logger.init_args.name``).

    Example:
        >>> changes_a_result("model.learning_rate"), changes_a_result("trainer.devices")
        (True, False)
    """
    parts = key.split(".")
    return not any(".".join(parts[:length]) in _KEYS for length in range(1, len(parts) + 1))
