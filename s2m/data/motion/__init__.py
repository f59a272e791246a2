"""Where poses come from: motion clips (shipped or the user's own), an anatomical sampler, and ways to widen them."""

from s2m.data.motion.clips import Clip, MotionError, load_clips, open_motion, save_clips

__all__ = ["Clip", "MotionError", "load_clips", "open_motion", "save_clips"]
