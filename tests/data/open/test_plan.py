from __future__ import annotations

import numpy as np
import pytest

from s2m.data.motion import MotionError, open_motion
from s2m.data.open.config import ClipSplit, Frames, OpenConfig
from s2m.data.open.plan import plan, split_clips, stored_splits, stream, subject


def test_clips_are_disjoint_and_all_used() -> None:
    clips = open_motion()
    groups = split_clips(clips, ClipSplit())
    used = [i for group in groups.values() for i in group]
    assert sorted(used) == list(range(len(clips)))
    assert set(groups) == {"train", "val", "test", "acrobatic"}


def test_unknown_clips_are_named() -> None:
    with pytest.raises(MotionError, match="no clip fits moonwalk; there are: backflip"):
        split_clips(open_motion(), ClipSplit(test=("moonwalk",)))
    with pytest.raises(MotionError, match=r"clips.val: no clip fits no pattern"):
        split_clips(open_motion(), ClipSplit(val=()))


def test_clips_are_named_by_patterns() -> None:
    clips = open_motion()
    groups = split_clips(
        clips, ClipSplit(used=("*k", "dance_*", "punch"), val=("kick",), test=("walk", "p*"), acrobatic=("spin*",))
    )
    names = {group: {clips[i].name for i in found} for group, found in groups.items()}
    assert names["test"] == {"walk", "punch"}
    assert names["acrobatic"] == {"spinkick"}
    assert names["train"] == {name for name in (clip.name for clip in clips) if name.startswith("dance_")}
    with pytest.raises(MotionError, match="in more than one split: walk"):
        split_clips(clips, ClipSplit(val=("walk",)))


def test_jobs_tile_every_split(tiny: OpenConfig) -> None:
    rows = stored_splits(tiny.frames)
    covered = {split: np.zeros(count, int) for split, count in rows.items()}
    for job in plan(tiny, open_motion()):
        for split in job.variants:
            covered[split][job.start : job.start + job.count] += 1
    assert all((counts == 1).all() for counts in covered.values())


def test_recordings_run_through_the_clips_of_their_group_in_turn() -> None:
    clips = open_motion()
    jobs = [job for job in plan(OpenConfig(frames=Frames(test=900)), clips) if job.split == "test"]
    names = [clips[job.clip].name for job in jobs]
    assert len(names) > 3
    assert names[3] == names[0]
    assert set(names) == {"walk", "dance_b", "punch"}
    assert [job.count for job in jobs[:-1]] == [len(clips[job.clip]) for job in jobs[:-1]]


def test_training_recordings_are_of_training_clips_alone(tiny: OpenConfig) -> None:
    clips = open_motion()
    held = {name for group in (tiny.clips.val, tiny.clips.test, tiny.clips.acrobatic) for name in group}
    shown = {clips[job.clip].name for job in plan(tiny, clips) if job.split == "train_video"}
    assert shown
    assert not shown & held


def test_no_subject_is_in_two_splits(tiny: OpenConfig) -> None:
    drawn = [subject(tiny, split, n) for split in ("train", "val", "test", "acrobatic") for n in range(50)]
    assert len(np.unique(np.stack(drawn).round(6), axis=0)) == 200
    assert np.std(drawn) == pytest.approx(1.0, abs=0.06)


def test_streams_differ_by_name_and_repeat(tiny: OpenConfig) -> None:
    assert stream(tiny, "a", 1).random() == stream(tiny, "a", 1).random()
    assert len({stream(tiny, *names).random() for names in (("a", 1), ("a", 2), ("b", 1))}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask_size": 30}, "mask_size: expected a positive multiple of 4, found 30"),
        ({"chunk": 0}, "chunk"),
        ({"frames": Frames(val=0)}, "val"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OpenConfig(**change)
