"""Style of images by the features of a network: transfer (lesson 11) and mixing (lesson 12)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import (
    require_callable,
    require_choice,
    require_generator,
    require_image,
    require_number,
    require_picture,
    require_same_device,
    require_same_shape,
    require_tensor,
)
from course_utils.data import fetch
from course_utils.features import VGGFeatures
from course_utils.images import center_crop, load_image, read_picture, shrink, to_gray, zoom_out
from course_utils.optim import minimize_image
from course_utils.textures import (
    Synthesis,
    _enlarge,
    _features_energy,
    _require_budgets,
    _require_scales,
    gram_loss,
    gram_matrix,
    relative_weights,
)

# --- transfer (lesson 11) ---------------------------------------------------------------------------------------------

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
TRANSFER_LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)
"""The layers of Gatys et al. (2016): five for the style, one for the content."""

START_NOISE = 0.02  # standard deviation of what is added to the content image: flat parts have no texture to begin with

Energy = Callable[[Tensor], Tensor]


def content_loss(features: Float[Tensor, "n h w"], targets: Float[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """Return E_content = ½ ‖F − P‖², the sum over channels and pixels: features F of x, targets P of the photograph.

    L. Gatys, A. Ecker, M. Bethge (2016), 10.1109/CVPR.2016.265. Slide "Style transfer".
    """
    require_same_shape(
        require_tensor(features, "features"), require_tensor(targets, "targets"), ("features", "targets")
    )
    require_same_device(features, targets, ("features", "targets"))
    return 0.5 * (features - targets).square().sum()


def style_loss(
    features: Mapping[str, Float[Tensor, "_ _ _"]], targets: Mapping[str, Float[Tensor, "_ _"]]
) -> Float[Tensor, ""]:
    """Return E_style = (1/|S|) Σ_L ‖G^L(x) − A^L‖²_F / ‖A^L‖²_F over the layers S of the targets, A^L = G^L(style).

    The features may have more layers. It departs from the paper's Σ_L w_L ‖·‖²_F / (4 n_L²): the errors are relative,
    so that each layer weighs the same. Gatys, Ecker, Bethge (2016), 10.1109/CVPR.2016.265. Slide "Style transfer".
    """
    missing = [layer for layer in targets if layer not in features]
    if missing or not targets:
        raise ValueError(f"targets must have layers of the features, {', '.join(features)}; got {', '.join(targets)}")
    return gram_loss({layer: features[layer] for layer in targets}, targets, _style_weights(targets))


def _style_weights(targets: Mapping[str, Tensor]) -> dict[str, float]:
    """Return w_L = 1 / (|S| ‖A^L‖²_F)."""
    return {layer: w / len(targets) for layer, w in relative_weights(targets).items()}


def style_transfer(
    content: Float[Tensor, "*channels H W"],
    style: Float[Tensor, "*channels _ _"],
    network: VGGFeatures,
    alpha: float,
    n: int | Sequence[int],
    generator: torch.Generator,
    *,
    content_layer: str = CONTENT_LAYER,
    scales: Sequence[float] = (1.0,),
    weights: Mapping[str, float] | None = None,
    whitening: float | None = None,
    init: Float[Tensor, "*channels H W"] | None = None,
    callback: Callable[[Tensor, float], object] | None = None,
    progress: bool = False,
) -> Synthesis:
    """Paint ``content`` in the style of another image: minimize E(x) = α E_content(x) / ‖P‖² + E_style(x) by L-BFGS.

    Parameters
    ----------
    content, style : the photograph p, whose size x has, and the painting a, of any size; both in colour or both gray.
    network : its layer ``content_layer`` holds the content, all its others the style.
    alpha : α ≥ 0; 0 leaves a texture (lesson 10).
    n : evaluations of E and its gradient at most, at each scale or scale by scale.
    generator : of the white noise, of standard deviation :data:`START_NOISE`, that is added to the first image.
    scales : increasing, the last one 1, the others 1/2, 1/3, ...: from coarse to fine, content and style reduced alike.
    weights : w_L of the style layers, in place of those of :func:`style_loss`; 0 leaves a layer out.
    whitening : δ > 0, such as ``textures.WHITENING``: descend the whitened style loss (:func:`synthesize_texture`).
    init : the first image, p by default.
    callback : called as ``callback(x, E(x))`` after each evaluation; ends the descent by raising ``StopIteration``.

    Returns
    -------
    Synthesis
        ``image``, not clipped, and ``losses``, E at each evaluation.

    Notes
    -----
    Slide "Style transfer"; L. Gatys, A. Ecker, M. Bethge (2016), 10.1109/CVPR.2016.265. Departures from the paper: both
    terms are relative, so that α means the same at every layer and size; all five layers of style count equally as
    relative errors; the descent begins with p and a little noise, and goes from coarse to fine. With ``whitening`` the
    style term is another one, zero where E_style is, and ``losses`` are those of the sum that is descended.
    """
    p, a = _require_pair(content, style, network)
    require_generator(generator)
    require_callable(callback, "callback", optional=True)
    factors = _require_scales(scales)
    budgets = _require_budgets(n, len(factors), "n")
    _require_sides(p, a, network.smallest_side * max(factors))
    x = p if init is None else _require_init(init, content).to(p)
    noise = torch.randn(p.shape, generator=generator, dtype=p.dtype, device=generator.device).to(p.device)
    x, losses = zoom_out(x + START_NOISE * noise, factors[0]), []
    watch = (
        None if callback is None else lambda k, x, loss: callback(x.reshape(*content.shape[:-2], *x.shape[-2:]), loss)
    )
    with suppress(KeyboardInterrupt):
        for i, factor in enumerate(factors):
            photograph = zoom_out(p, factor)
            if i > 0:
                details = photograph - _enlarge(zoom_out(p, factors[i - 1]), photograph.shape[-2:])
                x = _enlarge(x, photograph.shape[-2:]) + details
            energy = transfer_energy(photograph, zoom_out(a, factor), network, alpha, content_layer, weights, whitening)
            x, history = minimize_image(energy, x, budgets[i], watch=watch, progress=progress)
            losses += history.objective
            if history.interrupted:
                break
    x = _enlarge(x, p.shape[-2:])
    return Synthesis(x.to(content.dtype).reshape(content.shape), losses)


def transfer_energy(
    content: Float[Tensor, "channels H W"],
    style: Float[Tensor, "channels _ _"],
    network: VGGFeatures,
    alpha: float,
    content_layer: str = CONTENT_LAYER,
    weights: Mapping[str, float] | None = None,
    whitening: float | None = None,
) -> Energy:
    """Return E(x) = α E_content(x) / ‖P‖² + E_style(x) as a function of x; the arguments are those of the transfer."""
    require_choice(content_layer, "content_layer", network.layers)
    require_number(alpha, "alpha", minimum=0)
    if whitening is not None:
        require_number(whitening, "whitening", minimum=0, strict=True)
    content, style = _require_pair(content, style, network)
    with torch.no_grad():
        p = network(content)[content_layer]
        targets = {layer: gram_matrix(v) for layer, v in network(style).items() if layer != content_layer}
    style_energy = _features_energy(
        targets, _style_weights(targets) if weights is None else weights, whitening=whitening
    )
    weight = alpha / p.square().sum().item()

    def energy(x: Tensor) -> Tensor:
        features = network(x)
        return weight * content_loss(features[content_layer], p) + style_energy(features)[1]

    return energy


def transfer_errors(
    x: Float[Tensor, "channels H W"],
    content: Float[Tensor, "channels H W"],
    style: Float[Tensor, "channels _ _"],
    network: VGGFeatures,
    content_layer: str = CONTENT_LAYER,
) -> tuple[float, float]:
    """Return the two relative errors of x: ‖F − P‖² / ‖P‖² at the content layer, and E_style, not whitened."""
    require_choice(content_layer, "content_layer", network.layers)
    require_same_shape(require_picture(x, "x"), content, ("x", "content"))
    content, style = _require_pair(content, style, network)
    with torch.no_grad():
        features, p = network(x), network(content)[content_layer]
        targets = {layer: gram_matrix(v) for layer, v in network(style).items() if layer != content_layer}
        relative = 2 * content_loss(features[content_layer], p) / p.square().sum()
        return relative.item(), style_loss(features, targets).item()


def _require_pair(content: Tensor, style: Tensor, network: VGGFeatures) -> tuple[Tensor, Tensor]:
    """Return the two images as (C, H, W) in the network's dtype."""
    weight = next(network.parameters())
    pictures = []
    for image, name in ((content, "content"), (style, "style")):
        require_picture(image, name)
        require_same_device(image, weight, (name, "the network"))
        pictures.append(image.detach().reshape(-1, *image.shape[-2:]).to(weight.dtype))
    if len(pictures[0]) != len(pictures[1]):
        raise ValueError(
            f"content and style must have the same channels, got {tuple(content.shape)} and {tuple(style.shape)}"
        )
    return pictures[0], pictures[1]


def _require_sides(p: Tensor, a: Tensor, smallest: int) -> None:
    for image, name in ((p, "content"), (a, "style")):
        if min(image.shape[-2:]) < smallest:
            raise ValueError(
                f"{name} must be at least {smallest} pixels wide and high for these layers and scales, "
                f"got shape {tuple(image.shape)}"
            )


def _require_init(init: Tensor, content: Tensor) -> Tensor:
    require_same_shape(require_image(init, "init"), content, ("init", "content"))
    require_same_device(init, content, ("init", "content"))
    return init.detach().reshape(-1, *init.shape[-2:])


# --- colours ---


def match_colors(
    u: Float[Tensor, "*channels _ _"], v: Float[Tensor, "*channels _ _"]
) -> Float[Tensor, "*channels height width"]:
    """Return u with mean and covariance of the colours of v, by the optimal map between Gaussians: m_v + T (u − m_u).

    T = C_u^(-1/2) (C_u^(1/2) C_v C_u^(1/2))^(1/2) C_u^(-1/2), symmetric and semi-definite, moves the colours the least
    on average; the covariances have 1/N. Nothing is clipped. Where C_u is singular its inverse is the pseudo-inverse:
    colours that u does not have are not made. L. Gatys et al. (2017), 10.1109/CVPR.2017.397, keep colours like this.
    """
    require_same_device(require_picture(u, "u"), require_picture(v, "v"), ("u", "v"))
    colors_u, colors_v = (image.reshape(-1, image.shape[-2] * image.shape[-1]).double() for image in (u, v))
    if len(colors_u) != len(colors_v):
        raise ValueError(f"u and v must have the same channels, got shapes {tuple(u.shape)} and {tuple(v.shape)}")
    m_u, m_v = colors_u.mean(dim=1, keepdim=True), colors_v.mean(dim=1, keepdim=True)
    c_u, c_v = torch.cov(colors_u, correction=0), torch.cov(colors_v, correction=0)
    root, inverse = symmetric_power(torch.atleast_2d(c_u), 0.5), symmetric_power(torch.atleast_2d(c_u), -0.5)
    t = inverse @ symmetric_power(root @ torch.atleast_2d(c_v) @ root, 0.5) @ inverse
    return (m_v + t @ (colors_u - m_u)).to(u.dtype).reshape(u.shape)


def symmetric_power(c: Float[Tensor, "n n"], power: float) -> Float[Tensor, "n n"]:
    """Return C^p = Σ_i λ_i^p q_i q_iᵀ of a covariance; eigenvalues below 1e-12 of the largest count as 0: 0^p = 0."""
    if require_tensor(c, "c").ndim != 2 or c.shape[0] != c.shape[1]:
        raise ValueError(f"c must be a square matrix, got shape {tuple(c.shape)}")
    values, q = torch.linalg.eigh(c)
    kept = values > 1e-12 * values[-1]
    return (q * torch.where(kept, values.clamp(min=torch.finfo(c.dtype).tiny) ** power, 0)) @ q.mT


def luminance_transfer(
    content: Float[Tensor, "3 H W"],
    style: Float[Tensor, "3 _ _"],
    transfer: Callable[[Float[Tensor, "H W"], Float[Tensor, "_ _"]], Float[Tensor, "H W"]],
) -> Float[Tensor, "3 H W"]:
    """Return p + y − Y(p): of the photograph p the luminance Y alone is painted, y = transfer(Y(p), s); colours stay.

    s = μ_p + (σ_p / σ_a) (Y(a) − μ_a) is the painting's luminance with the mean and the standard deviation of the
    photograph's. Adding y − Y(p) to the three channels leaves the two differences of colour of YIQ as they are.
    L. Gatys et al. (2017), 10.1109/CVPR.2017.397.
    """
    require_callable(transfer, "transfer")
    for image, name in ((content, "content"), (style, "style")):
        if require_picture(image, name).ndim != 3:
            raise ValueError(f"{name} must be a colour image, (3, H, W), got shape {tuple(image.shape)}")
    y, s = to_gray(content), to_gray(style)
    if not s.std() > 0:
        raise ValueError("style has the same luminance everywhere: there is nothing to transfer")
    matched = y.mean() + y.std(correction=0) / s.std(correction=0) * (s - s.mean())
    return content + transfer(y, matched) - y


# --- precomputed transfers ---


def transfer_records() -> dict[str, dict[str, Any]]:
    """Return how each precomputed transfer was made, by name, in the order of ``data/remake_transfers.py``."""
    return json.loads(fetch("transfer_records").read_text(encoding="utf-8"))


def load_transfer(name: str) -> tuple[Float[Tensor, "3 H W"], dict[str, Any]]:
    """Load a transfer that ``make syntheses`` made, such as ``"temple_starry_night"``, and the record of its making.

    The image is float64, clipped to [0, 1] and rounded to 8 bits: its errors are not those of the transfer. The
    record has both, ``content_error``, ``style_error``, and the same ``_of_file``, with the settings and the seconds.
    """
    records = transfer_records()
    record = records[require_choice(name, "name", records)]
    return read_picture(fetch(f"transfer_{name}")), record


def load_pair(record: Mapping[str, Any]) -> tuple[Float[Tensor, "3 H W"], Float[Tensor, "3 _ _"]]:
    """Return the photograph and the painting of a precomputed transfer as its record says, float32."""
    p = shrink(center_crop(load_image(record["content"]), tuple(record["crop"])), record["side"])
    return p.float(), shrink(load_image(record["style"]), record["style_side"]).float()
