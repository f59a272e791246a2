"""Run by Blender: an FBX in, a GLB and a BVH out. Arguments after ``--``: the three files."""

import sys

import bpy
import numpy

for name, kind in (("bool", bool), ("int", int), ("float", float), ("object", object)):
    vars(numpy).setdefault(name, kind)
fbx, glb, bvh = sys.argv[-3:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.fbx(filepath=fbx)
(armature,) = (each for each in bpy.data.objects if each.type == "ARMATURE")
first, last = (round(frame) for frame in armature.animation_data.action.frame_range)
bpy.context.scene.frame_start, bpy.context.scene.frame_end = first, last
bpy.ops.export_scene.gltf(filepath=glb, export_format="GLB", export_force_sampling=True)
bpy.context.view_layer.objects.active = armature
bpy.ops.export_anim.bvh(filepath=bvh, frame_start=first, frame_end=last, rotate_mode="NATIVE", root_transform_only=True)
