# ---
# jupyter:
#   jupytext:
#     cell_markers: '"""'
#     formats: notebooks///ipynb,notebooks/src///py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# 9. Metrics

At the end of this notebook you will be able to

- compute MSE, PSNR, SSIM and LPIPS, and say what each of them does not see;
- take SSIM apart into luminance, contrast and structure;
- compare two compressed photographs without being fooled by a single number;
- explain why the best PSNR and the most natural image are two different goals, with the exact price.

**Slides**: "Metrics for Inverse Problems", "Structural similarity index measure (SSIM)", "LPIPS: Learned Perceptual
Image Patch Similarity".

**Time**: reading 40 min (15 in class), exercises 48 min, compute under 1 min on two CPU cores.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u$, $v$: images to compare | `u`, `v` | `(H, W)`, the lecture's $M \times N$ | [0, 1]: $L = \mathrm{MAX} = 1$ |
| $u_0$: reference | `u0` | `(H, W)` | [0, 1] |
| $x$, $y$: patches | `x`, `y` | `(h, w)` | [0, 1] |
| $\mu_x$, $\sigma_x^2$, $\sigma_{xy}$: mean, variance, covariance | `mean_x`, `var_x`, `covariance` | numbers | |
| $c_1$, $c_2$ | `C1`, `C2` | numbers | $0.01^2$, $0.03^2$ |
| $F^\ell(u)$: features of layer $\ell$ | `features_u[layer]` | `(n, h, w)` | $\geq 0$ |
| $w_\ell$: channel weights | `weights[layer]` | `(n,)` | $\geq 0$ |

The lecture has gray levels between 0 and 255; here they are divided by 255, and so is $L$. PSNR and SSIM are the
same. Computations are in float64, the network's in float32.
"""

# %%
import math

import torch

from course_utils import metrics
from course_utils.checks import check, hint
from course_utils.explorers.metrics import explore_metrics, metrics_picture
from course_utils.features import load_lpips
from course_utils.fourier import gaussian_kernel
from course_utils.gaussian_textures import gaussian_texture, periodic_component
from course_utils.images import add_noise, compress_jpeg, compress_jpeg2000, load_image, to_gray
from course_utils.operators import blur
from course_utils.optim import minimize_image
from course_utils.plotting import draw_image, new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure

# %%
torch.set_default_dtype(torch.float64)
device = "cpu"  # or "cuda": every computation follows the device of its input
u0 = load_image("cameraman", 256).to(device)
C1, C2 = 0.01**2, 0.03**2  # of SSIM, for L = 1
c = 0.004  # the mean square error of sections 1 and 5

# %% [markdown]
r"""
## 1. One error, many looks

$$ \mathrm{MSE}(u, v) = \frac1{MN} \sum_{\mathbf x \in \Omega} (u(\mathbf x) - v(\mathbf x))^2, \qquad
\mathrm{PSNR}(u, v) = 20 \log_{10} \frac{\mathrm{MAX}}{\sqrt{\mathrm{MSE}(u, v)}} . $$

### Exercise 1 — the mean square error (3 min, in class)

A number may be one of Python or a tensor with one value, here and below.

<details><summary>Hint</summary>
Difference, square, mean, in this order.
</details>
"""


# %%
def mse(u, v):
    """Return the mean of (u − v)² over all the pixels.

    u, v: images (H, W) or (3, H, W), of one shape.  Returns a number.  Slide "Metrics for Inverse Problems".
    """
    ### BEGIN SOLUTION
    return (u - v).square().mean().item()
    ### END SOLUTION


# %%
mse = check(mse)

# %% [markdown]
r"""
### Exercise 2 — the peak signal to noise ratio (4 min, in class)

In decibels. An image that is right everywhere has an infinite PSNR.

<details><summary>Hint</summary>
<code>math.log10</code>; the case MSE = 0 apart, it is <code>math.inf</code>.
</details>

`hint("psnr")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("psnr", 1)


# %%
def psnr(u, v, data_range=1.0):
    """Return 20 log₁₀(MAX / RMSE(u, v)) in dB, infinite when u = v.

    u, v: images of one shape.  data_range: MAX, 1 or 255.  Returns a number.  Slide "Metrics for Inverse Problems".
    """
    ### BEGIN SOLUTION
    error = (u - v).square().mean().item()
    return math.inf if error == 0 else 20 * math.log10(data_range / math.sqrt(error))
    ### END SOLUTION


# %%
psnr = check(psnr)

# %% [markdown]
r"""
Now six images at the same distance from $u_0$. A change $d$ is scaled to have the mean square we want:
$v = u_0 + d\,\sqrt{c / \operatorname{mean}(d^2)}$.
"""

# %%
generator = torch.Generator().manual_seed(0)


def at_distance(v, u, c):
    """Return u plus the multiple of v − u whose mean square is c."""
    return u + (v - u) * (c / (v - u).square().mean()).sqrt()


# %%
changes = {
    "brighter": u0 + 0.1,
    "more contrast": u0.mean() + 1.2 * (u0 - u0.mean()),
    "moved": u0.roll(1, 1),
    "blurred": blur(u0, gaussian_kernel(2.0).to(device)),
    "JPEG": compress_jpeg(u0, 4),
    "noise": add_noise(u0, 0.06, generator),
}
same = {name: at_distance(v, u0, c) for name, v in changes.items()}

# %%
values = [f"{name}: {psnr(v, u0):.2f} dB" for name, v in same.items()]
print("\n".join(values))
figure = show_images([v[32:120, 56:216] for v in same.values()], list(same), columns=3, width=10)
slide_figure(figure, "same-mse")

# %% [markdown]
r"""
**What to see.** Six images, one PSNR. You would accept the first three, and send the last three back. The MSE adds
squares pixel by pixel: it does not know whether the errors of neighbouring pixels agree.

**Question.** Which permutations of the pixels, applied to $u$ and $v$ alike, change the MSE?
"""

# %% [markdown]
r"""
## 2. SSIM: compare the statistics of patches

Wang, Bovik, Sheikh and Simoncelli (2004) compare two patches by their means, variances and covariance:

$$ \mathrm{SSIM}(x, y) = \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}
{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)} \in [-1, 1] . $$

### Exercise 3 — SSIM of two patches (8 min, in class)

All the pixels have the same weight here, and variances are means of squares (divide by $n$, not by $n - 1$).

<details><summary>Hint</summary>
The covariance is the mean of (x − μ_x)(y − μ_y).
</details>

`hint("patch_ssim")` tells more.
"""


# %%
def patch_ssim(x, y):
    """Return SSIM(x, y) of two patches, with c₁ = 0.01² and c₂ = 0.03².

    x, y: patches (h, w) with values in [0, 1].  Returns a number in [-1, 1].
    Slide "Metrics for Inverse Problems".
    """
    ### BEGIN SOLUTION
    mean_x, mean_y = x.mean(), y.mean()
    var_x, var_y = (x - mean_x).square().mean(), (y - mean_y).square().mean()
    covariance = ((x - mean_x) * (y - mean_y)).mean()
    numerator = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return (numerator / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))).item()
    ### END SOLUTION


# %%
patch_ssim = check(patch_ssim)

# %% [markdown]
r"""
SSIM is the product of three factors: luminance, contrast, structure,

$$ l = \frac{2\mu_x\mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1}, \qquad
c = \frac{2\sigma_x\sigma_y + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}, \qquad
s = \frac{\sigma_{xy} + c_2/2}{\sigma_x\sigma_y + c_2/2} . $$

The slide prints $\sigma_{xy}$ in the numerator of $c$. That is a slip: the product would not be SSIM.

### Exercise 4 — luminance, contrast, structure (6 min, at home)

<details><summary>Hint</summary>
σ_x and σ_y are roots of the variances of exercise 3.
</details>

`hint("luminance_contrast_structure")` tells more.
"""


# %%
def luminance_contrast_structure(x, y):
    """Return the three factors (l, c, s) of SSIM(x, y), with c₁ = 0.01² and c₂ = 0.03².

    x, y: patches (h, w) with values in [0, 1].  Returns three numbers.  Slide "Metrics for Inverse Problems".
    """
    ### BEGIN SOLUTION
    mean_x, mean_y = x.mean(), y.mean()
    var_x, var_y = (x - mean_x).square().mean(), (y - mean_y).square().mean()
    covariance = ((x - mean_x) * (y - mean_y)).mean()
    deviations = (var_x * var_y).sqrt()
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    contrast = (2 * deviations + C2) / (var_x + var_y + C2)
    structure = (covariance + C2 / 2) / (deviations + C2 / 2)
    return luminance.item(), contrast.item(), structure.item()
    ### END SOLUTION


# %%
luminance_contrast_structure = check(luminance_contrast_structure)

# %%
window = (slice(84, 95), slice(124, 135))  # 11 × 11 pixels at the camera
for name, v in same.items():
    factors = luminance_contrast_structure(u0[window], v[window])
    print(f"{name:14s} l = {factors[0]:.3f}  c = {factors[1]:.3f}  s = {factors[2]:.3f}", end="")
    print(f"  SSIM = {patch_ssim(u0[window], v[window]):.3f}")

# %% [markdown]
r"""
**What to see.** More brightness touches $l$ only, more contrast mostly $c$ (and $l$ a little: the mean of the patch
changes too); blur lowers both $c$ and $s$. The noise hides in
a patch of such strong contrast: $s$ hardly moves. In the sky it would not. The factors say what is wrong, which the
MSE cannot.

## 3. The SSIM map

Slide the patch over the image. A square window would leave square traces: take the means with a Gaussian weight $g$
of $11 \times 11$ pixels, $\sigma = 1.5$, sum 1, for example $\mu_x = \sum_{\mathbf y} g(\mathbf y)\,
u(\mathbf x + \mathbf y)$. Only patches inside the image count: the map has $(M - 10) \times (N - 10)$ pixels.

### Exercise 5 — the map (15 min, in class)

Five local means are enough, of $u$, $v$, $u^2$, $v^2$ and $uv$: $\sigma_x^2$ is the mean of $u^2$ minus $\mu_x^2$.
Make the window yourself, $g(\mathbf y) \propto e^{-|\mathbf y|^2/(2\sigma^2)}$ for $y_1, y_2 = -5, \dots, 5$:
`gaussian_kernel(1.5)` is larger, it stops at $4\sigma$.

<details><summary>Hint</summary>
<code>torch.nn.functional.conv2d(u[None, None], g[None, None])[0, 0]</code> is such a mean, without padding.
</details>

`hint("ssim_map")` tells more.
"""


# %%
def ssim_map(u, v):
    """Return SSIM of all the 11 × 11 patches inside two images, with a Gaussian window of σ = 1.5.

    u, v: images (H, W) with values in [0, 1].  Returns (H − 10, W − 10).
    Slide "Structural similarity index measure (SSIM)".
    """
    ### BEGIN SOLUTION
    t = torch.arange(-5, 6, dtype=u.dtype, device=u.device)
    g = torch.exp(-(t**2) / (2 * 1.5**2))
    g = torch.outer(g, g) / g.sum() ** 2

    def local_mean(w):
        return torch.nn.functional.conv2d(w[None, None], g[None, None])[0, 0]

    mean_u, mean_v = local_mean(u), local_mean(v)
    var_u, var_v = local_mean(u * u) - mean_u**2, local_mean(v * v) - mean_v**2
    covariance = local_mean(u * v) - mean_u * mean_v
    numerator = (2 * mean_u * mean_v + C1) * (2 * covariance + C2)
    return numerator / ((mean_u**2 + mean_v**2 + C1) * (var_u + var_v + C2))
    ### END SOLUTION


# %%
ssim_map = check(ssim_map)

# %% [markdown]
r"""
### Exercise 6 — mean SSIM (2 min, in class)

One number for two images, the lecture's (M)SSIM: the mean over all the patches.

<details><summary>Hint</summary>
One line, with <code>ssim_map</code>.
</details>
"""


# %%
def mean_ssim(u, v):
    """Return the mean of SSIM over all the patches inside two images.

    u, v: images (H, W) with values in [0, 1].  Returns a number in [-1, 1].
    Slide "Structural similarity index measure (SSIM)".
    """
    ### BEGIN SOLUTION
    return ssim_map(u, v).mean().item()
    ### END SOLUTION


# %%
mean_ssim = check(mean_ssim)

# %%
for name, v in same.items():
    print(f"{name:14s} PSNR = {psnr(v, u0):.2f} dB   SSIM = {mean_ssim(v, u0):.3f}")

# %% [markdown]
r"""
The same six images: SSIM forgives the brightness and punishes the noise. But the moved image, nearly perfect to you,
gets only 0.81, and more contrast only 0.74, hardly more than the blur (0.73).

## 4. The experiment of the paper

Figure 7 of Wang et al. compresses photographs by JPEG 2000. We write real JPEG 2000 files, in memory: a temple and a
pair of parrots at a fifth of a bit a pixel (a gray image has 8), and a raccoon at 0.7.
"""

# %%
experiment = {"temple": (0.19, (150, 100)), "parrots": (0.20, (120, 400)), "raccoon": (0.70, (100, 300))}
compressed = {}
for name, (bits, _corner) in experiment.items():
    u = to_gray(load_image("kodim23" if name == "parrots" else name)).to(device)
    v, spent = compress_jpeg2000(u, bits)
    compressed[name] = (u, v)
    assert abs(spent - bits) < 0.02, "OpenJPEG missed the size"
    print(f"{name:8s} {bits:.2f} bits a pixel: PSNR = {psnr(v, u):.1f} dB, SSIM = {mean_ssim(v, u):.2f}")

# %%
figure, axes = new_figure(3, 4, width=10, height=5.4)
for row, (name, (_, (i, j))) in zip(axes, experiment.items(), strict=True):
    u, v = (w[i : i + 144, j : j + 256] for w in compressed[name])
    error, similarity = 1 - 6 * (u - v).abs(), ssim_map(u, v).clamp(min=0).square()
    titles = (name, f"{psnr(v, u):.1f} dB, {mean_ssim(v, u):.2f}", "SSIM map, squared", "error, inverted")
    for axis, picture, title in zip(row, (u, v, similarity, error), titles, strict=True):
        draw_image(axis, picture, title=title)
slide_figure(figure, "ssim-jpeg2000")

# %% [markdown]
r"""
**What to see** (the numbers above the pictures are those of the crops). The temple has lost its fine texture: a few
smooth strokes are left, and both numbers say so. Compare the two other files by the printed numbers: PSNR prefers the
parrots by 2 dB, SSIM the raccoon. Most of the parrots' picture, outside the crop, is a soft background, where the
error is tiny: in the crop alone PSNR prefers the raccoon as well. The fine grain of the feathers is gone, which SSIM
counts and the MSE hardly does. The error map is dark along strong edges (see the temple), the SSIM map where texture
was wiped out.

**Question.** In a flat region ($\sigma_x \approx 0$) a compressed image that is a little noisier has a low SSIM,
although nobody sees it. Which constant decides, and what would you do?
"""

# %% [markdown]
r"""
## 5. What SSIM does not see

Wang and Simoncelli (2008) let two metrics compete: among all the images at the same MSE from $u_0$, which has the
largest SSIM, which the smallest? Those images form a sphere, $\frac1{MN}\|u - u_0\|^2 = c$. We climb on it: a step
along the gradient of SSIM, then back to the sphere along the radius.
"""


# %%
def ssim_extreme(u, u0, sign, n, step=0.03):
    """Return the image that n steps up (sign 1) or down (−1) make of u, on the sphere around u0 through u."""
    c = (u - u0).square().mean()
    for _ in range(n):
        w = u.clone().requires_grad_(True)
        (g,) = torch.autograd.grad(metrics.ssim_map(w, u0).mean(), w)
        u = at_distance(u + sign * step * (u - u0).norm() * g / g.norm(), u0, c)
    return u


small = load_image("cameraman", 128).to(device)
start = at_distance(add_noise(small, 0.06, torch.Generator().manual_seed(0)), small, c)
best, worst = ssim_extreme(start, small, 1, 150), ssim_extreme(start, small, -1, 150)

# %%
pictures = {"original": small, "start": start, "largest SSIM": best, "smallest SSIM": worst}
titles = ["original"] + [
    f"{name}\n{psnr(u, small):.2f} dB, {mean_ssim(u, small):.2f}" for name, u in list(pictures.items())[1:]
]
slide_figure(show_images(list(pictures.values()), titles), "ssim-extremes")

# %%
assert mean_ssim(best, small) > 0.9 > 0.3 > mean_ssim(worst, small)
print(f"all three at {psnr(best, small):.2f} dB: {abs(psnr(best, small) - psnr(worst, small)) < 1e-9}")

# %% [markdown]
r"""
**What to see.** One PSNR, and two images that nobody would confuse. On the way up the search found a gap: it pushed
the error to the frame, whose pixels lie in few windows, and the rest is nearly perfect. The way down puts a pattern
into the flat regions and the coat, against the structure that was there. The competition works both ways: fix SSIM,
and look for the extremes of the MSE.

**Question.** A metric is tested by searching for images that fool it. Why is this more severe than a table of
correlations with human votes on a fixed set of distortions?
"""

# %% [markdown]
r"""
## 6. LPIPS: compare features

A classification network looks at $u$ through its convolutions. Zhang et al. (2018) compare what it sees, layer by
layer, with channel weights that were learned from human votes:

$$ \mathrm{LPIPS}(u, u_0)^2 = \sum_\ell \frac1{H_\ell W_\ell} \sum_{i,j}
\bigl\| w_\ell \odot (F^\ell(u)_{i,j} - F^\ell(u_0)_{i,j}) \bigr\|_2^2 . $$

Two details that the slide leaves out. The features are first divided by their norm at each pixel,
$F_{i,j} / \|F_{i,j}\|_2$: only their direction counts. And the distance that is published, in papers and in the
package `lpips`, is this sum *without* the root: the square of the slide's LPIPS. Its weights multiply the squares, so
they are the squares of the slide's $w_\ell$.

### Exercise 7 — the published distance (10 min, in class)

Return $\sum_\ell \frac1{H_\ell W_\ell} \sum_{i,j} \sum_c w_{\ell,c}\, (\tilde F^\ell_c(u)_{i,j} -
\tilde F^\ell_c(v)_{i,j})^2$, where $\tilde F$ has norm 1 at each pixel. Add $10^{-10}$ to the norm: it may be 0.

<details><summary>Hint</summary>
<code>F.norm(dim=0, keepdim=True)</code> is the norm over the channels at each pixel.
</details>

`hint("lpips")` tells more.
"""


# %%
def lpips(features_u, features_v, weights):
    """Return the sum over the layers of the weighted square distance of the normalised features, as one number.

    features_u, features_v: dict, layer -> (n, h, w).  weights: dict, layer -> (n,), for the squares.
    Returns a tensor with one value.  Slide "LPIPS: Learned Perceptual Image Patch Similarity".
    """
    ### BEGIN SOLUTION
    total = 0
    for layer, w in weights.items():
        F, G = features_u[layer], features_v[layer]
        F = F / (F.norm(dim=0, keepdim=True) + 1e-10)
        G = G / (G.norm(dim=0, keepdim=True) + 1e-10)
        total = total + (w[:, None, None] * (F - G) ** 2).sum(dim=0).mean()
    return total
    ### END SOLUTION


# %%
lpips = check(lpips)

# %%
network, weights = load_lpips("alex", device)  # AlexNet and the weights of the authors, version 0.1


def lpips_of(u, v):
    """Return the published LPIPS of two images; small is close."""
    return float(lpips(*({layer: x.double() for layer, x in m.items()} for m in (network(u), network(v), weights))))


for name, v in same.items():
    print(f"{name:14s} SSIM = {mean_ssim(v, u0):.3f}   LPIPS = {lpips_of(v, u0):.2f}")

# %% [markdown]
r"""
LPIPS puts the six images into two groups, as you did: the first three near 0, the last three far away.

## 7. Which metric says what? You first

Below is a texture and five images that want to replace it. Look at the picture, and write your own ranking, from the
closest to the farthest, before you run the table.
"""

# %%
stones = to_gray(load_image("stones_yellow")).to(device)
exemplar = stones[:192, :192]
blurred = blur(exemplar, gaussian_kernel(2.5).to(device))
candidates = {
    "A": exemplar.roll((2, 2), (0, 1)),
    "B": blurred,
    "C": stones[256:448, 256:448],
    "D": torch.full_like(exemplar, exemplar.mean().item()),
    "E": gaussian_texture(exemplar, torch.Generator().manual_seed(1)),
}
cut = [u[:108] for u in (exemplar, *candidates.values())]
slide_figure(show_images(cut, ["the texture", *candidates], columns=3), "metrics-disagree")

# %%
my_ranking = "ABCDE"  # yours, from the closest to the farthest

# %%
scores = {
    "PSNR": {name: -psnr(v, exemplar) for name, v in candidates.items()},
    "SSIM": {name: -mean_ssim(v, exemplar) for name, v in candidates.items()},
    "LPIPS": {name: lpips_of(v, exemplar) for name, v in candidates.items()},
}
what = dict(
    zip("ABCDE", ("moved by two pixels", "blurred", "another part", "its mean", "Gaussian texture"), strict=True)
)

# %%
ranks = {"you": my_ranking} | {metric: "".join(sorted(s, key=s.get)) for metric, s in scores.items()}
print(f"{'':23s}" + "".join(f"{name:>7s}" for name in ranks) + "     dB")
for name in candidates:
    places = "".join(f"{ranking.index(name) + 1:7d}" for ranking in ranks.values())
    print(f"{name} {what[name]:21s}{places}{-scores['PSNR'][name]:7.1f}")

# %% [markdown]
r"""
**What to see.** Most people put A first and C second: the same stones, moved, and other stones of the same kind. PSNR
and SSIM prefer the blur to the same stones two pixels further, and D, a gray square, to the stones of C. LPIPS gives
the first two places like most people. But to it C is only second, at a distance that the table hides (look at
`scores["LPIPS"]`): no metric of this notebook says that C *is* the
texture, they all compare place by place. Notebook 10 compares statistics.

**Question.** For two independent images of the same law, with the variance $\sigma^2$ in each pixel, what is the
expected MSE between them? And between one of them and its mean? How many dB are lost by drawing instead of averaging?
"""

# %% [markdown]
r"""
## 8. Perception against distortion

The last question, in a case where everything is known. The image $x$ is a stationary Gaussian texture of mean $m$ and
spectrum $\lambda(\xi)$; we observe $v = x + w$ with white noise of variance $\sigma^2$. The law of $x$ knowing $v$ is
Gaussian too, and diagonal in Fourier (here $\hat x$ is the unitary transform, the sum divided by $\sqrt{MN}$):

$$ \hat x \mid \hat v \;\sim\; \mathcal N\Bigl( \frac{\lambda}{\lambda + \sigma^2}\,\hat v,\;
\frac{\lambda\sigma^2}{\lambda + \sigma^2} \Bigr) \qquad (\xi \neq 0) . $$

Three restorations: the posterior mean $x_1$ (Wiener, of all estimators the smallest MSE, $D_*$); a posterior sample
$x_2$, one plausible image; and $x_3$, the mean whose spectrum is amplified to the one of the texture.
"""

# %%
texture = periodic_component(to_gray(load_image("cork"))[:128, :128].to(device))
m, sigma = texture.mean().item(), 3 * texture.std(correction=0).item()
spectrum = torch.fft.fft2(texture - m).abs().square() / texture.numel()  # λ(ξ)
generator = torch.Generator().manual_seed(0)
filtered = torch.fft.fft2(torch.randn(texture.shape, generator=generator).to(device)) * spectrum.sqrt()
x = m + torch.fft.ifft2(filtered).real
v = add_noise(x, sigma, generator)


def multiply(u, transfer):
    """Return the image u filtered by a transfer function."""
    return torch.fft.ifft2(transfer * torch.fft.fft2(u)).real


# %%
gain = spectrum / (spectrum + sigma**2)
spread = (spectrum * sigma**2 / (spectrum + sigma**2)).sqrt()
x1 = m + multiply(v - m, gain)
x2 = x1 + multiply(torch.randn(x.shape, generator=generator).to(device), spread)
x3 = m + multiply(v - m, gain.sqrt())  # its spectrum is λ, as that of x
estimators = {"mean": x1, "sample": x2, "amplified mean": x3}
for name, estimate in estimators.items():
    print(f"{name:15s} MSE / D* = {mse(estimate, x) / mse(x1, x):.2f}   LPIPS = {lpips_of(estimate, x):.2f}")

# %% [markdown]
r"""
Blau and Michaeli (2018) draw every restoration as a point: its distortion, the MSE to the true image, and how far the
*law* of the restored images is from the law of the images. Here both are exact: the distance of the laws is
Wasserstein's, which for stationary Gaussians compares the spectra, $W_2^2 = \sum_\xi (\sqrt\lambda -
\sqrt{\lambda'})^2$. On the way from the mean to the sample, $x_1 + t\,(x_2 - x_1)$, the MSE is $(1 + t^2) D_*$; on the
way to $x_3$ it is smaller.
"""

# %%
t = torch.linspace(0, 1, 21, device=device)[:, None, None]
distance = lambda s: ((spectrum.sqrt() - s.sqrt()) ** 2).mean((-2, -1)).sqrt()  # noqa: E731
law_1, D = spectrum * gain, (spectrum * (1 - gain)).mean()  # the spectrum of the mean, and D*
sampling = (distance(law_1 + (t * spread) ** 2), (1 + t.squeeze() ** 2))
filters = (1 - t) * gain + t * gain.sqrt()  # E|x − f v|² = λ (1 − f)² + σ² f²
error = (spectrum * (1 - filters) ** 2 + sigma**2 * filters**2).mean((-2, -1))
amplified = (distance(filters**2 * (spectrum + sigma**2)), error / D)

# %%
figure, axes = new_figure(1, 5, width=12, height=3.6)
pictures = {"x": x, "v": v} | estimators
for axis, (name, u) in zip(axes.flat, pictures.items(), strict=True):
    draw_image(axis, u, (m - sigma, m + sigma), title=name)  # x varies by a third of sigma
show(figure, "A cork texture, the noisy observation, the smooth mean, a sample with grain, the amplified mean.")

# %%
scale = float(spectrum.mean().sqrt())
curves = {
    "mean to sample": (sampling[0] / scale, sampling[1]),
    "mean to amplified": (amplified[0] / scale, amplified[1]),
}
figure = plot_curves(curves, "distance between the laws, W₂ / σₓ", "MSE / D*", width=8)
slide_figure(figure, "perception-distortion")

# %%
assert abs(mse(x2, x) / D - 2) < 0.15, "a posterior sample has twice the error of the mean"
assert abs(mse(x3, x) / D - amplified[1][-1]) < 0.15
prices = [10 * math.log10(2), 10 * math.log10(amplified[1][-1])]
print(f"price of a perfect law: a sample {prices[0]:.2f} dB, the amplified mean {prices[1]:.2f} dB")

# %% [markdown]
r"""
**What to see.** The mean has the best PSNR and the worst look: it is the average of all plausible images, smoother
than any of them. A sample looks like $x$, and its expected MSE is exactly $2 D_*$: it pays 3.01 dB, the amplified
mean 1.35 dB. Nobody can be in the lower left corner. The price of a perfect law is never above that of the sample,
$D \leq 2 D_*$, since the sample is always there.

**Question.** A competition ranks restorations by PSNR. Which of the three do you hand in, and which do you hang on
the wall?
"""

# %% [markdown]
r"""
## 9. Metrics as losses

A network that restores is trained with a metric as its loss. Its dilemma is the one of section 8: several images are
plausible and it must give one. In miniature: the truth is one of four shifts of the same photograph, nobody knows
which. Minimize $\sum_k d(u, u_k)$ over $u$, for each metric $d$.
"""

# %%
plausible = [small[32:112, 32:112].roll(shift, (0, 1)) for shift in ((0, 0), (0, 3), (3, 0), (3, 3))]
targets = [network(target) for target in plausible]
average = torch.stack(plausible).mean(dim=0)
losses = {
    "SSIM": lambda u: sum(1 - metrics.ssim_map(u, target).mean() for target in plausible),
    "LPIPS": lambda u: sum(metrics.lpips(network(u), target, weights) for target in targets),
}
results = {"MSE": average}  # the exact minimizer
for name, loss in losses.items():
    results[name], _ = minimize_image(loss, average, 60)

# %%
figure = show_images([plausible[0], *results.values()], ["one of the four", *results])
show(figure, "A photograph; the mean of its four shifts, doubled and soft; the minimizers of SSIM and of LPIPS.")
for name, loss in losses.items():
    print(f"{name}: lower than at the average: {float(loss(results[name])) < 0.98 * float(loss(average))}")

# %% [markdown]
r"""
**What to see.** The MSE wants the average, with its double contours. The two others leave it, for more contrast: this
is why super-resolution networks are trained with them. LPIPS alone brings a grain that its features do not see;
in practice an MSE is added, and a discriminator (notebook 15).

**Question.** You train with LPIPS and you report LPIPS. What is wrong?
"""

# %% [markdown]
r"""
## 10. Explore

Choose a degradation and its strength: the photograph, its degraded version, and your SSIM map or the error. For each
degradation, find the strength at which you begin to see it, and note the three numbers. Do they agree?
"""

# %%
explore_metrics(ssim_map=ssim_map)

# %%
picture, numbers = metrics_picture("blur", 0.4)
print(f"PSNR = {numbers['PSNR (dB)']:.1f} dB, SSIM = {numbers['SSIM']:.2f}, LPIPS = {numbers['LPIPS']:.2f}")
show(show_images([picture], width=9), "The cameraman, blurred, and the SSIM map, dark along contours and on the grass.")

# %% [markdown]
r"""
## To remember

- PSNR: exact and blind; its MSE is convex. It counts errors pixel by pixel and prefers the average of all answers.
- SSIM: luminance × contrast × structure of patches. It sees lost texture and noise; a small shift costs it dearly.
- LPIPS: features of a network. It tolerates small shifts and sees blur; it depends on its network. Say which one, and
  that the number is the published one, without root.
- Good PSNR and a natural look are two goals; a posterior sample costs 3 dB. Report one number of each kind.
"""
