from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from s2m.lifter.normalise import normalise
from s2m.lifter.objective.flow import FlowPrior, FreshFlowPrior, PoseFlow, flow_loss
from s2m.lifter.objective.pose_pca import PosePCA, PoseSampleError
from s2m.lifter.projection import project
from s2m.skeletons import H36M17, S2M27

from ..people import person, seen_from
from .cycles import make_cycle


def poses(count: int, joint_set=H36M17, noise: float = 0.05, seed: int = 0) -> torch.Tensor:
    """Normalised views of a person whose joints are displaced at random."""
    generator = torch.Generator().manual_seed(seed)
    azimuths = 2 * math.pi * torch.rand(count, generator=generator)
    bodies = seen_from(person(joint_set), azimuths)
    bodies = bodies + noise * torch.randn(bodies.shape, generator=generator)
    joints = project(2 * (bodies - bodies[:, joint_set.root_index, None]), 10.0)
    return normalise(joints, torch.ones(joints.shape[:2]), joint_set).joints2d


def make_flow(components: int | None = None, bent: bool = True, double: bool = False, **options) -> PoseFlow:
    """A flow with random weights that are far from the identity, if ``bent``."""
    torch.manual_seed(0)
    flow = PoseFlow(PosePCA(H36M17, components), **{"couplings": 4, "width": 16, **options})
    if bent:
        for coupling in flow.couplings:
            torch.nn.init.normal_(coupling.hyper[-1].weight, std=0.5)
            torch.nn.init.normal_(coupling.hyper[-1].bias, std=0.3)
    flow = flow.double() if double else flow
    flow.pca.fit(poses(500))
    return flow


# --- principal components


@pytest.mark.parametrize(("joint_set", "components"), [(H36M17, 26), (S2M27, 42)])
def test_as_many_components_as_in_elepose(joint_set, components):
    assert PosePCA(joint_set).components == components
    assert PosePCA(joint_set).fit(poses(200, joint_set)).encode(poses(3, joint_set)).shape == (3, components)


def test_components_are_those_of_the_singular_value_decomposition():
    sample = poses(400)
    pca = PosePCA(H36M17, 10).double().fit(sample)
    flat = sample.flatten(1).double().numpy()
    centred = flat - flat.mean(0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(pca.deviation.numpy(), values[:10] / math.sqrt(len(flat)), rtol=1e-6)
    # Directions have no sign of their own.
    np.testing.assert_allclose(np.abs(np.sum(pca.basis.numpy() * directions[:10], 1)), 1, atol=1e-8)
    expected = np.abs(centred @ directions[:10].T / values[:10] * math.sqrt(len(flat)))
    np.testing.assert_allclose(pca.encode(sample.double()).abs().numpy(), expected, atol=1e-6)


def test_encoded_sample_is_white():
    sample = poses(400).double()
    code = PosePCA(H36M17).double().fit(sample).encode(sample)
    torch.testing.assert_close(code.T @ code / len(code), torch.eye(26).double(), atol=1e-8, rtol=0)
    torch.testing.assert_close(code.mean(0), torch.zeros(26).double(), atol=1e-8, rtol=0)


def test_all_components_give_the_pose_back():
    sample = poses(400).double()
    pca = PosePCA(H36M17, 32).double().fit(sample)
    torch.testing.assert_close(pca.decode(pca.encode(sample)), sample, atol=1e-8, rtol=0)


def test_fewer_components_lose_no_more_than_their_variance():
    sample = poses(400).double()
    pca = PosePCA(H36M17, 20).double().fit(sample)
    error = (pca.decode(pca.encode(sample)) - sample).flatten(1).square().sum(1).mean()
    variance = np.cov(sample.flatten(1).numpy().T, bias=True)
    expected = np.sort(np.linalg.eigvalsh(variance))[:-20].sum()
    assert float(error) == pytest.approx(expected, rel=1e-6)


def test_components_have_the_same_sign_for_the_mirrored_eigenvectors():
    sample = poses(400)
    first, second = PosePCA(H36M17).fit(sample), PosePCA(H36M17).fit(sample.flip(0))
    torch.testing.assert_close(first.basis, second.basis, atol=1e-4, rtol=0)
    assert float(first.basis.gather(1, first.basis.abs().argmax(1, keepdim=True)).min()) > 0


@pytest.mark.parametrize("components", [0, 1, 33, 34])
def test_impossible_numbers_of_components(components):
    with pytest.raises(ValueError, match=f"expected 2 to 32 for h36m17, found {components}"):
        PosePCA(H36M17, components)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (poses(26), "expected more than 26, .* found 26"),
        (poses(50)[:, :16], r"expected \(B, 17, 2\), found \(50, 16, 2\)"),
        (poses(50).flatten(1), r"expected \(B, 17, 2\), found \(50, 34\)"),
        (poses(50).index_fill(0, torch.tensor([3]), math.nan), "found NaN or infinity"),
        (poses(1).expand(50, -1, -1), "expected variation in at least 26 directions, .* found 0"),
        (poses(9).repeat(9, 1, 1), "expected variation in at least 26 directions, .* found 8"),
    ],
)
def test_unfit_samples_change_nothing(sample, message):
    pca = PosePCA(H36M17).fit(poses(100))
    before = {name: value.clone() for name, value in pca.state_dict().items()}
    with pytest.raises(PoseSampleError, match=message):
        pca.fit(sample)
    assert all(torch.equal(before[name], value) for name, value in pca.state_dict().items())


def test_use_before_fitting_is_an_error():
    with pytest.raises(RuntimeError, match="fit it to 2D poses"):
        PosePCA(H36M17).encode(poses(2))
    with pytest.raises(RuntimeError, match="fit it to 2D poses"):
        PosePCA(H36M17).decode(torch.zeros(2, 26))


def test_wrong_shape_to_encode():
    with pytest.raises(ValueError, match=r"expected \(B, 17, 2\), found \(2, 27, 2\)"):
        make_flow().log_prob(torch.zeros(2, 27, 2))


def test_state_brings_a_fitted_flow_back_and_an_empty_one_does_not():
    flow = make_flow()
    restored = PoseFlow(PosePCA(H36M17), couplings=4, width=16)
    restored.load_state_dict(flow.state_dict())
    assert torch.equal(restored.log_prob(poses(5, seed=1)), flow.log_prob(poses(5, seed=1)))
    restored.pca.load_state_dict(PosePCA(H36M17).state_dict())
    with pytest.raises(RuntimeError, match="fit it to 2D poses"):
        restored.log_prob(poses(5))


# --- density


def test_density_follows_the_change_of_variables():
    """By the determinant of autograd's full Jacobian from the components to the latents."""
    flow, sample = make_flow(double=True), poses(4, seed=1).double()
    code = flow.pca.encode(sample)
    expected = []
    for row in code:
        jacobian = torch.autograd.functional.jacobian(lambda c: flow.transform(c[None])[0][0], row)
        latent = flow.transform(row[None])[0][0].detach().numpy()
        expected.append(stats.norm.logpdf(latent).sum() + np.linalg.slogdet(jacobian.numpy())[1])
    np.testing.assert_allclose(flow.log_prob(sample).detach().numpy(), expected, rtol=1e-9)
    assert abs(float(flow.transform(code)[1].detach().abs().min())) > 0.1  # the flow does change volumes


def test_density_integrates_to_one():
    flow = make_flow(components=2, double=True)
    # As far as the heavy tails of these weights reach: within 12 lie 0.99925, within 24 0.99998 of the whole.
    axis = torch.linspace(-32, 32, 801, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = flow.log_prob(flow.pca.decode(grid)).exp()
    total = torch.trapezoid(torch.trapezoid(density.view(801, 801), axis), axis)
    assert float(total) == pytest.approx(1, abs=1e-4)
    # And it is not the Gaussian that it starts as.
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(grid).sum(1).exp()
    assert float((density - normal).abs().max()) > 0.05


def test_inverse_of_the_transform():
    flow, latent = make_flow(double=True), torch.randn(20, 26, dtype=torch.float64)
    torch.testing.assert_close(flow.transform(flow.invert(latent))[0], latent, atol=1e-9, rtol=0)
    torch.testing.assert_close(flow.invert(flow.transform(latent)[0]), latent, atol=1e-9, rtol=0)


def test_new_flow_is_a_gaussian_fitted_to_the_poses():
    flow, sample = make_flow(bent=False), poses(50, seed=2)
    covariance = (flow.pca.basis.T * flow.pca.deviation**2) @ flow.pca.basis
    centred = (sample.flatten(1) - flow.pca.mean).double().numpy()
    distance = np.einsum("bi,ij,bj->b", centred, np.linalg.pinv(covariance.double().numpy(), rcond=1e-7), centred)
    expected = -distance / 2 - 13 * math.log(2 * math.pi)
    np.testing.assert_allclose(flow.log_prob(sample).detach().numpy(), expected, rtol=1e-3)


def test_every_component_is_transformed():
    flow = make_flow(couplings=2, double=True)
    code = torch.randn(1, 26, dtype=torch.float64)
    assert bool((flow.transform(code)[0] != code).all())


def test_seed_decides_the_halves():
    masks = [[c.mask.tolist() for c in make_flow(seed=seed).couplings] for seed in (0, 0, 1)]
    assert masks[0] == masks[1] != masks[2]


def test_far_from_all_poses_density_is_finite_and_low():
    flow = make_flow(couplings=8)
    with torch.no_grad():
        near, far = flow.log_prob(poses(5)), flow.log_prob(1e3 * poses(5))
    assert bool(far.isfinite().all())
    assert float(far.max()) < float(near.min())


def test_flow_learns_a_mixture_better_than_a_gaussian():
    """Of two Gaussians in the first component; the entropy of the mixture is known by quadrature."""
    torch.manual_seed(0)
    flow = make_flow(components=2, bent=False, couplings=4, width=32)

    def draw(count: int) -> torch.Tensor:
        side = 2.0 * torch.randint(0, 2, (count, 1)) - 1
        return flow.pca.decode(torch.cat([0.95 * side + 0.3 * torch.randn(count, 1), torch.randn(count, 1)], 1))

    visible = torch.ones(256, 17)
    optimiser = torch.optim.Adam(flow.parameters(), 5e-3)
    for _ in range(300):
        optimiser.zero_grad()
        flow_loss(flow, draw(256), visible).backward()
        optimiser.step()
    x = np.linspace(-4, 4, 4001)
    density = (stats.norm.pdf(x, -0.95, 0.3) + stats.norm.pdf(x, 0.95, 0.3)) / 2
    entropy = np.trapezoid(-density * np.log(density + 1e-300), x) + stats.norm.entropy()
    gaussian = stats.norm(scale=math.sqrt(0.95**2 + 0.3**2)).entropy() + stats.norm.entropy()
    with torch.no_grad():
        found = 2 * float(flow_loss(flow, draw(20000), torch.ones(20000, 17)))
    assert gaussian - entropy > 0.4
    assert entropy - 0.03 < found < entropy + 0.1


def test_samples_are_as_the_density_says():
    """The share of samples in a square is the density's integral over it."""
    flow = make_flow(components=2, double=True)
    generator = torch.Generator().manual_seed(1)
    sample = flow.sample(40000, generator)
    assert sample.shape == (40000, 17, 2)
    code = flow.pca.encode(sample)
    axis = torch.linspace(-0.5, 0.5, 201, dtype=torch.float64)
    with torch.no_grad():
        square = flow.log_prob(flow.pca.decode(torch.cartesian_prod(axis, axis))).exp().view(201, 201)
    expected = float(torch.trapezoid(torch.trapezoid(square, axis), axis))
    share = float((code.abs() < 0.5).all(1).double().mean())
    assert expected > 0.02
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / 40000))


def test_samples_follow_the_generator():
    flow = make_flow()
    first, second, third = (flow.sample(3, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


@pytest.mark.parametrize("options", [{"couplings": 0}, {"width": 0}])
def test_impossible_networks(options):
    with pytest.raises(ValueError, match="expected couplings >= 1 and width >= 1"):
        PoseFlow(PosePCA(H36M17), **options)


# --- loss terms


def test_judging_gives_the_same_density_without_gradients_for_the_weights():
    flow = make_flow()
    sample = poses(6, seed=3).requires_grad_()
    judged = flow.frozen(sample)
    torch.testing.assert_close(judged, flow.log_prob(sample))
    judged.sum().backward()
    assert all(weight.grad is None for weight in flow.parameters())
    assert float(sample.grad.abs().sum()) > 0


def test_flow_loss_is_the_mean_over_poses_without_missing_joints():
    flow, sample = make_flow(), poses(4, seed=3)
    visible = torch.ones(4, 17)
    visible[1, 5] = visible[3, 0] = 0
    expected = -flow.log_prob(sample[[0, 2]]).mean() / 26
    torch.testing.assert_close(flow_loss(flow, sample, visible), expected)


def test_flow_loss_of_no_complete_pose_is_zero_with_a_graph():
    flow = make_flow()
    loss = flow_loss(flow, poses(3), torch.zeros(3, 17))
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(float(weight.grad.abs().sum()) == 0 for weight in flow.parameters())


def test_prior_is_the_mean_likelihood_of_the_reprojections_per_component():
    flow, sample = make_flow(), poses(4, seed=3)
    prior = FlowPrior(flow, warmup_steps=0)
    torch.testing.assert_close(prior(make_cycle(4, reprojected=sample)), -flow.log_prob(sample).mean() / 26)


def test_preparing_fits_the_components_to_poses_without_missing_joints():
    sample, visible = poses(100), torch.ones(100, 17)
    visible[60:, 4] = 0
    prior = FlowPrior(PoseFlow(PosePCA(H36M17), couplings=2, width=8))
    prior.prepare(sample, visible)
    expected = PosePCA(H36M17).fit(sample[:60]).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in prior.flow.pca.state_dict().items())
    with pytest.raises(PoseSampleError, match="without missing joints: expected more than 26, .* found 20"):
        FreshFlowPrior(H36M17, couplings=2, width=8).prepare(sample[40:], visible[40:])


def test_resumed_training_keeps_its_components():
    sample = poses(80)
    prior = FreshFlowPrior(H36M17, couplings=2, width=8)
    prior.prepare(sample, torch.ones(80, 17))
    before = prior.flow.pca.basis.clone()
    resumed = FreshFlowPrior(H36M17, couplings=2, width=8)
    resumed.load_state_dict(prior.state_dict())
    resumed.prepare(poses(80, seed=7), torch.ones(80, 17))
    assert torch.equal(resumed.flow.pca.basis, before)


def test_players_do_not_reach_each_other():
    prior = FlowPrior(make_flow(), warmup_steps=0)
    made = poses(4, seed=3).requires_grad_()
    cycle = make_cycle(4, reprojected=made, target=poses(4))
    prior(cycle).backward()
    assert float(made.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in prior.parameters())
    made.grad = None
    prior.own_loss(cycle).backward()
    assert made.grad is None
    assert all(weight.grad is not None for weight in prior.parameters())


def test_one_backward_of_both_losses_gives_each_its_own_gradient():
    prior = FlowPrior(make_flow(), warmup_steps=0, noise=0.0)
    made, real = poses(4, seed=3).requires_grad_(), poses(4)
    cycle = make_cycle(4, reprojected=made, target=real)
    (prior(cycle) + prior.own_loss(cycle)).backward()
    together = [weight.grad.clone() for weight in prior.parameters()]
    prior.zero_grad()
    flow_loss(prior.flow, real, torch.ones(4, 17)).backward()
    for one, other in zip(together, prior.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad)


def test_prior_waits_until_the_flow_has_learned():
    prior = FlowPrior(make_flow(), warmup_steps=2)
    made = poses(4, seed=3).requires_grad_()
    cycle = make_cycle(4, reprojected=made, target=poses(4))
    losses = []
    for _ in range(4):
        losses.append(float(prior(cycle)))
        prior.own_loss(cycle)
    assert losses[:2] == [0, 0]
    assert losses[2] == losses[3] != 0
    waiting = FlowPrior(make_flow(), warmup_steps=2)
    waiting(cycle).backward()
    assert float(made.grad.abs().sum()) == 0


def test_only_training_counts_and_resuming_goes_on():
    prior = FlowPrior(make_flow(), warmup_steps=2)
    cycle = make_cycle(4, reprojected=poses(4, seed=3), target=poses(4))
    prior.eval()
    prior.own_loss(cycle)
    assert int(prior.steps) == 0
    prior.train()
    prior.own_loss(cycle)
    prior.own_loss(cycle)
    resumed = FlowPrior(PoseFlow(PosePCA(H36M17), couplings=4, width=16), warmup_steps=2)
    resumed.load_state_dict(prior.state_dict())
    assert float(resumed(cycle)) == float(prior(cycle)) != 0


def test_noise_is_added_to_the_labels_only_while_learning_from_them():
    torch.manual_seed(0)
    real = poses(4)
    cycle = make_cycle(4, reprojected=real, target=real)
    exact, noisy = (FlowPrior(make_flow(), warmup_steps=0, noise=noise) for noise in (0.0, 0.2))
    assert float(exact.own_loss(cycle)) == float(exact.own_loss(cycle))
    assert float(noisy.own_loss(cycle)) > float(exact.own_loss(cycle))
    assert float(noisy(cycle)) == float(exact(cycle))


@pytest.mark.parametrize("options", [{"warmup_steps": -1}, {"noise": -0.1}])
def test_impossible_priors(options):
    with pytest.raises(ValueError, match="expected warmup_steps >= 0"):
        FlowPrior(make_flow(), **options)
