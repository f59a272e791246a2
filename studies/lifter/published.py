"""Published Human3.6M figures of unsupervised lifters, copied by hand: other data, never compared with ours."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Published:
    """Millimetres on Human3.6M (test subjects S9, S11). ``mpjpe``: after scaling; ``None``: not known to us.

    2D input: ``detected`` or ``ground truth``.

    Attributes:
        method: Name of a method.
        source: Gives the joints of posed bodies.
    """

    method: str
    detected_mpjpe: float | None
    detected_pa: float | None
    truth_mpjpe: float | None
    truth_pa: float | None
    source: str

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)


PUBLISHED = (
    Published(
        "Chen et al., CVPR 2019 (as reproduced by Yu et al.)", 113.3, 54.9, 105.0, 46.0, "Yu et al., ICCV 2021, tables"
    ),
    Published("Yu et al., ICCV 2021", 93.1, 52.3, None, None, "Yu et al., ICCV 2021, tables"),
    # 64.0 is listed as MPJPE by paperswithcode.com; the paper itself was not at hand to see which scaling it means.
    Published(
        "ElePose (Wandt et al., CVPR 2022)",
        None,
        50.2,
        64.0,
        36.7,
        "leaderboards that cite the paper (paperswithcode.com: 64.0, 36.7; wizwand.com: 50.2, 36.7)",
    ),
)
