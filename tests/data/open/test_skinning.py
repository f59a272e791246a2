from __future__ import annotations

import pytest
import roma
import torch

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.open.skinning import SubsetSkinner
from s2m.skeletons import S2M27


@pytest.mark.parametrize("correctives", [False, True])
def test_subset_equals_the_whole_mesh(correctives: bool) -> None:
    body, generator = load_body(), torch.Generator().manual_seed(0)
    if correctives:
        directions = dict(body.layer.named_buffers())["posedirs"]
        directions.copy_(torch.randn(directions.shape, generator=generator) * 1e-3)
    regressor = dataset_regressor(body, S2M27)
    rotations = roma.rotvec_to_rotmat(torch.randn(6, 24, 3, generator=generator))
    betas, transl = torch.randn(6, 10, generator=generator), torch.randn(6, 3, generator=generator)
    params = BodyParams.from_rotations(rotations, betas, transl)
    skinner = SubsetSkinner(body, regressor)
    assert len(skinner.support) < 0.3 * len(body.v_template)
    torch.testing.assert_close(skinner(params), regressor @ body(params).vertices, atol=2e-6, rtol=0)
    torch.testing.assert_close(skinner.rest_joints(betas), body.rest(betas).joints, atol=2e-6, rtol=0)
