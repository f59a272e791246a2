"""Small valid inputs of ``s2m ik`` and ``s2m lift``, in every format that they read."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from s2m import Solver
from s2m.export.glb import write_glb
from s2m.skeletons import COCO17, H36M17, S2M27, SMPL24
from tests.body.fabricated import arrays
from tests.export.motions import person
from tests.formats.fabricated import FILES
from tests.fuzz.asking import Sample

FRAMES = 3
Array = NDArray[np.float64]


@cache
def skeletons() -> Array:
    """(T, 17, 3) metres, +y up: a person at rest who trembles."""
    rest = Solver("h36m17").rest_joints.numpy().astype(np.float64)
    return rest + np.random.default_rng(0).normal(0, 0.01, (FRAMES, *rest.shape))


def keypoints(joint_set: str = "h36m17") -> Array:
    """(T, K, 3): pixels and confidence."""
    count = {"h36m17": 17, "coco17": 17}[joint_set]
    points = skeletons()
    if joint_set == "coco17":
        points = points[:, [H36M17.index(_nearest(name)) for name in COCO17.joints]]
    pixels = points[..., :2] * [300, -300] + [500, 500]
    sure = np.linspace(0.5, 0.9, count)[None, :, None].repeat(FRAMES, 0)
    return np.concatenate([pixels, sure], axis=-1)


def _nearest(name: str) -> str:
    return name if name in H36M17 else "head"


def _sure(points: Array) -> Array:
    return np.concatenate([points, np.ones_like(points[..., :1])], -1)


def _npy(path: Path, points: Array) -> None:
    np.save(path, points.astype(np.float32))


def _json_list(path: Path, points: Array) -> None:
    path.write_text(json.dumps(points.round(4).tolist()))


def _csv(path: Path, points: Array, header: bool = True) -> None:
    rows = points.reshape(len(points), -1)
    names = [f"{joint}_{axis}" for joint in H36M17.joints for axis in "xyzc"[: points.shape[-1]]]
    np.savetxt(path, rows, "%.4f", ",", header=",".join(names) if header else "", comments="")


def _command(name: str, *more: str) -> Callable[[Path, Path], Sequence[str]]:
    """Of the only file or folder of the inputs, wherever damage has moved it."""
    return lambda given, out: [name, str(only(given)), "-o", str(out / "out.npz"), "-q", *more]


def only(folder: Path) -> Path:
    """What a folder holds."""
    (path,) = folder.iterdir()
    return path


# Files and folders of other programs, as tests/formats/fabricated.py writes them: all whose layout is of its own.
PROGRAMS = (
    *("S001C001P001R001A001.skeleton", "kinect.json", "walk.bvh", "opencap.trc", "amass_stageii.npz"),
    *("humanml3d_263.npy", "motion_272.npy", "mdm_results.npy", "aist.pkl", "lifted.npz"),
    *("mediapipe.json", "mediapipe_wide.csv", "mediapipe_long.csv", "mmpose.json"),
    *("openpose_3d", "easymocap", "hdPose3d_stage1_coco19", "sam3d_body"),
)


def _fabricated(name: str, to: Path) -> None:
    FILES[name](to / name)


def ik_samples() -> list[Sample]:
    """3D joints."""
    points = skeletons()
    run = _command("ik")
    return [
        Sample("ik-npy", lambda to: _npy(to / "a.npy", points), run),
        Sample("ik-npy-sure", lambda to: _npy(to / "a.npy", _sure(points)), _command("ik", "--fit-shape", "--smooth")),
        Sample("ik-npz", lambda to: np.savez(to / "a.npz", joints3d=points, fps=np.array(30)), run),
        Sample("ik-json", lambda to: _json_list(to / "a.json", points), run),
        Sample(
            "ik-json-named",
            lambda to: (to / "a.json").write_text(json.dumps({"joints": points.tolist(), "unit": "m"})) and None,
            run,
        ),
        Sample("ik-csv", lambda to: _csv(to / "a.csv", points), run),
        Sample("ik-csv-bare", lambda to: _csv(to / "a.csv", _sure(points), header=False), run),
        *(Sample(f"ik-{name}", partial(_fabricated, name), run) for name in PROGRAMS),
    ]


def large_samples() -> list[Sample]:
    """Arrays for the reader of large files, packed and as they are, with their confidences beside them."""
    points, seen = skeletons(), keypoints()
    sure = np.ones(points.shape[:2])
    lift = _command("lift", "--video")
    return [
        Sample("ik-large", lambda to: _npy(to / "a.npy", _sure(points)), _command("ik", "--min-confidence", "0.1")),
        Sample("ik-large-npz", lambda to: np.savez(to / "a.npz", joints=points, scores=sure), _command("ik")),
        Sample(
            "lift-large-npz", lambda to: np.savez_compressed(to / "a.npz", keypoints=seen[..., :2], conf=sure), lift
        ),
    ]


def convert_samples() -> list[Sample]:
    """Motion of a body, for ``s2m convert`` and ``s2m view``."""

    def write(to: Path) -> None:
        poses = np.random.default_rng(0).normal(0, 0.1, (FRAMES, 156)).astype(np.float32)
        words = {"gender": "female", "body": "open-body/0123456789ab"}
        more = {"betas": np.ones(10), "mocap_framerate": 30.0, "valid": np.ones(FRAMES, bool)}
        np.savez(to / "a.npz", poses=poses, trans=np.zeros((FRAMES, 3)), **more, **words)  # type: ignore[arg-type]

    def glb(to: Path) -> None:
        write_glb(to / "a.glb", [person(FRAMES)])

    def rotations(to: Path) -> None:
        names = [f"pelvis_at_{axis}" for axis in "xyz"] + [
            f"{joint}_r{axis}" for joint in SMPL24.joints for axis in "xyz"
        ]
        rows = np.random.default_rng(0).normal(0, 0.1, (FRAMES, len(names)))
        times = np.arange(FRAMES)[:, None] * [1, 0.04]
        header = ",".join(["frame", "time", *names])
        np.savetxt(to / "a.csv", np.concatenate([times, rows], 1), "%.6f", ",", header=header, comments="")

    def converted(given: Path, out: Path) -> list[str]:
        return ["convert", str(only(given)), str(out / "out.bvh"), "-q"]

    def shown(given: Path, out: Path) -> list[str]:
        return ["view", str(only(given)), "--static", str(out / "page.html"), "-q"]

    return [
        Sample("convert-glb", glb, converted),
        Sample("convert-npz", write, converted),
        Sample("convert-csv", rotations, converted),
        Sample("view-npz", write, shown),
        Sample("view-glb", glb, shown),
        Sample("view-csv", lambda to: _csv(to / "a.csv", skeletons()), shown),
    ]


def adapt_samples() -> list[Sample]:
    """Recordings, and the lifter to start from; they are too short, which ends the command before it learns."""

    def start(to: Path) -> None:
        _npy(to / "a.npy", keypoints())
        _npy(to / "held.npy", keypoints())
        _shipped(to, "lifter")

    def words(given: Path, out: Path) -> list[str]:
        recordings = [str(path) for path in sorted(given.iterdir()) if path.stem in ("a", "held")]
        lifter = next(path for path in given.iterdir() if path.stem == "lifter")
        held = ["--held-out", recordings[1]]
        return ["adapt", recordings[0], *held, "-o", str(out / "my.pt"), "-q", "--lifter", str(lifter)]

    return [Sample("adapt", start, words, ends=2), Sample("adapt-lifter", start, words, "lifter.pt", ends=2)]


def option_samples() -> list[Sample]:
    """Files that options name: joint sets and bodies."""

    def joint_set(to: Path) -> None:
        _npy(to / "a.npy", skeletons())
        names = [None if name == "neck_nose" else name for name in H36M17.joints]
        (to / "set.yaml").write_text(yaml.safe_dump({"name": "mine", "joints": names}))

    def with_set(given: Path, out: Path) -> list[str]:
        return ["ik", str(given / "a.npy"), "-o", str(out / "out.npz"), "-q", "--joint-set", _other(given, "a.npy")]

    def with_body(given: Path, out: Path) -> list[str]:
        return ["ik", str(given / "a.npy"), "-o", str(out / "out.npz"), "-q", "--body", _other(given, "a.npy")]

    def body_npz(to: Path) -> None:
        _npy(to / "a.npy", skeletons())
        np.savez(to / "body.npz", **small_body())

    def body_pkl(to: Path) -> None:
        _npy(to / "a.npy", skeletons())
        fields = small_body()
        fields["vertex_ids_keys"] = fields["vertex_ids_keys"].tolist()
        fields["vertex_ids_vals"] = fields["vertex_ids_vals"].tolist()
        # Of the optional fields the pickle reader takes none.
        del fields["skeleton_regressor"]
        (to / "body.pkl").write_bytes(pickle.dumps(fields, protocol=2))

    def markers(to: Path) -> None:
        _fabricated("gait.c3d", to)
        _fabricated("markers.yaml", to)

    def with_markers(given: Path, out: Path) -> list[str]:
        file = next(str(path) for path in given.iterdir() if path.stem == "gait")
        return ["ik", file, "-o", str(out / "out.npz"), "-q", "--markers", _other(given, Path(file).name)]

    return [
        Sample("ik-c3d", markers, with_markers, "gait.c3d"),
        Sample("ik-markers", markers, with_markers, "markers.yaml"),
        Sample("ik-joint-set", joint_set, with_set, "set.yaml"),
        Sample("ik-body-npz", body_npz, with_body, "body.npz"),
        Sample("ik-body-pkl", body_pkl, with_body, "body.pkl"),
    ]


def _other(folder: Path, than: str) -> str:
    return str(next(path for path in folder.iterdir() if path.name != than))


@cache
def _body() -> dict[str, Any]:
    """A body of 120 vertices, of which the first 27 are the joints of the open body at rest."""
    from s2m.body import load_body
    from s2m.body.arrays import OFFICIAL_VERTEX_IDS
    from s2m.body.regressors import own_regressor

    open_body = load_body()
    fields = arrays(120)
    template = open_body.v_template.numpy()
    joints = own_regressor(open_body, S2M27).numpy() @ template
    chosen = np.random.default_rng(0).permutation(len(template))[: 120 - len(joints)]
    fields["v_template"] = np.concatenate([joints, template[chosen]])
    fields["shapedirs"] = fields["shapedirs"] * 0.01
    return {
        **fields,
        "vertex_ids_keys": np.array(list(OFFICIAL_VERTEX_IDS)),
        "vertex_ids_vals": np.arange(len(OFFICIAL_VERTEX_IDS)),
        "skeleton_regressor": np.eye(len(joints), 120),
    }


def small_body() -> dict[str, Any]:
    """Its fields; a new dict."""
    return dict(_body())


def lift_samples() -> list[Sample]:
    """2D joints: arrays and what detectors write."""
    points, found = keypoints(), keypoints("coco17")
    run = _command("lift")
    video = _command("lift", "--video", "--min-confidence", "0.1")

    def result(number: int, **more: Any) -> dict[str, Any]:
        return {"image_id": number, "category_id": 1, "keypoints": found[number].ravel().tolist(), "score": 0.9, **more}

    def results(to: Path) -> None:
        (to / "a.json").write_text(json.dumps([result(t) for t in range(FRAMES)]))

    def alphapose(to: Path) -> None:
        named = [result(t, idx=1, box=[1, 2, 3, 4]) | {"image_id": f"{t}.jpg"} for t in range(FRAMES)]
        (to / "a.json").write_text(json.dumps(named))

    def annotations(to: Path) -> None:
        content = {
            "images": [{"id": t, "file_name": f"{t}.jpg", "width": 1000, "height": 1000} for t in range(FRAMES)],
            "annotations": [result(t, id=t, num_keypoints=17) for t in range(FRAMES)],
            "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.joints)}],
        }
        (to / "a.json").write_text(json.dumps(content))

    def mmpose(to: Path) -> None:
        frames = [
            {
                "frame_id": t + 1,
                "instances": [
                    {
                        "keypoints": found[t, :, :2].tolist(),
                        "keypoint_scores": found[t, :, 2].tolist(),
                        "bbox": [[0, 0, 1, 1]],
                        "bbox_score": 0.8,
                    }
                ],
            }
            for t in range(FRAMES)
        ]
        (to / "a.json").write_text(json.dumps({"meta_info": {"dataset_name": "coco"}, "instance_info": frames}))

    def openpose(to: Path) -> None:
        (to / "a").mkdir()
        body = np.zeros((25, 3))
        body[:15] = found[0, :15] if len(found[0]) >= 15 else 0
        for t in range(FRAMES):
            person = {"person_id": [-1], "pose_keypoints_2d": body.ravel().tolist()}
            text = json.dumps({"version": 1.3, "people": [person]})
            (to / "a" / f"clip_{t:012d}_keypoints.json").write_text(text)

    def yolo(to: Path) -> None:
        (to / "a").mkdir()
        for t in range(FRAMES):
            row = [0, 0.5, 0.5, 0.2, 0.9, *(found[t] / [1000, 1000, 1]).ravel(), 0.9, 1]
            (to / "a" / f"walk_{t + 1}.txt").write_text(" ".join(f"{value:g}" for value in row) + "\n")

    def ultralytics(to: Path) -> None:
        def person(t: int) -> dict[str, Any]:
            x, y, visible = found[t].T.tolist()
            return {"name": "person", "confidence": 0.9, "keypoints": {"x": x, "y": y, "visible": visible}}

        (to / "a.json").write_text(json.dumps([{"frame": t, "detections": [person(t)]} for t in range(FRAMES)]))

    def deeplabcut(to: Path) -> None:
        names = [joint for joint in H36M17.joints for _ in range(3)]
        lines = [["scorer", *["DLC"] * 51], ["bodyparts", *names], ["coords", *["x", "y", "likelihood"] * 17]]
        lines += [[str(t), *(f"{value:.2f}" for value in points[t].ravel())] for t in range(FRAMES)]
        (to / "a.csv").write_text("\n".join(",".join(line) for line in lines))

    def named(to: Path) -> None:
        frames = [
            {joint: {"x": x, "y": y, "score": sure} for joint, (x, y, sure) in zip(COCO17.joints, frame, strict=True)}
            for frame in found.tolist()
        ]
        (to / "a.json").write_text(json.dumps(frames))

    return [
        Sample("lift-npy", lambda to: _npy(to / "a.npy", points), run),
        Sample("lift-yolo", yolo, _command("lift", "--image-size", "1000x1000")),
        Sample("lift-ultralytics", ultralytics, video),
        Sample("lift-deeplabcut", deeplabcut, run),
        Sample("lift-named", named, run),
        Sample("lift-npz", lambda to: np.savez(to / "a.npz", keypoints=points[..., :2]), video),
        Sample("lift-json", lambda to: _json_list(to / "a.json", points), run),
        Sample("lift-csv", lambda to: _csv(to / "a.csv", points), run),
        Sample("lift-results", results, run),
        Sample("lift-alphapose", alphapose, video),
        Sample("lift-annotations", annotations, run),
        Sample("lift-mmpose", mmpose, run),
        Sample("lift-openpose", openpose, video),
    ]


def artifact_samples() -> list[Sample]:
    """A lifter and its heads of the user's own: the shipped ones under another name."""
    parts = ("lifter", "temporal", "doubt")

    def write(to: Path) -> None:
        _npy(to / "a.npy", keypoints())
        _shipped(to, *parts)

    def words(given: Path, out: Path) -> list[str]:
        options = [f"--{path.stem}={path}" for path in sorted(given.iterdir()) if path.stem in parts]
        return ["lift", str(given / "a.npy"), "-o", str(out / "out.npz"), "-q", "--video", *options]

    return [Sample(f"lift-{part}", write, words, f"{part}.pt") for part in parts]


def _shipped(to: Path, *parts: str) -> None:
    from s2m.lifter.shipped_lifters import assets

    for part in parts:
        (to / f"{part}.pt").write_bytes((assets() / f"{part}_h36m17.pt").read_bytes())
