from __future__ import annotations

import roma
import torch

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.data.open.skinning import SubsetSkinner
from s2m.skeletons import S2M27


def test_subset_equals_the_whole_mesh() -> None:
    body, generator = load_body(), torch.Generator().manual_seed(0)
    regressor = dataset_regressor(body, S2M27)
    rotations = roma.rotvec_to_rotmat(torch.randn(6, 24, 3, generator=generator))
    betas, transl = torch.randn(6, 10, generator=generator), torch.randn(6, 3, generator=generator)
    params = BodyParams.from_rotations(rotations, betas, transl)
    skinner = SubsetSkinner(body, regressor)
    assert len(skinner.support) < 0.3 * len(body.v_template)
    torch.testing.assert_close(skinner(params), regressor @ body(params).vertices, atol=2e-6, rtol=0)
    torch.testing.assert_close(skinner.rest_joints(betas), body.rest(betas).joints, atol=2e-6, rtol=0)
