"""Published rest skeletons of SMPL: where the joints of its mean bodies lie.

Offsets of the joints from their parents at rest, metres, body frame (+x left, +y up, +z front).

- neutral: ProtoMotions' MuJoCo model (github.com/NVlabs/ProtoMotions, protomotions/data/assets/mjcf/smpl_humanoid.xml,
  whose x, y, z are z, x, y); PHC's model of the same name has the same numbers.
- female: PHC's MuJoCo model (github.com/ZhengyiLuo/PHC, phc/data/assets/mjcf/smpl_2_humanoid.xml; axes as above).
- male: EDGE (github.com/Stanford-TML/EDGE, vis.py), rounded to a tenth of a millimetre.

The first 22 joints of SMPL-H, thus of AMASS and HumanML3D, are those of the female and the male body.
"""

from __future__ import annotations

from collections.abc import Mapping

Offset = tuple[float, float, float]

_NEUTRAL: Mapping[str, Offset] = {
    "left_hip": (0.0695, -0.0914, -0.0068),
    "left_knee": (0.0343, -0.3752, -0.0045),
    "left_ankle": (-0.0136, -0.398, -0.0437),
    "left_foot": (0.0264, -0.0558, 0.1193),
    "right_hip": (-0.0677, -0.0905, -0.0043),
    "right_knee": (-0.0383, -0.3826, -0.0089),
    "right_ankle": (0.0158, -0.3984, -0.0423),
    "right_foot": (-0.0254, -0.0481, 0.1233),
    "spine1": (-0.0025, 0.109, -0.0267),
    "spine2": (0.0055, 0.1352, 0.0011),
    "spine3": (0.0015, 0.0529, 0.0254),
    "neck": (-0.0028, 0.2139, -0.0429),
    "head": (0.0052, 0.065, 0.0513),
    "left_collar": (0.0788, 0.1217, -0.0341),
    "left_shoulder": (0.091, 0.0305, -0.0089),
    "left_elbow": (0.2596, -0.0128, -0.0275),
    "left_wrist": (0.2492, 0.009, -0.0012),
    "left_hand": (0.084, -0.0082, -0.0149),
    "right_collar": (-0.0818, 0.1188, -0.0386),
    "right_shoulder": (-0.096, 0.0326, -0.0091),
    "right_elbow": (-0.2537, -0.0133, -0.0214),
    "right_wrist": (-0.2553, 0.0078, -0.0056),
    "right_hand": (-0.0846, -0.0061, -0.0103),
}
_FEMALE: Mapping[str, Offset] = {
    "left_hip": (0.0714, -0.0896, -0.008),
    "left_knee": (0.0307, -0.3642, -0.0067),
    "left_ankle": (-0.0116, -0.3833, -0.0435),
    "left_foot": (0.0233, -0.0546, 0.1144),
    "right_hip": (-0.069, -0.089, -0.0048),
    "right_knee": (-0.0362, -0.3707, -0.0092),
    "right_ankle": (0.014, -0.3836, -0.0419),
    "right_foot": (-0.022, -0.0464, 0.1179),
    "spine1": (-0.0025, 0.1033, -0.0222),
    "spine2": (0.0036, 0.1277, -0.0017),
    "spine3": (0.002, 0.0491, 0.0279),
    "neck": (-0.002, 0.2082, -0.0498),
    "head": (0.0035, 0.0623, 0.0502),
    "left_collar": (0.0753, 0.1178, -0.0369),
    "left_shoulder": (0.0853, 0.0317, -0.0073),
    "left_elbow": (0.2512, -0.012, -0.0275),
    "left_wrist": (0.238, 0.009, 0.0),
    "left_hand": (0.0797, -0.0097, -0.0132),
    "right_collar": (-0.077, 0.1156, -0.0418),
    "right_shoulder": (-0.0892, 0.0328, -0.0098),
    "right_elbow": (-0.246, -0.0132, -0.0202),
    "right_wrist": (-0.2452, 0.0086, -0.0035),
    "right_hand": (-0.0804, -0.0072, -0.0104),
}
_MALE: Mapping[str, Offset] = {
    "left_hip": (0.0586, -0.0823, -0.0177),
    "left_knee": (0.0435, -0.3865, 0.008),
    "left_ankle": (-0.0148, -0.4269, -0.0374),
    "left_foot": (0.0411, -0.0603, 0.122),
    "right_hip": (-0.0603, -0.0905, -0.0135),
    "right_knee": (-0.0433, -0.3837, -0.0048),
    "right_ankle": (0.0191, -0.42, -0.0346),
    "right_foot": (-0.0348, -0.0621, 0.1303),
    "spine1": (0.0044, 0.1244, -0.0384),
    "spine2": (0.0045, 0.138, 0.0268),
    "spine3": (-0.0023, 0.056, 0.0029),
    "neck": (-0.0134, 0.2116, -0.0335),
    "head": (0.0101, 0.0889, 0.0504),
    "left_collar": (0.0717, 0.114, -0.0189),
    "left_shoulder": (0.1229, 0.0452, -0.019),
    "left_elbow": (0.2553, -0.0156, -0.0229),
    "left_wrist": (0.2657, 0.0127, -0.0074),
    "left_hand": (0.0867, -0.0106, -0.0156),
    "right_collar": (-0.083, 0.1125, -0.0237),
    "right_shoulder": (-0.1132, 0.0469, -0.0085),
    "right_elbow": (-0.2601, -0.0144, -0.0313),
    "right_wrist": (-0.2691, 0.0068, -0.006),
    "right_hand": (-0.0888, -0.0087, -0.0101),
}
SMPL_RESTS: Mapping[str, Mapping[str, Offset]] = {"neutral": _NEUTRAL, "female": _FEMALE, "male": _MALE}
"""Body -> joint, the pelvis left out -> offset from its parent."""
