"""What the joints of SMPL are called elsewhere.

Mixamo: the skeleton of its downloads. Unreal: the mannequin of Unreal Engine 4 and 5. VRM: the humanoid bones of VRM
1.0 (vrm-c/vrm-specification). CMU: the BVH files of the CMU Graphics Lab recordings as cgspeed converted them. SMPL's
hand joints sit at the knuckles; they get the name of the middle finger's first joint.
"""

from __future__ import annotations

from s2m.skeletons import SMPL24

_TRUNK = {
    "pelvis": ("mixamorig:Hips", "pelvis", "hips", "Hips"),
    "spine1": ("mixamorig:Spine", "spine_01", "spine", "LowerBack"),
    "spine2": ("mixamorig:Spine1", "spine_02", "chest", "Spine"),
    "spine3": ("mixamorig:Spine2", "spine_03", "upperChest", "Spine1"),
    "neck": ("mixamorig:Neck", "neck_01", "neck", "Neck"),
    "head": ("mixamorig:Head", "head", "head", "Head"),
}
# {} is Left or Right, l or r, left or right.
_SIDED = {
    "hip": ("mixamorig:{}UpLeg", "thigh_{}", "{}UpperLeg", "{}UpLeg"),
    "knee": ("mixamorig:{}Leg", "calf_{}", "{}LowerLeg", "{}Leg"),
    "ankle": ("mixamorig:{}Foot", "foot_{}", "{}Foot", "{}Foot"),
    "foot": ("mixamorig:{}ToeBase", "ball_{}", "{}Toes", "{}ToeBase"),
    "collar": ("mixamorig:{}Shoulder", "clavicle_{}", "{}Shoulder", "{}Shoulder"),
    "shoulder": ("mixamorig:{}Arm", "upperarm_{}", "{}UpperArm", "{}Arm"),
    "elbow": ("mixamorig:{}ForeArm", "lowerarm_{}", "{}LowerArm", "{}ForeArm"),
    "wrist": ("mixamorig:{}Hand", "hand_{}", "{}Hand", "{}Hand"),
    "hand": ("mixamorig:{}HandMiddle1", "middle_01_{}", "{}MiddleProximal", "{}FingerBase"),
}
_SCHEMES = ("mixamo", "unreal", "vrm", "cmu")
_SIDES = {"left": ("Left", "l", "left", "Left"), "right": ("Right", "r", "right", "Right")}


def _renamed(joint: str, scheme: int) -> str:
    if joint in _TRUNK:
        return _TRUNK[joint][scheme]
    side, _, part = joint.partition("_")
    return _SIDED[part][scheme].format(_SIDES[side][scheme])


NAMES: dict[str, tuple[str, ...]] = {
    "smpl": SMPL24.joints,
    **{scheme: tuple(_renamed(j, i) for j in SMPL24.joints) for i, scheme in enumerate(_SCHEMES)},
}
"""Scheme -> the names of SMPL's 24 joints, in their order."""
