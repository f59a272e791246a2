"""Soft silhouettes by PyTorch3D's rasterizer and silhouette shading. Its axes (+x left, +y up) stay in this file."""

from __future__ import annotations

import importlib
import math
import warnings

import torch
from torch import Tensor

from s2m.render.base import SilhouetteRenderer, check_mesh, signed_area


class PyTorch3DSilhouette(SilhouetteRenderer):
    """PyTorch3D's ``rasterize_meshes`` with the shading of its ``SoftSilhouetteShader``.

    Args:
        sigma: Softness of the outline: SoftRas' sigma, squared crop units; null: chosen for the size of the picture.
        faces_per_pixel: The K nearest faces count for a pixel. What lies behind them is lost, and with it gradient:
            against K = 150 the cosine was 0.93 at 25 and 0.98 at 50 (64 px, sigma 1e-4).
        blur_radius: Squared distance in crop units up to which a face counts; null: where its alpha falls to 1e-4.
        bin_size: Side of the bins of coarse-to-fine rasterization on CUDA, pixels; null: PyTorch3D's choice; 0: off.
        max_faces_per_bin: Faces that a bin may hold; null: PyTorch3D's choice. When there are more, PyTorch3D drops
            some; this gives a RuntimeWarning that names the number.
        cull: Whether back faces are left out.

    Raises:
        ImportError: When built without PyTorch3D installed.
    """

    def __init__(
        self,
        sigma: float | None = None,
        faces_per_pixel: int = 50,
        blur_radius: float | None = None,
        bin_size: int | None = None,
        max_faces_per_bin: int | None = None,
        cull: bool = False,
    ) -> None:
        super().__init__(sigma)
        if faces_per_pixel < 1:
            raise ValueError(f"faces_per_pixel must be at least 1, got {faces_per_pixel}")
        try:
            importlib.import_module("pytorch3d.renderer")
        except ImportError as error:
            raise ImportError("PyTorch3DSilhouette needs PyTorch3D; RaggedSilhouette does without") from error
        self.faces_per_pixel = faces_per_pixel
        self.blur_radius = blur_radius
        self.bin_size = bin_size
        self.max_faces_per_bin = max_faces_per_bin
        self.cull = cull

    def forward(self, points: Tensor, faces: Tensor, size: int) -> Tensor:
        """See :meth:`SilhouetteRenderer.forward`."""
        check_mesh(points, faces, size)
        if points.shape[0] == 0 or faces.shape[0] == 0:
            return points.new_zeros(points.shape[0], size, size, dtype=torch.float32)
        from pytorch3d.renderer.blending import BlendParams, sigmoid_alpha_blend
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.renderer.mesh.rasterizer import Fragments
        from pytorch3d.structures import Meshes

        sigma = self.sigma_at(size)
        blur = math.log(1 / 1e-4 - 1) * sigma if self.blur_radius is None else self.blur_radius
        if points.is_cuda:
            self._warn_of_overflow(points.detach(), faces, size, math.sqrt(blur))
        meshes = Meshes(list(_to_pytorch3d(points.float())), [faces] * points.shape[0])
        fragments = Fragments(
            *rasterize_meshes(
                meshes,
                image_size=size,
                blur_radius=blur,
                faces_per_pixel=self.faces_per_pixel,
                bin_size=self.bin_size,
                max_faces_per_bin=self.max_faces_per_bin,
                perspective_correct=False,
                clip_barycentric_coords=True,  # else depth runs off beside a face seen edge-on, and the face is lost
                cull_backfaces=self.cull,
            )
        )
        colours = points.new_zeros(1, dtype=torch.float32).expand(*fragments.pix_to_face.shape, 3)
        alpha: Tensor = sigmoid_alpha_blend(colours, fragments, BlendParams(sigma=sigma))[..., 3]
        return alpha

    def _warn_of_overflow(self, points: Tensor, faces: Tensor, size: int, reach: float) -> None:
        room = max(10_000, faces.shape[0] // 5) if self.max_faces_per_bin is None else self.max_faces_per_bin
        if self.bin_size == 0 or faces.shape[0] <= room:
            return
        found = fullest_bin(points, faces, size, self.bin_size or default_bin_size(size), reach)
        if found > room:
            warnings.warn(
                f"PyTorch3D bins overflow: {found} faces in one bin, room for {room}; parts of the mesh are lost. "
                "Raise max_faces_per_bin or change bin_size.",
                RuntimeWarning,
                stacklevel=3,
            )


def _to_pytorch3d(points: Tensor) -> Tensor:
    """Crop axes to PyTorch3D's. Depth only orders the faces; it is shifted to be positive and gets no gradient."""
    depth = points[..., 2:].detach()
    return torch.cat([-points[..., :2], depth - depth.amin(dim=(1, 2), keepdim=True) + 1], dim=-1)


def default_bin_size(size: int) -> int:
    """The bin side in pixels that PyTorch3D picks for an image side in pixels.

    Args:
        size: Pixels of the image's side.

    Returns:
        Pixels.
    """
    return 8 if size <= 64 else int(2 ** max(math.ceil(math.log2(size)) - 4, 4))


def fullest_bin(points: Tensor, faces: Tensor, size: int, bin_size: int, reach: float) -> int:
    """How many faces touch the fullest bin, over a batch.

    Args:
        points: (B, V, 2 or more) crop units.
        faces: (F, 3).
        size: Pixels of the image's side.
        bin_size: Pixels of a bin's side.
        reach: How far a face is widened, in crop units.
    """
    corners = points[..., :2][:, faces]
    bins = -(-size // bin_size)
    pixel = size / 2 / bin_size
    low = ((corners.amin(2) - reach + 1) * pixel).floor().clamp(0, bins)
    high = ((corners.amax(2) + reach + 1) * pixel).floor().clamp(-1, bins - 1)
    seen = (high >= low).all(-1) & signed_area(corners).isfinite()
    image = seen.nonzero()[:, 0]
    (x0, y0), (x1, y1) = low[seen].long().unbind(-1), (high[seen].long() + 1).unbind(-1)
    steps = torch.zeros(points.shape[0], bins + 1, bins + 1, dtype=torch.long, device=points.device)
    for x, y, sign in ((x0, y0, 1), (x1, y1, 1), (x0, y1, -1), (x1, y0, -1)):
        steps.index_put_((image, y, x), torch.full_like(image, sign), accumulate=True)
    return int(steps.cumsum(1).cumsum(2).amax()) if steps.numel() else 0
