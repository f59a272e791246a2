"""The ranges of numeric options, checked before anything is built."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from s2m.compare.runs import flatten
from s2m.errors import UserError

Rule = tuple[str, Callable[[float], bool]]

_POSITIVE: Rule = ("a number above 0", lambda x: x > 0)
_NOT_NEGATIVE: Rule = ("0 or more", lambda x: x >= 0)
_SHARE: Rule = ("a probability from 0 to 1", lambda x: 0 <= x <= 1)


def _between(low: int, high: int) -> Rule:
    return f"{low} to {high}", lambda x: low <= x <= high


# By the last part of the option's name, in the sections model and data.
_RULES: dict[str, Rule] = {
    **dict.fromkeys(("batch_size", "eval_batch_size", "steps_per_epoch"), _between(1, 10_000_000)),
    **dict.fromkeys(("width", "discriminator_width", "radius", "window"), _between(1, 65_536)),
    **dict.fromkeys(("blocks", "discriminator_blocks"), _between(0, 1_000)),
    **dict.fromkeys(("num_workers",), _between(0, 1_024)),
    **dict.fromkeys(("min_joints",), _between(0, 1_000)),
    **dict.fromkeys(("flip", "missing", "outlier", "swap"), _SHARE),
    **dict.fromkeys(("learning_rate", "decay", "gradient_clip", "rest_bone_length"), _POSITIVE),
    **dict.fromkeys(("noise", "warmup_steps", "penalty", "worker_timeout"), _NOT_NEGATIVE),
    "camera_distance": ("a number above 1", lambda x: x > 1),
    "seed": _between(0, 2**32 - 1),
}
_TRAINER: dict[str, Rule] = {
    "max_epochs": ("-1, or 0 or more", lambda x: x >= -1),
    "max_steps": ("-1, or 0 or more", lambda x: x >= -1),
    "accumulate_grad_batches": _between(1, 1_000_000),
    "check_val_every_n_epoch": _between(1, 1_000_000),
    "log_every_n_steps": _NOT_NEGATIVE,
}


def check_ranges(config: Mapping[str, Any]) -> None:
    """Refuse numbers that no training can use.

    Args:
        config: The configuration as plain data, with its sections.

    Raises:
        UserError: At the first; the message names the option.

    Example:
        >>> check_ranges({"data": {"init_args": {"batch_size": 0}}})
        Traceback (most recent call last):
        s2m.errors.UserError: data.init_args.batch_size: expected 1 to 10000000, found 0
    """
    _check("seed_everything", config.get("seed_everything"), _between(0, 2**32 - 1))
    for section, rules in (("model", _RULES), ("data", _RULES), ("trainer", _TRAINER)):
        for key, value in flatten({section: config.get(section) or {}}).items():
            _check(key, value, rules.get(key.rpartition(".")[2], ("a finite number", math.isfinite)), section)


def _check(name: str, value: Any, rule: Rule, section: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    expected, holds = rule
    # Trainer limits may be infinite, and Lightning checks them.
    if (section != "trainer" and not math.isfinite(value)) or not holds(value):
        if section == "trainer" and expected == "a finite number":
            return
        raise UserError(f"{name}: expected {expected}, found {value}")
