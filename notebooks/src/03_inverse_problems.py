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
# 3. Eight inverse problems

At the end of this notebook you will be able to

- write a forward operator $A$ and its adjoint, real or complex, and prove by a test that they belong together;
- recognise the eight classical inverse problems, and say for each what $A$ loses;
- explain aliasing, streaks, zero filling, and the ambiguities of phase retrieval on a picture;
- say how many measurements a reconstruction needs, and where it breaks down;
- choose the data term that fits the noise: Gaussian or Poisson.

**Slides**: "Inverse Problems", "Classical Inverse Problems", "Super-resolution", "Inpainting", "Inverse problem".

**Time**: reading 50 min (20 in class), exercises 51 min, compute under 1 min on two CPU cores.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u_0$, $u$: image to recover, estimate | `u0`, `u` | `(H, W)`, $d = HW$ pixels | about [0, 1] |
| $A$, $A^*$, $A^+$ | `A(u)`, `A.adjoint(v)`, `A.pinv(v)` | | linear |
| $v = A u_0 + w$: observation | `v` | depends on $A$ | not clipped, may be complex |
| $\sigma$: standard deviation of the noise $w$ | `sigma` | number | for images in [0, 1] |
| $\lambda$, $\varepsilon$: of $\lambda\,\mathrm{TV}_\varepsilon$ | `lam`, `eps` | numbers | ≥ 0, > 0 |

$A^*$ is the adjoint, $A^T$ for a real operator. Computations are in float64.
"""

# %%
import math

import torch

from course_utils.checks import check, hint
from course_utils.explorers.inverse_problems import explore_inverse_problem, inverse_problem_picture
from course_utils.fourier import gaussian_kernel
from course_utils.images import load_image, shepp_logan
from course_utils.metrics import psnr
from course_utils.operators import (
    MRI,
    Blur,
    FourierSampling,
    GaussianMeasurements,
    Identity,
    Mask,
    PhaseRetrieval,
    Radon,
    ZoomOut,
    blur,
    blur_adjoint,
)
from course_utils.plotting import draw_image, move_legend, new_figure, plot_curves, show, show_images
from course_utils.restoration import pseudo_inverse_deblur, tv_restore
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": every computation follows the device of its input
seed = 0
eps = 1e-2  # smoothing of the total variation, everywhere in this notebook
u0 = load_image("cameraman", 128).to(device)
phantom = shepp_logan(128).to(device)  # ellipses of constant gray, the test image of tomography


# %%
def head_slice(name, size):
    """Return a slice of a real head; its gray levels have no unit and are divided by their maximum."""
    u = load_image(name, size).to(device)
    return u / u.max()


def label(text, u, reference):
    """Return a title of two lines, the text and the PSNR of u."""
    return f"{text}\n{psnr(u, reference):.1f} dB"


def noise(shape, sigma, number=0, dtype=torch.float64):
    """Return white Gaussian noise of standard deviation sigma, real or complex."""
    return sigma * torch.randn(shape, generator=torch.Generator().manual_seed(seed + number), dtype=dtype).to(device)


# %% [markdown]
r"""
## 1. One sentence for all of them

$$ v = A u_0 + w . $$

Somebody measures $v$; you want $u_0$. The lecture's table has eight rows: denoising ($A = I$), deconvolution
($Au = k * u$, notebook 04), super-resolution ($A = SB$), inpainting ($A = S$), compressive sensing ($A = SF$, or
Gaussian), MRI ($A = SFD$), tomography ($A = R$), and phase retrieval, $\mathcal A(u) = |Au|^2$, which is not linear.

Whatever the row, the method needs the same two functions: $A$, and its adjoint $A^*$, because the gradient of
$\frac12\|Au - v\|^2$ is $A^*(Au - v)$. The adjoint is defined by

$$ \langle Au, v\rangle = \langle u, A^* v\rangle \quad\text{for all } u, v,
\qquad \langle x, y\rangle = \sum_i x_i\, \overline{y_i}. $$

For a matrix, $A^* = \overline{A}^T$: transposed *and* conjugated. In Fourier measurements the conjugation is not a
detail.
"""

# %% [markdown]
r"""
### Exercise 1 — the dot test (8 min, in class)

Draw Gaussian $u$ and $v$, real or complex as `dtype` says, and return the relative mismatch

$$ \frac{|\langle Au, v\rangle - \langle u, A^*v\rangle|}{\|Au\|\,\|v\|}. $$

For the right adjoint it is about $10^{-16}$. For a wrong one it is almost surely not.

<details><summary>Hint</summary>
⟨x, y⟩ is <code>(x * y.conj()).sum()</code>, for real tensors too; <code>x.norm()</code> is ‖x‖ in any shape.
</details>

`hint("dot_test")` tells more, in three steps: the idea (below), the formula, the first line. Every exercise has such
hints.
"""

# %%
hint("dot_test", 1)


# %%
def dot_test(A, adjoint, u_shape, v_shape, generator, dtype):
    """Return the relative mismatch of <Au, v> and <u, A*v> for random u and v.

    A, adjoint: functions.  u_shape, v_shape: shapes of their arguments.  generator: draws u, then v.
    dtype: torch.float64 or torch.complex128.  Returns a number >= 0.  Slide "Image Restoration by Optimization".
    """
    ### BEGIN SOLUTION
    u = torch.randn(u_shape, generator=generator, dtype=dtype)
    v = torch.randn(v_shape, generator=generator, dtype=dtype)
    Au = A(u)
    mismatch = (Au * v.conj()).sum() - (u * adjoint(v).conj()).sum()
    return (mismatch.abs() / (Au.norm() * v.norm())).item()
    ### END SOLUTION


# %%
dot_test = check(dot_test)

# %% [markdown]
"""
Try it on a complex matrix $M$. Three candidates for its adjoint:
"""

# %%
generator = torch.Generator().manual_seed(seed)
M = torch.randn(40, 30, generator=generator, dtype=torch.complex128)
candidates = {"conjugate transpose": M.mH, "transpose": M.T, "half of it": M.mH / 2}
for name, B in candidates.items():
    mismatch = dot_test(lambda u: M @ u, lambda v, B=B: B @ v, (30,), (40,), generator, torch.complex128)
    print(f"{name:20s} {'passes' if mismatch < 1e-12 else f'fails: {mismatch:.3f}'}")

# %% [markdown]
r"""
**What to see.** Only $\overline M^T$ passes. A test with real $u$ and $v$ on a real operator would not have told the
first two apart.

**Question.** The dot test passed for one random pair. How can one pair replace *all* $u$, $v$ of the definition?
"""

# %% [markdown]
r"""
## 2. Super-resolution: $A = SB$

Subsampling with stride $s$ keeps one pixel out of $s$ in each direction, $u_{\downarrow s}(x, y) = u(sx, sy)$. A camera
with large pixels also blurs, and this is a good thing. The zoom-out operator of the lecture is

$$ Au = (k * u)_{\downarrow s}. $$
"""

# %% [markdown]
r"""
### Exercise 2 — zoom out (4 min, in class)

Filter, then subsample. `blur(u, kernel)` is notebook 04's periodic convolution. $s$ need not divide the sides.
"""


# %%
def blur_and_subsample(u, kernel, s):
    """Return (k * u)(s x, s y).

    u: image (H, W).  kernel: (h, w).  s: stride, integer >= 1.
    Returns an image (ceil(H/s), ceil(W/s)).  Slide "Super-resolution".
    """
    ### BEGIN SOLUTION
    return blur(u, kernel)[::s, ::s]
    ### END SOLUTION


# %%
blur_and_subsample = check(blur_and_subsample)

# %% [markdown]
r"""
### Exercise 3 — its adjoint (5 min, in class)

$(SB)^* = B^* S^*$. Ask what $S^*$ does to an image of few pixels; `blur_adjoint(v, kernel)` is $B^*$.

<details><summary>Hint</summary>
⟨Su, v⟩ = ⟨u, S*v⟩: a pixel of u that S drops does not appear on the left. What is S*v there?
</details>
"""


# %%
def blur_and_subsample_adjoint(v, kernel, s, shape):
    """Return A*v for A u = (k * u)(s x, s y).

    v: image (ceil(H/s), ceil(W/s)).  kernel: (h, w).  s: stride.  shape: (H, W), the size of u.
    Returns an image (H, W).  Slide "Super-resolution".
    """
    ### BEGIN SOLUTION
    u = v.new_zeros(shape)
    u[::s, ::s] = v
    return blur_adjoint(u, kernel)
    ### END SOLUTION


# %%
blur_and_subsample_adjoint = check(blur_and_subsample_adjoint)

# %%
kernel, s = gaussian_kernel(1.5).to(device), 4
mismatch = dot_test(
    lambda u: blur_and_subsample(u, kernel.cpu(), s),  # the test draws on the CPU
    lambda v: blur_and_subsample_adjoint(v, kernel.cpu(), s, (30, 41)),
    (30, 41),
    (8, 11),
    generator,
    torch.float64,
)
assert mismatch < 1e-12
print("your pair passes the dot test on a 30 x 41 image, s = 4")

# %% [markdown]
r"""
Why filter at all? A zone plate, $u(r) = \frac12 + \frac12\cos(c\,r^2)$, has at distance $r$ from its centre the
frequency $c\,r/\pi$ cycles per pixel. On the small grid, nothing above $\frac{1}{2s}$ can be represented.
"""

# %%
x = torch.arange(-64, 64, dtype=torch.float64, device=device)
zone = 0.5 + 0.5 * torch.cos((x[:, None] ** 2 + x**2) * math.pi / 256)
images = []
for u in (zone, load_image("cameraman", 256).to(device)):
    images += [u, u[::s, ::s], blur(u, kernel), blur_and_subsample(u, kernel, s)]
figure = show_images(images, ["original", "subsampled", "filtered", "filtered, subsampled"] * 2, columns=4)
slide_figure(figure, "super-resolution-aliasing")

# %% [markdown]
r"""
**What to see.** Without the filter, rings that are not there appear around false centres: a frequency $\xi$ beyond
$\frac{1}{2s}$ comes back as $\xi - \frac1s$. This is *aliasing*. In the photograph it makes staircases on the tripod.
With the filter the finest rings become gray: most of what cannot be represented is removed instead of disguised. Not
all: at $\frac{1}{2s}$ this Gaussian keeps half of the contrast, and the rings just beyond leave a faint pattern.

In the Fourier domain, one frequency of the small image is the mean of the $s^2$ frequencies that the subsampling
confounds. Hence $AA^*$ is diagonal there when $s$ divides both sides, and $A^+ = A^*(AA^*)^+$ is closed.
"""

# %%
A, sigma = ZoomOut(kernel, tuple(u0.shape), s), 2 / 255
v = A(u0) + noise((32, 32), sigma)
estimates = {"A*v": s**2 * A.adjoint(v), "A⁺v": A.pinv(v), "TV": tv_restore(A, v, 2e-4, eps, 200)}
titles = ["original", "observed, 32 × 32"] + [label(name, u, u0) for name, u in estimates.items()]
show(show_images([u0, v, *estimates.values()], titles), "Cameraman, its small version, adjoint, pseudo-inverse, TV.")
print(f"A A⁺v = v up to {(A(estimates['A⁺v']) - v).abs().max():.0e}")

# %% [markdown]
r"""
**What to see.** $A^+v$ explains the observation exactly, with waves that the image of least norm cannot avoid. Total
variation chooses another image among those that explain $v$ up to the noise, one with straight edges. The texture of
the grass is in neither.

**Question.** $A^*v$ is multiplied by $s^2$ in the figure. Why, and why does the gradient descent not need it?
"""

# %% [markdown]
r"""
## 3. Inpainting: $A = S$

The set $\omega$ of known pixels is given; $Au = u\,1_\omega$. Here $A = A^* = A^+$: all three put zeros in the holes.
"""

# %%
generator = torch.Generator().manual_seed(seed)
random = torch.rand(u0.shape, generator=generator).to(device) > 0.7  # 30 % of the pixels are known
lines, block = torch.ones_like(u0, dtype=torch.bool), torch.ones_like(u0, dtype=torch.bool)
lines[10::12, :] = lines[11::12, :] = lines[:, 20::25] = False
block[40:72, 70:102] = False
masks = {"random, 30 % known": random, "scratches": lines, "a block": block}
observed = [Mask(mask)(u0) for mask in masks.values()]
restored = [tv_restore(Mask(mask), v, 1e-3, eps, 300) for mask, v in zip(masks.values(), observed, strict=True)]
titles = [*masks, "original", *(label("TV", u, u0) for u in restored), ""]
slide_figure(show_images([*observed, u0, *restored, u0], titles, columns=4), "inpainting-problem")

# %% [markdown]
r"""
**What to see.** Scattered holes are filled well even when most pixels are missing: nearly every hole touches a known
pixel. Only what is a pixel or two wide, like the legs of the tripod, breaks into dots. Narrow scratches vanish. A
block of $32 \times 32$ pixels is closed smoothly from its border; nothing says that a hand, the top of a tripod and
a skyline were there. Notebook 08 makes the data a constraint; notebook 02 knows more about textures.

**Question.** The random mask hides 70 % of the pixels, the block 6 %, and the PSNR of the block's restoration is the
higher one. The PSNR averages over *all* pixels: which problem is the harder one for a *missing* pixel?
"""

# %% [markdown]
r"""
## 4. Compressive sensing: fewer measurements than pixels

Take $m < d$ numbers $v = Gu_0$, every one a random mixture of *all* pixels (entries $\mathcal N(0, 1/m)$). $G$ has a
kernel of dimension $d - m$, and $G^+v$ is the solution of least norm. A theorem (Candès, Romberg, Tao 2006, proved
for Fourier coefficients drawn at random; the figure shows the same for $G$) says that an image with few jumps is
nevertheless recovered exactly, with high probability, by minimizing its total variation, as soon as $m$ exceeds a
threshold.
"""

# %%
small = shepp_logan(24).gt(0.15).double().to(device)  # 576 pixels, few jumps
print(f"{small.numel()} pixels, {(small.diff(dim=0) != 0).sum() + (small.diff(dim=1) != 0).sum()} jumps")
shares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8]
least_norm, variation = [], []
for share in shares:
    A = GaussianMeasurements(int(share * small.numel()), (24, 24), torch.Generator().manual_seed(seed))
    v = A(small)  # no noise
    least_norm.append(A.pinv(v))
    variation.append(tv_restore(A, v, 1e-3, 1e-3, 600))

# %%
figure, axes = new_figure(1, 3, height=3.6)
curves = {"TV": (shares, [psnr(u, small) for u in variation])}
curves["least norm"] = (shares, [psnr(u, small) for u in least_norm])
plot_curves(curves, "m / d", "PSNR (dB)", axis=axes[0, 0])
move_legend(axes[0, 0], "upper center", (0.5, -0.25), columns=2)
draw_image(axes[0, 1], least_norm[3], title="least norm, 0.4 d")
draw_image(axes[0, 2], variation[3], title="TV, 0.4 d")
slide_figure(figure, "compressive-sensing-transition")

# %% [markdown]
r"""
**What to see.** The least-norm solution improves slowly: it needs $m = d$. Total variation stays bad, then within a
small range of $m$ becomes nearly perfect. This sudden success is the *phase transition* of compressive sensing. It
needs both: measurements that mix all pixels, and a regularization in which the image is simple.

**Question.** Repeat the experiment in your head with $A = S$ (inpainting, a share $m/d$ of the pixels). What does the
theorem need that $S$ does not have, and on which image does every method fail with probability $1 - m/d$?
"""

# %% [markdown]
r"""
## 5. MRI: $A = SFD$

A scanner measures Fourier coefficients of the image, seen by a coil whose sensitivity $D$ (complex) falls with the
distance, and only at the frequencies of a mask $S$: time is money. $F$ is unitary, `norm="ortho"`; frequency 0 is
entry (0, 0). The lecture's $S$ drops rows of the matrix; here they stay as zeros, so that $v$ keeps the size of the
image.
"""

# %% [markdown]
r"""
### Exercise 4 — the scanner (4 min, in class)

$Au = S F D u$.
"""


# %%
def mri(u, coil, mask):
    """Return S F D u.

    u: image (H, W).  coil: complex (H, W).  mask: boolean (H, W), true where the frequency is measured.
    Returns a complex image (H, W), 0 where mask is false.  Slide "Classical Inverse Problems".
    """
    ### BEGIN SOLUTION
    return mask * torch.fft.fft2(coil * u, norm="ortho")
    ### END SOLUTION


# %%
mri = check(mri)

# %% [markdown]
r"""
### Exercise 5 — its adjoint (5 min, in class)

$(SFD)^* = D^* F^* S^*$. The result is complex.

<details><summary>Hint</summary>
The factors are met in the opposite order: S* on k, then F*, then D*, which multiplies by <code>coil.conj()</code>.
</details>
"""


# %%
def mri_adjoint(k, coil, mask):
    """Return D* F* S* k.

    k: complex (H, W).  coil: complex (H, W).  mask: boolean (H, W).
    Returns a complex image (H, W).  Slide "Classical Inverse Problems".
    """
    ### BEGIN SOLUTION
    return coil.conj() * torch.fft.ifft2(mask * k, norm="ortho")
    ### END SOLUTION


# %%
mri_adjoint = check(mri_adjoint)

# %%
axial, sagittal = head_slice("head_axial", 128), head_slice("head_sagittal", 128)
size = phantom.shape[0]
y = torch.linspace(-1, 1, size, dtype=torch.float64, device=device)
coil = torch.exp(-0.5 * ((y[:, None] + 1) ** 2 + y**2) / 1.5 + 1j * y)  # strongest at the top, with a phase


def scan_mask(acceleration):
    """Return the mask of whole columns: the 12 lowest frequencies and one in `acceleration` at random."""
    frequency = (torch.fft.fftfreq(size) * size).abs()
    chosen = torch.rand(size, generator=torch.Generator().manual_seed(seed)) < 1 / acceleration
    return ((frequency <= 6) | chosen).expand(size, size).to(device)


D, S = coil.cpu(), scan_mask(3).cpu()
assert dot_test(lambda u: mri(u, D, S), lambda k: mri_adjoint(k, D, S), *[(size, size)] * 2,
                generator, torch.complex128) < 1e-12  # fmt: skip

# %% [markdown]
"""
The patient is a slice of a real head (Colin27: 27 scans of one person, averaged; Holmes et al. 1998). One column in
four is drawn at random, and the lowest ones are added:
"""


# %%
def scan(u, acceleration):
    """Return what the scanner measures of u, zero filling, divided by |D|², and the restoration by total variation."""
    A = MRI(coil, scan_mask(acceleration))
    v = A(u) + noise(u.shape, 0.005, dtype=torch.complex128)
    zero_filled = mri_adjoint(v, coil, A.mask).real / coil.abs().square().clamp(min=0.05)
    return v, zero_filled, tv_restore(A, v, 1e-3, eps, 200)


v, zero_filled, u = scan(sagittal, 4)
spectrum = torch.fft.fftshift(v.abs().log10() / 3 + 1)
titles = ["original", f"log |v|, {scan_mask(4).double().mean():.0%} measured"]
titles += [label("zero filling", zero_filled, sagittal), label("TV", u, sagittal)]
figure = show_images([sagittal, spectrum, zero_filled, u], titles)
show(figure, "A slice of a head, its measured Fourier columns, ghosts after zero filling, TV without ghosts.")

# %% [markdown]
r"""
**What to see.** The gray grain between the measured columns is noise, which $A^*$ ignores. Zero filling sets the
missing columns to 0 and inverts: ghosts and waves along the rows, the direction
in which columns are missing. Total variation replaces the zeros by what makes edges sharp. For a real image the
gradient of $\frac12\|Au-v\|^2$ is the real part of $A^*(Au - v)$.

How many lines are enough? A slower scanner measures more. The acceleration on the axis is that of the random draw
alone; the 13 lowest columns are always measured, so that acceleration 4 measures 36 % of the columns, not 25 %. Beside
the head stands the *phantom* of Shepp and Logan (1974), ten ellipses of constant gray, on which new methods are tried:
"""

# %%
accelerations, curves = [8, 6, 4, 3, 2], {}
for name, u in {"phantom": phantom, "head": sagittal}.items():
    results = [scan(u, acceleration)[1:] for acceleration in accelerations]
    zero, clean = zip(*[[psnr(x, u) for x in pair] for pair in results], strict=True)
    curves |= {f"{name}, TV": (accelerations, clean), f"{name}, zero filling": (accelerations, zero)}
    print(f"{name}: at acceleration 4, TV gains {clean[2] - zero[2]:.1f} dB over zero filling")
figure = plot_curves(curves, "acceleration", "PSNR (dB)")
move_legend(figure.axes[0], "upper center", (0.5, -0.25), columns=2)
show(figure, "PSNR against the acceleration: TV is far above zero filling on the phantom, less so on the head.")

# %% [markdown]
r"""
**What to see.** The phantom is exactly what total variation believes in. The folds of the brain are finer, and no two
pixels of a tissue are equal: the gain is a quarter. A method that was only tried on phantoms promises too much.
"""

# %% [markdown]
r"""
**Question.** The mask always contains the lowest frequencies. What would happen without them, and why do
radiologists not notice the loss of the highest ones?
"""

# %% [markdown]
r"""
## 6. Tomography: $A = R$

X-rays cross the body in $n$ directions; each cell of the detector sees the integral of $u$ along a strip. `Radon` holds
the matrix whose entries are the *areas* of the pixels in the strips, without approximation; `adjoint` is its exact
transpose, the *backprojection*: every pixel adds up the cells that saw it.
"""

# %%
angles = torch.arange(60, dtype=torch.float64, device=device) * 3
R = Radon(angles, (size, size))
sinogram = R(phantom)
assert dot_test(R, R.adjoint, (size, size), sinogram.shape, generator, torch.float64) < 1e-12
backprojection = R.adjoint(sinogram)
figure = show_images([phantom, sinogram / sinogram.max(), backprojection / backprojection.max()],
                     ["phantom", "sinogram", "backprojection"], width=8)  # fmt: skip
show(figure, "The phantom, its sinogram of sine curves, and the backprojection, a heavily blurred phantom.")

# %% [markdown]
r"""
**What to see.** A point of the body draws a sine curve. $R^*$ smears each row back along its direction: the sum is the
phantom convolved with $1/|x|$, whose transfer function is $1/|\xi|$. So multiply by $|\xi|$, and since the direction of
$\xi$ is that of the row, do it row by row. This is *filtered backprojection*:

$$ u = \frac{\pi}{n} R^* q, \qquad \hat q_\theta(\omega) = |\omega|\, \hat v_\theta(\omega). $$

It is exact for infinitely many angles. The factor is the step of the integral over $\theta \in [0, \pi)$.
"""


# %%
def backproject(rows, angles):
    """Return R* of rows (n, D), an image (D, D)."""
    return Radon(angles, (rows.shape[1], rows.shape[1])).adjoint(rows)


# %% [markdown]
r"""
### Exercise 6 — filtered backprojection (10 min, in class)

Filter each row by the ramp $|\omega|$, in cycles per cell, then use `backproject(rows, angles)`. A product of spectra
is a *periodic* convolution: pad the rows with zeros to $2D$ cells, or the end of a row acts on its beginning; after
the filter, keep the first $D$ cells.

<details><summary>Hint</summary>
<code>torch.fft.fft(rows, n=2 * D)</code> pads by itself; <code>torch.fft.fftfreq(2 * D)</code> is ω in cycles per cell.
</details>

`hint("filtered_backprojection")` tells more.
"""


# %%
def filtered_backprojection(sinogram, angles):
    """Return the filtered backprojection of a sinogram.

    sinogram: (n, D), one row for each angle.  angles: (n,), degrees, equally spaced over 180.
    Returns an image (D, D).  Slide "Classical Inverse Problems".
    """
    ### BEGIN SOLUTION
    n, D = sinogram.shape
    omega = torch.fft.rfftfreq(2 * D, dtype=sinogram.dtype, device=sinogram.device)
    rows = torch.fft.irfft(omega * torch.fft.rfft(sinogram, n=2 * D), n=2 * D)[:, :D]
    return math.pi / n * backproject(rows, angles)
    ### END SOLUTION


# %%
filtered_backprojection = check(filtered_backprojection)


# %%
def tomograph(u, n):
    """Return the filtered backprojection and the TV restoration of u seen from n angles with noise."""
    angles = torch.arange(n, dtype=torch.float64, device=device) * 180 / n
    R = Radon(angles, (size, size))
    v = R(u) + noise((n, size), 0.2)
    return filtered_backprojection(v, angles), tv_restore(R, v, 0.1, eps, 200)


counts = [8, 15, 30, 60]
filtered, variation = zip(*[tomograph(phantom, n) for n in counts], strict=True)
titles = [label(f"n = {n}, FBP", u, phantom) for n, u in zip(counts, filtered, strict=True)]
titles += [label("TV", u, phantom) for u in variation]
slide_figure(show_images([*filtered, *variation], titles, columns=4), "tomography-angles")

# %% [markdown]
r"""
**What to see.** With few angles, filtered backprojection draws *streaks*: each row is smeared back sharply, and too few
of them meet to cancel. At 60 angles the streaks fade, noise remains, since the ramp amplifies high frequencies. Total
variation knows that the phantom is piecewise constant and needs a fraction of the angles. A patient's dose is
proportional to $n$.

And on a head? The axial slice lies inside the disk that all directions see. (A tomograph would show its bones white;
what matters here is the fine structure.)
"""

# %%
panels, titles = [axial], ["head"]
for n in (15, 60):
    pair = tomograph(axial, n)
    panels += pair
    titles += [label(f"n = {n}, {name}", u, axial) for name, u in zip(("FBP", "TV"), pair, strict=True)]
figure = show_images(panels, titles, columns=5, width=11)
show(figure, "An axial slice; from 15 angles streaks and, by TV, patches; from 60 noise and, by TV, the folds.")

# %% [markdown]
r"""
**What to see.** From 15 angles, total variation removes the streaks and paints the brain in patches: the folds are
lost, and nothing in the picture warns you. From 60 it shows them with less noise than filtered backprojection.
"""

# %%
inside = (phantom > 0.15) & (phantom < 0.25)
exact = filtered_backprojection(sinogram, angles)
print(f"gray inside the phantom: true {phantom[inside].mean():.3f}, filtered backprojection {exact[inside].mean():.3f}")

# %% [markdown]
r"""
**Question.** The printed gray is a little too low, without any noise. At which frequency does the sampled ramp
$|\omega|$ differ most from what it should be?
"""

# %% [markdown]
r"""
## 7. Phase retrieval: $\mathcal A(u) = |Au|^2$

A detector of light counts photons: it sees $b = |Au_0|^2$ and not the phase (here, for a real $A$, the sign) of $Au_0$.
The energy is a polynomial of degree 4, and not convex:

$$ f(u) = \frac14 \sum_i \big(|a_i u|^2 - b_i\big)^2 . $$
"""

# %% [markdown]
r"""
### Exercise 7 — the gradient (10 min, at home)

Show that for a real $u$, $\nabla f(u) = \mathrm{Re}\, A^*\big((|Au|^2 - b)\, Au\big)$, and write it. `A(u)` may be real
or complex: `.abs()` and `torch.real` work for both.
"""


# %%
def phase_retrieval_gradient(u, A, b):
    """Return the gradient of 1/4 sum (|Au|² - b)².

    u: real image.  A: linear operator with A(u) and A.adjoint(v).  b: measured |A u0|².
    Returns a real image.  Slide "Classical Inverse Problems".
    """
    ### BEGIN SOLUTION
    Au = A(u)
    gradient = A.adjoint((Au.abs() ** 2 - b) * Au)
    return torch.real(gradient)
    ### END SOLUTION


# %%
phase_retrieval_gradient = check(phase_retrieval_gradient)

# %% [markdown]
r"""
First the ambiguities. $|A(-u)| = |Au|$: the sign is lost for ever. If $A$ is the Fourier transform, much more is:
"""

# %%
P = PhaseRetrieval(FourierSampling(torch.ones_like(u0, dtype=torch.bool)))
same = {"u": u0, "−u": -u0, "moved": u0.roll((20, 40), (0, 1)), "turned by 180°": u0.flip(0, 1)}
for u in same.values():
    assert torch.allclose(P(u), P(u0))
figure = show_images(list(same.values()), list(same), value_range=(-1, 1))
show(
    figure, "Four images with the same Fourier modulus: the cameraman, its opposite, moved, and turned by 180 degrees."
)

# %% [markdown]
r"""
So take Gaussian measurements, $m = 8d$, on a small image; only the sign remains. Does gradient descent find $\pm u_0$?
It depends on where it starts. The *spectral start* is the leading eigenvector of $\sum_i b_i\, a_i^T a_i$ ($a_i$: row
$i$ of $A$), scaled to the norm $\sqrt{\sum b_i}$: directions $a_i$ that saw much light point towards $\pm u_0$
(Candès, Li, Soltanolkotabi 2015). The
few largest $b_i$ would decide alone; they are cut at five times the mean.
"""

# %%
tiny = load_image("cameraman", 32).to(device) - 0.5  # centred: nothing of it is known beforehand
A = phase_operator = GaussianMeasurements(8 * tiny.numel(), (32, 32), torch.Generator().manual_seed(seed))
b = PhaseRetrieval(A)(tiny)
radius = b.sum().sqrt()
start = noise((32, 32), 1.0, 1)
spectral = start
for _ in range(60):  # power iteration
    spectral = A.adjoint(b.clamp(max=5 * b.mean()) * A(spectral))
    spectral = spectral / spectral.norm() * radius
random = start / start.norm() * radius
tau = 1 / (6 * A.adjoint(b * A(spectral)).norm() / spectral.norm())  # half of 1/L near the solution


# %%
def descend(u, n):
    """Return the relative distances to ±u0 along n steps of gradient descent, and the last iterate."""
    distances = []
    for _ in range(n):
        u = u - tau * phase_retrieval_gradient(u, A, b)
        distances.append((min((u - tiny).norm(), (u + tiny).norm()) / tiny.norm()).item())
    return distances, u


runs = {"spectral start": descend(spectral, 150), "random start": descend(random, 150)}

# %%
figure, axes = new_figure(1, 3, height=3.6)
curves = {name: (range(1, 151), distances) for name, (distances, _) in runs.items()}
plot_curves(curves, "n", "distance to ±$u_0$", y_scale="log", axis=axes[0, 0])
axes[0, 0].set_xticks([0, 50, 100, 150])
move_legend(axes[0, 0], "upper center", (0.5, -0.25))
sign = torch.sign((spectral * tiny).sum())
draw_image(axes[0, 1], sign * spectral, (-0.5, 0.5), title="spectral start")
draw_image(axes[0, 2], sign * runs["spectral start"][1], (-0.5, 0.5), title="150 steps later")
show(
    figure,
    "Distance to plus or minus the image along the descent for two starts; the spectral start is noisy, the end exact.",
)

# %% [markdown]
r"""
**What to see.** The spectral start is a noisy, but recognisable image, and the descent converges, at a constant rate.
The random start first wanders where $f$ is nearly flat, for many steps, before it falls into the basin of one of the
two signs. The picture is multiplied by the right sign here; the data do not know it.

**Question.** $f(0)$ is finite and $\nabla f(0) = 0$. What kind of point is $u = 0$, and why can one not start there?
"""

# %% [markdown]
r"""
## 8. Poisson noise

Noise need not be additive, nor Gaussian. A pixel that expects $u$ photons counts $v \sim \mathrm{Poisson}(u)$: mean
$u$, variance $u$. The brighter, the noisier, but the relative noise $1/\sqrt u$ falls.
"""

# %%
levels, titles, counts = [2, 20, 200], [], []
for photons in levels:
    counted = torch.poisson(photons * u0.cpu(), generator=torch.Generator().manual_seed(seed)).to(device) / photons
    counts.append(counted)
    titles.append(label(f"{photons} photons at white", counted, u0))
slide_figure(show_images([*counts, u0], [*titles, "expected"]), "poisson-noise")

# %% [markdown]
r"""
**What to see.** At 2 photons the dark coat is nearly black: it expects a small fraction of a photon per pixel and
seldom counts one, so that its error is small; the large errors are in the sky. With Gaussian noise they would be the
same everywhere. The PSNR rises by 10 dB when the light is ten times stronger.

The likelihood of $v$ given $u$ is $\prod e^{-u} u^v / v!$. Its negative logarithm, without what does not depend on $u$,
is the data term that replaces $\frac12\|u - v\|^2$.
"""

# %% [markdown]
r"""
### Exercise 8 — the likelihood of counts (5 min, at home)

Write $\sum_x u(x) - v(x) \log u(x)$, where $0 \log 0 = 0$: a dark pixel that counted nothing costs nothing.
"""


# %%
def poisson_fit(u, v):
    """Return the sum of u - v log u.

    u: expected photons, >= 0.  v: counted photons, same shape.
    Returns a number.  Slide "Inverse Problems".
    """
    ### BEGIN SOLUTION
    return (u - torch.xlogy(v, u)).sum()
    ### END SOLUTION


# %%
poisson_fit = check(poisson_fit)

# %% [markdown]
r"""
What is it good for? One unknown is enough to see it. You know the scene $p$ and look for its brightness $a$,
$u = a\,p$. Both minimizers are closed: $\hat a = \sum v / \sum p$ for the likelihood, $\hat a = \sum pv / \sum p^2$ for
least squares. Both are right on average, and their variances are $a/\sum p$ and $a \sum p^3 / (\sum p^2)^2$.
"""

# %%
p, a = load_image("cameraman", 16), 2.0
v = torch.poisson(a * p.expand(2000, 16, 16), generator=torch.Generator().manual_seed(seed))
grid = torch.linspace(1.5, 2.5, 101, dtype=torch.float64)
best = grid[min(range(101), key=lambda i: float(poisson_fit(grid[i] * p, v[0])))]
likelihood, squares = v.sum((1, 2)) / p.sum(), (v * p).sum((1, 2)) / p.square().sum()
print(f"one picture: poisson_fit is least at a = {best:.2f}, the formula says {likelihood[0]:.2f}")
for name, estimate, variance in (("likelihood", likelihood, a / p.sum()),
                                 ("least squares", squares, a * (p**3).sum() / p.square().sum() ** 2)):  # fmt: skip
    print(f"{name:14s} mean {estimate.mean():.2f}, deviation {estimate.std():.3f}, predicted {variance.sqrt():.3f}")

# %% [markdown]
r"""
**What to see.** Least squares trusts all pixels alike, and so gives too much weight to bright pixels, the noisy ones.
The likelihood weighs them by what they know, and its deviation is smaller for the same photons.

**Question.** Expand $u - v\log u$ around $u = v$ to second order. Which weighted least squares do you get, and when is
$\frac12\|u-v\|^2$ good enough?
"""

# %% [markdown]
r"""
## 9. The whole table

One function for every linear row, `tv_restore(A, v, lam, eps, n)`; for phase retrieval, gradient descent. The baseline
is $A^+v$ where it is closed (for deblurring, only at the frequencies where $|\hat k|$ exceeds a tenth of its maximum,
the others hold little but noise), otherwise the classical formula: zero filling, filtered backprojection, the
spectral start.
"""

# %%
photo, brain = load_image("cameraman", 64).to(device), head_slice("head_sagittal", 64)
shape = tuple(photo.shape)
angles = torch.arange(30, dtype=torch.float64, device=device) * 6
generator = torch.Generator().manual_seed(seed)
known = torch.rand(shape, generator=generator).to(device)
radial = torch.fft.fftfreq(64).abs().to(device)
sampled = known < torch.exp(-6 * (radial[:, None] + radial)) + 0.1
coil64 = torch.exp(-0.5 * torch.linspace(0, 1.5, 64, dtype=torch.float64, device=device)[:, None].expand(shape) + 0.5j)
columns = (radial < 0.08) | (torch.rand(64, generator=generator).to(device) < 0.3)

# %%
rows = {  # name: image, operator, noise, lambda
    "denoise": (photo, Identity(), 0.1, 0.08),
    "deblur": (photo, Blur(gaussian_kernel(1.2).to(device), shape), 0.01, 1e-3),
    "zoom": (photo, ZoomOut(gaussian_kernel(0.8).to(device), shape, 2), 0.01, 1e-3),
    "inpaint": (photo, Mask(known > 0.6), 0.01, 5e-3),
    "Fourier": (photo, FourierSampling(sampled), 0.01, 5e-3),
    "MRI": (brain, MRI(coil64, columns.expand(shape)), 0.01, 5e-3),
    "CT": (shepp_logan(64).to(device), Radon(angles, shape), 0.2, 0.1),
}


# %%
def baseline(name, A, v):
    """Return the classical formula of a row of the table."""
    if name == "MRI":
        return A.adjoint(v).real / coil64.abs().square()
    if name == "CT":
        return filtered_backprojection(v, angles)
    return pseudo_inverse_deblur(v, A.kernel, 0.1) if name == "deblur" else A.pinv(v).real


def as_picture(v):
    """Return what is shown of an observation: log-moduli of spectra, sinograms divided by their maximum."""
    return torch.fft.fftshift(v.abs().clamp(min=1e-3).log10() / 3 + 1) if v.is_complex() else v / v.max().clamp(min=1)


# %%
panels = []
for name, (u, A, sigma, lam) in rows.items():
    clean = A(u)
    v = clean + noise(clean.shape, sigma, dtype=clean.dtype)
    back = A.adjoint(v).real
    panels.append([u, as_picture(v), back / back.max(), baseline(name, A, v), tv_restore(A, v, lam, eps, 200)])
sign = torch.sign((spectral * tiny).sum())
squared = (b / b.max()).sqrt().reshape(64, 128)
A_b = phase_operator.adjoint(b)
phases = [tiny, squared, A_b / A_b.abs().max(), sign * spectral, sign * runs["spectral start"][1]]
panels.append([u if i == 1 else u + 0.5 for i, u in enumerate(phases)])

# %%
names = [*rows, "phase"]
for name, (u, v, back, base, best) in zip(names, panels, strict=True):
    titles = [name, "v", "A*v", label("baseline", base, u), label("descent" if name == "phase" else "TV", best, u)]
    show(
        show_images([u, v, back, base, best], titles, width=9), f"{name}: original, observation, adjoint, baseline, TV."
    )

# %%
order = [panel[i] for i in (1, 3, 4) for panel in panels]
titles = names + [f"{psnr(panel[i], panel[0]):.1f}" for i in (3, 4) for panel in panels]
slide_figure(show_images(order, titles, columns=8), "inverse-problems-table")

# %% [markdown]
r"""
**What to see.** From top to bottom: observation, baseline, total variation (for phase retrieval: descent), with the
PSNR in dB. The same prior and the same twenty lines of code improve every linear row. What differs is what $A$
loses: high frequencies, pixels, random frequencies, directions, or the phase.

**Question.** Sort the seven linear rows by $\dim \ker A$, and by the gain of TV over the baseline. Why are the two
orders different?
"""

# %% [markdown]
r"""
## 10. Explore

Choose the operator, its strength, the noise and the method. For phase retrieval the method TV is gradient descent.
"""

# %%
explore_inverse_problem()

# %% [markdown]
"""
The same picture without the controls:
"""

# %%
picture, numbers = inverse_problem_picture("tomography", 0.7, 0.02, "TV")
figure = show_images([picture])
show(figure, "Original, observation and restoration of the phantom from few angles, side by side.")
print(", ".join(f"{name}: {value if isinstance(value, str) else f'{value:.1f}'}" for name, value in numbers.items()))

# %% [markdown]
r"""
## What you have learnt

- $v = Au_0 + w$ needs two functions, $A$ and $A^*$, and the dot test says in one line whether they belong together.
- Subsample only after a filter. $A^+$ explains the data with the image of least norm, which is rarely the right one.
- Random measurements and a prior in which the image is simple: recovery is sudden, at a number of measurements far
  below $d$.
- $R^*$ blurs, the ramp sharpens, few angles make streaks. MRI is Fourier sampling with a coil.
- Without phases the problem is not convex: a good start decides. Counts deserve the likelihood of counts.

**Hand in**: this notebook with the eight exercises passed, your answers to two questions, and one figure: an operator
of your own (it passes the dot test) with its restoration by `tv_restore`.

**Next**: [04, deblurring](04_deblurring.ipynb) takes one row of the table apart; notebook 08 puts the data into a
constraint.
"""
