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
"""
# 4. Deblurring

At the end of this notebook you will be able to

- write a periodic blur, its adjoint and its inverse with the Fourier transform, for any kernel;
- explain why dividing by the transfer function destroys an image as soon as there is noise;
- restore a blurred photograph by ridge and by Tychonov regularization, in closed form and by gradient descent;
- choose λ with the true image, and without it;
- recognise the artefacts that come from the boundary of a real photograph, and cure them.

**Slides**: "Deblurring", "Inverse problem", "Image Restoration by Optimization", "Optimization for Inverse Problems",
and the last remark of "Explicit Solution: Wiener filtering".

**Time**: reading 45 min (11 in class), exercises 45 min, compute under 1 min on two CPU cores.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u_0$, $u$: image to recover, estimate | `u0`, `u` | `(H, W)`, the lecture's $M \times N$ | about [0, 1] |
| $v = k * u_0 + w$: observation | `v` | `(H, W)` | not clipped |
| $k$: blur kernel | `kernel` | `(h, w)`, centre at pixel `(h // 2, w // 2)` | ≥ 0, sum 1 |
| $\hat k$, $\hat L$: transfer functions of $k$ and of $-\Delta$ | `k_hat`, `L_hat` | `(H, W)` | complex; [0, 8] |
| $\sigma$: standard deviation of the noise $w$ | `sigma` | number | the lecture's 4 is 4/255 |
| $\lambda$, $\tau$: weight of the regularization, step | `lam`, `tau` | numbers | ≥ 0, > 0 |

$\Omega$ is the grid of pixels, $|\Omega| = HW$. All convolutions are periodic. Computations are in float64.
"""

# %%
import math

import torch

from course_utils.checks import check, hint
from course_utils.data import load_kernel
from course_utils.derivatives import gradient, gradient_adjoint, laplacian
from course_utils.explorers.deblurring import deblurring_picture, explore_deblurring, which_kernel
from course_utils.fourier import kernel_to_transfer, laplacian_transfer
from course_utils.images import add_noise, center_crop, load_image, to_gray
from course_utils.metrics import psnr, rmse
from course_utils.operators import Blur
from course_utils.optim import accelerated_gradient
from course_utils.plotting import move_legend, new_figure, plot_curves, show, show_images, show_spectrum
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": every computation follows the device of its input
size = 256  # pixels
sigma = 4 / 255  # the lecture's noise; section 3 uses 1/255
seed = 0
u0 = load_image("cameraman", size).to(device)
files = {"Gaussian": "gaussian", "disk": "disk", "motion 1": "motion_1", "motion 2": "motion_2"}
kernels = {name: load_kernel(file).to(device) for name, file in files.items()}


# %%
def label(text, u, reference=u0):
    """Return a title of two lines, the text and the PSNR of u."""
    value = psnr(u, reference)
    return f"{text}\nPSNR = {value:.2f} dB" if value < 100 else f"{text}\nPSNR > 100 dB"


# %% [markdown]
r"""
## 1. A blur is a convolution

A blur that is the same everywhere in the image is a convolution with a kernel $k \ge 0$ of sum 1:

$$ Au(x) = (k * u)(x) = \sum_{y} k(y)\, u(x - y), \qquad \widehat{Au} = \hat k\, \hat u. $$

Every point of the scene is replaced by a copy of $k$. Here $x - y$ is taken modulo the size of the image: what leaves
on one side comes back on the other. Section 7 says what this costs.

An array has its pixel (0, 0) in a corner, but the kernel's origin is its centre, pixel `(h // 2, w // 2)`. Before the
FFT, the centre must be brought to pixel (0, 0) of an image-sized array. Forget it, and the image moves.
"""

# %% [markdown]
"""
### Exercise 1 — the periodic blur (12 min, in class)

Put the kernel on the grid of the image with its centre at pixel (0, 0), and multiply in the Fourier domain. It must
work for all sizes, odd and even, square or not.

<details><summary>Hint</summary>
<code>torch.roll</code> moves an array periodically. <code>torch.fft.fft2</code> and <code>torch.fft.ifft2</code> need
no normalisation of your own; the result of <code>ifft2</code> is complex, its imaginary part is rounding.
</details>

`hint("blur")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("blur", 1)


# %%
def blur(u, kernel):
    """Return k * u, periodic, by FFT.

    u: image (H, W).  kernel: (h, w), at most as large as u, centre at pixel (h // 2, w // 2).
    Returns an image (H, W).  Slide "Deblurring".
    """
    ### BEGIN SOLUTION
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (-(h // 2), -(w // 2)), dims=(0, 1))
    return torch.fft.ifft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real
    ### END SOLUTION


# %%
blur = check(blur)

# %% [markdown]
"""
Four kernels: a Gaussian, the disk of a lens out of focus, and two shaken cameras. They come from the course's data;
their sizes are odd or even, and the last two are neither square nor symmetric. Blurring a single bright point draws
the kernel.
"""

# %%
point = torch.zeros_like(u0)
point[size // 2, size // 2] = 1
drawn = [center_crop(blur(point, kernel), 33) / kernel.max() for kernel in kernels.values()]
blurred = [blur(u0, kernel) for kernel in kernels.values()]
titles = ["a point", *kernels, "original", *(f"{psnr(v, u0):.2f} dB" for v in blurred)]
figure = show_images([center_crop(point, 33), *drawn, u0, *blurred], titles, columns=5)
slide_figure(figure, "deblurring-kernels")

# %% [markdown]
"""
**What to see.** The Gaussian and the disk treat all directions alike. The motion kernels draw ghosts along their
trajectory: look at the edge of the coat. The dark coat also comes back on the right border: the convolution is
periodic.

The PSNR is severe on displacement. The sharp image moved by a single pixel:
"""

# %%
moved = u0.roll(1, dims=1)
print(f"original moved by one pixel: PSNR = {psnr(moved, u0):.2f} dB")

# %% [markdown]
"""
**Question.** You blur with the right kernel and restore with a kernel whose centre is one pixel off. What do you see on
the restored image, and what does the PSNR say? Which picture would show you the mistake at once?
"""

# %% [markdown]
"""
### Which blur kernel was used?

The slide's question. One of the four kernels A, B, C, D has blurred the photograph.
"""

# %%
quiz = which_kernel(1)
slide_figure(quiz.figure(), "which-kernel")

# %% [markdown]
"""
Answer with the buttons, or by `quiz.answer("A")`. Two more questions: `which_kernel(2)` and `which_kernel(3)`; draw
them with `show(which_kernel(2).figure(), "quiz")`.
"""

# %%
quiz.widget()

# %%
quiz.answer("B")

# %% [markdown]
r"""
## 2. The adjoint of the blur

To minimize $\frac12\|Au - v\|^2$ you will need its gradient $A^T(Au - v)$, hence $A^T$, defined by
$\langle Au, v \rangle = \langle u, A^T v \rangle$ for all $u, v$. For a convolution

$$ A^T v = \tilde k * v \quad\text{with}\quad \tilde k(x) = \overline{k(-x)},
\qquad \hat{\tilde k} = \overline{\hat k}. $$

From here on `kernel_to_transfer(kernel, u.shape)` returns $\hat k$ on the grid of the image `u`: it is the first half
of your `blur`.
"""

# %% [markdown]
"""
### Exercise 2 — the adjoint (5 min, in class)

Write $A^T$ in the Fourier domain.

<details><summary>Hint</summary>
One word to add to the blur. If you prefer to flip the kernel: when a side is even, flipping moves its centre by one
pixel.
</details>

`hint("blur_adjoint")` tells more.
"""


# %%
def blur_adjoint(v, kernel):
    """Return Aᵀv for A u = k * u, the convolution with k(-x).

    v: image (H, W).  kernel: the kernel of the blur, (h, w).
    Returns an image (H, W).  Slide "Image Restoration by Optimization".
    """
    ### BEGIN SOLUTION
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v)).real
    ### END SOLUTION


# %%
blur_adjoint = check(blur_adjoint)

# %% [markdown]
"""
The test that you should run on any adjoint: two random images, two inner products.
"""

# %%
generator = torch.Generator().manual_seed(seed)
x, y = torch.randn(2, 31, 40, dtype=torch.float64, generator=generator).to(device)
for name, kernel in kernels.items():
    left, right = (blur(x, kernel) * y).sum(), (x * blur_adjoint(y, kernel)).sum()
    assert torch.isclose(left, right, rtol=1e-5), f"{name}: <Ax, y> and <x, A'y> must be equal"
    print(f"{name:9s} <Ax, y> = {left:9.5f}   <x, A'y> = {right:9.5f}   <x, Ay> = {(x * blur(y, kernel)).sum():9.5f}")

# %% [markdown]
r"""
**What to see.** For the two symmetric kernels the blur is its own adjoint: a test with a Gaussian would not see a
forgotten conjugate. Test with kernels that have no symmetry.

## 3. Inverting the blur: noise explodes

In the Fourier domain the blur multiplies each frequency by $\hat k(\xi)$. Here is its modulus, frequency 0 in the
middle.
"""

# %%
transfers = [kernel_to_transfer(kernel, u0.shape) for kernel in kernels.values()]
figure = show_spectrum(transfers, titles=list(kernels), decades=4)
show(figure, "Modulus of four transfer functions: a fast decay, rings of zeros, and stripes for the two motions.")

# %% [markdown]
r"""
**What to see.** Low frequencies pass, $|\hat k(0)| = 1$. The Gaussian decays to almost nothing (the faint bars come
from cutting it to a small square); the disk is almost zero on rings; the motions kill frequencies along curved
stripes. Where $|\hat k|$ is nearly zero, the frequency is lost for practical purposes.

Without noise, $\hat u = \hat v / \hat k$ recovers $u_0$. With noise,

$$ u = \mathcal F^{-1}\Big(\frac{\hat v}{\hat k}\Big) = u_0 + \mathcal F^{-1}\Big(\frac{\hat w}{\hat k}\Big). $$
"""

# %% [markdown]
"""
### Exercise 3 — the inverse filter (4 min, in class)

Divide, without any precaution.

<details><summary>Hint</summary>
The transfer functions above have no exact zero on this grid: the division is possible.
</details>

`hint("inverse_filter")` tells more.
"""


# %%
def inverse_filter(v, kernel):
    """Return the inverse Fourier transform of v_hat / k_hat.

    v: image (H, W).  kernel: (h, w), its transfer function without zero on the grid of v.
    Returns an image (H, W).  Slide "Inverse problem".
    """
    ### BEGIN SOLUTION
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.fft.ifft2(torch.fft.fft2(v) / k_hat).real
    ### END SOLUTION


# %%
inverse_filter = check(inverse_filter)

# %%
cases = [("Gaussian", 0), ("Gaussian", 1 / 255), ("disk", 1 / 255), ("motion 2", 1 / 255)]
observed, restored, titles = [], [], []
for name, noise in cases:
    v = add_noise(blur(u0, kernels[name]), noise, torch.Generator().manual_seed(seed))
    observed.append(v)
    restored.append(inverse_filter(v, kernels[name]))
    titles.append(label(f"{name}, {'σ = 1/255' if noise else 'no noise'}", v))
titles += [label("inverse filter", u) for u in restored]
slide_figure(show_images(observed + restored, titles, columns=4), "noise-explosion")

# %% [markdown]
r"""
**What to see.** The noise of standard deviation 1/255 is invisible in the upper row. After the division nothing else is
left for the Gaussian and the disk; only the kernel whose $|\hat k|$ stays above $10^{-3}$ leaves something to
recognise.

How much worse the noise gets can be computed beforehand: its variance at frequency $\xi$ is multiplied by
$1/|\hat k(\xi)|^2$, so that its standard deviation is multiplied by the root of the mean of $1/|\hat k|^2$. For the
Gaussian a handful of frequencies decides, so one draw of the noise may be some percent off.
"""

# %%
for (name, noise), u in zip(cases[1:], restored[1:], strict=True):
    k_hat = kernel_to_transfer(kernels[name], u0.shape)
    predicted = noise * (1 / k_hat.abs() ** 2).mean().sqrt().item()
    print(
        f"{name:9s} smallest |k_hat| {k_hat.abs().min():.1e}   error: predicted {predicted:.2e}, RMSE {rmse(u, u0):.2e}"
    )

# %%
k_hat = kernel_to_transfer(kernels["disk"], u0.shape)
w_hat = torch.fft.fft2(observed[2] - blur(u0, kernels["disk"]))
spectra = {"image |û₀|": torch.fft.fft2(u0), "noise |ŵ|": w_hat, "after division |ŵ/k̂|": w_hat / k_hat}
frequencies = torch.arange(1, size // 2) / size
curves = {name: (frequencies, z.abs().square().mean(0).sqrt()[1 : size // 2].cpu()) for name, z in spectra.items()}
image, noise = spectra["image |û₀|"].abs(), spectra["after division |ŵ/k̂|"].abs()
print(f"disk: noise above the image at {100 * (noise > image).double().mean().item():.1f} % of the frequencies")

# %%
figure = plot_curves(
    curves, "horizontal frequency (cycles per pixel)", "r.m.s. over vertical frequencies", y_scale="log", width=9
)
move_legend(figure.axes[0], "upper center", (0.5, -0.22), 3)
show(
    figure, "The spectrum of the image decays, that of the noise is flat, and noise divided by k_hat exceeds the image."
)

# %% [markdown]
r"""
**What to see.** Each curve is the root mean square over all vertical frequencies, at one horizontal frequency. The
spectrum of a photograph decays quickly, white noise is flat. For the disk, the noise after division is above the
image at four frequencies out of five, as printed: there the quotient $\hat v / \hat k$ tells next to nothing.

**Question.** You save the blurred image, without noise, as an 8-bit PNG, and apply the inverse filter to the file. What
happens? (Rounding to multiples of 1/255 is a noise of standard deviation $1/(255\sqrt{12})$.)
"""

# %% [markdown]
r"""
## 4. Regularize: ridge and Tychonov

The inverse filter trusts all frequencies alike. Instead, minimize

$$ F(u) = \tfrac12 \|k * u - v\|^2 + \lambda R(u), \qquad \lambda \ge 0 . $$

**Ridge** takes $R(u) = \frac12\|u\|^2$. Setting $\nabla F(u) = A^T(Au - v) + \lambda u$ to zero gives

$$ u_\lambda = (A^T A + \lambda I)^{-1} A^T v, \qquad
\hat u_\lambda = \frac{\overline{\hat k}\, \hat v}{|\hat k|^2 + \lambda}. $$

*A slip of the slide:* it writes $R(u) = \frac{\lambda}{2}\|u\|^2$ inside $\lambda R(u)$, which would count λ twice
and put $\lambda^2$ in the denominator. Its formula for $u_\lambda$ is right, and it belongs to
$R(u) = \frac12\|u\|^2$.
"""

# %% [markdown]
r"""
### Exercise 4 — ridge (6 min, at home)

Write the formula.

<details><summary>Hint</summary>
$\overline{\hat k}\,\hat k = |\hat k|^2$ is real; <code>k_hat ** 2</code> is not.
</details>

`hint("ridge_deblur")` tells more.
"""


# %%
def ridge_deblur(v, kernel, lam):
    """Return the minimizer of 1/2 ‖k * u - v‖² + (lam/2) ‖u‖².

    v: image (H, W).  kernel: (h, w).  lam: number > 0.
    Returns an image (H, W).  Slide "Image Restoration by Optimization".
    """
    ### BEGIN SOLUTION
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + lam)).real
    ### END SOLUTION


# %%
ridge_deblur = check(ridge_deblur)

# %% [markdown]
"""
From here on the observation is the second motion blur with the lecture's noise, σ = 4/255.
"""

# %%
kernel = kernels["motion 2"]
v = add_noise(blur(u0, kernel), sigma, torch.Generator().manual_seed(seed))
images = [v] + [ridge_deblur(v, kernel, lam) for lam in (1e-4, 2e-2, 1)]
titles = ["observed", "λ = 0.0001", "λ = 0.02", "λ = 1"]
figure = show_images(images, [label(text, u) for text, u in zip(titles, images, strict=True)])
show(
    figure,
    "Observed image and three ridge restorations: noisy for a small weight, sharp, then dark for a large weight.",
)

# %% [markdown]
r"""
**What to see.** λ small: the noise of the inverse filter. λ large: the image is blurred and dark, since even
the mean, where $\hat k = 1$, is divided by $1 + \lambda$. In between, an image. The slide calls ridge
*nearly useless*: it has denoising in mind, where it divides everything by $1 + \lambda$. For deblurring it already
prevents the explosion.

**Tychonov** penalizes the gradient instead, $R(u) = \frac12\|\nabla u\|^2$: the mean is free, oscillations are not.

*Recap of what you need* (notebook 07 derives it). The discrete gradient takes periodic forward differences,
$\partial_1 u(x, y) = u(x+1, y) - u(x, y)$ along the rows' index and $\partial_2$ along the columns' index. Both are
convolutions, so $\nabla^T\nabla = -\Delta$ is one too, with transfer function

$$ \hat L(\xi, \zeta) = |\hat d_1|^2 + |\hat d_2|^2
= 4\Big(\sin^2\frac{\pi\xi}{M} + \sin^2\frac{\pi\zeta}{N}\Big) \in [0, 8]. $$

`gradient(u)`, `gradient_adjoint(p)` and `laplacian_transfer(u.shape)` are these three.
"""

# %%
L_hat = laplacian_transfer(u0.shape, device=device)
minus_laplacian = gradient_adjoint(gradient(u0))
assert torch.allclose(torch.fft.fft2(minus_laplacian), L_hat * torch.fft.fft2(u0), atol=1e-9)
print(f"∇u has shape {tuple(gradient(u0).shape)}; L_hat is between {L_hat.min():.1f} and {L_hat.max():.1f}")

# %% [markdown]
r"""
### Exercise 5 — Tychonov (8 min, in class)

Set $\nabla F(u) = A^T(Au - v) + \lambda \nabla^T\nabla u$ to zero, frequency by frequency, and write the minimizer of
$F(u) = \frac12\|k * u - v\|^2 + \frac{\lambda}{2}\|\nabla u\|^2$. It is the last formula of the slide on Wiener
filtering.

<details><summary>Hint</summary>
Replace $\lambda$ of the ridge formula by what multiplies $\hat u$ in the Fourier transform of
$\lambda\nabla^T\nabla u$.
</details>

`hint("tychonov_deblur")` tells more.
"""


# %%
def tychonov_deblur(v, kernel, lam):
    """Return the minimizer of 1/2 ‖k * u - v‖² + (lam/2) ‖∇u‖².

    v: image (H, W).  kernel: (h, w).  lam: number > 0.
    Returns an image (H, W).  Slide "Explicit Solution: Wiener filtering", second remark.
    """
    ### BEGIN SOLUTION
    k_hat = kernel_to_transfer(kernel, v.shape)
    L_hat = laplacian_transfer(v.shape, device=v.device)
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + lam * L_hat)).real
    ### END SOLUTION


# %%
tychonov_deblur = check(tychonov_deblur)

# %% [markdown]
"""
To compare the two fairly, give each the λ that is best for it. This needs $u_0$; the next section does without.
"""

# %%
lams = [10 ** (exponent / 8) for exponent in range(-32, 1)]  # 0.0001 to 1, eight per decade
ridge_psnr = [psnr(ridge_deblur(v, kernel, lam), u0) for lam in lams]
tychonov_psnr = [psnr(tychonov_deblur(v, kernel, lam), u0) for lam in lams]
ridge_lam = lams[ridge_psnr.index(max(ridge_psnr))]
tychonov_lam = lams[tychonov_psnr.index(max(tychonov_psnr))]

# %%
ridge, tychonov = ridge_deblur(v, kernel, ridge_lam), tychonov_deblur(v, kernel, tychonov_lam)
images = [u0, v, ridge, tychonov]
texts = ["", "observed", f"ridge, λ = {ridge_lam:.3f}", f"Tychonov, λ = {tychonov_lam:.3f}"]
titles = ["original\n"] + [label(text, u) for text, u in zip(texts[1:], images[1:], strict=True)]
details = [u[30:110, 85:165] for u in images]
slide_figure(show_images(images + details, titles + [""] * 4, columns=4), "ridge-vs-tychonov")

# %% [markdown]
r"""
**What to see.** Both are far better than the observation; Tychonov leaves less noise in the sky and on the coat for the
same sharpness of the camera. Neither is the original: the frequencies where $\hat k \approx 0$ are missing, and no
quadratic regularization can invent them.

Why is $\lambda\hat L$ better than λ? If images were random with independent Fourier coefficients of variance
$S(\xi)$, the best linear restoration, Wiener's filter, would have $\sigma^2|\Omega| / S(\xi)$ in the place of λ or
$\lambda\hat L$. So ridge bets that the power $|\hat u_0|^2$ of an image is constant, Tychonov that it decays like
$1/\hat L$:
"""

# %%
noise_power = sigma**2 * u0.numel()
power = {
    "photograph $|û_0|^2$": torch.fft.fft2(u0).abs().square(),
    "ridge's bet": torch.full_like(u0, noise_power / ridge_lam),
    "Tychonov's bet": noise_power / (tychonov_lam * L_hat),
}
xi = torch.fft.fftfreq(size, device=device)
ring = (size * torch.hypot(xi[:, None], xi)).round().long()  # |ξ| in whole multiples of 1/size

# %%
curves = {}
for name, S in power.items():
    rings = [S[ring == radius].mean().item() for radius in range(1, size // 2)]
    curves[name] = (frequencies, rings)
    print(f"{name.split()[0]:10} falls by a factor {rings[0] / rings[99]:.0f} from |ξ| = 1/{size} to 100/{size}")

# %%
figure = plot_curves(curves, "|ξ| (cycles per pixel)", "power, mean over a ring", "log", "log")
show(
    figure,
    "Power of the photograph against frequency: it falls steeply, Tychonov's model less so, ridge's is constant.",
)

# %% [markdown]
r"""
**What to see.** Each point is the mean over a ring of frequencies of the same $|\xi|$. Over two decades the power of
the photograph falls by more than five orders of magnitude, Tychonov's bet by nearly four: not steep enough, but the
right idea. Ridge's does not fall: it is too low for the low frequencies, and too high for the high ones, where the
noise is.

How much could a better bet gain? Bet on the truth, $S = |\hat u_0|^2$, which nobody has. This *oracle* Wiener filter
has the smallest mean square error, over the noise, of all filters that multiply $\hat v$ frequency by frequency: the
ceiling of this section.
"""

# %%
k_hat = kernel_to_transfer(kernel, u0.shape)
bet = noise_power / power["photograph $|û_0|^2$"]
oracle = torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + bet)).real
print(f"ridge {psnr(ridge, u0):.2f} dB, Tychonov {psnr(tychonov, u0):.2f} dB, oracle {psnr(oracle, u0):.2f} dB")

# %% [markdown]
r"""
Tychonov's best λ is 1 dB below the ceiling. To go beyond it, a restoration must not be a filter: notebook 07.

**Question.** For which of the four kernels do ridge and Tychonov differ least? Guess from the transfer functions of
section 3 which values $\hat L$ takes where $|\hat k|^2 \approx \lambda$. Check with the explorer of section 8.
"""

# %% [markdown]
r"""
## 5. Choosing λ

With the true image, look at the PSNR as a function of λ. Without it, use what you know of the noise: the true image
leaves the residual $k * u_0 - v = -w$, of squared norm close to $|\Omega|\sigma^2$. The **discrepancy principle**
chooses λ such that the restored image does the same:

$$ \|k * u_\lambda - v\|^2 = |\Omega|\,\sigma^2 . $$

The left-hand side increases with λ, so bisection finds the solution.
"""


# %%
def discrepancy(lam):
    """Return ‖k * u_λ - v‖² / (|Ω| σ²), 1 when the residual is as large as the noise."""
    residual = blur(tychonov_deblur(v, kernel, lam), kernel) - v
    return residual.square().mean().item() / sigma**2


low, high = 1e-6, 1e2
for _ in range(30):
    middle = math.sqrt(low * high)
    low, high = (middle, high) if discrepancy(middle) < 1 else (low, middle)
discrepancy_lam = middle
blind = tychonov_deblur(v, kernel, discrepancy_lam)

# %%
print(f"with the true image: λ = {tychonov_lam:.4f}, PSNR = {max(tychonov_psnr):.2f} dB, ", end="")
print(f"residual {discrepancy(tychonov_lam):.3f} |Ω|σ²")
print(f"without it:          λ = {discrepancy_lam:.4f}, PSNR = {psnr(blind, u0):.2f} dB, ", end="")
print(f"residual {discrepancy(discrepancy_lam):.3f} |Ω|σ²")

# %%
figure, axes = new_figure(1, 2, height=5.2)
curves = {"Tychonov": (lams, tychonov_psnr), "ridge": (lams, ridge_psnr)}
curves["discrepancy principle"] = ([discrepancy_lam], [psnr(blind, u0)])
plot_curves(curves, "λ", "PSNR (dB)", "log", axis=axes[0, 0])
axes[0, 0].plot([tychonov_lam, ridge_lam], [max(tychonov_psnr), max(ridge_psnr)], "k^", label="maximum")
curves = {"Tychonov": (lams, [discrepancy(lam) for lam in lams]), "as large as the noise": (lams, [1] * len(lams))}
curves["discrepancy principle"] = ([discrepancy_lam], [1])
plot_curves(curves, "λ", "‖k * $u_λ$ − v‖² / (|Ω|σ²)", "log", axis=axes[0, 1])
for axis in axes[0]:
    move_legend(axis, "upper center", (0.5, -0.18))
slide_figure(figure, "deblurring-lambda")

# %% [markdown]
r"""
**What to see.** Each curve has one maximum, inside the plotted range: too little regularization leaves noise, too
much leaves blur. The maximum is flat: λ need not be known to better than a factor of two. The discrepancy principle
errs on the side of smoothness. Reason: $u_\lambda$ has been fitted to $v$, so the residual of the best image is
already smaller than the noise; asking for equality asks for too much smoothing. It cost less than 1 dB here, and did
not look at $u_0$.
"""

# %%
assert lams[0] < tychonov_lam < discrepancy_lam < lams[-1]
assert lams[0] < ridge_lam < lams[-1]
assert max(tychonov_psnr) - psnr(blind, u0) < 1

# %% [markdown]
r"""
**Question.** You believe that σ is 20 % larger than it is: in which direction does λ move, and what happens to the
image? For which *wrong* σ would the discrepancy principle have found the best λ? (The residual printed above tells.)
"""

# %% [markdown]
r"""
## 6. The same minimizer by gradient descent

The closed form exists because $A^TA$ and $\nabla^T\nabla$ are both diagonal in the Fourier domain. Gradient descent
needs neither: only $A$, $A^T$, and a step.

$$ u_{n+1} = u_n - \tau\big(A^T(A u_n - v) + \lambda \nabla^T\nabla u_n\big), \qquad 0 < \tau < \frac2L,
\qquad L = \|A^TA + \lambda\nabla^T\nabla\| \le 1 + 8\lambda . $$

The bound holds because $|\hat k| \le 1$ for a nonnegative kernel of sum 1, and $\hat L \le 8$.
"""

# %% [markdown]
"""
### Exercise 6 — gradient descent (10 min, at home)

Start at the observation, $u = v$, and return the image after $n$ steps. Choose a step that is admissible for all λ,
and not needlessly small.

<details><summary>Hint</summary>
You have everything: <code>blur</code>, <code>blur_adjoint</code>, <code>gradient</code>, <code>gradient_adjoint</code>.
Do not write <code>u -= ...</code> on <code>u = v</code>: this changes the observation.
</details>

`hint("gradient_descent_deblur")` tells more.
"""


# %%
def gradient_descent_deblur(v, kernel, lam, n):
    """Return the n-th iterate of gradient descent on 1/2 ‖k * u - v‖² + (lam/2) ‖∇u‖², starting from v.

    v: image (H, W).  kernel: (h, w), nonnegative, of sum 1.  lam: number > 0.  n: number of steps.
    Returns an image (H, W).  Slide "Optimization for Inverse Problems".
    """
    ### BEGIN SOLUTION
    u, tau = v, 1.9 / (1 + 8 * lam)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u)))
    return u
    ### END SOLUTION


# %%
gradient_descent_deblur = check(gradient_descent_deblur)

# %%
small = load_image("cameraman", 128).to(device)
v_small = add_noise(blur(small, kernel), sigma, torch.Generator().manual_seed(seed))
closed = tychonov_deblur(v_small, kernel, tychonov_lam)
steps = [1, 2, 5, 10, 20, 50, 100, 200, 400]
iterates = [gradient_descent_deblur(v_small, kernel, tychonov_lam, n) for n in steps]
distances = [((u - closed).norm() / closed.norm()).item() for u in iterates]

# %%
hessian = kernel_to_transfer(kernel, small.shape).abs() ** 2
hessian = hessian + tychonov_lam * laplacian_transfer(small.shape, device=device)
alpha, L = hessian.min().item(), hessian.max().item()
g = blur_adjoint(blur(v_small, kernel) - v_small, kernel) - tychonov_lam * laplacian(v_small)
tau = (((v_small - iterates[0]) * g).sum() / (g * g).sum()).item()  # your step, read off your first iterate
factor = max(abs(1 - tau * alpha), abs(1 - tau * L))  # of the error at the frequency that is slowest
start = ((v_small - closed).norm() / closed.norm()).item()
bound = [start * factor**n for n in steps]
print(f"α = {alpha:.4f}, L = {L:.4f}, bound 1 + 8λ = {1 + 8 * tychonov_lam:.4f}, your step τ = {tau:.4f}")
print(f"slowest frequency: error multiplied by {factor:.4f} per step")

# %%
figure, axes = new_figure(1, 2, height=4.6)
curves = {"distance": (steps, distances), "bound from the slowest frequency": (steps, bound)}
plot_curves(curves, "n", "‖$u_n$ − $u_λ$‖ / ‖$u_λ$‖", "log", "log", axis=axes[0, 0])
axes[0, 0].set_ylim(1e-9, 1)
curves = {"descent": (steps, [psnr(u, small) for u in iterates])}
curves["closed form"] = (steps, [psnr(closed, small)] * len(steps))
plot_curves(curves, "n", "PSNR (dB)", "log", axis=axes[0, 1])
for axis in axes[0]:
    move_legend(axis, "upper center", (0.5, -0.18))
show(
    figure, "The distance to the closed form falls to zero, below its bound; the PSNR reaches that of the closed form."
)

# %% [markdown]
r"""
**What to see.** The iterates converge to the closed form. At a frequency where $|\hat k|^2 + \lambda\hat L = h$, each
step multiplies the error by $1 - \tau h$: the small values of $h$ decide. F is strongly convex, with α and L the
extreme values of $h$, so that the distance is at most $\max(|1 - \tau\alpha|, |1 - \tau L|)^n$ times the first one.
The measured curve lies below: most frequencies are faster than the slowest. The lecture's rate,
$\|u_n - u_\lambda\|^2 \le (1 - \tau\alpha)^n \|u_0 - u_\lambda\|^2$ for $\tau < 1/L$, promises half as many digits: it
holds for every strongly convex function, and this one is quadratic.
"""

# %%
ceiling = [1.001 * value + 1e-5 for value in bound]  # 1e-5: what the check of exercise 6 lets pass
assert all(d <= b for d, b in zip(distances, ceiling, strict=True)), "your iterates converge more slowly than they can"

# %% [markdown]
r"""
The gradient $A^T(Au - v)$ was found by hand. Automatic differentiation finds it from $\frac12\|Au - v\|^2$ alone,
without being told $A^T$: a second test of any adjoint.
"""

# %%
u = small.clone().requires_grad_()
data_term = (Blur(kernel, tuple(small.shape))(u) - v_small).square().sum() / 2
(automatic,) = torch.autograd.grad(data_term, u)
by_hand = blur_adjoint(blur(small, kernel) - v_small, kernel)
error = ((automatic - by_hand).norm() / automatic.norm()).item()
print("automatic differentiation and Aᵀ(Au − v) agree:", error < 1e-5)

# %% [markdown]
"""
**Question.** With λ = 0 the descent still runs. What would it converge to, and how long would it take for the Gaussian
kernel? (Notebook 06 answers.)
"""

# %% [markdown]
"""
## 7. The boundary of a real photograph

So far the blur was periodic, and the restoration used the same periodic blur. A camera does not know of periods: near
the border of the frame it records light from *outside* the frame. Here is an honest experiment: blur a larger scene,
add noise, and crop.
"""

# %%
scene = to_gray(load_image("temple")).to(device)  # 400 × 600
recorded = add_noise(blur(scene, kernel), 1 / 255, torch.Generator().manual_seed(seed))
truth, seen = center_crop(scene, size), center_crop(recorded, size)
periodic = add_noise(blur(truth, kernel), 1 / 255, torch.Generator().manual_seed(seed))
lam = 1e-3
crime, naive = tychonov_deblur(periodic, kernel, lam), tychonov_deblur(seen, kernel, lam)
print(f"periodic blur, which no camera makes: PSNR = {psnr(crime, truth):.2f} dB")
print(f"cropped from a larger scene:          PSNR = {psnr(naive, truth):.2f} dB")

# %% [markdown]
r"""
The second number is a disaster, and the picture below shows why: for the periodic model the left border touches the
right one. The jump between them, and the light that came from outside, cannot be explained by any blurred periodic
image; the restoration pays with waves that reach far into the image. Testing a method on data made with its own model
is called an *inverse crime*.

Two cures.

**Mirror.** Extend the observation by reflection to $2H \times 2W$: this image has no jump when it is repeated.
Deblur, and keep the first quarter. Two lines, but a mirrored blurred image is not a blurred image: some waves remain
at the border.

**Mask.** Say the truth: the unknown $u$ lives on a larger grid, and only the pixels of the frame ω are observed,
$v = 1_\omega (k * u) + w$. Minimize $\frac12\|1_\omega(k * u) - v\|^2 + \frac\lambda2\|\nabla u\|^2$. There is
no closed form any more, since $1_\omega$ is not diagonal in the Fourier domain: this is what gradient descent is for
(here in its accelerated form, of notebook 07).
"""

# %%
mirrored = torch.cat([seen, seen.flip(0)], dim=0)
mirrored = torch.cat([mirrored, mirrored.flip(1)], dim=1)
mirror = tychonov_deblur(mirrored, kernel, lam)[:size, :size]

# %%
margin = 32  # more than half of the kernel on each side
frame = torch.nn.functional.pad(torch.ones_like(seen), (margin,) * 4)  # the mask of ω in the larger grid
start = torch.nn.functional.pad(seen[None, None], (margin,) * 4, mode="reflect")[0, 0]
A = Blur(kernel, tuple(start.shape))


def masked_gradient(u):
    """Return ∇F(u) for F(u) = 1/2 ‖frame (k * u) - v‖² + (lam/2) ‖∇u‖²."""
    return A.adjoint(frame * (A(u) - start)) - lam * laplacian(u)


u, _ = accelerated_gradient(masked_gradient, start, 1 / (1 + 8 * lam), 150)
masked = center_crop(u, size)

# %%
texts = ["observed", "periodic model", "cure 1: mirror", "cure 2: mask"]
images = [seen, naive, mirror, masked]
titles = [label(text, u, truth) for text, u in zip(texts, images, strict=True)]
details = [u[120:216, :96] for u in [truth, *images[1:]]]
titles += ["original", "periodic model", "mirror", "mask"]
slide_figure(show_images(images + details, titles, columns=4), "deblurring-boundary")

# %% [markdown]
"""
**What to see.** Upper row: the whole frame; lower row: a detail on its left border. The mirror removes the waves from
the middle of the image; the mask removes them up to the border, and comes close to the inverse crime, whose data
contain the missing light.
"""

# %%
assert psnr(naive, truth) < psnr(mirror, truth) < psnr(masked, truth) < psnr(crime, truth)

# %% [markdown]
r"""
**Question.** Another popular cure, *edge tapering*, replaces the border of the observation by a mixture of it and its
periodic blur, so that the two sides meet. Try it: weights that fall from 1 to 0 over the size of the kernel,
`weight * seen + (1 - weight) * blur(seen, kernel)`. How does it rank among the cures?
"""

# %% [markdown]
r"""
## 8. Explore

Choose the kernel, or draw one with the mouse; choose the noise, the method and λ, and watch the PSNR. The three
methods are *your* functions. The last panel is $|\hat k|$, from $10^{-4}$ (black) to 1 (white).
"""

# %%
explore_deblurring(u0.cpu(), tychonov=tychonov_deblur, ridge=ridge_deblur, inverse=inverse_filter)

# %% [markdown]
"""
The same picture without the controls:
"""

# %%
panels, numbers = deblurring_picture(
    u0.cpu(), kernels["motion 2"].cpu(), sigma, "Tychonov", 0.02, tychonov=tychonov_deblur
)
figure = show_images(list(panels), ["original", "observed", "restored", "transfer function"])
show(figure, "Original, observed and restored photograph, and the transfer function of the kernel.")
print(", ".join(f"{name}: {value:.2f}" for name, value in numbers.items()))

# %% [markdown]
r"""
## What you have learnt

- A blur is $\hat k\,\hat u$; its adjoint is $\overline{\hat k}\,\hat v$; its inverse is unstable wherever $|\hat k|$
  is small, and the amplification of the noise can be computed from $\hat k$ alone.
- Ridge and Tychonov replace $1/\hat k$ by $\overline{\hat k}/(|\hat k|^2 + \lambda)$ and $\overline{\hat k}/(|\hat
  k|^2 + \lambda\hat L)$. The second fits photographs better, because their spectrum decays.
- λ balances noise against blur; knowing σ is enough to choose it reasonably.
- Gradient descent reaches the same minimizer with a step below $2/L$, and still works when there is no closed form:
  for the boundary, you needed it.

**Hand in**: this notebook with the six exercises passed, and your answers to two of the questions, each with one
figure.

**Next**: [06, the pseudo-inverse](06_pseudo_inverse.ipynb) looks at λ → 0 and at what stops an iteration from fitting
the noise. [07, total variation](07_tv_denoising.ipynb) derives $\nabla^T$ and $\hat L$, and deblurs this notebook's
image with a regularization that keeps edges.
"""
