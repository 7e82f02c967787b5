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
# 7. Denoising: Tychonov and total variation

At the end of this notebook you will be able to

- differentiate an image, and take the adjoint of the derivative;
- denoise by Tychonov regularization, in Fourier and by gradient descent, and explain why edges blur;
- denoise by smoothed total variation, with a step that you can justify, and do it several times faster;
- say when an iteration has converged, and choose $\lambda$ without knowing the clean image;
- deblur with total variation.

**Slides**: "Gaussian denoising", "Explicit Regularizations", "Explicit Solution: Wiener filtering", "Link with an
evolution model", "Smoothed Total Variation", "Denoising Examples".

**Time**: reading 40 min (12 in class), exercises 75 min, compute under 1 min on two CPU cores.

**Before this**: notebook 04 (blur, transfer function), for the last section only.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u_0$, clean image | `u0` | `(H, W)` | $[0, 1]$ |
| $v = u_0 + w$, noisy image | `v` | `(H, W)` | not clipped |
| $\sigma$, standard deviation of the noise | `sigma` | | $0.1008$: images are in $[0, 1]$ |
| $\nabla u = (\partial_1 u, \partial_2 u)$ | `gradient(u)` | `(2, H, W)` | rows first, periodic |
| $\nabla^T p$ | `gradient_adjoint(p)` | `(H, W)` | |
| $\hat L$, transfer function of $\nabla^T\nabla$ | `laplacian_transfer(shape)` | `(H, W)` | $[0, 8]$ |
| $\lambda$, weight of the regularization | `lam` | | $\geq 0$ |
| $\varepsilon$, smoothing of the total variation | `eps` | | $> 0$, in gray levels of $[0, 1]$ |
| $\tau$, step; $L$, Lipschitz constant of $\nabla F$ | `tau`, `L` | | $0 < \tau < 2/L$ |
"""

# %%
import math

import torch

from course_utils import optim, restoration
from course_utils.checks import check, hint
from course_utils.data import load_kernel
from course_utils.explorers.tv_denoising import explore_tv, tv_picture
from course_utils.fourier import gaussian_kernel, laplacian_transfer
from course_utils.images import add_noise, load_image, to_gray
from course_utils.metrics import psnr, rmse
from course_utils.operators import blur, blur_adjoint
from course_utils.plotting import SIGNED_MAP, move_legend, new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": every computation follows the device of its input
sigma = 0.1008  # noise of the lecture: PSNR 19.93 dB
eps = 1e-2  # smoothing of the total variation, a hundredth of the range from black to white
small = 256  # side of the images on which many values of the parameters are tried
seed = 0


# %% [markdown]
r"""
## 1. The problem

$$v = u_0 + w, \qquad w \sim \mathcal{N}(0, \sigma^2\,\mathrm{Id}).$$

For images in $[0, 1]$ the lecture's measure of quality is
$\mathrm{PSNR}(u, u_0) = 20 \log_{10}\bigl(1/\mathrm{RMSE}(u, u_0)\bigr)$, in dB. The RMSE of $v$ is $\sigma$ up to a
small random part, so $\sigma = 0.1008$ is 19.93 dB, as on the slide.
"""

# %%
u0 = load_image("cameraman").to(device)
v = add_noise(u0, sigma, torch.Generator().manual_seed(seed))


def detail(u):
    """Return the 160 × 160 pixels of the head and the camera."""
    return u[..., 70:230, 150:310]


pictures = [u0, v, detail(u0), detail(v)]
titles = ["$u_0$\n", f"$v$, σ = {sigma}\nPSNR = {psnr(v, u0):.2f} dB", "detail of $u_0$\n", "detail of $v$\n"]
slide_figure(show_images(pictures, titles), "denoising-problem")

# %% [markdown]
"""
A typical pixel has moved by a tenth of the range
from black to white. You still recognise everything, because
you know what images look like. Denoising needs such knowledge too, in the form of a regularization.

Values of $v$ leave $[0, 1]$. Clipping them looks harmless, and already changes the problem:
"""

# %%
outside = ((v < 0) | (v > 1)).double().mean().item()
print(f"pixels of v outside [0, 1]: {100 * outside:.1f} %")
print(f"PSNR of v: {psnr(v, u0):.2f} dB; of v clipped to [0, 1]: {psnr(v.clamp(0, 1), u0):.2f} dB")

# %% [markdown]
r"""
The clipped image is closer to $u_0$, but its noise is neither Gaussian nor independent of the image any more, and all
that follows rests on it. The course never clips, except when it shows an image.

## 2. Derivatives of an image

$$\nabla u(x, y) = \begin{pmatrix} \partial_1 u(x, y) \\ \partial_2 u(x, y) \end{pmatrix} \quad\text{with}\quad
\begin{cases} \partial_1 u(x, y) = u(x+1, y) - u(x, y) \\ \partial_2 u(x, y) = u(x, y+1) - u(x, y). \end{cases}$$

(The slide says "avec": French for "with".) $x$ counts rows, from top to bottom, and is dimension 0 of the tensor; $y$
counts columns. The image is periodic: after its last row comes its first one.
"""

# %% [markdown]
"""
### Exercise 1 — the gradient (6 min, in class)

Write `gradient(u)`, both derivatives stacked in front.

<details><summary>Hint</summary>

`torch.roll(u, shift, dims)` moves the image and brings what leaves on one side in again on the other. Which shift puts
$u(x+1, y)$ at the place of $u(x, y)$? `hint("gradient")` tells more.

</details>
"""


# %%
def gradient(u):
    """Return ∇u = (∂₁u, ∂₂u): periodic forward differences along the rows' index, then along the columns'.

    u: image (H, W).  Returns a field (2, H, W).  Slide "Explicit Regularizations".
    """
    ### BEGIN SOLUTION
    d1 = torch.roll(u, -1, dims=0) - u
    d2 = torch.roll(u, -1, dims=1) - u
    return torch.stack([d1, d2])
    ### END SOLUTION


# %%
gradient = check(gradient)

# %% [markdown]
"""
Stuck? There are three hints to each exercise, one at a time: the idea, the formula, the first line.
"""

# %%
hint("gradient", 1)

# %%
d1, d2 = gradient(u0)
titles = ["$\\partial_1 u_0$, from row to row", "$\\partial_2 u_0$, from column to column"]
fig = show_images([d1, d2], titles, value_range=(-0.3, 0.3), color_map=SIGNED_MAP)
show(fig, "The derivatives of the cameraman: red where positive, blue where negative, white where the image is flat.")

# %% [markdown]
r"""
**What to see.** White is 0, red and blue are $\pm 0.3$. The derivatives of a photograph are almost 0 almost
everywhere, and large on a few edges. Horizontal edges show on the left, vertical ones (the tripod, the tower) on the
right. This is the knowledge that both regularizations of the lecture use: **the gradient of an image is small**. They
differ in how they measure "small".

**Question.** Noise has a gradient too. What is the standard deviation of $\partial_1 w$, in terms of $\sigma$?
"""

# %% [markdown]
r"""
To minimize anything that contains $\nabla u$ we need the adjoint $\nabla^T$, which is defined by

$$\langle \nabla u, p\rangle = \langle u, \nabla^T p\rangle
\quad\text{for all } u:\Omega\to\mathbb{R},\ p:\Omega\to\mathbb{R}^2 .$$

On the slide, $\nabla^T p(x, y) = p_1(x-1, y) - p_1(x, y) + p_2(x, y-1) - p_2(x, y)$, and
$\operatorname{div} p := -\nabla^T p$.

### Exercise 2 — its adjoint (8 min, in class)

Write `gradient_adjoint(p)`. Before you copy the formula: write $\langle\nabla u, p\rangle$ as a sum over the pixels
and collect what multiplies $u(x, y)$.

<details><summary>Hint</summary>

$u(x, y)$ appears in $\partial_1 u(x, y)$ with the sign $-$, and in $\partial_1 u(x-1, y)$ with the sign $+$.
`hint("gradient_adjoint")` tells more.

</details>
"""


# %%
def gradient_adjoint(p):
    """Return ∇ᵀp, the adjoint of the periodic forward gradient.

    p: field (2, H, W).  Returns an image (H, W).  Slide "Explicit Regularizations".
    """
    ### BEGIN SOLUTION
    return torch.roll(p[0], 1, dims=0) - p[0] + torch.roll(p[1], 1, dims=1) - p[1]
    ### END SOLUTION


# %%
gradient_adjoint = check(gradient_adjoint)

# %% [markdown]
r"""
$\nabla^T\nabla = -\Delta$ is, up to its sign, the discrete Laplacian. Applied to a single white pixel it shows its
kernel:
"""

# %%
pixel = torch.zeros(5, 7)
pixel[2, 3] = 1
print(gradient_adjoint(gradient(pixel)).to(torch.int))

# %% [markdown]
r"""
Four times the pixel minus its four neighbours. Being a convolution, it is diagonal in Fourier, with the eigenvalues
of the slide:

$$\hat L(\xi, \zeta) = 4\Bigl(\sin^2\frac{\pi\xi}{M} + \sin^2\frac{\pi\zeta}{N}\Bigr) \in [0, 8].$$

## 3. Tychonov regularization

$$F(u) = \tfrac12\|u-v\|^2 + \tfrac\lambda2\|\nabla u\|^2, \qquad
\nabla F(u) = u - v + \lambda\nabla^T\nabla u .$$

$\nabla F(u) = 0$ is a linear system, and dividing by its eigenvalues solves it:

$$\hat u_*(\xi, \zeta) = \frac{\hat v(\xi, \zeta)}{1 + \lambda\hat L(\xi, \zeta)} .$$

### Exercise 3 — the exact solution (10 min, at home)

Write `tychonov_denoise(v, lam)`. `M, N` are the numbers of rows and of columns.

<details><summary>Hint</summary>

`torch.arange(M, dtype=v.dtype)[:, None]` is a column of $\xi$ that adds up with a row of $\zeta$.
`hint("tychonov_denoise")` tells more.

</details>
"""


# %%
def tychonov_denoise(v, lam):
    """Return the minimizer of ½‖u − v‖² + (λ/2)‖∇u‖², computed in Fourier.

    v: image (H, W); lam ≥ 0.  Returns an image (H, W).  Slide "Explicit Solution: Wiener filtering".
    """
    ### BEGIN SOLUTION
    M, N = v.shape
    xi = torch.arange(M, dtype=v.dtype, device=v.device)[:, None]
    zeta = torch.arange(N, dtype=v.dtype, device=v.device)[None, :]
    L_hat = 4 * (torch.sin(math.pi * xi / M) ** 2 + torch.sin(math.pi * zeta / N) ** 2)
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * L_hat)).real
    ### END SOLUTION


# %%
tychonov_denoise = check(tychonov_denoise)

# %%
weights = [0.2, 1.0, 5.0]
results = [tychonov_denoise(v, lam) for lam in weights]
titles = [f"Tychonov, λ = {lam}\nwhole image: {psnr(u, u0):.2f} dB" for lam, u in zip(weights, results, strict=True)]
fig = show_images([detail(u) for u in results], titles)
show(fig, "Detail of Tychonov denoising for three weights: still noisy, a compromise, and blurred.")

# %% [markdown]
r"""
**What to see.** Small $\lambda$ leaves noise, large $\lambda$ blurs: $1/(1+\lambda\hat L)$ is a low-pass filter, and
it cannot tell an edge from noise of the same frequency. The compromise in the middle has some of both evils.

### Why the slide calls it Wiener filtering

Bayes' point of view: let $u$ itself be random, with the Gaussian density $\exp\bigl(-\|\nabla u\|^2/(2s^2)\bigr)$ up
to a factor. Then $-\log p(u \mid v)$ is $\|u-v\|^2/(2\sigma^2) + \|\nabla u\|^2/(2s^2)$ up to a constant, which is
$F(u)/\sigma^2$ for

$$\lambda = \frac{\sigma^2}{s^2} .$$

Tychonov's solution is the most likely image given $v$ (*maximum a posteriori*, MAP). In Fourier the prior says that
$\hat u(\xi, \zeta)$ has the variance $s^2/\hat L$ per pixel, the **prior spectrum**, where the noise has $\sigma^2$,
and the filter is Wiener's:

$$\frac{1}{1+\lambda\hat L} = \frac{s^2/\hat L}{s^2/\hat L + \sigma^2} .$$

Under this prior $\|\nabla u\|^2$ is $s^2$ per pixel on average. So the photograph has an $s$, and the formula a
$\lambda$:
"""

# %%
s2 = gradient(u0).square().sum(dim=0).mean().item()
print(f"s = {math.sqrt(s2):.3f}, σ = {sigma}, σ²/s² = {sigma**2 / s2:.2f}")
L_hat = laplacian_transfer(u0.shape).to(u0)
spectrum = torch.fft.fft2(u0).abs().square() / u0.numel()
rings = [(L_hat > 8 * (j / 40) ** 2) & (L_hat <= 8 * ((j + 1) / 40) ** 2) for j in range(40)]
centers = [math.sqrt(L_hat[ring].mean().item()) for ring in rings]
photograph = [spectrum[ring].mean().item() for ring in rings]
curves = {"photograph": (centers, photograph), "prior, s²/L̂": (centers, [s2 / x**2 for x in centers])}
curves["noise, σ²"] = ([centers[0], centers[-1]], [sigma**2] * 2)

# %%
fig = plot_curves(curves, "frequency, √L̂", "variance per pixel", "log", "log", width=9)
show(fig, "Variance against frequency: photograph and prior fall alike and cross the flat line of the noise.")
known = torch.zeros_like(u0)
for ring, value in zip(rings, photograph, strict=True):
    known[ring] = value
known[0, 0] = math.inf  # the mean of u is kept
wiener = torch.fft.ifft2(torch.fft.fft2(v) / (1 + sigma**2 / known)).real
print(f"Tychonov with λ = σ²/s²: {psnr(tychonov_denoise(v, sigma**2 / s2), u0):.2f} dB")
print(f"Wiener with the spectrum of the photograph itself: {psnr(wiener, u0):.2f} dB")

# %% [markdown]
r"""
**What to see.** The prior has one number, $s$, and falls less steeply than the photograph. A frequency is kept where
its curve is above that of the noise. Near that crossing the photograph is above the prior, which therefore cuts too
much: $\sigma^2/s^2$ is larger than the best $\lambda$, which section 6 finds. Even the filter that knows the spectrum
of $u_0$ gains little. No filter, which treats all places alike, can spare the edges.

### By gradient descent

$$u_{n+1} = u_n - \tau\nabla F(u_n), \qquad\text{that is,}\qquad
u_{n+1} - u_n = -\tau(u_n - v) + \lambda\tau\Delta u_n .$$

The lecture takes $\tau < 2/L$ with $L = \|I + \lambda\nabla^T\nabla\|$. We keep the images of a few steps on the way.
"""

# %%
lam_strong = 5.0  # strong enough to see the image evolve
steps = [0, 1, 2, 5, 10, 20, 60]


def tychonov_gradient(u):
    """Return ∇F(u) = u − v + λ∇ᵀ∇u."""
    return u - v + lam_strong * gradient_adjoint(gradient(u))


# %%
def descend_and_keep(gradient_of_f, u, tau, steps):
    """Return the images u_n of gradient descent for the n in steps."""
    kept = {}
    optim.gradient_descent(
        gradient_of_f, u, tau, max(steps), callback=lambda n, u: kept.update({n: u} if n in steps else {})
    )
    return kept


kept = descend_and_keep(tychonov_gradient, v, 1 / (1 + 8 * lam_strong), steps)

# %%
u_exact = tychonov_denoise(v, lam_strong)
pictures = [detail(kept[n]) for n in steps] + [detail(u_exact)]
titles = [f"n = {n}\nwhole: {psnr(kept[n], u0):.2f} dB" for n in steps]
titles.append(f"$u_*$ (Fourier)\nwhole: {psnr(u_exact, u0):.2f} dB")
slide_figure(show_images(pictures, titles, columns=4), "tychonov-evolution")

# %%
best = max(psnr(tychonov_denoise(v, 0.5 * 1.1**k), u0) for k in range(15))
print(f"n = 5 with λ = {lam_strong:g}: {psnr(kept[5], u0):.2f} dB; the best λ at convergence: {best:.2f} dB")

# %% [markdown]
r"""
**What to see.** Noise disappears first, then edges soften, and the sequence stops at $u_*$. The best PSNR comes
*before* the end: with a weight that is too strong, stopping early helps (notebook 06 showed the same for the
pseudo-inverse). It is even better than the best $\lambda$ at convergence. The image after $n$ steps is a filter of
$v$, too, of another shape: it lets low frequencies pass almost unchanged and cuts the high ones harder than
$1/(1+\lambda\hat L)$.

Do the two computations agree? Let it run.
"""

# %%
u_descent, _ = optim.gradient_descent(tychonov_gradient, v, 1.9 / (1 + 8 * lam_strong), 400)
largest = (u_descent - u_exact).abs().max().item()
print(f"largest difference between descent and Fourier below 1e-6: {largest < 1e-6}")

# %% [markdown]
r"""
### The step, at 2/L and beyond

For one Fourier coefficient the descent multiplies the error $\hat u_n - \hat u_*$ by $1 - \tau(1+\lambda\hat L)$ at
each step. It converges when this factor is in $(-1, 1)$ for all frequencies, which is
$\tau < 2/(1+\lambda\max\hat L)$. What is $\max\hat L$?
"""

# %%
for shape in [(512, 512), (512, 511), (64, 64), (63, 63), (7, 5)]:
    print(f"{shape!s:>10}: max of the transfer function of ∇ᵀ∇ = {laplacian_transfer(shape).max():.5f}")

# %% [markdown]
r"""
**A word on the slide.** It says $L = 1 + 8\lambda$. That is exact only when *both* sides of the image are even: a
checkerboard, the image with eigenvalue 8, needs it. Otherwise $1+8\lambda$ is an upper bound of $L$, and
$\tau < 2/(1+8\lambda)$ is still safe.

Here are four steps on the detail, whose sides are even.
"""

# %%
v_detail, lam = detail(v), 1.0
u_star, L = tychonov_denoise(v_detail, lam), 1 + 8 * lam
curves, last = {}, {}
for factor in [1.0, 1.9, 2.0, 2.05]:
    errors = []
    last[factor], _ = optim.gradient_descent(
        lambda u: u - v_detail + lam * gradient_adjoint(gradient(u)),
        v_detail, factor / L, 150, callback=lambda n, u, errors=errors: errors.append(rmse(u, u_star)),
    )  # fmt: skip
    curves[f"τ = {factor}/L"] = (range(len(errors)), errors)

# %%
beyond = int((2.05 / L * (1 + lam * laplacian_transfer(v_detail.shape)) > 2).sum())
print(f"frequencies that grow with 2.05/L: {beyond} of {v_detail.numel():,}")
fig = plot_curves(curves, "iteration $n$", "RMSE$(u_n, u_*)$", y_scale="log", width=9)
show(fig, "Error against iterations: for 1/L and 1.9/L it falls to 1e-9, for 2/L it stalls, for 2.05/L it grows.")

# %%
pictures, titles = [last[1.9], last[2.05]], ["τ = 1.9/L, n = 150", "τ = 2.05/L, n = 150"]
fig = show_images(pictures, titles, width=8)
show(fig, "Left, the denoised head of the cameraman. Right, beyond 2/L, a checkerboard of black and white pixels.")

# %% [markdown]
r"""
**What to see.** Below $2/L$ the error goes to 0. At $2/L$ it stalls: the checkerboard part of the error is multiplied
by $-1$ each time. At $2.05/L$ this part is multiplied by $1 - 2.05 = -1.05$, that is by $1.05^{150} \approx 1500$ in
all: the image drowns in a checkerboard. The other frequencies beyond $2/L$ are its neighbours and grow more slowly;
all the rest converges. Divergence of gradient descent looks like this: it begins with the highest frequency.

**Question.** Why is $1.9/L$, the longer step, a little slower here than $1/L$ in the end? Compare the factors of the
lowest and of the highest frequency.
"""

# %% [markdown]
r"""
### Without the data term: the heat equation

Gradient descent on $\frac12\|\nabla u\|^2$ alone is $u_{n+1} - u_n = \tau\Delta u_n$, a discretization of
$\partial_t u = c\,\Delta u$. Now $L = 8$, and $\tau < 1/4$.
"""

# %%
tau_heat, steps = 0.2, [0, 3, 50, 500]
kept = descend_and_keep(lambda u: gradient_adjoint(gradient(u)), v, tau_heat, steps)
titles = [f"n = {n}, time {tau_heat * n:g}\nPSNR = {psnr(kept[n], u0):.2f} dB" for n in steps]
slide_figure(show_images([kept[n] for n in steps], titles), "heat-equation")

# %% [markdown]
r"""
**What to see.** Heat diffuses, and never stops: the limit is a constant image, the mean of $v$. PSNR has its maximum
early on. The solution of the heat equation at time $t = n\tau$ is the convolution of $v$ with a Gaussian of standard
deviation $\sqrt{2t}$; compare:
"""

# %%
time = tau_heat * 50
by_convolution = blur(v, gaussian_kernel(math.sqrt(2 * time)).to(device))
print(f"standard deviation {math.sqrt(2 * time):.2f} pixels")
print(f"RMSE between 50 steps and the Gaussian convolution: {rmse(kept[50], by_convolution):.4f}")

# %% [markdown]
r"""
### Why Tychonov blurs edges

Take one edge, from 0 to 1, spread over $w$ pixels: each of them has derivative $1/w$. What does it cost per row?
"""

# %%
print("width w   Tychonov: sum of |∇u|²   total variation: sum of |∇u|")
for w in [1, 2, 5, 10, 50]:
    edge = (torch.arange(100.0) / w).clamp(0, 1)
    slope = edge.diff()
    print(f"{w:7}   {slope.square().sum():24.2f}   {slope.abs().sum():28.2f}")

# %% [markdown]
r"""
Tychonov charges $1/w$: the softer an edge, the cheaper. Total variation charges 1 whatever the width: it asks only
how far the gray level goes, and keeps sharp edges sharp.

## 4. Smoothed total variation

$\mathrm{TV}(u) = \sum\|\nabla u(\mathbf x)\|$ is not differentiable where $\nabla u = 0$, so the lecture smooths it:

$$\mathrm{TV}_\varepsilon(u) = \sum_{\mathbf x\in\Omega}
\sqrt{\varepsilon^2 + \partial_1u(\mathbf x)^2 + \partial_2u(\mathbf x)^2} .$$

### Exercise 4 — its value (5 min, in class)

Write `smoothed_tv(u, eps)`.

<details><summary>Hint</summary>

`gradient(u)` has the two derivatives along its first dimension. `hint("smoothed_tv")` tells more.

</details>
"""


# %%
def smoothed_tv(u, eps):
    """Return TV_ε(u) = Σ √(ε² + ∂₁u² + ∂₂u²), one number.

    u: image (H, W); eps > 0.  Slide "Smoothed Total Variation".
    """
    ### BEGIN SOLUTION
    p = gradient(u)
    return torch.sqrt(eps**2 + p[0] ** 2 + p[1] ** 2).sum()
    ### END SOLUTION


# %%
smoothed_tv = check(smoothed_tv)

# %%
for name, u in {"clean image": u0, "noisy image": v, "Tychonov, λ = 5": tychonov_denoise(v, 5.0)}.items():
    print(f"{name:15}: TV_ε = {float(smoothed_tv(u, eps)):.0f}")

# %% [markdown]
r"""
Noise multiplies the total variation by four. Tychonov with a strong weight brings it below that of the clean image:
with the noise, something of the image has gone.

### Exercise 5 — its gradient (12 min, in class)

By hand: a sum of $\phi(p) = \sqrt{\varepsilon^2+\|p\|^2}$ at $p = \nabla u(\mathbf x)$, then the chain rule. The
slide's result is

$$\nabla\mathrm{TV}_\varepsilon(u) = \nabla^T\left(\frac{\nabla u}{\sqrt{\varepsilon^2+\|\nabla u\|^2}}\right).$$

Write `smoothed_tv_gradient(u, eps)`. The norm is that of each pixel.

<details><summary>Hint</summary>

The two components of the field are divided by the same image. `hint("smoothed_tv_gradient")` tells more.

</details>
"""


# %%
def smoothed_tv_gradient(u, eps):
    """Return ∇TV_ε(u) = ∇ᵀ(∇u / √(ε² + ‖∇u‖²)).

    u: image (H, W); eps > 0.  Returns an image (H, W).  Slide "Smoothed Total Variation".
    """
    ### BEGIN SOLUTION
    p = gradient(u)
    return gradient_adjoint(p / torch.sqrt(eps**2 + p[0] ** 2 + p[1] ** 2))
    ### END SOLUTION


# %%
smoothed_tv_gradient = check(smoothed_tv_gradient)

# %% [markdown]
r"""
`torch` differentiates programs by itself. On the noisy photograph, with its 262144 variables, both agree:
"""

# %%
x = v.clone().requires_grad_(True)
value = torch.sqrt(eps**2 + gradient(x).square().sum(dim=0)).sum()
by_autograd = torch.autograd.grad(value, x)[0]
largest = (by_autograd - smoothed_tv_gradient(v, eps)).abs().max().item()
print(f"largest difference between your gradient and autograd's below 1e-12: {largest < 1e-12}")

# %% [markdown]
r"""
### Exercise 6 — denoising by gradient descent (12 min, in class)

$$F(u) = \tfrac12\|u-v\|^2 + \lambda\,\mathrm{TV}_\varepsilon(u), \qquad \tau < \frac{2}{1+8\lambda/\varepsilon} .$$

$\nabla\mathrm{TV}_\varepsilon$ is $8/\varepsilon$-Lipschitz because $\phi$ has second derivatives up to
$1/\varepsilon$, and $\|\nabla\|^2 \leq 8$. Write `tv_denoise(v, lam, eps, n)`: start from $u = v$, do `n`
iterations, return the last image.

<details><summary>Hint</summary>

Compute the step once, before the loop, close to its bound. `hint("tv_denoise")` tells more.

</details>
"""


# %%
def tv_denoise(v, lam, eps, n):
    """Return the image after n steps of gradient descent on ½‖u − v‖² + λTV_ε(u), from u = v.

    v: image (H, W); lam ≥ 0; eps > 0; n iterations.  Returns an image (H, W).  Slide "Smoothed Total Variation".
    """
    ### BEGIN SOLUTION
    tau = 1.9 / (1 + 8 * lam / eps)
    u = v.clone()
    for _ in range(n):
        u = u - tau * (u - v + lam * smoothed_tv_gradient(u, eps))
    return u
    ### END SOLUTION


# %%
tv_denoise = check(tv_denoise)

# %%
numbers = [0, 5, 20, 100]
results = [tv_denoise(detail(v), 0.085, eps, n) for n in numbers]
titles = [f"n = {n}\nthis detail: {psnr(u, detail(u0)):.2f} dB" for n, u in zip(numbers, results, strict=True)]
fig = show_images(results, titles)
show(fig, "Total variation denoising of the detail after 0, 5, 20 and 100 iterations: noise goes, edges stay.")

# %% [markdown]
r"""
## 5. Faster: momentum

The step is short: with $\lambda = 0.085$, $1+8\lambda/\varepsilon$ is 69 for $\varepsilon = 10^{-2}$ and 681 for
$\varepsilon = 10^{-3}$. Nesterov's accelerated gradient costs nothing more per iteration. It takes the gradient a
little further on, at $y$, in the direction of the last move:

$$x_{k+1} = y_k - \tau\nabla F(y_k), \qquad t_{k+1} = \frac{1+\sqrt{1+4t_k^2}}2, \qquad
y_{k+1} = x_{k+1} + \frac{t_k-1}{t_{k+1}}\,(x_{k+1}-x_k),$$

from $x_0 = y_0 = v$ and $t_0 = 1$. It needs a shorter step, $\tau \leq 1/L$. After $k$ iterations $F(x_k) - \min F$
is at most $2L\|x_0-u_*\|^2/(k+1)^2$; for a convex $F$, plain descent only promises $1/k$.

### Exercise 7 — accelerated denoising (12 min, at home)

Write `accelerated_tv_denoise(v, lam, eps, n)`.

<details><summary>Hint</summary>

Compute the new $x$ under another name: the momentum needs both the new one and the old one.
`hint("accelerated_tv_denoise")` tells more.

</details>
"""


# %%
def accelerated_tv_denoise(v, lam, eps, n):
    """Return the image after n steps of Nesterov's accelerated gradient on ½‖u − v‖² + λTV_ε(u), from u = v.

    v: image (H, W); lam ≥ 0; eps > 0; n iterations.  Returns an image (H, W).  Slide "Smoothed Total Variation".
    """
    ### BEGIN SOLUTION
    tau = 1 / (1 + 8 * lam / eps)
    x, y, t = v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x
    ### END SOLUTION


# %%
accelerated_tv_denoise = check(accelerated_tv_denoise)

# %% [markdown]
r"""
### Three algorithms, objective against iterations

Smoothing has a price: the smaller $\varepsilon$, the longer it takes. Chambolle and Pock (2011) minimize
$\frac12\|u-v\|^2 + \lambda\mathrm{TV}(u)$ without any smoothing. They write $\lambda\mathrm{TV}(u)$ as the maximum of
$\langle\nabla u, p\rangle$ over the fields with $\|p(\mathbf x)\|\leq\lambda$, go up in $p$ and down in $u$ in turn,
and make the two steps vary in a way that uses the strong convexity of the data term.
"""


# %%
def chambolle_pock(v, lam, n, callback):
    """Minimize ½‖u − v‖² + λTV(u), calling callback(k, u) at iterates 0, ..., n; return the next."""
    u, u_bar, p = v, v, torch.zeros_like(gradient(v))
    tau = s = 1 / math.sqrt(8)
    for k in range(n + 1):
        callback(k, u)
        p = p + s * gradient(u_bar)  # up in p, then back into the disks of radius λ
        p = p / (p.norm(dim=0) / lam).clamp(min=1)
        u_old, u = u, (u - tau * gradient_adjoint(p) + tau * v) / (1 + tau)  # down in u
        theta = 1 / math.sqrt(1 + 2 * tau)
        tau, s, u_bar = theta * tau, s / theta, u + theta * (u - u_old)
    return u


# %% [markdown]
r"""
We follow two objectives on the face, 64 × 64 pixels: $F_\varepsilon$, with $\mathrm{TV}_\varepsilon$ and
$\varepsilon=10^{-3}$, and $F$, with $\mathrm{TV}$ itself. Their minima come from many more iterations.
"""

# %%
lam, eps_fine = 0.085, 1e-3
v_face = v[90:154, 170:234]


def objective(u, eps):
    """Return ½‖u − v‖² + λTV_ε(u) on the face; eps = 0 for the total variation itself."""
    tv = (eps**2 + gradient(u).square().sum(dim=0)).sqrt().sum()
    return (0.5 * (u - v_face).square().sum() + lam * tv).item()


def face_gradient(u):
    """Return ∇F_ε(u) on the face."""
    return u - v_face + lam * smoothed_tv_gradient(u, eps_fine)


# %%
methods = {
    "gradient descent": lambda n, record: restoration.tv_denoise(v_face, lam, eps_fine, n, callback=record),
    "accelerated": lambda n, record: optim.accelerated_gradient(
        face_gradient, v_face, 1 / (1 + 8 * lam / eps_fine), n, callback=record
    ),
    "Chambolle–Pock": lambda n, record: chambolle_pock(v_face, lam, n, record),
}

# %%
smooth, exact = {name: [] for name in methods}, {name: [] for name in methods}
for name, run in methods.items():

    def record(k, u, name=name):
        """Note both objectives."""
        smooth[name].append(objective(u, eps_fine))
        exact[name].append(objective(u, 0.0))

    run(1500, record)

# %%
best_smooth = optim.accelerated_gradient(face_gradient, v_face, 1 / (1 + 8 * lam / eps_fine), 1500)[0]
best_exact = chambolle_pock(v_face, lam, 4000, lambda k, u: None)
least_smooth, least_exact = objective(best_smooth, eps_fine), objective(best_exact, 0.0)
del smooth["Chambolle–Pock"]  # which does not minimize it

# %%
fig, axes = new_figure(1, 2, height=5)
for axis, values, least in [(axes[0, 0], smooth, least_smooth), (axes[0, 1], exact, least_exact)]:
    curves = {name: (range(len(f)), [max(value - least, 1e-9) for value in f]) for name, f in values.items()}
    plot_curves(curves, "iteration", "objective − minimum", x_scale="log", y_scale="log", axis=axis)
    axis.set_ylim(1e-5, 1e3)
    move_legend(axis, "upper center", (0.5, -0.2))
axes[0, 0].set_title("with TV$_ε$, ε = 0.001", fontsize=16)
axes[0, 1].set_title("with TV itself", fontsize=16)
show(fig, "Objective minus its minimum against iterations: descent is slowest; smoothing leaves a gap to TV itself.")

# %%
target = 1e-2
for name, f in smooth.items():
    first = next(k for k, value in enumerate(f) if value - least_smooth < target)
    print(f"{name:17}: objective within {target} of its minimum after {first} iterations")
first = next(k for k, value in enumerate(exact["Chambolle–Pock"]) if value - least_exact < target)
closest = min(exact["gradient descent"] + exact["accelerated"]) - least_exact
print(f"Chambolle–Pock   : with TV itself after {first} iterations; the other two come as near as {closest:.2f}")
gap, bound = exact["accelerated"][-1] - least_exact, lam * eps_fine * v_face.numel()
print(f"gap left by ε = {eps_fine}, in terms of TV itself: {gap:.2f}, at most λε per pixel: {bound:.2f}")

# %% [markdown]
r"""
**What to see.** On the left both minimize the same function, and momentum wins by far. On the right is the function we
would like to minimize: the two smoothed methods stop at a gap that $\varepsilon$ leaves (at most $\lambda\varepsilon$
per pixel), Chambolle–Pock goes on.

The course's accelerated method, which made this figure, starts its momentum anew ($t = 1$) whenever it points uphill.

**Question.** Follow the objective of your own function, which does not. Does it always decrease? Does this contradict
its convergence?
"""

# %% [markdown]
r"""
## 6. The lecture's comparison

Now the whole image, with the best $\lambda$ of each method. They are found with the clean image in hand (section 8 does
without): a larger or a smaller one gives less.
"""

# %%
lam_tychonov, lam_tv = 1.05, 0.085
for factor in [0.8, 1.0, 1.25]:
    quadratic = tychonov_denoise(v, factor * lam_tychonov)
    variation = restoration.accelerated_tv_denoise(v, factor * lam_tv, eps, 1000, tol=2e-5)
    print(f"{factor:4} times λ: Tychonov {psnr(quadratic, u0):.2f} dB, TV_ε {psnr(variation, u0):.2f} dB")

# %%
u_tychonov = tychonov_denoise(v, lam_tychonov)
u_tv = accelerated_tv_denoise(v, lam_tv, eps, 200)
residual = (u_tv - v + lam_tv * smoothed_tv_gradient(u_tv, eps)).square().mean().sqrt().item()
bound = 10.0 ** math.ceil(math.log10(residual))
doubt = 20 * math.log10(1 + bound / rmse(u_tv, u0))
print(f"root mean square of ∇F at u_tv below {bound:g}")
print(f"an RMSE of {bound:g} to the minimizer changes the PSNR by at most {doubt:.2f} dB")

# %% [markdown]
r"""
**Has it converged?** $F$ minus $\frac12\|u\|^2$ is convex, so
$\langle\nabla F(u) - \nabla F(u_*), u-u_*\rangle \geq \|u-u_*\|^2$, and since $\nabla F(u_*) = 0$,

$$\|u - u_*\| \leq \|\nabla F(u)\| .$$

So the printed bound holds for the RMSE to the minimizer, and no clean image was needed to know it. What you see is
$\mathrm{TV}_\varepsilon$, not an unfinished iteration.
"""

# %%
names = ["original", "noisy", "Tychonov", "TV$_ε$"]
images = [u0, v, u_tychonov, u_tv]
titles = [names[0]] + [f"{n}\nPSNR = {psnr(u, u0):.2f} dB" for n, u in zip(names[1:], images[1:], strict=True)]
fig = show_images(images + [detail(u) for u in images], titles + [""] * 4, columns=4)
slide_figure(fig, "denoising-examples")

# %%
print(f"noisy {psnr(v, u0):.2f} dB, Tychonov {psnr(u_tychonov, u0):.2f} dB, TV_ε {psnr(u_tv, u0):.2f} dB")

# %% [markdown]
r"""
**What to see.** On the lecture's own image: 19.93, 25.89 and 27.21 dB. The ranking is the same. Look at the detail:
Tychonov has blurred the camera *and* left noise in the coat. TV keeps the outline of the face and of the camera, and
flattens the sky. What it loses is texture, most of the grass is gone, and contrast: what is small and stands out is
paler.
"""

# %%
row, columns = 120, slice(255, 290)
x = range(columns.start, columns.stop)
compared = {"original": u0, "Tychonov": u_tychonov, "TV$_ε$": u_tv}
curves = {name: (x, u[row, columns].tolist()) for name, u in compared.items()}
fig = plot_curves(curves, f"column (row {row}, from the face to the sky)", "gray level", width=10)
show(
    fig, "Gray levels across one edge: Tychonov has a softer slope and wiggles beside it, TV is close to the original."
)

# %% [markdown]
r"""
### Loss of contrast

Total variation charges a region of one gray level its height times its perimeter. Lower it by $h$: the data term pays
$\frac12h^2$ for each pixel of its area, the regularization saves $\lambda h$ for each pixel of its perimeter. The
best is $h = \lambda\,\text{perimeter}/\text{area}$, for a disk $2\lambda/\text{radius}$ (Strong and Chan 2003),
without any noise:
"""

# %%
lam = 0.5
square = torch.arange(96.0, dtype=torch.float64) - 47.5
for radius in [5, 10, 20]:
    disk = (square[:, None] ** 2 + square**2 <= radius**2).double()
    u = restoration.accelerated_tv_denoise(disk, lam, 1e-3, 3000, tol=1e-5)
    print(f"radius {radius:2}: height {u[48, 48]:.2f}, 1 − 2λ/radius = {1 - 2 * lam / radius:.2f}")

# %% [markdown]
r"""
Small things lose most, and below the radius $2\lambda$ a disk disappears. The edge stays where it was.

### Staircasing

TV likes flat regions separated by jumps so much that it makes them where the image has a slope. The shading of a
face, with $\varepsilon$ small and $\lambda$ a little too large:
"""

# %%
portrait = to_gray(load_image("astronaut")).to(device)
v_portrait = add_noise(portrait, sigma, torch.Generator().manual_seed(seed))
face = (slice(90, 218), slice(150, 278))
u_stairs = restoration.accelerated_tv_denoise(v_portrait, 0.15, 1e-3, 600, tol=1e-4)
named = {"noisy": v_portrait, "TV$_ε$": u_stairs}
titles = [f"{name}\nwhole image: {psnr(u, portrait):.2f} dB" for name, u in named.items()]
fig = show_images([u[face] for u in (portrait, v_portrait, u_stairs)], ["original\n", *titles])
show(fig, "A face, its noisy version, and total variation denoising: the smooth shading has become flat patches.")

# %%
columns = slice(205, 255)
x = range(columns.start, columns.stop)
curves = {name: (x, u[162, columns].tolist()) for name, u in {"original": portrait, "TV$_ε$": u_stairs}.items()}
fig = plot_curves(curves, "column (row 162, across the cheek)", "gray level", width=10)
show(fig, "Gray levels along the cheek: the original slopes down, total variation goes down in five flat steps.")

# %% [markdown]
r"""
**What to see.** The shading of the cheek has become a staircase. This is not a failure of the algorithm but the
minimizer itself: along a slope, steps have the same total variation as the slope, and they follow the noise better.

## 7. The influence of $\lambda$ and $\varepsilon$

On the image of half the size, with the stopping rule of section 6: `tol` is the root mean square of $\nabla F$ at which
the course's `accelerated_tv_denoise` stops.
"""

# %%
u0_small = load_image("cameraman", small).to(device)
v_small = add_noise(u0_small, sigma, torch.Generator().manual_seed(seed))
weights_tv = [0.02, 0.04, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.15, 0.2]


def tv_small(lam, eps, callback=None):
    """Return the converged TV_ε image of the small noisy image."""
    return restoration.accelerated_tv_denoise(v_small, lam, eps, 1000, tol=3e-4, callback=callback)


restored = {e: [tv_small(lam, e) for lam in weights_tv] for e in [1e-1, 1e-2, 1e-3]}
weights_tychonov = [0.05 * 1.25**k for k in range(22)]
restored_tychonov = [tychonov_denoise(v_small, lam) for lam in weights_tychonov]

# %%
curves = {f"ε = {e:g}": (weights_tv, [psnr(u, u0_small) for u in us]) for e, us in restored.items()}
curves["Tychonov"] = (weights_tychonov, [psnr(u, u0_small) for u in restored_tychonov])
best = {name: max(zip(values, lams, strict=True)) for name, (lams, values) in curves.items()}
misfits = {f"ε = {e:g}": (weights_tv, [rmse(u, v_small) for u in us]) for e, us in restored.items()}
misfits["Tychonov"] = (weights_tychonov, [rmse(u, v_small) for u in restored_tychonov])
misfits["σ"] = ([weights_tv[0], weights_tychonov[-1]], [sigma, sigma])

# %%
fig, axes = new_figure(1, 2, height=5)
plot_curves(curves, "λ", "PSNR (dB)", x_scale="log", axis=axes[0, 0])
axes[0, 0].plot([lam for _, lam in best.values()], [value for value, _ in best.values()], "ko")
axes[0, 0].get_legend().remove()  # the same as on the right
plot_curves(misfits, "λ", "RMSE$(u_λ, v)$", x_scale="log", axis=axes[0, 1])
slide_figure(fig, "tv-lambda")

# %%
for name, (value, lam) in best.items():
    print(f"{name:9}: best λ = {lam:.2g}, PSNR = {value:.1f} dB")
for e in restored:
    calls = []
    tv_small(0.08, e, callback=lambda k, u, calls=calls: calls.append(k))
    print(f"ε = {e:5g}: {len(calls) - 1} iterations for λ = 0.08")

# %% [markdown]
r"""
**What to see.** Left: each method has its best $\lambda$ (dots), and that of total variation is sharp. $\varepsilon =
10^{-1}$, as large as the noise, smooths so much that $\mathrm{TV}_\varepsilon$ resembles Tychonov
($\sqrt{\varepsilon^2+s^2} \approx \varepsilon + s^2/2\varepsilon$ for small $s$). From $10^{-2}$ to $10^{-3}$ the PSNR
hardly changes, but the number of iterations does: $\varepsilon = 10^{-2}$ is a good bargain.

## 8. $\lambda$ without the clean image

In real life there is no $u_0$ and no PSNR. But $\sigma$ is often known, and the right image would leave a residual
$v - u_0 = w$ of RMSE $\sigma$. The **discrepancy principle** takes the $\lambda$ with

$$\mathrm{RMSE}(u_\lambda, v) = \sigma ,$$

where the curves on the right of the figure cross the horizontal line. They increase with $\lambda$, so bisection
finds it.
"""


# %%
def discrepancy(denoise, v, sigma, low, high, steps=10):
    """Return λ such that RMSE(denoise(v, λ), v) = σ, by bisection on a logarithmic scale."""
    for _ in range(steps):
        middle = math.sqrt(low * high)
        if rmse(denoise(v, middle), v) < sigma:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


# %%
tv_of = lambda v, lam: restoration.accelerated_tv_denoise(v, lam, eps, 1000, tol=3e-4)  # noqa: E731
for name, denoise, low, high in [("Tychonov", tychonov_denoise, 0.1, 100.0), ("TV_ε", tv_of, 0.01, 1.0)]:
    lam = discrepancy(denoise, v_small, sigma, low, high)
    print(f"{name:8}: λ = {lam:.3f}, PSNR = {psnr(denoise(v_small, lam), u0_small):.1f} dB")

# %% [markdown]
r"""
It overestimates $\lambda$, for both: $u_\lambda$ keeps a little noise and loses a little of the image, and at the
best $\lambda$ the residual is smaller than $\sigma$. The price is less than 1 dB, and a picture that is a little too
smooth. For a method that has not seen $u_0$, this is fair.

**Question.** Suppose you believe that $\sigma$ is 0.12 when it is 0.10. What does the discrepancy principle do?
"""

# %% [markdown]
r"""
## 9. Explore

Move $\lambda$, $\varepsilon$ and $\sigma$, choose the regularizer, and slide the divider between the noisy image
(left) and the denoised one (right). Your own functions do the work, with fewer iterations while a control moves; the
root mean square of $\nabla F$ under the picture tells whether they were enough.
"""

# %%
explore_tv(denoise=accelerated_tv_denoise, tychonov=tychonov_denoise)

# %%
picture, numbers = tv_picture(denoise=accelerated_tv_denoise)
print(f"noisy: {numbers['PSNR of v (dB)']:.2f} dB, denoised: {numbers['PSNR (dB)']:.2f} dB")
fig = show_images([picture], ["left of the line: noisy; right: denoised"], width=6)
show(fig, "The cameraman, noisy on the left half and denoised by total variation on the right half.")

# %% [markdown]
r"""
**Question.** Which $\lambda$ is best for $\sigma = 0.05$, and for $0.2$? Is the best $\lambda$ proportional to
$\sigma$, or to $\sigma^2$? For which of the two regularizers does the answer depend more on the image?
"""

# %% [markdown]
r"""
## 10. Deblurring with total variation

Replace the data term: $F(u) = \frac12\|k*u-v\|^2 + \lambda\mathrm{TV}_\varepsilon(u)$, whose gradient is

$$\nabla F(u) = A^T(Au-v) + \lambda\nabla\mathrm{TV}_\varepsilon(u), \qquad Au = k*u .$$

A kernel with $k\geq0$ and sum 1 has $\|A\| = 1$, so $L \leq 1 + 8\lambda/\varepsilon$ again.

### Exercise 8 — TV deblurring (10 min, at home)

Write `tv_deblur(v, kernel, lam, eps, n)`. `blur` and `blur_adjoint` are those of notebook 04. Momentum is welcome.

<details><summary>Hint</summary>

Start from one of your two denoising functions and change the data term only. `hint("tv_deblur")` tells more.

</details>
"""


# %%
def tv_deblur(v, kernel, lam, eps, n):
    """Return the image after n (accelerated) gradient steps on ½‖k * u − v‖² + λTV_ε(u), from u = v.

    v: image (H, W); kernel (h, w), k ≥ 0 of sum 1; lam ≥ 0; eps > 0.  Returns an image (H, W).
    Slides "Smoothed Total Variation" and "Optimization for Inverse Problems".
    """
    ### BEGIN SOLUTION
    tau = 1 / (1 + 8 * lam / eps)
    x, y, t = v.clone(), v.clone(), 1.0
    for _ in range(n):
        data = blur_adjoint(blur(y, kernel) - v, kernel)
        x_next = y - tau * (data + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x
    ### END SOLUTION


# %%
tv_deblur = check(tv_deblur)

# %%
kernel, sigma_blur = load_kernel("motion_2").to(device), 4 / 255
v_blurred = add_noise(blur(u0_small, kernel), sigma_blur, torch.Generator().manual_seed(seed))
u_quadratic = restoration.tychonov_deblur(v_blurred, kernel, 0.024)
u_deblurred = tv_deblur(v_blurred, kernel, 0.002, eps, 200)
images = [u0_small, v_blurred, u_quadratic, u_deblurred]
names = ["blurred, noisy", "Tychonov", "TV$_ε$"]
titles = [f"{n}\nPSNR = {psnr(u, u0_small):.2f} dB" for n, u in zip(names, images[1:], strict=True)]
details = [u[30:110, 85:165] for u in images]
fig = show_images(images + details, ["original", *titles] + [""] * 4, columns=4)
slide_figure(fig, "deblurring-tychonov-tv")

# %% [markdown]
r"""
**What to see.** This is the image of notebook 04 (same kernel, same noise), each method with its best $\lambda$.
Tychonov pays for sharp edges with a noise that has the grain of the kernel; total variation gives the edges and a
clean sky, at the price of the grass.

**Question.** $\frac12\|k*u-v\|^2$ is not strongly convex if $\hat k$ vanishes somewhere. What does a small
$\|\nabla F\|$ still tell you, and what not?
"""

# %% [markdown]
r"""
## What you have learnt

- $\nabla$ and $\nabla^T$; $\nabla^T\nabla$ has eigenvalues in $[0, 8]$, and 8 is reached when both sides are even.
- Tychonov is a linear filter, exact in Fourier, and blurs noise and edges alike. Gradient descent and the heat
  equation are its evolutions.
- Total variation is convex, not linear, keeps edges, flattens slopes and textures.
- The step must stay below $2/L$ ($1/L$ with momentum), $L = 1+8\lambda/\varepsilon$; $\|\nabla F\|$ tells how far you
  are.

**Hand in**: this notebook with the eight exercises passed; your answers to the questions in bold; one figure, made
with `explore_tv` or by a cell of your own, of a photograph of yours, denoised with a $\lambda$ chosen by the
discrepancy principle.

**Next**: notebook 08 (constrained inpainting) keeps $\mathrm{TV}_\varepsilon$ and puts the data into a constraint;
notebook 09 asks whether PSNR is the right judge.
"""
