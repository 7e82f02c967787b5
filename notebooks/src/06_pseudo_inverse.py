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
# 6. Zero regularization: the pseudo-inverse, and why it is not enough

At the end of this notebook you will be able to

- describe all the minimisers of $\frac12\|Au-v\|^2$, and say which of them is $A^+v$;
- compute $A^+$ by an SVD, and $A^+v$ for a blur by an FFT;
- reach $A^+v$ in two other ways: ridge with $\lambda\to 0$, and gradient descent started in $K^\perp$;
- tell apart blurs that are singular, ill-conditioned and harmless, and explain with one number, the condition number,
  why $A^+v$ is useless on a noisy image;
- regularize by stopping an iteration early.

**Slides**: "Optimization for Inverse Problems", "Let us start with zero regularization!", "Gaussian deblurring and
pseudo-inverse".
**Time**: reading 30 min, exercises 32 min, compute under 1 min on two CPU cores.
**Before this**: notebook 04 (blur, adjoint, transfer function).
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u_0$, clean photograph | `u0` | `(H, W)` | $[0, 1]$ |
| $A$, degradation operator | `A`: `A(u)`, `A.adjoint(v)`, `A.norm()` | $\mathbb{R}^d \to \mathbb{R}^m$ | |
| $k$, $\hat k$, kernel and transfer function | `kernel`, `k_hat` | `(h, w)`, `(H, W)` complex | $k \ge 0$, sum 1 |
| $v = Au_0 + w$, observation | `v` (no noise), `v_noisy` | `(H, W)` | not clipped |
| $\sigma$, noise | `sigma` | | $4/255$: the lecture's 4 on a scale of 255 |
| $K = \mathrm{Ker}\,A$, $K^\perp = \mathrm{Im}\,A^T$ | | subspaces of $\mathbb{R}^d$ | |
| $A^+$, pseudo-inverse | `pseudo_inverse(A)` | `(d, m)` | |
| $s_i$, singular values | `s` | | $s_1 \geq s_2 \geq \dots \geq 0$ |
| $e_i$, $g_i$, singular vectors: $Ae_i = s_ig_i$ | rows of `Et`, columns of `G` | $\mathbb{R}^d$, $\mathbb{R}^m$ | |
| $\kappa$, condition number | `kappa` | | $\geq 1$ |
| threshold on singular values | `tol`, relative to $\max\lvert\hat k\rvert$ | | $\geq 0$ |
| $\lambda$, weight of $\frac12\lVert u\rVert^2$ | `lam` | | $\geq 0$ |
| $\tau$, step of the descent | `tau` | | $(0, 2/\lVert A\rVert^2)$ |
"""

# %%
import math

import torch

from course_utils.checks import check, hint
from course_utils.explorers.pseudo_inverse import explore_pseudo_inverse, pseudo_inverse_picture
from course_utils.fourier import gaussian_kernel, kernel_to_transfer, motion_kernel
from course_utils.images import add_noise, load_image, to_gray
from course_utils.metrics import psnr, rmse
from course_utils.operators import Blur, Mask, Matrix, blur, dense_matrix
from course_utils.plotting import move_legend, new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": every computation follows the device of its input
size = 256  # side of the photographs, in pixels
blur_std = 2.0  # standard deviation of the Gaussian blur, in pixels
sigma = 4 / 255  # noise
tol = 1e-10  # threshold of the pseudo-inverse, relative to max|k_hat|, the same wherever it is not said otherwise
seed = 6

# %% [markdown]
r"""
## 1. The minimisers of $\frac12\|Au-v\|^2$

Take the optimization problem of the lecture, and no regularization at all:

$$f(u) = \tfrac12\|Au-v\|^2, \qquad \nabla f(u) = A^T(Au-v).$$

$\mathbb{R}^d = K \oplus K^\perp$ with $K = \mathrm{Ker}\,A$ and $K^\perp = \mathrm{Im}\,A^T$. Adding an element of
$K$ to $u$ does not change $f(u)$: the minimisers are a whole line, plane, … parallel to $K$. The pseudo-inverse
picks the shortest one:

$$A^+v = \operatorname*{argmin}_{u\,\in\,\operatorname{argmin} f}\ \|u\|^2 .$$

*A word on the slide*: it has a $\min$ in this formula. The minimum is a number; $A^+v$ is the point where it is
reached, the $\operatorname{argmin}$.

Everything fits on a blackboard with a $2\times2$ matrix of rank 1.
"""

# %%
A_small = torch.tensor([[1.0, 2.0], [0.5, 1.0]], dtype=torch.float64)
v_small = torch.tensor([2.0, 2.0], dtype=torch.float64)
direction_K = torch.tensor([2.0, -1.0], dtype=torch.float64)  # spans K: A sends it to 0
direction_row = torch.tensor([1.0, 2.0], dtype=torch.float64)  # spans K^⊥ = Im Aᵀ
direction_image = torch.tensor([2.0, 1.0], dtype=torch.float64)  # spans Im A
print("A sends K to 0:", (A_small @ direction_K).tolist())
print("K and K^⊥ are orthogonal:", (direction_K @ direction_row).item() == 0)

# %% [markdown]
r"""
### Exercise 1 — the pseudo-inverse of a small matrix (8 min, in class)

Write $A = G\,\mathrm{diag}(s)\,E^T$: the columns $e_i$ of $E$ are orthonormal images, the columns $g_i$ of $G$
orthonormal data, and $Ae_i = s_ig_i$. (Books call them $v_i$ and $u_i$; here $u$ is the image and $v$ the data.) The
matrix $A^+$ sends $g_i$ back to $e_i/s_i$ when $s_i > 0$, and everything else to 0. Program it with
`torch.linalg.svd`; count a singular value as zero when it is at most $10^{-10}$ times the largest one.

<details><summary>Hint</summary>A zero singular value never comes out as exactly 0, but as about 1e-16 times the
largest one: that is why the threshold is there. <code>torch.linalg.svd</code> returns G, s and Eᵀ, not E. (The
course's own function works in float32 too: it takes max(m, d) machine precisions where they exceed
1e-10.)</details>

`hint("pseudo_inverse")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("pseudo_inverse", 1)


# %%
def pseudo_inverse(A):
    """Return A⁺ = E diag(1/s) Gᵀ, where 1/s is replaced by 0 for s <= 1e-10 max(s).

    A: matrix (m, d).  Returns a matrix (d, m).  Slide "Let us start with zero regularization!".
    """
    ### BEGIN SOLUTION
    G, s, Et = torch.linalg.svd(A, full_matrices=False)
    inverse = torch.where(s > 1e-10 * s.max(), 1 / s, 0.0)
    return Et.T @ torch.diag(inverse) @ G.T
    ### END SOLUTION


# %%
pseudo_inverse = check(pseudo_inverse)

# %% [markdown]
r"""
### The four Penrose identities

$A^+$ is the only matrix $B$ with

$$ABA = A, \qquad BAB = B, \qquad (AB)^T = AB, \qquad (BA)^T = BA .$$

The last two say that $AB$ and $BA$ are *orthogonal* projections: $AA^+$ onto $\mathrm{Im}\,A$, in the space of the
data, and $A^+A$ onto $K^\perp$, in the space of the images. Try a matrix that is neither square nor of full rank.
"""

# %%
generator = torch.Generator().manual_seed(seed)
M = torch.randn(7, 3, generator=generator, dtype=torch.float64) @ torch.randn(3, 5, generator=generator).double()
B = pseudo_inverse(M)
identities = {"A A⁺ A = A": (M @ B @ M, M), "A⁺ A A⁺ = A⁺": (B @ M @ B, B)}
identities |= {"(A A⁺)ᵀ = A A⁺": ((M @ B).T, M @ B), "(A⁺ A)ᵀ = A⁺ A": ((B @ M).T, B @ M)}
for name, (left, right) in identities.items():
    print(f"{name:16} {torch.allclose(left, right, atol=1e-12)}")
print("rank of A A⁺, its trace:", round(torch.trace(M @ B).item(), 6))

# %% [markdown]
r"""
### The picture to remember

On the left the space of the images $u$, on the right the space of the data $v$. Two projections, in two different
spaces: $v$ is first projected on $\mathrm{Im}\,A$, then the inverse of $A$ from $K^\perp$ to $\mathrm{Im}\,A$ is
applied.

*A word on the slide*: in $A^+ = A_{K^\perp}^{-1}P$, it calls $P$ the projection on $\mathrm{Im}(A^T)$. $P$ acts on
$v$, in the space of the data: it is the projection on $\mathrm{Im}(A)$.
"""


# %%
def draw_plane(axis, lines, points, symbol):
    """Draw lines {label: (point, direction)} and points {label: point} in the plane of u or of v."""
    curves = {}
    for label, (point, direction) in lines.items():
        curves[label] = torch.stack([point - 9 * direction, point + 9 * direction]).T.tolist()
    curves |= {label: point[:, None].tolist() for label, point in points.items()}
    plot_curves(curves, f"{symbol}₁", f"{symbol}₂", axis=axis)
    axis.set(aspect="equal", xlim=(-0.8, 3.2), ylim=(-1.2, 2.8))
    move_legend(axis, "upper center", (0.5, -0.2))


# %%
origin, solution = torch.zeros(2).double(), pseudo_inverse(A_small) @ v_small
lines = {"K = Ker A": (origin, direction_K), "K⊥ = Im Aᵀ": (origin, direction_row)}
lines["argmin f, parallel to K"] = (solution, direction_K)

# %%
fig, axes = new_figure(1, 2, height=7.4)
draw_plane(axes[0, 0], lines, {"A⁺v, the shortest one": solution}, "u")
image_points = {"v": v_small, "Pv = A A⁺v": A_small @ solution}
draw_plane(axes[0, 1], {"Im A": (origin, direction_image)}, image_points, "v")
show(
    fig,
    "Left, the plane of images: two orthogonal lines K and K⊥ through 0, and the line of minimisers "
    "parallel to K, which meets K⊥ at A⁺v. Right, the plane of data: the line Im A, the point v beside it "
    "and its projection on the line.",
)

# %% [markdown]
r"""
**What to see.** The line of minimisers meets $K^\perp$ at a right angle, and there it is closest to 0. That is why
$A^+v$ has no component in $K$.

**Question.** $f(A^+v)$ is not 0 here. Where do you read its value in the picture on the right?
"""

# %% [markdown]
r"""
## 2. The singular values of a blur

For $Au = k*u$ the SVD costs nothing: a periodic convolution is diagonal in the Fourier basis, and its singular
values are the moduli $|\hat k(\xi)|$. Check it with the $30\times30$ matrix of a blur on $6\times5$ images, for a
kernel that is not symmetric.
"""

# %%
small_kernel = motion_kernel(3.0, 30.0)[:, 1:]
dense = dense_matrix(lambda u: blur(u, small_kernel), (6, 5))
singular_values = torch.linalg.svdvals(dense)
moduli = kernel_to_transfer(small_kernel, (6, 5)).abs().flatten().sort(descending=True)[0]
print("matrix of the blur:", tuple(dense.shape))
print("singular values = sorted |k_hat|:", torch.allclose(singular_values, moduli, atol=1e-12))

# %% [markdown]
r"""
Now a photograph, blurred by a Gaussian kernel, with and without noise. The convolution is periodic, so that $v =
Au_0 + w$ holds exactly, up to the borders; notebook 04 shows what happens at real borders. Nothing is rounded to 8
bits, everything is in float64.
"""

# %%
u0 = to_gray(load_image("cameraman", size)).to(device)
kernel = gaussian_kernel(blur_std).to(device)
A = Blur(kernel, (size, size))
v = A(u0)
v_noisy = add_noise(v, sigma, torch.Generator().manual_seed(seed))
k_hat = kernel_to_transfer(kernel, u0.shape)
print(f"precision: {u0.dtype}, blur: PSNR = {psnr(v, u0):.2f} dB, with noise: PSNR = {psnr(v_noisy, u0):.2f} dB")
print(f"largest singular value: {A.norm():.3f}, smallest: {k_hat.abs().min().item():.1e}")

# %% [markdown]
r"""
$A^+$ divides the component of $v$ along $g_i$ by $s_i$, the noise with it: noise of standard deviation $\sigma$ becomes
$\sigma/s_i$. Look at the singular values of four blurs (left), and at what is left of the photograph blurred by the
Gaussian at each of them (right): the size of $\hat v(\xi)$, sorted by $|\hat k(\xi)|$, against the size of the noise.
"""

# %%
box = torch.full((8, 8), 1 / 64, dtype=torch.float64)
kernels = {"narrow Gaussian": gaussian_kernel(0.5), "motion, length 15": motion_kernel(15.0, 30.0)}
kernels |= {"wide Gaussian": kernel.cpu(), "box, 8 × 8": box}
rank = torch.arange(0, size**2, 64)  # one singular value in 64 is enough for a curve
decay = {}
for name, k in kernels.items():
    s = kernel_to_transfer(k, u0.shape).abs().flatten().sort(descending=True)[0]
    decay[name] = (rank / size**2, s[rank])

# %%
order = k_hat.abs().flatten().argsort(descending=True)
v_hat = torch.fft.fft2(v).flatten()[order].cpu() / size  # divided by √d: noise has standard deviation sigma in each
left = v_hat.abs().square().reshape(-1, 256).mean(1).sqrt()
middle = (torch.arange(len(left)) + 0.5) / len(left)
spectrum = {"blurred image": (middle, left), "noise σ = 4/255": ([0, 1], [sigma, sigma])}
spectrum["rounding to 32 bits"] = ([0, 1], [2**-25 / math.sqrt(3)] * 2)

# %%
fig, axes = new_figure(1, 2, height=5.4)
plot_curves(decay, "rank i / d", "singular value s", y_scale="log", axis=axes[0, 0])
plot_curves(spectrum, "rank i / d", "size of a component", y_scale="log", axis=axes[0, 1])
for axis in axes.flat:
    axis.set_ylim(1e-13, 30)
    move_legend(axis, "upper center", (0.5, -0.2))
slide_figure(fig, "singular-values-blur")

# %% [markdown]
r"""
**What to see.** Left, three kinds of blur.

- *Invertible and harmless*: the narrow Gaussian. No singular value is small.
- *Invertible and ill-conditioned*: motion, and worse, the wide Gaussian. No singular value is 0, so that
  $K = \{0\}$ and $A^+ = A^{-1}$; but some are tiny. Without noise nothing is lost.
- *Singular*: the box. $\hat k = 0$ on whole rows and columns of the grid, where 8 pixels hold a whole number of
  periods. $K \neq \{0\}$: these frequencies are lost, noise or no noise.

On the right the blurred image sinks below the noise before a tenth of the components: in the other nine tenths the
noise is larger than the image, and $A^+$ divides exactly those by the smallest $s_i$.

**Question.** Where does the blurred image sink below the rounding to 32 bits, that of float32? What will happen to
a pseudo-inverse computed in float32?
"""

# %%
above = int((v_hat.abs() > sigma).sum())
print(f"components of the blurred image above the noise: {100 * above / size**2:.1f} %")
print(f"components that tol = {tol:g} keeps: {100 * (k_hat.abs() > tol * A.norm()).double().mean().item():.1f} %")

# %% [markdown]
r"""
### Exercise 2 — the pseudo-inverse of a blur (8 min, in class)

For $Au = k*u$ return the image with $\hat u = \hat v/\hat k$ where $|\hat k| > \texttt{tol}\cdot\max|\hat k|$, and
$\hat u = 0$ elsewhere. When `tol` drops only what is zero up to rounding, this is $A^+v$. When it drops more, it is a
*truncated* pseudo-inverse $A^+_{\texttt{tol}}v$: that of the blur whose small singular values were replaced by 0. Our
$\texttt{tol} = 10^{-10}$ already truncates the wide Gaussian, as the cell above printed. You may use
`kernel_to_transfer(kernel, v.shape)`, which puts the kernel's centre at the origin.

<details><summary>Hint</summary>torch.where(condition, a, b) takes a where the condition holds and b elsewhere. The
image is real: take the real part after the inverse FFT.</details>

`hint("pseudo_inverse_deblur")` tells more.
"""


# %%
def pseudo_inverse_deblur(v, kernel, tol):
    """Return A⁺v for Au = k * u: v_hat / k_hat where |k_hat| > tol max|k_hat|, and 0 elsewhere.

    v: image (H, W).  kernel: (h, w).  tol: relative threshold, >= 0.  Returns an image (H, W).
    Slide "Gaussian deblurring and pseudo-inverse".
    """
    ### BEGIN SOLUTION
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    u_hat = torch.where(kept, torch.fft.fft2(v) / k_hat, 0)
    return torch.fft.ifft2(u_hat).real
    ### END SOLUTION


# %%
pseudo_inverse_deblur = check(pseudo_inverse_deblur)

# %% [markdown]
r"""
## 3. The lecture's two rows

The same operator, the same threshold, twice: without noise and with $\sigma = 4/255$.
"""


# %%
def show_row(v, condition):
    """Return the figure Original | Blurred | Pseudo-inverse of the lecture."""
    u = pseudo_inverse_deblur(v, kernel, tol)
    titles = ["original\n", f"blurred, {condition}\nPSNR = {psnr(v, u0):.2f} dB"]
    titles += [f"A⁺v, threshold {tol:g}\nPSNR = {psnr(u, u0):.2f} dB"]
    return show_images([u0, v, u], titles)


# %%
slide_figure(show_row(v, "no noise"), "pseudo-inverse-noiseless")

# %%
slide_figure(show_row(v_noisy, "σ = 4/255"), "pseudo-inverse-noise")

# %% [markdown]
r"""
**What to see.** Without noise the photograph is back, to the eye without any loss. With a noise that you can hardly
see in the blurred image, nothing is left of it. The operator is the same, the inverse is the same; its norm, 1 over
the smallest singular value that it keeps, is the problem: up to $10^{10}$ here, and it would be $3\cdot10^{12}$ for
$A^+ = A^{-1}$ itself.
"""

# %%
w = v_noisy - v
amplified = pseudo_inverse_deblur(w, kernel, tol)
print(f"noise before: {w.std().item():.4f}, after A⁺: {amplified.std().item():.0e}")
exact = (pseudo_inverse_deblur(v_noisy, kernel, tol) - pseudo_inverse_deblur(v, kernel, tol) - amplified).abs().max()
print("A⁺(Au0 + w) = A⁺Au0 + A⁺w, up to rounding:", bool(exact < 1e-9 * amplified.abs().max()))

# %% [markdown]
r"""
### One number: the condition number

Let $s_r$ be the smallest singular value that is not 0. The condition number of $A$ is

$$\kappa = \|A\|\,\|A^+\| = \frac{s_1}{s_r} .$$

Take data $v = Au$ with $u \in K^\perp$, and add an error $\delta v$. The solution $u = A^+v$ moves by
$\delta u = A^+\delta v$. Since $\|\delta u\| \le \|\delta v\|/s_r$ and $\|v\| \le s_1\|u\|$,

$$\frac{\|\delta u\|}{\|u\|} \le \kappa\, \frac{\|\delta v\|}{\|v\|} .$$

The bound is reached when $u = e_1$ (for a blur with $k \ge 0$, the constant image) and $\delta v$ is along $g_r$.
Measure the factor between the two relative errors, for the four blurs: with $\delta v$ along $g_r$, a wave of the
frequency where $|\hat k|$ is smallest, and with $\delta v$ = white noise.
"""

# %%
zero = 1e-14  # relative to s_1: smaller singular values are rounding errors of 0


def error_factor(v, delta, k):
    """Return (‖δu‖ / ‖u‖) / (‖δv‖ / ‖v‖) for u = A⁺v and δu = A⁺δv."""
    u, delta_u = pseudo_inverse_deblur(v, k, zero), pseudo_inverse_deblur(delta, k, zero)
    return (delta_u.norm() / u.norm() / (delta.norm() / v.norm())).item()


# %%
for name, k in kernels.items():
    s = kernel_to_transfer(k, (size, size)).abs()
    kept = s > zero * s.max()
    s_r = s[kept].min()
    kappa = (s.max() / s_r).item()
    wave = torch.fft.ifft2((s == s_r).double()).real  # along g_r
    image = blur(u0.cpu(), k)
    factors = [error_factor(image, delta, k) for delta in (wave, w.cpu())]
    print(f"{name:18} dim K = {int((~kept).sum()):4d}   κ = {kappa:.1e}   ", end="")
    print(f"factor measured along g_r: {factors[0]:.1e}, with white noise: {factors[1]:.1e}")

# %%
images, titles = [], []
for text, noise in (("no noise", 0), ("σ = 4/255", w.cpu())):
    for name, k in kernels.items():
        u = pseudo_inverse_deblur(blur(u0.cpu(), k) + noise, k, zero)
        value = psnr(u, u0.cpu())  # above 100 dB it measures rounding errors
        images.append(u)
        titles.append(f"{name}\n{text}, " + (f"{value:.0f} dB" if value < 100 else "> 100 dB"))
show(
    show_images(images, titles, columns=4),
    "The photograph restored from four blurs by the pseudo-inverse. Without noise it is back, for the box with faint "
    "stripes. With noise only the narrow Gaussian leaves a photograph, a little grainy; the others are noise.",
)

# %% [markdown]
r"""
**What to see.** No measured factor exceeds κ, and along $g_r$ it comes close to κ: a photograph has most of its norm
in its mean, where $|\hat k| = s_1$. White noise has only a small part along the worst $g_i$, and its factor is
smaller; for the ill-conditioned blurs that does not save the image. κ counts digits, too: double precision holds 16
of them, and $\kappa \approx 3\cdot10^{12}$ eats 12. The box loses its frequencies in $K$ even without noise, and κ
does not tell: it speaks of $K^\perp$ only.
"""

# %% [markdown]
r"""
### How much to keep

A larger threshold `tol` drops more components: it loses detail, and gains against noise. Compare four observations of
the same blurred photograph: exact in float64 (64 bits), stored in float32 (32 bits), stored in 8 bits, and with noise.
Rounding is a noise too.
"""

# %%
observations = {"64 bits, no noise": v, "stored in 32 bits": v.float().double()}
observations |= {"stored in 8 bits": (255 * v).round() / 255, "noise σ = 4/255": v_noisy}
tols = [10 ** (i / 4) for i in range(-44, 0)]
quality = {}
for name, observation in observations.items():
    quality[name] = (tols, [psnr(pseudo_inverse_deblur(observation, kernel, t), u0) for t in tols])
    best = max(range(len(tols)), key=lambda i: quality[name][1][i])
    print(f"{name:18} best tol = {tols[best]:.0e}, PSNR = {quality[name][1][best]:.2f} dB")

# %%
fig = plot_curves(quality, "threshold over max|k̂|", "PSNR (dB)", x_scale="log", width=10.0)
fig.axes[0].set_ylim(-30, 60)
fig.axes[0].axvline(tol, color="0.6", linewidth=1)
move_legend(fig.axes[0], "upper right", columns=2)
show(
    fig,
    "PSNR of the pseudo-inverse against its threshold for four observations. Without noise it rises as that falls. "
    "In float32, in 8 bits and with noise it has a maximum, at a larger threshold the noisier the observation, "
    "and falls steeply to the left of it.",
)

# %% [markdown]
r"""
**What to see.** On the left of its maximum every curve falls by about 20 dB for each factor 10 in `tol`. Only the exact
float64 observation goes on rising. The vertical line is the `tol` of the two rows above.

Float32 is the noise of $10^{-8}$ that the question in section 2 was about. Keep `tol` as it was, and store the blurred
image in float32 before computing in float64. Then do everything in float32 without any threshold, as a program that
does not think of it would.
"""

# %%
v_stored = v.float().double()
cases = [("64 bits", v, tol), ("32 bits", v_stored, tol), ("32 bits", v_stored, 1e-6)]
images = [pseudo_inverse_deblur(data, kernel, t) for _, data, t in cases]
titles = [
    f"{name}, threshold {t:g}\nPSNR = {psnr(u, u0):.2f} dB" for (name, _, t), u in zip(cases, images, strict=True)
]
fig = show_images(images, titles)
show(
    fig, "The photograph; a field of black and white noise; the photograph again, once the threshold is raised to 1e-6."
)
single = pseudo_inverse_deblur(v.float(), kernel.float(), 0.0).double()
# Its exact value is rounding noise, another one on each machine.
print("all in float32, tol = 0, no noise: PSNR below 0 dB:", psnr(single, u0) < 0)

# %% [markdown]
r"""
## 4. The limit $\lambda \to 0$

The lecture says that $A^+v = \lim_{\lambda\to0} u_\lambda$ with the ridge solution

$$u_\lambda = \operatorname*{argmin}_u \tfrac12\|Au-v\|^2 + \tfrac\lambda2\|u\|^2 = (A^TA+\lambda I)^{-1}A^Tv .$$

*A word on the slide*: it writes $R(u) = \frac\lambda2\|u\|^2$ inside $\frac12\|Au-v\|^2 + \lambda R(u)$, which
counts $\lambda$ twice. With $R(u) = \frac12\|u\|^2$ the formula above is right.

Along $e_i$, $u_\lambda$ has the component of $v$ along $g_i$ times $\frac{s_i}{s_i^2+\lambda}$, instead of
$\frac1{s_i}$: close to it for $s_i^2\gg\lambda$, close to 0 for $s_i^2\ll\lambda$.
"""

# %%
identity = torch.eye(2, dtype=torch.float64)
for lam in (1.0, 1e-2, 1e-4, 1e-6):
    u_lam = torch.linalg.solve(A_small.T @ A_small + lam * identity, A_small.T @ v_small)
    distance = torch.linalg.vector_norm(u_lam - solution).item()
    print(f"λ = {lam:.0e}   ‖u_λ − A⁺v‖ = {distance:.1e}")

# %% [markdown]
r"""
### Exercise 3 — the ridge path (8 min, at home)

For a blur, $\hat u_\lambda = \dfrac{\overline{\hat k}\,\hat v}{|\hat k|^2+\lambda}$. Compute it for each $\lambda$
of a list, in its order, and return the images in one tensor.

<details><summary>Hint</summary>$A^TA$ is a convolution too; its transfer function is $\overline{\hat k}\hat k$.
Make a list of images, then torch.stack.</details>

`hint("ridge_path")` tells more.
"""


# %%
def ridge_path(v, kernel, lams):
    """Return the ridge solutions u_λ = (AᵀA + λI)⁻¹Aᵀv of Au = k * u, one for each λ.

    v: image (H, W).  kernel: (h, w).  lams: list of n weights > 0.  Returns images (n, H, W).
    Slide "Let us start with zero regularization!".
    """
    ### BEGIN SOLUTION
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    images = [torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams]
    return torch.stack(images)
    ### END SOLUTION


# %%
ridge_path = check(ridge_path)

# %%
lams = [10 ** (-i / 2) for i in range(49)]
exact_path, noisy_path = ridge_path(v, kernel, lams), ridge_path(v_noisy, kernel, lams)
ridge_quality = {
    "no noise": (lams, [psnr(u, u0) for u in exact_path]),
    "noise σ = 4/255": (lams, [psnr(u, u0) for u in noisy_path]),
}
limit = psnr(pseudo_inverse_deblur(v, kernel, tol), u0)
ridge_quality[f"truncated, no noise, threshold {tol:g}"] = ([lams[-1], lams[0]], [limit, limit])
above = [lam for lam, value in zip(*ridge_quality["no noise"], strict=True) if value > limit]
where = f"at λ = {above[0]:.0e}" if above else "nowhere: your ridge_path rounds more than the course's"
print(f"without noise, ridge passes the truncated pseudo-inverse ({limit:.2f} dB) {where}")

# %%
fig = plot_curves(ridge_quality, "λ", "PSNR of $u_λ$ (dB)", x_scale="log", width=10.0)
fig.axes[0].set_ylim(-30, 75)
show(
    fig,
    "PSNR of the ridge solution against λ. Without noise it rises as λ falls, crosses the level of the truncated "
    "pseudo-inverse near λ = 1e-20 and goes on rising; with noise it has a maximum near λ = 0.01 and falls steeply.",
)

# %%
best_lam = max(range(len(lams)), key=lambda i: ridge_quality["noise σ = 4/255"][1][i])
chosen = [2 * 1, best_lam, 2 * 5]
show(
    show_images(
        [noisy_path[i] for i in chosen],
        [f"λ = {lams[i]:g}, σ = 4/255\nPSNR = {psnr(noisy_path[i], u0):.2f} dB" for i in chosen],
    ),
    "Three ridge solutions of the noisy image: too dark and blurred, the best one, and one covered with noise.",
)

# %% [markdown]
r"""
**What to see.** This blur is invertible: $K = \{0\}$ and $A^+v = A^{-1}v$, which without noise is $u_0$, up to
rounding. So $u_\lambda\to A^+v$ without noise, but slowly: a component has arrived only when $\lambda \ll s_i^2$, and
$s_i^2$ goes below $10^{-24}$. The horizontal line is not the limit: it is the pseudo-inverse truncated at
$\texttt{tol} = 10^{-10}$, and $u_\lambda$ passes it near $\lambda = \texttt{tol}^2$, where ridge begins to keep what
truncation drops. With noise the limit is where you do not want to go.

**Question.** The picture with $\lambda = 0.1$ is darker than the photograph. By which factor, and why? (Look at
frequency 0, where $\hat k = 1$.)
"""

# %% [markdown]
r"""
## 5. Gradient descent converges to $A^+v$

$$u_{n+1} = u_n - \tau A^T(Au_n-v), \qquad 0 < \tau < \frac{2}{\|A\|^2} .$$

Each update lies in $\mathrm{Im}\,A^T = K^\perp$. So the component of $u_n$ in $K$ never changes: at the limit it is
still that of the start. Started at 0, the descent converges to $A^+v$.

### Exercise 4 — Landweber's iteration (8 min, at home)

Do `n` steps of this gradient descent, started at 0. `A` is an operator: `A(u)` is $Au$, `A.adjoint(v)` is $A^Tv$.
Careful, $u$ and $v$ need not have the same shape.

<details><summary>Hint</summary>$A^Tv$ has the shape of $u$: torch.zeros_like helps.</details>

`hint("landweber")` tells more.
"""


# %%
def landweber(A, v, tau, n):
    """Return u_n of the gradient descent u_{k+1} = u_k - τ Aᵀ(A u_k - v) on ½‖Au - v‖², started at 0.

    A: operator with A(u) and A.adjoint(v).  v: data.  tau: step in (0, 2/‖A‖²).  n: number of steps, >= 1.
    Returns an image of the shape of Aᵀv.  Slide "Let us start with zero regularization!".
    """
    ### BEGIN SOLUTION
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return u
    ### END SOLUTION


# %%
landweber = check(landweber)

# %% [markdown]
r"""
Your function starts at 0. To start at another $s$, or to go on from where you are, change the unknown: $u - s$
follows the same descent, from 0, for the data $v - As$.
"""


# %%
def landweber_from(start, A, v, tau, n):
    """Return the n-th iterate of the same descent started at ``start``."""
    return start + landweber(A, v - A(start), tau, n)


# %%
operator, start = Matrix(A_small), torch.tensor([2.0, -0.5], dtype=torch.float64)
far = landweber_from(start, operator, v_small, 0.04, 200)
null_part = start - pseudo_inverse(A_small) @ (A_small @ start)
print("from 0:        ", [round(x, 6) for x in landweber(operator, v_small, 0.04, 200).tolist()])
print("A⁺v:           ", [round(x, 6) for x in solution.tolist()])
print("from the start:", [round(x, 6) for x in far.tolist()])
print("A⁺v + the component of the start in K:", [round(x, 6) for x in (solution + null_part).tolist()])

# %%
fig, axes = new_figure(1, 1, width=10.0, height=5.0)
draw_plane(axes[0, 0], lines, {"A⁺v": solution, "another start": start, "limit from there": far}, "u")
for first in (origin, start):
    path = torch.stack([first, *(landweber_from(first, operator, v_small, 0.04, n) for n in range(1, 25))])
    axes[0, 0].plot(*path.T, ".-", color="0.5", linewidth=1, zorder=1)  # below lines and points
move_legend(axes[0, 0], "center left", (1.0, 0.5))
show(
    fig,
    "Two descents in the plane, both parallel to K⊥: from 0 along K⊥ to A⁺v, and from another point to "
    "the point of the line of minimisers that is straight ahead of it.",
)

# %% [markdown]
r"""
The same with images. $Au = \mathbf{1}_\omega u$ forgets a rectangle: $K$ is the set of images that live inside the
rectangle. Start the descent at 0, then at another photograph.
"""

# %%
known = torch.ones(size, size, dtype=torch.bool, device=device)
known[40:150, 70:190] = False
masking, other = Mask(known), to_gray(load_image("astronaut", size)).to(device)
v_masked = masking(u0)
from_zero, from_other = (landweber_from(first, masking, v_masked, 0.5, 60) for first in (torch.zeros_like(u0), other))
titles = ["v", "descent from 0: A⁺v", "another start", "descent from there"]
show(
    show_images([v_masked, from_zero, other, from_other], titles),
    "A photograph with a black rectangle; the same; the portrait of an astronaut; the first photograph "
    "with the part of the portrait that lies inside the rectangle.",
)
print("A⁺v = v for a mask:", torch.allclose(from_zero, v_masked, atol=1e-12))

# %% [markdown]
r"""
**What to see.** The data say nothing about the rectangle, so what you start with is what you get. $A^+v$ puts 0 there:
the shortest image, not the likeliest one. Choosing something better is what regularization and image models are for.
"""

# %% [markdown]
r"""
## 6. Stopping early

How long does the descent take? Along $e_i$ the error is multiplied by $1-\tau s_i^2$ at each step: large singular
values arrive at once, small ones practically never.
"""

# %%
tau = 1.0
for s in (1.0, 0.1, 1e-2, 1e-3, 1e-6):
    steps = 1 if s == 1.0 else math.log(0.01) / math.log1p(-tau * s**2)
    print(f"s = {s:7.0e}: within 1 % of 1/s after {steps:.2g} steps")

# %% [markdown]
r"""
That is bad for solving $Au=v$, and it is our luck: the directions that arrive late are those where $v$ holds
nothing but noise. Run 1000 steps, with and without noise, and look at the distance to the true image on the way.
"""

# %%
counts = sorted({round(10 ** (i / 10)) for i in range(31)})
iterates = {"no noise": [], "noise σ = 4/255": []}
for name, data in zip(iterates, (v, v_noisy), strict=True):
    u, done = torch.zeros_like(u0), 0
    for n in counts:
        u, done = landweber_from(u, A, data, tau, n - done), n
        iterates[name].append(u)

# %%
error = {name: (counts, [rmse(u, u0) for u in images]) for name, images in iterates.items()}
noisy_error = error["noise σ = 4/255"][1]
best = noisy_error.index(min(noisy_error))
print(
    f"smallest error with noise: {min(noisy_error):.4f}, after {counts[best]} steps; after 1000: {noisy_error[-1]:.4f}"
)

# %%
misfit = [rmse(A(u), v_noisy) for u in iterates["noise σ = 4/255"]]
curves = {f"error, {name}": curve for name, curve in error.items()}
curves["misfit ‖Auₙ − v‖/√d"] = (counts, misfit)
curves |= {"noise level σ": ([1, 1000], [sigma, sigma]), "smallest error": ([counts[best]], [min(noisy_error)])}
fig, axes = new_figure(1, 1, height=5.2)
plot_curves(curves, "number of steps n", "RMSE", x_scale="log", y_scale="log", axis=axes[0, 0])
move_legend(axes[0, 0], "center left", (1.0, 0.5))
slide_figure(fig, "landweber-semiconvergence")

# %%
chosen = [counts.index(10), best, len(counts) - 1]
images = [iterates["noise σ = 4/255"][i] for i in chosen]
titles = [f"n = {counts[i]}\nPSNR = {psnr(u, u0):.2f} dB" for i, u in zip(chosen, images, strict=True)]
show(
    show_images(images, titles),
    "Three iterates: still blurred after 10 steps, sharper at the best one, noisy after 1000.",
)

# %% [markdown]
r"""
**What to see.** Without noise the error falls for ever. With noise it falls, then rises (*semiconvergence*), while the
misfit $\|Au_n - v\|$ goes on falling: the descent does its job, and fits the noise. Where it is going to is the
noise of section 3.

### When to stop, without the truth

You do not have $u_0$, but you may know $\sigma$. The true image has the misfit $\|Au_0 - v\|/\sqrt d \approx
\sigma$: fitting the data better than that makes no sense. Stop at the first $n$ with $\|Au_n - v\| \le \sigma\sqrt
d$ (Morozov's discrepancy principle).
"""

# %%
stop = next(i for i, value in enumerate(misfit) if value <= sigma)
u_stop = iterates["noise σ = 4/255"][stop]
print(f"discrepancy principle: n = {counts[stop]}, PSNR = {psnr(u_stop, u0):.2f} dB")
print(f"best of all:           n = {counts[best]}, PSNR = {psnr(iterates['noise σ = 4/255'][best], u0):.2f} dB")

# %% [markdown]
r"""
It stops too early, as in notebook 04: $u_n$ is fitted to $v$, so that at the best $n$ the misfit is already below
$\sigma$. It costs half a decibel, and did not look at $u_0$.

## 7. Three filters

Truncation, ridge and early stopping multiply the component of $A^+v$ along each $e_i$ by a number between 0 and 1,
which depends on $s = s_i$ only:

$$\mathbf{1}_{s>\texttt{tol}}, \qquad \frac{s^2}{s^2+\lambda}, \qquad 1-(1-\tau s^2)^n .$$

All three let the large singular values pass and stop the small ones; $1/\sqrt\lambda$ and $\sqrt{\tau n}$ play the
part of $1/\texttt{tol}$.
"""

# %%
s = torch.logspace(-3, 0, 300, dtype=torch.float64)
filters = {"truncation, threshold 0.1": (s, (s > 0.1).double()), "ridge, λ = 0.01": (s, s**2 / (s**2 + 0.01))}
filters["Landweber, τ = 1, n = 100"] = (s, 1 - (1 - s**2) ** 100)
fig = plot_curves(filters, "singular value s", "factor on A⁺v", x_scale="log", width=10.0)
show(
    fig,
    "Three curves from 0 to 1 against the singular value: a step at 0.1 for truncation, smooth rises "
    "around 0.1 for ridge and Landweber; Landweber's is the steeper of the two.",
)

# %%
noisy_tol = max(quality["noise σ = 4/255"][1])
print(f"blurred and noisy:             PSNR = {psnr(v_noisy, u0):.2f} dB")
print(f"truncation, best tol:          PSNR = {noisy_tol:.2f} dB")
print(f"ridge, best λ:                 PSNR = {psnr(noisy_path[best_lam], u0):.2f} dB")
print(f"Landweber, best n:             PSNR = {psnr(iterates['noise σ = 4/255'][best], u0):.2f} dB")

# %% [markdown]
r"""
They come out about the same, and none is good: they know that small singular values are dangerous, and nothing
about images.

## 8. Explore

Move the sliders: the method, its parameter and the noise. The curve shows the whole range of the parameter, the dot
where you are. Truncation and ridge are computed by your `pseudo_inverse_deblur` and `ridge_path`.
"""

# %%
explore_pseudo_inverse(deblur=pseudo_inverse_deblur, ridge_path=ridge_path)

# %% [markdown]
"""
The same picture without a widget:
"""

# %%
restored, numbers = pseudo_inverse_picture("early stopping", 50, sigma)
print({name: f"{value:.2f}" for name, value in numbers.items()})
title = f"early stopping, n = 50\nPSNR = {numbers['PSNR (dB)']:.2f} dB"
show(show_images([restored], [title], width=4.0), "The photograph restored by 50 steps of Landweber's iteration.")

# %% [markdown]
r"""
## What you have learnt

- The minimisers of $\frac12\|Au-v\|^2$ form a set parallel to $K$; $A^+v$ is the shortest one, the one in
  $K^\perp$.
- SVD, $\lambda\to0$ and gradient descent from 0 lead to the same $A^+v$.
- $A^+$ divides noise by the singular values, and relative errors grow by up to $\kappa = s_1/s_r$. Our Gaussian
  blur is invertible, with $\kappa \approx 3\cdot10^{12}$: noise, 8 bits, even float32 make $A^+v$ explode. A singular
  blur loses frequencies even without noise.
- Truncating, penalising or stopping early are the same idea: trust the large singular values only.

**Question.** In section 6, how does the best $n$ change if $\sigma$ is divided by 10? Predict it from the filters, then
try.
"""

# %% [markdown]
r"""
**Question.** Replace the Gaussian kernel by `disk_kernel(4.0)`. Its condition number is ten million times smaller. Is
$A^+v$ usable with noise?
"""

# %% [markdown]
r"""
**Hand in** this notebook, saved, with the four verdicts and your answers to the questions.

**Next**: [07, Tychonov and total variation](07_tv_denoising.ipynb) brings in what was missing here, knowledge about
images.
"""
