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
# 16. Diffusion models

At the end of this notebook you will be able to

- turn images into noise step by step, and noise into images by estimating the noise, with and without new noise;
- say why the mean of the noise, the mean of the image and the score $\nabla\log p_t$ are the same knowledge;
- compute it exactly for a mixture, for the Gaussian faces and for a training set, and say what the last is worth;
- train a network to do it, and judge what it draws: is it new, how many steps does it need;
- ask for a class, and trade diversity for fidelity by guidance.

**Slides**: "Denoising diffusion probabilistic models", "Diffusion models".

**Time**: reading 35 min (15 in class), exercises 58 min, compute about 1 min on two CPU cores.

**Before this**: notebook 01 (the Gaussian model of faces).
"""

# %% [markdown]
r"""
| symbol | name in the code | shape | range |
| --- | --- | --- | --- |
| $x_0$, image | `x0` | `(n, ...)` | about $[-1, 1]$: $x = 2u - 1$ |
| $t$, time | `t` | a number, or `(n,)` | from 0, images, to 1, noise |
| $\bar\alpha(t)$, share of the image in the variance | `alpha_bar(t)` | as `t` | from 1 to 0 |
| $x_t$, noisy image | `x` | as $x_0$ | |
| $\varepsilon$, its noise; $\hat\varepsilon$, an estimate of it | `noise` | as $x_0$ | standard normal |
| $\hat x_0$, estimate of $x_0$ given $x_t$ | `denoised(x, t, noise)` | as $x_0$ | |
| $s < t$, an earlier time | `s` | a number | |
| $p_t$, density of $x_t$ | | | |
| $w$, scale of the guidance | `scale` | | $\geq 0$ |
"""

# %%
import math
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from course_utils import diffusion
from course_utils.checks import check, hint
from course_utils.data import load_faces, load_square_digits
from course_utils.diffusion import load_unet, per_image
from course_utils.explorers.diffusion import diffusion_picture, explore_diffusion
from course_utils.features import load_digit_classifier
from course_utils.gaussian import fit_gaussian
from course_utils.metrics import frechet_distance
from course_utils.plotting import PALETTE, move_legend, new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": networks and images go there
seed = 0


def normal(shape, source, dtype=torch.float32):
    """Return standard normal numbers on the device; they are drawn on the CPU."""
    return torch.randn(shape, generator=source, dtype=dtype).to(device)


def seeded(number=seed):
    """Return a source of random numbers."""
    return torch.Generator().manual_seed(number)


# %% [markdown]
r"""
## 1. From images to noise

The lecture's plan: *learn to revert a degradation process*. The process adds more and more noise. Nothing has to be
learnt for that. It is chosen so that at time $t$

$$x_t = \sqrt{\bar\alpha(t)}\; x_0 + \sqrt{1 - \bar\alpha(t)}\; \varepsilon, \qquad
\varepsilon \sim \mathcal{N}(0, I).$$

If $x_0$ has variance 1, then so has $x_t$, for every $t$: $\bar\alpha$ is the share of the image in it, and
$1 - \bar\alpha$ that of the noise. Ho et al. (2020) multiply a thousand small factors to get $\bar\alpha$; we take the
cosine schedule of Nichol and Dhariwal (2021),

$$\bar\alpha(t) = \cos^2\bigl(\tfrac{\pi}{2} t\bigr), \qquad 0 \leq t \leq 1.$$
"""

# %% [markdown]
r"""
### Exercise 1 — the schedule (3 min, in class)

Write `alpha_bar(t)`. `t` is a number or a tensor; the result is a tensor, in double precision if `t` is a number.

<details><summary>Hint</summary>

`torch.as_tensor` turns both into a tensor. `hint("alpha_bar")` tells more.

</details>
"""


# %%
def alpha_bar(t):
    """Return ᾱ(t) = cos²(πt/2), the share of the image in the variance of x_t.

    t: a number or a tensor, in [0, 1].  Returns a tensor of its shape.
    """
    ### BEGIN SOLUTION
    t = torch.as_tensor(t, dtype=None if isinstance(t, torch.Tensor) else torch.float64)
    return torch.cos(math.pi / 2 * t) ** 2
    ### END SOLUTION


# %%
alpha_bar = check(alpha_bar)

# %% [markdown]
"""
Stuck? There are three hints to each exercise, one at a time: the idea, the formula, the first line.
"""

# %%
hint("alpha_bar", 1)

# %% [markdown]
r"""
### Exercise 2 — noise on images (5 min, in class)

Write `diffuse(x0, t, noise)`: $x_t$ from $x_0$ and $\varepsilon$. `t` is a number, or a tensor `(n,)` with a time for
each of the $n$ images. `per_image(alpha_bar(t), x0)` puts $\bar\alpha(t)$ in the shape that multiplies `x0`, in both
cases.

<details><summary>Hint</summary>

Variances add up to 1, not the factors. `hint("diffuse")` tells more.

</details>
"""


# %%
def diffuse(x0, t, noise):
    """Return x_t = √ᾱ(t) x_0 + √(1 − ᾱ(t)) ε.

    x0, noise: (n, ...); t: a number, or (n,).  Returns (n, ...).  Slide "Diffusion models".
    """
    ### BEGIN SOLUTION
    a = per_image(alpha_bar(t), x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise
    ### END SOLUTION


# %%
diffuse = check(diffuse)

# %% [markdown]
"""
The images of this notebook are 4,500 handwritten digits of 32 x 32 pixels.
"""

# %%
digits, labels = (part.to(device) for part in load_square_digits())
noise = normal((1, 1, 32, 32), seeded())
rows = [diffuse(digits[[k]], t, noise)[0, 0] for k in (1000, 2300) for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
titles = [f"t = {t:.1f}" for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)] + [""] * 6
fig = show_images(rows, titles, columns=6, value_range=(-1, 1), width=7)
show(fig, "A two and a five, each in six pictures that go from the clean digit to noise alone.")
for t in (0.2, 0.6, 0.8):
    print(f"t = {t}: the share of the image is {100 * alpha_bar(t):.0f} %")

# %% [markdown]
r"""
You still recognise a digit when most of the variance is noise. To go back, one question has to be answered at each
time: *which noise is in $x_t$?* The rest of this notebook answers it four times. Three answers are exact.

## 2. One dimension: the exact answer

Take a number for an image, and a mixture of two Gaussians for the law of $x_0$, with weights $\pi_k$, centers $m_k$ and
deviations $d_k$. Each stays Gaussian on its way:

$$p_t(x) = \sum_k \pi_k\, \mathcal{N}\bigl(x;\ \sqrt{\bar\alpha}\, m_k,\ \bar\alpha\, d_k^2 + 1 - \bar\alpha\bigr).$$

So the density and its **score** $\nabla\log p_t(x)$ are known.
"""

# %%
weights, centers, widths = torch.tensor([[0.35, 0.65], [-1.2, 0.8], [0.15, 0.3]], dtype=torch.float64).to(device)


def components(x, t):
    """Return the terms π_k N(x; √ᾱ m_k, v_k) of p_t(x), and the score −(x − √ᾱ m_k) / v_k of each."""
    a = alpha_bar(t)
    v = a * widths**2 + 1 - a
    difference = x[..., None] - a.sqrt() * centers
    return weights * torch.exp(-(difference**2) / (2 * v)) / torch.sqrt(2 * math.pi * v), -difference / v


def mixture_score(x, t):
    """Return ∇ log p_t(x) of the mixture: the mean of the components' scores, weighted by their terms."""
    p, score = components(x, t)
    return (p * score).sum(dim=-1) / p.sum(dim=-1)


# %% [markdown]
r"""
What has the score to do with noise? Write

$$p_t(x) = \int p(x_0)\, \mathcal{N}\bigl(x; \sqrt{\bar\alpha}\, x_0, (1 - \bar\alpha) I\bigr)\, dx_0$$

and take the gradient under the integral. Each Gaussian brings down the factor
$-(x - \sqrt{\bar\alpha}\, x_0) / (1 - \bar\alpha) = -\varepsilon / \sqrt{1 - \bar\alpha}$. So

$$\nabla \log p_t(x_t) = -\frac{\mathbb{E}[\varepsilon \mid x_t]}{\sqrt{1 - \bar\alpha}}, \qquad
\mathbb{E}[x_0 \mid x_t] = \frac{x_t - \sqrt{1 - \bar\alpha}\; \mathbb{E}[\varepsilon \mid x_t]}{\sqrt{\bar\alpha}}.$$

This is Tweedie's formula. *The mean of the noise, the mean of the image and the score are three forms of one answer*,
and the one who has it can remove noise. From here on a denoiser is a function `(x, t)` that returns the first of them.
"""


# %%
def mixture_noise(x, t):
    """Return E[ε | x_t = x] = −√(1 − ᾱ) ∇ log p_t(x) for the mixture."""
    return -(1 - alpha_bar(t)).sqrt() * mixture_score(x, t)


# %% [markdown]
r"""
### Exercise 3 — the denoised image (4 min, in class)

Write `denoised(x, t, noise)`: the $\hat x_0$ that belongs to $x_t$ and an estimate $\hat\varepsilon$ of its noise. `t`
as in exercise 2.

<details><summary>Hint</summary>

Solve the equation of exercise 2 for $x_0$. `hint("denoised")` tells more.

</details>
"""


# %%
def denoised(x, t, noise):
    """Return x̂_0 = (x_t − √(1 − ᾱ) ε̂) / √ᾱ.

    x, noise: (n, ...); t: a number, or (n,), < 1.  Returns (n, ...).
    """
    ### BEGIN SOLUTION
    a = per_image(alpha_bar(t), x)
    return (x - (1 - a).sqrt() * noise) / a.sqrt()
    ### END SOLUTION


# %%
denoised = check(denoised)

# %%
print(f"the two centers of the law of x_0: {centers.tolist()}")
for t in (0.2, 0.5, 0.8, 0.95):
    x = alpha_bar(t).sqrt() * torch.tensor([-1.2, -0.2, 0.8], dtype=torch.float64, device=device)
    estimates = denoised(x, t, mixture_noise(x, t)).tolist()
    print(f"t = {t:.2f}: at √ᾱ times (-1.2, -0.2, 0.8), x̂_0 =", ", ".join(f"{value:5.2f}" for value in estimates))

# %% [markdown]
r"""
At small $t$ the estimate is near $x_0$; at $t$ near 1 it is nearly the mean of the law, 0.1, whatever $x_t$ is.

**Question.** At $t = 0.8$ the estimate from the middle lies between the centers, where $p_0$ is nearly zero. Is it
wrong? Why is one step from noise to $\hat x_0$ no way to draw images?
"""

# %% [markdown]
r"""
### The way back

So go back in *small* steps. From $x_t$ estimate the noise and the image, and put them together again with the shares of
an earlier time $s < t$. This is a step of DDIM (Song, Meng and Ermon, 2021):

$$x_s = \sqrt{\bar\alpha_s}\; \hat x_0 + \sqrt{1 - \bar\alpha_s}\; \hat\varepsilon.$$
"""

# %% [markdown]
r"""
### Exercise 4 — a step without new noise (5 min, in class)

Write `ddim_step(x, t, s, noise)`; `noise` is the estimate $\hat\varepsilon$ for $x_t$. Two functions that you have do
all of it.

<details><summary>Hint</summary>

What is $\hat x_0$, and what does `diffuse` do with it? `hint("ddim_step")` tells more.

</details>
"""


# %%
def ddim_step(x, t, s, noise):
    """Return x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s) ε̂ from x_t and the estimate of its noise.

    x, noise: (n, ...); t, s: numbers, s < t.  Returns (n, ...).
    """
    ### BEGIN SOLUTION
    return diffuse(denoised(x, t, noise), s, noise)
    ### END SOLUTION


# %%
ddim_step = check(ddim_step)

# %% [markdown]
r"""
The step of DDPM (Ho et al., 2020), the lecture's, takes a part $\sigma^2$ of the noise away and puts new noise
$z \sim \mathcal{N}(0, I)$ there:

$$x_s = \sqrt{\bar\alpha_s}\; \hat x_0 + \sqrt{1 - \bar\alpha_s - \sigma^2}\; \hat\varepsilon + \sigma z, \qquad
\sigma^2 = \frac{1 - \bar\alpha_s}{1 - \bar\alpha_t} \Bigl(1 - \frac{\bar\alpha_t}{\bar\alpha_s}\Bigr).$$

This $\sigma^2$ is the variance of $x_s$ given $x_t$ and $x_0$, by Bayes' formula: $\bar\alpha_t / \bar\alpha_s$ is the
share of $x_s$ in $x_t$.
"""

# %% [markdown]
r"""
### Exercise 5 — a step with new noise (6 min, at home)

Write `ddpm_step(x, t, s, noise, z)`. `noise` is the estimate $\hat\varepsilon$, `z` the new noise.

<details><summary>Hint</summary>

The variances of the two noises must add up to $1 - \bar\alpha_s$. `hint("ddpm_step")` tells more.

</details>
"""


# %%
def ddpm_step(x, t, s, noise, z):
    """Return x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s − σ²) ε̂ + σ z, with σ² = (1 − ᾱ_s) / (1 − ᾱ_t) · (1 − ᾱ_t / ᾱ_s).

    x, noise, z: (n, ...); t, s: numbers, s < t.  Returns (n, ...).  Ho et al. (2020).
    """
    ### BEGIN SOLUTION
    a_t, a_s = alpha_bar(t).to(x), alpha_bar(s).to(x)
    variance = (1 - a_s) / (1 - a_t) * (1 - a_t / a_s)
    return a_s.sqrt() * denoised(x, t, noise) + (1 - a_s - variance).sqrt() * noise + variance.sqrt() * z
    ### END SOLUTION


# %%
ddpm_step = check(ddpm_step)

# %% [markdown]
"""
The whole reverse process is a loop over decreasing times. It serves for all that follows.
"""


# %%
def reverse(denoiser, x, steps, source=None):
    """Return x at the times from 0.999 to 0.001: by DDIM's steps, or by DDPM's with noise from a source."""
    path = [x]
    for t, s in pairwise(torch.linspace(0.999, 0.001, steps + 1, dtype=torch.float64).tolist()):
        noise = denoiser(x, t)
        if source is None:
            x = ddim_step(x, t, s, noise)
        else:
            x = ddpm_step(x, t, s, noise, normal(x.shape, source, x.dtype))
        path.append(x)
    return path


# %%
n, steps = 12, 200
component = (torch.arange(n, device=device) >= 4).long()
x = centers[component] + widths[component] * normal(n, seeded(), torch.float64)
times, forward = torch.linspace(0.001, 0.999, steps + 1, dtype=torch.float64).tolist(), [x]
source = seeded(1)
for s, t in pairwise(times):
    kept = alpha_bar(t) / alpha_bar(s)  # the share of x_s in x_t
    x = kept.sqrt() * x + (1 - kept).sqrt() * normal(n, source, torch.float64)
    forward.append(x)

# %%
start = torch.special.ndtri((torch.arange(n, dtype=torch.float64, device=device) + 0.5) / n)  # quantiles
paths = {
    "forward": forward,
    "back, DDIM": reverse(mixture_noise, start, steps)[::-1],
    "back, DDPM": reverse(mixture_noise, start, steps, seeded(3))[::-1],
}
grid = torch.linspace(-3, 3, 241, dtype=torch.float64, device=device)
density = torch.stack([components(grid, t)[0].sum(dim=-1) for t in times], dim=1)

# %%
fig, axes = new_figure(1, 3, height=4.2)
for axis, (title, path) in zip(axes[0], paths.items(), strict=True):
    axis.imshow(density.cpu(), cmap="Blues", vmax=1, origin="lower", extent=(0, 1, -3, 3), aspect="auto")
    axis.plot(times, torch.stack(path).cpu(), color=PALETTE[1], linewidth=1)
    axis.set(xlabel="t", xticks=[0, 0.5, 1], yticks=[-2, 0, 2], ylim=(-3, 3))
    axis.title.set_text(title)
axes[0, 0].set_ylabel("x")
slide_figure(fig, "diffusion-forward-reverse")

# %% [markdown]
r"""
**What to see.** Blue is $p_t$: two modes at $t = 0$ on the left, one Gaussian at $t = 1$ on the right. Forward, the
paths start in the modes and lose their memory. Back, read from right to left, both ways end in the modes. DDIM's
paths are smooth and never cross: in the limit of small steps they solve an ordinary differential equation. DDPM's are
as rough as the forward ones: a stochastic differential equation (Song et al., 2021). In that limit all three processes
have the densities $p_t$.

How well do they draw? Count for 20,000 starts. The gap is the largest difference of the two distribution functions.
"""


# %%
def gap(x):
    """Return max |F_n − F|: how far the points' distribution function is from that of the mixture."""
    x = x.sort().values
    F = (weights * torch.special.ndtr((x[:, None] - centers) / widths)).sum(dim=1)
    return (F - torch.arange(len(x), device=device) / len(x)).abs().max().item()


# %%
start = normal(20_000, seeded(4), torch.float64)
variance = (weights * (widths**2 + centers**2)).sum() - (weights * centers).sum() ** 2
print(f"exact:             35 % on the left, deviation {variance.sqrt():.2f}")
for steps in (5, 10, 50, 200):
    for name, source in (("DDIM", None), ("DDPM", seeded(5))):
        x = reverse(mixture_noise, start, steps, source)[-1]
        left = 100 * (x < -0.3).double().mean()
        print(f"{steps:3} steps of {name}: {left:.0f} % on the left, deviation {x.std():.2f}, gap {gap(x):.2f}")

# %% [markdown]
r"""
With few steps the points lie too close together; with 200 nothing is left to see but the chance of 20,000 draws. DDPM
needs more steps than DDIM.
"""

# %% [markdown]
r"""
## 3. Gaussian faces: the exact answer again

Notebook 01 fitted $\mathcal{N}(\mu, E\Lambda E^T)$ to faces, and drew $G(z) = \mu + E\Lambda^{1/2} z$. A diffusion must
find the same law. Sums of Gaussians are Gaussian, so $x_t \sim \mathcal{N}\bigl(\sqrt{\bar\alpha}\mu,\ \bar\alpha
E\Lambda E^T + (1 - \bar\alpha) I\bigr)$, and with $y = x - \sqrt{\bar\alpha}\mu$ its score is linear:

$$\nabla \log p_t(x) = -\bigl(\bar\alpha\, E\Lambda E^T + (1 - \bar\alpha) I\bigr)^{-1} y
= -\frac{1}{1 - \bar\alpha} \Bigl(y - E \,\operatorname{diag}\Bigl(\frac{\bar\alpha\lambda_j}{\bar\alpha\lambda_j + 1 -
\bar\alpha}\Bigr) E^T y\Bigr).$$

The matrix has $10304^2$ entries. The formula on the right needs only $E$.
"""

# %% [markdown]
r"""
### Exercise 6 — the score of a Gaussian (12 min, at home)

Write `gaussian_score(x, t, model)` for one face `(d,)` or several `(n, d)`. Do not form a $d \times d$ matrix.

<details><summary>Hint</summary>

Along $e_j$ the variance of $x_t$ is $\bar\alpha\lambda_j + 1 - \bar\alpha$, in all other directions it is
$1 - \bar\alpha$. `hint("gaussian_score")` tells more.

</details>
"""


# %%
def gaussian_score(x, t, model):
    """Return ∇ log p_t(x) when x_0 ~ N(μ, E Λ Eᵀ): −(ᾱ E Λ Eᵀ + (1 − ᾱ) I)⁻¹ (x − √ᾱ μ).

    x: (n, d) or (d,); t: a number in (0, 1); model: μ (d,), E (d, r) with orthonormal columns, the λ (r,).
    Returns the shape of x.
    """
    ### BEGIN SOLUTION
    mean, E, eigenvalues = model
    a = alpha_bar(t).to(x)
    y = x - a.sqrt() * mean
    shrunk = (y @ E) * (a * eigenvalues / (a * eigenvalues + 1 - a))
    return -(y - shrunk @ E.T) / (1 - a)
    ### END SOLUTION


# %%
gaussian_score = check(gaussian_score)

# %%
faces, people = load_faces()
H, W = faces.shape[1:]
model = tuple(part.to(device) for part in fit_gaussian(2 * faces[people < 32].flatten(1) - 1))
mean, E, eigenvalues = model


def face_noise(x, t):
    """Return E[ε | x_t = x] for the Gaussian faces."""
    return -(1 - alpha_bar(t)).sqrt() * gaussian_score(x, t, model)


# %% [markdown]
r"""
Along $e_j$ a step of DDIM multiplies by a number, which the formulas of $\hat x_0$ and $\hat\varepsilon$ give:

$$f_j(t, s) = \frac{\sqrt{\bar\alpha_t\bar\alpha_s}\,\lambda_j + \sqrt{(1 - \bar\alpha_t)(1 - \bar\alpha_s)}}
{\bar\alpha_t\lambda_j + 1 - \bar\alpha_t}.$$

So the variance of what is drawn is $\prod f_j^2$, the product over the steps. Is it $\lambda_j$?
"""


# %%
def drawn_variance(steps):
    """Return the variance along each axis of what DDIM draws: the product of the squares of its factors."""
    product = torch.ones_like(eigenvalues)
    for t, s in pairwise(torch.linspace(0.999, 0.001, steps + 1, dtype=torch.float64).tolist()):
        a, b = alpha_bar(t), alpha_bar(s)
        factor = ((a * b).sqrt() * eigenvalues + ((1 - a) * (1 - b)).sqrt()) / (a * eigenvalues + 1 - a)
        product = product * factor**2
    return product


# %%
start = normal((5, H * W), seeded(6), torch.float64)
drawn = {steps: reverse(face_noise, start, steps)[-1] for steps in (5, 20, 100)}
drawn["G(z)"] = mean + ((start @ E) * eigenvalues.sqrt()) @ E.T
moved = (drawn[20] - alpha_bar(0.001).sqrt() * mean) @ E
predicted = ((start - alpha_bar(0.999).sqrt() * mean) @ E) * drawn_variance(20).sqrt()
print(f"the faces are those of the factors: {torch.allclose(moved, predicted)}")
for steps in (5, 20, 100, 500):
    ratio = drawn_variance(steps) / eigenvalues
    print(f"{steps:3} steps: variance over λ from {ratio.min():.2f} to {ratio.max():.2f}, along e_1 {ratio[0]:.2f}")


# %%
def draw_rows(axis, rows, labels, value_range=(-1, 1)):
    """Draw rows of images (H, W) into one axis, each row with its label."""
    height = rows[0][0].shape[0]
    table = torch.cat([torch.cat(list(row), dim=1) for row in rows])
    axis.imshow(table.cpu(), cmap="gray", vmin=value_range[0], vmax=value_range[1])
    axis.set(xticks=[], yticks=[height * (k + 0.5) for k in range(len(rows))], yticklabels=labels)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


# %%
fig, axes = new_figure(1, 2, height=5)
names = [f"{name} steps" if isinstance(name, int) else name for name in drawn]
draw_rows(axes[0, 0], [[x.reshape(H, W) for x in row] for row in drawn.values()], names)
index = list(range(1, len(eigenvalues) + 1))
curves = {f"{k} steps": (index, (drawn_variance(k) / eigenvalues).tolist()) for k in (5, 20, 100, 500)}
plot_curves(curves, "axis j", "variance / λ$_j$", "log", axis=axes[0, 1])
axes[0, 1].set_ylim(0, 1.05)
move_legend(axes[0, 1], "upper center", (0.45, -0.2), columns=2)
slide_figure(fig, "diffusion-faces")

# %% [markdown]
r"""
**What to see.** With the exact score, each step is exact in its factor, and the steps are what is not: a few draw
faces that are too gray and too much alike. The variance tends to $\lambda_j$ along every axis, last along $e_1$, where
it is largest. With 100 steps you will hardly tell the faces from those of notebook 01's generator $G(z)$.

**Question.** Not only the law: each *face* is that of $G(z)$ with $z = E^T x_1$, $x_1$ the noise at the start. Why?
Would it be so with DDPM?
"""

# %% [markdown]
r"""
## 4. The training set: exact, and useless

A model of digits needs a law, and all that we have are $N$ digits $\mathbf{x}_1, \dots, \mathbf{x}_N$. Take them
literally: $x_0$ is one of them, each with probability $1/N$. By Bayes' formula,

$$\mathbb{E}[x_0 \mid x_t] = \sum_i w_i\, \mathbf{x}_i, \qquad
w_i = \frac{\exp\bigl(-\|x_t - \sqrt{\bar\alpha}\,\mathbf{x}_i\|^2 / (2(1 - \bar\alpha))\bigr)}
{\sum_j \exp\bigl(-\|x_t - \sqrt{\bar\alpha}\,\mathbf{x}_j\|^2 / (2(1 - \bar\alpha))\bigr)}.$$

The mean image given $x_t$ is exact, in closed form, for any set of images.
"""

# %% [markdown]
r"""
### Exercise 7 — the denoiser of a finite set (12 min, in class)

Write `empirical_denoiser(x, t, data)`: $\mathbb{E}[x_0 \mid x_t]$ for each image of `x`. The exponentials of large
negative numbers are all 0 for the computer, and 0 / 0 is not a number: use `torch.softmax`.

<details><summary>Hint</summary>

`torch.cdist` has the distances of all rows of one matrix to all rows of another; `flatten(1)` makes rows of images.
`hint("empirical_denoiser")` tells more.

</details>
"""


# %%
def empirical_denoiser(x, t, data):
    """Return E[x_0 | x_t = x] when x_0 is one of the images of data, each with the same probability.

    x: (b, ...); t: a number in (0, 1); data: (N, ...), images of the same shape.  Returns (b, ...).
    """
    ### BEGIN SOLUTION
    a = alpha_bar(t).to(x)
    rows = data.flatten(1)
    distances = torch.cdist(x.flatten(1), a.sqrt() * rows)
    weights = torch.softmax(-(distances**2) / (2 * (1 - a)), dim=1)
    return (weights @ rows).reshape(x.shape)
    ### END SOLUTION


# %%
empirical_denoiser = check(empirical_denoiser)

# %% [markdown]
"""
Turn it into a denoiser that returns noise, and run the reverse process.
"""


# %%
def noise_of(x, t, x0):
    """Return the ε̂ that belongs to an estimate of the image: (x_t − √ᾱ x̂_0) / √(1 − ᾱ)."""
    a = per_image(alpha_bar(t), x)
    return (x - a.sqrt() * x0) / (1 - a).sqrt()


def memory(x, t, data=digits):
    """Return E[ε | x_t = x] for a finite set of images."""
    return noise_of(x, t, empirical_denoiser(x, t, data))


def nearest(x):
    """Return the distance of each image to the training set, and the index of the nearest."""
    distances, index = torch.cdist(x.flatten(1), digits.flatten(1)).min(dim=1)
    return distances, index


# %%
steps = 25
path = reverse(memory, normal((30, 1, 32, 32), seeded(7)), steps)
distances, index = nearest(path[-1])
among = torch.cdist(digits[:1000].flatten(1), digits.flatten(1)).topk(2, largest=False).values[:, 1]
print(f"distance of a training digit to the nearest other one: {among.median():.0f} (median)")
print(f"drawn: {len(distances)}, distance to the training set < 0.1: {int((distances < 0.1).sum())}")
print(f"different training digits among them: {len(index.unique())}")

# %%
when = (1, 3, 4, 5, 7)
moments = torch.linspace(0.999, 0.001, steps + 1, dtype=torch.float64).tolist()
rows = [[empirical_denoiser(path[k][[i]], moments[k], digits)[0, 0] for k in when] for i in range(3)]
pictures = [image for i in range(3) for image in (*rows[i], path[-1][i, 0], digits[index[i], 0])]
titles = [f"t = {moments[k]:.2f}" for k in when] + ["drawn", "nearest"] + [""] * 14
slide_figure(show_images(pictures, titles, columns=7, value_range=(-1, 1), width=9), "memorisation")

# %% [markdown]
r"""
**What to see.** The estimate is first nearly the mean of all digits, then of fewer and fewer, and soon it is one, long
before the noise is gone. Everything that is drawn *is a training image*. The exact denoiser has no error, and it has
learnt nothing but the training set by heart.

**Question.** You minimize a loss over all functions, on a training set, until nothing is left to gain. Which function
do you find, and why does a network that is trained on the same loss draw new images all the same?
"""

# %% [markdown]
r"""
## 5. A network

Nobody knows the law of images, but everybody can make pairs $(x_t, \varepsilon)$. Among all functions, the mean
$\mathbb{E}[\varepsilon \mid x_t]$ is the one with the least square error. So train a network to guess the noise
(at $t = 0$ there is none to guess, at $t = 1$ no image: the very ends are left out):

$$\min_\theta\; \mathbb{E}\, \bigl\|\hat\varepsilon_\theta(x_t, t) - \varepsilon\bigr\|^2, \qquad
x_0 \text{ from the data},\quad t \sim \mathcal{U}([0.001, 0.999]),\quad \varepsilon \sim \mathcal{N}(0, I).$$
"""

# %% [markdown]
r"""
### Exercise 8 — the loss (8 min, in class)

Write `noise_loss(network, x0, generator)`. Each image of the batch has its own time and its own noise, drawn with
`generator`. Call the network once, as `network(x, t)` with `t` of shape `(n,)`; return the mean over all images and
pixels.

<details><summary>Hint</summary>

`diffuse` takes one time for each image. `hint("noise_loss")` tells more.

</details>
"""


# %%
def noise_loss(network, x0, generator):
    """Return the mean of (ε̂(x_t, t) − ε)² over a batch, with a random time and noise for each image.

    network: from x (n, ...) and t (n,) to (n, ...); x0: (n, ...); generator: torch.Generator.
    Returns a scalar tensor.  Ho et al. (2020).
    """
    ### BEGIN SOLUTION
    t = 0.001 + 0.998 * torch.rand(len(x0), generator=generator).to(x0)
    noise = torch.randn(x0.shape, generator=generator).to(x0)
    return (network(diffuse(x0, t, noise), t) - noise).square().mean()
    ### END SOLUTION


# %%
noise_loss = check(noise_loss)

# %% [markdown]
r"""
### Trained here, in the plane

Before images, points: 100 near a spiral, and 2,000 others that the network never sees. The network has three hidden
layers and is told the time by sines and cosines.
"""


# %%
def spiral(n, source):
    """Return n points (n, 2) near a spiral."""
    angle = 2.5 * math.pi * (0.05 + 0.95 * torch.rand(n, 1, generator=source)).sqrt()
    points = angle / (2.5 * math.pi) * 1.6 * torch.cat([angle.cos(), angle.sin()], dim=1)
    return (points + 0.03 * torch.randn(n, 2, generator=source)).to(device)


# %%
class PlaneNetwork(nn.Module):
    """A network from a point (n, 2) and a time to the noise (n, 2)."""

    def __init__(self, width=64):
        super().__init__()
        sizes = (10, width, width, width)
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.SiLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 2))

    def forward(self, x, t):
        angles = math.pi / 2 * torch.as_tensor(t).to(x).expand(len(x))[:, None] * torch.arange(1, 5).to(x)
        return self.layers(torch.cat([x, angles.sin(), angles.cos()], dim=1))


# %%
points, others = spiral(100, seeded()), spiral(2000, seeded(1))
torch.manual_seed(seed)  # the first weights are drawn
plane = PlaneNetwork().to(device)
n_steps, source = 3000, seeded(2)

# %%
optimizer = torch.optim.Adam(plane.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)  # shorter and shorter steps
for _ in range(n_steps):
    batch = points[torch.randint(len(points), (256,), generator=source).to(device)]
    loss = noise_loss(plane, batch, source)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()

# %% [markdown]
r"""
Judge it against the exact minimizer of the loss on the 100 points, which you have: it is the denoiser of section 4.
(Here each point has its own time; `diffusion.empirical_denoiser`, the course's version, takes that too.)
"""


# %%
def exact(x, t):
    """Return E[ε | x_t = x] when x_0 is one of the 100 points."""
    return noise_of(x, t, diffusion.empirical_denoiser(x, t, points))


print("loss                      on the points  on other points")
losses = {}
with torch.no_grad():
    for name, denoiser in (("exact for the points", exact), ("network", plane)):
        sets = (points.repeat(200, 1), others.repeat(10, 1))
        losses[name] = [noise_loss(denoiser, x, seeded(3)).item() for x in sets]
        print(f"{name:24} {losses[name][0]:14.1f} {losses[name][1]:16.1f}")
print(f"lower on the points: {min(losses, key=lambda name: losses[name][0])}")

# %%
grid = torch.cartesian_prod(*2 * [torch.linspace(-2, 2, 12, device=device)])


@torch.no_grad()
def draw_field(axis, denoiser, t):
    """Draw the noisy points and (1 − ᾱ) ∇ log p_t, as arrows of a third of the length."""
    axis.scatter(*diffuse(points, t, normal((100, 2), seeded(5))).T.cpu(), s=5, color=PALETTE[4])
    arrows = -(1 - alpha_bar(t)).sqrt() * denoiser(grid, t)
    axis.quiver(*grid.T.cpu(), *arrows.T.cpu(), angles="xy", scale_units="xy", scale=3, width=0.008, color=PALETTE[0])


# %% tags=["picture-by-statistics"] reason="training amplifies rounding: arrows move, the next cell asserts what counts"
fig, axes = new_figure(2, 4, height=5.4)
start, ends = normal((1000, 2), seeded(4)), {}
for row, (name, denoiser) in zip(axes, {"exact": exact, "network": plane}.items(), strict=True):
    with torch.no_grad():
        ends[name] = reverse(denoiser, start, 200)[-1]
    row[3].scatter(*ends[name].T.cpu(), s=3, color=PALETTE[1])
    for axis, t in zip(row, (0.7, 0.4, 0.15, 0), strict=True):
        if t:
            draw_field(axis, denoiser, t)
        axis.title.set_text(f"{name}, t = {t}" if t else "drawn")
        axis.set(aspect="equal", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), xticks=[], yticks=[], frame_on=False)
slide_figure(fig, "score-field")

# %%
shares = {}
for name, x in ends.items():
    to_points, to_curve = (torch.cdist(x, y).min(dim=1).values for y in (points, torch.cat([points, others])))
    shares[name] = (to_points < 0.01).float().mean().item(), (to_curve < 0.15).float().mean().item()
assert shares["exact"][0] > 0.9
assert shares["network"][0] < 0.3
assert shares["network"][1] > 0.9
print("on one of the 100 points: nearly all that the exact denoiser draws, few of the network's")
print("near the spiral: more than 90 % of the network's")

# %% [markdown]
r"""
**What to see.** The arrows are the score times $1 - \bar\alpha$: the way to $\sqrt{\bar\alpha}\, \hat x_0$. At large
$t$ the two fields are the same. At small $t$ they part: the exact arrows go to the nearest of the 100 points, the
network's to the curve. On the 100 points the exact denoiser has the lower loss, by little; on points that it has not
seen its loss is more than twice that of the network. What the network draws fills the curve, with a few points astray.
*It is useful because it cannot do what it was asked to do*: it is smooth, and does not single out 100 points.

## 6. New digits

The course's network does this for digits. It is a U-net: it goes down to an eighth of the resolution and comes up
again, each scale seeing the features of its size from the way down. It is told the time in every block, and the class,
if there is one (section 8).
"""

# %%
network = load_unet("digit_diffusion").to(device)
print(f"{sum(p.numel() for p in network.parameters()):,} weights")
unseen, unseen_labels = (part.to(device) for part in load_square_digits(450, 500))
with torch.no_grad():
    for t in (0.2, 0.5, 0.8):
        noise = normal(unseen[::10].shape, seeded(8))
        x = diffuse(unseen[::10], t, noise)
        errors = [(f(x, t) - noise).square().mean().item() for f in (network, memory)]
        print(f"t = {t}: error on unseen digits {errors[0]:.2f} (network), {errors[1]:.2f} (training set)")


# %% [markdown]
r"""
At small $t$ the denoiser that knows the training set by heart is of no use for a digit that is not in it.

Now draw. One precaution, as Ho et al. take it: pixels are in $[-1, 1]$, so $\hat x_0$ is clipped to that. Near $t = 1$
it divides the network's error by a small $\sqrt{\bar\alpha}$.
"""


# %%
@torch.no_grad()
def digit_noise(x, t, words=None):
    """Return the network's ε̂, corrected so that its x̂_0 is in [-1, 1]; words: the class, (n, 10) of 0 and 1."""
    return noise_of(x, t, denoised(x, t, network(x, t, words)).clamp(-1, 1))


# %% tags=["picture-by-statistics"] reason="50 passes of a network amplify rounding: the next cell prints distances"
path = reverse(digit_noise, normal((20, 1, 32, 32), seeded(9)), 50, seeded(10))
drawn = path[-1].clamp(-1, 1)
distances, index = nearest(drawn)
pictures = []
for k in (0, 10):
    pictures += [*drawn[k : k + 10, 0], *digits[index[k : k + 10], 0]]
titles = (["drawn"] + [""] * 9 + ["nearest"] + [""] * 9) * 2
slide_figure(show_images(pictures, titles, columns=10, value_range=(-1, 1)), "ddpm-samples")

# %%
of_unseen, _ = nearest(unseen)
print(f"distance to the nearest training digit, of unseen digits: {of_unseen.median():.0f} (median)")
print(f"of the network's: {distances.median():.0f}, the least {distances.min():.0f}")

# %% [markdown]
r"""
**What to see.** Most are digits, written by a hand. Below each stands the training digit nearest to it: mostly the same
digit, and a different drawing. They are as far from the training set as digits that are not in it, or a little farther.
Some are no digits: the network is small, and it was not told which digit to draw.

**Question.** Each figure of samples in a paper should come with the nearest training images. What would a distance near
0 tell, and what does a large one *not* tell?
"""

# %% [markdown]
r"""
## 7. How many steps?

Each step costs a pass through the network. Two numbers judge 100 digits, 10 of each class, drawn in a number of steps.
The *Fréchet distance* compares the mean and covariance of 64 features of a classifier with those of 500 unseen digits
(notebook 12 has the distance of two Gaussians; Heusel et al., 2017, take the features of Inception). And the *share
read right*: that this classifier reads as the class that was asked for.
"""

# %%
classifier = load_digit_classifier().to(device)
asked = torch.arange(100, device=device) % 10
words = nn.functional.one_hot(asked, 10).float()
features = classifier.features(unseen)


def judge(x, classes):
    """Return the Fréchet distance of drawn digits to unseen ones, and the share that is read right."""
    x = x.clamp(-1, 1)
    right = (classifier(x).argmax(dim=1) == classes).float().mean().item()
    return frechet_distance(classifier.features(x), features), right


# %%
by_class = torch.stack([digits[labels == digit] for digit in range(10)], dim=1)  # (450, 10, 1, 32, 32)
real = sorted(judge(by_class[k : k + 10].flatten(end_dim=1), asked)[0] for k in range(0, 200, 10))
_, right = judge(unseen, unseen_labels)
print(f"100 training digits, 20 times: Fréchet distance {real[0]:.0f} to {real[-1]:.0f}, median {real[10]:.0f}")
print(f"unseen digits read right: {100 * right:.0f} %")

# %% tags=["nbval-ignore-output"] reason="passes of a network amplify rounding: the next cell prints what counts"
start, counts = normal((100, 1, 32, 32), seeded(11)), (2, 5, 10, 25)
results = {}
for steps in counts:
    for name, source in (("DDIM", None), ("DDPM", seeded(12))):
        x = reverse(partial(digit_noise, words=words), start, steps, source)[-1]
        results[name, steps] = x, *judge(x, asked)
        _, distance, right = results[name, steps]
        print(f"{steps:2} steps of {name}: Fréchet distance {round(distance, -1):3.0f}, read right {100 * right:.0f} %")

# %%
ends = [results[name, 25][1] for name in ("DDIM", "DDPM")]
shares = {name: [results[name, steps][2] for steps in counts[1:]] for name in ("DDIM", "DDPM")}
print("5 steps of DDIM: farther than any set of real digits:", results["DDIM", 5][1] > real[-1])
print("25 steps: both distances among those of real digits:", max(ends) < real[-1])
print("from 5 steps on, more of DDPM's digits read right:", min(shares["DDPM"]) > max(shares["DDIM"]))

# %% tags=["picture-by-statistics"] reason="25 passes of a network amplify rounding: the cell above prints what counts"
fig, axes = new_figure(1, 2, height=4.8)
rows = {f"{name} {steps}": results[name, steps][0][:8, 0] for name in ("DDIM", "DDPM") for steps in counts}
draw_rows(axes[0, 0], list(rows.values()), list(rows))
curves = {name: (counts, [results[name, steps][1] for steps in counts]) for name in ("DDIM", "DDPM")}
plot_curves(curves, "steps", "Fréchet distance", "log", axis=axes[0, 1])
axes[0, 1].set(xticks=counts, xticklabels=counts, ylim=(0, None))
axes[0, 1].minorticks_off()
slide_figure(fig, "ddim-steps")

# %% [markdown]
r"""
**What to see.** Two steps give dark digits, and torn ones with DDPM. In the end both distances are among those
of real digits, and this measure has nothing more to say. The other one has: fewer of DDIM's digits are read right. With
the exact denoiser of section 2 DDIM was the better one; here the network errs, and on a smooth path an error made
early, such as the broken 4, is carried to the end, whatever the number of steps. New noise buries old errors.

(100 images are few for a covariance of 64 features: even real digits get the distances printed first, and differences
as small as theirs are chance. Compare sets of one size only.)
"""

# %% [markdown]
r"""
## 8. Classes and guidance

The network was trained with the class of each digit as a second input, and for every tenth image without it. So one
network has two estimates, $\hat\varepsilon_{\text{cond}}$ and $\hat\varepsilon_{\text{free}}$. Ho and Salimans (2022)
go along the line through both,

$$\hat\varepsilon = \hat\varepsilon_{\text{free}} + w\, (\hat\varepsilon_{\text{cond}} -
\hat\varepsilon_{\text{free}}).$$
"""

# %% [markdown]
r"""
### Exercise 9 — guidance (3 min, in class)

Write `guided(conditional, free, scale)`.

<details><summary>Hint</summary>

What should come out for $w = 0$, and for $w = 1$? `hint("guided")` tells more.

</details>
"""


# %%
def guided(conditional, free, scale):
    """Return ε_free + w (ε_conditional − ε_free).

    conditional, free: (n, ...), estimates of the noise; scale: w, a number.  Ho and Salimans (2022).
    """
    ### BEGIN SOLUTION
    return free + scale * (conditional - free)
    ### END SOLUTION


# %%
guided = check(guided)

# %% [markdown]
r"""
By Bayes' formula the difference of the two is the gradient of $\log p(\text{class} \mid x_t)$, up to a factor: with
$w > 1$ the process climbs towards images that are *more* of their class than the data are.
"""


# %%
@torch.no_grad()
def guided_noise(x, t, words, scale):
    """Return the guided ε̂, corrected so that its x̂_0 is in [-1, 1]."""
    if scale == 1:
        return digit_noise(x, t, words)
    noise = guided(network(x, t, words), network(x, t), scale)
    return noise_of(x, t, denoised(x, t, noise).clamp(-1, 1))


# %% [markdown]
r"""
Fidelity: how many are read as the class that was asked for, and how sure the classifier is. Diversity: the mean
distance of two images of one class, relative to that of two real digits of one class.
"""


# %%
def spread(x, classes):
    """Return the mean distance of two images of one class."""
    distances = [torch.pdist(x[classes == digit].flatten(1)) for digit in range(10)]
    return torch.cat(distances).mean().item()


# %% tags=["nbval-ignore-output"] reason="passes of a network amplify rounding: the next cell prints what counts"
start, classes = normal((40, 1, 32, 32), seeded(13)), torch.arange(40, device=device) // 4
words = nn.functional.one_hot(classes, 10).float()
drawn, shares, diversities = {}, {}, {}
for scale in (0, 1, 2, 4):
    denoiser = partial(guided_noise, words=words, scale=scale)
    x = drawn[scale] = reverse(denoiser, start, 20)[-1].clamp(-1, 1)
    sure = classifier(x).softmax(dim=1).max(dim=1).values.mean()
    _, shares[scale] = judge(x, classes)
    diversities[scale] = d = spread(x, classes) / spread(unseen, unseen_labels)
    print(f"w = {scale}: read right {100 * shares[scale]:3.0f} %, sure {100 * sure:.0f} %, diversity {d:.2f}")

# %%
print("read right: w = 0 less than 30 %, w = 2 more than w = 1:", shares[0] < 0.3, shares[2] > shares[1])
print("diversity: less with every w:", sorted(diversities.values(), reverse=True) == list(diversities.values()))

# %% tags=["picture-by-statistics"] reason="20 passes of a network amplify rounding: the cell above prints what counts"
fig, axes = new_figure(1, 1, height=3.6)
draw_rows(axes[0, 0], [x[[8, 9, 10, 11, 16, 17, 18, 19, 28, 29, 30, 31], 0] for x in drawn.values()], list(drawn))
axes[0, 0].set_ylabel("w")
slide_figure(fig, "guidance")

# %% [markdown]
r"""
**What to see.** For $w = 0$ the class is ignored, and an image is right by chance. For $w = 1$ most are what was asked
for, and some are no digits at all; $w = 2$ mends these. The price: the images of a class become alike, look at the
fours, and bolder. The diversity falls by less than you might think: it is a distance of pixels, which counts where
strokes are and not how they are written.

**Question.** $w = 1$ is the law of the class that the network has learnt. What law has $w = 2$? Say what a user of an
image generator gains with it, and what is lost.
"""

# %% [markdown]
r"""
## 9. Try it

Scrub through the reverse process of one digit: on the left $x_t$, on the right its estimate $\hat x_0$. Choose the
class, the seed and the guidance. When is it decided which digit it will be? When, how it is written? (At $t$ = 1 the
estimate is the network's small error divided by $\sqrt{\bar\alpha}$, which is nearly 0, and clipped.)
"""

# %%
explore_diffusion()

# %%
pictures = [diffusion_picture(t, seed, "3", 2.0)[0] for t in (0.96, 0.8, 0.6, 0.4, 0.0)]
titles = [f"t = {t}" for t in (0.96, 0.8, 0.6, 0.4, 0.0)]
fig = show_images(pictures, titles, columns=5)
show(fig, "Five times of a reverse process, each with x_t and its estimate: a three, first specked, then clean.")

# %% [markdown]
r"""
## What you have learnt

- A diffusion needs one thing: the mean of the noise in a noisy image. It is the score, and the denoised image, in
  other forms.
- With the exact answer the reverse process draws from the law, up to its steps; with the exact answer *for the training
  set* it draws the training set.
- A network that guesses noise draws new images, because it cannot learn the exact answer by heart. Show the nearest
  training images, and count.
- DDIM and DDPM use the same network; a few steps go a long way. Guidance buys fidelity with diversity.

**Hand in**: this notebook with the nine exercises passed; your answers to the questions in bold; the plane network
trained on points of a shape that you chose, with its losses beside those of the exact denoiser, and 1,000 points that
it draws.

**Next**: notebook 17 adds an observation: of all images that the diffusion can draw, those that explain it.
"""
