"""Run by Blender: import files, write where their bones are, frame by frame.

Arguments after ``--``: the answer (JSON), frames per second, a folder for pictures or "", and the files.
"""

import builtins
import json
import sys
from pathlib import Path

import bpy
import numpy
from io_anim_bvh import import_bvh

# Debian 12's Blender 3.4 wants a name that its NumPy 1.24, and a mode of files that its Python 3.11 no longer has.
vars(numpy).setdefault("bool", bool)
import_bvh.open = lambda file, mode="r", **more: builtins.open(file, mode.replace("U", ""), **more)  # noqa: SIM115


def load(path, fps):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = round(fps)
    scene.render.fps_base = scene.render.fps / fps
    if path.endswith(".glb"):
        bpy.ops.import_scene.gltf(filepath=path)
    elif path.endswith(".fbx"):
        bpy.ops.import_scene.fbx(filepath=path)
    else:
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, update_scene_fps=True)


def bones_of(armature):
    place = armature.matrix_world
    found = {}
    for bone in armature.pose.bones:
        rest = (place @ bone.bone.matrix_local).to_quaternion().to_matrix()
        now = (place @ bone.matrix).to_quaternion().to_matrix()
        turned = now @ rest.inverted()
        found[bone.name] = {"head": list(place @ bone.head), "turned": [list(row) for row in turned]}
    return found


def answer_of(path, fps):
    load(path, fps)
    scene = bpy.context.scene
    (armature,) = (thing for thing in scene.objects if thing.type == "ARMATURE")
    start, stop = (round(frame) for frame in armature.animation_data.action.frame_range)
    frames = []
    for frame in range(start, stop + 1):
        scene.frame_set(frame)
        frames.append(bones_of(armature))
    graph = bpy.context.evaluated_depsgraph_get()
    skins = [thing.evaluated_get(graph) for thing in scene.objects if thing.find_armature()]
    last = [[list(skin.matrix_world @ vertex.co) for vertex in skin.data.vertices] for skin in skins]
    return {"frames": frames, "fps": scene.render.fps / scene.render.fps_base, "last_vertices": last}


def picture(path):
    """The first frame, from in front."""
    scene = bpy.context.scene
    (armature,) = (thing for thing in scene.objects if thing.type == "ARMATURE")
    middle = armature.matrix_world @ armature.pose.bones[0].head
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location = (middle[0] + 1.5, middle[1] - 4.5, middle[2] + 0.6)
    camera.rotation_euler = (1.45, 0, 0.32)
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3, (0.6, 0.3, 0)
    for thing in (camera, sun):
        scene.collection.objects.link(thing)
    world = bpy.data.worlds.new("world")
    world.color = (0.3, 0.3, 0.3)
    scene.world, scene.camera = world, camera
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 16, False
    scene.render.resolution_x, scene.render.resolution_y = 480, 480
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True)


def main(answer, fps, pictures, files):
    found = {}
    for path in files:
        kind = Path(path).suffix[1:]
        found[kind] = answer_of(path, float(fps))
        if pictures:
            picture(str(Path(pictures) / f"{kind}.png"))
    Path(answer).write_text(json.dumps(found))


given = sys.argv[sys.argv.index("--") + 1 :]
main(given[0], given[1], given[2], given[3:])
