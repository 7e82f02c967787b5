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
# 17. Restoration with a diffusion as prior

At the end of this notebook you will be able to

- say which term a diffusion lacks to draw images that explain what was seen, and compute it exactly for Gaussian faces;
- replace it by what a network allows: known pixels put back, DPS, ΠGDM, and say by a number how wrong each is;
- restore digits from half their pixels, a blur, or moduli without phases, several times each, and read what is certain;
- plug a denoiser of photographs into proximal gradient, and compare it with total variation.

**Slides**: "Diffusion posterior sampling", "Inpainting", "Super-resolution".

**Time**: reading 35 min (15 in class), exercises 45 min, compute about 80 s on two CPU cores.

**Before this**: notebook 16 (denoisers, DDPM steps), notebook 01 (`condition`), notebooks 07 and 08 (total
variation).
"""

# %% [markdown]
r"""
| symbol | name in the code | shape | range |
| --- | --- | --- | --- |
| $x_0$, image | `x0` | `(n, ...)` | about $[-1, 1]$: $x = 2u - 1$ |
| $x_t$, noisy image at time $t$ | `x` | as $x_0$ | $t$ from 0, images, to 1, noise |
| $s < t$, an earlier time | `s` | number | |
| $\bar\alpha(t)$ | `alpha_bar(t)` | number | from 1 to 0 |
| $\hat\varepsilon(x, t)$, estimate of the noise | `denoiser(x, t)` | as $x_0$ | |
| $\hat x_0$, estimate of the image | `denoised(x, t, noise)` | as $x_0$ | |
| $A$, $v = Ax_0 + \sigma n$ | `A`, `v` | a batch of observations | |
| $\zeta$, step of DPS | `zeta` | number | $\geq 0$ |
| $\omega$, seen pixels | `mask` | boolean | true where seen |
"""

# %%
import torch

from course_utils.adversarial import invert, load_digit_generator
from course_utils.checks import check, hint
from course_utils.data import load_faces, load_kernel, load_square_digits
from course_utils.diffusion import alpha_bar, ddpm_step, denoised, diffuse, gaussian_score, load_unet
from course_utils.explorers.diffusion_restoration import completion_picture, explore_completions
from course_utils.features import load_digit_classifier
from course_utils.fourier import gaussian_kernel
from course_utils.gaussian import condition, fit_gaussian, project
from course_utils.images import load_image, zoom_out
from course_utils.metrics import psnr
from course_utils.operators import Blur, Mask, ZoomOut
from course_utils.plotting import draw_image, new_figure, paper, show, show_images
from course_utils.posterior import conjugate_gradient, load_dncnn, reverse_process
from course_utils.restoration import project_known, tv_inpaint, tv_restore
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
## 1. The missing term

A diffusion draws from $p(x_0)$, because it knows the score $\nabla\log p_t(x)$: that is $-\hat\varepsilon(x, t)$ over
$\sqrt{1 - \bar\alpha}$ (notebook 16). You have seen $v = Ax_0 + \sigma n$ and want to draw from $p(x_0 \mid v)$. Run
the same reverse process with the score of $x_t$ given $v$. By Bayes' formula

$$\nabla \log p_t(x \mid v) = \nabla \log p_t(x) + \nabla_x \log p(v \mid x_t = x).$$

The first term is the network, whatever $A$ is: one prior for all inverse problems. The second is the difficulty. From
$x_t$ to $v$ the way leads through $x_0$, which $x_t$ does not determine:

$$p(v \mid x_t) = \int p(v \mid x_0)\, p(x_0 \mid x_t)\, dx_0 .$$

All methods of this notebook use the same $\hat x_0$, the mean of $p(x_0 \mid x_t)$, and differ in what they take for
its spread.

## 2. Where the answer is known

Begin where nothing must be approximated: the Gaussian model of faces of notebook 01, of small faces, 28 × 23 pixels,
60 axes. The images are centred, in a unit in which the variance of a pixel is 1 on average: what section 5 will
suppose.
"""

# %%
faces, people = load_faces()
small = zoom_out(faces, 4).to(device)
H, W = small.shape[1:]
middle = small[people < 30].flatten(1).mean(dim=0)
unit = (small[people < 30].flatten(1) - middle).square().mean().sqrt()
coded = (small.flatten(1) - middle) / unit
mean, axes, variances = fit_gaussian(coded[people < 30])
model = (mean, axes[:, :60], variances[:60])
print(f"{len(coded[people < 30])} faces, {H * W} pixels; 60 axes hold {variances[:60].sum() / variances.sum():.0%}")

# %% [markdown]
r"""
A face that the model has not seen (projected on its axes: the model is right by construction). You see its upper
half, with noise of standard deviation 0.3. Notebook 01's `condition` returns the posterior, $\mathcal N(m, FF^T)$,
exactly.
"""

# %%
sigma_face = 0.3
face = project(coded[people >= 30][3], mean, axes, 60)
mask = torch.arange(H * W, device=device) < (H // 2) * W
v_face = (face + sigma_face * normal(face.shape, seeded(), face.dtype)) * mask
m, F = condition(v_face, mask, model, sigma_face)
deviation = F.norm(dim=1)
print(f"standard deviation of a pixel given v: seen {deviation[mask].mean():.2f}, hidden {deviation[~mask].mean():.2f}")

# %% [markdown]
r"""
### Exercise 1 — the exact score given v (10 min, in class)

Given $v$ the face is $\mathcal N(m, FF^T)$: another Gaussian. Notebook 16's `gaussian_score(x, t, model)` wants a
model: a mean, orthonormal axes in columns, variances along them. $F$ is of shape `(d, r)`; its columns are not
orthogonal.

<details><summary>Hint</summary>
The singular value decomposition of F has orthonormal axes: <code>torch.linalg.svd(F, full_matrices=False)</code>.
</details>

`hint("posterior_score_gaussian")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("posterior_score_gaussian", 1)


# %%
def posterior_score_gaussian(x, t, v, mask, sigma, model):
    """Return the score of x_t given v, exactly, when x_0 ~ N(μ, E Λ Eᵀ) and v = x_0 + σ n where mask is true.

    x: (..., d).  t: time, in ]0, 1[.  v, mask: (d,).  sigma: σ.  model: (mean, eigenvectors, eigenvalues).
    Returns (..., d).  Slide "Diffusion posterior sampling".
    """
    ### BEGIN SOLUTION
    m, F = condition(v, mask, model, sigma)
    axes, s, _ = torch.linalg.svd(F, full_matrices=False)
    return gaussian_score(x, t, (m, axes, s**2))
    ### END SOLUTION


# %%
posterior_score_gaussian = check(posterior_score_gaussian)

# %% [markdown]
r"""
`reverse_process(step, x, steps)` begins with noise $x$ at $t = 0.99$ and does `x = step(x, t, s)` down to
$t = 0.001$, in equal steps of time. Run it with this score for 100 faces, and look how far the drawn ones are from
the exact posterior: the error of their mean in units of the posterior's standard deviation, and their variance over
the exact one.
"""

# %%
source, drawn = seeded(), {}
start = normal((100, 1, H * W), source, face.dtype)  # one row of pixels an image
A_face, v_faces = Mask(mask[None]), v_face.expand(100, 1, H * W)


def exact_step(x, t, s):
    """Draw x_s with the exact score of x_t given v."""
    noise = -(1 - alpha_bar(t)).sqrt() * posterior_score_gaussian(x, t, v_face, mask, sigma_face, model)
    return ddpm_step(x, t, s, noise, normal(x.shape, source, x.dtype))


drawn["exact score"] = reverse_process(exact_step, start, 100)[:, 0]


# %%
def report(name):
    """Print how far the drawn faces are from the exact posterior."""
    x = drawn[name]
    error = (x.mean(dim=0) - m)[~mask].square().mean().sqrt() / deviation[~mask].square().mean().sqrt()
    ratio = [(x.var(dim=0)[part].mean() / deviation[part].square().mean()).item() for part in (mask, ~mask)]
    residual = (x - v_face)[:, mask].norm(dim=1).mean() / (sigma_face * mask.sum().sqrt())
    print(f"{name:12s}  mean off by {error:.1f} deviations; variance over the exact one: seen {ratio[0]:.1f}, ", end="")
    print(f"hidden {ratio[1]:.1f}; residual {residual:.2f} σ")


report("exact score")

# %% [markdown]
r"""
With the exact score, 100 steps draw from the exact posterior, up to the precision of a mean over 100 faces. What is
wrong from here on is wrong because of the score, not of the steps.

The last number is the **consistency** $\|Ax - v\| / (\sigma\sqrt m)$, $m$ the number of observations. The true image
has 1, as $v - Ax_0 = \sigma n$. A draw of the posterior has about 1 when the observations are many.

## 3. The naive way

Draw from the prior, and at each step put the known pixels in their place, with the noise of that time.

### Exercise 2 — put back what is known (4 min, in class)

<details><summary>Hint</summary>
<code>diffuse(v, t, noise)</code> brings v to time t; <code>torch.where</code> chooses pixel by pixel.
</details>

`hint("replace_known")` tells more.
"""


# %%
def replace_known(x, t, v, mask, noise):
    """Return x_t with the known pixels, where mask is true, replaced by those of v at time t.

    x, v, noise: (n, ..., H, W).  t: time.  mask: (H, W).  noise: standard normal.
    Slide "Inpainting".
    """
    ### BEGIN SOLUTION
    return torch.where(mask, diffuse(v, t, noise), x)
    ### END SOLUTION


# %%
replace_known = check(replace_known)


# %%
def face_denoiser(x, t):
    """Return the noise of x_t, exactly, for the model of faces without any observation."""
    return -(1 - alpha_bar(t)).sqrt() * gaussian_score(x, t, model)


def replacing_step(x, t, s):
    """Put the known pixels back, then draw x_s as if nothing had been seen."""
    x = replace_known(x, t, v_faces, mask[None], normal(x.shape, source, x.dtype))
    return ddpm_step(x, t, s, face_denoiser(x, t), normal(x.shape, source, x.dtype))


drawn["replaced"] = reverse_process(replacing_step, start, 100)[:, 0]
report("replaced")

# %% [markdown]
r"""
The hidden half does listen to the seen one, but too late: at large $t$ what is put back is nearly noise, and when it
becomes clear, the hidden half has been decided. The mean there is off by more than a standard deviation.

**Question.** What would you see at the border between the two halves of a photograph?
"""

# %% [markdown]
r"""
## 4. Diffusion posterior sampling

Chung et al. (2023) replace $p(x_0 \mid x_t)$ by its mean, as if $\hat x_0(x_t)$ were certain. Then
$\nabla_x \log p(v \mid x_t)$ becomes $-\frac1{2\sigma^2}\nabla_x\|v - A\hat x_0(x)\|^2$, a gradient *through the
network*: it moves the whole image, not the seen pixels alone, and $A$ need not be linear. The factor $1/2\sigma^2$ is
far too large at the beginning, when $v - A\hat x_0$ is of the size of what $\hat x_0$ does not know yet, and not of
$\sigma$. So they divide the gradient of the square by $\|v - A\hat x_0\|$. What is left is the gradient of the
**norm, not of its square**,

$$x_s = \text{(DDPM step from } x_t) - \zeta\, \nabla_x \big\|v - A\hat x_0(x_t)\big\| ,$$

and a step size $\zeta$ that you must choose. (Their step is $\zeta/2$, because
$\nabla\|r\|^2 / \|r\| = 2\nabla\|r\|$.)

### Exercise 3 — the gradient of DPS (10 min, in class)

A batch has one norm for each image; the gradient of their sum is each image's own.

<details><summary>Hint</summary>
Begin with <code>x = x.detach().requires_grad_()</code>, end with <code>torch.autograd.grad(number, x)[0]</code>.
</details>

`hint("dps_gradient")` tells more.
"""


# %%
def dps_gradient(x, t, A, v, denoiser):
    """Return the gradient in x of ‖v − A x̂_0(x)‖, image by image.

    x: (n, ...).  t: time.  A: function of a batch.  v: (n, ...), of the shape of A(x).  denoiser: (x, t) → ε̂.
    Slide "Diffusion posterior sampling".
    """
    ### BEGIN SOLUTION
    x = x.detach().requires_grad_()
    x0 = denoised(x, t, denoiser(x, t))
    norms = (v - A(x0)).flatten(1).norm(dim=1)
    return torch.autograd.grad(norms.sum(), x)[0]
    ### END SOLUTION


# %%
dps_gradient = check(dps_gradient)

# %% [markdown]
r"""
### Exercise 4 — a step of DPS (5 min, in class)

Use `ddpm_step(x, t, s, noise, z)`; draw $z$ like $x$, `torch.randn(x.shape, generator=generator)`, from the generator
that is passed. The network is asked twice, once in your gradient: a third more time than needed, and easier to read.

<details><summary>Hint</summary>
The gradient is taken at x_t and at time t, and subtracted from the result of the step.
</details>

`hint("dps_step")` tells more.
"""


# %%
def dps_step(x, t, s, A, v, denoiser, zeta, generator):
    """Return x_s = (DDPM step from x_t) − ζ ∇_x ‖v − A x̂_0(x_t)‖.

    x: (n, ...).  t, s: times, s < t.  A, v, denoiser: as in dps_gradient.  zeta: ζ ≥ 0.  generator: draws z.
    Slide "Diffusion posterior sampling".
    """
    ### BEGIN SOLUTION
    gradient = dps_gradient(x, t, A, v, denoiser)
    z = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
    with torch.no_grad():
        return ddpm_step(x, t, s, denoiser(x, t), z) - zeta * gradient
    ### END SOLUTION


# %%
dps_step = check(dps_step)


# %%
def face_step(zeta):
    """Return the step of DPS with step size ζ, for the faces."""
    return lambda x, t, s: dps_step(x, t, s, A_face, v_faces, face_denoiser, zeta, source)


for zeta in (0.1, 1.0, 3.0):
    drawn[f"DPS, ζ = {zeta:g}"] = reverse_process(face_step(zeta), start, 100)[:, 0]
    report(f"DPS, ζ = {zeta:g}")

# %% [markdown]
r"""
A small $\zeta$ listens too little; a large one draws images that are too sure of themselves, above all where $v$ is
known: the variance there is a small part of the exact one. No $\zeta$ makes both right, and you had the exact answer
to choose by.

## 5. Pseudo-inverse guidance

Song et al. (2023) give $x_0$ a spread around $\hat x_0$: $p(x_0 \mid x_t) \approx \mathcal N(\hat x_0, r^2 I)$ with
$r^2 = 1 - \bar\alpha(t)$, what it is for white images of variance 1. For a linear $A$ then
$v \sim \mathcal N(A\hat x_0, r^2AA^T + \sigma^2I)$, and with $J = \partial\hat x_0/\partial x$

$$\nabla_x\log p(v \mid x_t = x) \approx J^TA^T\,(r^2AA^T + \sigma^2I)^{-1}(v - A\hat x_0) .$$

No $\zeta$; $\sigma$ must be known. (For $\sigma = 0$ the product $A^T(AA^T)^{-1}$ is $A^+$: hence ΠGDM,
*pseudo-inverse guided diffusion model*.)

### Exercise 5 — the guidance of ΠGDM (12 min, at home)

`conjugate_gradient(apply, b)` solves $Mw = b$, where `apply(w)` returns $Mw$. $J^Ty$ needs no matrix $J$: it is the
gradient in $x$ of $\langle y, \hat x_0(x)\rangle$ with $y$ held constant.

<details><summary>Hint</summary>
Solve for w with <code>.detach()</code>, then differentiate <code>(w * A(x0)).sum()</code>.
</details>

`hint("pigdm_guidance")` tells more.
"""


# %%
def pigdm_guidance(x, t, A, v, sigma, denoiser):
    """Return Jᵀ Aᵀ (r² A Aᵀ + σ² I)⁻¹ (v − A x̂_0), with r² = 1 − ᾱ(t) and J the derivative of x̂_0 in x.

    x: (n, ...).  t: time.  A: linear operator, A(x) and A.adjoint(v).  v: (n, ...).  sigma: σ > 0.
    denoiser: (x, t) → ε̂.  Slide "Diffusion posterior sampling".
    """
    ### BEGIN SOLUTION
    x = x.detach().requires_grad_()
    x0 = denoised(x, t, denoiser(x, t))
    r2 = 1 - alpha_bar(t).item()
    w = conjugate_gradient(lambda w: r2 * A(A.adjoint(w)) + sigma**2 * w, (v - A(x0)).detach())
    return torch.autograd.grad((w * A(x0)).sum(), x)[0]
    ### END SOLUTION


# %%
pigdm_guidance = check(pigdm_guidance)


# %%
def pigdm_step(x, t, s, A, v, sigma, denoiser):
    """Return a DDPM step with the score of x_t plus the guidance g: its noise is ε̂ − √(1 − ᾱ) g."""
    g = pigdm_guidance(x, t, A, v, sigma, denoiser)
    noise = denoiser(x, t) - (1 - alpha_bar(t)).sqrt().to(x) * g
    return ddpm_step(x, t, s, noise, normal(x.shape, source, x.dtype))


drawn["ΠGDM"] = reverse_process(
    lambda x, t, s: pigdm_step(x, t, s, A_face, v_faces, sigma_face, face_denoiser), start, 100
)[:, 0]
report("ΠGDM")

# %%
names = ["exact score", "replaced", "DPS, ζ = 1", "ΠGDM"]
faces_shown = [middle + unit * x for x in (face, v_face, m)]
errors = [(drawn[name].mean(dim=0) - m) / deviation for name in names]
spreads = [deviation, *(drawn[name].std(dim=0) for name in names)]

# %%
fig, panels = new_figure(2, 6, 10.0, 4.6)
titles = ["$x_0$", "$v$", "exact $m$"]
for axis, x, title in zip(panels[[0, 0, 1], [0, 1, 0]], faces_shown, titles, strict=True):
    draw_image(axis, x.reshape(H, W), title=title)
for axis, x, title in zip(panels[0, 2:], errors, names, strict=True):
    draw_image(axis, x.reshape(H, W), (-3.0, 3.0), color_map="RdBu_r", title=title)
for axis, x, title in zip(panels[1, 1:], spreads, ["exact s.d.", *["s.d."] * 4], strict=True):
    draw_image(axis, x.reshape(H, W), (0.0, 0.7), color_map="cividis", title=title)
slide_figure(fig, "dps-against-exact")

# %% [markdown]
r"""
**What to see.** Above, the face, what is seen of it, and for each method how far the mean of its draws is from $m$,
from $-3$ (blue) to 3 (red) standard deviations. Below, $m$, and the standard deviation of each pixel, dark where it
is certain. Only the exact score has both right.

The three approximations differ in one thing, the covariance $C_t$ of $x_0$ given $x_t$. Exactly, it is
$E\,\mathrm{diag}\big(\lambda(1-\bar\alpha)/(\bar\alpha\lambda + 1 - \bar\alpha)\big)E^T$: large along the 60 axes,
zero across them. DPS takes $0$ (and a $\zeta$ for what is then missing), ΠGDM $r^2I$: it believes that a seen pixel
says nothing about its neighbours, and trusts a mean over a cheek as little as one pixel.

**Question.** For which Gaussian model is ΠGDM exact? Is that a model of images?
"""

# %% [markdown]
r"""
## 6. Digits

Now the prior is the network of notebook 16, trained on 4,500 digits, without their class, and the images are digits
that it has not seen. Five observations, with $\sigma = 0.05$ (images have values in $[-1, 1]$): the lower half
hidden, 85 % of the pixels missing, four times fewer rows and columns, a blur, and, not linear, the **moduli** of the
Fourier transform without their phases (phase retrieval; the image is $u = (x + 1)/2$ in a black frame twice as wide).
"""

# %%
net = load_unet("digit_diffusion").to(device)
x0 = load_square_digits(450, 500)[0].to(device)[[3 * 50 + 3, 4 * 50 + 5, 8 * 50 + 2]]
sigma, steps, count = 0.05, 50, 4  # draws of each digit


def moduli(x):
    """Return |F u|, 64 × 64 moduli, of u = (x + 1) / 2."""
    return torch.fft.fft2((x + 1) / 2, s=(64, 64), norm="ortho").abs()


# %%
upper = torch.arange(32, device=device)[:, None].expand(32, 32) < 16
few = torch.rand(32, 32, generator=seeded(1)).to(device) < 0.15
operators = {"half hidden": Mask(upper), "85 % missing": Mask(few)}
operators["4 times smaller"] = ZoomOut(torch.full((4, 4), 1 / 16, device=device), (32, 32), 4)
operators |= {"blurred": Blur(gaussian_kernel(2.0).float().to(device), (32, 32)), "moduli": moduli}
zetas = dict(zip(operators, (0.8, 1.5, 2.5, 1.5, 3.0), strict=True))

# %%
noises = dict(zip(operators, (sigma, sigma, sigma, sigma, sigma / 5), strict=True))  # moduli are small numbers
observed = {}
for name, A in operators.items():
    v = A(x0) + noises[name] * normal(A(x0).shape, seeded(2))
    observed[name] = A(v) if isinstance(A, Mask) else v  # nothing is measured where pixels are hidden


def consistency(x, name):
    """Return ‖Ax − v‖ / (σ √m), one number for each image; images are draws of the digits in turn."""
    A, v = operators[name], observed[name].repeat(len(x) // len(x0), 1, 1, 1)
    m = A.mask.sum() if isinstance(A, Mask) else v[0].numel()
    return (A(x) - v).flatten(1).norm(dim=1) / (noises[name] * m**0.5)


# %% [markdown]
r"""
Four draws of each digit for each observation, in 50 steps. Only $\zeta$ was chosen for each problem (section 8).
"""


# %%
def restore(name, zeta, count=count):
    """Return draws of the three digits given their observation, by DPS."""
    v, source = observed[name].repeat(count, 1, 1, 1), seeded(3)

    def step(x, t, s):
        return dps_step(x, t, s, operators[name], v, net, zeta, source)

    return reverse_process(step, normal((count * len(x0), 1, 32, 32), source), steps)


# %%
restored = {name: restore(name, zetas[name]) for name in operators}


# %%
def picture(rows):
    """Return rows of images over [-1, 1] as one picture over [0, 1], with a line of paper under each."""
    shown = [(torch.cat(list(x), dim=-1)[0].clamp(-1, 1) + 1) / 2 for x in rows]
    return torch.cat([torch.nn.functional.pad(x, (0, 0, 0, 1), value=paper()) for x in shown])


def visible(v, name):
    """Return an observation as images of 32 × 32 over [-1, 1]; moduli as their logarithms, frequency 0 in a corner."""
    if name == "moduli":
        v = v[..., :32, :32].clamp(min=1e-3).log10() / 2 + 0.5
    return torch.nn.functional.interpolate(v, size=32)


# %% tags=["picture-by-statistics"] reason="50 passes of a network amplify rounding: the next cells assert what counts"
tiles = []
for name, x in restored.items():
    tiles.append(picture([x0, visible(observed[name], name), x[:3], x[3:6]]))
titles = ["half hidden\n", "85 %\nmissing", "4 times\nsmaller", "blurred\n", "moduli\n"]
slide_figure(show_images(tiles, titles), "dps-restoration")

# %% [markdown]
r"""
**What to see.** From top to bottom: the digit, what is observed, and two draws. One network, trained for none of
these problems, restores them all. Most draws are clean digits; not all are the right one: where the data leave
a choice, DPS chooses. Moduli are the hardest: they are the same for an image that is moved or turned by 180°, and
between these solutions a descent may get lost.

## 7. Several draws

A restoration method that returns one image hides what it does not know. Four draws of the 4, and their mean and
standard deviation:
"""

# %% tags=["picture-by-statistics"] reason="50 passes of a network amplify rounding: the next cell asserts what counts"
columns = [[] for _ in range(8)]
for name in list(operators)[:4]:
    draws = restored[name][1::3]
    shown = [x0[1], visible(observed[name], name)[1], *draws, draws.mean(dim=0), 2 * draws.std(dim=0) - 1]
    for column, x in zip(columns, shown, strict=True):
        column.append([x])
titles = ["$x_0$", "$v$", "draws", "", "", "", "mean", "s.d."]
slide_figure(show_images([picture(column) for column in columns], titles), "posterior-samples")

# %% tags=["nbval-ignore-output"] reason="a network run 50 times amplifies rounding; the next cell asserts what counts"
half = operators["half hidden"].mask
spread = torch.stack([restored["half hidden"][k::3].std(dim=0)[0] for k in range(3)])
print(f"half hidden, standard deviation: seen {spread[:, half].mean():.3f}, hidden {spread[:, ~half].mean():.3f}")
for name, x in restored.items():
    print(f"{name:16s} ‖Ax − v‖ / (σ√m): " + " ".join(f"{value:5.2f}" for value in consistency(x, name)))

# %%
print("the draws differ where nothing is seen:", bool(spread[:, ~half].mean() > 3 * spread[:, half].mean()))
linear = torch.cat([consistency(restored[name], name) for name in list(operators)[:4]])
explained = ((linear > 0.4) & (linear < 2.5)).float().mean().item()
print("linear problems, residual between 0.4 σ and 2.5 σ for most draws:", explained > 0.8)

# %% [markdown]
r"""
**What to see.** Where pixels are seen the draws agree; they differ in the hidden half, and at the contours when the
digit was made smaller. The mean is blurred where they differ, and is no digit. The residuals are of the size of the
noise. With moduli the residual alone tells which draws have failed, those above $2\sigma$: without knowing
$x_0$ you may draw again and keep the best.

**Question.** A doctor is shown one draw, sharp and without a trace of doubt. What should be shown instead?
"""

# %% [markdown]
r"""
## 8. The step size

The same three digits, four times smaller, with other $\zeta$.
"""

# %% tags=["picture-by-statistics"] reason="50 passes of a network amplify rounding: the next cell asserts what counts"
name = "4 times smaller"
trials = {zeta: restore(name, zeta, count=1) for zeta in (0.05, 0.5)}
trials[zetas[name]] = restored[name][:3]
trials |= {zeta: restore(name, zeta, count=1) for zeta in (50.0, 200.0)}
tiles = [picture([[digit] for digit in x]) for x in trials.values()]
titles = [f"ζ = {zeta:g}\n{consistency(x, name).mean():.1f} σ" for zeta, x in trials.items()]
fig = show_images(tiles, titles, width=6.5)
show(fig, "Three digits for five step sizes: wrong digits twice, right ones, one with a gray background, and noise.")

# %%
residuals = [consistency(x, name).mean().item() for x in trials.values()]
print("with the smallest and the largest step the residual is above 5 σ:", min(residuals[0], residuals[-1]) > 5)
print("between them it is below 2 σ:", residuals[2] < 2)

# %% [markdown]
r"""
**What to see.** With too small a step the draws are digits that have little to do with $v$; with too large a one the
image breaks. In between, the residual tells: take the smallest $\zeta$ with which it is about $\sigma$.

## 9. Against total variation and an inverted GAN

ΠGDM on the same problems. With a network one precaution is needed: near $t = 1$ the estimate $\hat x_0$ and its
derivative $J$ multiply the network's errors by $1/\sqrt{\bar\alpha}$, which is 64 at $t = 0.99$. The guidance trusts
$J$, and diverges: we begin at $t = 0.9$. Total variation gets the best $\lambda$ of five, chosen with the true image:
more than it deserves.

The generator of notebook 15 restores as well: among its images $G(z)$ take one that explains $v$, the best of four
searches. Such a prior allows nothing but its images.
"""


# %%
def guided(name):
    """Return one draw of each of the three digits by ΠGDM."""
    A, v = operators[name], observed[name]
    start = normal(x0.shape, source)
    return reverse_process(lambda x, t, s: pigdm_step(x, t, s, A, v, sigma, net), start, 40, start=0.9)


def best_tv(name):
    """Return the restorations by total variation with the best of five λ."""
    A, v = operators[name], observed[name]
    tried = [tv_restore(A, v, lam, 0.02, 400) for lam in (0.001, 0.003, 0.01, 0.03, 0.1)]
    return max(tried, key=lambda x: psnr(x, x0, 2.0))


# %%
def inverted(name, starts=4):
    """Return G(z) for each of the three digits, with the z of least residual among several starts."""
    A, v = operators[name], observed[name].repeat(starts, 1, 1, 1)
    x = generator(invert(generator, A, v, sigma**2, normal((len(v), 32), seeded(5)), 150)).detach()
    best = (A(x) - v).flatten(1).norm(dim=1).reshape(starts, 3).argmin(dim=0)
    return x.reshape(starts, *x0.shape)[best, torch.arange(3)]


# %%
generator = load_digit_generator().to(device)
source, methods = seeded(4), {}
for name in list(operators)[:4]:
    draws = restored[name]
    average = draws.unflatten(0, (count, 3)).mean(dim=0)
    methods[name] = {"TV": best_tv(name), "GAN": inverted(name), "mean of 4 draws": average}
    methods[name] |= {"DPS": draws, "ΠGDM": guided(name)}

# %% [markdown]
r"""
Four judges: PSNR; a perceptual distance, that of the features of the course's digit classifier (relative); how often
this classifier reads the right digit; and the consistency.
"""

# %% tags=["nbval-ignore-output"] reason="a network run 50 times amplifies rounding; the next cell asserts what counts"
judge = load_digit_classifier().to(device)
labels, scores = torch.tensor([3, 4, 8], device=device), {}
for name, images in methods.items():
    for method, x in images.items():
        truth, f = x0.repeat(len(x) // 3, 1, 1, 1), judge.features(x)
        distance = ((f - judge.features(truth)).norm(dim=1) / judge.features(truth).norm(dim=1)).mean().item()
        right = (judge(x).argmax(dim=1) == labels.repeat(len(x) // 3)).float().mean().item()
        scores[name, method] = psnr(x, truth, 2.0), distance, right, consistency(x, name).mean().item()
        print(f"{name:16s} {method:16s} PSNR {scores[name, method][0]:5.1f} dB, distance {distance:.2f}, ", end="")
        print(f"read right {right:4.0%}, residual {scores[name, method][3]:.2f} σ")

# %%
average = {
    method: torch.tensor([scores[name, method] for name in methods]).mean(dim=0) for method in methods["blurred"]
}
print("PSNR: the mean of the draws is better than a draw:", bool(average["mean of 4 draws"][0] > average["DPS"][0]))
print("perceptual distance: a draw is better than TV:", bool(average["DPS"][1] < average["TV"][1]))

# %% tags=["picture-by-statistics"] reason="50 passes of a network amplify rounding: the cell above asserts what counts"
tiles = [picture([x0] * 4), picture([visible(observed[name], name) for name in methods])]
for method in methods["blurred"]:
    tiles.append(picture([images[method][:3] for images in methods.values()]))
titles = ["$x_0$\n", "$v$\n", "TV\n", "GAN\n", "mean of\n4 draws", "DPS\n", "ΠGDM\n"]
slide_figure(show_images(tiles, titles), "restoration-comparison")

# %% [markdown]
r"""
**What to see.** From top to bottom: half hidden, 85 % missing, four times smaller, blurred. Total variation explains
$v$ and invents nothing: it cuts a digit off, or leaves spots. The inverted GAN is held to what its generator draws,
not always a digit; its residual says where that does not explain $v$. The draws are digits, right ones or not. ΠGDM
has the best draws of the blurred digits, and fails where few pixels are seen: its residual says so.

**Question.** The mean of the draws is better than a draw in PSNR, and looks worse. By how many dB would it be better
if the draws were those of the exact posterior, and the mean that of many?
"""

# %% [markdown]
r"""
## 10. Photographs: plug a denoiser in

No diffusion of photographs fits into this course, but a denoiser does: DnCNN (Zhang et al., 2017), six convolutions,
trained for noise of standard deviation 0.06, 0.10 or 0.20 in $[0, 1]$. By Tweedie's formula (notebook 16) it is a
score as well: $D_\sigma(u) - u \approx \sigma^2\nabla\log p_\sigma(u)$, so that $u + a\,(D_\sigma(u) - u)$ is a step
of ascent on $\log p_\sigma$.

**Plug-and-play**: proximal gradient for $\frac12\|Au - v\|^2 + \lambda R(u)$ is a gradient step on the first term,
then the proximal map of $R$, which *is* a denoiser (notebook 07). Put a better one in its place:

$$u \leftarrow D\big(u - \tau A^T(Au - v)\big).$$

### Exercise 6 — plug-and-play (4 min, in class)

<details><summary>Hint</summary>
n times: a gradient step, the denoiser on its result. Return the last iterate.
</details>

`hint("plug_and_play")` tells more.
"""


# %%
def plug_and_play(u, A, v, denoise, tau, n):
    """Return u after n steps of u ← D(u − τ Aᵀ(Au − v)).

    u: start.  A: operator, A(u) and A.adjoint(v).  v: observation.  denoise: D, from an image to an image.
    tau: step.  n: number of steps.  Slide "Image Restoration by Optimization".
    """
    ### BEGIN SOLUTION
    for _ in range(n):
        u = denoise(u - tau * A.adjoint(A(u) - v))
    return u
    ### END SOLUTION


# %%
plug_and_play = check(plug_and_play)

# %%
u0 = load_image("cameraman", 128).to(device)
dncnn = {level: load_dncnn(level).to(device) for level in ("06", "10", "20")}
for level, network in dncnn.items():
    v = u0 + int(level) / 100 * normal(u0.shape, seeded(), u0.dtype)
    print(f"noise 0.{level}: {psnr(v, u0):.1f} dB, denoised {psnr(network(v), u0):.1f} dB")

# %% [markdown]
r"""
Two problems: the motion blur of notebook 04 with noise of 4/255, and half of the pixels hidden, without noise, as in
notebook 08. For the blur even the weakest denoiser is too strong, four times the noise: we take a tenth of its step,
$u + 0.1\,(D(u) - u)$. For the hidden pixels the three levels are used from strong to weak, so that the image settles
from coarse to fine; at the end the known pixels are put back.
"""


# %%
def gently(u):
    """Return u moved a tenth of the way to its denoised version."""
    return u + 0.1 * (dncnn["06"](u) - u)


blurring, noise_level = Blur(load_kernel("motion_2").to(device), (128, 128)), 4 / 255
v_blurred = blurring(u0) + noise_level * normal(u0.shape, seeded(), u0.dtype)
deblurred = {
    "TV": tv_restore(blurring, v_blurred, 0.002, 1e-2, 200),
    "denoiser": plug_and_play(blurring.adjoint(v_blurred), blurring, v_blurred, gently, 1.9, 40),
}

# %%
kept = torch.rand(128, 128, generator=seeded(1)).to(device) < 0.5
v_kept = u0 * kept
u = torch.where(kept, v_kept, v_kept[kept].mean())
for level, n in (("20", 8), ("10", 10), ("06", 20)):
    u = plug_and_play(u, Mask(kept), v_kept, dncnn[level], 1.0, n)
inpainted = {"TV": tv_inpaint(v_kept, kept, 1e-2, 600), "denoiser": project_known(u, v_kept, kept)}

# %%
shown, titles = [v_blurred, *deblurred.values()], ["blurred, noise 4/255\n"]
titles += [f"{name}\n{psnr(u, u0):.1f} dB" for name, u in deblurred.items()]
shown += [v_kept, *inpainted.values()]
hidden = [psnr(u[~kept][None], u0[~kept][None]) for u in inpainted.values()]
titles += ["half hidden\n", *(f"{name}\n{value:.1f} dB, hidden" for name, value in zip(inpainted, hidden, strict=True))]
fig = show_images(shown, titles, columns=3)
show(
    fig,
    "A blurred cameraman and one with half of its pixels hidden, each restored by total variation and by a denoiser.",
)

# %% [markdown]
r"""
**What to see.** For the blur the two are equal up to a few tenths of a dB: total variation paints flat patches, the
gentle denoiser leaves some noise. With hidden pixels the denoiser is better by about 1 dB: thin lines, such as the
legs of the tripod, are less broken. Neither says how sure it is: plug-and-play returns one image, not draws.

## 11. Paint what is hidden

Paint on a digit what is to be hidden, with the mouse (with Shift to show it again) or with the arrow keys and the
space bar. Choose the method, $\zeta$ and the seed, and draw six completions, in 100 steps (the picture below has 25);
the small map shows where they differ. When all is hidden, they are draws of the prior.
"""

# %%
explore_completions(dps_step)

# %% tags=["picture-by-statistics"] reason="25 passes of a network amplify rounding: the cell asserts what counts"
painted = [[int(row >= 8)] * 16 for row in range(16)]
image, numbers = completion_picture(painted, digit=3, steps=25, dps_step=dps_step)
show(show_images([image], width=8), "A digit with a hidden half, six completions of it, and where they differ.")
print("the completions differ more where nothing is seen:", numbers["deviation, hidden"] > numbers["deviation, known"])

# %% [markdown]
r"""
## What you have learnt

- To restore with a diffusion, add $\nabla_x\log p(v \mid x_t)$ to its score. It is exact for a Gaussian; otherwise it
  needs the spread of $x_0$ given $x_t$, which nobody knows.
- Putting known pixels back decides too early. DPS follows the gradient of a norm through the network, for any $A$, with
  a step to choose. ΠGDM has none, and a covariance that no image has.
- Draw several times: what differs is what the data do not say. Check $\|Ax - v\| \approx \sigma\sqrt m$.
- A mean of draws wins in PSNR, a draw to the eye; neither is the truth.
- A denoiser is a score: plugged into proximal gradient it restores photographs.

**Hand in**: this notebook with the six exercises passed, your answers to the questions in bold, and one painted mask
for which the six completions show two different digits.

**Next**: notebook 18 tells a diffusion in words what to draw.
"""
