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
# 1. A Gaussian model of faces

At the end of this notebook you will be able to

- fit a Gaussian to a set of images, although its covariance matrix is too large to be written down;
- draw new images from it, and say why they are not realistic;
- find the latent code of a real image, and project it on the model;
- say how likely an image is, and choose the size of a model by the likelihood of people it has not seen;
- derive what the model says of the hidden pixels given the visible ones, and repair a portrait with it.

**Slides**: "Generative models", "Image generation: Gaussian model", and "Why generative models are interesting ?"

**Time**: reading 35 min (10 in class), exercises 56 min, compute under 1 min on two CPU cores.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $N$, number of images; $d$, number of pixels | `N`, `d` | | here $320$ and $112 \times 92 = 10304$ |
| $\mathbf{x}_i$, image, flattened | `x_train[i]` | `(d,)` | $[0, 1]$ |
| $\hat\mu$, mean image | `mean` | `(d,)` | $[0, 1]$ |
| $\hat E$, eigenvectors of the covariance, in columns | `eigenvectors` | `(d, r)` | orthonormal, $r \leq N-1$ |
| $\hat\Lambda$, eigenvalues (its diagonal) | `eigenvalues` | `(r,)` | $> 0$, descending |
| $z$, latent variable, also called latent code | `z` | `(r,)` | standard normal |
| $\sigma$, standard deviation of the noise on every pixel | `noise_std` | | $> 0$, in gray levels of $[0, 1]$ |

The lecture draws $z$ in $\mathbb{R}^d$. Only the $r$ coordinates with $\lambda_j > 0$ reach the image, so we draw
these only.

A set of images is a matrix `(N, d)` with **one flattened image a row**; `x.reshape(H, W)` makes a row an image again.
"""

# %%
import math

import torch

from course_utils import gaussian
from course_utils.checks import check, hint
from course_utils.data import load_faces
from course_utils.explorers.gaussian_face_model import explore_faces, face_picture, latent_code
from course_utils.gaussian import fix_signs
from course_utils.metrics import psnr
from course_utils.plotting import PALETTE, new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": every computation follows the device of its input
n_train, n_validation = 32, 4  # people; the last 4 of the 40 are for the test
seed = 0

# %% [markdown]
r"""
## 1. The data

A generative model is learnt from a dataset $\mathcal{D} = \{\mathbf{x}_1, \dots, \mathbf{x}_N\}$. Ours are the ORL
faces (AT&T Laboratories Cambridge): 40 people, 10 portraits each, taken in the same place over two years.

A model must be judged on what it has not seen. Two portraits of one person look alike, so we split **by person**: 32
people for training, 4 to choose the size of the model (validation), 4 to judge it (test).
"""

# %%
faces, people = load_faces()
faces, people = faces.to(device), people.to(device)
H, W = faces.shape[1:]
x_train = faces[people < n_train].flatten(1)
x_validation = faces[(people >= n_train) & (people < n_train + n_validation)].flatten(1)
x_test = faces[people >= n_train + n_validation].flatten(1)
N, d = x_train.shape
print(f"{N} training portraits, {len(x_validation)} for validation, {len(x_test)} for the test, d = {d} pixels")


# %%
def as_images(rows):
    """Return flattened faces as a list of images (H, W)."""
    return [row.reshape(H, W) for row in rows]


def quality(x, x0):
    """Return the PSNR of a flattened face in dB, as text."""
    return f"PSNR = {psnr(x.reshape(H, W), x0.reshape(H, W)):.2f} dB"


# %%
slide_figure(show_images(list(faces[::10]), columns=10), "face-dataset")


# %% [markdown]
r"""
## 2. The Gaussian model with two pixels

$$p(x) = \frac{1}{\sqrt{(2\pi)^d\,|\Sigma|}}\exp\Bigl[-\tfrac12 (x-\mu)^T\Sigma^{-1}(x-\mu)\Bigr]$$

Take $d = 2$ first: one pixel on each cheek. Each portrait is a point of the plane.
"""

# %%
pair = faces[people < n_train][:, [65, 65], [28, 64]]
mu = pair.mean(dim=0)
Sigma = (pair - mu).T @ (pair - mu) / N
t = torch.linspace(-0.5, 1.5, 401, dtype=torch.float64, device=device)
grid = torch.cartesian_prod(t, t) - mu
distance = (grid @ torch.linalg.inv(Sigma) * grid).sum(dim=1)  # (x − μ)ᵀ Σ⁻¹ (x − μ)
root = torch.sqrt((2 * math.pi) ** 2 * torch.linalg.det(Sigma))
density, without_half = torch.exp(-0.5 * distance) / root, torch.exp(-distance) / root
print(f"integral of p: {density.sum() * 0.005**2:.3f}, of the slide's: {without_half.sum() * 0.005**2:.3f}")

# %% [markdown]
r"""
*The slide's formula lacks the $\tfrac12$ in the exponent*, and without it the density does not integrate to 1.

**Question.** To what does it integrate in dimension $d$?
"""

# %% [markdown]
r"""
The eigenvectors of $\Sigma$ are the axes of the ellipses on which $p$ is constant. To draw from the model, turn a
standard normal $z$ into $x = \mu + E\Lambda^{1/2}z$. In the words of the lecture: $G(z) = \mu + E\Lambda^{1/2}z$ is
the **generator**, and $p$ the **push-forward** of the latent distribution by $G$, written $G_\#\mathcal{N}(0, I)$: the
distribution of $G(z)$ when $z \sim \mathcal{N}(0, I)$. A set $A$ of images has the probability that $z$ falls into
$G^{-1}(A)$.
"""

# %%
lam, E = torch.linalg.eigh(Sigma)
z = torch.randn(N, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device)
x = mu + (z * lam.sqrt()) @ E.T
angle = torch.linspace(0, 2 * math.pi, 100, dtype=torch.float64, device=device)
circle = torch.stack([angle.cos(), angle.sin()], dim=1)
ellipse = mu + (circle * lam.sqrt()) @ E.T


# %%
def draw_cloud(axis, title, points, center, curve):
    """Draw points (n, 2), and the ellipses at one and two standard deviations."""
    axis.scatter(*points.T.cpu(), s=14, color="0.5", edgecolors="white", linewidths=0.4)
    for k in (1, 2):
        axis.plot(*(center + k * (curve - center)).T.cpu(), color="#d55e00")
    axis.title.set_text(title)


# %%
fig, axes = new_figure(1, 3, height=3.7)
axes[0, 1].contourf(t.cpu(), t.cpu(), density.reshape(401, 401).T.cpu(), levels=12, cmap="Blues")
draw_cloud(axes[0, 0], "latent z", z, 0 * mu, circle)
draw_cloud(axes[0, 1], "p(x), x = μ + E Λ$^{1/2}$ z", x, mu, ellipse)
draw_cloud(axes[0, 2], "data", pair, mu, ellipse)
axes[0, 0].set(aspect="equal", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), xlabel="$z_1$", ylabel="$z_2$")
ticks = [0, 0.5, 1]
for axis in axes[0, 1:]:
    axis.set(aspect="equal", xlim=(0, 1), ylim=(0, 1), xticks=ticks, yticks=ticks, xlabel="left cheek")
    axis.set_ylabel("right cheek")
slide_figure(fig, "gaussian-pdf-2d")

# %% [markdown]
r"""
**What to see.** $G$ stretches the disk into the ellipses at one and two standard deviations, then moves it to
$\mu$. The model and the data have the same mean and covariance. The data are not quite Gaussian: dark portraits
make a tail.

### Sampling by the gradient of $\log p$

$G$ needs the eigenvectors. Langevin's algorithm needs only $\nabla\log p(x)$, here $-\Sigma^{-1}(x-\mu)$: go up a
little, and shake,

$$x_{k+1} = x_k + \delta\,\nabla\log p(x_k) + \sqrt{2\delta}\; n_k, \qquad n_k \sim \mathcal{N}(0, I).$$

A constant factor of $p$ drops out of $\nabla\log p$. For most models other than this one that factor is out of reach,
and this is how they are sampled. Start from points anywhere in the square:
"""

# %%
source = torch.Generator().manual_seed(seed)
precision, delta = torch.linalg.inv(Sigma), 0.1 * lam[0]  # δ well below 2 λ_min, the limit of stability
x, kept = torch.rand(N, 2, generator=source, dtype=torch.float64).to(device), {}
for k in range(401):
    if k in (0, 10, 400):
        kept[k] = x
    n = torch.randn(N, 2, generator=source, dtype=torch.float64).to(device)
    x = x - delta * (x - mu) @ precision + math.sqrt(2 * delta) * n

# %%
fig, axes = new_figure(1, 3, height=3.7)
for axis, (k, points) in zip(axes[0], kept.items(), strict=True):
    draw_cloud(axis, f"k = {k}", points, mu, ellipse)
    axis.set(aspect="equal", xlim=(0, 1), ylim=(0, 1), xticks=ticks, yticks=ticks, xlabel="left cheek")
show(fig, "Points all over the square; after 10 steps drawn towards the ellipses; after 400 steps they fill them.")

# %%
difference = kept[400] - mu
print("mean of the points minus μ:", [round(value, 2) for value in difference.mean(dim=0).tolist()])
print("their variances over those of p:", [round(v, 1) for v in (difference.var(dim=0) / Sigma.diag()).tolist()])

# %% [markdown]
r"""
**What to see.** $\nabla\log p$ alone would bring all points to $\mu$, the maximum. The noise spreads them out again,
and the two balance when the points are distributed like $p$.

**Question.** What do the points tend to when $\sqrt{2\delta}$ is replaced by $\sqrt\delta$?
"""


# %% [markdown]
r"""
## 3. Fit the model

$$\hat\mu = \frac1N\sum_i \mathbf{x}_i, \qquad
\hat\Sigma = \frac1N\sum_i(\mathbf{x}_i-\hat\mu)(\mathbf{x}_i-\hat\mu)^T = \hat E\hat\Lambda\hat E^T.$$

With $d = 10304$ pixels, $\hat\Sigma$ has $d^2$ entries:
"""

# %%
print(f"entries of Σ: {d**2:,}, in float64: {8 * d**2 / 1e6:.0f} MB")
print(f"entries of the training set: {N * d:,}, {8 * N * d / 1e6:.0f} MB")

# %% [markdown]
r"""
But it has low rank. Put the centred images in the rows of $X$ (`(N, d)`): then $\hat\Sigma = \frac1N X^TX$, and
$\operatorname{rank}\hat\Sigma = \operatorname{rank} X \leq N-1$, because the rows of $X$ sum to zero.

The thin singular value decomposition $X = USV^T$ gives $\hat\Sigma = V\,\frac{S^2}{N}\,V^T$ without ever forming
$\hat\Sigma$.

### Exercise 1 — the mean and the principal axes (12 min, in class)

Write `fit_gaussian`. Return the $r = N-1$ eigenvectors in columns and the eigenvalues of $\hat\Sigma$ with the
lecture's factor $1/N$, in descending order. The sign of an eigenvector is free.

<details><summary>Hint</summary>

`torch.linalg.svd(X, full_matrices=False)` returns $U$, $S$ and $V^T$: which of them has $d$ columns?
`hint("fit_gaussian")` tells more, in three steps.

</details>
"""

# %%
hint("fit_gaussian", 1)


# %%
def fit_gaussian(faces):
    """Return the mean image, the eigenvectors and the eigenvalues of the covariance of a set of images.

    faces: (N, d), one flattened image a row, N ≤ d.  Returns mean (d,), eigenvectors (d, N−1), eigenvalues (N−1,),
    descending, with Σ = (1/N) Σ_i (x_i − μ)(x_i − μ)ᵀ.  Slide "Image generation: Gaussian model".
    """
    ### BEGIN SOLUTION
    N = len(faces)
    mean = faces.mean(dim=0)
    _, S, Vt = torch.linalg.svd(faces - mean, full_matrices=False)
    return mean, Vt[: N - 1].T, S[: N - 1] ** 2 / N
    ### END SOLUTION


# %%
fit_gaussian = check(fit_gaussian)

# %% [markdown]
r"""
$e$ and $-e$ are the same axis. `fix_signs` chooses the one whose largest entry is positive, so that everybody sees the
same pictures.
"""

# %%
mean, eigenvectors, eigenvalues = (part.to(faces) for part in fit_gaussian(x_train))
eigenvectors = fix_signs(eigenvectors)
model = mean, eigenvectors, eigenvalues
r = len(eigenvalues)
print(f"rank r = {r} = N - 1, eigenvectors {tuple(eigenvectors.shape)}")

# %%
std = (eigenvectors.square() @ eigenvalues).sqrt()  # roots of the diagonal of Σ
images = [x_train[82], x_train[80:90].mean(dim=0), mean, 3 * std]
titles = [
    "one portrait\n",
    "mean of 10\nof one person",
    f"mean face μ\n(of {N} portraits)",
    "standard deviation\n(× 3)",
]
fig = show_images(as_images(images), titles)
slide_figure(fig, "mean-face")

# %% [markdown]
r"""
**What to see.** The mean is a face, blurred where portraits differ; ten portraits of one person differ less. The
standard deviation says where: most at the hair, the forehead and the eyes, least on the cheeks.

### The main variation axes

An eigenvector has $d$ entries: it is an image, an **eigenface**. It has both signs; gray is zero here.
"""

# %%
images = as_images(eigenvectors.T[:16])
fig = show_images(images, [f"e$_{{{i + 1}}}$" for i in range(16)], columns=8, value_range=(-0.03, 0.03))
slide_figure(fig, "eigenfaces")

# %% [markdown]
r"""
What an axis means is seen by walking along it from the mean, two standard deviations to each side: $\mu \pm
2\sqrt{\lambda_j}\,e_j$.
"""

# %%
steps = (-2, 0, 2)
images = [mean + t * eigenvalues[j].sqrt() * eigenvectors[:, j] for t in steps for j in range(8)]
names = {-2: "$-2\\sqrt{{\\lambda_{0}}}\\,e_{0}$", 0: "μ", 2: "$+2\\sqrt{{\\lambda_{0}}}\\,e_{0}$"}
titles = [names[t].format(j + 1) for t in steps for j in range(8)]
slide_figure(show_images(as_images(images), titles, columns=8), "face-variation-axes")

# %% [markdown]
r"""
**What to see.** $e_1$: dark hair, or a bright forehead. $e_2$: a bright or a dark portrait as a whole. $e_4$: from
which side the light comes, or where the head turns. From about $e_6$ on, the names fail: an axis mixes several
things, because nothing but variance chose it.

**Question.** Nobody told the model about light and hair. Why are these in front, and expressions not?
"""

# %% [markdown]
r"""
### How many axes?

$\lambda_j$ is the variance along $e_j$. The first $k$ axes explain the part $\sum_{j\leq k}\lambda_j /
\sum_j\lambda_j$ of the total variance.
"""

# %%
explained = eigenvalues.cumsum(0) / eigenvalues.sum()
for part in (0.5, 0.8, 0.9, 0.95, 0.99):
    print(f"{int((explained < part).sum()) + 1:3d} axes explain {100 * part:.0f} % of the variance")
fig, axes = new_figure(1, 2, height=4)
index = list(range(1, r + 1))
plot_curves({"λ": (index, eigenvalues.tolist())}, "j", "eigenvalue λ$_j$", "log", "log", axis=axes[0, 0])
plot_curves({"part": (index, explained.tolist())}, "number of axes", "explained variance", axis=axes[0, 1])
slide_figure(fig, "face-spectrum")

# %% [markdown]
r"""
**What to see.** The eigenvalues fall like a power of $j$: a few axes explain much, but the last tenth of the
variance, which makes a face sharp, needs more than 200 axes. The curve ends at $r = N - 1$: with more faces there
would be more.

### Why the course's own version is faster

If $XX^Tw = N\lambda w$, then $X^TX(X^Tw) = N\lambda\,(X^Tw)$: the eigenvectors of the small matrix $\frac1N XX^T$
(`(N, N)`, the *Gram matrix* of the faces) give those of $\hat\Sigma$, with the same eigenvalues.
"""

# %%
X = x_train - mean
lam, w = torch.linalg.eigh(X @ X.T / N)
e = X.T @ w[:, -1]
e = e / e.norm()
print(f"largest eigenvalue: {lam[-1]:.4f} by the Gram matrix, {eigenvalues[0]:.4f} by the SVD")
print(f"|⟨e, e_1⟩| = {(e @ eigenvectors[:, 0]).abs():.8f}")
print("all the others agree, too:", torch.allclose(lam.flip(0)[:r], eigenvalues, rtol=1e-6))
print(f"largest over smallest eigenvalue: {eigenvalues[0] / eigenvalues[-1]:.0f}")

# %% [markdown]
r"""
One product of matrices and a small eigenvalue problem: `gaussian.fit_gaussian` is about ten times faster than the SVD
(put `%timeit` before each). The price is precision. The eigenvalues of the Gram matrix carry an error of up to
$\lambda_1$ times the machine precision, so that the smallest may lose three digits here: of sixteen in float64, of
seven in float32.
"""


# %% [markdown]
r"""
## 4. Draw new faces

$$\begin{cases} z \sim \mathcal{N}(0, I) & \text{latent variable} \\
x = \hat\mu + \hat E\hat\Lambda^{1/2}z \end{cases}$$

### Exercise 2 — sample the model (8 min, in class)

Write `sample_gaussian`: $n$ samples, one a row. Take all the randomness from `generator`.

<details><summary>Hint</summary>

Draw `z` of shape `(n, r)` at once. $\hat\Lambda^{1/2}$ is diagonal: no matrix is needed to multiply by it.
`hint("sample_gaussian")` tells more.

</details>
"""


# %%
def sample_gaussian(mean, eigenvectors, eigenvalues, n, generator):
    """Return n samples of N(μ, EΛEᵀ), x = μ + EΛ^(1/2)z with z ~ N(0, I_r).

    mean: (d,); eigenvectors: (d, r); eigenvalues: (r,); n: integer; generator: torch.Generator.  Returns (n, d).
    Slide "Image generation: Gaussian model".
    """
    ### BEGIN SOLUTION
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype).to(mean.device)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T
    ### END SOLUTION


# %%
sample_gaussian = check(sample_gaussian)

# %%
samples = sample_gaussian(*model, 16, torch.Generator().manual_seed(seed))
slide_figure(show_images(as_images(samples), columns=8), "gaussian-face-samples")

# %% [markdown]
r"""
**What to see.** Each sample has a face's layout, and none is a photograph: they look like several exposures on one
film. Two reasons.

**The generator is linear.** A sample is a sum of eigenfaces. Half a pair of glasses plus half a bare face is a face
with glasses half there. In the words of the lecture, $G$ is a neural network of one linear layer:
"""

# %%
G = torch.nn.Linear(r, d, dtype=torch.float64).to(device).requires_grad_(False)
G.weight.copy_(eigenvectors * eigenvalues.sqrt())
G.bias.copy_(mean)
z = torch.randn(16, r, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device)
same = torch.allclose(G(z), gaussian.sample_gaussian(*model, 16, torch.Generator().manual_seed(seed)), atol=1e-10)
print("one linear layer gives μ + EΛ^(1/2)z:", same)

# %% [markdown]
r"""
**The coefficients are drawn independently.** The coefficients of a real face, $z = \Lambda^{-1/2}E^T(x-\mu)$, are its
**latent code**. Over the training faces they are uncorrelated (that is what the eigenvectors do), but not independent,
nor normal:
"""

# %%
codes = ((x_train - mean) @ eigenvectors) / eigenvalues.sqrt()
c_samples = torch.randn(codes.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
print(f"correlation of z 1 and z 3: {(codes[:, 0] * codes[:, 2]).mean().abs():.3f}")
print(f"mean fourth moment of z 220 to z 319: {codes[:, 219:].pow(4).mean():.1f} (normal: 3)")

# %%
fig, axes = new_figure(1, 2, width=9, height=4.4)
for axis, title, c in [(axes[0, 0], "codes of real faces", codes.cpu()), (axes[0, 1], "codes of samples", c_samples)]:
    axis.scatter(c[:, 0], c[:, 2], color="0.7", s=10)
    axis.title.set_text(title)
    axis.set(xlabel="$z_1$", ylabel="$z_3$", xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
for person, marker, color in zip((0, 9, 19, 26), "os^D", PALETTE, strict=False):
    c = codes[10 * person : 10 * person + 10].cpu()
    axes[0, 0].scatter(c[:, 0], c[:, 2], marker=marker, color=color, s=30)
show(
    fig, "Left, codes of real faces; those of four people are in colour and form clumps. Right, samples: a round cloud."
)

# %% [markdown]
r"""
**What to see.** Left, each colour is one person: real codes come in clumps, and stop near two standard deviations,
where the Gaussian does not. The late coefficients are the other extreme: their fourth moment says that they are
nearly always small, and large for the few faces to which they belong.
"""


# %% [markdown]
r"""
## 5. The latent code of a real face

$z = \Lambda^{-1/2}E^T(x-\mu)$ inverts $G$ on its range. A face that the model has not seen is not in the range
$\mu + \operatorname{span}(E)$; the nearest point of it is its orthogonal projection.

### Exercise 3 — project a face (6 min, at home)

Write `project`, on the space spanned by the first `rank` eigenvectors: $p(x) = \mu + E_kE_k^T(x-\mu)$.

<details><summary>Hint</summary>

Where do the parentheses go, so that no $d \times d$ matrix is formed? `hint("project")` tells more.

</details>
"""


# %%
def project(face, mean, eigenvectors, rank):
    """Return the orthogonal projection of a face on μ + span(e_1, …, e_rank).

    face: (d,); mean: (d,); eigenvectors: (d, r), orthonormal columns; rank: 1 to r.  Returns (d,).
    Slide "Image generation: Gaussian model".
    """
    ### BEGIN SOLUTION
    E = eigenvectors[:, :rank]
    return mean + E @ (E.T @ (face - mean))
    ### END SOLUTION


# %%
project = check(project)

# %%
images, titles = [], []
for name, face in [("training", x_train[82]), ("test", x_test[10])]:
    images.append(face)
    titles.append(f"{name} face\n")
    for rank in (5, 20, 80, 200, r):
        p = project(face, mean, eigenvectors, rank)
        images.append(p)
        titles.append(f"rank {rank}\n{'exact' if torch.allclose(p, face) else quality(p, face)}")
fig = show_images(as_images(images), titles, columns=6, width=14)
show(fig, "A training face, sharper with each rank and exact at the last, and a test face, which stays blurred.")

# %% [markdown]
r"""
At full rank a training face is reproduced exactly, a new face is not. How fast do they part?
"""

# %%
ranks = (1, 5, 10, 20, 40, 80, 160, 240, r)
curves = {}
for name, x in [("training people", x_train[::16]), ("test people", x_test[::2])]:
    errors = [[(project(face, mean, eigenvectors, k) - face).square().mean() for face in x] for k in ranks]
    curves[name] = (ranks, [math.sqrt(sum(e) / len(e)) for e in errors])
    print(f"{name}: root mean square error {curves[name][1][3]:.3f} at rank 20, {curves[name][1][-1]:.3f} at rank {r}")
fig = plot_curves(curves, "rank", "root mean square error")
show(fig, "The error falls as the rank grows: to zero for training people, levelling off for test people.")

# %% [markdown]
r"""
**What to see.** Each new axis still helps a new face, but less and less: the later axes are details of the training
people, not of people.

### All the training faces are equally likely

Compute the codes of the training faces, and their norms:
"""

# %%
norms = codes.norm(dim=1)
print(f"norm of the codes of training faces: from {norms.min():.4f} to {norms.max():.4f}")
print(f"√(N - 1) = {math.sqrt(N - 1):.4f}")
z_sample = torch.randn(1000, r, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
print(f"norm of 1000 samples z: {z_sample.norm(dim=1).mean():.1f} ± {z_sample.norm(dim=1).std():.1f}")

# %% [markdown]
r"""
They are all the same, and samples are nearly so. With as many axes as faces allow, the model puts all the training
faces on one sphere, and cannot tell a frequent face from a strange one.

**Question.** Show that $\|z_i\|^2 = N-1$ from $X = USV^T$: which matrix has the $z_i$ in its rows?
"""

# %% [markdown]
r"""
### Interpolate

Between two faces, $x_t = (1-t)\,x_0 + t\,x_1$. As $G$ is affine, interpolating the codes gives the same images.
"""

# %%
first, second = x_train[0], x_train[160]
images = [(1 - t) * first + t * second for t in (0, 0.25, 0.5, 0.75, 1)] + [samples[7].to(faces)]
names = ["t = 0", "t = 0.25", "t = 0.5", "t = 0.75", "t = 1", "a sample"]
titles = [f"{name}\n‖z‖ = {latent_code(x, model).norm():.1f}" for name, x in zip(names, images, strict=True)]
fig = show_images(as_images(images), titles, width=12)
show(fig, "From one man to another in five steps: in the middle both are seen at once. Last, a sample of the model.")

# %% [markdown]
r"""
**What to see.** Half way, you see two people at once: the straight segment between two faces leaves the set of
faces. And it leaves the sphere: $\|z\|$ falls in the middle. A sample has the right norm and is no better: the norm
of the code is not what makes a face.

A good generator has a latent space in which the half-way point is a face. That needs a non-linear $G$: the rest of the
lecture.
"""

# %% [markdown]
r"""
## 6. How likely is an image?

A portrait $x$ is never exactly in the face subspace, where alone the fitted Gaussian has a density. Add white noise
$\mathcal{N}(0, \sigma^2 I)$ to the model with the first $k$ axes:

$$x \sim \mathcal{N}(\mu,\; C), \qquad C = E_k\Lambda_kE_k^T + \sigma^2 I.$$

In an orthonormal basis that begins with $e_1, \dots, e_k$, $C$ is diagonal: $\lambda_j+\sigma^2$, then $d-k$ times
$\sigma^2$. With $c = E_k^T(x-\mu)$,

$$-2\log p(x) = d\log 2\pi + \sum_{j\leq k}\log(\lambda_j+\sigma^2) + (d-k)\log\sigma^2
+ \sum_{j\leq k}\frac{c_j^2}{\lambda_j+\sigma^2} + \frac{\|x-\mu\|^2-\|c\|^2}{\sigma^2}.$$

### Exercise 4 — the log-likelihood (15 min, at home)

Write `log_likelihood` for several faces at once, never forming a $d\times d$ matrix.

<details><summary>Hint</summary>

Five terms, each of which is one line. The last is the squared distance to the face subspace, over $\sigma^2$.
`hint("log_likelihood")` tells more.

</details>
"""


# %%
def log_likelihood(faces, model, rank, noise_std):
    """Return log N(x; μ, E_k Λ_k E_kᵀ + σ²I) of each face, k = rank and σ = noise_std.

    faces: (n, d); model: (mean (d,), eigenvectors (d, r), eigenvalues (r,)); rank: 1 to r; noise_std > 0.
    Returns (n,).  Slide "Image generation: Gaussian model", with the ½ that the slide lacks.
    """
    ### BEGIN SOLUTION
    mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]
    d, variance = len(mean), lam + noise_std**2
    c = (faces - mean) @ E
    outside = (faces - mean).square().sum(dim=1) - c.square().sum(dim=1)
    log_det = variance.log().sum() + (d - rank) * math.log(noise_std**2)
    distance = (c.square() / variance).sum(dim=1) + outside / noise_std**2
    return -0.5 * (d * math.log(2 * math.pi) + log_det + distance)
    ### END SOLUTION


# %%
log_likelihood = check(log_likelihood)

# %% [markdown]
r"""
### Choose the size of the model

For each $k$, take $\sigma^2$ from the training faces: the variance, per pixel, that the first $k$ axes leave over.
Then compare the likelihood of the training people with that of the validation people.
"""


# %%
def residual_std(k):
    """Return σ: root mean square of what the first k axes leave over of the training faces, per remaining axis."""
    return math.sqrt(eigenvalues[k:].sum() / (d - k))


ranks = (1, 2, 5, 10, 15, 20, 25, 30, 40, 60, 80, 100, 120)
curves = {}
for name, x in [("training people", x_train), ("validation people", x_validation)]:
    curves[name] = (ranks, [log_likelihood(x, model, k, residual_std(k)).mean().item() / d for k in ranks])
fig = plot_curves(curves, "number of axes k", "log-likelihood per pixel")
show(fig, "Log-likelihood against the number of axes: rising for training people, with a peak near 20 for others.")

# %%
k = max(ranks, key=lambda rank: curves["validation people"][1][ranks.index(rank)])
noise_std = residual_std(k)
print(f"largest likelihood of the validation people: k = {k} axes, σ = {noise_std:.4f}")

# %% [markdown]
r"""
**What to see.** On the faces it was trained on, a larger model is always better. On new people it is best with
about 20 axes, then it becomes too sure: $\sigma$ is taken from faces which the model knows by heart. From here on
we use the model of 20 axes.

### The most likely image

The density is largest at $\mu$. How far below are other images? The titles give $\log p(x) - \log p(\mu)$. A draw of
$\mathcal{N}(\mu, C)$ is a sample of the 20 axes, then noise of standard deviation $\sigma$ on each pixel.
"""

# %%
portrait, source = x_test[15], torch.Generator().manual_seed(seed)
noise = torch.randn(d, generator=source, dtype=torch.float64).to(device)
sample = gaussian.sample_gaussian(mean, eigenvectors[:, :k], eigenvalues[:k], 1, source)[0]
candidates = {
    "mean face μ": mean,
    "sample, 20 axes": sample,
    "a draw: noise added": sample + noise_std * noise,
    "a test face": portrait,
    "upside down": portrait.reshape(H, W).flip(0).flatten(),
    "μ and more noise": mean + 0.15 * noise,
}

# %%
values = log_likelihood(torch.stack(list(candidates.values())), model, k, noise_std)
titles = [f"{name}\n{value - values[0]:.0f}" for name, value in zip(candidates, values, strict=True)]
fig = show_images(as_images(candidates.values()), titles, width=14)
show(fig, "Mean face, a smooth sample, the sample under noise, a test face, the same upside down, strong noise.")
print(f"d / 2 = {d // 2}")

# %% [markdown]
r"""
**What to see.** The density tells a face from the same face upside down. But its maximum is a face that nobody has, and
a smooth sample is "more likely" than any portrait. A true draw and the portrait are both about $d/2$ below the maximum.

**Question.** Show that $\log p(x) - \log p(\mu)$ is $-d/2$ on average over draws of $\mathcal{N}(\mu, C)$. How likely
is it to draw something close to $\mu$?
"""


# %% [markdown]
r"""
## 7. A good image model leads to good image processing

A region of a portrait is hidden. The prior knows what faces look like: ask it for the hidden pixels **given** the
visible ones. Write $x = \mu + Bz$ with $B = E_k\Lambda_k^{1/2}$ and $z \sim \mathcal{N}(0, I)$; let $\omega$ be the
set of visible pixels, $v_\omega = x_\omega + \sigma n$. By Bayes, $p(z \mid v_\omega)$ is proportional to $p(v_\omega
\mid z)\,p(z)$, so that, up to a constant,

$$-\log p(z \mid v_\omega) = \frac{1}{2\sigma^2}\|\mu_\omega + B_\omega z - v_\omega\|^2 + \frac12\|z\|^2 :$$

a data term, and a regularization that comes from the model. It is quadratic in $z$. Collect what is quadratic and
what is linear,

$$\tfrac12 z^TSz - z^Tb, \qquad S = I + \tfrac{1}{\sigma^2}B_\omega^TB_\omega, \qquad
b = \tfrac{1}{\sigma^2}B_\omega^T(v_\omega-\mu_\omega),$$

and complete the square: with $S\hat z = b$ this is $\frac12(z-\hat z)^TS(z-\hat z)$ plus a constant. **The code given
the visible pixels is $\mathcal{N}(\hat z, S^{-1})$**, and the face without its noise, $\mu + Bz$, is
$\mathcal{N}(m, FF^T)$ with

$$m = \mu + B\hat z, \qquad FF^T = BS^{-1}B^T .$$

The Cholesky factorization $S = LL^T$ gives both: the solution of $S\hat z = b$, and the factor $F = BL^{-T}$. $S$ is
only $k \times k$.

### Exercise 5 — repair a portrait (15 min, at home)

Write `condition`. Return $m$ and $F$.

<details><summary>Hint</summary>

`B[mask]` keeps the rows of the visible pixels. `hint("condition")` tells more.

</details>
"""


# %%
def condition(face, mask, model, noise_std):
    """Return m and F of the posterior N(m, FFᵀ) of μ + Bz, B = EΛ^(1/2), given the visible pixels of a face.

    face: (d,), v; mask: (d,), true on ω; model: (mean (d,), eigenvectors (d, k), eigenvalues (k,)); noise_std: σ > 0.
    Returns m (d,), also on the visible pixels, and F (d, k).  Slide "Why generative models are interesting ?".
    """
    ### BEGIN SOLUTION
    mean, E, lam = model
    B = E * lam.sqrt()
    B_seen, v_seen = B[mask] / noise_std, (face - mean)[mask] / noise_std
    S = torch.eye(len(lam), dtype=B.dtype, device=B.device) + B_seen.T @ B_seen
    L = torch.linalg.cholesky(S)
    z = torch.cholesky_solve((B_seen.T @ v_seen)[:, None], L)[:, 0]
    return mean + B @ z, B @ torch.linalg.inv(L).T
    ### END SOLUTION


# %%
condition = check(condition)

# %%
prior = mean, eigenvectors[:, :k], eigenvalues[:k]


def repair(v, mask):
    """Return v with its hidden pixels replaced by their posterior mean; mask is true on the visible pixels."""
    return torch.where(mask, v, condition(v, mask, prior, noise_std)[0])


# %% [markdown]
r"""
Compare with fills that know nothing of faces: one gray, the mean of the visible pixels; and a harmonic fill, in
which each hidden pixel is the mean of its four neighbours (the heat equation of notebook 07, run to its end, here
with a momentum that gets there in 500 steps). The mean face is in between: it knows faces, but not this one.
"""


# %%
def harmonic_fill(v, mask, omega=1.94):
    """Return the image (H, W) whose hidden pixels are the means of their neighbours; the frame is mirrored."""
    u = previous = torch.where(mask, v, v[mask].mean())
    for _ in range(500):
        w = torch.cat([u[:1], u, u[-1:]])
        w = torch.cat([w[:, :1], w, w[:, -1:]], dim=1)
        around = (w[:-2, 1:-1] + w[2:, 1:-1] + w[1:-1, :-2] + w[1:-1, 2:]) / 4
        u, previous = torch.where(mask, v, omega * around + (1 - omega) * previous), u
    assert (u - torch.where(mask, v, around)).abs().max() < 1e-4
    return u


# %%
eyes = torch.ones(H, W, dtype=torch.bool, device=device)
eyes[36:60, 10:82] = False
half = torch.ones(H, W, dtype=torch.bool, device=device)
half[:, W // 2 :] = False


def all_fills(x, mask):
    """Return the fills of one flattened face, by name."""
    harmonic = harmonic_fill(x.reshape(H, W), mask.reshape(H, W)).flatten()
    fills = {"gray": x[mask].mean(), "harmonic": harmonic, "mean face": mean, "Gaussian": repair(x * mask, mask)}
    return {name: torch.where(mask, x, fill) for name, fill in fills.items()}


# %%
images, titles = [], []
for x, mask in [(x_test[15], eyes.flatten()), (x_test[33], half.flatten())]:
    images += [x, x * mask]
    titles += ["original\n", "hidden\n"]
    for name, filled in all_fills(x, mask).items():
        images.append(filled)
        titles.append(f"{name}\n{quality(filled, x)[7:]}")
fig = show_images(as_images(images), titles, columns=6)
slide_figure(fig, "face-inpainting-prior")

# %% [markdown]
r"""
The titles give the PSNR of the whole picture. These two are cases that went well. What counts is the average, here
over ten portraits of the four test people:
"""

# %%
for region, mask in [("eyes", eyes.flatten()), ("half a face", half.flatten())]:
    scores = {}
    for x in x_test[::4]:
        for name, filled in all_fills(x, mask).items():
            scores.setdefault(name, []).append(psnr(filled.reshape(H, W), x.reshape(H, W)))
    means = {name: sum(values) / len(values) for name, values in scores.items()}
    print(f"{region:12s}" + ", ".join(f"{name} {value:.2f} dB" for name, value in means.items()))

# %% [markdown]
r"""
**What to see.** The prior puts brows and eyes where the harmonic fill has skin, and completes half a face by a blurred
other half, lit alike. It is not sharp: the posterior mean is an average over all that could be there.

How sure is the model? The posterior is a whole Gaussian, not only its mean: $m + Fn_1$ is one possible face. A hidden
pixel has its noise as well, so one possible answer is $m + Fn_1 + \sigma n_2$ with $n_1, n_2 \sim \mathcal{N}(0, I)$.
Does the true face differ from $m$ as this draw does?
"""

# %%
x, mask = x_test[33], half.flatten()
m, F = condition(x * mask, mask, prior, noise_std)
n_1 = torch.randn(F.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device)
draw = m + F @ n_1 + noise_std * noise  # `noise` is n_2
images = [torch.where(mask, x, u) for u in (x, m, draw)]
images += [torch.where(mask, 0.5, 0.5 + 2 * (u - m)) for u in (draw, x)]
titles = ["original", "posterior mean m", "a draw", "draw − m (× 2)", "original − m (× 2)"]
fig = show_images(as_images(images), titles, width=12)
alt = "A portrait; its right half replaced by the posterior mean, and by a noisy draw; what the draw adds to the mean, "
show(fig, alt + "white noise on gray; what the original adds, the missing parts of a face.")


# %%
def spread(x):
    """Return the RMS on the hidden half of a difference (d,), of its pixels and of its means over 8 × 8 pixels."""
    hidden = x.reshape(1, H, W)[:, :, W // 2 :]
    return torch.stack([y.square().mean().sqrt() for y in (hidden, torch.nn.functional.avg_pool2d(hidden, 8))])


errors = torch.stack([spread(x - condition(x * mask, mask, prior, noise_std)[0]) for x in x_test[::4]]).mean(dim=0)
for name, a, b in zip(("pixels", "means of 8 × 8 pixels"), spread(draw - m), errors, strict=True):
    print(f"{name}: promised {a:.3f}, error {b:.3f} (mean of ten portraits)")
print(f"part of F alone: {F[~mask].square().sum(dim=1).mean().sqrt():.3f}")

# %% [markdown]
r"""
**What to see.** Pixel by pixel the promise is not far off: $\sigma$ was measured. But the model takes what its 20 axes
leave over for white noise, which cancels in the mean of 64 pixels. The true error has the shape of a face and does not.
For the same reason the model is far too sure of $z$, the part of $F$: it takes the 5152 visible pixels for as many
independent measurements.

**Question.** What would a more honest $C$ contain instead of $\sigma^2 I$?
"""

# %% [markdown]
r"""
This is the plan for the rest of the lecture: a degradation $v = Au + w$, a prior on $u$, and an answer that obeys
both. In notebooks 04 to 09 the prior is a simple energy, with one number to choose.
"""

# %% [markdown]
r"""
## 8. Explore

One slider for each of the first eight coefficients, in standard deviations; `rank` says how many coefficients are
used. The buttons draw a random face or go back to the mean, `load` takes the code of a test face. Sampling and
projection are yours.
"""

# %%
explore_faces(model, (H, W), x_test, sample_gaussian=sample_gaussian, project=project)

# %% [markdown]
"""
The same picture without the explorer: a code with three coefficients that are not zero.
"""

# %%
code = torch.tensor([2.0, -1.5, 0.0, 2.5], dtype=torch.float64, device=device)
u, numbers = face_picture(code, model, (H, W))
mean_face, _ = face_picture(0 * code, model, (H, W))
title = "\n".join(["z = (2, −1.5, 0, 2.5, 0, …)", *(f"{name} = {value:.2f}" for name, value in numbers.items())])
fig = show_images([mean_face, u], ["z = 0\n\n", title], width=7)
show(fig, "The mean face, and a blurred face with a bright forehead, lit from one side.")

# %% [markdown]
r"""
## What you have learnt

- A Gaussian fitted to $N$ images has rank at most $N-1$; its axes come from a thin SVD, never from a $d \times d$
  matrix.
- $x = \mu + E\Lambda^{1/2}z$ is a generator: one linear layer. Its samples have the right mean and covariance and
  are not faces.
- A model is judged on people it has not seen: reconstruction improves with the rank, likelihood has a maximum.
- Conditioning the model on what is visible repairs an image: data term plus regularization. The posterior also says how
  sure the model is, and believes its own noise too much.

**Hand in**: this notebook with the five exercises passed; your answers to the questions in bold; a portrait of
`x_test` with a hidden region of your choice, repaired, with its PSNR and one sentence on what the model got wrong.

**Next**: notebook 02 (textures) makes the Gaussian model stationary: one exemplar is then enough to learn it.
Notebook 04 starts with inverse problems.
"""
