"""Checks of notebook 11: the losses of the content and of the style, the transfer, and two ways to keep the colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
    recognise_generic,
    relative_error,
)
from course_utils.checks.gatys_texture_synthesis import Known, _loss_answer
from course_utils.features import VGGFeatures
from course_utils.images import to_gray
from course_utils.style import CONTENT_LAYER, START_NOISE, matrix_power
from course_utils.textures import gram_matrix as _gram

Layers = Mapping[str, Tensor]

# --- losses on features ----------------------------------------------------------------------------------------------


@exercise(
    style.content_loss,
    hints=(
        "Two arrays of the same shape. Their difference, squared entry by entry, summed over everything, halved.",
        "½ ‖F − P‖² = ½ Σ (F − P)², over all the channels and pixels.",
        "difference = features - targets",
    ),
)
def content_loss(student: Student) -> str:
    """Compare with the definition on features of two sizes, and differentiate."""
    for seed, shape in enumerate(((4, 6, 5), (3, 7, 8))):
        f, p = (random_image(shape, seed) + 0.5).requires_grad_(), random_image(shape, seed + 10) + 1
        answer, expected = _loss_answer(student, f, p), style.content_loss(f, p).detach()
        if is_close(answer, expected):
            continue
        recognise(answer, *_wrong_contents(f.detach(), p))
        recognise_generic(student, answer, expected)
        expect_close(answer, expected, "value", "The result is not ½ ‖F − P‖².")
    return "½ ‖F − P‖² on features of two sizes, and it can be differentiated"


def _wrong_contents(f: Tensor, p: Tensor) -> list[Known]:
    d, n = f - p, p.shape[0]
    total = d.square().sum()
    gram = (_gram(f) - _gram(p)).square().sum()
    mean = (f.mean((1, 2)) - p.mean((1, 2))).square().sum()
    mse = "You took the mean of the squares (as torch's mse_loss does). The squared norm is their sum."
    averaged = "You averaged over the pixels before you compared: that forgets where things are. The content is compared pixel by pixel."
    return [
        ("normalisation", total, "The factor ½ is missing."),
        ("normalisation", d.square().mean(), mse),
        ("normalisation", 0.5 * d.square().mean(), mse),
        ("normalisation", 0.5 * d.square().mean((1, 2)).sum(), "You divided by the number of pixels. The squared norm is the sum over channels and pixels."),
        ("normalisation", 0.5 * total / n, "You divided by the number of channels. The squared norm is the sum over channels and pixels."),
        ("normalisation", 0.5 * total / p.square().sum(), "You divided by ‖P‖² already: that comes in E. Here it is ½ ‖F − P‖²."),
        ("normalisation", total / p.square().sum(), "You divided by ‖P‖² already: that comes in E. Here it is ½ ‖F − P‖²."),
        ("normalisation", total / 4, "The factor is ½, once: yours is ¼."),
        ("square-root", 0.5 * total.sqrt(), "The norm must be squared: ½ ‖F − P‖²."),
        ("square-root", total.sqrt(), "The norm must be squared, and halved: ½ ‖F − P‖²."),
        ("square-root", 0.5 * d.abs().sum(), "You summed absolute values. The squared norm is the sum of the squares."),
        ("square-root", d.abs().sum(), "You summed absolute values. The squared norm is the sum of the squares."),
        ("square-root", 0.5 * d.sum(), "You forgot the squares: differences of opposite signs cancel."),
        ("square-root", 0.5 * d.sum().square(), "You squared the sum. The squared norm is the sum of the squares: square every entry first."),
        ("square-root", 0.5 * (f.square() - p.square()).sum(), "You subtracted the squares. Subtract first, then square: (F − P)²."),
        ("value", 0.5 * (f + p).square().sum(), "The targets are added: F − P."),
        ("value", 0.5 * f.square().sum(), "The targets do not count in your result: F − P."),
        ("value", 0.5 * (f.norm() - p.norm()).square(), "You compared the norms. The norm is that of the difference."),
        ("mean", 0.5 * gram, "These are differences of Gram matrices, which forget where things are: that is the style. The content compares the features themselves."),
        ("mean", gram, "These are differences of Gram matrices, which forget where things are: that is the style. The content compares the features themselves."),
        ("mean", 0.5 * mean, averaged),
        ("mean", mean, averaged),
        ("sign", -0.5 * total, "The sign is wrong: E_content is a sum of squares, to be minimized."),
    ]  # fmt: skip


_LAYERS = {"relu1_1": (3, 6, 5), "relu4_2": (2, 4, 4), "relu2_1": (4, 3, 4), "relu3_1": (2, 5, 3)}  # relu4_2: no target
_STYLE = ("relu3_1", "relu1_1", "relu2_1")


@exercise(
    style.style_loss,
    hints=(
        "For each layer of targets: the Gram matrix of the features, minus the target; the sum of the squares of that, "
        "divided by the sum of the squares of the target. The mean over the layers.",
        "(1/|S|) Σ_L ‖G^L(x) − A^L‖²_F / ‖A^L‖²_F, |S| = len(targets), ‖M‖²_F = Σ_ij M_ij².",
        "difference = gram_matrix(features[layer]) - targets[layer]",
    ),
)
def style_loss(student: Student) -> str:
    """Compare with the definition on three layers of different sizes; a fourth has no target."""
    for seed in (0, 100):
        f = {k: (random_image(s, seed + i) + 0.5).requires_grad_() for i, (k, s) in enumerate(_LAYERS.items())}
        targets = {k: _gram(random_image(_LAYERS[k], seed + 20 + i) + 1) for i, k in enumerate(_STYLE)}
        answer = _style_answer(student, f, targets)
        expected = style.style_loss(f, targets).detach()
        if is_close(answer, expected):
            continue
        recognise(answer, *_wrong_styles({k: v.detach() for k, v in f.items()}, targets))
        recognise_generic(student, answer, expected)
        text = "The result is not (1/|S|) Σ_L ‖G^L(x) − A^L‖²_F / ‖A^L‖²_F."
        expect_close(answer, expected, "value", text)
    return "the mean of the relative errors of three Gram matrices; the layer without a target is left alone"


def _style_answer(student: Student, f: Layers, targets: Layers) -> Tensor:
    try:
        return _loss_answer(student, f, targets)
    except Mistake as mistake:
        if mistake.cause == "exception" and "KeyError" in mistake.message and "relu4_2" in mistake.message:
            text = "The features have a layer more than the targets, that of the content. Loop over the layers of targets."
            raise Mistake("exception", f"{text} {mistake.message}") from None
        raise


def _wrong_styles(f: Layers, targets: Layers) -> list[Known]:
    d = {k: _gram(f[k]) - a for k, a in targets.items()}
    squares, norms = {k: v.square().sum() for k, v in d.items()}, {k: a.square().sum() for k, a in targets.items()}
    terms = {k: squares[k] / norms[k] for k in d}
    count, size = len(d), {k: len(a) for k, a in targets.items()}
    own = {k: _gram(f[k]).square().sum() for k in d}
    unscaled = {k: _gram(f[k]) * f[k][0].numel() - targets[k] for k in d}
    in_order = [_gram(v) - a for v, a in zip(f.values(), targets.values(), strict=False) if len(v) == len(a)]

    def mean(values: Callable[[str], Tensor]) -> Tensor:
        return torch.stack([values(k) for k in d]).mean()

    first, last = next(iter(d)), list(d)[-1]
    plain = "The differences are not relative: divide each by ‖A^L‖²_F."
    return [
        ("normalisation", count * mean(lambda k: terms[k]), "You summed over the layers: E_style is the mean, divide by their number |S|."),
        ("normalisation", count * mean(lambda k: terms[k]) / len(f), "You divided by the number of layers of the features. The mean is over the layers of targets."),
        ("normalisation", mean(lambda k: terms[k]) / 2, "There is no ½ in E_style."),
        ("normalisation", mean(lambda k: squares[k] / (4 * size[k] ** 2)), "The factor 1/(4 n²) is that of the paper. Here each error is relative, divided by ‖A^L‖²_F."),
        ("normalisation", count * mean(lambda k: squares[k] / (4 * size[k] ** 2)), "The factor 1/(4 n²) is that of the paper. Here each error is relative, divided by ‖A^L‖²_F."),
        ("weight", mean(lambda k: squares[k]), plain),
        ("weight", count * mean(lambda k: squares[k]), plain),
        ("normalisation", mean(lambda k: d[k].square().mean()), "You took means of the squares (mse_loss), and nothing is relative: divide the sum of the squares by ‖A^L‖²_F."),
        ("normalisation", mean(lambda k: d[k].square().mean() / norms[k]), "The numerator is a mean, the denominator a sum. Both are squared norms: sums of squares."),
        ("normalisation", mean(lambda k: squares[k]) / mean(lambda k: norms[k]), "You divided the sum of the errors by the sum of the norms: the largest layer decides alone. Divide layer by layer."),
        ("square-root", mean(lambda k: terms[k].sqrt()), "The norms must be squared: ‖·‖²_F / ‖A‖²_F."),
        ("square-root", mean(lambda k: squares[k] / norms[k].sqrt()), "The norm in the denominator must be squared too."),
        ("square-root", mean(lambda k: squares[k].sqrt() / norms[k]), "The norm in the numerator must be squared too."),
        ("square-root", mean(lambda k: d[k].abs().sum() / targets[k].abs().sum()), "You summed absolute values. The squared norm is the sum of the squares."),
        ("square-root", mean(lambda k: d[k].sum() ** 2 / norms[k]), "You squared the sum. The squared norm is the sum of the squares."),
        ("square-root", mean(lambda k: terms[k]).sqrt(), "There is no root over the mean."),
        ("value", mean(lambda k: squares[k] / own[k]), "You divided by ‖G^L(x)‖²: the error is relative to the target A^L. (The descent could make x large instead of right.)"),
        ("normalisation", mean(lambda k: unscaled[k].square().sum() / norms[k]), "The Gram matrices of x lack 1/(wh). Use gram_matrix."),
        ("truncation", terms[last], "Only the last layer counts: add the terms up, loss = loss + …"),
        ("truncation", terms[last] / count, "Only the last layer counts: add the terms up, loss = loss + …"),
        ("truncation", terms[first], "Only the first layer counts: the return must come after the loop, not in it."),
        ("truncation", terms[first] / count, "Only the first layer counts: the return must come after the loop, not in it."),
        ("sign", -mean(lambda k: terms[k]), "The sign is wrong: E_style is a sum of squares, to be minimized."),
        *([("order", torch.stack([x.square().sum() for x in in_order]).mean(), "You pair the dictionaries by their order. The layers are their keys.")] if in_order else []),
    ]  # fmt: skip


# --- the transfer ----------------------------------------------------------------------------------------------------


class _Network(VGGFeatures):
    """A small random network with the names of VGG's layers, the content's between those of the style."""

    layers = ("relu1_1", CONTENT_LAYER, "relu3_1")
    smallest_side = 2

    def __init__(self) -> None:
        nn.Module.__init__(self)  # without VGG's own layers
        shapes = ((6, 3), (5, 6), (4, 5))
        kernels = [random_image((*shape, 3, 3), i).float() / (3 * shape[1] ** 0.5) for i, shape in enumerate(shapes)]
        self.kernels = nn.ParameterList([nn.Parameter(k, requires_grad=False) for k in kernels])
        self.seen: list[Tensor] = []

    def forward(self, u: Tensor) -> dict[str, Tensor]:
        self.seen.append(u.detach().clone())
        x, features = u[None], {}
        for name, kernel in zip(self.layers, self.kernels, strict=True):
            if name == CONTENT_LAYER:  # differences only: a little noise on a photograph of low contrast shows
                features[name] = F.conv2d(x, 9 * (kernel - kernel.mean((-2, -1), keepdim=True)))[0]
            x = F.softplus(F.conv2d(x, kernel, padding=1))
            features.setdefault(name, x[0])
        return features


_SHAPE, _ALPHA, _N = (3, 12, 14), 3.0, 25


def _images() -> tuple[Tensor, Tensor]:
    """Return a photograph of low contrast and a painting, some of their values outside [0, 1]."""
    return random_image(_SHAPE, 1).float() / 20 + 0.97, random_image((3, 11, 17), 2).float() / 2 + 0.9


@exercise(
    style.style_transfer,
    hints=(
        "Before the descent: P from the content, the targets from the style. Then a function energy(x), which applies "
        "the network to x. Then minimize_image, from the content and a little noise.",
        "energy(x) = alpha * content_loss(F, P) / ‖P‖² + style_loss(features, targets), F = features[CONTENT_LAYER]; the "
        "start is content + START_NOISE * w, w from torch.randn(content.shape, generator=generator).",
        "P = network(content)[CONTENT_LAYER]",
    ),
)
def style_transfer(student: Student) -> str:
    """Transfer a small image by a small random network: the first energy, the last one, the noise, the work."""
    network = _Network()
    p, a = _images()
    x, losses = _transfer(student, p, a, network, _ALPHA, _N)
    evaluations, first = len(network.seen), next((u for u in network.seen if u.shape == p.shape and not torch.equal(u, p)), p)
    _examine_first(losses[0], first, p, a)
    energy = style.transfer_energy(p, a, network, _ALPHA)
    reached, begun = energy(x.float()).item(), losses[0]
    text = "The network was applied far more often than n times: energy(x) applies it once; P and the targets come before."
    expect(evaluations <= 2.5 * _N + 6, "too-slow", text, n=_N, evaluations=evaluations)
    best = min(style.style_transfer(p, a, network, _ALPHA, _N, torch.Generator().manual_seed(0)).losses)
    clipped = x.unique(return_counts=True)[1].max().item() / x.numel()
    expect(clipped < 0.02, "clipping", "Many pixels have exactly the same value: you clipped the image. Nothing is clipped here, only in pictures.")
    expect(not is_close(x, p, 1e-6), "identity", "The image that you return is the photograph: return the one that minimize_image returns.")
    details = {"E at the start": begun, "E of your image": reached, "the course's E": best}
    if min(losses) < begun - 0.5 * (begun - best) < reached:
        raise Mistake("value", "The losses fall, but E of the image that you return is larger: return the image that minimize_image returns.", details)
    text = "E hardly falls: the descent is n evaluations of minimize_image, by the gradient of E with respect to x."
    expect(reached <= begun - 0.7 * (begun - best), "not-converged", text, **{k.replace(" ", "_"): v for k, v in details.items()})
    _examine_noise(student, p, a, network, x)
    return "E = α E_content / ‖P‖² + E_style falls from the photograph and its noise, and another generator gives another image"


def _examine_first(begun: float, first: Tensor, p: Tensor, a: Tensor) -> None:
    """Raise the mistake that the first energy shows: the noise, the weight, the layers."""
    network, w = _Network(), torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    expected = style.transfer_energy(p, a, network, _ALPHA)(p + START_NOISE * w).item()
    if is_close(begun, expected, 1e-3):
        return
    moved = (first - p).square().mean().sqrt().item()
    known = {"standard deviation of the noise": moved, "it should be": START_NOISE}
    if moved < 0.1 * START_NOISE:
        raise Mistake("start", "The descent starts from the photograph itself: add START_NOISE * w, with w of variance 1.", known)
    if not 0.7 * START_NOISE < moved < 1.3 * START_NOISE:
        raise Mistake("start", "The descent does not start from content + START_NOISE * w.", known)
    P, f = network(p)[CONTENT_LAYER], network(first)
    A = {k: _gram(v) for k, v in network(a).items()}
    S = {k: v for k, v in A.items() if k != CONTENT_LAYER}
    own = {k: _gram(v) for k, v in network(p).items() if k != CONTENT_LAYER}
    content, painted = style.content_loss(f[CONTENT_LAYER], P), style.style_loss(f, S)
    relative, everything = content / P.square().sum(), style.style_loss(f, A)
    recognise(
        begun,
        ("weight", (relative + painted).item(), "α is missing: α E_content / ‖P‖² + E_style."),
        ("weight", (relative + _ALPHA * painted).item(), "α multiplies the style. It is the weight of the content."),
        ("weight", (_ALPHA * (relative + painted)).item(), "α multiplies both terms. It is the weight of the content only."),
        ("weight", (relative / _ALPHA + painted).item(), "You divided by α: it multiplies the content."),
        ("normalisation", (_ALPHA * content + painted).item(), "The content is not divided by ‖P‖², the sum of the squares of P."),
        ("square-root", (_ALPHA * content / P.norm() + painted).item(), "The content is divided by ‖P‖: the norm must be squared."),
        ("normalisation", (2 * _ALPHA * relative + painted).item(), "The content counts twice: content_loss has its ½."),
        ("normalisation", (_ALPHA * content / P.numel() + painted).item(), "The content is divided by the number of its features. It must be ‖P‖²."),
        ("value", painted.item(), "The content is missing in E."),
        ("value", (_ALPHA * relative).item(), "The style is missing in E."),
        ("value", (_ALPHA * relative + everything).item(), f"The layer {CONTENT_LAYER} is among your targets of the style: it is that of the content only."),
        ("value", (_ALPHA * relative + style.style_loss(f, own)).item(), "Your targets of the style are the Gram matrices of the content. They come from network(style)."),
        ("sign", (_ALPHA * relative - painted).item(), "The two terms are added, not subtracted."),
        ("sign", (painted - _ALPHA * relative).item(), "The two terms are added, not subtracted."),
        rtol=1e-3,
    )  # fmt: skip
    if not is_close(first, p + START_NOISE * w, 1e-4):
        raise Mistake("randomness", "The noise is not torch.randn(content.shape, generator=generator): take the generator that is passed, once.", known)
    raise Mistake("value", "The first value of E is not α E_content / ‖P‖² + E_style.", {"yours": begun, "expected": expected})


def _examine_noise(student: Student, p: Tensor, a: Tensor, network: _Network, x: Tensor) -> None:
    again, other = (_transfer(student, p, a, network, _ALPHA, 4, seed)[0] for seed in (0, 1))
    same = _transfer(student, p, a, network, _ALPHA, 4)[0]
    text = "Two calls with generators of the same seed give different images: draw the noise with generator=generator, once."
    expect(relative_error(again, same) < 1e-4, "randomness", text)
    text = "Two different seeds give the same image: draw the noise with the generator that is passed."
    expect(relative_error(other, same) > 1e-4, "randomness", text)


def _transfer(
    student: Student, p: Tensor, a: Tensor, network: _Network, alpha: float, n: int, seed: int = 0
) -> tuple[Tensor, list[float]]:
    """Return the student's image and losses."""
    network.seen.clear()
    try:
        result = student(p, a, network, alpha, n, torch.Generator().manual_seed(seed))
    except Mistake as mistake:
        if mistake.cause == "exception" and "its result has no gradient" in mistake.message:
            text = "E does not depend on x: energy(x) must apply the network to its argument x."
            raise Mistake("autograd", f"{text} {mistake.message}") from None
        if "must match the size" in mistake.message or "same shape" in mistake.message:
            text = "Features of two sizes meet: P comes from the content, which x has the size of, not from the style."
            raise Mistake("shape", f"{text} {mistake.message}") from None
        raise
    if isinstance(result, Tensor) or not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Mistake("type", "The result must be a pair: the image, and the list of the losses, return x, losses.")
    x = student.as_tensor(result[0], tuple(p.shape), "the image")
    try:
        losses = [float(value) for value in result[1]]
    except (TypeError, ValueError):
        raise Mistake("type", "The second result must be the list of the values of E: history.objective.") from None
    expect(len(losses) > 0, "type", "The list of losses is empty: it is history.objective.")
    return x, losses


# --- colours ---------------------------------------------------------------------------------------------------------


def _mixed(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return an image with correlated channels."""
    return torch.einsum("ij,jhw->ihw", random_image((3, 3), seed + 50), random_image(shape, seed)) + 0.3 * seed


@exercise(
    style.match_colors,
    hints=(
        "Colours are points of R³. Take the mean of u away, multiply by T, add the mean of v. All that is needed for T are "
        "the two covariances and powers of symmetric matrices.",
        "T = C_u^(-1/2) (C_u^(1/2) C_v C_u^(1/2))^(1/2) C_u^(-1/2); with C = Q Λ Qᵀ, C^(1/2) = Q Λ^(1/2) Qᵀ.",
        "colors_u, colors_v = u.flatten(1).double(), v.flatten(1).double()",
    ),
)
def match_colors(student: Student) -> str:
    """Compare with the optimal map on images of equal and of different sizes."""
    for seed, (shape_u, shape_v) in enumerate((((3, 8, 7), (3, 8, 7)), ((3, 9, 5), (3, 6, 11)))):
        u, v = _mixed(shape_u, seed), _mixed(shape_v, seed + 10)
        answer, expected = student.tensor(u, v, shape=shape_u), style.match_colors(u, v)
        if is_close(answer, expected, 1e-4 if answer.dtype == torch.float32 else 1e-6):
            continue
        recognise(answer, *_wrong_matches(u, v))
        recognise_generic(student, answer, expected)
        m, c = _moments(answer)
        expect_close(m, _moments(v)[0], "mean", "The mean colour of the result is not that of v.", 1e-4)
        text = "The covariance of the colours of the result is not that of v: T C_u Tᵀ = C_v."
        expect_close(c, _moments(v)[1], "value", text, 1e-4)
        text = "Mean and covariance are right, the map is not the optimal one: T must be symmetric, with positive eigenvalues."
        raise Mistake("transpose", text)
    float32 = student(*(image.float() for image in (u, v)))
    text = "The result must have the dtype of u: end with .to(u.dtype)."
    expect(isinstance(float32, Tensor) and float32.dtype == torch.float32, "type", text)
    return "mean and covariance are those of v, by the symmetric map, on images of equal and of different sizes"


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    colors = image.double().flatten(1)
    return colors.mean(1), torch.cov(colors, correction=0)


def _wrong_matches(u: Tensor, v: Tensor) -> list[Known]:
    (m_u, c_u), (m_v, c_v) = _moments(u), _moments(v)
    centred = u.flatten(1) - m_u[:, None]
    root_u, inverse_u, root_v = matrix_power(c_u, 0.5), matrix_power(c_u, -0.5), matrix_power(c_v, 0.5)
    inverse_v = matrix_power(c_v, -0.5)
    middle = root_u @ c_v @ root_u
    t = inverse_u @ matrix_power(middle, 0.5) @ inverse_u
    back = inverse_v @ matrix_power(root_v @ c_u @ root_v, 0.5) @ inverse_v
    cholesky = torch.linalg.cholesky(c_v) @ torch.linalg.inv(torch.linalg.cholesky(c_u))
    deviations = (c_v.diagonal() / c_u.diagonal()).sqrt()
    n_u, n_v = u[0].numel(), v[0].numel()
    unbiased = (n_v / (n_v - 1) * (n_u - 1) / n_u) ** 0.5
    q = torch.linalg.eigh(c_u).eigenvectors
    entries = inverse_u @ middle.abs().sqrt() @ inverse_u

    def image(matrix: Tensor, mean: Tensor = m_v, x: Tensor = centred) -> Tensor:
        return (mean[:, None] + matrix @ x).reshape(u.shape)

    other = "Mean and covariance are right, but this is not the map that moves the colours least: T is symmetric."
    swapped = [("order", style.match_colors(v, u), "This is v with the colours of u: it is u that changes.")] if u.shape == v.shape else []
    return [
        *swapped,
        ("transpose", image(cholesky), f"You took Cholesky factors. {other}"),
        ("transpose", image(root_v @ inverse_u), f"C_v^(1/2) C_u^(-1/2) is not symmetric. {other}"),
        ("transpose", image(inverse_u @ root_v), "C_u^(-1/2) C_v^(1/2) has the two factors in the wrong order, and the optimal map has a third one: it is symmetric."),
        ("order", image(back), "Your map goes from the colours of v to those of u: exchange the two covariances."),
        ("order", image(torch.linalg.inv(t)), "Your T is the inverse of the right one: it goes from v to u."),
        ("square-root", image(inverse_u @ middle @ inverse_u), "The root in the middle is missing: (C_u^(1/2) C_v C_u^(1/2))^(1/2)."),
        ("square-root", image(c_v @ torch.linalg.inv(c_u)), "C_v C_u^(-1) is the square of what a single channel needs: roots are missing."),
        ("square-root", image(entries), "You took the roots of the entries. The root of a matrix has the roots of its eigenvalues: Q Λ^(1/2) Qᵀ."),
        ("square-root", image(t @ t), "The map is applied twice."),
        ("axis", image(torch.diag(deviations)), "You changed each channel by itself. The covariances between two colours must be right too: T is a 3 × 3 matrix."),
        ("value", u - m_u[:, None, None] + m_v[:, None, None], "Only the means are matched: T is missing."),
        ("mean", image(t, m_u), "The mean is that of u: add m_v at the end."),
        ("mean", image(t, 0 * m_v), "The mean of v is missing at the end."),
        ("mean", image(t, m_v, u.flatten(1)), "You did not take the mean of u away before T."),
        ("mean", image(t, m_v - m_u), "You took the mean of u away twice."),
        ("normalisation", image(unbiased * t), "Your covariances have 1/(N − 1). Here they have 1/N (correction=0): it matters when the sizes differ."),
        ("clipping", image(t).clamp(0, 1), "You clipped the result: nothing is clipped here, only in pictures."),
        ("transpose", image(t, m_v, (q.mT @ centred)), "You left the colours in the basis of the eigenvectors: Q Λ^(1/2) Qᵀ ends with Qᵀ."),
    ]  # fmt: skip


@exercise(
    style.luminance_transfer,
    hints=(
        "Three steps: two luminances; that of the style made as bright and as contrasted as that of the content; the "
        "difference of the painted luminance, added to each channel.",
        "s = μ_p + (σ_p/σ_a)(Y(a) − μ_a), y = transfer(Y(p), s), and the result is p + y − Y(p).",
        "y, s = to_gray(content), to_gray(style)",
    ),
)
def luminance_transfer(student: Student) -> str:
    """Compare with the definition for transfers of which the result is known."""
    for seed, (shape, other) in enumerate((((3, 8, 7), (3, 6, 11)), ((3, 5, 9), (3, 10, 4)))):
        p, a = random_image(shape, seed) / 4 + 0.5, random_image(other, seed + 10) + 0.2
        got: list[tuple[Tensor, Tensor]] = []

        def transfer(y: Tensor, s: Tensor, got: list[tuple[Tensor, Tensor]] = got) -> Tensor:
            got.append((y, s))
            return _known_transfer(y, s)

        answer = _luminance_answer(student, p, a, transfer, shape)
        expected = style.luminance_transfer(p, a, _known_transfer)
        if is_close(answer, expected):
            continue
        recognise(answer, *_wrong_luminances(p, a))
        text = "The argument transfer was not called: y = transfer(Y(p), s)."
        expect(bool(got), "global", text)
        _examine_luminances(*got[0], to_gray(p), to_gray(a))
        expect_close(answer, expected, "value", "The result is not p + y − Y(p).")
    return "the luminance is that of the transfer, the differences between the channels are those of the photograph"


def _known_transfer(y: Tensor, s: Tensor) -> Tensor:
    """Return a gray image of the size of y that depends on both, moments of s of two orders included."""
    if y.ndim != 2 or s.ndim != 2:
        raise ValueError(f"transfer takes two gray images (H, W), got shapes {tuple(y.shape)} and {tuple(s.shape)}")
    return 0.5 * y.flip(-1) + s.mean() * y.square() + s.square().mean() * y.roll(1, -2) + 0.3 * s[0, 0]


def _luminance_answer(student: Student, p: Tensor, a: Tensor, transfer: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
    try:
        result = student(p, a, transfer)
    except Mistake as mistake:
        if "transfer takes two gray images" in mistake.message:
            text = "transfer got colour images: give it the two luminances, (H, W)."
            raise Mistake("shape", f"{text} {mistake.message}") from None
        if "must match the size" in mistake.message:
            text = "Two sizes meet: transfer takes the luminance of the photograph first, that of the painting second, and returns the size of the first."
            raise Mistake("order", f"{text} {mistake.message}") from None
        raise
    if isinstance(result, Tensor) and result.ndim == 2:
        text = "The result is gray: add y − Y(p) to the three channels of the photograph, p + y − Y(p)."
        raise Mistake("shape", text, {"your shape": tuple(result.shape), "expected shape": shape})
    return student.as_tensor(result, shape)


def _examine_luminances(y: Tensor, s: Tensor, luminance: Tensor, painting: Tensor) -> None:
    """Raise what is wrong with the two images that the transfer got."""
    text = "The first argument of transfer is not the luminance of the photograph, 0.299 R + 0.587 G + 0.114 B."
    expect(y.shape == luminance.shape and is_close(y, luminance), "value", text)
    expect(s.shape == painting.shape, "shape", "The second argument of transfer has not the size of the painting.")
    text = "The second argument of transfer has not the mean of the luminance of the photograph."
    expect_close(s.mean(), luminance.mean(), "mean", text)
    text = "The second argument of transfer has not the standard deviation (with 1/N) of the luminance of the photograph."
    expect_close(s.std(correction=0), luminance.std(correction=0), "normalisation", text)


def _wrong_luminances(p: Tensor, a: Tensor) -> list[Known]:
    y, g, t = to_gray(p), to_gray(a), _known_transfer
    m, m_a, sd, sd_a = y.mean(), g.mean(), y.std(correction=0), g.std(correction=0)
    s = m + sd / sd_a * (g - m_a)
    right = t(y, s)
    average = p.mean(0)
    average_a = a.mean(0)
    averaged = average.mean() + average.std(correction=0) / average_a.std(correction=0) * (average_a - average_a.mean())
    variances = m + (sd / sd_a) ** 2 * (g - m_a)
    unbiased = m + y.std() / g.std() * (g - m_a)
    return [
        ("mean", p + t(y, g) - y, "The luminance of the painting went in as it is: give it the mean and the standard deviation of the photograph's."),
        ("mean", p + t(y, sd / sd_a * (g - m_a)) - y, "The mean of the photograph's luminance is missing in s."),
        ("mean", p + t(y, m_a + sd / sd_a * (g - m_a)) - y, "s has the mean of the painting: μ_p + …"),
        ("mean", p + t(y, m + sd / sd_a * g) - y, "The mean of the painting's luminance is not taken away in s."),
        ("normalisation", p + t(y, g - m_a + m) - y, "s has the right mean, and the standard deviation of the painting: the factor σ_p/σ_a is missing."),
        ("normalisation", p + t(y, m + sd_a / sd * (g - m_a)) - y, "The ratio of the deviations is upside down: σ_p/σ_a."),
        ("square-root", p + t(y, variances) - y, "You took the ratio of the variances: it is that of the standard deviations."),
        ("normalisation", p + t(y, unbiased) - y, "Your standard deviations have 1/(N − 1). Here they have 1/N (correction=0): it matters when the sizes differ."),
        ("value", p + right, "Y(p) must be taken away: the luminance y replaces it, p + y − Y(p)."),
        ("value", right.expand(3, -1, -1), "The result is gray three times: the colours of the photograph are lost. p + y − Y(p)."),
        ("value", p - right + y, "The difference is added with the wrong sign: p + y − Y(p)."),
        ("value", p * right / y, "You multiplied the colours by y/Y(p): that changes their differences. Add y − Y(p)."),
        ("value", a.mean((1, 2), keepdim=True) + right - y + 0 * p, "The colours must be those of the photograph."),
        ("value", p + t(average, averaged) - average, "You took the mean of the channels. The luminance is 0.299 R + 0.587 G + 0.114 B: to_gray."),
        ("order", p + s[: y.shape[0], : y.shape[1]] - y if s.shape[0] >= y.shape[0] and s.shape[1] >= y.shape[1] else 0 * p, "The painting's luminance stands in the place of the transfer."),
        ("clipping", (p + right - y).clamp(0, 1), "You clipped the result: nothing is clipped here, only in pictures."),
        ("identity", p, "The photograph comes back unchanged."),
    ]  # fmt: skip
