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
# 2. Gaussian textures

At the end of this notebook you will be able to

- learn a generative model from a single image, and say which of its statistics the model keeps;
- draw textures of any size as a random convolution, in colour;
- predict which textures succeed and which fail, and why;
- go from one texture to another, and fill in hidden parts of a texture.

**Slides**: "Generative models", "Texture synthesis with a stationary Gaussian model".

**Time**: reading 40 min (15 in class), exercises 53 min, compute under 1 min on two CPU cores.

**Before this**: notebook 01 (Gaussian model, covariance, sampling).
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $h$, texture image; here $u$, exemplar | `u` | `(H, W)` or `(3, H, W)` | $[0, 1]$ |
| $M \times N$, its size | `H, W` | numbers | |
| $m$, its mean colour | `m` | `(1, 1)` or `(3, 1, 1)` | |
| $C$, autocovariance | `C` | as `u` | |
| $p$, periodic component | `p` | as `u` | about $[0, 1]$ |
| $t$, texton, the parameters $\Theta$ of $G$ | `t` | as `u` | mean 0 |
| $z$, white noise | `z` | `(H, W)` | standard normal |
| $x = G(z)$, sample | `x` | as `u`, or larger | not clipped |

Images are periodic: pixel $(M, N)$ is pixel $(0, 0)$. Computations are in float64.
"""

# %%
import math

import torch

from course_utils import gaussian_textures
from course_utils.checks import check, hint
from course_utils.explorers.gaussian_textures import explore_gaussian_textures, mixing_picture
from course_utils.fourier import disk_kernel
from course_utils.gaussian_textures import conditional_texture, convolve, enlarge_texton, kriging, white_noise
from course_utils.images import load_image, to_gray
from course_utils.plotting import draw_image, new_figure, paper, plot_curves, show, show_images
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": every computation follows the device of its input
side = 128  # of the exemplars


def load(name):
    """Return the corner of a texture, half as fine as the file."""
    return load_image(name, 256)[..., :side, :side].to(device)


def seeded(seed):
    """Return a source of random numbers."""
    return torch.Generator().manual_seed(seed)


sand, rust, rock, grass = load("sand_ripples"), load("rust"), load("rock_layers"), load("grass")

# %% [markdown]
r"""
## 1. A model from one image

Notebook 01 learned a Gaussian from 400 faces: a mean and a covariance. Here the data is a single image $u$. It is
enough if the model is **stationary**: all pixels have the same mean $m$, and the covariance of two pixels depends on
the vector between them only. Then each pair of pixels with the same vector between them is an example, and one image
holds thousands of them:

$$ C(x) = \frac1{MN} \sum_y \big(u(y + x) - m\big)\big(u(y) - m\big) . $$

The sum is a correlation: in Fourier, $\hat C = |\widehat{u - m}|^2 / (MN)$.

### Exercise 1 — the autocovariance (8 min, in class)

Compute $C$ for all shifts at once, by FFT. The shift 0 is at pixel `[0, 0]`.

<details><summary>Hint</summary>
The mean is taken over the pixels: <code>u.mean(dim=(-2, -1), keepdim=True)</code>, which is right for one channel and
for three.
</details>

`hint("autocovariance")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("autocovariance", 1)


# %%
def autocovariance(u):
    """Return C(x) = (1/MN) Σ_y (u(y + x) − m)(u(y) − m) for all the shifts x of the torus.

    u: (H, W) or (3, H, W), each channel by itself.
    Returns a real tensor of the same shape.  Slide "Texture synthesis with a stationary Gaussian model".
    """
    ### BEGIN SOLUTION
    centred = u - u.mean(dim=(-2, -1), keepdim=True)
    power = torch.fft.fft2(centred).abs() ** 2 / (u.shape[-2] * u.shape[-1])
    return torch.fft.ifft2(power).real
    ### END SOLUTION


# %%
autocovariance = check(autocovariance)

# %%
grays = {"sand ripples": to_gray(sand), "rock layers": to_gray(rock), "grass": grass}
figure, axes = new_figure(2, 3, height=6.4)
for column, (name, u) in enumerate(grays.items()):
    draw_image(axes[0, column], u, title=name)
    C = torch.fft.fftshift(autocovariance(u)) / u.var(correction=0)
    axes[1, column].imshow(C[32:97, 32:97].cpu(), cmap="RdBu_r", vmin=-1, vmax=1, extent=(-32, 32, 32, -32))
show(figure, "Three textures over their autocovariances: oblique bands, a flat horizontal blob, a small round dot.")

# %% [markdown]
r"""
**What to see.** Red: two pixels with this vector between them resemble each other; blue: they tend to be opposite.
The sand shows the direction and the period of its ripples, the rock is correlated along its layers, and in the grass
a pixel knows nothing about pixels a few steps away. $C(0)$ is the variance: each map is divided by it, and is 1 at
the centre.

**Question.** $C(-x) = C(x)$ for every image. Which property of textures can the autocovariance therefore never see?
"""

# %% [markdown]
r"""
## 2. The frame's jump

The Fourier transform sees the image as periodic. A photograph is not: between its last row and its first there is a
jump, which looks like a sharp edge across the whole image, and its spectrum is a cross. A sample would inherit it as
horizontal and vertical streaks.

Moisan (2011) splits $u = p + s$. The **smooth component** $s$ has mean zero and takes the jumps of the frame upon
itself, and $p$ is as close to $u$ as possible. Let $v$ be the image that holds the jumps,

$$ v(0, j) \mathrel{+}= u(M{-}1, j) - u(0, j), \qquad v(M{-}1, j) \mathrel{-}= u(M{-}1, j) - u(0, j), $$

and the same for the first and last columns; it is 0 elsewhere. Then $s$ solves the Poisson equation $\Delta s = v$
with the periodic Laplacian: in Fourier, a division.

$$ \hat s(\xi) = \frac{\hat v(\xi)}{2\cos(2\pi\xi_1/M) + 2\cos(2\pi\xi_2/N) - 4} \quad (\xi \neq 0), \qquad
\hat s(0) = 0, \qquad p = u - s . $$

Here $\xi_1 = 0, \dots, M - 1$ belongs to the rows and $\xi_2 = 0, \dots, N - 1$ to the columns, as `fft2` has them.

### Exercise 2 — the periodic component (15 min, at home)

<details><summary>Hint</summary>
At a corner two jumps meet: add to what is there, <code>v[..., 0, :] += ...</code>. The denominator is 0 at ξ = 0: put
1 there, since the sum of v is 0.
</details>

`hint("periodic_component")` tells more.
"""


# %%
def periodic_component(u):
    """Return p = u − s, where Δs = v holds the jumps across the frame and s has mean 0.

    u: (H, W) or (3, H, W), each channel by itself.
    Returns a tensor of the same shape and mean.  Moisan (2011), "Periodic plus smooth image decomposition".
    """
    ### BEGIN SOLUTION
    H, W = u.shape[-2:]
    rows, columns = u[..., -1, :] - u[..., 0, :], u[..., :, -1] - u[..., :, 0]
    v = torch.zeros_like(u)
    v[..., 0, :] += rows
    v[..., -1, :] -= rows
    v[..., :, 0] += columns
    v[..., :, -1] -= columns
    xi1 = 2 * math.pi * torch.arange(H, dtype=u.dtype, device=u.device)[:, None] / H
    xi2 = 2 * math.pi * torch.arange(W, dtype=u.dtype, device=u.device) / W
    laplacian = 2 * torch.cos(xi1) + 2 * torch.cos(xi2) - 4
    laplacian[0, 0] = 1  # v has sum 0, so that s has mean 0
    return u - torch.fft.ifft2(torch.fft.fft2(v) / laplacian).real
    ### END SOLUTION


# %%
periodic_component = check(periodic_component)

# %%
u = to_gray(rust)
p = periodic_component(u)
z = white_noise((side, side), seeded(2)).to(device)
names = ("u", "p", "s", "noise with |û|", "noise with |p̂|")
samples = [u.mean() + convolve((w - w.mean()) / side, z) for w in (u, p)]
pictures = [image.roll((side // 2, side // 2), (0, 1)) for image in (u, p, u - p + u.mean())]
figure = show_images([0.5 + 3 * (w - u.mean()) for w in (*pictures, *samples)], names)  # three times the contrast
slide_figure(figure, "periodic-plus-smooth")

# %%
spectra = [torch.fft.fftshift(torch.fft.fft2(w - w.mean()).abs().clamp(min=0.1).log10())[32:97, 32:97] for w in (u, p)]
figure = show_images(spectra, ["u", "p"], value_range=(-0.5, 2.5), width=6, color_map="cividis")
show(figure, "Two spectra: that of u has a faint horizontal and vertical cross, that of p has none.")
axis_power = [torch.fft.fft2(w)[1:, 0].abs().square().sum() / (w - w.mean()).square().sum() / side**2 for w in (u, p)]
print(f"share of the energy on the vertical axis of the spectrum: u {axis_power[0]:.1%}, p {axis_power[1]:.1%}")

# %% [markdown]
r"""
**What to see.** Contrast is tripled, and the images are moved by half their size, so that the frame
lies in the middle: $u$ is cut there, $p$
is not. The jump's energy sits on the axes of the spectrum, and the sample made with $|\hat u|$ has faint streaks
that the rust has not. The cross in $s$ is the frame; elsewhere $s$ is smooth, and in their usual position and
contrast $u$ and $p$ can hardly be told apart.
"""

# %% [markdown]
r"""
## 3. The generator is a convolution

The **texton** of the exemplar is $t = (p - m)/\sqrt{MN}$. Convolve it with a white noise $z$:

$$ x = G(z) = m + t * z, \qquad \mathrm{Cov}(x(y + a), x(y)) = \sum_b t(b + a)\, t(b)
= \frac1{MN} \sum_b (p(b + a) - m)(p(b) - m) . $$

That is the autocovariance of $p$: the factor $1/\sqrt{MN}$ was chosen for this. As a sum of Gaussian variables $x$ is
Gaussian, and mean and covariance say everything about it: this is the model of the slide.

### Exercise 3 — the texton (4 min, in class)

<details><summary>Hint</summary>
Two lines: your <code>periodic_component</code>, then the formula.
</details>

`hint("texton")` tells more.
"""


# %%
def texton(u):
    """Return t = (p − m) / √(MN), p the periodic component of u and m its mean.

    u: (H, W) or (3, H, W), each channel with its own m.
    Returns a tensor of the same shape, of sum 0.  Slide "Texture synthesis with a stationary Gaussian model".
    """
    ### BEGIN SOLUTION
    p = periodic_component(u)
    m = p.mean(dim=(-2, -1), keepdim=True)
    return (p - m) / math.sqrt(u.shape[-2] * u.shape[-1])
    ### END SOLUTION


# %%
texton = check(texton)

# %% [markdown]
r"""
### Exercise 4 — the Gaussian texture (8 min, in class)

Draw one white noise $z$ of shape `(H, W)` and convolve each channel of $t$ with it, by FFT.

<details><summary>Hint</summary>
<code>torch.randn(u.shape[-2:], generator=generator, dtype=u.dtype)</code>. A spectrum <code>(H, W)</code> multiplies
one of shape <code>(3, H, W)</code> channel by channel.
</details>

`hint("gaussian_texture")` tells more.
"""


# %%
def gaussian_texture(u, generator):
    """Draw x = m + t ∗ z, one white noise z for all the channels.

    u: exemplar (H, W) or (3, H, W).  generator: source of the noise.
    Returns a tensor of the same shape.  Slide "Texture synthesis with a stationary Gaussian model".
    """
    ### BEGIN SOLUTION
    z = torch.randn(u.shape[-2:], generator=generator, dtype=u.dtype).to(u.device)
    x_hat = torch.fft.fft2(texton(u)) * torch.fft.fft2(z)
    return u.mean(dim=(-2, -1), keepdim=True) + torch.fft.ifft2(x_hat).real
    ### END SOLUTION


# %%
gaussian_texture = check(gaussian_texture)

# %%
z = white_noise((side, side), seeded(0)).to(device)
x = [gaussian_texture(sand, seeded(seed)) for seed in (0, 1)]
figure = show_images([sand, 0.5 + z / 6, *x], ["h", "z", "G(z)", "another z"], width=9)
slide_figure(figure, "gaussian-texture-synthesis")

# %% [markdown]
r"""
**What to see.** Two samples, and neither is a copy: the ripples have the right width, direction and colour at other
places. On the slide, $G$ is "a convolution operator with known parameters $\Theta$": $\Theta = (m, t)$, read off the
exemplar without any training.

Nothing ties the sample to the size of the exemplar. Surround $t$ by zeros (after a smooth window, so that it does not
end abruptly) and convolve it with as large a noise as you like. The course's version of the function has a third
argument for it.
"""

# %%
large = gaussian_textures.gaussian_texture(rock, seeded(3), (2 * side, 4 * side))
frame = torch.ones(3, 2 * side, side, device=device)
frame[:, :side] = rock
figure = show_images([torch.cat([frame, large], dim=-1)], width=7)
show(figure, "A small square of layered rock beside a sample eight times as large that goes on without a seam.")

# %%
noises = torch.stack([white_noise((side, side), seeded(seed)) for seed in (0, 1, 2)]).to(device)
m, t = rust.mean(dim=(-2, -1), keepdim=True), texton(rust)
one, three = m + convolve(t, noises[0]), m + torch.stack([convolve(c, z) for c, z in zip(t, noises, strict=True)])
figure = show_images([rust, one, three], ["u", "one noise", "three noises"], width=7)
show(figure, "Rust, a sample with its gray, blue and orange, and one with green, violet and pink patches.")
for name, image in {"exemplar": rust, "one noise": one, "three noises": three}.items():
    print(f"{name:12s} correlation of red and blue {torch.corrcoef(image.flatten(1))[0, 2]:6.3f}")

# %% [markdown]
r"""
**What to see.** With one noise per channel each channel is right by itself, and the colours are not those of the
rust: red, green and blue no longer know of each other. A single noise keeps the covariances *between* the channels,
$\hat t_c\,\overline{\hat t_{c'}}$. This is said of the law. The numbers 0.463 and 0.689 differ because the model has
the covariance of $p$, not of $u$, and because one sample fluctuates about its law.

**Question.** How many numbers does $z$ have, and how many has $x$, for a colour texture? What does this say about the
covariance matrix of $x$?
"""

# %% [markdown]
r"""
## 4. Is the covariance right?

Take $n$ samples, average their empirical autocovariances and compare with that of $p$. The error of a mean of $n$
independent samples falls like $1/\sqrt n$.
"""

# %%
u = grass[:64, :64]
C, source = autocovariance(periodic_component(u)), seeded(4)
sums, errors = torch.zeros_like(C), {}
for n in range(1, 1001):
    sums += autocovariance(gaussian_texture(u, source))
    errors[n] = ((sums / n - C).norm() / C.norm()).item()
for n in (10, 100, 1000):
    print(f"n = {n:4d}: relative error of the autocovariance {errors[n]:.3f}, times √n {errors[n] * n**0.5:.2f}")

# %%
counts = list(errors)
curves = {
    "relative error": (counts, list(errors.values())),
    "c / √n": (counts, [errors[100] * 10 / n**0.5 for n in counts]),
}
figure = plot_curves(curves, "number of samples n", "relative error of C", "log", "log")
show(figure, "In logarithmic scales the error follows a straight line that falls by a factor 10 when n grows by 100.")

# %% [markdown]
r"""
The model has the covariance it promises. That the *exemplar* looks like a sample of it is another matter: section 7.

## 5. Notebook 01 again, and why shot noise is Gaussian

Notebook 01 wrote $x = \mu + E\Lambda^{1/2} z$ with the eigenvectors $E$ of the covariance matrix. A stationary
covariance matrix commutes with translations, and its eigenvectors are known beforehand: they are the waves
$e^{2i\pi(\xi_1 y_1/M + \xi_2 y_2/N)}$, with the eigenvalues $|\hat t(\xi)|^2$. The waves of $\xi$ and $-\xi$ share an
eigenvalue: the real eigenvectors of the pair are cosine waves. A texture small enough for its matrix,
$12 \times 16$ pixels:
"""

# %%
tiny = texton(grass[:12, :16])
shifts = torch.eye(192, dtype=torch.float64, device=device).reshape(192, 12, 16)
columns = torch.stack([convolve(tiny, z).flatten() for z in shifts], dim=1)  # the matrix of z ↦ t ∗ z
eigenvalues, E = torch.linalg.eigh(columns @ columns.T)
by_fft = torch.fft.fft2(tiny).abs().square().flatten().sort().values
print(
    f"eigenvalues agree with the squared moduli of the FFT to 1e-12: {bool((eigenvalues - by_fft).abs().max() < 1e-12)}"
)
waves = [0.5 + 1.5 * E[:, -k].reshape(12, 16) for k in (1, 3, 5, 7)]
figure = show_images(waves, ["1st", "3rd", "5th", "7th"], width=8)
show(figure, "Four eigenvectors of the covariance drawn as images: plane waves of different directions and lengths.")

# %% [markdown]
r"""
The $192 \times 192$ matrix need never be formed: its eigenvectors are known, and one FFT of the texton gives its
eigenvalues. The generator is a linear layer,
as for the faces, and here a convolutional one.

There is an older way to the same model: throw copies of the texton at random places $y_1, \dots, y_n$, and add. This
is **shot noise**,

$$ x_n = m + \sqrt{\frac{MN}n} \sum_{i=1}^n t(\cdot - y_i) . $$

By the central limit theorem $x_n$ tends to the Gaussian texture, whatever is thrown.
"""


# %%
def shot_noise(t, n, generator):
    """Return √(MN/n) times the sum of n copies of t at random places."""
    places = torch.randint(t.numel(), (n,), generator=generator)
    counts = torch.bincount(places, minlength=t.numel()).to(t).reshape(t.shape)
    return math.sqrt(t.numel() / n) * convolve(t, counts)


# %%
dot = torch.zeros(side, side, dtype=torch.float64)
dot[:9, :9] = disk_kernel(4.5)
dot = (0.2 * (dot - dot.mean()) / dot.std() / side).to(device)
copies, pictures = (10, 100, 10_000), []
for t in (dot, texton(load("stones_yellow")[1])):
    pictures += [0.5 + shot_noise(t, n, seeded(5)) for n in copies] + [0.5 + convolve(t, z)]

# %%
figure = show_images(pictures, [*(f"n = {n:,}" for n in copies), "Gaussian"] * 2, columns=4, width=9)
slide_figure(figure, "shot-noise-limit")
for row, name in enumerate(("disk", "stones")):
    skewness = [((x - x.mean()) / x.std()).pow(3).mean() for x in pictures[4 * row : 4 * row + 4]]
    print(f"{name:7s} skewness of the gray levels: " + ", ".join(f"{s:5.2f}" for s in skewness))

# %% [markdown]
r"""
**What to see.** Ten disks are ten disks. With ten thousand, nobody can tell what was thrown: third moments, edges,
shapes are gone, and the covariance remains. The same happens to the stones.

**Question.** For $n = 1$, what is $x_1$ when $t$ is the texton of an exemplar?
"""

# %% [markdown]
r"""
## 6. Many textons, one texture; random phases

The law of $x$ depends on $|\hat t|$ (in colour: on the products $\hat t_c\,\overline{\hat t_{c'}}$), not on the
phases. Any texton with the same modulus gives the same texture. With all phases 0 it is symmetric, and as concentrated
as possible: the canonical texton.
"""

# %%
t = texton(to_gray(sand))
canonical = torch.fft.ifft2(torch.fft.fft2(t).abs()).real
scrambled = gaussian_textures.random_phase_texture(t, seeded(6))
shown = [0.5 + 200 * t, 0.5 + 200 * scrambled, 0.5 + 20 * torch.fft.fftshift(canonical)]
samples = [0.5 + convolve(s, z) for s in (t, scrambled, canonical)]
names = ["t", "random phases", "phases 0", "", "", ""]
middle = slice(22, 106)  # of the rows
figure = show_images([w[middle] for w in (*shown, *samples)], names, columns=3, width=9)
slide_figure(figure, "texton")
C = [autocovariance(s) for s in (t, scrambled, canonical)]
print(f"the three have one autocovariance: {all(torch.allclose(c, C[0]) for c in C)}")

# %% [markdown]
r"""
**What to see.** Above, three textons; below, a sample of each with the same noise. One looks like the exemplar, one
like a sample, one is a bright spot with a few faint stripes (drawn with a tenth of the contrast of the others): as
models they are equal.

A shorter way to a texture is then to randomise only the phases. The **random phase texture** has at each frequency
exactly the exemplar's modulus, $\hat x(\xi) = \hat p(\xi)\,e^{i\theta(\xi)}$, where $\theta$ is uniform and odd,
$\theta(-\xi) = -\theta(\xi)$, as the phase of a real white noise is. In the Gaussian texture $|\hat x|$ is random too.

### Exercise 5 — the random phase texture (8 min, at home)

Keep the mean: the shift of the phase concerns $\xi \neq 0$. In colour the same $\theta$ is *added* in each channel.

<details><summary>Hint</summary>
Apply it to p − m and add m at the end. A factor of modulus 1 with the phase of ẑ is <code>z_hat / z_hat.abs()</code>.
</details>

`hint("random_phase_texture")` tells more.
"""


# %%
def random_phase_texture(u, generator):
    """Draw x with x̂ = p̂ ẑ/|ẑ| for ξ ≠ 0 and the mean of u, one white noise z for all the channels.

    u: exemplar (H, W) or (3, H, W).  generator: source of the noise.
    Returns a tensor of the same shape.  Galerne, Gousseau, Morel (2011), "Random phase textures".
    """
    ### BEGIN SOLUTION
    p, m = periodic_component(u), u.mean(dim=(-2, -1), keepdim=True)
    z_hat = torch.fft.fft2(torch.randn(u.shape[-2:], generator=generator, dtype=u.dtype).to(u.device))
    return m + torch.fft.ifft2(torch.fft.fft2(p - m) * z_hat / z_hat.abs()).real
    ### END SOLUTION


# %%
random_phase_texture = check(random_phase_texture)

# %%
drawn = {"random phase": random_phase_texture(rock, seeded(7)), "Gaussian": gaussian_texture(rock, seeded(7))}
reference = torch.fft.fft2(periodic_component(rock)[0])[1:, 1 : side // 2].abs()  # of the red channel
figure, axes = new_figure(1, 3, height=3.4)
for axis, (name, x) in zip(axes.flat, drawn.items(), strict=False):
    draw_image(axis, x, title=name)
    ratio = torch.fft.fft2(x[0])[1:, 1 : side // 2].abs() / reference
    axes[0, 2].hist(ratio.flatten().cpu().numpy(), bins=61, range=(0, 3), density=True, histtype="step", lw=2)
    print(f"{name:13s} |x̂| / |p̂|: standard deviation {ratio.std():.3f}")

# %%
r = torch.linspace(0, 3, 200)
axes[0, 2].plot(r, 2 * r * torch.exp(-(r**2)), "k--")
axes[0, 2].set(xlabel="modulus ratio", ylim=(0, 1.5))
show(figure, "Two samples of rock that look alike; histogram: a spike at 1, and a Rayleigh density.")

# %% [markdown]
r"""
**What to see.** The two cannot be told apart by eye: what makes a micro-texture is its modulus, on average. The
histogram of $|\hat x|/|\hat p|$ is a spike at 1 for random phases, and the Rayleigh density $2re^{-r^2}$ (dashed), of
standard deviation $\sqrt{1 - \pi/4} = 0.463$, for the Gaussian.
"""

# %% [markdown]
r"""
## 7. What succeeds and what fails
"""

# %%
names = ("sand_ripples", "ballast", "paving", "pipes")
exemplars = [load(name) for name in names]
sampled = [gaussian_texture(u, seeded(8)) for u in exemplars]
figure = show_images([*exemplars, *sampled], [*(n.replace("_", " ") for n in names), *[""] * 4], columns=4, width=8)
slide_figure(figure, "microtexture-limits")

# %%
for name, u, x in zip(names, exemplars, sampled, strict=True):
    differences = [to_gray(w).diff(dim=-1) for w in (u, x)]
    kurtosis = [(d - d.mean()).pow(4).mean() / d.var() ** 2 for d in differences]
    print(f"{name:13s} kurtosis of the horizontal differences: exemplar {kurtosis[0]:5.1f}, sample {kurtosis[1]:4.1f}")

# %% [markdown]
r"""
**What to see.** Sand and, from a distance, ballast: **micro-textures**, where no single object is seen.
Paving and pipes fail: an edge needs the phases of many frequencies to agree, and here they are independent. All
linear statistics of a Gaussian texture are Gaussian, of kurtosis 3; the differences of an image with flat stones and
sharp gaps are far from that. Notebook 10 has statistics that see edges.

**Question.** Would a Gaussian model learned from 1000 photographs of paving do better than this one from a single
photograph?
"""

# %% [markdown]
r"""
## 8. From one texture to another

Between two Gaussian laws there is a shortest way, in the Wasserstein distance that notebook 12 will treat. For
textures it is simple. The textons of transform $\hat t_2\,e^{i\varphi}$ (a phase per frequency, the same in all
channels) all give the second texture: choose the one nearest to $t_1$, and go straight (Xia, Ferradans, Peyré, Aujol
2014):

$$ \hat t = (1 - \rho)\,\hat t_1 + \rho\,\hat t_2\,e^{i\varphi}, \qquad
\varphi(\xi) = \arg \sum_c \hat t_{1,c}(\xi)\,\overline{\hat t_{2,c}(\xi)} . $$

At each frequency the two then add up instead of cancelling. The exercise returns $t$ itself, real, not $\hat t$; the
mean colours are mixed apart, $(1 - \rho)\,m_1 + \rho\,m_2$.

### Exercise 6 — the mixture (10 min, in class)

<details><summary>Hint</summary>
<code>.sum(dim=0)</code> sums over the channels; <code>torch.angle</code> gives the argument, 0 at 0.
</details>

`hint("mix_gaussian_textures")` tells more.
"""


# %%
def mix_gaussian_textures(u1, u2, rho):
    """Return the texton of the Wasserstein barycentre of two Gaussian textures, of weights 1 − ρ and ρ.

    u1, u2: exemplars (C, H, W) of one shape.  rho: number in [0, 1].
    Returns a texton (C, H, W), of sum 0.  Xia, Ferradans, Peyré, Aujol (2014).
    """
    ### BEGIN SOLUTION
    t1_hat, t2_hat = torch.fft.fft2(texton(u1)), torch.fft.fft2(texton(u2))
    phi = torch.angle((t1_hat * t2_hat.conj()).sum(dim=0))
    return torch.fft.ifft2((1 - rho) * t1_hat + rho * t2_hat * torch.exp(1j * phi)).real
    ### END SOLUTION


# %%
mix_gaussian_textures = check(mix_gaussian_textures)

# %%
ballast, weights = load("ballast"), (0.0, 0.25, 0.5, 0.75, 1.0)
m1, m2 = (u.mean(dim=(-2, -1), keepdim=True) for u in (rock, ballast))
mixed = [mix_gaussian_textures(rock, ballast, rho) for rho in weights]
averaged = [(1 - rho) * texton(rock) + rho * texton(ballast) for rho in weights]

# %%
path = [
    (1 - rho) * m1 + rho * m2 + convolve(t, z)
    for textons in (mixed, averaged)
    for rho, t in zip(weights, textons, strict=True)
]
figure = show_images(path, [*(f"ρ = {rho:g}" for rho in weights), *[""] * 5], columns=5, width=8.5)
slide_figure(figure, "gaussian-texture-mixing")
for name, textons in {"barycentre": mixed, "average of textons": averaged}.items():
    print(f"{name:19s} standard deviation: " + ", ".join(f"{(t.square().sum() / 3).sqrt():.3f}" for t in textons))

# %% [markdown]
r"""
**What to see.** Above, the barycentres: the layers fade into small stones, and the contrast stays.
Below, the average of the two textons as they are: their phases have nothing to do with each other, and halfway
a quarter of the contrast is lost. The same noise is used everywhere, so that the pictures can be compared.
"""

# %% [markdown]
r"""
## 9. Hidden parts

Notebook 01 repaired a portrait by the conditional Gaussian. A texture has the same theory: let $\omega$ be the known
pixels and $\Gamma$ the covariance, a convolution by the autocorrelation of $t$. The conditional mean, **kriging**, is

$$ m + \Gamma\,1_\omega w, \qquad \Gamma_{\omega\omega}\,w = (u - m)_{|\omega} , $$

a system that conjugate gradients solve by FFTs alone: $\Gamma$ is never formed. It is badly conditioned, and no
exemplar is exactly Gaussian: as in notebook 01 the known pixels are taken as noisy, $\Gamma_{\omega\omega} +
\sigma^2\,\mathrm{Id}$. A *sample* of the hidden part is the
free sample $y$ plus what kriging says about $u - y$: the error of kriging has the same law for $y$ as for $u$.
Only the pixels in a band around the hole are used: the others say little more (Galerne, Leclaire 2017).
"""

# %%
whole = load_image("sand_ripples", 256)[..., :108, :240].to(device)
hidden = torch.zeros(108, 240, dtype=torch.bool, device=device)
hidden[18:70, 124:166] = True
hidden[40:90, 186:224] = True
inside = hidden.double()[None, None]
near = torch.nn.functional.max_pool2d(inside, 13, stride=1, padding=6)[0, 0].bool()
known = near & ~hidden  # a band of six pixels
u = whole[..., :112]  # the exemplar: a part where nothing is hidden
m, t = u.mean(dim=(-2, -1), keepdim=True), enlarge_texton(texton(u), (108, 240))

# %%
sigma = 0.04
estimate = m + kriging(whole - m, known, t, sigma, 60)
filled = [m + conditional_texture(whole - m, known, t, seeded(seed), sigma, 60) for seed in (9, 10)]
holes = torch.where(hidden, paper(), whole)
results = [torch.where(hidden, w, whole) for w in (estimate, *filled)]
figure = show_images([holes, *results], ["hidden", "kriging", "sample", "another"], columns=2, width=7.5)
slide_figure(figure, "gaussian-texture-inpainting")
spread = [(w - m)[:, hidden].square().mean().sqrt() for w in (whole, estimate, *filled)]
print("distance to m, hidden part: true {:.3f}, kriging {:.3f}, samples {:.3f} and {:.3f}".format(*spread))
errors = [(w - whole)[:, hidden].square().mean().sqrt() for w in (estimate, *filled)]
print("distance to the true pixels: kriging {:.3f}, samples {:.3f} and {:.3f}".format(*errors))

# %% [markdown]
r"""
**What to see.** Kriging continues the ripples for some pixels and then fades towards the mean: it is the best estimate,
and it is no texture. A sample has nearly the right contrast everywhere (0.074 for 0.083; kriging 0.056) and
meets its surroundings: the difference between a
mean and a sample that notebook 01 showed on a mouth, and that comes back with diffusion models in notebook 17.

**Question.** Kriging is closer to the true pixels, and looks worse. How can that be?
"""

# %% [markdown]
r"""
## 10. Explore

Two exemplars, their mixture's texton and a sample of it. For which ρ does the texton look like the first exemplar?
Does it ever look like the second, whose phases are replaced? Take the paving as one end: which part of it survives?
(Of the two standard deviations, the sample's is taken over all its values, so that it also counts the differences
between the mean colours of the channels; the model's is that within a channel, and is smaller.)
"""

# %%
explore_gaussian_textures(mix=mix_gaussian_textures)

# %%
picture, numbers = mixing_picture("sand_ripples", "rock_layers", 0.5)
print(", ".join(f"{name}: {value:.3f}" for name, value in numbers.items()))
show(show_images([picture], width=6), "Sand over rock on the left, the texton of their mixture, a large sample of it.")

# %% [markdown]
r"""
## To remember

- A stationary Gaussian model is learned from one image: mean and autocovariance. Its generator is a convolution.
- The frame's jump must go first, and all the channels share one noise.
- It keeps $|\hat u|$ and forgets the phases: micro-textures succeed, edges and objects are lost.
- What is Gaussian is easy: mixtures have a closed form, and hidden parts can be sampled exactly.
"""
