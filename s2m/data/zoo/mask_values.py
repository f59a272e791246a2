"""Which pixels of a mask are the person: by alpha, by label, or by brightness, as the picture itself shows.

Programs write masks in many ways. What a picture means is decided by what it holds, and where that leaves two answers
it is refused: half a wrong silhouette looks like a right one to everything behind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.bool_]
# What part of a label map is the person.
Labels = Sequence[int] | None
ALL_LABELS = ()

_FULL, HALF = 255, 128
IGNORE = 255  # VOC's, DAVIS's and Cityscapes' number for pixels that nobody decided about
IGNORE_COLOUR = (224, 224, 192)  # the same in VOC's palette
# An outline that nobody decided about, pixels from the person to the background; what is wider is something else.
_WIDEST_OUTLINE = 16
LARGEST_LABEL = 63
DEEP_FULL = 65535
NEARLY_FULL = 0.9
# An outline has some pixels between black and white; a grey photo consists of them.
_BETWEEN = slice(48, 208)
_DARK = 16
_LARGEST_OUTLINE = 0.5
# Beside 255, small values are labels where they cover more, and the steps of an outline where they cover far less.
OUTLINE_SHARE = 20
GREY = 8  # difference of colour channels that JPEG makes of grey
_MOST_COLOURS = 64


class MaskError(ValueError):
    """A picture is no mask, or one that can be read in two ways; the message says what was expected and found."""


def person(picture: Image.Image, labels: Labels = None) -> Mask:
    """The person in a mask.

    * Alpha, where there is any: at least half opaque is person. A picture that is opaque throughout goes by the rest.
    * A palette with colours: the numbers are labels; 0 is background. 255 ("ignore") is an undecided outline where it
      is narrow, and goes to whichever side is nearer; elsewhere it is no person.
    * Grey, black and white, 8 or 16 bit: at least half of full scale. Grey whose values are below 64 holds labels, also
      beside 255 for "ignore".
    * Colour: black, and one colour that is the person.

    Args:
        picture: Any mode of Pillow.
        labels: Labels of the person. None: the only one that there is; empty (ALL_LABELS): all but 0 and 255.

    Returns:
        (H, W) bool.

    Raises:
        MaskError: A photo, a cut-out without alpha, several labels of which none was chosen, too dark a picture.

    Example:
        >>> person(Image.new("LA", (2, 1), (255, 0))).tolist()
        [[False, False]]
    """
    alpha = opaque(picture)
    if alpha is not None:
        return alpha
    if picture.mode in ("1", "L"):
        return _of_bytes(picture.convert("L"), labels)
    if picture.mode == "P":
        grey = all(len(set(colour)) == 1 for colour in palette_colours(picture))
        if grey:
            return _of_bytes(picture.convert("L"), labels)
        return _of_labels(np.asarray(picture), np.array(picture.histogram()), labels)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return _of_bytes(Image.fromarray(_as_bytes(np.asarray(picture))), labels)
    return _of_colours(picture.convert("RGB"), labels)


def opaque(picture: Image.Image) -> Mask | None:
    """What alpha says.

    Args:
        picture: Any mode of Pillow.

    Returns:
        (H, W) bool, at least half opaque; ``None`` where alpha says nothing.

    Raises:
        MaskError: Nothing is half opaque, though something is there.
    """
    if not picture.has_transparency_data:
        return None
    mode = "LA" if picture.mode in ("L", "LA", "La", "1") else "RGBA"
    alpha = picture.convert(mode).getchannel("A")
    low, high = (int(end) for end in alpha.getextrema())  # type: ignore[arg-type]
    if low == _FULL:
        return None
    if 0 < high < HALF:
        raise MaskError(f"expected alpha up to {_FULL}, found at most {high}")
    return np.asarray(alpha) >= HALF


def palette_colours(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colours that a palette picture uses.

    Args:
        picture: Of mode P.

    Returns:
        Red, green and blue of each, 0 to 255.
    """
    colours = picture.getpalette("RGB") or []
    used = np.flatnonzero(picture.histogram()[:256])
    return [tuple(colours[3 * i : 3 * i + 3]) or (0, 0, 0) for i in used.tolist()]


def _of_labels(values: NDArray[np.uint8], counts: NDArray[np.int64], labels: Labels) -> Mask:
    """counts: pixels by value, 256 of them."""
    there = [int(label) for label in np.flatnonzero(counts[:256]) if label not in (0, IGNORE)]
    if labels:
        return _outlined(np.isin(values, list(labels)), values == IGNORE)
    if labels is None and len(there) > 1:
        raise MaskError(
            f"expected one label beside 0 and {IGNORE}, found {_some(there)}: --mask-labels says which count"
        )
    if not there and counts[IGNORE]:
        raise MaskError(f"expected a label beside 0 and {IGNORE} ('ignore' in label maps), found none")
    return _outlined((values != 0) & (values != IGNORE), values == IGNORE)


def decided(numbers: NDArray[np.int64], undecided: Mask) -> NDArray[np.int64]:
    """Give an outline that nobody decided about to whichever side is nearer.

    The true edge lies amid it: without it people would be thinner by half its width. What is wide is no outline.

    Args:
        numbers: (H, W) of people, 0 for the background; whatever is undecided counts for nothing.
        undecided: (H, W) pixels in question.

    Returns:
        (H, W) numbers, 0 where an undecided pixel is no outline.
    """
    from scipy.ndimage import distance_transform_edt  # --help waits for no scipy

    found = np.where(undecided, 0, numbers)
    if not undecided.any() or undecided.all():
        return found
    rows, columns = (np.flatnonzero(undecided.any(axis)) for axis in (1, 0))
    near = tuple(slice(max(0, n[0] - _WIDEST_OUTLINE), n[-1] + 1 + _WIDEST_OUTLINE) for n in (rows, columns))
    here, open_ = found[near], undecided[near]
    # People before the background, so that they win where both are as near.
    sides = sorted(np.unique(here[~open_]).tolist(), reverse=True)
    if len(sides) < 2:
        return found
    first, second = (np.full(here.shape, np.inf, np.float32) for _ in range(2))
    winner = np.zeros(here.shape, np.int64)
    for side in sides:
        away = distance_transform_edt((here != side) | open_).astype(np.float32)
        winner = np.where(away < first, side, winner)
        second = np.minimum(second, np.maximum(first, away))
        first = np.minimum(first, away)
    found[near] = np.where(open_ & (first + second <= _WIDEST_OUTLINE), winner, here)
    return found


def is_outline(undecided: Mask) -> bool:
    """Whether pixels that nobody decided about are narrow everywhere.

    Args:
        undecided: (H, W).
    """
    from scipy.ndimage import distance_transform_edt

    return bool(2 * distance_transform_edt(undecided).max(initial=0) <= _WIDEST_OUTLINE)


def _outlined(mask: Mask, undecided: Mask) -> Mask:
    return decided(mask.astype(np.int64), undecided & ~mask) != 0


def _of_bytes(picture: Image.Image, labels: Labels) -> Mask:
    """picture: mode L."""
    counts, values = np.array(picture.histogram()), np.asarray(picture)
    small, full = int(counts[1 : LARGEST_LABEL + 1].sum()), int(counts[_FULL])
    other = int(counts[LARGEST_LABEL + 1 : _FULL].sum())
    if labels or (small and not other and (labels is not None or small >= full)):
        return _of_labels(values, counts, labels)
    if not other and small * OUTLINE_SHARE > full:
        raise MaskError(
            f"expected black and white, or labels and {IGNORE} for 'ignore', found something between: --mask-labels "
            "says which labels count"
        )
    brightest = int(np.flatnonzero(counts).max(initial=0))
    if 0 < brightest < HALF:
        raise MaskError(f"expected black and white, or labels below 64, found at most {brightest} of {_FULL}")
    lit = int(counts[_DARK:].sum())
    if lit and counts[_BETWEEN].sum() > _LARGEST_OUTLINE * lit:
        raise MaskError("expected black and white, alpha, or labels, found a picture in grey")
    return values >= HALF


def _as_bytes(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Deep and floating grey as bytes; small whole numbers stay as they are, since they may be labels."""
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not 0 <= low <= high < np.inf:
        raise MaskError(f"expected values of 0 and more, found {low:g} to {high:g}")
    if high <= 1 and values.dtype.kind == "f":
        return np.asarray(np.rint(values * _FULL), np.uint8)  # type: ignore[operator]
    if high <= _FULL:
        return np.asarray(np.rint(values), np.uint8)  # type: ignore[call-overload]
    if not NEARLY_FULL * DEEP_FULL <= high <= DEEP_FULL:
        raise MaskError(f"expected values up to 1, {_FULL} or {DEEP_FULL}, found {high:g}")
    return np.asarray(values // 256, np.uint8)  # type: ignore[operator]


def _of_colours(picture: Image.Image, labels: Labels) -> Mask:
    """picture: mode RGB."""
    counted = picture.getcolors(_MOST_COLOURS)
    values = np.asarray(picture)
    if counted is None:
        low, high = values.min(2), values.max(2)
        if int((high - low).max(initial=0)) <= GREY:
            return _of_bytes(picture.convert("L"), labels)
        raise MaskError("expected black and white, alpha, or labels, found a picture in colour without alpha")
    colours = [tuple(np.ravel(colour).tolist()) for _, colour in counted]
    if all(max(colour) - min(colour) <= GREY for colour in colours):
        return _of_bytes(picture.convert("L"), labels)
    people = [colour for colour in colours if colour not in ((0, 0, 0), IGNORE_COLOUR)]
    if len(people) != 1:
        raise MaskError(f"expected black and one colour, found {len(people)} colours beside black")
    mask, ignored = (np.asarray((values == np.array(c, np.uint8)).all(2)) for c in (people[0], IGNORE_COLOUR))
    return _outlined(mask, ignored)


def _some(labels: list[int]) -> str:
    more = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
    return ", ".join(map(str, labels[:6])) + more
