"""The open data as a LightningDataModule."""

from __future__ import annotations

from s2m.data.module import FrameDataModule


class OpenData(FrameDataModule):
    """Frames of a store made by ``s2m data open``; arguments as in :class:`s2m.data.module.FrameDataModule`."""
