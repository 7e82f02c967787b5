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
# 15. Adversarial networks

At the end of this notebook you will be able to

- train two networks against each other, one that draws and one that judges, and say what the best judge computes;
- recognise mode collapse, measure it, and provoke it;
- judge drawn images by numbers: nearest training images, the Fréchet distance, the classes drawn;
- use a generator as a prior for inverse problems, and see where it lies;
- mix images by styles, and turn drawings into portraits.

**Slides**: "Generative Adversarial Networks", "Style GAN", "Pix2pix", "Why generative models are interesting ?".

**Time**: reading 35 min (15 in class), exercises 59 min, compute about 1 min on two CPU cores.

**Before this**: notebook 08 (inpainting, super-resolution), notebook 12 (the distance W₂ of two Gaussians).
"""

# %% [markdown]
r"""
| symbol | name in the code | shape | range |
| --- | --- | --- | --- |
| $x$, real image | `real` | `(n, 1, 32, 32)` | $[-1, 1]$ |
| $z \sim \mathcal{N}(0, I)$, latent vector | `z` | `(n, 32)` | |
| $G$, generator | `generator` | from `z` to images | $[-1, 1]$ |
| $a$, logit of an image | `logits` | `(n, 1)` | $\mathbb{R}$ |
| $D = 1 / (1 + e^{-a})$, discriminator | `logits.sigmoid()` | | $(0, 1)$, 1 for real |
| $A$, $v$, operator and observation | `A`, `v` | | |
| $w = f(z)$, latent vector of the styles | `w` | `(n, 32)` | |
| $(y_s, y_b)$, style | `style` | `(n, 2 c)` | $c$ channels |
"""

# %%
import math

import torch
from torch import nn

from course_utils.adversarial import (
    EPOCHS,
    HELD_OUT_ROLES,
    PATCH,
    PATCH_STRIDE,
    PatchDiscriminator,
    load_digit_generator,
    load_portrait_network,
    load_style_generator,
    minimax_generator_loss,
    portrait_edges,
)
from course_utils.checks import check, hint
from course_utils.data import load_portraits, load_square_digits, network_record
from course_utils.explorers.gan import LENGTHS, NETWORKS, explore_gan, gan_picture
from course_utils.features import load_digit_classifier
from course_utils.fourier import gaussian_kernel
from course_utils.metrics import frechet_distance, psnr
from course_utils.operators import Identity, Mask, ZoomOut
from course_utils.plotting import SIGNED_MAP, move_legend, new_figure, plot_curves, show, show_images
from course_utils.restoration import tv_restore
from course_utils.slides import slide_figure

# %%
device = "cpu"  # or "cuda": networks and images go there
sigma = 0.05  # of the noise in the inverse problems, images in [0, 1]
seed = 0


def draw_z(n, seed=seed):
    """Return n latent vectors."""
    return torch.randn(n, 32, generator=torch.Generator().manual_seed(seed)).to(device)


def mosaic(x, columns):
    """Return digits (n, 1, 32, 32) in [-1, 1] side by side, as one image in [0, 1]."""
    rows = x.reshape(-1, columns, 32, 32).permute(0, 2, 1, 3).reshape(-1, columns * 32)
    return (rows + 1) / 2


# %% [markdown]
r"""
## 1. The game

So far a model of images came with a density (notebooks 01 and 02), or a loss said what a good image is (10 and 13). A
database of images gives neither. Goodfellow et al. (2014) replace the loss by a second network, which learns at the
same time. The *discriminator* $D$ tells real images from drawn ones; the *generator* $G$ draws images from
$z \sim \mathcal{N}(0, I)$ that $D$ takes for real:

$$\min_G \max_D\; \mathbb{E}_x \log D(x) + \mathbb{E}_z \log\bigl(1 - D(G(z))\bigr).$$

The law of $G(z)$ is the model. It has no density that one could write down: it can be drawn from, no more.

A network cannot be held to $(0, 1)$, so it gives a *logit* $a \in \mathbb{R}$, and $D = 1 / (1 + e^{-a})$.
"""

# %% [markdown]
r"""
### Exercise 1 — the loss of the discriminator (8 min, in class)

What $D$ maximizes, with the other sign, from the logits of a batch of real and a batch of drawn images:

$$L_D = -\frac1n \sum_i \log D(x_i) - \frac1m \sum_j \log\bigl(1 - D(G(z_j))\bigr).$$

It must hold for any logits. At $a = -1000$, $D$ is 0 in floating point, and its logarithm is not a number to go on
with. Write $\log D$ and $\log(1 - D)$ with $a$ first, and simplify.

<details><summary>Hint</summary>

`torch.nn.functional.softplus(a)` is $\log(1 + e^a)$ for any $a$. `hint("discriminator_loss")` tells more.

</details>
"""


# %%
def discriminator_loss(real_logits, fake_logits):
    """Return -mean log D(x) - mean log(1 - D(G(z))).

    real_logits, fake_logits: a, of any shape, perhaps not as many.  Returns a scalar tensor.
    Goodfellow et al. (2014); slide "Generative Adversarial Networks".
    """
    ### BEGIN SOLUTION
    softplus = torch.nn.functional.softplus
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()
    ### END SOLUTION


# %%
discriminator_loss = check(discriminator_loss)

# %% [markdown]
"""
Stuck? There are three hints to each exercise, one at a time: the idea, the formula, the first line.
"""

# %%
hint("discriminator_loss", 1)

# %% [markdown]
r"""
**What the best judge computes.** If the real images have the density $p$ and the drawn ones $q$, the integrand
$-p \log D - q \log(1 - D)$ is smallest, point by point, at

$$D^*(x) = \frac{p(x)}{p(x) + q(x)}, \qquad L_{D^*} = 2 \log 2 - 2\, \mathrm{JS}(p, q),$$

with the divergence of Jensen and Shannon, which is 0 for $p = q$ and at most $\log 2$. So a perfect judge measures a
distance of the two laws, without knowing either density. Here is a case where we know both: two Gaussians in one
dimension, and a small network that sees nothing but samples.
"""


# %%
def small_network(d, m, width=64):
    """Return a network of two hidden layers from R^d to R^m."""
    layers = [nn.Linear(d, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, m)]
    return nn.Sequential(*layers)


# %%
torch.manual_seed(seed)  # the first weights are drawn
judge, source = small_network(1, 1), torch.Generator().manual_seed(seed)
optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3)
for _ in range(600):
    normal = torch.randn(2, 256, 1, generator=source)
    loss = discriminator_loss(judge(-1 + normal[0]), judge(1.5 + 0.6 * normal[1]))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
x = torch.linspace(-4, 6, 1001)
log_p, log_q = (torch.distributions.Normal(*law).log_prob(x) for law in ((-1.0, 1.0), (1.5, 0.6)))
p, q = log_p.exp(), log_q.exp()
logits = {"best possible": log_p - log_q, "trained": judge(x[:, None])[:, 0].detach(), "always 1/2": 0 * x}
for name, a in logits.items():
    loss = p * nn.functional.softplus(-a) + q * nn.functional.softplus(a)  # -p log D - q log(1 - D)
    print(f"loss of the judge, {name:13}: {torch.trapezoid(loss, x).item():.2f}")
best, D = logits["best possible"].sigmoid(), logits["trained"].sigmoid()
print(f"mean |D - D*| over real and drawn: {torch.trapezoid((D - best).abs() * (p + q) / 2, x).item():.2f}")

# %% tags=["picture-by-statistics"] reason="training amplifies rounding: the curve moves, the cell above says how near"
curves = {"p, real": (x, p), "q, drawn": (x, q), "D* = p / (p + q)": (x, best), "D, trained": (x, D)}
fig = plot_curves(curves, "x", "density, or D", width=7)
move_legend(fig.axes[0], "center left", (1.0, 0.5))
show(
    fig, "Two bell curves; D* falls from 1 to 0 between them, the trained D with it, and rises alone at the right end."
)

# %% [markdown]
r"""
**What to see.** The network has found $D^*$ where there were samples. Far to the right $D^*$ rises to 1 again, as $p$
is the wider law; but there are no samples there, and the network does not know.
"""

# %% [markdown]
r"""
## 2. What the generator goes down

In the game as it is written, the generator minimizes $\mathbb{E}_z \log(1 - D(G(z)))$. At the beginning its images are
bad and $D$ is sure: $D \approx 0$. Goodfellow et al. then take another loss with the same goal, $-\mathbb{E}_z \log D$.
"""

# %% [markdown]
r"""
### Exercise 2 — the loss of the generator (5 min, in class)

$L_G = -\frac1m \sum_j \log D(G(z_j))$, again from the logits.

<details><summary>Hint</summary>

The drawn images should get what the real ones get. `hint("generator_loss")` tells more.

</details>
"""


# %%
def generator_loss(fake_logits):
    """Return -mean log D(G(z)), the loss that does not saturate.

    fake_logits: a, of any shape.  Returns a scalar tensor.  Goodfellow et al. (2014).
    """
    ### BEGIN SOLUTION
    return torch.nn.functional.softplus(-fake_logits).mean()
    ### END SOLUTION


# %%
generator_loss = check(generator_loss)

# %%
a = torch.linspace(-8, 8, 161)
slopes = {}
for label, loss in {"log(1 − D)": minimax_generator_loss, "−log D": generator_loss}.items():
    logits = a.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(len(a) * loss(logits), logits)
    slopes[label] = (a, gradient)
    print(f"{label:10}: gradient {gradient[20].item():.4f} at a = -6, where the judge is sure")
fig = plot_curves(slopes, "logit a of a drawn image", "dL / da", width=6)
show(fig, "Two curves between minus one and zero: one is flat at zero on the left, the other is minus one there.")

# %% [markdown]
r"""
**What to see.** Both push the logit up. The loss of the game, $\log(1 - D)$, hardly pushes where $D$ is sure that the
image is drawn, and this is where help is needed. $-\log D$ pushes there with all its force.
"""

# %% [markdown]
r"""
### Exercise 3 — one step of the game (10 min, in class)

Write `gan_training_step(generator, discriminator, optimizers, real, z)`:

1. draw $G(z)$, once;
2. one step of the discriminator's optimizer down $L_D$: the generator must not be touched;
3. one step of the generator's optimizer down $L_G$, judged by the discriminator *that has just moved*.

Return both losses, $L_D$ and $L_G$, as numbers, each before its own step.

<details><summary>Hint</summary>

`fake.detach()` is the same image without its history. `optimizers` is (the generator's, the discriminator's).
`hint("gan_training_step")` tells more.

</details>
"""


# %%
def gan_training_step(generator, discriminator, optimizers, real, z):
    """Move the discriminator by one step, then the generator; return (L_D, L_G), each before its own step.

    generator, discriminator: networks; optimizers: (of the generator, of the discriminator); real: x, (n, ...);
    z: (m, d).  Returns two floats.
    """
    ### BEGIN SOLUTION
    optimizer_G, optimizer_D = optimizers
    fake = generator(z)
    loss_D = discriminator_loss(discriminator(real), discriminator(fake.detach()))
    optimizer_D.zero_grad()
    loss_D.backward()
    optimizer_D.step()
    loss_G = generator_loss(discriminator(fake))
    optimizer_G.zero_grad()
    loss_G.backward()
    optimizer_G.step()
    return loss_D.item(), loss_G.item()
    ### END SOLUTION


# %%
gan_training_step = check(gan_training_step)

# %% [markdown]
r"""
## 3. Two dimensions: a film

The "images" are points of the plane now, from eight small Gaussians on a circle, so that we see everything: the points
drawn by $G$, and $D$ as a map.
"""

# %%
angles = 2 * math.pi * torch.arange(8) / 8
centres = torch.stack([angles.cos(), angles.sin()], dim=1)
grid = torch.cartesian_prod(*[torch.linspace(-1.6, 1.6, 65)] * 2)


def real_points(n, source):
    """Return n points of the eight Gaussians."""
    return centres[torch.randint(8, (n,), generator=source)] + 0.06 * torch.randn(n, 2, generator=source)


# %%
def play(rates, moments):
    """Play the game with Adam's rates (of G, of D); return the points drawn and the map of D at some moments."""
    torch.manual_seed(seed)
    G, D = small_network(2, 2), small_network(2, 1)
    optimizers = [torch.optim.Adam(g.parameters(), r, (0.5, 0.99)) for g, r in zip((G, D), rates, strict=True)]
    source, kept = torch.Generator().manual_seed(seed), {}
    for k in range(moments[-1] + 1):
        if k in moments:
            with torch.no_grad():
                kept[k] = G(draw_z(1000)[:, :2].cpu()), D(grid).sigmoid().reshape(65, 65)
        gan_training_step(G, D, optimizers, real_points(256, source), torch.randn(256, 2, generator=source))
    return kept


# %%
def film(kept):
    """Return a figure of the moments of a game."""
    fig, axes = new_figure(1, len(kept), width=10, height=2.5)
    for axis, (k, (points, D)) in zip(axes[0], kept.items(), strict=True):
        axis.imshow(D.T, extent=(-1.6, 1.6, -1.6, 1.6), origin="lower", cmap=SIGNED_MAP, vmin=0, vmax=1)
        axis.plot(*points[:300].T, ".", color="black", markersize=2)
        axis.plot(*centres.T, "o", color="#009e73", markersize=9, fillstyle="none", markeredgewidth=1.5)
        axis.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xticks=[], yticks=[], frame_on=False)
        axis.set_title(f"step {k}", fontsize=16)
    return fig


# %%
def modes(points):
    """Return how many of the eight Gaussians are drawn (by 1 % of the points), and the share of points on one."""
    distance, nearest = torch.cdist(points, centres).min(dim=1)
    on = distance < 0.18  # three standard deviations
    return int((nearest[on].bincount(minlength=8) >= len(points) / 100).sum()), on.float().mean().item()


# %% tags=["picture-by-statistics"] reason="the game amplifies rounding: points move, the cell asserts the modes"
kept = play(rates=(1e-3, 1e-3), moments=(0, 60, 200, 500, 1500))
fig = film(kept)
show(
    fig,
    "Five maps: a small cloud of points, then a growing one, then a ring, then clusters in eight circles.",
)
number, share = modes(kept[1500][0])
assert number == 8
assert share > 0.5
print(f"after 1500 steps: {number} of 8 Gaussians drawn")

# %% [markdown]
r"""
**What to see.** Blue is where $D$ says *drawn*, red *real*, white $\frac12$. The points go up the map, and the map
changes because they went. In the end they sit on the eight Gaussians, with threads between them: $G$ is continuous, and
its domain is in one piece. Where $p = q$ the best judge is white; far from all points it says what it likes.

**Mode collapse, on purpose.** Now the generator moves fast and the judge slowly:
"""

# %% tags=["picture-by-statistics"] reason="the game amplifies rounding: points move, the cell asserts the modes"
kept = play(rates=(5e-3, 2e-4), moments=(100, 300, 500, 700, 900))
slide_figure(film(kept), "mode-collapse")
numbers = [modes(points)[0] for points, _ in kept.values()]
assert max(numbers) <= 3
print("Gaussians drawn at these moments: never more than 3 of 8")

# %% [markdown]
r"""
The generator puts all its points where the judge believes most. When the judge has learnt that this place is suspect,
they are all somewhere else. (The maps are pale because the judge is slow, not because there is nothing to find.)
Nothing in $L_G$ asks for variety: it is a mean over points, each judged by itself (as in notebook 13, section 6). Only
a judge that is up to date makes crowding unattractive.

**Question.** In the game as it is written, $\min_G \max_D$, the judge is always the best one for the current $G$. What
would the generator do if it were the other way round, $\max_D \min_G$? Which of the two did each of our trainings play?
"""

# %% [markdown]
r"""
## 4. Digits

The same game, with convolutions (Radford et al., 2016): $G$ turns 32 numbers into 96 maps of 8 × 8 and enlarges them
twice; $D$ reduces the image twice. The course has trained them on 4,500 digits.
"""

# %%
record = network_record("digit_gan")
print(f"{EPOCHS[-1]} epochs, {record['steps']} steps, {record['minutes']:.0f} minutes on one core")
digits, labels = (t.to(device) for t in load_square_digits())
unseen, unseen_labels = (t.to(device) for t in load_square_digits(450, 500))  # of each digit, never used in training
generator = load_digit_generator().to(device)
chosen = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))[:80]
panels = [mosaic(digits[chosen], 10), mosaic(generator(draw_z(80)), 10)]
slide_figure(show_images(panels, ["data", "samples"]), "gan-digits")

# %% [markdown]
r"""
On the left the data, on the right what $G$ draws from 80 random $z$, not chosen. About half are digits at first sight;
others are between two digits, or nothing.

How good is that, in numbers? The losses do not say: they are relative to a judge that changes. So another judge is
needed, one that stays. The course's `DigitClassifier` gives 64 features of each digit. Heusel et al. (2017) fit a
Gaussian to the features of real images and one to those of drawn images, and take the distance $W_2$ of the two
Gaussians (notebook 12):

$$d^2 = \|\mu_1 - \mu_2\|^2 + \operatorname{tr}\Bigl(\Sigma_1 + \Sigma_2
- 2 \bigl(\Sigma_1^{1/2} \Sigma_2 \Sigma_1^{1/2}\bigr)^{1/2}\Bigr).$$
"""

# %%
classifier = load_digit_classifier().to(device)
accuracy = network_record("digit_classifier")["held_out"]["accuracy"]
print(f"the classifier recognises {100 * accuracy:.1f} % of unseen digits")


def frechet(x):
    """Return the Fréchet distance d² of 500 images from the 500 digits that no network has seen."""
    return frechet_distance(classifier.features(x), classifier.features(unseen))


history = {epoch: load_digit_generator(epoch).to(device)(draw_z(500, seed=1)) for epoch in EPOCHS}
distances = {epoch: frechet(x) for epoch, x in history.items()}
for epoch, d in distances.items():
    print(f"after {epoch:2} epochs: d² = {round(d, -1):5.0f}")
print(f"500 training digits:  {round(frechet(digits[torch.arange(0, 4500, 9)]), -1):5.0f}")

# %%
titles = [f"{epoch} epoch{'s' * (epoch > 1)}, d² = {round(d, -1):.0f}" for epoch, d in distances.items()]
slide_figure(show_images([mosaic(x[:40], 10) for x in history.values()], titles, columns=2), "gan-training")

# %%
drawn = classifier(history[EPOCHS[-1]]).argmax(dim=1).bincount(minlength=10)
print("digit     ", *(f"{k:3}" for k in range(10)))
print("drawn (%) ", *(f"{round(100 * n / 500):3}" for n in drawn.tolist()))

# %% [markdown]
r"""
**What to see.** The same 40 vectors $z$ each time. After one epoch there are grids and clouds, after five strokes,
after twenty many are digits. What is left in $d^2$ is seen in the last table: some digits are drawn too often, others
hardly ever. That is a mild mode collapse, and no single image shows it.

## 5. Was anything copied?

A generator could have learnt the 4,500 digits by heart. Look for the nearest training image of each drawn one, and
compare the distances with those of real digits that nobody has seen.
"""


# %%
def nearest(x):
    """Return the distance of each image to the nearest training image, and which one it is."""
    return torch.cdist(x.flatten(1), digits.flatten(1)).min(dim=1)


samples = generator(draw_z(500, seed=1))
distance, index = nearest(samples)
pairs = torch.cat([samples[:12], digits[index[:12]]])
fig = show_images([mosaic(pairs, 12)], ["above drawn, below the nearest training image"])
show(fig, "Twelve drawn digits, and below each a training digit that resembles it, with other strokes.")
print(f"median distance to the nearest training image: drawn {distance.median().item():.1f}, ", end="")
print(f"unseen digits {nearest(unseen)[0].median().item():.1f}")

# %% [markdown]
r"""
A copy would have the distance 0. Drawn digits are a little farther from the training images than real ones that the
generator has not seen: it copies nothing, and what is no digit is far from all of them.

**Question.** The median alone would not reveal a generator that copies one image in twenty. What would? And what does
this distance, pixel by pixel, fail to see?
"""

# %% [markdown]
r"""
## 6. The latent space

Every $z$ gives an image, so a path from $z_0$ to $z_1$ gives a film. Which path? In 32 dimensions nearly all the mass
of $\mathcal{N}(0, I)$ is near the sphere of radius $\sqrt{32}$. The middle of a segment is not: there the generator has
hardly been trained.
"""

# %%
z = draw_z(2000)
norms = torch.linalg.vector_norm(z, dim=1)
middle = torch.linalg.vector_norm((z[:1000] + z[1000:]) / 2, dim=1)
print(f"sqrt(32) = {math.sqrt(32):.1f}; norms of z {norms.mean().item():.1f} +- {norms.std().item():.1f}; ", end="")
print(f"in the middle of two {middle.mean().item():.1f}")

# %% [markdown]
r"""
### Exercise 4 — along the sphere (8 min, at home)

With $\omega$ the angle of $z_0$ and $z_1$, walk along the arc (Shoemake, 1985):

$$\operatorname{slerp}(z_0, z_1, t) = \frac{\sin((1 - t)\,\omega)}{\sin \omega}\, z_0
+ \frac{\sin(t\,\omega)}{\sin \omega}\, z_1.$$

Vectors are along the last dimension, and there may be a batch of pairs. Parallel vectors have $\omega = 0$: take the
limit, the segment.

<details><summary>Hint</summary>

The angle is between $z_0 / \|z_0\|$ and $z_1 / \|z_1\|$. `hint("slerp")` tells more.

</details>
"""


# %%
def slerp(z0, z1, t):
    """Return (sin((1 - t) ω) z0 + sin(t ω) z1) / sin ω, ω the angle of z0 and z1.

    z0, z1: (..., d), not 0 and not opposite; t: number.  Returns (..., d).  Parallel ones: (1 - t) z0 + t z1.
    """
    ### BEGIN SOLUTION
    a = z0 / torch.linalg.vector_norm(z0, dim=-1, keepdim=True)
    b = z1 / torch.linalg.vector_norm(z1, dim=-1, keepdim=True)
    omega = 2 * torch.atan2(
        torch.linalg.vector_norm(a - b, dim=-1, keepdim=True), torch.linalg.vector_norm(a + b, dim=-1, keepdim=True)
    )
    on_arc = (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)
    return torch.where(omega > 1e-4, on_arc, (1 - t) * z0 + t * z1)
    ### END SOLUTION


# %%
slerp = check(slerp)

# %%
ends = draw_z(8, seed=3).split(4)
times = torch.linspace(0, 1, 10).tolist()
arcs = torch.stack([slerp(*ends, t) for t in times], dim=1)  # four pairs, ten times
segments = torch.stack([(1 - t) * ends[0] + t * ends[1] for t in times], dim=1)
panels = [mosaic(generator(path.flatten(end_dim=1)), 10) for path in (arcs, segments)]
slide_figure(show_images(panels, ["along the arc", "along the segment"]), "latent-interpolation")

# %% [markdown]
r"""
**What to see.** Each row is one path. Nothing jumps: strokes bend, and one digit becomes another through shapes between
them. The model has no digits, only a continuous map, so some of the images in between are no digit. At this size the
segment gives nearly the same films: its middle is off the sphere, but $G$ is smooth enough to cope. The arc is the safe
choice: there $G$ has been trained.

## 7. A generator as a prior

Notebook 08 filled holes and enlarged images with total variation, which knows about contours and nothing about digits.
Here is a model that knows digits and nothing else. Bora et al. (2017) look for the image of an observation $v = A x +$
noise among those that $G$ can draw:

$$\min_z\; \tfrac12 \|A\,G(z) - v\|^2 + \tfrac\lambda2 \|z\|^2.$$

With noise of standard deviation $\sigma$ and $\lambda = \sigma^2$ this is the most probable $z$ given $v$.
"""

# %% [markdown]
r"""
### Exercise 5 — inversion (10 min, in class)

Write `invert(generator, A, v, lam, z0, n)`: `n` steps of Adam with the rate 0.1 from `z0`. There is a whole batch of
observations, each with its own $z$; the sum of their objectives has the gradient of each in its place.

<details><summary>Hint</summary>

`torch.optim.Adam([z], lr=0.1)` moves a tensor `z` that requires a gradient. `z0` itself must not change, nor the
generator. `hint("invert")` tells more.

</details>
"""


# %%
def invert(generator, A, v, lam, z0, n):
    """Return z after n steps of Adam (rate 0.1) from z0 on ½‖A G(z) - v‖² + (λ/2)‖z‖².

    generator: from z (batch, d) to images; A: from images to observations; v: of the shape of A(generator(z0));
    lam: λ >= 0; z0: (batch, d).  Returns (batch, d), without history.  Bora et al. (2017).
    """
    ### BEGIN SOLUTION
    z = z0.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(n):
        loss = 0.5 * (A(generator(z)) - v).square().sum() + 0.5 * lam * z.square().sum()
        (z.grad,) = torch.autograd.grad(loss, z)
        optimizer.step()
    return z.detach()
    ### END SOLUTION


# %%
invert = check(invert)

# %% [markdown]
r"""
The objective is not convex in $z$: start four times from random $z$, and keep the best. Images are in $[0, 1]$ here, as
in notebook 08. Ten unseen digits, one of each; first everything is observed ($A = I$), which shows how near $G$ comes
to a digit that it has not seen.
"""


# %%
def gray(z):
    """Return the generator's image in [0, 1]."""
    return (generator(z) + 1) / 2


def best_image(A, v, starts=4, n=200):
    """Return G(z) for each observation, with the best z of several starts."""
    v = v.repeat(starts, 1, 1, 1)
    z = invert(gray, A, v, sigma**2, draw_z(len(v), seed=2), n)
    residual = (A(gray(z)) - v).square().sum(dim=(1, 2, 3))
    objective = (residual + sigma**2 * z.square().sum(dim=1)).reshape(starts, -1)
    return gray(z).reshape(starts, -1, 1, 32, 32)[objective.argmin(dim=0), range(len(v) // starts)]


# %%
u = (unseen[torch.arange(10) * 50 + 7] + 1) / 2
known = torch.ones(32, 32, dtype=torch.bool, device=device)
known[16:] = False
operators = {
    "everything known": Identity(),
    "half known": Mask(known),
    "× 4": ZoomOut(gaussian_kernel(1.6).float().to(device), (32, 32), 4),
}

# %%
source = torch.Generator().manual_seed(seed)
observed = {}
for k, A in operators.items():
    noise = torch.randn(A(u).shape, generator=source).to(device)
    observed[k] = A(u) + sigma * (noise * known if k == "half known" else noise)

# %%
weights = {"everything known": 0.05, "half known": 0.05, "× 4": 0.002}  # λ of TV, the best of a few
restored = {}
for k, A in operators.items():
    restored[k, "TV"] = tv_restore(A, observed[k], lam=weights[k], eps=0.01, n=600)
    restored[k, "G(z)"] = best_image(A, observed[k])

# %% tags=["nbval-ignore-output"] reason="300 steps of descent amplify rounding: the next cell prints what counts"
truth, found = unseen_labels[torch.arange(10) * 50 + 7], {}
print("problem            method   PSNR    recognised   ‖Ax − v‖ / (σ√m)")
for (k, method), x in restored.items():
    right = int((classifier(2 * x - 1).argmax(dim=1) == truth).sum())
    m = known.sum() * 10 if k == "half known" else observed[k].numel()
    residual = (operators[k](x) - observed[k]).norm().item() / (sigma * math.sqrt(m))
    found[k, method] = psnr(x, u), right, residual
    print(f"{k:18} {method:6} {psnr(x, u):6.0f} {right:8} of 10   {residual:8.1f}")

# %%
for k in ("half known", "× 4"):
    print(f"{k}: G(z) recognised more often than TV:", found[k, "G(z)"][1] > found[k, "TV"][1])
psnrs, residuals = zip(*[found["everything known", method][::2] for method in ("TV", "G(z)")], strict=True)
print("everything known, TV has the better PSNR:", psnrs[0] > psnrs[1])
print("everything known, G(z) has the larger residual:", residuals[0] < residuals[1])

# %% tags=["picture-by-statistics"] reason="300 steps of descent amplify rounding: the cell above prints what counts"
rows = {k: [u, observed[k], restored[k, "TV"], restored[k, "G(z)"]] for k in ("half known", "× 4")}
rows["× 4"][1] = rows["× 4"][1].repeat_interleave(4, -1).repeat_interleave(4, -2)
panels = [mosaic(2 * torch.cat(images) - 1, 10) for images in rows.values()]
slide_figure(show_images(panels, list(rows)), "gan-inversion")

# %% [markdown]
r"""
**What to see.** From above: the digit, what is observed, total variation, $G(z)$. Where half is hidden, total variation
leaves it dark. $G$ goes on with strokes as sharp as the others, and ends in the right digit more often than not, for
the classifier: the upper half does not decide, and the PSNR does not reward a sharp guess. At × 4, $G(z)$ is sharper
than total variation, and every digit is recognised. When everything is known, it is the other way round: total
variation only has to remove the noise, and $G$ cannot draw just these digits.

**Question.** The last column of the table is about 1 for an image that explains the data up to the noise, and below 1
where it explains some of the noise too. Why is it larger for $G(z)$ even when everything is known, and what does that
say about a restoration that looks perfect?
"""

# %% [markdown]
r"""
## 8. Styles

In the generator of section 4, $z$ enters at the bottom, and every scale inherits it. Karras et al. (2019) let it enter
at *every* scale. What their generator draws begins with a constant, the same for all images; a first network turns $z$
into $w = f(z)$; and after each convolution $w$ sets scale and mean of each channel, its *style*. Coarse styles then
decide on the pose and the shape, fine ones on colours and details.

Theirs took a week on eight graphics cards. The course has trained a small one on the same 4,500 digits, and you write
the operation that puts a style in.
"""

# %% [markdown]
r"""
### Exercise 6 — adaptive instance normalisation (8 min, at home)

For channel $c$ of an image, with mean $\mu$ and variance $s^2$ over its pixels (divided by their number),

$$\mathrm{AdaIN}(x, y) = y_s\, \frac{x - \mu}{\sqrt{s^2 + 10^{-5}}} + y_b.$$

`style` holds the scales $y_s$ of all channels first, then their means $y_b$.

<details><summary>Hint</summary>

`torch.var_mean` with `correction=0` and `keepdim=True`; `chunk(2, dim=1)` cuts the style in two. `hint("adain")` tells
more.

</details>
"""


# %%
def adain(features, style):
    """Return y_s (x - μ) / √(s² + 1e-5) + y_b, for each channel of each image.

    features: x, (n, c, h, w); style: (n, 2c), first the c scales y_s, then the c means y_b.  Returns (n, c, h, w).
    Huang and Belongie (2017), Karras et al. (2019); slide "Style GAN".
    """
    ### BEGIN SOLUTION
    scale, shift = style[:, :, None, None].chunk(2, dim=1)
    variance, mean = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
    return scale * (features - mean) / (variance + 1e-5).sqrt() + shift
    ### END SOLUTION


# %%
adain = check(adain)

# %% [markdown]
r"""
**The generator.** `network.mapping` is $f$; all the rest stands here, with your AdaIN. A constant of 4 × 4 pixels is
enlarged three times by 2; at each of the four scales there are two convolutions, each with a style that is linear in
$w$. There is one $w$ for each scale: so far, four times the same.
"""

# %%
network = load_style_generator().to(device)


def synthesis(*w):
    """Return images from one w for each scale: 4 x 4, 8 x 8, 16 x 16 and 32 x 32 pixels."""
    x = network.constant.expand(len(w[0]), -1, -1, -1)
    for k, (scale, w_k) in enumerate(zip(network.scales, w, strict=True)):
        x = nn.functional.interpolate(x, scale_factor=2) if k else x
        for convolution, style in zip(scale.convolutions, scale.styles, strict=True):
            x = adain(nn.functional.leaky_relu(convolution(x), 0.2), style(w_k))
    return network.gray(x).tanh()


# %%
record = network_record("digit_styles")
print(f"{record['parameters']:,} parameters, {record['steps']} steps, {record['minutes']:.0f} minutes on one core")
z = draw_z(500, seed=1)
w = network.mapping(z)
by_styles = synthesis(w, w, w, w)
print("your AdaIN draws what the course's draws:", torch.allclose(by_styles, network(z), atol=1e-3))
fig = show_images([mosaic(by_styles[:48], 16)])
show(fig, "Three rows of sixteen drawn digits with clean strokes, most of them legible, some between two digits.")

# %%
sure, digit = classifier(by_styles).softmax(dim=1).max(dim=1)
print("digit     ", *(f"{k:3}" for k in range(10)))
print("drawn (%) ", *(f"{round(100 * n / 500):3}" for n in digit.bincount(minlength=10).tolist()))
print(f"d² = {round(frechet(by_styles), -1):.0f}; the generator of section 4: {round(distances[EPOCHS[-1]], -1):.0f}")

# %% [markdown]
r"""
The classifier finds all ten digits, some of them rarely; it must choose, and some shapes are no digit. $d^2$ is about
that of section 4, with all that $z$ decides coming in by your AdaIN.

**Style mixing.** Two images, each with its own $w$. The coarse scales get one, the fine scales the other: which scale
knows what?
"""

# %%
rows = [int(((digit == k) & (sure > 0.98)).nonzero()[0]) for k in (2, 5, 7, 9)]
columns = (sure > 0.98).nonzero()[:60, 0]
columns = columns[by_styles[columns].mean(dim=(1, 2, 3)).argsort()][4::8].tolist()  # seven, from thin to bold
left, above = w[rows].repeat_interleave(7, 0), w[columns].repeat(4, 1)
mixed = {
    "4 × 4 and 8 × 8 from above": synthesis(above, above, left, left),
    "16 × 16 and 32 × 32 from above": synthesis(left, left, above, above),
}


# %%
def table(x):
    """Return mixed digits, with the digit of each row on the left and that of each column above."""
    empty = -torch.ones(1, 1, 32, 32, device=device)
    lines = [torch.cat([by_styles[[k]], y]) for k, y in zip(rows, x.split(7), strict=True)]
    return mosaic(torch.cat([empty, by_styles[columns], *lines]), 8)


slide_figure(show_images([table(x) for x in mixed.values()], list(mixed), width=10), "style-mixing")

# %%
from_left, from_above = (torch.tensor(k, device=device) for k in (rows, columns))
from_left, from_above = from_left.repeat_interleave(7), from_above.repeat(4)
print("from above          digit of the left   of above   brightness goes with the left   with above")
for name, x in mixed.items():
    found, ink = classifier(x).argmax(dim=1), x.mean(dim=(1, 2, 3))
    same = [(found == digit[k]).float().mean().item() for k in (from_left, from_above)]
    goes = [torch.corrcoef(torch.stack([ink, by_styles[k].mean(dim=(1, 2, 3))]))[0, 1] for k in (from_left, from_above)]
    print(f"{name[:-11]:20}{same[0]:17.0%} {same[1]:10.0%} {goes[0].item():31.1f} {goes[1].item():12.1f}")

# %% [markdown]
r"""
**What to see.** On the left the digit is mostly that of the column, on the right that of the row. Up to 8 × 8 pixels it
is decided which digit is drawn, where its strokes go, and most of the brightness with them. From 16 × 16 on only the
strokes themselves change: their edges, their ends, a loop that opens or closes. Nobody has asked for this division of
labour. In training, half of the images were mixed in this way, so that no scale relies on the others.

**Truncation.** Far from the mean of the vectors $w$ there were few images to learn from. Karras et al. pull every $w$
towards the mean, $w' = \bar w + \psi\,(w - \bar w)$, and trade variety for quality.
"""

# %%
centre = network.mapping(draw_z(10000, seed=2)).mean(dim=0)
pulled = {psi: synthesis(*[centre + psi * (w - centre)] * 4) for psi in (0.0, 0.5, 0.75, 1.0, 1.25)}
for psi, x in pulled.items():
    p = classifier(x).softmax(dim=1)
    sure = p.max(dim=1).values.mean().item()
    spread = x.std(dim=0).mean().item() / 2
    kinds = int((p.argmax(dim=1).bincount(minlength=10) >= 5).sum())  # drawn by 1 % of the 500
    print(f"ψ = {psi:4}: sure by {sure:.2f}, spread of a pixel {spread:.2f}, ", end="")
    print(f"{kinds:2} digits drawn, d² = {round(frechet(x), -1):5.0f}")
fig = show_images([mosaic(x[:16], 4) for x in pulled.values()], [f"ψ = {psi:g}" for psi in pulled])
show(fig, "Five squares of sixteen digits: sixteen times the same nine, then more and more different ones.")

# %% [markdown]
r"""
Towards the mean the classifier is surer of each image, and the images are more alike: quality for variety, as promised.
The Fréchet distance asks for both. It is smallest near $\psi = 1$, and large where digits are missing.

**Question.** $\psi = 0$ draws one image, that of $\bar w$. Is it the mean of all images? And why is $d^2$ so large
there, though the classifier is surer of this image than, on average, of the others?
"""

# %% [markdown]
r"""
## 9. From drawings to portraits

Pix2pix (Isola et al., 2017): the generator gets an image $y$ and no $z$, and the judge sees the pair $(y, x)$. The task
is to colour line drawings of 32 × 32 pixels. The real pairs are made: little portraits, and their edges. Six roles were
kept out of the training, all genders and skin tones of them.
"""

# %%
portraits = load_portraits()
held = torch.tensor([portraits.roles[k] in HELD_OUT_ROLES for k in portraits.role.tolist()])
edges = portrait_edges(portraits.images[held]).to(device)
truth = nn.functional.avg_pool2d(portraits.images[held], 2).to(device)
print(f"{len(held)} portraits, of which {int(held.sum())} of unseen roles: {', '.join(HELD_OUT_ROLES)}")

# %% [markdown]
r"""
The judge of pix2pix is a judge of *patches*: it does not see the whole image, but squares of it, and its verdict is the
mean over all of them. Far parts of the image are left to the other term of the loss, $\|x - G(y)\|_1$.
"""

# %% [markdown]
r"""
### Exercise 7 — a judge of patches (10 min, at home)

`discriminator` takes a batch of patches, `(m, channels, side, side)`, and gives a logit for each. Apply it to every
patch of the pairs whose corner is at a multiple of `stride`, as far as they fit, and return the map of logits,
`(n, rows, columns)`. The condition comes first along the channels.

<details><summary>Hint</summary>

Two loops over the corners do; so does `unfold`. `hint("patch_logits")` tells more.

</details>
"""


# %%
def patch_logits(discriminator, condition, images, side, stride):
    """Return the logits of all patches of (condition, image), as a map.

    discriminator: from (m, a + b, side, side) to m logits; condition: (n, a, H, W); images: (n, b, H, W).
    Returns (n, rows, columns), rows = (H - side) // stride + 1.  Isola et al. (2017); slide "Pix2pix".
    """
    ### BEGIN SOLUTION
    pairs = torch.cat([condition, images], dim=1)
    n, _, height, width = pairs.shape
    rows = []
    for i in range(0, height - side + 1, stride):
        for j in range(0, width - side + 1, stride):
            rows.append(discriminator(pairs[:, :, i : i + side, j : j + side]).reshape(n))
    return torch.stack(rows, dim=1).reshape(n, (height - side) // stride + 1, (width - side) // stride + 1)
    ### END SOLUTION


# %%
patch_logits = check(patch_logits)

# %% [markdown]
r"""
Neighbouring patches overlap, and most is computed several times. A network of convolutions without padding does all
patches at once: it is applied to the whole image.
"""

# %%
torch.manual_seed(seed)
judge = PatchDiscriminator().to(device).eval()
with torch.no_grad():
    one_by_one = patch_logits(judge, edges[:8], 2 * truth[:8] - 1, PATCH, PATCH_STRIDE)
    at_once = judge(torch.cat([edges[:8], 2 * truth[:8] - 1], dim=1))[:, 0]
print(
    f"patches of {PATCH} x {PATCH} every {PATCH_STRIDE} pixels: a map of {one_by_one.shape[1]} x {one_by_one.shape[2]}"
)
print("the same logits at once:", torch.allclose(one_by_one, at_once, atol=1e-4))

# %% [markdown]
r"""
Two networks with the same U-net, the same training: one goes down $50\,\|x - G(y)\|_1$ (a mean over pixels) and $L_G$,
the other the $L^1$ error alone.
"""

# %%
colored = {"L¹ alone": load_portrait_network(False), "pix2pix": load_portrait_network(True)}
colored = {name: (network.to(device)(edges) + 1) / 2 for name, network in colored.items()}
columns = torch.arange(0, int(held.sum()), 9)[:12]
rows = [1 - edges.expand(-1, 3, -1, -1), *colored.values(), truth]
strips = [x[columns].permute(1, 2, 0, 3).reshape(3, 32, -1) for x in rows]
slide_figure(show_images(strips, ["edges", *colored, "truth"], columns=1), "pix2pix")


# %%
def contrast(x):
    """Return the mean length of the differences of neighbouring pixels."""
    return (x.diff(dim=-1).square().sum(dim=1)[..., 1:, :] + x.diff(dim=-2).square().sum(dim=1)[..., 1:]).sqrt().mean()


for name, x in {**colored, "truth": truth}.items():
    error = (x - truth).abs().mean().item()
    print(f"{name:9} L¹ error {error:.3f}, contrast {contrast(x).item():.3f}")

# %% [markdown]
r"""
**What to see.** From above: the drawing, the $L^1$ error alone, pix2pix, the truth. Hair and faces are mostly right,
and often the skin tone too: its contrast with the white ground decides which lines are found. An edge says nothing
about the colour of a jacket, and crowns and gavels are in no training image: there both networks mix colours pixel by
pixel.

The two rows differ little here. The numbers show what the judge does: at nearly the same error, pix2pix has nearly the
contrast of the truth. The $L^1$ error alone is smallest at the *median* of what a pixel might be, and that is smoother.
Among 822 portraits, many of them nearly alike, the network rarely has to choose; with photographs the gap is wide
(Isola et al., 2017).

**Question.** Which of the two networks would you take to colour cartoons, and which for a measurement?
"""

# %% [markdown]
r"""
## 10. Try it

The plane through three latent vectors A, B and C, as a map. Drag the point, or move its sliders; choose the network
after some epochs, or the one made of styles, perhaps with those of A at some scales. Then walk from A to B along the
segment, and along the sphere.
"""

# %%
explore_gan()

# %%
for length in LENGTHS:
    picture, numbers = gan_picture(NETWORKS[0], length, 0.5, 0.5, 3)
    print(f"{length:16}: " + ", ".join(f"{k} {v if isinstance(v, str) else round(v, 2)}" for k, v in numbers.items()))
fig = show_images([picture], ["the plane; at the point, brought to √32"], width=8)
show(fig, "A map of seven by seven digits that change gradually, with frames A, B, C; on the right one digit, large.")

# %% [markdown]
"""
## What you have learnt

- A judge that learns can replace a loss that nobody can write down. The best one computes $p / (p + q)$.
- The generator follows the judge. Nothing asks it for variety, and a judge that lags behind lets it collapse.
- Judge drawn images by something that was not trained with them: nearest images, a Fréchet distance, the classes drawn.
- A generator is a strong prior where it applies; what it cannot draw, it cannot restore.
- Styles act scale by scale. Conditioned on an image, the same game translates drawings into pictures.

**Hand in**: this notebook with the seven exercises passed; your answers to the questions in bold; the film of section 3
with rates of your own between the two that are shown, and the number of Gaussians drawn for each.

**Next**: notebook 16 draws images by another way, step by step from noise, without a judge.
"""
