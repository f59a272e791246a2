from __future__ import annotations

import torch

from s2m.geometry.windows import cut_windows, pixel_centres, sample_windows


def test_windows_are_what_lies_around_their_centres() -> None:
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    centres = torch.tensor([[[0.0, 0.0], [0.25, -0.5]], [[-0.5, 0.0], [1.0, 1.0]]])
    windows = cut_windows(images, centres, size=8, reach=0.5)  # as many pixels as the image has there
    assert windows.shape == (2, 2, 3, 8, 8)
    for frame in range(2):
        padded = torch.nn.functional.pad(images[frame], (8, 8, 8, 8))
        for end in range(2):
            column, row = (round(float(c + 1) * 8) - 4 + 8 for c in centres[frame, end])
            expected = padded[:, row : row + 8, column : column + 8]
            torch.testing.assert_close(windows[frame, end], expected, atol=1e-5, rtol=0)


def test_a_turned_and_stretched_window_is_what_lies_at_its_points() -> None:
    """Against a linear ramp, which bilinear sampling reproduces."""
    side = 64
    x, y = pixel_centres(side)[None].expand(side, side), pixel_centres(side)[:, None].expand(side, side)
    ramps = torch.stack([x, y])[None].double()
    origins = torch.tensor([[[0.1, -0.2], [-0.3, 0.25]]], dtype=torch.float64)
    down = torch.tensor([[[0.3, 0.4], [-0.1, 0.2]]], dtype=torch.float64)
    right = torch.tensor([[[0.4, -0.3], [0.2, 0.2]]], dtype=torch.float64)
    rows, columns = torch.tensor([-0.5, 0.0, 1.0]), torch.tensor([-1.0, 0.5])
    windows = sample_windows(ramps, origins, down, right, rows, columns)
    assert windows.shape == (1, 2, 2, 3, 2)
    for n in range(2):
        for i, row in enumerate(rows):
            for k, column in enumerate(columns):
                point = origins[0, n] + row * down[0, n] + column * right[0, n]
                torch.testing.assert_close(windows[0, n, :, i, k], point, atol=1e-6, rtol=0)
