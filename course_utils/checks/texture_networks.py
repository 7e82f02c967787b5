"""Checks of lesson 13: noise at several scales, joining them, the loss of a batch, its diversity, a training step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import generators
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
)
from course_utils.textures import gram_matrix

Targets = Mapping[str, Tensor]


# --- noise -----------------------------------------------------------------------------------------------------------

NOISES = ((2, (16, 24), 3), (3, (64, 32), 4), (1, (6, 10), 1))
LARGE = (2, (64, 96), 3)  # enough values for means and correlations


@exercise(
    generators.multiscale_noise,
    hints=(
        "Work out the sizes first: the last noise has the full size, each one before it half the height and width. Then draw each by itself.",
        "Scale l = 1, …, K has the shape (n, 3, H / 2^(K − l), W / 2^(K − l)): in a loop, k = K − 1, …, 1, 0 and H // 2**k.",
        "noise = [] ; for k in reversed(range(levels)): ... torch.rand(..., generator=generator)",
    ),
)
def multiscale_noise(student: Student) -> str:
    """Examine shapes and order, the distribution, the independence of everything, and the use of the generator."""
    for n, size, levels in NOISES:
        _expect_shapes(_noise(student, n, size, levels), n, size, levels)
    noise = _noise(student, *LARGE)
    _expect_uniform(noise)
    if any(z.dtype != torch.float32 for z in noise):
        student.remark = "The values are right, in double precision; the networks of the notebook compute in single precision, as torch.rand draws."
    _expect_independent(noise)
    state = torch.get_rng_state()
    again, other = _noise(student, *LARGE), _noise(student, *LARGE, seed=1)
    text = "Two calls with generators of the same seed give different noise: pass generator=generator to torch.rand."
    expect(all(torch.equal(a, b) for a, b in zip(noise, again, strict=True)), "randomness", text)
    expect(torch.equal(state, torch.get_rng_state()), "randomness", text)
    text = "Generators of two different seeds give the same noise: draw from the generator that is passed, make none of your own."
    expect(not any(torch.equal(a, b) for a, b in zip(noise, other, strict=True)), "randomness", text)
    return "the right sizes, coarsest first, uniform on [0, 1], every value drawn by itself from the generator"


def _noise(student: Student, n: int, size: tuple[int, int], levels: int, seed: int = 0) -> list[Tensor]:
    """Return the student's noise once it is known to be a list of real tensors."""
    result = student(n, size, levels, torch.Generator().manual_seed(seed))
    if isinstance(result, Tensor) or not isinstance(result, (list, tuple)):
        raise Mistake("type", "The result must be a list of tensors, one for each scale: they have different sizes.")
    for z in result:
        if not isinstance(z, Tensor) or not z.is_floating_point():
            raise Mistake("type", "Each noise must be a tensor of floating-point values, such as torch.rand draws.")
    return list(result)


def _expect_shapes(noise: list[Tensor], n: int, size: tuple[int, int], levels: int) -> None:
    shapes = [tuple(z.shape) for z in noise]
    expected = [(n, 3, size[0] // 2**k, size[1] // 2**k) for k in reversed(range(levels))]
    if shapes == expected:
        return
    shown = {"n, size, levels": (n, size, levels), "your shapes": shapes, "expected shapes": expected}
    if shapes == expected[::-1]:
        raise Mistake("order", "The scales come finest first. The network begins with the coarsest: reverse them.", shown)
    if shapes == [(a, b, w, h) for a, b, h, w in expected]:
        raise Mistake("axis", "Height and width are exchanged: size is (H, W), rows first.", shown)
    if len(shapes) != levels:
        raise Mistake("shape", f"There must be {levels} scales, you return {len(shapes)}.", shown)
    if len({shape[-2:] for shape in shapes}) == 1:
        raise Mistake("shape", "All the scales have one size: each is half as high and wide as the next one.", shown)
    text = "The sizes are wrong: the last scale has the full size, each one before it half of the next, all n images with 3 channels."
    raise Mistake("shape", text, shown)


def _expect_uniform(noise: list[Tensor]) -> None:
    for z in noise:
        numbers = {"smallest": z.min().item(), "largest": z.max().item(), "mean": z.double().mean().item()}
        text = "The noise must be uniform on [0, 1], as torch.rand draws it."
        expect(z.min() >= 0 and z.max() <= 1, "randomness", text, **numbers)
        sixth = 5 / math.sqrt(12 * z.numel())
        deviation = z.double().std().item()
        if abs(numbers["mean"] - 0.5) > sixth or abs(deviation * math.sqrt(12) - 1) > 10 / math.sqrt(z.numel()):
            text = "One of the scales is not uniform on [0, 1], of mean ½ and standard deviation 0.289. Is it a mean of the finer one? Draw each scale by itself."
            raise Mistake("randomness", text, numbers | {"standard deviation": deviation})


def _expect_independent(noise: list[Tensor]) -> None:
    def correlation(a: Tensor, b: Tensor) -> float:
        return abs(torch.corrcoef(torch.stack([a.double().flatten(), b.double().flatten()]))[0, 1].item())

    for z in noise:
        text = "All the images of the batch have the same noise: they would be the same image. Draw n of them."
        expect(correlation(z[0], z[1]) < 0.2, "randomness", text)
        expect(correlation(z[:, 0], z[:, 1]) < 0.2, "randomness", "The three channels have the same noise: draw each by itself.")
        text = "Neighbouring pixels have the same noise: draw each of them by itself."
        expect(correlation(z[..., 1:], z[..., :-1]) < 0.2, "randomness", text)
    text = "Two scales have the same noise: draw each of them by itself, one after the other from the same generator."
    for coarse, fine in pairwise(noise):
        reduced = [F.avg_pool2d(fine, 2), *(fine[..., i::2, j::2] for i in range(2) for j in range(2))]
        expect(all(correlation(coarse, r) < 0.2 for r in reduced), "randomness", text)
        start = fine.flatten()[: coarse.numel()]
        expect(correlation(coarse.flatten(), start) < 0.2, "randomness", text)


# --- joining ---------------------------------------------------------------------------------------------------------


@exercise(
    generators.upsample_and_join,
    hints=(
        "Make the coarse maps as large as the fine ones by repeating each pixel, then put the channels of both side by side.",
        "y(i, j) = coarse(⌊i/2⌋, ⌊j/2⌋), then the channels of y, then those of fine: dimension 1.",
        'larger = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="nearest")',
    ),
)
def upsample_and_join(student: Student) -> str:
    """Compare on non-square maps, with other numbers of channels, and look for the gradient."""
    for seed, (n, a, b, h, w) in enumerate(((2, 3, 2, 4, 5), (1, 2, 4, 3, 3))):
        coarse, fine = random_image((n, a, h, w), seed), random_image((n, b, 2 * h, 2 * w), 10 + seed)
        answer = student.tensor(coarse, fine, shape=(n, a + b, 2 * h, 2 * w))
        expected = generators.upsample_and_join(coarse, fine)
        larger = expected[:, :a]
        sparse = torch.zeros_like(larger)
        sparse[..., ::2, ::2] = coarse
        recognise(
            answer,
            ("order", torch.cat([fine, larger], dim=1), "The fine maps come first. The coarse ones do: torch.cat([larger, fine], dim=1)."),
            ("order", torch.cat([coarse.repeat(1, 1, 2, 2), fine], dim=1), "The coarse maps are tiled, four small copies side by side. Each pixel must be repeated where it is: repeat_interleave, or interpolate."),
            ("value", torch.cat([sparse, fine], dim=1), "Three of four pixels are zeros: repeat each coarse pixel on a square of 2 × 2."),
            *[("value", torch.cat([F.interpolate(coarse, scale_factor=2, mode=mode), fine], dim=1), f"You enlarged with mode={mode!r}, which mixes neighbours. Repeat each pixel: mode='nearest'.") for mode in ("bilinear", "bicubic")],
            *[("normalisation", torch.cat([larger / c, fine], dim=1), f"The coarse maps are divided by {c}: each pixel is repeated as it is.") for c in (2, 4)],
            ("centering", torch.cat([larger.roll(1, -1), fine], dim=1), "The coarse maps are moved by a pixel: y(i, j) = coarse(⌊i/2⌋, ⌊j/2⌋)."),
        )  # fmt: skip
        expect_close(answer, expected, "value", "The result is not the coarse maps, each pixel repeated 2 × 2 times, then the fine ones.")
    coarse = random_image((1, 2, 3, 3)).requires_grad_()
    _expect_gradient(lambda: student(coarse, random_image((1, 1, 6, 6))), "the coarse maps")
    return "each coarse pixel on 2 × 2 pixels, then the fine channels, and the gradient goes through"


def _expect_gradient(call: Callable[[], Any], of: str) -> None:
    """Raise unless the result of a call can be differentiated."""
    result = call()
    text = f"The values are right, but no gradient reaches {of}: use torch's operations only, no detach(), item() or no_grad()."
    expect(isinstance(result, Tensor) and result.requires_grad, "autograd", text)


# --- the loss --------------------------------------------------------------------------------------------------------


class _Features(nn.Module):
    """A network of two layers, and a third that nobody asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = random_image((4, 3, 3, 3), 3) / 3

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x = F.conv2d(images, self.kernel, padding=1)
        return {"edges": x, "coarse": F.avg_pool2d(x.relu(), 2), "last": x.relu()}


def _target_grams(network: nn.Module, seed: int) -> dict[str, Tensor]:
    features = network(1 + random_image((3, 8, 6), seed)[None])
    return {layer: (1 + k) * gram_matrix(features[layer][0]) for k, layer in enumerate(("coarse", "edges"))}


@exercise(
    generators.texture_network_loss,
    hints=(
        "For each layer, the Gram matrices of all the images at once: (n, channels, channels). Subtract the target, take one norm for each image.",
        "E = (1/n) Σ_i Σ_L ‖G^L(x_i) − G^L(u)‖_F / ‖G^L(u)‖_F. torch.linalg.matrix_norm takes the last two dimensions.",
        "features = network(images)",
    ),
)
def texture_network_loss(student: Student) -> str:
    """Compare on batches of another size than the number of layers, and look for the gradient."""
    network = _Features()
    for n, seed in ((3, 0), (1, 1), (5, 2)):
        images, targets = random_image((n, 3, 6, 10), seed), _target_grams(network, 5 + seed)
        result = student(images, targets, network)
        if isinstance(result, (int, float)):
            raise Mistake("type", "You return a Python number, and training must differentiate the loss: return a tensor, without .item().")
        if isinstance(result, Tensor) and tuple(result.shape) == (n,) and n > 1:
            raise Mistake("shape", "You return one loss for each image: the loss of the batch is their mean.", {"your shape": (n,), "expected shape": ()})
        answer = student.as_tensor(result, ()) if not isinstance(result, Tensor) or result.shape != (1,) else result.detach()[0]
        expected = generators.texture_network_loss(images, targets, network)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_losses(images, targets, network))
            expect_close(answer, expected, "value", "The loss is not (1/n) Σ_i Σ_L ‖G^L(x_i) − G^L(u)‖_F / ‖G^L(u)‖_F.", images=n)
    images = random_image((2, 3, 6, 10)).requires_grad_()
    _expect_gradient(lambda: student(images, _target_grams(network, 5), network), "the images")
    return "(1/n) Σ_i Σ_L ‖G^L(x_i) − G^L(u)‖_F / ‖G^L(u)‖_F on batches, differentiable"


def _wrong_losses(images: Tensor, targets: Targets, network: nn.Module) -> list[tuple[str, Tensor | float, str]]:
    features = network(images)
    g = {k: gram_matrix(features[k]) for k in targets}
    t = {k: targets[k].norm() for k in targets}
    d = {k: torch.linalg.matrix_norm(g[k] - targets[k]) for k in targets}
    right, last = sum(d[k] / t[k] for k in targets), list(targets)[-1]
    pixels = {k: features[k].shape[-1] * features[k].shape[-2] for k in targets}

    def over(f: Callable[[str], Tensor]) -> Tensor:
        return torch.stack([f(k).mean() for k in targets]).sum()

    return [
        ("square-root", over(lambda k: (d[k] / t[k]) ** 2), "The norms are squared. Here they are not: squared errors hardly train this network."),
        ("square-root", over(lambda k: d[k] ** 2), "This is Gatys' loss with weights 1: here each norm is not squared, and divided by ‖G^L(u)‖_F."),
        ("square-root", over(lambda k: d[k] / t[k] ** 2), "You divide by ‖G^L(u)‖²: divide by the norm."),
        ("square-root", sum((d[k] / t[k]) ** 2 for k in targets).sqrt().mean(), "You took the root of the sum over the layers. Each layer has its own norm: take the root first, then add."),
        ("normalisation", over(lambda k: d[k]), "The errors are not relative: divide each by ‖G^L(u)‖_F, or the layer with the largest numbers counts alone."),
        ("normalisation", over(lambda k: d[k] / torch.linalg.matrix_norm(g[k])), "You divide by the norm of the drawn image's matrix: divide by the target's, which is fixed."),
        ("normalisation", right.sum(), "The images are added: take their mean."),
        ("normalisation", right.mean() / len(targets), "You took the mean over the layers: add them."),
        ("normalisation", right.sum() / len(targets), "You took the mean over the layers: it is over the images."),
        ("normalisation", over(lambda k: torch.linalg.matrix_norm(g[k] * pixels[k] - targets[k]) / t[k]), "Your Gram matrices are not divided by the number of pixels: use gram_matrix."),
        ("mean", over(lambda k: torch.linalg.matrix_norm(g[k].mean(0) - targets[k]) / t[k]), "You averaged the Gram matrices of the batch first: then each image may be wrong, as long as their errors cancel. Each image must have the statistics."),
        ("value", over(lambda k: (g[k] - targets[k]).abs().sum((-2, -1)) / targets[k].abs().sum()), "You took the sum of the moduli. ‖·‖_F is the root of the sum of the squares."),
        ("value", over(lambda k: torch.linalg.matrix_norm(g[k] - targets[k], 2) / torch.linalg.matrix_norm(targets[k], 2)), "This is the largest singular value. ‖·‖_F is the root of the sum of the squares of the entries."),
        ("value", over(lambda k: (g[k] - targets[k]).square().mean((-2, -1)).sqrt() / t[k]), "You took the mean of the squared entries in the numerator, their sum in the denominator."),
        ("truncation", right[0], "Only the first image counts: the loss is a mean over the batch."),
        *[("truncation", (d[k] / t[k]).mean(), f"Only the {'last' if k == last else 'first'} layer counts: add all of them, and return after the loop.") for k in targets],
    ]  # fmt: skip


# --- diversity -------------------------------------------------------------------------------------------------------


@exercise(
    generators.diversity,
    hints=(
        "All the distances between two different images; for each image the nearest other one; the mean of the logarithms.",
        "(1/n) Σ_i log min_{j≠i} ‖x_i − x_j‖, the norm over all pixels and channels. Leave j = i out before the root: its gradient there is not finite.",
        "x = images.flatten(start_dim=1)",
    ),
)
def diversity(student: Student) -> str:
    """Compare on batches in which the nearest image is not the next one, and look at the gradient."""
    for n, shape, seed in ((4, (3, 4, 5), 0), (2, (1, 3, 3), 1), (6, (3, 5, 2), 2)):
        images = random_image((n, *shape), seed) * torch.linspace(2, 0.5, n, dtype=torch.float64)[:, None, None, None]
        answer = _diversity_of(student, images)
        expected = generators.diversity(images)
        if not is_close(answer, expected, 1e-6):
            recognise(answer, *_wrong_diversities(images))
            expect_close(answer, expected, "value", "The result is not (1/n) Σ_i log min_{j≠i} ‖x_i − x_j‖.", images=n)
    near = random_image((3, 3, 4, 4)) * 1e-5
    text = "Of images that are nearly the same the value is wrong. Is a constant added to the distances? The logarithm must fall without bound: leave j = i out instead."
    answer = torch.as_tensor(_diversity_of(student, near)).double()
    expect_close(answer, generators.diversity(near), "value", text, rtol=1e-4)
    _expect_finite_gradient(student)
    return "(1/n) Σ_i log min_{j≠i} ‖x_i − x_j‖, with a finite gradient"


def _diversity_of(student: Student, images: Tensor) -> Tensor:
    result = student(images)
    if isinstance(result, Tensor) and result.numel() == 1 and not torch.isfinite(result.detach()).all():
        text = "The result is not finite: the distance of an image to itself is 0, and log 0 = −∞. Leave j = i out."
        raise Mistake("not-finite", text)
    return student.as_tensor(result, ())


def _expect_finite_gradient(student: Student) -> None:
    images = random_image((4, 3, 4, 4)).requires_grad_()
    result: Any = None

    def call() -> Any:
        nonlocal result
        result = student(images)
        return result

    _expect_gradient(call, "the images")
    copied = next(x for x in _leaves(result))
    text = "The value is right, its gradient is NaN: the root has no derivative at 0, the distance of an image to itself. Adding ∞ or taking the minimum comes too late: leave j = i out before the root."
    expect(bool(torch.isfinite(torch.autograd.grad(result, copied)[0]).all()), "not-finite", text)


def _leaves(result: Tensor) -> list[Tensor]:
    """Return the tensors with a gradient that a result was made from: the engine calls with a copy of the images."""
    found, stack, seen = [], [result.grad_fn], set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        stack += [following for following, _ in node.next_functions]
    return found


def _wrong_diversities(images: Tensor) -> list[tuple[str, Tensor, str]]:
    n = len(images)
    differences = (images[:, None] - images[None])[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1, *images.shape[1:])
    flat = differences.flatten(2)
    d = flat.norm(dim=-1)
    nearest = d.min(dim=1).values
    right, size = nearest.log().mean(), images[0].numel()
    columns = differences.norm(dim=-1).flatten(2).mean(-1).min(1).values.log().mean()
    following = (images - images.roll(1, 0)).flatten(1).norm(dim=1).log().mean()
    return [
        ("sign", -right, "The sign is wrong: a diversity is large for images that differ. Training subtracts it from the loss."),
        ("square-root", 2 * right, "The distances are squared (twice their logarithm): take the root, or half the logarithm."),
        ("normalisation", n * right, "The images are added: take the mean, 1/n."),
        ("normalisation", right - 0.5 * math.log(size), "You took the root of the mean of the squares. ‖x_i − x_j‖ is the root of their sum."),
        ("order", nearest.mean().log(), "You took the logarithm of the mean. It is the mean of the logarithms."),
        ("value", nearest.mean(), "The logarithm is missing."),
        ("value", nearest.log10().mean(), "You took the logarithm to the base 10."),
        ("value", d.max(dim=1).values.log().mean(), "You took the farthest image of each. The nearest one says whether two are the same: the minimum."),
        ("value", d.mean(dim=1).log().mean(), "You took the mean distance to the others. The nearest one counts: the minimum over j ≠ i."),
        ("value", d.log().mean(), "You took the mean over all pairs. Of each image only the nearest other one counts."),
        ("value", d.min().log(), "You took the nearest of all pairs. Each image has its nearest one, and their logarithms are averaged."),
        ("value", flat.abs().sum(-1).min(dim=1).values.log().mean(), "You added the moduli. ‖·‖ is the root of the sum of the squares."),
        ("axis", columns, "The norm is over the last dimension only: it is over all the pixels and channels. Flatten the images first."),
        ("truncation", following, "Each image is compared with the next one in the batch only: compare it with all the others."),
        ("truncation", d[0, 0].log(), "Only the first two images are compared."),
    ]  # fmt: skip


# --- a training step -------------------------------------------------------------------------------------------------


class _Painter(nn.Module):
    """A generator of twelve numbers, which records what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.mix = nn.Conv2d(3, 3, 1).double()
        with torch.no_grad():
            self.mix.weight.copy_(random_image((3, 3, 1, 1), 11) * 0.7 + 1)
            self.mix.bias.copy_(random_image((3,), 12) * 0.3)  # type: ignore[union-attr]
            self.mix.weight.register_hook(lambda gradient: self.events.append("backward"))
        self.seen: list[Tensor] = []

    def forward(self, noise: list[Tensor]) -> Tensor:
        self.seen.append(noise[-1].detach().clone())
        self.events.append("draw" if torch.is_grad_enabled() else "draw without gradient")
        return self.mix(2 * noise[-1])

    def values(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters()]).clone()


class _Descent(torch.optim.SGD):
    """Gradient descent, which records its steps with the events of its generator."""

    def __init__(self, painter: _Painter) -> None:
        super().__init__(painter.parameters(), 0.02)
        self.painter = painter

    def step(self, closure: Any = None) -> Any:
        """Take a step, and record it."""
        self.painter.events.append("step")
        return super().step(closure)


@exercise(
    generators.texture_training_step,
    hints=(
        "Draw with the generator, compute the loss, send it back to the parameters, let the optimizer move them. Old gradients must be gone before.",
        "x = generator(noise), E = texture_network_loss(x, targets, network), zero_grad, backward, step; return E as a number.",
        "loss = texture_network_loss(generator(noise), targets, network)",
    ),
)
def texture_training_step(student: Student) -> str:
    """Take three steps of gradient descent on a generator of twelve numbers, beside the course's own."""
    network = _Features()
    targets = _target_grams(network, 5)
    noises = [[random_image((2, 3, 8, 6), 20 + k).sigmoid()] for k in range(3)]
    mine, theirs = _Painter(), _Painter()
    optimizers = [_Descent(painter) for painter in (mine, theirs)]
    for k, noise in enumerate(noises):
        expected, before = generators.texture_training_step(mine, optimizers[0], targets, network, noise), theirs.values()
        theirs.seen.clear()
        theirs.events.clear()
        result = student(theirs, optimizers[1], targets, network, noise)
        _expect_noise_seen(theirs, noise)
        _expect_number(result)
        _expect_moved(theirs, before, mine, noise, targets, network, k)
        answer = torch.as_tensor(float(result), dtype=torch.float64)
        _expect_loss(answer, expected, theirs, before, noise, targets, network)
    return "three steps as gradient descent takes them, and the loss before each"


def _expect_number(result: Any) -> None:
    if isinstance(result, Tensor) and result.numel() > 1:
        raise Mistake("shape", "The result must be one number, the loss.", {"your shape": tuple(result.shape)})
    if isinstance(result, Tensor):
        text = "You return a tensor, which keeps the whole computation in memory as long as somebody keeps the loss: return loss.item()."
        raise Mistake("type", text)
    expect(isinstance(result, (int, float)), "type", "The result must be one number, the loss.")


def _expect_noise_seen(painter: _Painter, noise: list[Tensor]) -> None:
    expect(bool(painter.seen), "constant", "Your function never draws: call generator(noise).")
    text = "The generator was not given the noise of the argument: call generator(noise)."
    expect(all(torch.equal(z, noise[-1]) for z in painter.seen), "randomness", text)


def _gradient(painter: _Painter, noise: list[Tensor], loss: Callable[[Tensor], Tensor]) -> Tensor:
    gradients = torch.autograd.grad(loss(painter.mix(2 * noise[-1])), list(painter.parameters()))
    return torch.cat([g.flatten() for g in gradients])


def _expect_moved(
    painter: _Painter, before: Tensor, mine: _Painter, noise: list[Tensor], targets: Targets, network: nn.Module, k: int
) -> None:
    """Raise unless the parameters went where the course's own step brings them."""
    moved, right = painter.values() - before, mine.values() - before
    if is_close(moved, right, 1e-6):
        return
    if k > 0:
        text = "The first step is right, the next one is not: backward adds to the gradients that are there. Call optimizer.zero_grad() in each step, before backward."
        raise Mistake("value", text)
    if not moved.any():
        _raise_not_moved(painter)
    start = _Painter()
    clipped = -0.02 * _gradient(start, noise, lambda x: generators.texture_network_loss(x.clamp(0, 1), targets, network))
    squares = -0.02 * _gradient(start, noise, lambda x: _squared_loss(x, targets, network))
    recognise(
        moved,
        ("sign", -right, "The step goes uphill: call backward on the loss itself."),
        ("clipping", clipped, "You clipped the images before the loss: where they are clipped no gradient passes. Nothing is clipped."),
        ("square-root", squares, "The loss that you descend is not texture_network_loss: its norms are squared."),
    )
    numbers = {"length of your step": moved.norm().item(), "expected": right.norm().item()}
    steps = painter.events.count("step")
    if steps == 0:
        raise Mistake("step-size", "The parameters move, but not by the given optimizer: call optimizer.step().", numbers)
    if steps > 1:
        raise Mistake("step-size", f"You call optimizer.step() {steps} times: one step.", numbers)
    raise Mistake("value", "The parameters do not go down the gradient of texture_network_loss.", numbers)


def _squared_loss(x: Tensor, targets: Targets, network: nn.Module) -> Tensor:
    features = network(x)
    return sum(((gram_matrix(features[k]) - g).norm(dim=(-2, -1)) / g.norm()).square().mean() for k, g in targets.items())


def _raise_not_moved(painter: _Painter) -> None:
    events = painter.events
    if "draw without gradient" in events and "backward" not in events:
        raise Mistake("autograd", "The images are drawn without a gradient: no no_grad(), no detach() between the parameters and the loss.")
    if "backward" not in events:
        raise Mistake("constant", "No parameter moved: backward was not called on the loss, loss.backward().")
    if "step" not in events:
        raise Mistake("constant", "No parameter moved: call optimizer.step() after loss.backward().")
    if events.index("step") < events.index("backward"):
        raise Mistake("order", "optimizer.step() comes before loss.backward(): it has no gradient yet, or that of the step before.")
    raise Mistake("order", "The gradients are set to zero between backward and step, and nothing is left: zero_grad, then backward, then step.")


def _expect_loss(
    answer: Tensor, expected: float, painter: _Painter, before: Tensor, noise: list[Tensor], targets: Targets, network: nn.Module
) -> None:
    with torch.no_grad():
        after = generators.texture_network_loss(painter.mix(2 * noise[-1]), targets, network)
    text = "This is the loss after the step: it costs a second pass. Return the one that you went back from."
    recognise(answer, ("order", after, text))
    expect_close(answer, torch.tensor(expected, dtype=torch.float64), "value", "The number returned is not the loss before the step.")
