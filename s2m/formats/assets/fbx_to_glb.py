"""Run by Blender: FBX in, GLB out. Arguments after ``--``: the FBX, the GLB."""

import sys

import bpy
import numpy

# Debian 12's Blender 3.4 writes GLB with names that its NumPy 1.24 no longer has.
for name, kind in (("bool", bool), ("int", int), ("float", float), ("object", object)):
    vars(numpy).setdefault(name, kind)


def main(fbx: str, glb: str) -> None:
    """Convert.

    Args:
        fbx: The file to read.
        glb: The file to write; its keyframes are those of the FBX's own rate.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=fbx)
    bpy.ops.export_scene.gltf(filepath=glb, export_format="GLB", export_force_sampling=True)


main(*sys.argv[-2:])
