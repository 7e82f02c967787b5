"""Texture synthesis by the statistics of a network (Gatys, Ecker and Bethge, 2015), as in the lecture's pseudo-code."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import (
    require_callable,
    require_choice,
    require_count,
    require_image,
    require_mapping,
    require_number,
    require_same_device,
    require_same_shape,
    require_sequence,
    require_size,
    require_tensor,
)
from course_utils.data import fetch
from course_utils.features import ARCHITECTURES, VGGFeatures
from course_utils.gaussian_textures import gaussian_texture
from course_utils.images import read_picture, zoom_out
from course_utils.optim import minimize_image

__all__ = [
    "WHITENING",
    "Synthesis",
    "color_statistics_loss",
    "count_statistics",
    "gram_loss",
    "gram_matrix",
    "load_synthesis",
    "mean_feature",
    "mean_loss",
    "relative_weights",
    "spectrum_loss",
    "synthesis_records",
    "synthesize_texture",
]

Statistic = Callable[[Tensor], Tensor]
ImageLoss = Callable[[Tensor, Tensor], Tensor]
Callback = Callable[[Tensor, float], object]
Energy = Callable[[Tensor], tuple[Tensor, Tensor]]

WHITENING = 0.01  # a good δ for `synthesize_texture`: smaller values gain nothing more

# ---------------------------------------------------------------------------------------------------------------------
# Statistics and losses


def gram_matrix(features: Float[Tensor, "*batch n h w"]) -> Float[Tensor, "*batch n n"]:
    """Return the Gram matrix of features: G = (1/wh) Σ_k V_k V_kᵀ, the sum over the pixels k.

    Parameters
    ----------
    features : Tensor, shape (..., n, h, w)
        V: n channels on h x w pixels. Leading dimensions are a batch, one matrix for each.

    Returns
    -------
    Tensor, shape (..., n, n)
        Symmetric, positive semi-definite; it does not depend on where in the image the features are.

    Raises
    ------
    TypeError, ValueError
        If ``features`` are not finite floating-point values with at least three dimensions.

    Notes
    -----
    Slide "Convolutional Neural Networks (CNN)". Gatys et al. (2015) do not divide by w h; the lecture does, and so
    images of different sizes can be compared.
    """
    v = _require_features(features).flatten(start_dim=-2)
    return _Products.apply(v) / v.shape[-1]


class _Products(torch.autograd.Function):
    """V Vᵀ, whose gradient (S + Sᵀ) V takes one product where autograd alone takes two."""

    @staticmethod
    def forward(v: Tensor) -> Tensor:
        return v @ v.mT

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        s = gradients[0] + gradients[0].mT
        return (v.mT @ s).mT  # s V, with the channels of a pixel side by side in memory as the features have them


def mean_feature(features: Float[Tensor, "*batch n h w"]) -> Float[Tensor, "*batch n"]:
    """Return the mean of features over the pixels: m = (1/wh) Σ_k V_k, a statistic of order 1.

    Parameters
    ----------
    features : Tensor, shape (..., n, h, w)
        V: n channels on h x w pixels.

    Returns
    -------
    Tensor, shape (..., n)
        One mean for each channel.

    Raises
    ------
    TypeError, ValueError
        If ``features`` are not finite floating-point values with at least three dimensions.
    """
    return _require_features(features).mean(dim=(-2, -1))


def gram_loss(
    features: Mapping[str, Float[Tensor, "*batch _ _ _"]],
    targets: Mapping[str, Float[Tensor, "_ _"]],
    weights: Mapping[str, float],
) -> Float[Tensor, "*batch"]:
    """Return the loss of Gatys et al.: E(x) = Σ_L w_L ‖G^L(x) − G^L(u)‖²_F.

    Parameters
    ----------
    features : mapping of str to Tensor (n, h, w)
        V^L(x) by the name of the layer, as a network returns them.
    targets : mapping of str to Tensor (n, n)
        G^L(u), the Gram matrices of the exemplar.
    weights : mapping of str to float
        w_L >= 0.

    Returns
    -------
    Tensor
        A scalar, or one value for each image of a batch.

    Raises
    ------
    ValueError, TypeError
        If the three do not have the same layers, at least one, or a target does not fit its features.

    Notes
    -----
    Slide "Gatys et al algorithm". Gatys et al. have w_L / (4 n²) before matrices that are not divided by w h.
    """
    return _statistics_loss(gram_matrix, features, targets, weights)


def mean_loss(
    features: Mapping[str, Float[Tensor, "*batch _ _ _"]],
    targets: Mapping[str, Float[Tensor, " _"]],
    weights: Mapping[str, float],
) -> Float[Tensor, "*batch"]:
    """Return the loss on statistics of order 1 only: Σ_L w_L ‖m^L(x) − m^L(u)‖², m^L the mean feature.

    Parameters
    ----------
    features : mapping of str to Tensor (n, h, w)
        V^L(x) by the name of the layer.
    targets : mapping of str to Tensor (n,)
        m^L(u), the mean features of the exemplar.
    weights : mapping of str to float
        w_L >= 0.

    Returns
    -------
    Tensor
        A scalar, or one value for each image of a batch.

    Raises
    ------
    ValueError, TypeError
        If the three do not have the same layers, at least one, or a target does not fit its features.
    """
    return _statistics_loss(mean_feature, features, targets, weights)


def _statistics_loss(
    statistic: Statistic, features: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """Return Σ_L w_L ‖S(V^L) − target^L‖² for a statistic S of the features."""
    return _weighted_squares(_differences(statistic, features, targets, weights), targets, weights)


def _weighted_squares(
    differences: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """Return Σ_L w_L ‖difference^L‖², for each element of a batch."""
    terms = [
        weights[layer] * difference.square().flatten(start_dim=-targets[layer].ndim).sum(dim=-1)
        for layer, difference in differences.items()
    ]
    return torch.stack(terms).sum(dim=0)


def _differences(
    statistic: Statistic, features: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, float]
) -> dict[str, Tensor]:
    """Return S(V^L) − target^L by layer, the arguments being checked."""
    _require_same_layers(features, targets, weights)
    differences = {}
    for layer, target in targets.items():
        require_number(weights[layer], f"weights[{layer!r}]", minimum=0)
        value = statistic(features[layer])
        require_same_device(value, target, ("features", "targets"))
        if value.shape[value.ndim - target.ndim :] != target.shape:
            raise ValueError(
                f"targets[{layer!r}] must have shape {tuple(value.shape)} as features[{layer!r}] give, "
                f"got {tuple(target.shape)}"
            )
        differences[layer] = value - target
    return differences


def relative_weights(targets: Mapping[str, Tensor]) -> dict[str, float]:
    """Return w_L = 1 / ‖G^L(u)‖²_F, with which E(x) is a sum of relative errors, one for each layer.

    Parameters
    ----------
    targets : mapping of str to Tensor
        The exemplar's Gram matrices (or other statistics), by layer.

    Returns
    -------
    dict
        Layer to weight.

    Raises
    ------
    ValueError
        If a target is zero: a network with dead features, or an exemplar that is constant.
    """
    squares = require_mapping(targets, "targets").items()
    norms = {layer: float(target.cpu().double().square().sum()) for layer, target in squares}
    dead = [layer for layer, norm in norms.items() if norm == 0]
    if dead:
        raise ValueError(f"targets[{dead[0]!r}] is zero, so no error can be relative to it: give the weights")
    return {layer: 1 / norm for layer, norm in norms.items()}


def count_statistics(architecture: Mapping[str, int] | str, last: str) -> int:
    """Count the distinct entries of the Gram matrices of all the layers up to ``last``: Σ_L n_L (n_L + 1) / 2.

    Parameters
    ----------
    architecture : mapping of str to int, or the name of one of ``ARCHITECTURES``
        Number n_L of channels of each layer, in the order of the network.
    last : str
        The last layer that counts.

    Returns
    -------
    int
        852,128 for VGG-19 up to ``"pool4"``, the lecture's 850k.

    Raises
    ------
    ValueError
        If ``last`` is not a layer, or the architecture is unknown.
    """
    if isinstance(architecture, str):
        architecture = ARCHITECTURES[require_choice(architecture, "architecture", ARCHITECTURES)]
    layers = list(require_mapping(architecture, "architecture"))
    used = layers[: layers.index(require_choice(last, "last", layers)) + 1]
    return sum(architecture[layer] * (architecture[layer] + 1) // 2 for layer in used)


def color_statistics_loss(x: Float[Tensor, "*channels _ _"], u: Float[Tensor, "*channels _ _"]) -> Float[Tensor, ""]:
    """Return how far the colours of x are from those of u: ‖m(x) − m(u)‖² + ‖C(x) − C(u)‖²_F.

    m is the mean colour and C the covariance of the colours over the pixels, with 1/N.

    Parameters
    ----------
    x, u : Tensor, shape (C, H, W) or (H, W)
        Images with the same number of channels; they may have different sizes.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError, TypeError
        If they are no images, or have different channels, or are on different devices.
    """
    colors_x, colors_u = _colors(x, "x"), _colors(u, "u")
    require_same_device(x, u, ("x", "u"))
    if len(colors_x) != len(colors_u):
        raise ValueError(f"x and u must have the same channels, got shapes {tuple(x.shape)} and {tuple(u.shape)}")
    (m_x, c_x), (m_u, c_u) = _mean_and_covariance(colors_x), _mean_and_covariance(colors_u)
    return (m_x - m_u).square().sum() + (c_x - c_u).square().sum()


def spectrum_loss(x: Float[Tensor, "*channels H W"], u: Float[Tensor, "*channels H W"]) -> Float[Tensor, ""]:
    """Return the squared distance, per pixel, from x to the images that have the spectrum of u.

    (1/HW) ‖x − P(x)‖², where P(x) has the Fourier transform e^{iφ} û, and φ(ξ), the same for all the channels, is the
    phase of ⟨û(ξ), x̂(ξ)⟩. For gray images it is the squared difference between the moduli |x̂| and |û|.

    Parameters
    ----------
    x, u : Tensor, shape (C, H, W) or (H, W)
        Images of the same shape.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError, TypeError
        If they are no images, or of different shapes, or on different devices.

    Notes
    -----
    G. Liu, Y. Gousseau and G.-S. Xia (2016), "Texture synthesis through convolutional neural networks and spectrum
    constraints". The images are taken to be periodic.
    """
    require_same_shape(_require_picture(x, "x"), _require_picture(u, "u"), ("x", "u"))
    x_hat, u_hat = (torch.fft.fft2(image.reshape(-1, *image.shape[-2:])) for image in (x, u))
    correlation = (u_hat.conj() * x_hat).sum(dim=0)
    # the gradient of a squared distance is 2 (x - P(x)): P(x) itself counts as a constant
    phase = torch.where(correlation == 0, 1.0, torch.sgn(correlation)).detach()
    return (x_hat - phase * u_hat).abs().square().sum() / (x.shape[-2] * x.shape[-1]) ** 2


def _colors(image: Tensor, name: str) -> Tensor:
    _require_picture(image, name)
    return image.reshape(-1, image.shape[-2] * image.shape[-1])


def _mean_and_covariance(colors: Tensor) -> tuple[Tensor, Tensor]:
    m = colors.mean(dim=1, keepdim=True)
    return m, (colors - m) @ (colors - m).mT / colors.shape[1]


# ---------------------------------------------------------------------------------------------------------------------
# Synthesis


class Synthesis(NamedTuple):
    """A synthesized texture.

    Attributes
    ----------
    image : Tensor
        x, with the channels, the dtype and the device of the exemplar. **Not clipped**: a few of its values are a
        little below 0 or above 1, as nothing in E(x) forbids them.
    losses : list of float
        E at each evaluation, in order; one scale after the other when there are several. Fewer than asked for when
        the synthesis was interrupted.
    """

    image: Float[Tensor, "*channels H W"]
    losses: list[float]


def synthesize_texture(
    exemplar: Float[Tensor, "*channels _ _"],
    network: VGGFeatures,
    weights: Mapping[str, float] | None,
    generator: torch.Generator,
    n_iterations: int | Sequence[int],
    *,
    scales: Sequence[float] = (1.0,),
    size: tuple[int, int] | None = None,
    init: str | Float[Tensor, "*channels _ _"] = "white noise",
    statistic: Statistic = gram_matrix,
    whitening: float | None = None,
    extra_losses: Sequence[tuple[ImageLoss, float]] = (),
    callback: Callback | None = None,
    progress: bool = True,
) -> Synthesis:
    """Synthesize a texture: minimize E(x) = Σ_L w_L ‖G^L(x) − G^L(u)‖²_F by L-BFGS from a random image.

    The lecture's algorithm. With several ``scales`` the same is done from coarse to fine: each scale starts from the
    result of the one before, enlarged, with details drawn from the stationary Gaussian texture. An interrupt from the
    keyboard ends the synthesis, and what was reached so far is returned.

    Parameters
    ----------
    exemplar : Tensor, shape (3, H, W), (1, H, W) or (H, W)
        u, values in [0, 1]. For a gray exemplar one channel is optimized, so that no colour can appear.
    network : VGGFeatures
        Its layers are those whose statistics are matched.
    weights : mapping of str to float, or None
        w_L; None for 1 / ‖G^L(u)‖²_F, with which E is a sum of relative errors (:func:`relative_weights`).
    generator : torch.Generator
        Source of the noise.
    n_iterations : int or sequence of int
        Evaluations of E and its gradient at most, at each scale or scale by scale. An iteration of L-BFGS takes one, a
        few when its line search needs them.
    scales : sequence of float
        Increasing, the last one 1; the others 1/2, 1/3, 1/4, ... of the full size.
    size : (int, int), optional
        Height and width of the result, of any size; the exemplar's by default.
    init : "white noise", "gaussian texture" or Tensor
        The first x: white noise of the exemplar's mean and variance, the stationary Gaussian texture of the exemplar,
        or an image of the size of the result (reduced to the first scale).
    statistic : callable
        From features (n, h, w) to what is matched; :func:`gram_matrix`, or :func:`mean_feature`.
    whitening : float, optional
        δ > 0, such as :data:`WHITENING`: let L-BFGS minimize another loss, with the same solutions, on which it is
        faster (see the notes). None for E itself.
    extra_losses : sequence of (callable, float)
        Pairs of a loss (x, u) -> scalar and its weight, added to E.
    callback : callable, optional
        Called as ``callback(x, E(x))`` after each evaluation, x at the current scale, with the channels of the
        exemplar. When it raises ``StopIteration`` the synthesis ends like with an interrupt.
    progress : bool
        Show a bar at each scale, with the loss and the remaining time (``TQDM_DISABLE`` switches all bars off).

    Returns
    -------
    Synthesis
        ``image`` and ``losses``. The network computes in float32, whatever the dtype of the exemplar.

    Raises
    ------
    ValueError, TypeError
        For an argument that is not as above, on another device than the network, or too small for its last layer.

    Notes
    -----
    Slides "Gatys et al algorithm". Departures from Gatys et al. (2015): relative weights, and a line search.

    *Whitening.* A change dV of the features changes G by (dV Vᵀ + V dVᵀ)/wh. In the basis of the eigenvectors q_i of
    G^L(u), with eigenvalues λ_i, entry (i, j) moves in proportion to √(λ_i + λ_j): the curvatures of E are spread like
    the eigenvalues of the Gram matrices, over many orders of magnitude, and L-BFGS is slow. With R = G^L(x) − G^L(u) it
    then minimizes Σ_L w_L^(3/4) ‖G^L(u)‖_F^(-1/2) Σ_ij (q_iᵀ R q_j)² / ((λ_i + λ_j)/(2 λ_1) + δ), which is zero where E
    is, and whose curvatures are all of the same order when δ is small. The weights are w_L when these are relative;
    others are drawn towards the relative ones, so that no layer lags behind. ``losses`` and ``image`` are those of E.
    It pays where the descent goes far from a good start: on gravel at 256 x 256 and three scales the same loss takes
    199 evaluations for 240, and 30 s for 44 (RESULTS.md of the benchmarks).
    """
    u = _require_exemplar(exemplar, network)
    if whitening is not None:
        require_number(whitening, "whitening", minimum=0, strict=True)
        if statistic is not gram_matrix:
            raise ValueError("whitening needs the statistic gram_matrix: give whitening=None")
    require_callable(callback, "callback", optional=True)
    for pair in require_sequence(extra_losses, "extra_losses"):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not callable(pair[0]):
            raise TypeError(f"extra_losses must hold pairs of a function and its weight, got {pair!r}")
    factors = _require_scales(scales)
    budgets = _require_budgets(n_iterations, len(factors))
    full_size = _require_size(size, u, network.smallest_side * max(factors))
    x, losses = _initial_image(init, u, full_size, factors[0], generator), []
    watch = None if callback is None else _watcher(callback, exemplar.shape[:-2])
    with suppress(KeyboardInterrupt):  # one that falls between two scales
        for i, factor in enumerate(factors):
            if i > 0:
                x = _refine(x, u, factors[i - 1], factor, full_size, generator)
            energy = _energy(zoom_out(u, factor), network, weights, statistic, whitening, extra_losses)
            x, history = minimize_image(energy, x, budgets[i], watch=watch, progress=progress)
            losses += history.objective
            if history.interrupted:
                break
    x = _enlarge(x, full_size)
    return Synthesis(x.to(exemplar.dtype).reshape(*exemplar.shape[:-2], *full_size), losses)


def _energy(
    u: Tensor,
    network: VGGFeatures,
    weights: Mapping[str, float] | None,
    statistic: Statistic,
    whitening: float | None,
    extra_losses: Sequence[tuple[ImageLoss, float]],
) -> Energy:
    """Return the function of x with two values: E(x), and the loss to minimize in its place."""
    with torch.no_grad():
        targets = {layer: statistic(v) for layer, v in network(u).items()}
    w = relative_weights(targets) if weights is None else require_mapping(weights, "weights")
    of_features = _features_energy(targets, w, statistic, whitening)

    def energy(x: Tensor) -> tuple[Tensor, Tensor]:
        loss, minimized = of_features(network(x))
        for extra, weight in extra_losses:
            value = require_number(weight, "extra_losses", minimum=0) * extra(x, u)
            loss, minimized = loss + value, minimized + value
        return loss, minimized

    return energy


def _features_energy(
    targets: Mapping[str, Tensor],
    weights: Mapping[str, float],
    statistic: Statistic = gram_matrix,
    whitening: float | None = None,
) -> Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]]:
    """Return the function of features with two values: E = Σ_L w_L ‖S(V^L) − target^L‖², and what to descend for it.

    The second is E itself, or with ``whitening`` the loss of the notes of :func:`synthesize_texture`, which is zero
    where E is. The features may have more layers than the targets.
    """
    if whitening is not None:
        return _whitened_energy(targets, weights, whitening)

    def energy(features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        loss = _statistics_loss(statistic, {layer: features[layer] for layer in targets}, targets, weights)
        return loss, loss

    return energy


def _whitened_energy(
    targets: Mapping[str, Tensor], weights: Mapping[str, float], delta: float
) -> Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]]:
    """Return the function of features with two values: E of Gram matrices, and Σ_L w_L^(3/4) ‖s^L ∘ Qᵀ R^L Q‖².

    R^L = G^L − target^L, and s_ij = ‖target‖^(-1/4) ((λ_i + λ_j)/(2 λ_1) + δ)^(-1/2). Q is orthogonal: ‖Qᵀ R Q‖ = ‖R‖.
    """
    _require_same_layers(targets, targets, weights)
    gentle = {layer: require_number(w, f"weights[{layer!r}]", minimum=0) ** 0.75 for layer, w in weights.items()}
    bases = {layer: _eigenbasis(target, delta) for layer, target in targets.items()}

    def energy(features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        rotated = {
            layer: _rotated_difference(features[layer], target, *bases[layer][:2]) for layer, target in targets.items()
        }
        whitened = {layer: bases[layer][2] * r for layer, r in rotated.items()}
        return _weighted_squares(rotated, targets, weights), _weighted_squares(whitened, targets, gentle)

    return energy


def _eigenbasis(target: Tensor, delta: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return Q, the eigenvalues λ, and the factors s_ij of `_whitened_energy`, for a Gram matrix Q diag(λ) Qᵀ."""
    # In 64 bits, so on the CPU: with fewer pixels than channels the matrix has many zero eigenvalues, at which 32 fail.
    values, q = torch.linalg.eigh(target.cpu().double())
    norm = torch.linalg.vector_norm(values).item() or 1.0  # dead features have the matrix 0
    relative = values.clamp(min=0) / values[-1].clamp(min=torch.finfo(values.dtype).tiny)
    scale = norm**-0.25 * ((relative[:, None] + relative) / 2 + delta) ** -0.5
    return q.to(target), values.to(target), scale.to(target)


def _rotated_difference(v: Tensor, target: Tensor, q: Tensor, values: Tensor) -> Tensor:
    """Return Qᵀ (G(v) − target) Q: with few pixels as G(Qᵀ v) − diag(λ), which takes fewer products."""
    if v.shape[-2] * v.shape[-1] < 2 * len(values):
        return gram_matrix((q.mT @ v.flatten(start_dim=-2)).view(v.shape)) - torch.diag(values)
    return q.mT @ (gram_matrix(v) - target) @ q


def _watcher(callback: Callback, channels: Sequence[int]) -> Callable[[int, Tensor, float], object]:
    """Return what `minimize_image` calls: ``callback`` with x in the channels of the exemplar."""
    return lambda k, x, loss: callback(x.reshape(*channels, *x.shape[-2:]), loss)


# ---------------------------------------------------------------------------------------------------------------------
# From one scale to the next


def _initial_image(
    init: str | Tensor, u: Tensor, full_size: tuple[int, int], factor: int, generator: torch.Generator
) -> Tensor:
    """Return the first x, at the first scale."""
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    if isinstance(init, Tensor):
        return zoom_out(_require_init(init, u, full_size), factor)
    reduced, size = zoom_out(u, factor), _reduced(full_size, factor)
    if require_choice(init, "init", ("white noise", "gaussian texture")) == "gaussian texture":
        return gaussian_texture(reduced, generator, size)
    noise = torch.randn(*u.shape[:-2], *size, generator=generator, dtype=u.dtype, device=generator.device)
    return reduced.mean(dim=(-2, -1), keepdim=True) + reduced.std(dim=(-2, -1), keepdim=True) * noise.to(u.device)


def _refine(
    x: Tensor, u: Tensor, coarse: int, fine: int, full_size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Return x enlarged for the next scale, with what u's coarse scale lacks drawn as a Gaussian texture."""
    u_fine = zoom_out(u, fine)
    details = u_fine - _enlarge(zoom_out(u, coarse), (u_fine.shape[-2], u_fine.shape[-1]))
    size = _reduced(full_size, fine)
    return _enlarge(x, size) + gaussian_texture(details, generator, size)


def _reduced(size: tuple[int, int], factor: int) -> tuple[int, int]:
    return size[0] // factor, size[1] // factor


def _enlarge(x: Float[Tensor, "channels _ _"], size: Sequence[int]) -> Float[Tensor, "channels height width"]:
    """Return an image at another size, (height, width), by bicubic interpolation."""
    if x.shape[-2:] == tuple(size):
        return x
    return F.interpolate(x[None], size=list(size), mode="bicubic")[0]


# ---------------------------------------------------------------------------------------------------------------------
# Checks of the arguments


def _require_features(features: Tensor) -> Tensor:
    require_tensor(features, "features")
    if features.ndim < 3 or 0 in features.shape:
        raise ValueError(f"features must have shape (..., n, h, w), got {tuple(features.shape)}")
    return features


def _require_same_layers(
    features: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, float]
) -> None:
    if not require_mapping(targets, "targets"):
        raise ValueError("targets is empty: at least one layer is needed")
    for name, mapping in (("features", features), ("weights", weights)):
        if set(require_mapping(mapping, name)) != set(targets):
            raise ValueError(
                f"{name} and targets must have the same layers, got {', '.join(mapping) or 'none'} "
                f"and {', '.join(targets)}"
            )


def _require_picture(image: Tensor, name: str) -> Tensor:
    require_image(image, name)
    if image.ndim > 3:
        raise ValueError(f"{name} must have shape (H, W) or (C, H, W), got {tuple(image.shape)}")
    return image


def _require_exemplar(exemplar: Tensor, network: VGGFeatures) -> Tensor:
    """Return the exemplar as (C, H, W) in the network's dtype."""
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a network such as VGGFeatures, got {type(network).__name__}")
    u = _require_picture(exemplar, "exemplar")
    if u.ndim == 3 and u.shape[0] not in (1, 3):
        raise ValueError(f"exemplar must have shape (H, W), (1, H, W) or (3, H, W), got {tuple(u.shape)}")
    weight = next(network.parameters())
    require_same_device(u, weight, ("exemplar", "the network"))
    return u.detach().reshape(-1, *u.shape[-2:]).to(weight.dtype)


def _require_scales(scales: Sequence[float]) -> tuple[int, ...]:
    """Return the factors of reduction, coarse to fine."""
    values = [require_number(scale, "scales", minimum=0, strict=True) for scale in require_sequence(scales, "scales")]
    factors = tuple(round(1 / value) for value in values)
    whole = all(math.isclose(factor * value, 1) for factor, value in zip(factors, values, strict=True))
    if not values or values[-1] != 1 or not whole or any(a >= b for a, b in pairwise(values)):
        raise ValueError(
            f"scales must increase and end with 1, the others being 1/2, 1/3, ...; got {tuple(scales)}, "
            "expected for example (1/4, 1/2, 1)"
        )
    return factors


def _require_budgets(n_iterations: int | Sequence[int], n_scales: int, name: str = "n_iterations") -> tuple[int, ...]:
    given = list(n_iterations) if isinstance(n_iterations, Sequence) else [n_iterations] * n_scales
    if len(given) != n_scales:
        raise ValueError(f"{name} must be one number or one for each of the {n_scales} scales, got {len(given)}")
    return tuple(require_count(n, name) for n in given)


def _require_size(size: tuple[int, int] | None, u: Tensor, smallest: int) -> tuple[int, int]:
    """Return height and width of the result, checked with those of the exemplar against the network and the scales."""
    height, width = require_size(u.shape if size is None else size)
    for name, sides in (("exemplar", u.shape[-2:]), ("size", (height, width))):
        if min(sides) < smallest:
            raise ValueError(
                f"{name} must be at least {smallest} pixels wide and high for these layers and scales, "
                f"got {tuple(sides)}"
            )
    return height, width


def _require_init(init: Tensor, u: Tensor, full_size: tuple[int, int]) -> Tensor:
    require_image(init, "init")
    require_same_device(init, u, ("init", "exemplar"))
    x = init.detach().reshape(-1, *init.shape[-2:]).to(u.dtype)
    if x.shape != (u.shape[0], *full_size):
        raise ValueError(f"init must have {u.shape[0]} channels of {full_size} pixels, got shape {tuple(init.shape)}")
    return x


# ---------------------------------------------------------------------------------------------------------------------
# Precomputed syntheses


def synthesis_records() -> dict[str, dict[str, Any]]:
    """Return how each precomputed texture was made, by name, in the order of ``data/remake_syntheses.py``."""
    return json.loads(fetch("synthesis_records").read_text(encoding="utf-8"))


def load_synthesis(name: str) -> tuple[Float[Tensor, "*channels H W"], dict[str, Any]]:
    """Load a texture that ``make syntheses`` made, and the record of how it was made.

    Parameters
    ----------
    name : str
        Such as ``"gravel"``; an error lists them all.

    Returns
    -------
    image : Tensor
        float64, values in [0, 1]: the result clipped and rounded to 8 bits, so its loss is not that of the synthesis.
    record : dict
        ``texture``, ``seed``, ``layers`` and the other settings; ``loss``, of the synthesis; ``loss_of_file``, of the
        8-bit image; ``seconds`` that it took; ``sha256`` of the file.

    Raises
    ------
    ValueError
        If there is no synthesis of that name, or its file was altered.
    """
    records = synthesis_records()
    record = records[require_choice(name, "name", records)]
    return read_picture(fetch(f"synthesis_{name}")), record
