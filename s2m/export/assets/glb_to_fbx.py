"""Run by Blender: GLB in, FBX out. Arguments after ``--``: the GLB, the FBX, frames per second."""

import sys

import bpy
import numpy

# Debian 12's Blender 3.4 reads GLB with a name that its NumPy 1.24 no longer has.
vars(numpy).setdefault("bool", bool)


def main(glb: str, fbx: str, fps: float) -> None:
    """Convert.

    Args:
        glb: The file to read.
        fbx: The file to write.
        fps: Frames per second: keyframes fall on whole frames then.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps
    bpy.ops.import_scene.gltf(filepath=glb, bone_heuristic="TEMPERANCE")
    last = max((action.frame_range[1] for action in bpy.data.actions), default=1)
    scene.frame_start, scene.frame_end = 0, round(last)
    bpy.ops.export_scene.fbx(
        filepath=fbx,
        object_types={"ARMATURE", "MESH"},
        add_leaf_bones=False,
        bake_anim_use_all_bones=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_step=1.0,
        bake_anim_simplify_factor=0.0,
    )


main(sys.argv[-3], sys.argv[-2], float(sys.argv[-1]))
