"""Run by Blender: FBX in, GLB out. Arguments after ``--``: the FBX, the GLB, a text for the number of takes."""

import sys
from collections import Counter
from pathlib import Path

import bpy
import numpy

# Debian 12's Blender 3.4 writes GLB with names that its NumPy 1.24 no longer has.
for name, kind in (("bool", bool), ("int", int), ("float", float), ("object", object)):
    vars(numpy).setdefault(name, kind)


def main(fbx: str, glb: str, takes: str) -> None:
    """Convert.

    Args:
        fbx: The file to read.
        glb: The file to write; its keyframes are those of the FBX's own rate.
        takes: Where to write how many animations whoever has most has; Blender shows the first of each.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=fbx)
    armatures = {thing.name for thing in bpy.data.objects if thing.type == "ARMATURE"}
    owners = Counter(action.name.split("|")[0] for action in bpy.data.actions)  # "Armature|Walk|BaseLayer"
    Path(takes).write_text(str(max((owners[name] for name in armatures), default=0)))
    bpy.ops.export_scene.gltf(filepath=glb, export_format="GLB", export_force_sampling=True)


main(*sys.argv[-3:])
