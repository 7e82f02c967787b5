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
# 12. Mixing textures, and any style in one pass

At the end of this notebook you will be able to

- measure how far two Gaussians are from each other, carry one to the other, and stop halfway;
- say why averaging Gram matrices does not mix two textures, and what does;
- repaint a photograph in any style by one linear map of its features and a decoder, in a second;
- draw a map of textures from nothing but the distances between them.

**Slides**: "Universal style transfer and texture mixing".

**Time**: reading 30 min (12 in class), exercises 47 min, compute under 1 min on two CPU cores.

**Before this**: notebook 10 (Gram matrices, synthesis); notebook 02 for the mixtures of Gaussian textures.
"""

# %% [markdown]
r"""
| symbol | name in the code | shape | range |
| --- | --- | --- | --- |
| $\mathcal N(m_1, C_1)$, $\mathcal N(m_2, C_2)$ | `m1, C1`, `m2, C2` | `(n,)`, `(n, n)` | $C \succeq 0$, float64 |
| $W_2^2$, squared Wasserstein distance | `bures_wasserstein(m1, C1, m2, C2)` | number | $\geq 0$ |
| $T(x) = A x + b$, optimal map | `A, b` | `(n, n)`, `(n,)` | $A \succeq 0$ |
| $m_t, C_t$, barycentre | `gaussian_barycentre(m1, C1, m2, C2, t)` | `(n,)`, `(n, n)` | $t \in [0, 1]$ |
| $F = V^L(u)$, features at layer $L$ | `F` | `(n, h, w)` | $\geq 0$ |
| $m_F$, $C_F$, their mean and covariance over the pixels | `feature_gaussian(F)` | `(n,)`, `(n, n)` | float64 |
| decoder, $\approx$ inverse of $V^L$ | `decoder(F)` | `(3, H, W)` | not clipped |
"""

# %%
import math
import time

import torch

from course_utils import style
from course_utils.checks import check, hint
from course_utils.data import names_of_kind
from course_utils.explorers.texture_mixing import explore_texture_mixing, transport_picture
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.images import load_image
from course_utils.optim import minimize_image
from course_utils.plotting import draw_image, new_figure, show, show_images
from course_utils.slides import slide_figure
from course_utils.style import (
    classical_scaling,
    feature_gaussian,
    gaussian_mixture_texture,
    gram_mixture,
    load_decoder,
    load_mixture,
    matrix_power,
    mixture_records,
    transport,
    wasserstein_mixture,
)

# %%
device = "cpu"  # or "cuda": networks and images go there; roots of matrices stay in float64 on the CPU
small = 64  # side of the texture that is synthesized live
side = 256  # of the photographs that are repainted


def load(name, size=side):
    """Return a picture of the course in colour, float32."""
    u = load_image(name, size).float()
    return u.expand(3, -1, -1).to(device)


# %% [markdown]
r"""
## 1. How far is a Gaussian from another?

Heap up sand as the density of $\mathcal N(m_1, C_1)$, and move it so that it becomes $\mathcal N(m_2, C_2)$. Moving a
grain from $x$ to $T(x)$ costs $\|T(x) - x\|^2$. The cheapest total is the squared **Wasserstein distance**, and for
Gaussians it is known in closed form:

$$ W_2^2 = \|m_1 - m_2\|^2 + \mathrm{tr}\, C_1 + \mathrm{tr}\, C_2
- 2\, \mathrm{tr} \big( C_2^{1/2} C_1 C_2^{1/2} \big)^{1/2} . $$

The root of a symmetric matrix $C = Q \Lambda Q^T$, $\Lambda \geq 0$, is $Q \Lambda^{1/2} Q^T$. In one dimension the
formula says $W_2^2 = (m_1 - m_2)^2 + (\sigma_1 - \sigma_2)^2$: it compares standard deviations, not variances.

### Exercise 1 — the distance (8 min, in class)

<details><summary>Hint</summary>
The trace of the root of a matrix is the sum of the roots of its eigenvalues: <code>torch.linalg.eigvalsh</code>.
Rounding makes a zero eigenvalue a little negative: clamp it.
</details>

`hint("bures_wasserstein")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("bures_wasserstein", 1)


# %%
def bures_wasserstein(m1, C1, m2, C2):
    """Return W₂² = ‖m1 − m2‖² + tr C1 + tr C2 − 2 tr (C2^½ C1 C2^½)^½ of two Gaussians.

    m1, m2: (n,).  C1, C2: (n, n), symmetric, eigenvalues ≥ 0, perhaps some = 0.  float64.
    Returns a tensor with one value.  Dowson, Landau (1982).
    """
    ### BEGIN SOLUTION
    values, q = torch.linalg.eigh(C2)
    root = (q * values.clamp(min=0).sqrt()) @ q.mT
    middle = torch.linalg.eigvalsh(root @ C1 @ root).clamp(min=0)
    kept = middle[middle > 1e-10 * middle.max()]  # the root of what is only rounding would count
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * kept.sqrt().sum()
    ### END SOLUTION


# %%
bures_wasserstein = check(bures_wasserstein)

# %% [markdown]
r"""
The map that moves the sand at this cost is linear, with a symmetric matrix:

$$ T(x) = A x + b, \qquad A = C_1^{-1/2} \big( C_1^{1/2} C_2 C_1^{1/2} \big)^{1/2} C_1^{-1/2}, \qquad
b = m_2 - A m_1 . $$

Check it by hand: $A C_1 A = C_2$, so $T$ carries one Gaussian to the other. So does
$C_2^{1/2} C_1^{-1/2}$ in the place of $A$, and so do many others. Only $A$ is symmetric with eigenvalues $\geq 0$. So
$T$ is the gradient of a convex function, and by Brenier's theorem that makes it the cheapest.

### Exercise 2 — the optimal map (10 min, in class)

`matrix_power(C, p)` gives $C^p$ of a symmetric matrix, for $p = 1/2$ and $p = -1/2$ too. Its eigenvalues below
$10^{-10}$ times the largest count as 0, and stay 0 when $p < 0$: features often have a singular covariance.

<details><summary>Hint</summary>
Three calls of <code>matrix_power</code> and four products.
</details>

`hint("gaussian_map")` tells more.
"""


# %%
def gaussian_map(m1, C1, m2, C2):
    """Return A and b of the optimal map x → A x + b from N(m1, C1) to N(m2, C2).

    m1, m2: (n,).  C1, C2: (n, n), symmetric, eigenvalues > 0.  float64.
    Returns A (n, n), symmetric, and b (n,).  Peyré, Cuturi (2019), remark 2.31.
    """
    ### BEGIN SOLUTION
    root, inverse = matrix_power(C1, 0.5), matrix_power(C1, -0.5)
    A = inverse @ matrix_power(root @ C2 @ root, 0.5) @ inverse
    return A, m2 - A @ m1
    ### END SOLUTION


# %%
gaussian_map = check(gaussian_map)

# %% [markdown]
r"""
Now let each grain go from $x$ to $T(x)$ along a straight line at constant speed, and stop all of them at a time $t$
between 0 and 1. The map $x \to (1 - t)\, x + t\, T(x)$ is of the same form as $T$, so the sand is again heaped up as a
Gaussian: the **barycentre** of the two with weights $1 - t$ and $t$.

### Exercise 3 — stop halfway (8 min, in class)

Write its mean $m_t$ and its covariance $C_t$.

<details><summary>Hint</summary>
A linear map B turns the covariance C into B C Bᵀ.
</details>

`hint("gaussian_barycentre")` tells more.
"""


# %%
def gaussian_barycentre(m1, C1, m2, C2, t):
    """Return m_t and C_t, the Gaussian of (1 − t) x + t T(x), x ~ N(m1, C1), T the optimal map.

    m1, m2: (n,).  C1, C2: (n, n), symmetric, eigenvalues > 0.  float64.  t: 0 gives N(m1, C1), 1 gives N(m2, C2).
    Returns m_t (n,) and C_t (n, n).  McCann (1997).
    """
    ### BEGIN SOLUTION
    A, _ = gaussian_map(m1, C1, m2, C2)
    B = (1 - t) * torch.eye(len(m1), dtype=C1.dtype) + t * A
    return (1 - t) * m1 + t * m2, B @ C1 @ B.mT
    ### END SOLUTION


# %%
gaussian_barycentre = check(gaussian_barycentre)

# %% [markdown]
"""
Two thin Gaussians in different directions, each drawn as the ellipse at twice the standard deviation. Above, the
barycentres. Below, what one does without thinking: average the covariances. Printed after the figure are standard
deviations along the axes of the ellipses, 1.00 and 0.14 at both ends.
"""


# %%
def rotated(angle, large, little):
    """Return the covariance of an ellipse with these squared half-axes, turned by an angle."""
    c, s = math.cos(angle), math.sin(angle)
    R = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    return R @ torch.diag(torch.tensor([large, little], dtype=torch.float64)) @ R.mT


m1, m2 = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
C1, C2 = rotated(0.7, 1.0, 0.02), rotated(-0.3, 1.0, 0.02)
steps = [0.0, 0.25, 0.5, 0.75, 1.0]
barycentres = [gaussian_barycentre(m1, C1, m2, C2, t) for t in steps]
averages = [((1 - t) * m1 + t * m2, (1 - t) * C1 + t * C2) for t in steps]

# %%
circle = torch.linspace(0, 2 * math.pi, 100, dtype=torch.float64)
circle = torch.stack([circle.cos(), circle.sin()])
figure, axes = new_figure(2, 5, height=4.6)
for axis, t in zip(axes[0], steps, strict=True):
    axis.set_title(f"t = {t:g}", fontsize=16)
for row, gaussians in zip(axes, (barycentres, averages), strict=True):
    for axis, (m, C) in zip(row, gaussians, strict=True):
        axis.fill(*(m[:, None] + 2 * matrix_power(C, 0.5) @ circle), color="#0072b2")
        axis.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xticks=[], yticks=[])
slide_figure(figure, "bures-geodesic")

# %%
for name, (_, C) in {"barycentre": barycentres[2], "average": averages[2]}.items():
    half_axes = torch.linalg.eigvalsh(C).sqrt()
    print(f"halfway, {name:10s}: half-axes {half_axes[1]:.2f} and {half_axes[0]:.2f}, product {half_axes.prod():.2f}")
distance = bures_wasserstein(m1, C1, m2, C2).sqrt()
for t, (m, C) in zip(steps[1:4], barycentres[1:4], strict=True):
    print(f"t = {t:.2f}: distance to the first {bures_wasserstein(m1, C1, m, C).sqrt() / distance:.2f} of the whole")

# %% [markdown]
r"""
**What to see.** The barycentre turns and stays thin, though a little less so halfway. The average of covariances puffs
up halfway, unlike both ends. Think of an image that is *half the one texture and half the other*, side by side: its
means of products, which a Gram matrix holds, are averages. Those of one homogeneous material in between are not. On the
way, the distance to the first Gaussian grows in proportion to $t$: the way is a geodesic, at constant speed.

**Question.** $C_1$ and $C_2$ are now multiples of the identity, $\sigma_1^2 I$ and $\sigma_2^2 I$. What are the
covariances of the halfway barycentre and of the halfway average? Which of the two is larger, and when are they equal?
"""

# %% [markdown]
r"""
## 2. A texture as a Gaussian of features

Notebook 10 described a texture by the Gram matrices $G^L = \frac{1}{wh} \sum_k F_k F_k^T$. Here $F_k$ are the features
at pixel $k$. With their mean $m_F$ and covariance $C_F$ we have $G^L = C_F + m_F m_F^T$: mean and covariance give the
Gram matrix, and say a little more. As they are those of a *Gaussian*, they come with a distance, which compares
standard deviations instead of variances. Vacher et al. (2020) take it as the loss of an image $x$. Let $m^L(x), C^L(x)$
be the mean and covariance of the features of $x$ at layer $L$, and $m^L, C^L$ those of the exemplar:

$$ E(x) = \sum_L
\frac{W_2^2\big(\mathcal N(m^L(x), C^L(x)),\, \mathcal N(m^L, C^L)\big)}{\|m^L\|^2 + \mathrm{tr}\, C^L} . $$

The denominator is the squared distance from the target to a Dirac at 0: each layer contributes a squared relative
error.

### Exercise 4 — the loss (6 min, in class)

L-BFGS needs its gradient. Take `style.bures_wasserstein`, your function with one precaution more: the root has an
infinite slope at 0, so it leaves out the eigenvalues that are 0 before it takes roots.

<details><summary>Hint</summary>
<code>feature_gaussian(features[layer])</code> returns m and C. Add up over the layers of <code>targets</code>.
</details>

`hint("wasserstein_loss")` tells more.
"""


# %%
def wasserstein_loss(features, targets):
    """Return Σ_L W₂²(N(m, C), N(m^L, C^L)) / (‖m^L‖² + tr C^L), m and C the mean and covariance of features[L].

    features: dictionary from layer to (n, h, w).  targets: dictionary from layer to the pair m^L (n,), C^L (n, n).
    Returns a tensor with one value.  Vacher et al. (2020).
    """
    ### BEGIN SOLUTION
    total = 0
    for layer, (m, C) in targets.items():
        distance = style.bures_wasserstein(*feature_gaussian(features[layer]), m, C)
        total = total + distance / (m.square().sum() + C.trace())
    return total
    ### END SOLUTION


# %%
wasserstein_loss = check(wasserstein_loss)

# %% [markdown]
r"""
Try it at once: a small texture by L-BFGS, as in notebook 10, but with this loss. It starts from the stationary Gaussian
texture of the exemplar.
"""

# %%
network = VGGFeatures("vgg16", TEXTURE_LAYERS[:4], device=device)
u = load("flagstones_blue")[:, :small, :small]
targets = {layer: feature_gaussian(F) for layer, F in network(u).items()}
start = gaussian_mixture_texture(u, u, 0.0, torch.Generator().manual_seed(0))
x, history = minimize_image(lambda y: wasserstein_loss(network(y), targets), start, 40)
titles = ["exemplar", "start", "W₂ loss"]
show(show_images([u, start, x], titles, width=6), "Blue flagstones, noise in blue and brown, new flagstones.")
assert history.objective[-1] < 0.3 * history.objective[0]

# %% [markdown]
r"""
### A map of textures

The distance alone already orders the course's textures. Take one Gaussian for each, at `relu2_1`, and all the distances
between two of them. **Classical scaling** finds points in the plane whose distances are as close to these as possible:
it takes the matrix $-\frac12 J D^{(2)} J$, where $D^{(2)}$ has the *squared distances* and $J$ subtracts the mean, and
of its two largest eigenvalues $\lambda$ the eigenvectors times $\sqrt \lambda$.
"""

# %%
names = names_of_kind("texture")
encoder = VGGFeatures("vgg16", ("relu2_1",), device=device)
gaussians = [feature_gaussian(encoder(load(name, 128))["relu2_1"]) for name in names]
D = torch.zeros(len(names), len(names), dtype=torch.float64)
for i, (m, C) in enumerate(gaussians):
    for j in range(i):
        D[i, j] = D[j, i] = bures_wasserstein(m, C, *gaussians[j]).clamp(min=0).sqrt()
points = classical_scaling(D)

# %%
figure, axes = new_figure(1, 1, width=10, height=5.7)
axis = axes.item()
for name, (x1, x2) in zip(names, points.tolist(), strict=True):
    inset = axis.inset_axes((x1 - 1.2, x2 - 1.2, 2.4, 2.4), transform=axis.transData)
    draw_image(inset, load(name, 128))
low, high = (points.amin(0) - 1.5).tolist(), (points.amax(0) + 1.5).tolist()
axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="first axis", ylabel="second axis")
slide_figure(figure, "texture-map")
nearest = {name: names[int(D[i].topk(2, largest=False).indices[1])] for i, name in enumerate(names)}
print(", ".join(f"{name}: {nearest[name]}" for name in ("brick", "cork", "canvas", "sand_ripples")))

# %% [markdown]
r"""
**What to see.** Papers, which are nearly uniform, lie together on the left, one upon the other; what has strong colours
and edges lies far out. Nobody labelled anything: neighbours have much the same contrast and grain, though not always
the same shapes, for `relu2_1` sees few pixels at a time. Printed, for four of the textures, is the texture nearest to
each.

**Question.** The map has 25 points in two dimensions. How would you judge, from the eigenvalues of
$-\frac12 J D^{(2)} J$, how faithful it is?
"""

# %% [markdown]
r"""
## 3. From one texture to another

Synthesize, for five values of $t$, the image whose features have at each layer the barycentre of the two textures'
Gaussians. Beside it, the same with $(1 - t) G_1 + t G_2$, and notebook 02's mixture, which takes the Wasserstein
barycentre of the *pixels'* stationary Gaussian models. The synthesized ones are precomputed (`make syntheses`, a minute
or two each), with 40 evaluations at each of three scales; the cell after the figure verifies those at both ends and
halfway by one evaluation of both losses.
"""

# %%
records = mixture_records()
first, second = (load(records["wasserstein_50"][key]) for key in ("first", "second"))
rows = [[load_mixture(f"{kind}_{round(100 * t)}").float() for t in steps] for kind in ("wasserstein", "gram")]
rows.append([gaussian_mixture_texture(first, second, t, torch.Generator().manual_seed(0)) for t in steps])
titles = ["first", *[f"t = {t:g}" for t in steps], "second"]
flat = [v for row in rows for v in (first, *row, second)]
figure = show_images(flat, titles + [""] * 14, columns=7)
figure.set_dpi(100)
slide_figure(figure, "texture-interpolation")

# %%
deep = VGGFeatures("vgg16", TEXTURE_LAYERS, device=device)
v1, v2 = deep(first), deep(second)
goals = {t: [mixture(v1, v2, t) for mixture in (wasserstein_mixture, gram_mixture)] for t in steps[::2]}
print("                W2 loss    Gram loss")
for kind, row in zip(("wasserstein", "gram", "gaussian"), rows, strict=True):
    for t, x in zip(goals, row[::2], strict=True):
        v = deep(x.to(device))
        losses = [float(goal(v)) for goal in goals[t]]
        recorded = records.get(f"{kind}_{round(100 * t)}", {}).get("losses_of_file", {}).values()
        assert all(math.isclose(a, b, rel_tol=2e-2) for a, b in zip(losses, recorded, strict=False))
        print(f"{kind:11s} {t:.2f}    {losses[0]:7.3f}      {losses[1]:7.3f}")

# %% [markdown]
r"""
**What to see.** At both ends the first two rows could pass for the exemplars. Between them, above, one material
changes as a whole: halfway, stones drawn out like ripples, with light joints, all of one brown. In the middle row the
average of Gram matrices is reached by a patchwork: islands of stones in the sand, then of sand in the stones. Below,
notebook 02's mixture changes smoothly too, in colour, contrast and direction, and never has an edge. Halfway, each of
the first two rows does better than the other on its own loss, and worse on the other's: a homogeneous mixture *does
not have* the averaged statistics.

**Question.** At $t = 0$ and $t = 1$ the first two rows have the same targets. Compare both losses of both rows there:
which loss was the better one to minimize?
"""

# %% [markdown]
r"""
## 4. Any style in one forward pass

Optimisation takes minutes for an image. Li et al. (2017) had a simpler idea. Encode the photograph, $F = V^L(u)$. Give
its features the mean $m$ and the covariance $C$ of the painting's features by a linear map: *whiten* them, so that
their covariance is the identity, then *colour* them, so that it is $C$,

$$ F_k \to C^{1/2}\, C_F^{-1/2} (F_k - m_F) + m . $$

Decode. The decoder is trained once, to invert the encoder and without any style to imitate, and never again.

### Exercise 5 — whitening and colouring (15 min, at home)

<details><summary>Hint</summary>
Flatten the pixels, <code>F.flatten(1)</code>, work in float64 with <code>feature_gaussian</code> and
<code>matrix_power</code>, and come back to the shape and the precision of F.
</details>

`hint("whiten_color")` tells more.
"""


# %%
def whiten_color(F, m, C):
    """Return C^½ C_F^−½ (F_k − m_F) + m at each pixel k, m_F and C_F the mean and covariance of F.

    F: (n, h, w), float32 or float64.  m: (n,).  C: (n, n).  float64.
    Returns features of the shape and the precision of F.  Li et al. (2017).
    """
    ### BEGIN SOLUTION
    m_F, C_F = feature_gaussian(F)
    centred = F.flatten(1).double() - m_F[:, None]
    colored = matrix_power(C, 0.5) @ matrix_power(C_F, -0.5) @ centred + m[:, None]
    return colored.reshape(F.shape).to(F.dtype)
    ### END SOLUTION


# %%
whiten_color = check(whiten_color)

# %%
layers = ("relu3_1", "relu4_1")
encoder = VGGFeatures("vgg16", layers, device=device)
encoders = {layer: VGGFeatures("vgg16", (layer,), device=device) for layer in layers}  # each no deeper than it needs
decoders = {layer: load_decoder(layer).to(device) for layer in layers}
temple, wave, stones = load("temple"), load("great_wave"), load("flagstones_blue")  # none was seen in training
with torch.no_grad():
    decoded = [decoders[layer](encoder(temple)[layer]) for layer in layers]
figure = show_images([temple, *decoded], ["u", *layers], width=8)
show(figure, "A pagoda; decoded from relu3_1, softer but in its colours; from relu4_1, paler, with rough edges.")

# %% [markdown]
r"""
**What to see.** From `relu3_1` the pagoda comes back in its colours, a little softened; the railings are still there.
From the deeper layer come the places and the colours of things, and few of their details. What is missing is what the
layer has forgotten, and what so briefly trained a network has not learned.
"""


# %%
def universal_transfer(content, style, strengths):
    """Return the content image with its features moved to the style's Gaussian, layer by layer, from coarse to fine.

    strengths: from layer to α; the features become (1 − α) F + α F', F' whitened and coloured.
    """
    x, wanted = content, encoder(style)
    for layer, alpha in strengths.items():
        F = encoders[layer](x)[layer].cpu()
        colored = whiten_color(F, *feature_gaussian(wanted[layer]))
        x = decoders[layer](torch.lerp(F, colored, alpha).to(device))
    return x


# %%
names = ("great_wave", "flagstones_blue", "starry_night", "mosaic_tiles", "composition_viii", "rock_layers")
styles = [load(name) for name in names]
fine, both = {"relu3_1": 1.0}, {"relu4_1": 0.5, "relu3_1": 1.0}
with torch.no_grad():
    rows = [[universal_transfer(temple, style, strengths) for style in styles] for strengths in (fine, both)]
titles = ["", "wave", "stones", "night", "tiles", "circles", "rock", "relu3_1 →", *[""] * 6, "both →", *[""] * 6]
figure = show_images([temple, *styles, temple, *rows[0], temple, *rows[1]], titles, columns=7)
figure.set_dpi(90)
slide_figure(figure, "universal-style-transfer")

# %% [markdown]
r"""
**What to see.** Middle row, one linear map at `relu3_1`: colours, contrast and small strokes come from the style, the
building stays. Last row, half of the way at `relu4_1` first: its straight lines bend and break into broader strokes,
and coarse spots enter the sky and the water. In training the decoders saw neither the temple, nor the wave, nor the
flagstones. There was no optimisation, and no training for a style. Two marks of the method remain: whitening amplifies
what varies little, so that a plain sky becomes cloudy, and a light frame shows where VGG saw zeros beyond the border.

How long does it take? To optimize the image, as in notebook 11, each evaluation passes the network forwards and
backwards. We count two hundred evaluations, as for a careful result (notebook 11 stops after 40 to 85).
"""

# %%
deepest = VGGFeatures("vgg16", ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), device=device)
begin = time.process_time()
with torch.no_grad():
    universal_transfer(temple, wave, both)
one_pass = time.process_time() - begin
y = temple.clone().requires_grad_()
begin = time.process_time()
sum(F.square().mean() for F in deepest(y).values()).backward()
optimisation = 200 * (time.process_time() - begin)
assert optimisation > 10 * one_pass
print("200 evaluations take more than ten times as long as one pass")

# %% [markdown]
r"""
Whitening and colouring carries one Gaussian of features to the other, but is not the cheapest map that does. How much
does it cost, as the mean squared way of the features, and how much does the optimal map?
"""

# %%
F = encoder(temple)["relu3_1"].cpu()
m_F, C_F = feature_gaussian(F)
m, C = feature_gaussian(encoder(wave)["relu3_1"])
A, b = gaussian_map(m_F, C_F, m, C)
maps = {"whitening and colouring": whiten_color(F, m, C), "optimal map": transport(F, A, b)}
print(f"W2 squared: {bures_wasserstein(m_F, C_F, m, C):.1f}")
for name, moved in maps.items():
    print(f"{name}: mean squared way {(moved - F).double().square().sum(dim=0).mean():.1f}")

# %%
with torch.no_grad():
    views = [decoders["relu3_1"](moved.to(device)) for moved in maps.values()]
show(
    show_images(views, list(maps), width=7),
    "Two repainted temples that look much alike; the right one, by the optimal map, is a little smoother.",
)

# %% [markdown]
r"""
The optimal map has a second advantage: with $x \to (1 - t) x + t\, T(x)$ one can stop anywhere on the way. Features are
mixed by one linear map, and a decoder shows them: a mixture of textures in a fraction of a second.

**Question.** The way begins at the features of the first texture, and ends at features with the statistics of the
second. Which of the two has its shapes (stones or ripples) in the image decoded at the end? Compare with section 3,
which starts from noise.
"""

# %% [markdown]
r"""
## 5. Explore

Choose two textures, $t$, and the layer where the features are moved. On the left is the first texture, on the right the
second, between them the mixture. What changes between `relu3_1` and `relu4_1`? Take a uniform paper as the first
texture: what can the second not bring?
"""

# %%
explore_texture_mixing()

# %%
picture, numbers = transport_picture("sand_ripples", "flagstones_blue", 0.5, "relu3_1")
print(", ".join(f"{name}: {value:.2f}" for name, value in numbers.items()))
show(show_images([picture], width=7), "Sand ripples, the same half changed into blue flagstones, and blue flagstones.")

# %% [markdown]
r"""
## To remember

- $W_2$ between Gaussians has a closed form. Move each point along a straight line to its image by the optimal map, and
  stop on the way: that is a barycentre.
- Averages of Gram matrices describe a patchwork, barycentres a mixture.
- A decoder and one linear map of features repaint an image in any style, at once; it is never sharper than its decoder.
"""
