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
# 10. Texture synthesis by the statistics of a network

At the end of this notebook you will be able to

- describe a texture by the Gram matrices of the features of a trained network, and count how many numbers that is;
- write the loss of Gatys et al. and synthesize a texture by L-BFGS;
- say what each layer contributes, and what the method cannot do;
- correct two of its faults, in the colours and in the spectrum.

**Slides**: "Texture synthesis" to "Gatys et al algorithm: Results".

**Time**: reading 35 min (13 in class), exercises 62 min, compute 2 to 3 min on two CPU cores.

**Before this**: the stationary Gaussian texture of the introduction helps, nothing else is needed.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u$, exemplar | `u` | `(H, W)` or `(3, H, W)` | $[0, 1]$ |
| $x$, synthesized texture | `x` | as `u`, or larger | not clipped |
| $V^L(x)$, features at layer $L$ | `network(x)[layer]` | `(n, h, w)` | |
| $G^L(x)$, Gram matrix | `gram_matrix(features)` | `(n, n)` | symmetric, $\succeq 0$ |
| $w_L$, weight of layer $L$ | `weights[layer]` | | $\geq 0$ |
| $E(x)$, loss | `gram_loss(features, targets, weights)` | | $\geq 0$ |
| $N_{it}$ | `n_iterations` | | $\geq 1$ |
"""

# %%
import torch

from course_utils import textures
from course_utils.checks import check, hint
from course_utils.explorers.gatys_texture_synthesis import explore_gatys, gatys_picture
from course_utils.features import ARCHITECTURES, TEXTURE_LAYERS, VGGFeatures
from course_utils.gaussian_textures import gaussian_texture
from course_utils.images import center_crop, load_image
from course_utils.optim import minimize_image
from course_utils.plotting import new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure
from course_utils.textures import load_synthesis, mean_feature, relative_weights, synthesis_records

# %%
device = "cpu"  # or "cuda": network and images go there
side = 256  # of the exemplars
live = 128  # side of the textures synthesized in this notebook
small = 64  # side of those of the exercises
seed = 0

# %% [markdown]
"""
## 1. The problem

Given a texture, make another image of the same material: visually similar, and different pixel by pixel. The simplest
idea is to repeat the exemplar.
"""

# %%
gravel, cork, brick = (load_image(name, side).float().to(device) for name in ("gravel", "cork", "brick"))
patch = center_crop(gravel, live)
tiled = patch.repeat(3, 3)
noise = gaussian_texture(gravel, torch.Generator().manual_seed(seed), (3 * live, 3 * live))
fig = show_images([patch, tiled, noise], ["exemplar $u$", "tiling", "stationary Gaussian"])
slide_figure(fig, "texture-tiling")

# %% [markdown]
"""
Tiling keeps the stones, and you see at once that they repeat, and where the copies join. The stationary Gaussian
texture of the introduction never repeats: it has the mean and the covariances of the exemplar, and no stones. To have
both we need statistics that see edges and shapes.

## 2. VGG as a multiscale transform

VGG was trained to name what is in a photograph. Its first layers are convolutions by 3 × 3 kernels, each followed by
ReLU (the positive part), with a reduction by 2 between the blocks. Nobody designed these filters for textures. They
are adapted to natural images because they were learnt on them.
"""

# %%
network = VGGFeatures("vgg16", layers=TEXTURE_LAYERS, device=device)
print(network.describe())
features = network(gravel)
for layer, v in features.items():
    print(f"{layer:8}: {v.shape[0]:3} channels of {v.shape[1]} x {v.shape[2]} pixels")

# %% [markdown]
"""
Three details, all as in the paper. The poolings take averages instead of maxima, which makes smoother gradients. The
fully connected layers at the end are left out. The weights are rescaled, so that the mean activation of each layer is
1 over a set of images. The lecture takes VGG-19, the course ships VGG-16, trained on the same images and three
convolutions shorter; `course data fetch vgg19` brings the other. Here are the three channels of each layer that vary
most.
"""

# %%
inside = [v[:, 2:-2, 2:-2] for v in features.values()]  # some channels respond to the border only
strongest = [v[v.std(dim=(-2, -1)).topk(3).indices] for v in inside]
views = [channel / channel.abs().max() for channels in strongest for channel in channels]
views = [views[3 * (k % 5) + k // 5] for k in range(15)]  # one column per layer
fig = show_images(views, [*TEXTURE_LAYERS, *[""] * 10], columns=5, width=8)
show(
    fig, "Three rows of feature maps of the gravel in five columns: sharp edges at conv1_1, coarser and sparser blobs."
)

# %% [markdown]
r"""
From left to right the maps get coarser, and each value depends on a larger neighbourhood: 3 pixels wide at `conv1_1`,
about a hundred at `pool4`. That is the multiscale transform.

## 3. Gram matrices

A texture should not depend on where things are. So average over the pixels $k$. The mean of $V^L(x)_k$ would be a
statistic of order 1. Gatys et al. take order 2:

$$G^L(x) = \frac{1}{wh} \sum_{k} V^L(x)_k V^L(x)_k^T \in \mathbb{R}^{n \times n}.$$

Entry $(i, j)$ says how often channels $i$ and $j$ respond together.
"""

# %% [markdown]
"""
### Exercise 1 — the Gram matrix (6 min, in class)

Write `gram_matrix(features)`, with operations of torch only: the synthesis will differentiate through it. It must work
on a batch of images too: use the last three dimensions.

<details><summary>Hint</summary>

Flatten the pixels. The sum over them is then a product of two matrices. `hint("gram_matrix")` tells more.

</details>
"""


# %%
def gram_matrix(features):
    """Return G = (1/wh) Σ_k V_k V_kᵀ.

    features: V, shape (n, h, w), or a batch (B, n, h, w).  Returns (n, n), or (B, n, n).
    Slide "Convolutional Neural Networks (CNN)".
    """
    ### BEGIN SOLUTION
    v = features.flatten(start_dim=-2)
    return v @ v.mT / v.shape[-1]
    ### END SOLUTION


# %%
gram_matrix = check(gram_matrix)

# %% [markdown]
"""
Stuck? There are three hints to each exercise, one at a time: the idea, the formula, the first line.
"""

# %%
hint("gram_matrix", 1)

# %% [markdown]
"""
Two halves of the gravel are different images. Their Gram matrices are nearly the same; those of the bricks are not.
"""

# %%
halves = {"gravel, left half": gravel[:, :live], "gravel, right half": gravel[:, live:], "brick": brick[:, :live]}
grams = [gram_matrix(network(image)["pool1"]) for image in halves.values()]
top = max(g.max() for g in grams)
fig = show_images([(g / top).sqrt() for g in grams], list(halves), value_range=(0, 0.6))
slide_figure(fig, "gram-matrices")

# %%
reference = grams[0].norm()
for name, g in list(zip(halves, grams, strict=True))[1:]:
    print(f"distance to the left half of the gravel, {name}: {100 * (g - grams[0]).norm() / reference:.0f} %")

# %% [markdown]
r"""
(The root of each entry is shown, from 0 to 0.6 of the largest: a few channels dominate.) The Gram matrix does not see
where things are: move the *columns* of features around, and nothing changes. It contains the mean too, as
$G = C + m m^T$ with $m$ the mean and $C$ the covariance of the features.

**Question.** Why do moving pixels of the *image* around and moving pixels of the *features* around not do the same?
"""

# %% [markdown]
r"""
## 4. How many statistics?

### Exercise 2 — count them (5 min, at home)

A table of the architecture gives the number $n_L$ of channels of each layer. Write `count_statistics(architecture,
last)`, the number of distinct entries of all the Gram matrices of the layers up to `last`.

<details><summary>Hint</summary>

$G$ is symmetric. Dictionaries keep their order. `hint("count_statistics")` tells more.

</details>
"""


# %%
def count_statistics(architecture, last):
    """Return the number of distinct entries of the Gram matrices of all layers up to last, which counts.

    architecture: layer -> number of channels, in the order of the network; last: name of a layer.
    Returns an integer.  Slide "Gatys et al algorithm: Results".
    """
    ### BEGIN SOLUTION
    layers = list(architecture)
    used = layers[: layers.index(last) + 1]
    return sum(architecture[layer] * (architecture[layer] + 1) // 2 for layer in used)
    ### END SOLUTION


# %%
count_statistics = check(count_statistics)

# %%
five = {layer: ARCHITECTURES["vgg19"][layer] for layer in TEXTURE_LAYERS}
for name, table in {**ARCHITECTURES, "five layers": five}.items():
    print(f"{name:11}: {count_statistics(table, 'pool4'):,} statistics up to pool4")
print(f"pixels of a {side} x {side} image: {side**2:,}")

# %% [markdown]
"""
852,128 for VGG-19: the "850k" of the slide, which counts all convolutions and poolings. With the five layers used
from here on there are 176,640. Both are more than the pixels of the exemplar: the description is very redundant, and
nothing forbids the exemplar itself, which has loss 0, as a result. In practice the descent from noise does not find
it: section 8 measures it.

## 5. The loss
"""

# %% [markdown]
r"""
$$E(x) = \sum_L w_L \|G^L(x) - G^L(u)\|_F^2, \qquad \|M\|_F^2 = \sum_{i,j} M_{ij}^2.$$

### Exercise 3 — the loss of Gatys et al. (6 min, in class)

The three arguments are dictionaries with the layers as keys. The targets are the $G^L(u)$.

<details><summary>Hint</summary>

Loop over the layers and add up. Use only operations of torch, so that it can be differentiated. `hint("gram_loss")`
tells more.

</details>
"""


# %%
def gram_loss(features, targets, weights):
    """Return E(x) = Σ_L w_L ‖G^L(x) − G^L(u)‖²_F.

    features: layer -> V^L(x), (n, h, w); targets: layer -> G^L(u), (n, n); weights: layer -> w_L.
    Returns a scalar tensor.  Slide "Gatys et al algorithm".
    """
    ### BEGIN SOLUTION
    loss = 0.0
    for layer, target in targets.items():
        difference = gram_matrix(features[layer]) - target
        loss = loss + weights[layer] * difference.square().sum()
    return loss
    ### END SOLUTION


# %%
gram_loss = check(gram_loss)

# %% [markdown]
r"""
Which weights? The norms of Gram matrices differ a lot from layer to layer. We take $w_L = 1 / \|G^L(u)\|_F^2$: then
$E$ is a sum of relative errors, one for each layer, and means something by itself.
"""

# %%
u = center_crop(gravel, small)
targets = {layer: gram_matrix(v) for layer, v in network(u).items()}
weights = relative_weights(targets)
noise = u.mean() + u.std() * torch.randn(u.shape, generator=torch.Generator().manual_seed(seed)).to(device)
pictures = {"itself": u, "its mirror image": u.flip(-1), "another part": gravel[:small, :small], "white noise": noise}
for name, image in pictures.items():
    print(f"E of {name}: {gram_loss(network(image), targets, weights).item():.2f}")

# %% [markdown]
r"""
A mirror image is the same material for you. For the network it is close, not equal: its filters have a direction.

**Question.** Another part of the same gravel does not have loss 0, and a synthesis will end far below it. What does
that say about $E$ as a distance between materials?
"""

# %% [markdown]
r"""
## 6. The algorithm

> apply VGG to $u$ and extract the layers; compute the targets $G^L(u)$; initialize $x$ with Gaussian white noise;
> **for** $N_{it}$ iterations **do** apply VGG to $x$, compute the Gram matrices, $E(x)$ and $\nabla_x E(x)$ by
> backpropagation, and $x \leftarrow$ L-BFGS-step$(x, E(x), \nabla_x E(x))$.
"""

# %% [markdown]
r"""
### Exercise 4 — synthesize a texture (20 min, at home)

`torch.optim.LBFGS([x], max_iter=n_iterations, ...)` does the whole loop in one call of its method `step(closure)`. It
calls your function `closure`, as often as it needs, to get the loss; the closure must also leave the gradient in
`x.grad`. Two traps:

- torch stops when a gradient or a change is below an *absolute* tolerance. Set `tolerance_grad` and
  `tolerance_change` to 0, and multiply the loss by $10^6$;
- without a line search a step may go anywhere: set `line_search_fn="strong_wolfe"`.

Start from white noise with the mean and the standard deviation of $u$, drawn with `generator`, and nothing clipped.

<details><summary>Hint</summary>

In the closure: `zero_grad`, the loss, `backward`, keep `loss.item()` in a list, return the (scaled) loss. `x` needs
`requires_grad_()`. `hint("synthesize_texture")` tells more.

</details>
"""


# %%
def synthesize_texture(exemplar, network, weights, generator, n_iterations):
    """Return a texture like the exemplar, and the list of the losses E(x), one for each evaluation.

    exemplar: u, (H, W) or (3, H, W); weights: layer -> w_L; generator: torch.Generator of the noise.
    Returns (x, losses), x of the shape of u.  Slide "Gatys et al algorithm".
    """
    ### BEGIN SOLUTION
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    noise = torch.randn(exemplar.shape, generator=generator).to(exemplar)
    x = (exemplar.mean() + exemplar.std() * noise).requires_grad_()
    losses = []
    lbfgs = torch.optim.LBFGS(
        [x], max_iter=n_iterations, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        lbfgs.zero_grad()
        loss = gram_loss(network(x), targets, weights)
        losses.append(loss.item())
        (1e6 * loss).backward()
        return 1e6 * loss.detach()

    lbfgs.step(closure)
    return x.detach(), losses
    ### END SOLUTION


# %%
synthesize_texture = check(synthesize_texture)

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
x, losses = synthesize_texture(u, network, weights, torch.Generator().manual_seed(seed), 40)
fig, axes = new_figure(1, 3, height=3.4)
for axis, image, title in zip(axes[0], (u, x), ("$u$", "$x$"), strict=False):
    axis.imshow(image.cpu(), cmap="gray", vmin=0, vmax=1)
    axis.set_axis_off()
    axis.set_title(title)
plot_curves({"E": (list(range(len(losses))), losses)}, "evaluation", "E(x)", y_scale="log", axis=axes[0, 2])
show(
    fig,
    "A 64 x 64 piece of gravel, gray shapes like it under fine hatching, and a loss that falls steeply, then slowly.",
)

# %%
fell = "the loss fell at least twentyfold" if losses[-1] < 0.05 * losses[0] else "the loss fell less than twentyfold"
print(f"{fell}; mean {x.mean():.1f} and {u.mean():.1f}, both to one digit")
# %% [markdown]
r"""
The loss falls fast at first, then slowly: that is where the details are made. All of $E$ is non-convex in $x$, and
each seed ends in another texture.

`textures.synthesize_texture` is the same algorithm with a progress bar, a callback that receives the images on the
way, any output size, and an argument `scales`. Watch it work on a larger image:
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
u = center_crop(gravel, live)
steps = []
x_plain, losses_plain = textures.synthesize_texture(
    u, network, None, torch.Generator().manual_seed(seed), 50, callback=lambda x, _: steps.append(x)
)
shown = {"noise": steps[0], **{f"{n} evaluations": steps[n - 1] for n in (3, 10)}, "50 evaluations": x_plain}
slide_figure(show_images([*shown.values(), u], [*shown, "exemplar"], columns=5), "gatys-progress")

# %% [markdown]
"""
White noise has far too much energy in its fine details, and some of it stays: look at the hatching. Three remedies,
with equal work:

- Begin nearer to the goal: the stationary Gaussian texture has the right covariances, and costs nothing.
- Begin small. An evaluation costs in proportion to the pixels: synthesize at half the size, enlarge, go on.
- Make the problem better conditioned. Along the eigenvectors of $G^L(u)$, whose eigenvalues span many orders of
  magnitude, some errors of the Gram matrix move easily and others hardly. `whitening` lets L-BFGS see each error
  divided by how easily it moves: another loss, zero where $E$ is.
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
gaussian = {"init": "gaussian texture"}
starts = {"white noise": {}, "Gaussian": gaussian, "two scales": gaussian | {"scales": (1 / 2, 1)}}
starts["whitened"] = gaussian | {"whitening": textures.WHITENING}
images, lowest = [], {}
for name, settings in starts.items():
    n = (40, 40) if name == "two scales" else 50  # 40 at 1/4 of the cost, then 40: the work of 50
    generator = torch.Generator().manual_seed(seed)
    result = textures.synthesize_texture(u, network, None, generator, n, **settings)
    images.append(result.image)
    lowest[name] = min(result.losses[-40:])  # at full size
fig = show_images([u, *images], ["exemplar", *starts], columns=5)
show(fig, "Gravel, and four syntheses with equal work: from white noise with fine hatching, three without it.")

# %%
assert losses_plain[-1] < 0.02 * losses_plain[0]
assert max(lowest["Gaussian"], lowest["two scales"]) < lowest["white noise"]
assert lowest["whitened"] < 0.9 * lowest["Gaussian"]
print("with equal work, every start from the Gaussian texture ends with a lower loss than white noise,")
print("and whitening lowers it by a tenth or more")

# %% [markdown]
"""
The hatching is gone, and the stones are those of gravel. From coarse to fine the loss is not lower than from the
Gaussian texture alone: at this size both are good starts. Whitening changes the loss more than the picture.
"""

# %% [markdown]
"""
**Question.** The exemplar is gray, and the network takes colour images. One channel is optimized here, shown to the
network three times. What would happen with three free channels?
"""

# %% [markdown]
"""
## 7. What each layer contributes

The following results take minutes. They are **precomputed** by `make syntheses`, with the code you have just used,
whitened, all of 256 px with the same number of evaluations; section 11 verifies the loss of each.
"""


# %%
def precomputed(*names):
    """Return the images of precomputed syntheses."""
    return [load_synthesis(name)[0].float().to(device) for name in names]


stones = load_image("stones_yellow", side).float().to(device)
gaussian_stones = gaussian_texture(stones, torch.Generator().manual_seed(seed))
depths = precomputed(*[f"stones_{layer}" for layer in TEXTURE_LAYERS], "stones_yellow")
titles = ["exemplar", "Gaussian", *TEXTURE_LAYERS, "coarse to fine"]
slide_figure(show_images([stones, gaussian_stones, *depths], titles, columns=4, width=7.6), "gatys-depth")

# %% [markdown]
"""
Each picture uses its layer and all those before it, and starts from the same sample of the Gaussian texture.
`conv1_1` sees 3 × 3 pixels, and leaves it a Gaussian texture. `pool1` makes flat pieces with sharp edges, of any
shape, and `pool2` pieces with dark joints beside them. With `pool3` they are as large as stones, and with `pool4`
they close up, with joints all around. Synthesized from coarse to fine, as the last one, they are neater.

**Question.** What is the largest structure that a statistic at `pool4` can see? Compare it with a stone.
"""

# %% [markdown]
"""
## 8. Results

First gravel, beside the two older models.
"""

# %%
gaussian_gravel = gaussian_texture(gravel, torch.Generator().manual_seed(seed))
ps, gatys_gravel = precomputed("portilla_simoncelli", "gravel")
titles = ["exemplar", "Gaussian", "Portilla–Simoncelli", "Gatys"]
fig = show_images([gravel, gaussian_gravel, ps, gatys_gravel], titles, columns=4)
show(fig, "Gravel; gray noise of the same spectrum; stones with rough outlines; stones with facets and shadows.")

# %% [markdown]
"""
Gaussian: the right spectrum, no stones. Portilla and Simoncelli's statistics of wavelet coefficients, 15 years older
and 250 times fewer than the 176,640 numbers of five layers, make stones with rough outlines. Gatys: stones with
facets and shadows. Then seven materials in colour.
"""

# %%
materials = ("flowers", "flagstones_blue", "rock_layers", "ballast", "sand_ripples", "stones_yellow", "cork")
exemplars = [load_image(name, side).float().to(device) for name in materials]
results = precomputed(*materials)
titles = [name.replace("_", " ") for name in materials]
fig = show_images([*exemplars[:4], *results[:4]], [*titles[:4], *4 * ["Gatys"]], columns=4, width=7.6)
slide_figure(fig, "gatys-results")

# %%
fig = show_images([*exemplars[4:], *results[4:]], [*titles[4:], *3 * ["Gatys"]], columns=3, width=5)
show(fig, "Sand with dark ripples, yellow stones and cork; below each its synthesis, with the same structure.")

# %% [markdown]
"""
In each pair the material is the same, and the things are elsewhere. Is it really another image? Shift the synthesis
over the exemplar in all ways, and take the highest correlation of the two (1 for a copy).
"""


# %%
def highest_correlation(x, u):
    """Return the largest correlation of x and u, in gray, over all periodic shifts."""
    a, b = ((image.mean(0) - image.mean()) / image.mean(0).std() for image in (x, u))
    product = torch.fft.ifft2(torch.fft.fft2(a) * torch.fft.fft2(b).conj()).real
    return (product.max() / a.numel()).item()


for name, x, u in zip(materials, results, exemplars, strict=True):
    print(f"{name:15}: {highest_correlation(x, u):.2f}")

# %%
(large,) = precomputed("flowers_large")
print(f"exemplar: {tuple(exemplars[0].shape[1:])}, synthesis: {tuple(large.shape[1:])}")
fig = show_images([large], ["twice as wide as the exemplar"], width=5)
show(fig, "A wide bed of red flowers on green leaves, without visible repetition.")

# %% [markdown]
r"""
Since $G$ is a *mean* over the pixels, nothing ties the size of $x$ to that of $u$. One trap: the convolutions see zeros
beyond the border, and these responses are part of the exemplar's statistics. A larger image has less border, and puts
an imitation of it inside. The network of this synthesis reflects the image at
its border instead (`padding="reflect"`).

### What fails
"""

# %%
names = ("brick", "mosaic_tiles", "morris")
exemplars, failures = [load_image(name, side).float().to(device) for name in names], precomputed(*names)
fig = show_images([*exemplars, *failures], ["brick", "mosaic tiles", "a carpet", *3 * ["Gatys"]], width=6.5, columns=3)
show(
    fig,
    "A wall, a grid of tiles and a carpet of ornaments; below, bent rows, unequal tiles, and shreds of ornament.",
)

# %%
for name, u, x in zip(names, exemplars, failures, strict=True):
    targets = {layer: textures.gram_matrix(v) for layer, v in network(u).items()}
    w = relative_weights(targets)
    found, mirrored = (textures.gram_loss(network(image), targets, w).item() for image in (x, u.flip(-1)))
    print(f"{name:12}: E of the synthesis {found:.0e}, of the exemplar's mirror image {mirrored:.0e}")

# %% [markdown]
r"""
Bricks: the joints are right one by one, their arrangement is not. Tiles: squares, but some columns are narrow, and some
joints end in the middle of nowhere. The carpet keeps its colours, stems and leaves; flowers, birds and symmetry are
gone. The work was that of the other materials, and the descent did its part: each failure has a lower loss than the
exemplar's mirror image, in which nothing is broken. So these are failures of the *statistics*: averages over pixels
that see a hundred pixels at most do not say that a wall has rows, nor that the two halves of an ornament match.

## 9. Two corrections

### Colours

Nothing in $E$ compares colours directly. Start from noise with all colours, instead of the exemplar's, and a
low-contrast texture keeps some of them. A remedy is to add a loss on the colours themselves, seen as points of
$\mathbb{R}^3$, one for each of the $N$ pixels:

$$\|m(x) - m(u)\|^2 + \|C(x) - C(u)\|_F^2, \quad m(x) = \frac1N \sum_k x_k, \quad
C(x) = \frac1N \sum_k (x_k - m(x))(x_k - m(x))^T.$$
"""

# %% [markdown]
"""
### Exercise 5 — statistics of the colours (8 min, at home)

Write `color_statistics_loss(x, u)`. The images may have different sizes.

<details><summary>Hint</summary>

Flatten the pixels as in exercise 1, then subtract the mean. `hint("color_statistics_loss")` tells more.

</details>
"""


# %%
def color_statistics_loss(x, u):
    """Return ‖m(x) − m(u)‖² + ‖C(x) − C(u)‖²_F, mean and covariance (with 1/N) of the colours.

    x, u: images (3, H, W), perhaps of different sizes.  Returns a scalar tensor.
    """
    ### BEGIN SOLUTION
    statistics = []
    for image in (x, u):
        colors = image.flatten(start_dim=-2)
        m = colors.mean(dim=1, keepdim=True)
        statistics.append((m, (colors - m) @ (colors - m).mT / colors.shape[1]))
    (m_x, c_x), (m_u, c_u) = statistics
    return (m_x - m_u).square().sum() + (c_x - c_u).square().sum()
    ### END SOLUTION


# %%
color_statistics_loss = check(color_statistics_loss)

# %% [markdown]
r"""
### Spectrum

The regularity of a wall shows in its Fourier transform. Liu, Gousseau and Xia (2016) add the squared distance from $x$
to the images with the spectrum of $u$, per pixel:

$$\frac{1}{HW} \|x - P(x)\|^2, \qquad \widehat{P(x)}(\xi) = e^{i\varphi(\xi)} \hat u(\xi), \qquad
e^{i\varphi(\xi)} = \frac{\langle \hat u(\xi), \hat x(\xi)\rangle}{|\langle \hat u(\xi), \hat x(\xi)\rangle|},
\qquad \langle \hat u, \hat x\rangle = \sum_c \overline{\hat u_c}\,\hat x_c.$$

The phase $\varphi$ is the same for all channels $c$: $P(x)$ is a random phase texture of $u$, the one nearest to $x$.

### Exercise 6 — distance to the spectrum (12 min, at home)

Write `spectrum_loss(x, u)`, in colour.

<details><summary>Hint</summary>

Stay in Fourier: by Parseval $\|x - P(x)\|^2 = \frac{1}{HW}\|\hat x - \widehat{P(x)}\|^2$. `torch.sgn(z)` is $z/|z|$.
`hint("spectrum_loss")` tells more.

</details>
"""


# %%
def spectrum_loss(x, u):
    """Return ‖x − P(x)‖² / (HW), P(x) the image with the Fourier modulus of u that is nearest to x.

    x, u: images (3, H, W) of the same size.  Returns a scalar tensor.  Liu, Gousseau and Xia (2016).
    """
    ### BEGIN SOLUTION
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sgn((u_hat.conj() * x_hat).sum(dim=0)).detach()
    return (x_hat - phase * u_hat).abs().square().sum() / (x.shape[-2] * x.shape[-1]) ** 2
    ### END SOLUTION


# %%
spectrum_loss = check(spectrum_loss)

# %% [markdown]
"""
Both losses are added to $E$ with a weight (the argument `extra_losses` of `textures.synthesize_texture`).
"""

# %%
cork_u = center_crop(cork, live)
uniform, corrected = precomputed("cork_uniform", "cork_colors")
titles = ["exemplar", "Gatys", "+ colours"]
fig = show_images([cork_u, uniform, corrected], titles, columns=3, width=6)
show(fig, "Brown cork, 128 px; a synthesis under red and green dots; one with the colours of cork.")

# %%
gatys_brick, brick_spectrum = precomputed("brick", "brick_spectrum")
gaussian_brick = gaussian_texture(brick, torch.Generator().manual_seed(seed))
titles = ["exemplar", "Gatys", "+ spectrum", "Gaussian"]
slide_figure(show_images([brick, gatys_brick, brick_spectrum, gaussian_brick], titles, columns=4), "gatys-corrections")

# %%
with torch.no_grad():
    before, after = (textures.color_statistics_loss(image, cork_u).item() for image in (uniform, corrected))
    print(f"colours of the cork: {before:.1e} before, {after:.1e} after")
    before, after = (textures.spectrum_loss(image, brick).item() for image in (gatys_brick, brick_spectrum))
    print(f"spectrum of the wall: {before:.1e} before, {after:.1e} after")

# %% [markdown]
"""
The cork of the second column started from noise with every colour of the cube; the loss on the colours brings the
last of them back. (White noise with the variance of the exemplar, or the Gaussian texture, avoid the problem from the
start.) The spectrum makes the joints of the wall straighter. A loss is a wish: each of the two asks for something
that the other statistics do not.

What does each of your two losses ask for, when it is alone? Descend from noise and see.
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the text says what is stable"
generator = torch.Generator().manual_seed(seed)
start = torch.rand(3, small, small, generator=generator).to(device)
goal = center_crop(load_image("flowers", live).float().to(device), small)
alone = [minimize_image(lambda x, f=f: f(x, goal), start, 60)[0] for f in (color_statistics_loss, spectrum_loss)]
fig = show_images([goal, start, *alone], ["goal", "start", "colours", "spectrum"], width=5.5)
show(fig, "Flowers; noise of all colours; noise with the colours of the flowers; soft blotches of the same colours.")

# %% [markdown]
"""
The colours alone leave noise, tinted. The spectrum alone makes the random phase texture nearest to the noise.

## 10. Is order 1 enough?
"""

# %% [markdown]
r"""
### Exercise 7 — mean features (5 min, at home)

Write `mean_loss`, with the means $m^L(x) = \frac{1}{wh}\sum_k V^L(x)_k$ in place of the Gram matrices.

<details><summary>Hint</summary>

The same loop with another statistic. `hint("mean_loss")` tells more.

</details>
"""


# %%
def mean_loss(features, targets, weights):
    """Return Σ_L w_L ‖m^L(x) − m^L(u)‖², statistics of order 1 only.

    features: layer -> V^L(x), (n, h, w); targets: layer -> m^L(u), (n,); weights: layer -> w_L.
    Returns a scalar tensor.
    """
    ### BEGIN SOLUTION
    loss = 0.0
    for layer, target in targets.items():
        difference = features[layer].mean(dim=(-2, -1)) - target
        loss = loss + weights[layer] * difference.square().sum()
    return loss
    ### END SOLUTION


# %%
mean_loss = check(mean_loss)

# %%
(means,) = precomputed("gravel_means")
targets = {layer: mean_feature(v) for layer, v in network(gravel).items()}
targets_gram = {layer: gram_matrix(v) for layer, v in network(gravel).items()}
for name, image in {"order 1": means, "order 2": gatys_gravel}.items():
    order_1 = mean_loss(network(image), targets, relative_weights(targets)).item()
    order_2 = gram_loss(network(image), targets_gram, relative_weights(targets_gram)).item()
    print(f"synthesis with {name}: means {order_1:.0e}, Gram matrices {order_2:.0e}")
fig = show_images([gravel, means, gatys_gravel], ["exemplar", "means", "Gram matrices"], width=7)
show(fig, "Gravel, its synthesis by mean features and by Gram matrices: in both the stones have facets and shadows.")

# %% [markdown]
"""
The features are not linear: a mean after a ReLU already contains more than the mean of the image. With the five
layers there are only 1,024 or so means, against 176,640 entries of Gram matrices, and they do surprisingly well.

**Question.** Why would the mean of `conv1_1`, *before* its ReLU, say almost nothing?
"""

# %% [markdown]
"""
Your loss alone, on a small piece:
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the text says what is stable"
piece = center_crop(gravel, small)
targets = {layer: mean_feature(v) for layer, v in network(piece).items()}
w = relative_weights(targets)
start = gaussian_texture(piece, torch.Generator().manual_seed(seed))
x, history = minimize_image(lambda x: mean_loss(network(x), targets, w), start, 60)
fig = show_images([piece, start, x], ["exemplar", "start", "means alone"], width=6)
show(fig, "A small piece of gravel; gray noise; stones made of it by the means alone.")

# %% [markdown]
"""
## 11. Verifying what was precomputed

A file holds 8 bits a channel: its values are clipped to [0, 1] and rounded, so its loss is not that of the synthesis.
Both are recorded, and the share of the values that were outside. One evaluation for each file verifies the second loss.
"""


# %%
def loss_of_file(name, record):
    """Return E of a precomputed file, with the exemplar, the layers and the border of its record."""
    u = load_image(record["texture"], record["exemplar"]).float().to(device)
    u = u if record["crop"] is None else center_crop(u, record["crop"])
    network = VGGFeatures("vgg16", record["layers"], device=device, padding=record["padding"])
    targets = {layer: textures.gram_matrix(v) for layer, v in network(u).items()}
    x = load_synthesis(name)[0].float().to(device)
    return textures.gram_loss(network(x), targets, relative_weights(targets)).item()


# %%
for name, record in synthesis_records().items():
    found, recorded = loss_of_file(name, record), record["loss_of_file"]
    assert abs(found - recorded) < 0.02 * recorded, name
    loss = "       " if record["loss"] is None else f"{record['loss']:.1e}"
    print(f"{name:19}: E = {loss}, of the file {recorded:.1e}, outside {100 * record['outside_unit_interval']:4.1f} %")

# %% [markdown]
"""
## 12. Try it

Choose a texture, the layers and a seed; run, pause, stop. The last image stays. The Gram matrices are *yours*.
"""

# %%
explore_gatys(statistic=gram_matrix)

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
picture, numbers = gatys_picture("gravel", "pool3", seed, 20)
print(f"{numbers['evaluations']} evaluations")
fig = show_images([picture], ["left: exemplar; right: synthesis up to pool3"], width=6)
show(fig, "A small piece of gravel, and beside it what twenty evaluations make of noise.")

# %% [markdown]
"""
## What you have learnt

- A texture is described by averages over its pixels. Gram matrices average the products of two features: order 2, at
  several scales, on nonlinear features.
- The synthesis is a descent on the *image*, the network never changes. L-BFGS needs a loss that is not tiny.
- Depth sets the size of the structures. What is larger than the deepest features (rows of bricks, an ornament) is lost.
- The description has more numbers than the image. Fewer can do, and some that are missing (colours, spectrum) can be
  added.

**Hand in**: this notebook with the seven exercises passed; your answers to the questions in bold; a synthesis of a
photograph of a texture that you took yourself, with the layers you chose and why.

**Next**: notebook 11 (style transfer) takes the Gram matrices of one image and the features of another.
"""
