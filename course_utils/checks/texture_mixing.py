"""Checks of notebook 12: transport between Gaussians, whitening and colouring, the Wasserstein loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils import style
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
from course_utils.style import feature_gaussian, matrix_power

Known = tuple[str, Tensor | float, str]
Pair = tuple[Tensor, Tensor, Tensor, Tensor]

_LAYERS = {"pool1": (4, 6, 5), "conv1_1": (3, 7, 8), "relu3_2": (5, 2, 2)}  # the last one has more channels than pixels


def _gaussian(n: int, seed: int, rank: int | None = None) -> tuple[Tensor, Tensor]:
    """Return a mean and a covariance that is not diagonal, of full rank unless told otherwise."""
    X = random_image((n, rank or 2 * n), seed)
    return 1 + random_image((n,), seed + 50), X @ X.mT / n


def _pairs() -> list[Pair]:
    return [(*_gaussian(n, seed), *_gaussian(n, seed + 7)) for n, seed in ((3, 0), (5, 1))]


def _root(C: Tensor) -> Tensor:
    return matrix_power(C, 0.5)


def _inverse_root(C: Tensor) -> Tensor:
    return matrix_power(C, -0.5)


# --- bures_wasserstein -----------------------------------------------------------------------------------------------


@exercise(
    style.bures_wasserstein,
    hints=(
        "Five terms: the means, two traces, and a trace of a root. Only the last one needs work, and it is a sum of "
        "roots of eigenvalues.",
        "C2 = Q Λ Qᵀ by torch.linalg.eigh gives C2^½ = Q Λ^½ Qᵀ. With S = C2^½ the last term is -2 Σ √λ_i, λ_i the "
        "eigenvalues of S C1 S.",
        "values, q = torch.linalg.eigh(C2); root = (q * values.clamp(min=0).sqrt()) @ q.mT",
    ),
)
def bures_wasserstein(student: Student) -> str:
    """Compare with the closed form, on full and on low rank, and look at the gradient."""
    for pair in _pairs():
        answer = student.tensor(*pair, shape=())
        recognise(answer, *_wrong_distances(*pair))
        expect_close(answer, style.bures_wasserstein(*pair), "value", "This is not ‖m1 − m2‖² + tr C1 + tr C2 − 2 tr (C2^½ C1 C2^½)^½.")
    same = _gaussian(4, 3)
    scale = float(same[1].trace())
    zero = student.number(*same, *same)
    expect(abs(zero) < 1e-6 * scale, "value", "The distance of a Gaussian to itself must be 0.", yours=zero)
    flat = (*_gaussian(5, 4, rank=2), *_gaussian(5, 5, rank=3))
    text = "With singular covariances the distance is wrong: rounding makes an eigenvalue 0 a little negative, its root NaN or noise. Clamp the eigenvalues at 0."
    value = student.number(*flat)
    expected = float(style.bures_wasserstein(*flat))
    expect(abs(value - expected) < 1e-4 * expected, "value", text, yours=value, expected=expected)
    return "the closed form for full and for low rank, 0 for a Gaussian and itself"


def _wrong_distances(m1: Tensor, C1: Tensor, m2: Tensor, C2: Tensor) -> list[Known]:
    means, traces = (m1 - m2).square().sum(), C1.trace() + C2.trace()
    S = _root(C2)
    middle = S @ C1 @ S
    cross = _root(middle).trace()
    right = means + traces - 2 * cross
    rough = C2.abs().sqrt()
    return [
        ("value", means, "Only the means are compared: the covariances cost as much."),
        ("mean", traces - 2 * cross, "The means are missing: ‖m1 − m2‖² belongs to the cost."),
        ("value", means + traces, "The last term is missing: −2 tr (C2^½ C1 C2^½)^½. Without it, the distance of a Gaussian to itself is not 0."),
        ("normalisation", means + traces - cross, "A factor 2 is missing before the trace of the root."),
        ("sign", means + traces + 2 * cross, "The trace of the root is subtracted, not added."),
        ("square-root", right.sqrt(), "That is W₂. The function returns its square."),
        ("square-root", means.sqrt() + traces - 2 * cross, "The difference of the means must be squared."),
        ("square-root", means + traces - 2 * middle.trace(), "The root of C2^½ C1 C2^½ is missing: the trace of its root, the sum of the roots of its eigenvalues."),
        ("order", means + traces - 2 * middle.trace().sqrt(), "First the root of the matrix, then the trace: tr(M^½), not (tr M)^½."),
        ("order", means + traces - 2 * (_root(C1) @ S).trace(), "tr (C1^½ C2^½) is not tr (C2^½ C1 C2^½)^½ unless the covariances commute."),
        ("order", means + (_root(C1) - S).square().sum(), "‖C1^½ − C2^½‖² is W₂² only where the covariances commute: take the root of C2^½ C1 C2^½."),
        ("square-root", means + (C1 - C2).square().sum(), "You compare the covariances entry by entry, as a Gram loss does. W₂ compares their roots."),
        ("square-root", means + traces - 2 * (rough @ C1 @ rough).abs().sqrt().trace(), "The root of a matrix is not the matrix of the roots of its entries: take the roots of the eigenvalues."),
        ("square-root", means + traces - 2 * torch.linalg.eigvalsh(C2 @ C1 @ C2).clamp(min=0).sqrt().sum(), "In the middle stands C2^½ C1 C2^½: you multiplied by C2 itself."),
        ("normalisation", right / len(m1), "You divided by the number of channels. The formula has sums, no means."),
    ]  # fmt: skip


# --- gaussian_map ----------------------------------------------------------------------------------------------------


@exercise(
    style.gaussian_map,
    hints=(
        "Write root and inverse root of C1 once each, then read the formula from left to right.",
        "A = R (S C2 S)^½ R with S = C1^½ and R = C1^-½; b is what brings m1 to m2: A m1 + b = m2.",
        "root, inverse = matrix_power(C1, 0.5), matrix_power(C1, -0.5)",
    ),
)
def gaussian_map(student: Student) -> str:
    """Look whether the map carries the first Gaussian to the second, and is symmetric."""
    for m1, C1, m2, C2 in _pairs():
        A, b = _two(student, student(m1, C1, m2, C2), ((len(m1), len(m1)), (len(m1),)), ("A", "b"))
        right, shift = style.gaussian_map(m1, C1, m2, C2)
        recognise(A, *_wrong_maps(m1, C1, m2, C2))
        text = "A is not C1^−½ (C1^½ C2 C1^½)^½ C1^−½."
        expect_close(A, right, "value", text)
        Am = right @ m1
        recognise(
            b,
            ("mean", m2, "b is not m2: the map is x → A x + b, and A m1 is not 0. b = m2 − A m1."),
            ("mean", m2 - m1, "b = m2 − A m1: the first mean goes through A too."),
            ("sign", Am - m2, "b has the wrong sign: A m1 + b = m2."),
            ("sign", m2 + Am, "b = m2 − A m1: you added A m1."),
        )
        expect_close(b, shift, "mean", "A m1 + b is not m2.")
    return "A C1 A = C2, A m1 + b = m2, and A is symmetric: of all the maps that do so, the cheapest"


def _wrong_maps(m1: Tensor, C1: Tensor, m2: Tensor, C2: Tensor) -> list[Known]:
    S, R = _root(C1), _inverse_root(C1)
    middle = S @ C2 @ S
    inverse = torch.linalg.inv(C1)
    cholesky = torch.linalg.cholesky(C2) @ torch.linalg.inv(torch.linalg.cholesky(C1))
    cheapest = "It carries one Gaussian to the other, but it is not symmetric, so it is not the cheapest map that does."
    return [
        ("value", _root(C2) @ R, f"That is whitening and colouring, C2^½ C1^−½. {cheapest}"),
        ("value", R @ _root(C2), "C1^−½ C2^½ is whitening and colouring in the wrong order: it does not even give C2."),
        ("value", cholesky, f"That is the map by Cholesky factors. {cheapest}"),
        ("order", style.gaussian_map(m2, C2, m1, C1)[0], "That is the map back, from the second Gaussian to the first."),
        ("square-root", R @ middle @ R, "The root of C1^½ C2 C1^½ is missing: without it A is C2."),
        ("value", _root(middle), "C1^−½ on both sides is missing."),
        ("square-root", inverse @ _root(middle) @ inverse, "Outside stands C1^−½, not C1^−1."),
        ("sign", S @ _root(middle) @ S, "The outer exponents are −½: you multiplied by the root, not by its inverse."),
        ("square-root", C2 @ inverse, "C2 C1^−1 compares variances: its square root is missing, and the order matters."),
    ]  # fmt: skip


def _two(student: Student, result: Any, shapes: tuple[tuple[int, ...], ...], names: tuple[str, str]) -> list[Tensor]:
    """Return the two tensors of a result, in their order and with their shapes."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Mistake("type", f"Return two tensors: {names[0]}, {names[1]}.")
    if [tuple(part.shape) for part in result if isinstance(part, Tensor)] == list(shapes[::-1]):
        raise Mistake("order", f"{names[0]} comes first, then {names[1]}.")
    return [student.as_tensor(part, shape, name) for part, shape, name in zip(result, shapes, names, strict=True)]


# --- gaussian_barycentre ---------------------------------------------------------------------------------------------


@exercise(
    style.gaussian_barycentre,
    hints=(
        "At time t a grain is at (1 - t) x + t (A x + b), which is a linear map of x plus a constant.",
        "With A_t = (1 - t) Id + t A: C_t = A_t C1 A_tᵀ. The means walk along a straight line.",
        "A, _ = gaussian_map(m1, C1, m2, C2)",
    ),
)
def gaussian_barycentre(student: Student) -> str:
    """Compare at several times, on covariances that do not commute."""
    for pair in _pairs():
        m1, _, m2, _ = pair
        n = len(m1)
        for t in (0.3, 0.75, 0.0, 1.0):
            m, C = _two(student, student(*pair, t), ((n,), (n, n)), ("m_t", "C_t"))
            expected_m, expected = style.gaussian_barycentre(*pair, t)
            if t == 0.3:
                half = style.gaussian_barycentre(*pair, 0.5)[1]
                recognise(C, ("constant", half, "That is the barycentre halfway: t does not count in it."), *_wrong_barycentres(*pair, t))
            expect_close(C, expected, "value", "C_t is not A_t C1 A_t with A_t = (1 − t) Id + t A.", t=t)
            if t == 0.3:
                recognise(m, ("order", t * m1 + (1 - t) * m2, "t = 0 is the first Gaussian: m_t = (1 − t) m1 + t m2."))
            expect_close(m, expected_m, "mean", "m_t is not (1 − t) m1 + t m2.", t=t)
    return "m_t and C_t at four times; the ends are the two Gaussians"


def _wrong_barycentres(m1: Tensor, C1: Tensor, m2: Tensor, C2: Tensor, t: float) -> list[Known]:
    A, _ = style.gaussian_map(m1, C1, m2, C2)
    identity = torch.eye(len(m1), dtype=torch.float64)
    S = A @ C1 + C1 @ A
    ends = (1 - t) ** 2 * C1 + t**2 * C2
    roots = (1 - t) * _root(C1) + t * _root(C2)
    return [
        ("value", (1 - t) * C1 + t * C2, "You averaged the covariances: the ellipse puffs up halfway. Let the grains walk, and take the covariance of where they are."),
        ("order", style.gaussian_barycentre(m1, C1, m2, C2, 1 - t)[1], "t = 0 is the first Gaussian, t = 1 the second: yours goes the other way."),
        ("order", roots @ roots, "This is what one gets by averaging the roots, or by walking along whitening and colouring, C2^½ C1^−½: the barycentre only where C1 and C2 commute. The grains follow the optimal map A."),
        ("value", ((1 - t) * identity + t * A) @ C1, "A linear map B turns C into B C Bᵀ: the map stands on both sides."),
        ("value", ends, "The cross terms are missing: x and T(x) are not independent, they are the same grain."),
        ("normalisation", ends + t * (1 - t) * S / 2, "The cross terms are t (1 − t)(A C1 + C1 A), without ½."),
        ("value", t**2 * C2, "(1 − t) Id is missing: the grain is at (1 − t) x + t T(x)."),
    ]  # fmt: skip


# --- whiten_color ----------------------------------------------------------------------------------------------------


@exercise(
    style.whiten_color,
    hints=(
        "Three steps: subtract the mean and whiten, colour, add the new mean. Each is one line on the pixels as columns.",
        "X = F.flatten(1) in float64; Y = C^½ C_F^-½ (X - m_F) + m, with m_F and m as columns; back to F's shape.",
        "m_F, C_F = feature_gaussian(F)",
    ),
)
def whiten_color(student: Student) -> str:
    """Look at mean and covariance of the result, then at the values; full and low rank."""
    for shape, seed in (((4, 7, 6), 0), ((3, 5, 9), 1)):
        F = 1 + random_image(shape, seed).cumsum(0)
        m, C = _gaussian(shape[0], seed + 3)
        answer = student.tensor(F, m, C, shape=shape)
        recognise(answer, *_wrong_colours(F, m, C))
        expect_close(answer, style.whiten_color(F, m, C), "value", "The features are not C^½ C_F^−½ (F_k − m_F) + m.")
    F = 1 + random_image((6, 2, 2), 5)
    m, C = _gaussian(6, 6)
    answer = student.tensor(F, m, C, shape=(6, 2, 2))
    text = "With fewer pixels than channels C_F is singular, and the result is wrong: the directions where the features do not vary must stay at 0, as matrix_power leaves them."
    expect(is_close(answer, style.whiten_color(F, m, C), 1e-4), "value", text)
    student.tensor(F.float(), m, C, shape=(6, 2, 2))
    return "mean m and covariance C, for odd and even sizes; singular features stay finite"


def _wrong_colours(F: Tensor, m: Tensor, C: Tensor) -> list[Known]:
    m_F, C_F = feature_gaussian(F)
    X = F.flatten(1) - m_F[:, None]
    S, R = _root(C), _inverse_root(C_F)
    gram = F.flatten(1) @ F.flatten(1).mT / X.shape[1]
    A, b = style.gaussian_map(m_F, C_F, m, C)
    deviations = (C.diagonal() / C_F.diagonal()).sqrt()[:, None]
    cholesky = torch.linalg.cholesky(C) @ torch.linalg.inv(torch.linalg.cholesky(C_F))

    def made(Y: Tensor, mean: Tensor = m) -> Tensor:
        return (Y + mean[:, None]).reshape(F.shape)

    return [
        ("value", made(R @ X, 0 * m), "The features are white, and not yet coloured: multiply by C^½ and add m."),
        ("value", made(R @ X), "The features are white, and not yet coloured: multiply by C^½."),
        ("mean", made(S @ R @ X, 0 * m), "The new mean m is missing."),
        ("mean", made(S @ R @ X, m_F), "You gave the features their old mean back: add m, the style's."),
        ("mean", made(S @ R @ F.flatten(1)), "The mean of the features was not subtracted before whitening."),
        ("value", made(S @ X), "The features were not whitened: C^½ must find the identity, so multiply by C_F^−½ first."),
        ("order", made(R @ S @ X), "First whiten, then colour: C^½ stands to the left of C_F^−½."),
        ("square-root", made(C @ R @ X), "Colour with the root C^½: with C the covariance becomes C²."),
        ("square-root", made(S @ matrix_power(C_F, -1.0) @ X), "Whiten with C_F^−½: with C_F^−1 the covariance does not become the identity."),
        ("value", made(deviations * X), "You matched each channel by itself: the covariances between the channels are not those of C."),
        ("value", made(cholesky @ X), "Mean and covariance are right, by Cholesky factors. The exercise asks for symmetric roots, C^½ C_F^−½: other factors turn the features."),
        ("value", (A @ F.flatten(1) + b[:, None]).reshape(F.shape), "That is the optimal map. Mean and covariance are right; the exercise asks for C^½ C_F^−½, to compare the two below."),
        ("mean", made(S @ _inverse_root(gram) @ X), "You whitened with the Gram matrix, which has the mean in it: take the covariance."),
    ]  # fmt: skip


# --- wasserstein_loss ------------------------------------------------------------------------------------------------


@exercise(
    style.wasserstein_loss,
    hints=(
        "Layer by layer: the Gaussian of the features, its distance to the target, divided by the size of the target.",
        "Σ_L style.bures_wasserstein(m, C, m^L, C^L) / (‖m^L‖² + tr C^L), with m, C = feature_gaussian(features[L]).",
        "for layer, (m, C) in targets.items():",
    ),
)
def wasserstein_loss(student: Student) -> str:
    """Compare values and gradients; the layers of the two dictionaries are in different orders."""
    for seed in (0, 1):
        features, targets = _loss_arguments(seed)
        expected = style.wasserstein_loss(features, targets)
        try:
            result = student(features, targets)
        except Mistake as mistake:
            _recognise_order(mistake, features, targets)
            raise
        if not isinstance(result, Tensor) or not result.requires_grad:
            text = "The loss cannot be differentiated: use torch's operations only, no .detach(), .item() or numpy()."
            raise Mistake("autograd", text)
        answer = student.as_tensor(result, ())
        recognise(answer.detach(), *_wrong_losses(features, targets))
        expect_close(answer.detach(), expected.detach(), "value", "The loss is not Σ_L W₂² / (‖m^L‖² + tr C^L).")
        gradients = torch.autograd.grad(student.function(features, targets), list(features.values()))  # not on copies
        text = "The value is right, and the gradient is not finite: a root was differentiated at 0. Take style.bures_wasserstein, which leaves out the eigenvalues that are 0."
        expect(all(bool(torch.isfinite(g).all()) for g in gradients), "not-finite", text)
    return "the value and a finite gradient, on layers of full and of low rank"


def _loss_arguments(seed: int) -> tuple[dict[str, Tensor], dict[str, tuple[Tensor, Tensor]]]:
    features = {k: (1 + random_image(s, seed + i)).requires_grad_() for i, (k, s) in enumerate(_LAYERS.items())}
    targets = {k: feature_gaussian(2 * random_image(s, seed + 20 + i).square()) for i, (k, s) in enumerate(_LAYERS.items())}
    return features, dict(sorted(targets.items()))


def _recognise_order(mistake: Mistake, features: dict[str, Tensor], targets: dict[str, Any]) -> None:
    """Raise another mistake where the dictionaries were paired by their order: the layers differ in their channels."""
    words = ("must have the same shape", "inconsistent", "mat1 and mat2", "size mismatch", "must match the size")
    if mistake.cause == "exception" and any(word in mistake.message for word in words):
        text = "You pair the dictionaries by their order. The layers are their keys: features[layer] goes with targets[layer]."
        raise Mistake("order", text) from None


def _wrong_losses(features: dict[str, Tensor], targets: dict[str, tuple[Tensor, Tensor]]) -> list[Known]:
    own = {k: feature_gaussian(v.detach()) for k, v in features.items()}
    distances = {k: style.bures_wasserstein(*own[k], *g) for k, g in targets.items()}
    means, traces = {k: m.square().sum() for k, (m, _) in targets.items()}, {k: C.trace() for k, (_, C) in targets.items()}

    def total(term: Callable[[str], Tensor]) -> Tensor:
        return torch.stack([term(k) for k in targets]).sum()

    def relative(k: str) -> Tensor:
        return distances[k] / (means[k] + traces[k])

    first, *_, last = targets
    return [
        ("normalisation", total(lambda k: distances[k]), "The distances are not divided: each layer counts relative to ‖m^L‖² + tr C^L of its target."),
        ("normalisation", total(relative) / len(targets), "You averaged over the layers: the loss is their sum."),
        ("normalisation", total(lambda k: distances[k] / traces[k]), "‖m^L‖² is missing in the denominator."),
        ("normalisation", total(lambda k: distances[k] / means[k]), "tr C^L is missing in the denominator."),
        ("normalisation", total(lambda k: distances[k] / (own[k][0].square().sum() + own[k][1].trace())), "You divided by the size of the features of x. Divide by that of the target, which does not change during the synthesis."),
        ("truncation", relative(last), "Only the last layer counts: add up inside the loop."),
        ("truncation", relative(first), "Only the first layer counts: return after the loop."),
        ("square-root", total(lambda k: relative(k).sqrt()), "The loss is a sum of squared distances: no root."),
        ("square-root", total(lambda k: distances[k] / (means[k].sqrt() + traces[k])), "The denominator has ‖m^L‖², squared."),
    ]  # fmt: skip
