"""Style of images by the features of a network: transfer (lesson 11) and mixing (lesson 12)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils._validation import (
    require_callable,
    require_choice,
    require_generator,
    require_image,
    require_mapping,
    require_number,
    require_picture,
    require_same_device,
    require_same_shape,
    require_shape,
    require_tensor,
)
from course_utils.data import fetch, load_network
from course_utils.features import VGGFeatures
from course_utils.gaussian_textures import convolve, mix_gaussian_textures, white_noise
from course_utils.images import center_crop, load_image, read_picture, shrink, to_gray, zoom_out
from course_utils.optim import minimize_image
from course_utils.textures import (
    Synthesis,
    _enlarge,
    _features_energy,
    _require_budgets,
    _require_scales,
    _watcher,
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
    require_mapping(features, "features")
    require_mapping(targets, "targets")
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
    start = p if init is None else _require_init(init, content).to(p)
    noise = torch.randn(p.shape, generator=generator, dtype=p.dtype, device=generator.device).to(p.device)
    x, losses = zoom_out(start + START_NOISE * noise, factors[0]), []
    watch = None if callback is None else _watcher(callback, content.shape[:-2])
    with suppress(KeyboardInterrupt):  # one that falls between two scales
        for i, factor in enumerate(factors):
            if i > 0:  # enlarged, with the details that the first image has at this scale
                fine = zoom_out(start, factor)
                details = fine - _enlarge(zoom_out(start, factors[i - 1]), fine.shape[-2:])
                x = _enlarge(x, fine.shape[-2:]) + details
            energy = transfer_energy(
                zoom_out(p, factor), zoom_out(a, factor), network, alpha, content_layer, weights, whitening
            )
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
    content, style = _require_pair(content, style, network)
    require_choice(content_layer, "content_layer", network.layers)
    require_number(alpha, "alpha", minimum=0)
    if whitening is not None:
        require_number(whitening, "whitening", minimum=0, strict=True)
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
    require_same_shape(require_picture(x, "x"), require_picture(content, "content"), ("x", "content"))
    content, style = _require_pair(content, style, network)
    require_choice(content_layer, "content_layer", network.layers)
    with torch.no_grad():
        features, p = network(x), network(content)[content_layer]
        targets = {layer: gram_matrix(v) for layer, v in network(style).items() if layer != content_layer}
        relative = 2 * content_loss(features[content_layer], p) / p.square().sum()
        return relative.item(), style_loss(features, targets).item()


def _require_pair(content: Tensor, style: Tensor, network: VGGFeatures) -> tuple[Tensor, Tensor]:
    """Return the two images as (C, H, W) in the network's dtype."""
    if not isinstance(network, VGGFeatures):
        raise TypeError(f"network must be a VGGFeatures, got {type(network).__name__}")
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
    colors_u, colors_v = (image.reshape(-1, image.shape[-2] * image.shape[-1]).cpu().double() for image in (u, v))
    if len(colors_u) != len(colors_v):
        raise ValueError(f"u and v must have the same channels, got shapes {tuple(u.shape)} and {tuple(v.shape)}")
    m_u, m_v = colors_u.mean(dim=1), colors_v.mean(dim=1)
    c_u, c_v = (torch.atleast_2d(torch.cov(colors, correction=0)) for colors in (colors_u, colors_v))
    t, shift = gaussian_map(m_u, c_u, m_v, c_v)
    return (t @ colors_u + shift[:, None]).to(u).reshape(u.shape)


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
    require_mapping(record, "record")
    p = shrink(center_crop(load_image(record["content"]), tuple(record["crop"])), record["side"])
    return p.float(), shrink(load_image(record["style"]), record["style_side"]).float()


# --- mixing (lesson 12) ----------------------------------------------------------------------------------------------

Mean = Float[Tensor, " n"]
Covariance = Float[Tensor, "n n"]
Gaussian = tuple[Mean, Covariance]
Features = Mapping[str, Tensor]
FeatureLoss = Callable[[Features], Tensor]

FLOOR = 1e-10
"""Eigenvalues of a covariance below this part of the largest one count as 0: features have a low rank."""

DECODED_LAYERS = ("relu3_1", "relu4_1")
"""The layers of VGG-16 whose features the course's decoders turn back into an image."""


class Decoder(nn.Module):
    """From features V^L(u) of VGG-16, with average pooling, back to an image: ``decoder(V) ≈ u``.

    It goes up one block of VGG at a time. A 3 x 3 convolution gives four values for each channel of the layer one block
    up, which become a square of 2 x 2 pixels. Means over all such squares, side by side or not, leave nothing of a grid
    of squares. Another convolution follows; the last one gives red, green and blue. The network is the course's own;
    Li et al. (2017), "Universal style transfer via feature transforms".

    >>> import torch
    >>> tuple(Decoder("relu4_1")(torch.rand(512, 6, 8)).shape)
    (3, 48, 64)
    """

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = require_choice(layer, "layer", DECODED_LAYERS)
        self.stages = nn.ModuleList()
        if layer == "relu4_1":  # 512 channels are many weights: first their 128 principal components
            self.stages.extend([nn.Sequential(nn.Conv2d(512, 128, 1)), _enlarging(128, 256)])
        for n in (256, 128):
            self.stages.extend([_enlarging(n, n // 2), nn.Sequential(_convolution(n // 2, n // 2), nn.ReLU())])
        self.stages.append(nn.Sequential(_convolution(64, 3)))

    def forward(self, features: Float[Tensor, "*batch n h w"]) -> Float[Tensor, "*batch 3 H W"]:
        """Return the image of features, or a batch of images; its values are not clipped to [0, 1]."""
        n = 512 if self.layer == "relu4_1" else 256
        if require_tensor(features, "features").ndim not in (3, 4) or features.shape[-3] != n:
            raise ValueError(f"features must have shape ({n}, h, w) or (B, {n}, h, w), got {tuple(features.shape)}")
        x = features if features.ndim == 4 else features[None]
        for stage in self.stages:
            x = stage(x)
        return x if features.ndim == 4 else x[0]


def _convolution(n: int, m: int) -> nn.Conv2d:
    return nn.Conv2d(n, m, 3, padding=1, padding_mode="reflect")


def _enlarging(n: int, m: int) -> nn.Sequential:
    squares = (_convolution(n, 4 * m), nn.PixelShuffle(2), nn.ReLU())
    return nn.Sequential(*squares, nn.ReplicationPad2d((0, 1, 0, 1)), nn.AvgPool2d(2, stride=1))


def load_decoder(layer: str) -> Decoder:
    """Return the course's decoder of a layer, ``"relu3_1"`` or ``"relu4_1"``, trained by ``data/train/decoders.py``."""
    return load_network(Decoder(layer), f"decoder_{layer}")


# Gaussian models of features, and the optimal transport between them


def feature_gaussian(features: Float[Tensor, "n h w"]) -> Gaussian:
    """Return the mean m (n,) and the covariance C (n, n) of features over the pixels, with 1/wh, in float64.

    Float64 on the CPU: an Apple GPU has none. Gradients pass.
    """
    v = _require_features(features).flatten(1).cpu().double()
    m = v.mean(dim=1)
    return m, (v - m[:, None]) @ (v - m[:, None]).mT / v.shape[1]


def matrix_power(C: Covariance, exponent: float) -> Covariance:
    """Return C^p of a symmetric nonnegative matrix; eigenvalues below `FLOOR` times the largest become 0, for any p.

    For p < 0 it is then the power of the pseudo-inverse: 0 on the kernel of C.
    """
    values, q = torch.linalg.eigh(_require_covariance(C, "C"))
    kept = values > FLOOR * values[-1].clamp(min=0)
    powers = torch.where(kept, torch.where(kept, values, 1.0) ** require_number(exponent, "exponent"), 0.0)
    return (q * powers) @ q.mT


def bures_wasserstein(m1: Mean, C1: Covariance, m2: Mean, C2: Covariance) -> Float[Tensor, ""]:
    """Return W₂² of two Gaussians: ‖m1 - m2‖² + tr C1 + tr C2 - 2 tr (C2^½ C1 C2^½)^½.

    The covariances may be singular. The gradient with respect to m1 and C1 is finite: only the eigenvalues of
    C2^½ C1 C2^½ are differentiated, and those below `FLOOR` times the largest count as 0. In float64.
    Dowson, Landau (1982), 10.1016/0047-259X(82)90077-X.
    """
    _require_gaussians(m1, C1, m2, C2)
    root = matrix_power(C2, 0.5)
    values = torch.linalg.eigvalsh(root @ C1 @ root)
    kept = values[values > FLOOR * values[-1].clamp(min=0)]
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * kept.sqrt().sum()


def gaussian_map(
    m1: Mean, C1: Covariance, m2: Mean, C2: Covariance
) -> tuple[Float[Tensor, "n n"], Float[Tensor, " n"]]:
    """Return A and b of the optimal map x -> A x + b: A = C1^-½ (C1^½ C2 C1^½)^½ C1^-½, b = m2 - A m1.

    It carries N(m1, C1) to N(m2, C2), and of all maps that do so it moves the points least, by W₂² on average; A is
    symmetric and nonnegative. Where C1 is singular, A is 0 on its kernel, and what C2 has there is not reached.
    Peyré, Cuturi (2019), "Computational optimal transport", remark 2.31, 10.1561/2200000073.
    """
    _require_gaussians(m1, C1, m2, C2)
    root, inverse = matrix_power(C1, 0.5), matrix_power(C1, -0.5)
    A = inverse @ matrix_power(root @ C2 @ root, 0.5) @ inverse
    return A, m2 - A @ m1


def gaussian_barycentre(m1: Mean, C1: Covariance, m2: Mean, C2: Covariance, t: float) -> Gaussian:
    """Return m_t, C_t on the geodesic of W₂ from N(m1, C1), t = 0, to N(m2, C2), t = 1.

    It is the Gaussian of (1 - t) x + t (A x + b), x ~ N(m1, C1), A and b from `gaussian_map`: m_t = (1 - t) m1 + t m2,
    and C_t = A_t C1 A_t with A_t = (1 - t) Id + t A. The same is (1 - t)² C1 + t² C2 + t (1 - t) (C2 B + B C2) with the
    map B = A^-1 = C1^½ (C1^½ C2 C1^½)^-½ C1^½ back: so computed, it is right for singular covariances too.
    McCann (1997), 10.1006/aima.1997.1634.
    """
    _require_gaussians(m1, C1, m2, C2)
    _require_part(t)
    root = matrix_power(C1, 0.5)
    B = root @ matrix_power(root @ C2 @ root, -0.5) @ root
    return (1 - t) * m1 + t * m2, (1 - t) ** 2 * C1 + t**2 * C2 + t * (1 - t) * (C2 @ B + B @ C2)


def whiten_color(F: Float[Tensor, "n h w"], m: Mean, C: Covariance) -> Float[Tensor, "n h w"]:
    """Return C^½ C_F^-½ (F_k - m_F) + m at each pixel k, m_F and C_F the mean and the covariance of the features F.

    Its mean is m, and its covariance C where C_F has full rank; where it has not, the kernel of C_F stays empty. The
    map is linear, and not the optimal one, which is symmetric. In float64 inside; returned like F.
    Li, Fang, Yang, Wang, Lu, Yang (2017), "Universal style transfer via feature transforms".
    """
    m_F, C_F = feature_gaussian(_require_features(F, "F"))
    _require_gaussian(m, C, ("m", "C"))
    require_same_shape(C, C_F, ("C", "the covariance of F"))
    centred = F.flatten(1).cpu().double() - m_F[:, None]
    colored = matrix_power(C, 0.5) @ (matrix_power(C_F, -0.5) @ centred) + m[:, None]
    return colored.reshape(F.shape).to(F)


def transport(F: Float[Tensor, "n h w"], A: Float[Tensor, "n n"], b: Float[Tensor, " n"]) -> Float[Tensor, "n h w"]:
    """Return A F_k + b at each pixel k of features, in the precision and on the device of F."""
    n = _require_features(F, "F").shape[0]
    if require_tensor(A, "A").shape != (n, n) or require_tensor(b, "b").shape != (n,):
        raise ValueError(f"A and b must have shapes {(n, n)} and {(n,)}, got {tuple(A.shape)} and {tuple(b.shape)}")
    return (A.to(F) @ F.flatten(1) + b.to(F)[:, None]).reshape(F.shape)


def wasserstein_loss(
    features: Mapping[str, Float[Tensor, "_ _ _"]],
    targets: Mapping[str, tuple[Float[Tensor, " _"], Float[Tensor, "_ _"]]],
) -> Float[Tensor, ""]:
    """Return Σ_L W₂²(N(m, C), N(m^L, C^L)) / (‖m^L‖² + tr C^L), m and C the mean and covariance of the features.

    Each layer's squared distance is relative to that from its target to 0. Unlike `gram_loss`, it compares deviations
    and not variances. Vacher, Davila, Kohn, Coen-Cagli (2020), "Texture interpolation for probing visual perception".
    """
    if not isinstance(targets, Mapping) or not all(isinstance(pair, tuple) for pair in targets.values()):
        raise TypeError("targets must be a dictionary from layers to pairs m, C")
    if set(_require_layers(features, "features")) != set(targets):
        raise ValueError(f"features and targets must have the same layers, got {list(features)} and {list(targets)}")
    terms = [_distance_to(features[layer], m, C) / (m.square().sum() + C.trace()) for layer, (m, C) in targets.items()]
    return torch.stack(terms).sum()


def _distance_to(features: Tensor, m: Tensor, C: Tensor) -> Tensor:
    """Return `bures_wasserstein` from the Gaussian of features: for few pixels, by a matrix of their number.

    With centred features as the columns of X/√(wh), the eigenvalues of C^½ X Xᵀ C^½ are those of Xᵀ C X, and zeros.
    """
    n, pixels = _require_features(features).flatten(1).shape
    if pixels >= n:
        return bures_wasserstein(*feature_gaussian(features), m, C)
    _require_gaussian(m, C, ("m", "C"))
    v = features.flatten(1).cpu().double()
    mean = v.mean(dim=1)
    X = (v - mean[:, None]) / math.sqrt(pixels)
    values = torch.linalg.eigvalsh(X.mT @ C @ X)
    kept = values[values > FLOOR * values[-1].clamp(min=0)]
    return (mean - m).square().sum() + X.square().sum() + C.trace() - 2 * kept.sqrt().sum()


def classical_scaling(distances: Float[Tensor, "k k"]) -> Float[Tensor, "k 2"]:
    """Return points of the plane with Euclidean distances near the given ones: eigenvectors of -½ J D² J times √λ.

    J subtracts the mean. The largest eigenvalues are kept, negative ones count as 0. Torgerson (1952),
    10.1007/BF02288916.
    """
    D = require_tensor(distances, "distances")
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise ValueError(f"distances must be a square matrix, got shape {tuple(D.shape)}")
    J = torch.eye(len(D), dtype=D.dtype, device=D.device) - 1 / len(D)
    values, q = torch.linalg.eigh(-0.5 * J @ D.square() @ J)
    return (q[:, -2:] * values[-2:].clamp(min=0).sqrt()).flip(1)


# Synthesis of mixtures


def wasserstein_mixture(v1: Features, v2: Features, t: float) -> FeatureLoss:
    """Return `wasserstein_loss` to the barycentres of the Gaussians of the features, layer by layer."""
    _require_two(v1, v2, t)
    targets = {
        layer: gaussian_barycentre(*feature_gaussian(v1[layer]), *feature_gaussian(v2[layer]), t) for layer in v1
    }
    return lambda features: wasserstein_loss(features, targets)


def gram_mixture(v1: Features, v2: Features, t: float) -> FeatureLoss:
    """Return `gram_loss` to the averages (1 - t) G1 + t G2 of Gram matrices, relative to their norms."""
    _require_two(v1, v2, t)
    targets = {layer: (1 - t) * gram_matrix(v1[layer]) + t * gram_matrix(v2[layer]) for layer in v1}
    weights = relative_weights(targets)
    return lambda features: gram_loss(features, targets, weights)


def gaussian_mixture_texture(
    u1: Float[Tensor, "*channels H W"], u2: Float[Tensor, "*channels H W"], t: float, generator: torch.Generator
) -> Float[Tensor, "*channels H W"]:
    """Draw a sample of lesson 02's mixture of two textures: the mean (1 - t) m1 + t m2, the mixed texton ∗ noise."""
    require_same_shape(require_picture(u1, "u1"), require_picture(u2, "u2"), ("u1", "u2"))
    _require_part(t)
    mean = (1 - t) * u1.mean(dim=(-2, -1), keepdim=True) + t * u2.mean(dim=(-2, -1), keepdim=True)
    noise = white_noise((u1.shape[-2], u1.shape[-1]), generator).to(u1)
    return mean + convolve(mix_gaussian_textures(u1, u2, t), noise)


def synthesize_mixture(
    u1: Float[Tensor, "3 H W"],
    u2: Float[Tensor, "3 H W"],
    t: float,
    mixture: Callable[[Features, Features, float], FeatureLoss],
    network: VGGFeatures,
    generator: torch.Generator,
    n_iterations: Sequence[int],
    factors: Sequence[int] = (1,),
) -> Synthesis:
    """Synthesize a mixture of two textures of one size, from coarse to fine, as `synthesize_texture` does one.

    ``mixture`` is `wasserstein_mixture` or `gram_mixture`. The images are reduced by the ``factors``, such as
    (4, 2, 1), with ``n_iterations`` evaluations at each. The start is a Gaussian mixture texture; so are the details
    that each finer scale adds to the enlarged result of the one before.
    """
    require_same_shape(require_picture(u1, "u1"), require_picture(u2, "u2"), ("u1", "u2"))
    require_callable(mixture, "mixture")
    require_callable(network, "network")
    if len(require_shape(n_iterations, "n_iterations")) != len(require_shape(factors, "factors")):
        raise ValueError(f"n_iterations must be one number for each of the {len(factors)} factors")
    x = torch.empty(0)
    losses: list[float] = []
    coarser = 0
    for factor, n in zip(factors, n_iterations, strict=True):
        w1, w2 = zoom_out(u1, factor), zoom_out(u2, factor)
        energy = _mixture_energy(w1, w2, t, mixture, network)
        if not losses:
            x = gaussian_mixture_texture(w1, w2, t, generator)
        else:
            details = [w - _enlarge(zoom_out(u, coarser), w.shape[-2:]) for u, w in ((u1, w1), (u2, w2))]
            x = _enlarge(x, w1.shape[-2:]) + gaussian_mixture_texture(details[0], details[1], t, generator)
        x, history = minimize_image(energy, x, n)
        losses, coarser = losses + history.objective, factor
    return Synthesis(x, losses)


def _mixture_energy(
    u1: Tensor, u2: Tensor, t: float, mixture: Callable[[Features, Features, float], FeatureLoss], network: VGGFeatures
) -> Callable[[Tensor], Tensor]:
    with torch.no_grad():
        loss = mixture(network(u1), network(u2), t)
    return lambda x: loss(network(x))


def _require_features(features: Tensor, name: str = "features") -> Tensor:
    if require_tensor(features, name).ndim != 3 or 0 in features.shape:
        raise ValueError(f"{name} must have shape (n, h, w), got {tuple(features.shape)}")
    return features


def _require_layers(features: Features, name: str) -> Features:
    if not isinstance(features, Mapping) or not features:
        raise TypeError(f"{name} must be a dictionary from layers to features, got {type(features).__name__}")
    for layer, v in features.items():
        _require_features(v, f"{name}[{layer!r}]")
    return features


def _require_two(v1: Features, v2: Features, t: float) -> None:
    if set(_require_layers(v1, "v1")) != set(_require_layers(v2, "v2")):
        raise ValueError(f"v1 and v2 must have the same layers, got {list(v1)} and {list(v2)}")
    _require_part(t)


def _require_part(t: float) -> float:
    if not 0 <= require_number(t, "t") <= 1:
        raise ValueError(f"t must be in [0, 1], got {t}")
    return t


def _require_covariance(C: Tensor, name: str) -> Tensor:
    if require_tensor(C, name).dtype != torch.float64:
        raise TypeError(f"{name} must be float64, got {C.dtype}: roots of matrices need it")
    if (
        C.ndim != 2
        or C.shape[0] != C.shape[1]
        or not torch.allclose(C, C.mT, rtol=1e-6, atol=1e-9 * float(C.detach().abs().max()))
    ):
        raise ValueError(f"{name} must be a symmetric matrix (n, n), got shape {tuple(C.shape)}")
    return C


def _require_gaussian(m: Tensor, C: Tensor, names: tuple[str, str]) -> None:
    _require_covariance(C, names[1])
    if require_tensor(m, names[0]).dtype != torch.float64:
        raise TypeError(f"{names[0]} must be float64, got {m.dtype}")
    if m.shape != C.shape[:1]:
        raise ValueError(f"{names[0]} must have shape ({len(C)},) like {names[1]}, got {tuple(m.shape)}")


def _require_gaussians(m1: Tensor, C1: Tensor, m2: Tensor, C2: Tensor) -> None:
    _require_gaussian(m1, C1, ("m1", "C1"))
    _require_gaussian(m2, C2, ("m2", "C2"))
    require_same_shape(C1, C2, ("C1", "C2"))


# Precomputed mixtures


def mixture_records() -> dict[str, dict[str, Any]]:
    """Return how each precomputed mixture was made, by name, in the order of ``data/remake_mixtures.py``."""
    return json.loads(fetch("mixture_records").read_text(encoding="utf-8"))


def load_mixture(name: str) -> Float[Tensor, "3 H W"]:
    """Load a mixture that ``make syntheses`` made, such as ``"wasserstein_50"``: 8 bits, values in [0, 1], float64."""
    return read_picture(fetch(f"mixture_{require_choice(name, 'name', mixture_records())}"))
