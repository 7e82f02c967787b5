"""Checks of notebook 10: Gram matrices, their number, the losses of a texture, the synthesis by L-BFGS."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from course_utils import textures
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
    recognise_generic,
    relative_error,
    tolerance,
)
from course_utils.checks.engine.student import code_of
from course_utils.features import ARCHITECTURES, VGGFeatures
from course_utils.textures import gram_matrix as _gram
from course_utils.textures import mean_feature as _mean

Known = tuple[str, Tensor | float, str]
Layers = Mapping[str, Tensor]

_FEATURES = ((4, 6, 5), (3, 7, 8), (2, 3, 5, 6))  # the last one is a batch
# neither Gatys' five layers nor in the order of the features: the first and the last of both are four different layers
_WEIGHTS = {"pool1": 2.0, "conv1_1": 0.5, "relu3_2": 0.25, "conv2_2": 0.75}
_LAYERS = {"conv1_1": (3, 6, 5), "pool1": (4, 3, 4), "conv2_2": (2, 5, 3), "relu3_2": (4, 2, 3)}

# --- statistics ------------------------------------------------------------------------------------------------------


@exercise(
    textures.gram_matrix,
    hints=(
        "Forget where the pixels are: put the n channels on rows and the w h pixels on columns. The sum over the pixels "
        "of V_k V_kᵀ is then one product of matrices.",
        "With V of shape (n, wh), G = V Vᵀ / (wh), of shape (n, n). On a batch, the last two dimensions do it.",
        "v = features.flatten(start_dim=-2)",
    ),
)
def gram_matrix(student: Student) -> str:
    """Compare with the definition, on non-square features and on a batch."""
    for seed, shape in enumerate(_FEATURES):
        v = random_image(shape, seed) + 1
        answer = _gram_answer(student, v)
        expected = _gram(v)
        if is_close(answer, expected):
            continue
        recognise(answer, *_wrong_grams(v))
        recognise_generic(student, answer, expected)
        expect_close(answer, answer.mT, "value", "A Gram matrix is symmetric, yours is not.")
        text = "G is not (1/wh) Σ_k V_k V_kᵀ, the mean over the pixels of the products of two channels."
        expect_close(answer, expected, "value", text)
    _expect_differentiable(student)
    return "G = (1/wh) Σ_k V_k V_kᵀ on non-square features and on batches"


def _expect_differentiable(student: Student) -> None:
    """Raise unless the gradient goes through G, which the synthesis needs."""
    text = "The values are right, but G cannot be differentiated, and the synthesis needs it: use torch's operations only, no .detach(), .item() or numpy()."
    try:
        result = student(random_image(_FEATURES[0]).requires_grad_())
    except Mistake as mistake:
        raise Mistake("type", f"{text} {mistake.message}" if mistake.cause == "exception" else text) from None
    expect(isinstance(result, Tensor) and result.requires_grad, "type", text)


def _gram_answer(student: Student, v: Tensor) -> Tensor:
    n, pixels = v.shape[-3], v.shape[-2] * v.shape[-1]
    try:
        result = student(v)
    except Mistake as mistake:
        if mistake.cause == "exception" and v.ndim == 4:
            text = "With a batch of images, features of shape (B, n, h, w), your function stops. Work on the last dimensions only: flatten(start_dim=-2), and .mT for the transpose."
            raise Mistake("shape", f"{text} {mistake.message}") from None
        raise
    if isinstance(result, Tensor) and result.shape[-2:] == (pixels, pixels) and pixels != n:
        text = "You multiplied the pixels with each other, Vᵀ V. The Gram matrix of the channels is V Vᵀ, n × n."
        raise Mistake("transpose", text, {"your shape": tuple(result.shape), "expected shape": (n, n)})
    if isinstance(result, Tensor) and result.shape == v.shape[:-2]:
        text = "One number a channel is the diagonal of G at most. Each pair of channels has an entry, n × n: V Vᵀ is a product of matrices."
        raise Mistake("shape", text, {"your shape": tuple(result.shape), "expected shape": (*v.shape[:-2], n)})
    if v.ndim == 4 and isinstance(result, Tensor) and result.ndim == 2:
        text = "Of a batch of images you return one matrix: each image of the batch has its own. Work on the last dimensions, and leave the first alone."
        raise Mistake("shape", text, {"your shape": tuple(result.shape), "expected shape": (v.shape[0], n, n)})
    return student.as_tensor(result, (*v.shape[:-2], n))


def _wrong_grams(v: Tensor) -> list[Known]:
    n, h, w = v.shape[-3:]
    g = _gram(v)
    flat = v.flatten(-2)
    centred = flat - flat.mean(dim=-1, keepdim=True)
    reordered = v.reshape(*v.shape[:-3], h * w, n)
    norms = g.diagonal(dim1=-2, dim2=-1).sqrt()
    m = flat.mean(dim=-1)
    return [
        ("normalisation", g * h * w, "You forgot 1/(wh): the sum over the pixels must be divided by their number, or images of different sizes cannot be compared."),
        ("normalisation", g / n, "You divided by the number n of channels too. The lecture divides by the number wh of pixels only."),
        ("normalisation", g * h * w / n, "You divided by the number n of channels. The sum is over the wh pixels: divide by wh."),
        ("normalisation", g * w, "You divided by the height only: there are wh pixels."),
        ("normalisation", g * h, "You divided by the width only: there are wh pixels."),
        ("normalisation", g * h * w / (h * w - 1), "You divided by wh − 1. The lecture divides by wh: G is a mean over the pixels."),
        ("normalisation", g / (norms[..., :, None] * norms[..., None, :]), "These are correlations: you normalised each channel. How large the channels are is part of the statistics."),
        ("mean", centred @ centred.mT / (h * w), "You subtracted the mean of each channel: that is the covariance. The Gram matrix contains the mean too."),
        ("mean", m[..., :, None] * m[..., None, :], "You multiplied the means. G is the mean of the products: multiply first."),
        ("axis", torch.einsum("...ihw,...jkw->...ij", v, v) / (h * w), "The rows are summed apart in the two factors: give the height one letter, ihw,jhw->ij, so that a pixel meets itself."),
        ("axis", torch.einsum("...ihw,...jhk->...ij", v, v) / (h * w), "The columns are summed apart in the two factors: give the width one letter, ihw,jhw->ij, so that a pixel meets itself."),
        ("normalisation", g / (h * w), "You divided by wh twice."),
        ("value", torch.triu(g), "Only half of G is there: it is symmetric, and both triangles belong to it."),
        ("axis", reordered.mT @ reordered / (h * w), "reshape(wh, n) does not bring the channels to the columns, it mixes channels and pixels. Flatten to (n, wh), then transpose."),
        ("value", _gram(v.abs()), "You took absolute values of the features. The Gram matrix keeps their signs."),
    ]  # fmt: skip


@exercise(
    textures.count_statistics,
    hints=(
        "A symmetric n × n matrix has as many distinct entries as its diagonal and one of the two triangles.",
        "n_L (n_L + 1) / 2 for each layer, summed over the layers up to the last one, which counts.",
        "layers = list(architecture)",
    ),
)
def count_statistics(student: Student) -> str:
    """Compare on the two networks, on the five layers of Gatys et al., and on a made-up one."""
    vgg19 = ARCHITECTURES["vgg19"]
    five = {layer: vgg19[layer] for layer in ("conv1_1", "pool1", "pool2", "pool3", "pool4")}
    other = {"a": 5, "b": 3, "c": 7, "d": 2}
    cases: list[tuple[dict[str, int], str]] = [(vgg19, "pool4"), (ARCHITECTURES["vgg16"], "pool4"), (five, "pool4"), (other, "c"), (other, "a")]  # fmt: skip
    answers = [student.number(table, last) for table, last in cases]
    expected = [textures.count_statistics(table, last) for table, last in cases]
    if all(round(a) == e and math.isclose(a, e) for a, e in zip(answers, expected, strict=True)):
        return "852,128 for VGG-19 up to pool4, 687,904 for VGG-16, 176,640 for conv1_1 and the four pools"
    if len(set(answers)) == 1:
        raise Mistake("constant", "The result is the same for every architecture.", {"yours": answers[0]})
    known = _wrong_counts(cases)
    for cause, values, text in known:
        if all(math.isclose(a, b) for a, b in zip(answers, values, strict=True)):
            raise Mistake(cause, text, {"yours for VGG-19": answers[0], "expected": expected[0]})
    i = next(i for i, (a, e) in enumerate(zip(answers, expected, strict=True)) if not math.isclose(a, e))
    table, last = cases[i]
    shown = {
        "channels": list(table.values())[: list(table).index(last) + 1],
        "yours": answers[i],
        "expected": expected[i],
    }
    raise Mistake("value", "The number is not Σ n(n + 1)/2 over the layers up to the last one.", shown)


def _wrong_counts(cases: list[tuple[dict[str, int], str]]) -> list[tuple[str, list[float], str]]:
    def count(of: Callable[[list[int]], float], take: Callable[[list[str], int], list[str]]) -> list[float]:
        results = []
        for table, last in cases:
            layers = list(table)
            results.append(of([table[layer] for layer in take(layers, layers.index(last))]))
        return results

    def pairs(channels: list[int]) -> float:
        return sum(n * (n + 1) / 2 for n in channels)

    def up_to(layers: list[str], i: int) -> list[str]:
        return layers[: i + 1]

    def convolutions(layers: list[str], i: int) -> list[str]:
        return [layer for layer in layers[: i + 1] if layer.startswith("conv")]

    return [
        ("value", count(lambda c: sum(n**2 for n in c), up_to), "You counted all the n² entries. G is symmetric: entries (i, j) and (j, i) are the same statistic."),
        ("value", count(lambda c: sum(n * (n - 1) / 2 for n in c), up_to), "You left out the diagonal: the mean squares of the channels are statistics too, n(n + 1)/2 and not n(n − 1)/2."),
        ("truncation", count(pairs, lambda layers, i: layers[:i]), "The last layer must be counted too: a slice ends before its second index."),
        ("truncation", count(pairs, lambda layers, i: layers), "You counted all the layers, whatever the last one is."),
        ("truncation", count(pairs, lambda layers, i: layers[i : i + 1]), "You counted the last layer only: sum over all the layers up to it."),
        ("truncation", count(pairs, lambda layers, i: layers[:1]), "You counted the first layer only: the return stands in the loop, it must come after it."),
        ("order", [sum(n * (n + 1) / 2 for layer, n in table.items() if layer <= last) for table, last in cases], "You compare the names of the layers, by the alphabet. Their order is that of the table."),
        ("value", count(lambda c: sum(n * (n + 1) for n in c), up_to), "A factor ½ is missing: n(n + 1)/2, or each pair of channels is counted twice."),
        ("value", count(lambda c: sum(n**2 / 2 for n in c), up_to), "Half of n² is not a number of entries: the diagonal is counted whole, n(n + 1)/2."),
        ("value", count(lambda c: sum(n**2 // 2 for n in c), up_to), "Half of n² is not a number of entries: the diagonal is counted whole, n(n + 1)/2."),
        ("truncation", count(pairs, convolutions), "You left out the pooling layers: every layer of the table up to the last one counts."),
        ("value", count(lambda c: sum(c), up_to), "You summed the channels: these are the means (order 1). Each pair of channels gives a statistic of order 2."),
        ("value", count(lambda c: pairs([sum(c)]), up_to), "You counted one matrix of all the channels together. There is one for each layer: no products between layers."),
    ]  # fmt: skip


# --- losses on features ----------------------------------------------------------------------------------------------


_BY_NAME = (
    "You pair the dictionaries by their order. The layers are their keys: weights[layer] goes with features[layer]."
)


def _random_layers(statistic: Callable[[Tensor], Tensor], seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return features of x, and the statistics of features of u, on four layers."""
    v = {k: random_image(s, seed + i) + 0.5 for i, (k, s) in enumerate(_LAYERS.items())}
    u = {k: statistic(random_image(s, seed + 10 + i) + 1) for i, (k, s) in enumerate(_LAYERS.items())}
    return {k: value.requires_grad_() for k, value in v.items()}, u


def _loss_answer(student: Student, *args: Any) -> Tensor:
    """Return the loss as a scalar, once it is known to be a number that can be differentiated."""
    try:
        student(*(_detached(argument) for argument in args))  # an in-place change shows here; on leaves torch itself raises
    except Mistake as mistake:
        if mistake.cause == "exception" and re.search(r"gram_matrix\(targets|mean_feature\(targets", mistake.message):
            text = "The targets are the statistics of the exemplar already: compare with targets[layer] as it is."
            raise Mistake("order", f"{text} {mistake.message}") from None
        raise
    result = student(*args)
    if isinstance(result, (bool, int, float, complex)):
        text = f"{student.name} must return a tensor: without .item() or float(), or nothing can be differentiated."
        raise Mistake("type", text)
    if isinstance(result, Tensor) and result.is_complex():
        raise Mistake("complex", "The loss is complex. A squared modulus is |z|² = z·conj(z), not z².")
    single = isinstance(result, Tensor) and result.numel() == 1  # torch.zeros(1) as the first value of a sum is as good
    answer = student.as_tensor(result.reshape(()) if single else result, ())
    text = f"{student.name} cannot be differentiated: a .detach(), .item() or torch.no_grad() cuts the gradient."
    expect(isinstance(result, Tensor) and result.requires_grad, "type", text)
    return answer


def _detached(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.detach()
    if isinstance(argument, dict):
        return {key: _detached(value) for key, value in argument.items()}
    return argument


def _recognise_constant_or_factor(answers: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    """Raise the mistake of a number that ignores its input, or is right up to one factor on two inputs."""
    if is_close(answers[0], answers[1]):
        raise Mistake("constant", "The result is the same whatever the input is.")
    factors = [(a / e).item() for a, e in zip(answers, expected, strict=True)]
    if factors[0] > 0 and math.isclose(*factors, rel_tol=1e-3):
        raise Mistake(
            "normalisation", "The result is right up to a factor.", {"your result / the right one": factors[0]}
        )


def _examine_layers_loss(
    student: Student,
    reference: Callable[[Layers, Layers, Mapping[str, float]], Tensor],
    statistic: Callable[[Tensor], Tensor],
    wrong: Callable[[Layers, Layers], list[Known]],
    formula: str,
) -> None:
    """Examine Σ_L w_L ‖S(V^L) − target‖² for a statistic S."""
    for seed in (0, 100):
        v, targets = _random_layers(statistic, seed)
        answer, expected = _loss_answer(student, v, targets, _WEIGHTS), reference(v, targets, _WEIGHTS).detach()
        if is_close(answer, expected):
            continue
        values = {k: value.detach() for k, value in v.items()}
        recognise(answer, *wrong(values, targets), *_wrong_sums(values, targets, statistic))
        other = {k: (value.detach().flip(0) * 2).requires_grad_() for k, value in v.items()}
        another = _loss_answer(student, other, targets, _WEIGHTS)
        _recognise_constant_or_factor((answer, another), (expected, reference(other, targets, _WEIGHTS).detach()))
        expect_close(answer, expected, "value", f"The result is not {formula}.")


def _wrong_sums(v: Layers, targets: Layers, statistic: Callable[[Tensor], Tensor]) -> list[Known]:
    """Return what goes wrong in the sum over the layers and in the squared norm, whatever the statistic is."""
    d = {k: statistic(value) - targets[k] for k, value in v.items()}
    w, squares = _WEIGHTS, {k: value.square().sum() for k, value in d.items()}
    total = sum((w[k] * squares[k] for k in d), torch.zeros(()))
    zero = torch.zeros((), dtype=torch.float64)

    def over(term: Callable[[str], Tensor]) -> Tensor:
        return sum((term(k) for k in d), zero)

    half = over(lambda k: w[k] * (torch.triu(d[k]) if d[k].ndim == 2 else d[k]).square().sum())
    late, early = "Only the last layer counts: add the terms up, loss = loss + …", "Only the first layer counts: the return must come after the loop, not in it."
    return [
        ("sign", -total, "The sign is wrong: E is a sum of squares, to be minimized."),
        ("square-root", over(lambda k: w[k] * squares[k].sqrt()), "The norms must be squared: w_L ‖·‖²."),
        ("square-root", over(lambda k: w[k] * d[k].abs().sum()), "You summed absolute values. The squared norm is the sum of the squares."),
        ("square-root", over(lambda k: w[k] * d[k].sum()), "You forgot the squares: differences of opposite signs cancel."),
        ("square-root", over(lambda k: w[k] * d[k].sum() ** 2), "You squared the sum. The squared norm is the sum of the squares: square every entry first."),
        ("square-root", over(lambda k: w[k] * squares[k] ** 2), "You squared twice: the sum of the squares is ‖·‖² already."),
        ("value", over(lambda k: w[k] * (d[k] + targets[k]).square().sum()), "The targets are not subtracted: E compares the statistics of x with those of the exemplar."),
        ("value", half, "Only half of the matrices is compared. ‖·‖²_F is the sum over all entries."),
        ("weight", over(lambda k: squares[k]), "The weights w_L are missing."),
        ("weight", over(lambda k: squares[k]) / len(d), "All the layers have the same weight: multiply each term by weights[layer]."),
        ("weight", over(lambda k: w[k] ** 2 * squares[k]), "The weights are inside the square: w_L multiplies ‖·‖², once."),
        ("weight", total / sum(w.values()), "You divided by the sum of the weights: they are taken as they are."),
        *(("weight", w[j] * over(lambda k: squares[k]), f"The weight of {j} multiplies all the layers: weights[layer], the layer being that of the term.") for j in d),
        ("normalisation", over(lambda k: w[k] * d[k].square().mean()), "You took the mean of the squares (as torch's mse_loss does). The squared norm is their sum."),
        ("normalisation", over(lambda k: w[k] * squares[k] / (4 * len(d[k]) ** 2)), "The factor 1/(4 n²) is that of Gatys et al. The lecture has it in the weights: w_L ‖·‖²."),
        *(("normalisation", over(lambda k: w[k] * squares[k] / (len(d[k]) * v[k][0].numel()) ** 2) / c, "The factor 1/(4 n² (wh)²) is that of Gatys et al., whose Gram matrices are sums. The lecture has it in G and in the weights: w_L ‖·‖².") for c in (1, 4)),
        ("normalisation", total / len(d), "You divided by the number of layers: E is a sum over the layers."),
        *(("truncation", w[k] * squares[k], late) for k in (list(d)[-1], list(w)[-1])),
        *(("truncation", w[k] * squares[k], early) for k in (next(iter(d)), next(iter(w)))),
        *(("truncation", total - w[k] * squares[k], f"The layer {k} is left out: the sum is over all the layers of targets.") for k in d),
    ]  # fmt: skip


@exercise(
    textures.gram_loss,
    hints=(
        "One term for each layer: the Gram matrix of the features of x, minus the target, squared entry by entry, summed, "
        "times the weight of the layer.",
        "E(x) = Σ_L w_L ‖G^L(x) − G^L(u)‖²_F, with ‖M‖²_F = Σ_ij M_ij². The targets are the G^L(u).",
        "difference = gram_matrix(features[layer]) - targets[layer]",
    ),
)
def gram_loss(student: Student) -> str:
    """Compare with the definition on four layers of different sizes."""

    def wrong(v: Layers, targets: Layers) -> list[Known]:
        w, g = _WEIGHTS, {k: _gram(value) for k, value in v.items()}
        spectral = [w[k] * torch.linalg.matrix_norm(g[k] - targets[k], 2) ** 2 for k in v]
        norms = [w[k] * (g[k].norm() - targets[k].norm()) ** 2 for k in v]
        sums = [w[k] * (g[k] * v[k][0].numel() - targets[k]).square().sum() for k in v]
        in_order = [a * (g[k] - targets[k]).square().sum() for a, k in zip(w.values(), v, strict=True)]
        means = [w[k] * (_mean(v[k]) - targets[k].diagonal().sqrt()).square().sum() for k in v]
        return [
            ("value", torch.stack(spectral).sum(), "You took the largest singular value of the difference. The Frobenius norm is the root of the sum of all squares."),
            ("value", torch.stack(norms).sum(), "You compared the norms of the two matrices. The norm is that of their difference."),
            ("normalisation", torch.stack(sums).sum(), "The Gram matrices of x lack 1/(wh), those of the exemplar have it. Use your gram_matrix."),
            ("order", torch.stack(in_order).sum(), _BY_NAME),
            ("value", torch.stack(means).sum(), "You compared means with the diagonal of the targets. The statistics of x are its Gram matrices."),
        ]  # fmt: skip

    formula = "Σ_L w_L ‖G^L(x) − G^L(u)‖²_F"
    _examine_layers_loss(student, textures.gram_loss, _gram, wrong, formula)
    return f"E(x) = {formula} on four layers of different sizes, and it can be differentiated"


@exercise(
    textures.mean_loss,
    hints=(
        "The same as gram_loss with another statistic: for each channel its mean over the pixels, a vector of n numbers.",
        "Σ_L w_L ‖m^L(x) − m^L(u)‖², m^L = (1/wh) Σ_k V^L_k. The targets are the m^L(u), of shape (n,).",
        "difference = features[layer].mean(dim=(-2, -1)) - targets[layer]",
    ),
)
def mean_loss(student: Student) -> str:
    """Compare with the definition on four layers of different sizes."""

    def wrong(v: Layers, targets: Layers) -> list[Known]:
        w = _WEIGHTS
        spread = {k: (v[k] - targets[k][:, None, None]).square() for k in v}
        sums = [w[k] * (v[k].sum(dim=(-2, -1)) - targets[k]).square().sum() for k in v]
        one = [w[k] * (v[k].mean() - targets[k]).square().sum() for k in v]
        channels = [w[k] * (v[k].mean(0) - targets[k].mean()).square().sum() for k in v]
        every = [w[k] * spread[k].sum() for k in v]
        every_mean = [w[k] * spread[k].mean(dim=(-2, -1)).sum() for k in v]
        squares = [w[k] * (_gram(v[k]).diagonal() - targets[k] ** 2).square().sum() for k in v]
        in_order = [a * (_mean(v[k]) - targets[k]).square().sum() for a, k in zip(w.values(), v, strict=True)]
        grams = [w[k] * (_gram(v[k]) - targets[k]).square().sum() for k in v]
        squared = [w[k] * (v[k].square().mean(dim=(-2, -1)) - targets[k]).square().sum() for k in v]
        rows = [w[k] * (v[k].mean(dim=-1) - targets[k][:, None]).square().sum() for k in v]
        late = "You squared before taking the mean: every pixel is pulled to the target. First the mean over the pixels, then the difference and its square."
        return [
            ("normalisation", torch.stack(sums).sum(), "You summed the features over the pixels: divide by wh, it is their mean."),
            ("value", torch.stack(grams).sum(), "You compared Gram matrices, of order 2. The statistic of order 1 is the mean of each channel."),
            ("value", torch.stack(squared).sum(), "You took the mean of the squares. The statistic of order 1 is the mean of the features themselves."),
            ("axis", torch.stack(one).sum(), "You took one mean for all the channels: each channel has its own, over dimensions −2 and −1."),
            ("axis", torch.stack(rows).sum(), "You took the mean of each row. It goes over all the pixels, dimensions −2 and −1."),
            ("axis", torch.stack(channels).sum(), "You took the mean over the channels: it goes over the pixels, dimensions −2 and −1."),
            ("order", torch.stack(in_order).sum(), _BY_NAME),
            ("mean", torch.stack(every).sum(), late),
            ("mean", torch.stack(every_mean).sum(), late),
            ("value", torch.stack(squares).sum(), "You compared mean squares (the diagonal of the Gram matrix). The statistic of order 1 is the mean itself."),
        ]  # fmt: skip

    formula = "Σ_L w_L ‖m^L(x) − m^L(u)‖²"
    _examine_layers_loss(student, textures.mean_loss, _mean, wrong, formula)
    return f"{formula} on four layers of different sizes, and it can be differentiated"


# --- losses on images ------------------------------------------------------------------------------------------------


@exercise(
    textures.color_statistics_loss,
    hints=(
        "Put the pixels on columns: an image is a cloud of N points in the space of colours. Compare the centres of the "
        "two clouds, and their covariances.",
        "‖m(x) − m(u)‖² + ‖C(x) − C(u)‖²_F, m the mean colour, C = (1/N) Σ_k (x_k − m)(x_k − m)ᵀ, 3 × 3.",
        "colors = x.flatten(start_dim=-2)",
    ),
)
def color_statistics_loss(student: Student) -> str:
    """Compare with the definition, on images of different sizes."""
    for seed, (shape_x, shape_u) in enumerate((((3, 6, 5), (3, 6, 5)), ((3, 7, 8), (3, 5, 9)))):
        x, u = random_image(shape_x, seed).requires_grad_(), 2 * random_image(shape_u, seed + 10) + 0.5
        answer, expected = _loss_answer(student, x, u), textures.color_statistics_loss(x, u).detach()
        if is_close(answer, expected):
            continue
        recognise(answer, *_wrong_colors(x.detach(), u))
        recognise_generic(student, answer, expected)
        shuffled = x.detach().flip(-1).roll(2, -2).requires_grad_()
        text = (
            "The loss changes when the pixels of x are moved. The statistics of the colours do not see where they are."
        )
        expect_close(_loss_answer(student, shuffled, u), answer, "value", text)
        expect_close(answer, expected, "value", "The result is not ‖m(x) − m(u)‖² + ‖C(x) − C(u)‖²_F.")
    return "‖m(x) − m(u)‖² + ‖C(x) − C(u)‖²_F, with 1/N, also for two different sizes; it can be differentiated"


def _mixed_colors(x: Tensor, u: Tensor) -> Tensor:
    """Return the loss of the colours that reshape(-1, 3) makes, neighbours in a row of one channel."""
    a, b = x.reshape(-1, 3), u.reshape(-1, 3)
    return (a.mean(0) - b.mean(0)).square().sum() + (torch.cov(a.T, correction=0) - torch.cov(b.T, correction=0)).square().sum()


def _wrong_colors(x: Tensor, u: Tensor) -> list[Known]:
    a, b = x.flatten(1), u.flatten(1)
    d_mean, d_cov = a.mean(1) - b.mean(1), torch.cov(a, correction=0) - torch.cov(b, correction=0)
    mean, cov = d_mean.square().sum(), d_cov.square().sum()
    deviations = (a.std(1, correction=0) - b.std(1, correction=0)).square().sum()
    gray = (torch.einsum("ck,dk->cd", a - a.mean(), a - a.mean()) / a.shape[1] - torch.einsum("ck,dk->cd", b - b.mean(), b - b.mean()) / b.shape[1]).square().sum()  # fmt: skip
    shared = a - b.mean(1, keepdim=True)
    pixelwise = [y - y.mean(0, keepdim=True) for y in (a, b)]
    by_pixel = (pixelwise[0] @ pixelwise[0].T / a.shape[1] - pixelwise[1] @ pixelwise[1].T / b.shape[1]).square().sum()
    scatter = (torch.cov(a, correction=0) * a.shape[1] - torch.cov(b, correction=0) * b.shape[1]).square().sum()
    moments = (a @ a.T / a.shape[1] - b @ b.T / b.shape[1]).square().sum()
    correlations = (torch.corrcoef(a) - torch.corrcoef(b)).square().sum()
    root = "The norms must be squared."
    of_pixels = "This is the covariance of the pixels, N × N. That of the colours is 3 × 3: torch.cov takes the variables on rows."
    swapped = [(torch.cov(a.T, correction=c) - torch.cov(b.T, correction=c)).square().sum() for c in (0, 1)] if a.shape == b.shape else []
    return [
        *(("transpose", mean + value, of_pixels) for value in swapped),
        ("normalisation", mean + correlations, "You compared correlations: how large the covariances are must count."),
        ("square-root", d_mean.abs().sum() + d_cov.abs().sum(), "You summed absolute values. A squared norm is a sum of squares."),
        ("square-root", d_mean.sum() + d_cov.sum(), "You forgot the squares: differences of opposite signs cancel."),
        ("square-root", mean.sqrt() + cov, "The norm of the means must be squared too."),
        ("square-root", mean + cov.sqrt(), "The norm of the covariances must be squared too."),
        ("sign", cov - mean, "The two squared norms are added, yours are subtracted."),
        ("sign", mean - cov, "The two squared norms are added, yours are subtracted."),
        ("value", mean, "Only the means are compared: the covariances are missing."),
        ("mean", cov, "Only the covariances are compared: the mean colours are missing."),
        ("mean", mean + moments, "You did not subtract the mean before the product: that is the Gram matrix of the colours, not their covariance."),
        ("mean", mean + gray, "You subtracted one number from all the channels: each channel has its own mean."),
        ("mean", mean + (shared @ shared.T / a.shape[1] - torch.cov(b, correction=0)).square().sum(), "You subtracted the mean colour of u from x: each covariance is about the mean of its own image."),
        ("normalisation", mean + (torch.cov(a) - torch.cov(b)).square().sum(), "Your covariance has 1/(N − 1). Here it has 1/N, like all the statistics of the lecture (correction=0 in torch.cov)."),
        *(("normalisation", mean + (torch.cov(a, correction=0) * a.shape[1] / n - torch.cov(b, correction=0) * b.shape[1] / n).square().sum(), "Both covariances are divided by the pixels of one image: each has its own N.") for n in {a.shape[1], b.shape[1]} if a.shape[1] != b.shape[1]),
        ("mean", (x.mean() - u.mean()) ** 2 + gray, "You took one mean for all the channels: the mean colour has one value for each, and each channel is centred by its own."),
        ("mean", (x.mean() - u.mean()) ** 2 + by_pixel, "You took the mean of each pixel over its three channels: the mean colour goes over the pixels, dim=1."),
        ("mean", mean + by_pixel, "You centred each pixel by the mean of its three channels: subtract the mean over the pixels, dim=1."),
        ("order", (d_mean + d_cov).square().sum(), "You added means and covariances before squaring: they are two squared norms, added afterwards."),
        ("order", (d_mean[:, None] + d_cov).square().sum(), "You added means and covariances before squaring: they are two squared norms, added afterwards."),
        ("axis", _mixed_colors(x, u), "reshape(-1, 3) does not put the colours into rows, it mixes channels and pixels: flatten(1), then transpose."),
        ("normalisation", mean + scatter, "The covariance must be divided by the number N of pixels."),
        ("normalisation", d_mean.square().mean() + d_cov.square().mean(), "You took means of the squares. A squared norm is a sum of squares."),
        ("value", mean + d_cov.diagonal().square().sum(), "You compared the variances only: the covariances between two colours are missing."),
        ("value", mean + deviations, "You compared standard deviations: C is the whole 3 × 3 matrix of covariances."),
        ("square-root", mean.sqrt() + cov.sqrt(), root),
        ("axis", (x.mean() - u.mean()) ** 2 + cov, "You took one mean for all the channels: the mean colour has one value for each."),
        ("sign", -(mean + cov), "The sign is wrong: a squared distance is positive."),
    ]  # fmt: skip


@exercise(
    textures.spectrum_loss,
    hints=(
        "Of all the images with the moduli |û| of the exemplar, P(x) has the phases nearest to those of x. All channels "
        "get the same phase at a frequency, so that colours stay together.",
        "x̂ − e^{iφ} û with e^{iφ} = ⟨û, x̂⟩ / |⟨û, x̂⟩| and ⟨û, x̂⟩(ξ) = Σ_c conj(û_c(ξ)) x̂_c(ξ); by Parseval the squared "
        "norm of x − P(x) is that of its Fourier transform divided by HW.",
        "x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)",
    ),
)
def spectrum_loss(student: Student) -> str:
    """Compare with the squared distance, in colour, on odd and even sizes, and its gradient with 2(x − P(x))."""
    for seed, shape in enumerate(((3, 6, 5), (3, 7, 8))):
        x, u = random_image(shape, seed).requires_grad_(), 2 * random_image(shape, seed + 10) + 0.3
        answer, expected = _spectrum_answer(student, x, u), textures.spectrum_loss(x, u).detach()
        if is_close(answer, expected):
            continue
        recognise(answer, *_wrong_spectra(x.detach(), u))
        recognise_generic(student, answer, expected)
        moved = u.roll((2, 1), (-2, -1)).requires_grad_()
        text = "A translated exemplar has the same spectrum: its loss should be 0."
        value = _loss_answer(student, moved, u)
        expect(value.abs() < 1e3 * tolerance(value) ** 2 * u.square().mean(), "value", text, yours=value.item())
        expect_close(answer, expected, "value", "The result is not ‖x − P(x)‖² / (HW).")
    return "‖x − P(x)‖² / (HW) in colour, on odd and even sizes; it can be differentiated"


def _spectrum_answer(student: Student, x: Tensor, u: Tensor) -> Tensor:
    try:
        return _loss_answer(student, x, u)
    except Mistake as mistake:
        if mistake.cause == "exception" and x.shape[-1] % 2:
            even = [image.detach()[..., :-1] for image in (x, u)]
            text = "Your function stops at images of an odd width, not at those of an even one: irfft2 must be told the size, s=(h, w)."
            try:
                student(*even)
            except Mistake:
                raise mistake from None
            raise Mistake("shape", text) from None
        raise


def _wrong_spectra(x: Tensor, u: Tensor) -> list[Known]:
    pixels = x.shape[-2] * x.shape[-1]
    a, b = torch.fft.fft2(x), torch.fft.fft2(u)

    def squares(difference: Tensor) -> Tensor:
        return difference.abs().square().sum() / pixels**2

    def with_phase(phase: Tensor) -> Tensor:
        return squares(a - phase * b)

    def projected(phase: Tensor) -> Tensor:
        return (x - torch.fft.ifft2(phase * b).real).square().sum() / pixels

    right = textures.spectrum_loss(x, u)
    backwards = torch.sgn((a.conj() * b).sum(0))
    conjugate = "The phase turns the wrong way: ⟨û, x̂⟩ is Σ_c conj(û_c) x̂_c, the conjugate is on û."
    forgotten = "The conjugate is missing in ⟨û, x̂⟩ = Σ_c conj(û_c) x̂_c."
    product = torch.sgn((a * b).sum(0))
    gray_a, gray_b = torch.fft.fft2(x.mean(0)).abs(), torch.fft.fft2(u.mean(0)).abs()
    half_a, half_b = torch.fft.rfft2(x), torch.fft.rfft2(u)
    half = (half_a - torch.sgn((half_b.conj() * half_a).sum(0)) * half_b).abs().square().sum()
    not_unit = (b.conj() * a).sum(0)
    unit = "⟨û, x̂⟩ is not a phase yet: divide it by its modulus, or P(x) does not have the moduli of u."
    return [
        ("truncation", half / pixels**2, "rfft2 returns half of the frequencies: their sum lacks the other half. Take fft2."),
        ("normalisation", projected(not_unit), unit),
        ("normalisation", with_phase(not_unit), unit),
        ("normalisation", right / pixels, "You divided by HW once too often."),
        ("value", projected(torch.sgn(a.sum(0))), "This is the phase of x alone. P(x) turns û by the phase of ⟨û, x̂⟩, the difference between the two."),
        ("value", squares(a - torch.sgn(not_unit) * b.abs()), "P(x) has the transform e^{iφ} û, and û keeps its own phase: you took |û|."),
        ("value", squares(a - b), "The phases of x are compared too: this is ‖x − u‖² (Parseval). The phase of x must be left free."),
        ("value", squares(a.abs() - b.abs()), "Each channel has a phase of its own: that loses the relations between the colours. One phase for all channels, from ⟨û, x̂⟩."),
        ("value", squares(gray_a - gray_b), "Only the gray image, the mean of the channels, is compared."),
        ("value", with_phase(torch.sgn(a[0] * b[0].conj())), "The phase is that of the first channel. The nearest one is that of the sum over the channels, ⟨û, x̂⟩."),
        ("conjugate", projected(product), forgotten),
        ("conjugate", with_phase(product), forgotten),
        ("conjugate", projected(backwards), conjugate),
        ("conjugate", with_phase(backwards), conjugate),
        *_wrong_scales(x, u),
    ]  # fmt: skip


def _wrong_scales(x: Tensor, u: Tensor) -> list[Known]:
    """Return the losses with a wrong factor, a wrong power or a wrong transform."""
    pixels = x.shape[-2] * x.shape[-1]
    a, b = torch.fft.fft2(x), torch.fft.fft2(u)
    right, powers = textures.spectrum_loss(x, u), a.abs().square() - b.abs().square()
    return [
        ("normalisation", right * pixels, "Divide by HW once more: in Fourier a squared norm is HW times larger (Parseval)."),
        ("normalisation", right * pixels**2, "Divide by (HW)²: once for Parseval, once for the mean over the pixels."),
        ("normalisation", right * pixels / len(x), "Fourier's values are larger (Parseval): divide their squared norm by (HW)², not by the number of values."),
        ("normalisation", right / len(x), "You took a mean over the channels too: the loss is per pixel, summed over the channels."),
        ("square-root", right.sqrt(), "The distance must be squared."),
        ("square-root", (right * pixels).sqrt() / pixels, "The distance must be squared: ‖x − P(x)‖² / (HW)."),
        ("complex", (a - torch.sgn((b.conj() * a).sum(0)) * b).square().sum().real / pixels**2, "You squared complex numbers. The squared modulus is |z|² = z.abs() ** 2, not z²."),
        ("complex", (a - torch.sgn((b.conj() * a).sum(0)) * b).square().sum().abs() / pixels**2, "You squared complex numbers. The squared modulus is |z|² = z.abs() ** 2, not z²."),
        ("complex", (a - torch.sign((b.conj() * a).sum(0).real) * b).abs().square().sum() / pixels**2, "You took the sign of the real part. The phase is a complex number: torch.sgn(z) is z/|z|."),
        *(("axis", (p - torch.sgn((q.conj() * p).sum(0)) * q).abs().square().sum() / n, "fftn transforms over the channels too. The Fourier transform is over the two dimensions of the image: fft2.") for p, q in [(torch.fft.fftn(x), torch.fft.fftn(u))] for n in (pixels**2, len(x) * pixels**2)),
        *(("normalisation", right * pixels**2 / side**e, f"The size {side} is written into the function: H and W are those of x.") for side in (32, 64, 128, 256, 512) for e in (2, 4)),
        ("square-root", (a - torch.sgn((b.conj() * a).sum(0)) * b).abs().sum() / pixels**2, "You summed the moduli of the differences. The squared norm is the sum of their squares."),
        ("square-root", powers.sum(0).square().sum() / pixels**2, "You compared the squared moduli. The distance compares the moduli."),
        ("square-root", powers.square().sum() / pixels**2, "You compared the squared moduli. The distance compares the moduli."),
        ("axis", (torch.fft.fftn(x).abs() - torch.fft.fftn(u).abs()).square().sum() / pixels**2, "fftn transforms over the channels too. The Fourier transform is over the two dimensions of the image: fft2."),
    ]  # fmt: skip


# --- the synthesis ---------------------------------------------------------------------------------------------------


@exercise(
    textures.synthesize_texture,
    hints=(
        "Three parts: the targets G^L(u), computed once; x, a noise whose gradient is wanted; a function that evaluates "
        "E(x) and calls backward, which L-BFGS calls as often as it needs.",
        "closure: zero the gradient, loss = gram_loss(network(x), targets, weights), (1e6 * loss).backward(), keep the "
        "loss, return 1e6 * loss. L-BFGS: max_iter=n_iterations, both tolerances 0, line search 'strong_wolfe'.",
        "targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}",
    ),
)
def synthesize_texture(student: Student) -> str:
    """Synthesize a tiny texture twice: the loss falls, the noise counts, the exemplar is not copied."""
    network = VGGFeatures("vgg16", layers=("conv1_1", "pool1"))
    u = _tiny_texture()
    targets = {layer: _gram(v) for layer, v in network(u).items()}
    weights, n = textures.relative_weights(targets), 20

    def energy(image: Tensor) -> float:
        return float(textures.gram_loss(network(image.float()), targets, weights))

    noise = u.mean() + u.std() * torch.randn(u.shape, generator=torch.Generator().manual_seed(2))
    at_start = energy(noise)
    evaluations = 0

    def count(*_: Any) -> None:
        nonlocal evaluations
        evaluations += 1

    handle = network.register_forward_hook(count)
    x, losses = _synthesis(student, u, network, weights, 0, n)
    handle.remove()
    text = "The network was evaluated far more often than asked for: n_iterations iterations in all, about two evaluations each. With max_iter=n_iterations, step is called once."
    expect(evaluations <= 5 * n, "too-slow", text, n_iterations=n, evaluations=evaluations)
    copied = "The result is the exemplar: a texture must be a new image. Start from Gaussian white noise, not from u."
    expect(not is_close(x, u, 1e-6), "identity", copied)
    correlation = torch.corrcoef(torch.stack([x.double().flatten(), u.double().flatten()]))[0, 1].item()
    text = "The result is the exemplar with small changes: x started from it, or the features of x are compared with those of u, pixel by pixel. Start from Gaussian white noise, and compare Gram matrices."
    expect(correlation < 0.9, "start", text, correlation_with_the_exemplar=correlation)
    levels = x.unique(return_counts=True)[1].max().item() / x.numel()
    text = "Many pixels have exactly the same value: you clipped the image. Nothing is clipped in the algorithm, only in pictures."
    expect(levels < 0.01, "clipping", text, part_of_the_pixels=levels)
    optimizers = {"Adam", "SGD", "AdamW", "RMSprop"} & set(getattr(code_of(student.function), "co_names", ()))
    if optimizers and energy(x) >= 0.05 * at_start:
        raise Mistake("not-converged", f"{min(optimizers)} needs many more evaluations than L-BFGS for this loss: take torch.optim.LBFGS, as the text says.")
    _expect_loss_fell(energy(x), at_start, losses, lambda: _synthesis(student, u, network, weights, 0, 2)[1])
    _expect_white_noise(student, u, network, weights)
    _expect_plain_losses(losses, at_start)
    (first, _), (again, _), (other, _) = (_synthesis(student, u, network, weights, seed, 2) for seed in (0, 0, 1))
    same = "Two calls with generators of the same seed give different textures: draw the noise with generator=generator."
    expect(relative_error(again, first) < 1e-2, "randomness", same)
    seeds = "Two different seeds give the same texture: draw the noise with the generator that is passed."
    expect(relative_error(other, first) > 1e-2, "randomness", seeds)
    _expect_no_tolerance(student, u, network, weights)
    return "the loss falls more than twentyfold, another generator gives another texture, and it is no copy"


def _expect_plain_losses(losses: list[float], at_start: float) -> None:
    """Raise when the recorded losses are not E(x): white noises differ by a few per cent."""
    text = "The losses that you return are not E(x): keep the loss before it is multiplied for L-BFGS."
    numbers = {"your first loss": losses[0], "E of white noise": at_start}
    expect(at_start / 30 < losses[0] < 30 * at_start, "normalisation", text, **numbers)


def _expect_white_noise(student: Student, u: Tensor, network: VGGFeatures, weights: dict[str, float]) -> None:
    """Raise unless the first image has the mean and the deviation of u: with weights 0, nothing moves it."""
    dark = 0.3 + (u - 0.5) / 2
    x, losses = _synthesis(student, dark, network, dict.fromkeys(weights, 0.0), 0, 1)
    text = "With weights 0 your loss is not 0: pass the weights of the argument to gram_loss."
    expect(losses[0] == 0, "weight", text, your_first_loss=losses[0])
    numbers = {"mean of the first image": x.mean(), "mean of u": dark.mean()}
    text = (
        "The first image does not have the mean of the exemplar u: start from white noise, u.mean() + u.std() * noise."
    )
    expect((x.mean() - dark.mean()).abs() < 0.25 * dark.std(), "start", text, **numbers)
    numbers = {"standard deviation of the first image": x.std(), "that of u": dark.std()}
    text = "The first image does not have the standard deviation of the exemplar u: u.mean() + u.std() * noise."
    expect((x.std() / dark.std() - 1).abs() < 0.25, "start", text, **numbers)


def _expect_no_tolerance(student: Student, u: Tensor, network: VGGFeatures, weights: dict[str, float]) -> None:
    """Raise when L-BFGS stops on its absolute tolerances, because the loss is small."""
    small = {layer: 1e-6 * weight for layer, weight in weights.items()}
    _, losses = _synthesis(student, u, network, small, 0, 3)
    text = "With small weights nothing moves: L-BFGS stops at its absolute tolerances. Set both to 0, and multiply the loss by 1e6."
    expect(losses[-1] < losses[0], "not-converged", text)


def _tiny_texture() -> Tensor:
    """Return a 20 × 24 colour texture of soft stains, some of its values outside [0, 1]."""
    noise = torch.randn(3, 20, 24, generator=torch.Generator().manual_seed(7))
    stains = sum((noise.roll((i, j), (-2, -1)) for i in range(3) for j in range(4)), torch.zeros(()))
    return 0.5 + 0.25 * stains / stains.std()


def _synthesis(
    student: Student, u: Tensor, network: VGGFeatures, weights: dict[str, float], seed: int, n: int
) -> tuple[Tensor, list[float]]:
    """Return the student's image and losses, as float tensors and numbers."""
    try:
        result = student(u, network, weights, torch.Generator().manual_seed(seed), n)
    except Mistake as mistake:
        if mistake.cause == "exception" and "image must be finite" in mistake.message:
            text = "x became infinite on the way: set the gradient to zero before backward, and use a line search."
            raise Mistake("not-converged", text) from None
        raise
    if isinstance(result, Tensor) or not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Mistake("type", "The result must be a pair: the image, and the list of the losses, return x, losses.")
    x = student.as_tensor(result[0], tuple(u.shape), "the image")
    try:
        losses = [float(value) for value in result[1]]
    except (TypeError, ValueError):
        raise Mistake(
            "type", "The second result must be the list of the losses, one number for each evaluation."
        ) from None
    expect(len(losses) > 0, "type", "The list of losses is empty: append loss.item() at each evaluation.")
    return x, losses


def _expect_loss_fell(
    reached: float, at_start: float, losses: list[float], begin: Callable[[], list[float]]
) -> None:
    """Raise the mistake of a loss that did not fall, or that fell elsewhere than in the returned image."""
    if reached < 0.05 * at_start:  # right answers end below 0.02, after 20 evaluations
        return
    details = {"E(x) of your image": reached, "E of white noise": at_start}
    if losses[-1] < 0.2 * losses[0] and reached / at_start > 3 * losses[-1] / losses[0]:
        text = "The losses fall, but E(x) of the image that you return is large: it is not the x that was optimized, or the targets are not the Gram matrices of the exemplar."
        raise Mistake("value", text, details)
    still = max(losses) - min(losses) <= 1e-9 * max(losses)
    text = "E is the same at each evaluation: x never moves. Does the closure call backward, on a loss that depends on x, does the optimizer own x, and are both tolerances 0?"
    expect(not still, "not-converged", text, **details)
    if losses[-1] <= losses[0]:
        raise Mistake("not-converged", _HARDLY_FELL, details)
    first = begin()
    if len(first) > 1 and first[1] > first[0]:
        raise Mistake("sign", "The loss goes up from the first step: is the gradient that L-BFGS gets that of +E?", details)
    text = "The loss goes down first, then up: the steps are too long. Take the line search 'strong_wolfe', and let one optimizer do all the iterations."
    raise Mistake("not-converged", text, details)


_HARDLY_FELL = (
    "The loss hardly fell. Look for: a gradient that is not set to zero before backward, a loss too small for L-BFGS's "
    "tolerances (multiply it by 1e6, set both tolerances to 0), no line search, or fewer iterations than asked for."
)
