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
# 13. Texture networks

At the end of this notebook you will be able to

- build a network that draws a texture from noise at several scales in one pass, and train it without a single example
  of what it should draw;
- recognise a generator that draws one image whatever its noise, explain why, and cure it in two ways;
- say from which number of images on training pays, and what it costs in quality;
- do the same with a photograph in place of the noise: style transfer in one pass.

**Slides**: "Generative networks for texture synthesis", "Style transfer".

**Time**: reading 30 min (12 in class), exercises 41 min, compute about 1 min on two CPU cores.

**Before this**: notebook 10 (Gram matrices, the loss of Gatys et al.).
"""

# %% [markdown]
r"""
| symbol | name in the code | shape | range |
| --- | --- | --- | --- |
| $u$, exemplar | `u` | `(3, H, W)` | $[0, 1]$ |
| $z = (z_1, \dots, z_K)$, noise | `noise` | a list of `(n, 3, h, w)` | $[0, 1]$, coarsest first |
| $K$, number of scales | `levels` | | $\geq 1$ |
| $g_\theta$, generator | `generator` | from `noise` to `(n, 3, H, W)` | not clipped |
| $\theta$, weights of the generator | `generator.parameters()` | | |
| $G^L$, Gram matrix at layer $L$ | `gram_matrix(features[L])` | `(n, channels, channels)` | |
| $V$, the trained network VGG | `vgg` | from images to a dictionary | never trained |
| $\lambda$, weight of the diversity | `lam` | | $\geq 0$ |
"""

# %%
import math
import time

import torch

from course_utils.checks import check, hint
from course_utils.data import network_record
from course_utils.explorers.texture_networks import explore_texture_network, texture_network_picture
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.generators import PAINTING, TextureNetwork, load_style_network, load_texture_network
from course_utils.images import load_image
from course_utils.optim import minimize_image
from course_utils.plotting import plot_curves, show, show_images
from course_utils.slides import slide_figure
from course_utils.style import transfer_records
from course_utils.textures import gram_matrix, load_synthesis, synthesis_records

# %%
device = "cpu"  # or "cuda": networks and images go there
side = 256  # of the exemplars
live = 64  # side of the images on which a network is trained in this notebook
steps = 120  # of that training
names = ("flowers", "ballast", "sand_ripples")  # the networks that the course has trained
seed = 0


def placed(noise):
    """Return the noise of each scale on the device; it is drawn on the CPU."""
    return [z.to(device) for z in noise]


# %% [markdown]
r"""
## 1. The problem

Gatys' algorithm (notebook 10) minimizes $E(x)$ over the image $x$, and begins again for each image.
"""

# %%
for name in names:
    record = synthesis_records()[name]
    print(f"{name:13}: {sum(record['n_iterations'])} evaluations of E for one image, {record['seconds'] / 60:.1f} min")

# %% [markdown]
r"""
Ulyanov et al. (2016) minimize over the weights $\theta$ of a network instead:

$$\min_\theta\; \mathbb{E}_z\, E\bigl(g_\theta(z)\bigr), \qquad z \text{ noise.}$$

This is done once for each texture. Then every new noise $z$ gives a new image $g_\theta(z)$, in one pass. Nobody shows
the network an image that it should draw. It draws, VGG judges by the Gram matrices of the exemplar, and the gradient
says how to draw better. The lecture calls it an example of a *generative network*: the law of $g_\theta(z)$ is the
model.

## 2. Noise at several scales

A texture has structures of several sizes. So the network gets noise at several scales $l = 1, \dots, K$, each twice as
fine as the one before. For $n$ images of $H \times W$ pixels,

$$z_l \sim \mathcal{U}([0, 1])^{n \times 3 \times H/2^{K-l} \times W/2^{K-l}}.$$
"""

# %% [markdown]
r"""
### Exercise 1 — noise at several scales (8 min, in class)

Write `multiscale_noise(n, size, levels, generator)` for $n$ images of `size` $(H, W)$. The result is a list, coarsest
first; its last element has the full size. All values are independent, drawn with `generator`.

<details><summary>Hint</summary>

Which power of 2 divides the size of the first scale? `hint("multiscale_noise")` tells more.

</details>
"""


# %%
def multiscale_noise(n, size, levels, generator):
    """Return uniform noise on [0, 1] for n images at each scale, coarsest first.

    size: (H, W), multiples of 2^(levels - 1); generator: torch.Generator.
    Returns a list of `levels` tensors (n, 3, h, w), the last one with (h, w) = (H, W).  Ulyanov et al. (2016).
    """
    ### BEGIN SOLUTION
    noise = []
    for k in reversed(range(levels)):
        noise.append(torch.rand(n, 3, size[0] // 2**k, size[1] // 2**k, generator=generator))
    return noise
    ### END SOLUTION


# %%
multiscale_noise = check(multiscale_noise)

# %% [markdown]
"""
Stuck? There are three hints to each exercise, one at a time: the idea, the formula, the first line.
"""

# %%
hint("multiscale_noise", 1)

# %%
noise = placed(multiscale_noise(1, (live, live), 5, torch.Generator().manual_seed(seed)))
fig = show_images([z[0] for z in noise], [f"{z.shape[-2]} x {z.shape[-1]}" for z in noise], width=8)
show(fig, "Five squares of coloured noise, from 4 x 4 large pixels to 64 x 64 small ones.")

# %% [markdown]
r"""
## 3. The network

At each scale the network takes what it has drawn so far, enlarges it by 2, puts the noise of the scale beside it, and
convolves. With $x_l$ the maps (channels) that it has after scale $l$: $x_1 = B_1(z_1)$, then

$$x_l = B_l\bigl(\text{join}(\text{enlarge}(x_{l-1}),\, z_l)\bigr), \qquad g_\theta(z) = C(x_K).$$

Each block $B_l$ does three things, twice: a 3 × 3 convolution; a normalisation of each channel of each image (mean 0,
variance 1, then a learnt scale and shift); a ReLU that lets a tenth of the negative part through. $C$ mixes the last
channels to three colours.
"""

# %% [markdown]
r"""
### Exercise 2 — enlarge and join (5 min, in class)

Write `upsample_and_join(coarse, fine)`. Each pixel of `coarse` becomes a square of 2 × 2 pixels; then come, along the
channels, those of `fine`.

<details><summary>Hint</summary>

`torch.cat` joins; `repeat_interleave` or `torch.nn.functional.interpolate` enlarges. `hint("upsample_and_join")` tells
more.

</details>
"""


# %%
def upsample_and_join(coarse, fine):
    """Return the coarse maps enlarged by 2, each pixel repeated, then the fine maps, along the channels.

    coarse: (n, a, h, w); fine: (n, b, 2h, 2w).  Returns (n, a + b, 2h, 2w).
    """
    ### BEGIN SOLUTION
    larger = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="nearest")
    return torch.cat([larger, fine], dim=1)
    ### END SOLUTION


# %%
upsample_and_join = check(upsample_and_join)

# %% [markdown]
"""
With it, the whole network is a loop. `TextureNetwork` holds the blocks; here is its pass from noise to image, step by
step:
"""

# %%
torch.manual_seed(seed)  # the first weights are drawn
generator = TextureNetwork(widths=(32, 32, 32, 24, 16), padding="zeros").to(device)
x = generator.blocks[0](noise[0])
for block, z in zip(generator.blocks[1:], noise[1:], strict=True):
    joined = upsample_and_join(x, z)
    x = block(joined)
    print(f"{joined.shape[1]:2} channels of {z.shape[-2]:2} x {z.shape[-1]:2} pixels become {x.shape[1]}")
image = generator.color(x)
print(f"image {tuple(image.shape)}; {sum(p.numel() for p in generator.parameters()):,} weights")

# %% [markdown]
r"""
Convolutions know no size: larger noise gives a larger image. Ulyanov et al. have few channels at the coarse scales and
many at the fine ones; ours has it the other way round, as a coarse channel costs 256 times less than a fine one.

## 4. The loss

For a batch of images $x_1, \dots, x_n$ drawn by the network,

$$E = \frac1n \sum_{i=1}^n \sum_L \frac{\|G^L(x_i) - G^L(u)\|_F}{\|G^L(u)\|_F}.$$

The norms are *not squared*, unlike those of notebook 10. L-BFGS estimates the curvature of the loss; Adam, which trains
the network, does not. With squares, a layer whose error is large has nearly all of the gradient, and the others wait.
"""

# %% [markdown]
r"""
### Exercise 3 — the loss of a batch (10 min, in class)

`targets` has the $G^L(u)$ by layer; `network(images)` gives the features of a whole batch by layer, perhaps of more
layers than there are targets. `gram_matrix` takes batches: `(n, channels, h, w)` to `(n, channels, channels)`.

<details><summary>Hint</summary>

`torch.linalg.matrix_norm` gives one Frobenius norm for each matrix of a batch. `hint("texture_network_loss")` tells
more.

</details>
"""


# %%
def texture_network_loss(images, targets, network):
    """Return (1/n) Σ_i Σ_L ‖G^L(x_i) − G^L(u)‖_F / ‖G^L(u)‖_F.

    images: x_i, (n, 3, H, W); targets: layer -> G^L(u); network: from images to layer -> features.
    Returns a scalar tensor.
    """
    ### BEGIN SOLUTION
    features = network(images)
    loss = 0.0
    for layer, target in targets.items():
        errors = torch.linalg.matrix_norm(gram_matrix(features[layer]) - target)
        loss = loss + errors.mean() / torch.linalg.matrix_norm(target)
    return loss
    ### END SOLUTION


# %%
texture_network_loss = check(texture_network_loss)

# %%
vgg = VGGFeatures("vgg16", layers=TEXTURE_LAYERS, device=device)


def load_exemplar(name):
    """Return an exemplar of the course in colour, in single precision."""
    return load_image(name, side).float().to(device)


def target_grams(u):
    """Return the Gram matrices of an image by layer."""
    return {layer: gram_matrix(v) for layer, v in vgg(u).items()}


# %%
u = load_exemplar("flowers")
pieces = u.unfold(1, live, live).unfold(2, live, live).permute(1, 2, 0, 3, 4).flatten(end_dim=1)
targets = {layer: gram_matrix(v).mean(dim=0) for layer, v in vgg(pieces).items()}
with torch.no_grad():
    for name, x in {"the pieces of the exemplar": pieces, "the untrained network's image": image}.items():
        print(f"loss of {name}: {texture_network_loss(x, targets, vgg).item():.2f}")

# %% [markdown]
r"""
We will train on images of 64 × 64 pixels, of which a larger part is near the border than of the exemplar, and VGG sees
the border. So the targets are means over the 16 pieces of that size. A piece by itself is a small sample and does not
have the mean statistics. An image that VGG does not react to would have the loss 5, a relative error of 1 at each
layer; the untrained network is not far from it.

**Question.** The mean is taken over the *errors* of the images. What may a network draw if you take the mean of the
Gram matrices over the batch first, and then one error?
"""

# %% [markdown]
r"""
## 5. Training

A step of training draws noise, computes the loss, goes back to the weights $\theta$, and lets an optimizer move them.
VGG does not move: it is the judge.
"""

# %% [markdown]
r"""
### Exercise 4 — one step of training (8 min, in class)

Write `texture_training_step(generator, optimizer, targets, network, noise)`. It takes one step of the optimizer and
returns the loss before it, as a number.

<details><summary>Hint</summary>

`backward` *adds* to the gradients that are there. The optimizer knows two verbs. `hint("texture_training_step")` tells
more.

</details>
"""


# %%
def texture_training_step(generator, optimizer, targets, network, noise):
    """Take one step of the optimizer on θ ↦ E(g_θ(z)), and return the loss before it.

    generator: g_θ; optimizer: of its weights; targets: layer -> G^L(u); network: VGG; noise: z, a list.
    Returns a float.
    """
    ### BEGIN SOLUTION
    loss = texture_network_loss(generator(noise), targets, network)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %%
texture_training_step = check(texture_training_step)

# %% [markdown]
"""
Now train the small network of section 3 on the flowers, with two images of 64 × 64 pixels at each step. We keep what it
draws from two noises, always the same two.
"""

# %%
optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)  # shorter and shorter steps
source = torch.Generator().manual_seed(seed)
two_noises = placed(multiscale_noise(2, (live, live), 5, torch.Generator().manual_seed(seed + 1)))
losses, kept = [], {}
for k in range(steps + 1):
    if k in (0, 10, 30, 60, steps):
        with torch.no_grad():
            kept[k] = generator(two_noises)
    noise = placed(multiscale_noise(2, (live, live), 5, source))
    losses.append(texture_training_step(generator, optimizer, targets, vgg, noise))
    scheduler.step()

# %% tags=["picture-by-statistics"] reason="training amplifies rounding: pixels move, the next cell asserts the loss"
pictures = [x[i] for i in range(2) for x in kept.values()]
titles = [f"{k} steps" for k in kept] + [""] * len(kept)
slide_figure(show_images(pictures, titles, columns=len(kept), width=8), "texture-network-training")

# %% tags=["picture-by-statistics"] reason="training amplifies rounding: the curve moves, the cell asserts its fall"
fig = plot_curves({"E": (list(range(len(losses))), losses)}, "step", "loss", width=5)
show(fig, "A loss that jumps up at the first step, falls below two within fifty steps, and then falls slowly.")
assert sum(losses[-10:]) / 10 < 0.6 * losses[0]

# %% [markdown]
r"""
In less than half a minute the network has found the colours, then red stains on green, then their bright rims. No image
was ever shown to it. Its loss ends below that of the exemplar's own pieces: each of its images comes nearer to the mean
statistics of the exemplar than its small pieces do, each of which shows a part only.

Now compare the two rows. They come from two different noises, and they are nearly the same image.

## 6. The same image again and again

How different are two images? Divide their distance by what it is for two images that have nothing to do with each
other:

$$d(x, y)^2 = \frac{\|x - y\|^2}{2 \sum_k \|x_k - \bar x\|^2}, \qquad
x_k \text{ the colour at pixel } k,\; \bar x \text{ the mean colour of } x.$$

It is 0 for the same image, and near 1 for two pieces of one texture.
"""


# %%
def distance(x, y):
    """Return the distance of two textures relative to that of two that are independent."""
    return ((x - y).square().sum() / (2 * (x - x.mean(dim=(-2, -1), keepdim=True)).square().sum())).sqrt().item()


between = distance(pieces[0], pieces[5])
print(f"two pieces of the exemplar: {between:.1f}")
print("two images of the network:", "much closer" if distance(*kept[steps]) < 0.8 * between else "as far")

# %% [markdown]
r"""
The loss allows it: a single good image, drawn whatever the noise, has a small $E$. And there is a reason for it to
happen. The convolutions of this network see zeros beyond the border, so it *knows where it is*, and can learn an image
by heart: this flower in this corner. Noise only disturbs that, so training makes the network deaf to it.

**The first cure** is to ask for what is missing. Ulyanov et al. (2017) subtract from the loss the entropy of the
images, which they estimate, up to constants, by the distances of nearest neighbours in a batch:

$$D(x_1, \dots, x_n) = \frac1n \sum_{i=1}^n \log \min_{j \neq i} \|x_i - x_j\|, \qquad
\min_\theta\; E - \lambda D.$$
"""

# %% [markdown]
r"""
### Exercise 5 — diversity (10 min, at home)

Write `diversity(images)`, $D$ of a batch. It must have a gradient that is finite: the distance of an image to itself is
0, where the root has no derivative, so it must not even be computed.

<details><summary>Hint</summary>

$\|\cdot\|$ is over all the pixels and channels. A loop over $i$ is good enough: batches are small. `hint("diversity")`
tells more.

</details>
"""


# %%
def diversity(images):
    """Return (1/n) Σ_i log min_{j≠i} ‖x_i − x_j‖.

    images: x_i, (n, 3, H, W), n >= 2.  Returns a scalar tensor.  Ulyanov, Vedaldi and Lempitsky (2017).
    """
    ### BEGIN SOLUTION
    total = 0.0
    for i, x in enumerate(images):
        others = torch.cat([images[:i], images[i + 1 :]])
        total = total + (others - x).flatten(start_dim=1).norm(dim=1).min().log()
    return total / len(images)
    ### END SOLUTION


# %%
diversity = check(diversity)

# %% [markdown]
r"""
**The second cure** removes the reason. With *circular* convolutions, which see the opposite border, the network does
not know where it is: if the noise moves by whole pixels of the coarsest scale, the image moves with it, and nothing
else changes. Such a network cannot learn an image by heart.

The course has trained the small network for longer, without diversity and with $\lambda = 1$, and networks with
circular convolutions. Here are seven noises for each:
"""

# %%
seven_noises = placed(multiscale_noise(7, (live, live), 5, torch.Generator().manual_seed(seed)))
three = {"λ = 0": "collapsed", "λ = 1": "diverse", "circular": "flowers"}
drawn = {}
with torch.no_grad():
    for label, name in three.items():
        drawn[label] = load_texture_network(name).to(device)(seven_noises)
pictures = [x for batch in drawn.values() for x in batch]
titles = [title for label in three for title in (label, *[""] * 6)]
slide_figure(show_images(pictures, titles, columns=7, width=8), "texture-network-diversity")

# %%
for label, x in drawn.items():
    with torch.no_grad():
        loss = texture_network_loss(x, targets, vgg).item()
    nearest = min(distance(x[i], x[j]) for i in range(7) for j in range(i))
    print(f"{label:8}: loss {loss:.1f}, D = {diversity(x).item():.1f}, nearest two at the distance {nearest:.1f}")

# %% [markdown]
r"""
Without diversity, one image with small changes. With it the images differ more, although you can still see that they
have a layout in common. It costs something: the loss is larger, and the contrasts are exaggerated, as white and black
are far from each other. The seven images of the circular network have no layout in common, and relative to their
contrast even the nearest two are farther apart ($D$ does not divide by the contrast). Nothing had to be added to the
loss for it. (It is a larger network, trained on larger images: do not compare its loss.)

Verify, up to rounding, what was said of moving noise. It moves by one coarse pixel, which is 16 fine ones.
"""

# %%
circular = load_texture_network("flowers").to(device)
moved = [z.roll(2**level, dims=-1) for level, z in enumerate(seven_noises)]
with torch.no_grad():
    error = (circular(moved) - circular(seven_noises).roll(16, dims=-1)).abs().max().item()
print(f"circular: the image of moved noise is the moved image: {error < 1e-4}")

# %% [markdown]
r"""
**Question.** Suppose a circular network draws the same image $x$ for all noises. Use what the cell above has verified
to show what $x$ looks like.
"""

# %% [markdown]
r"""
## 7. Three textures in one pass

The course's generators have circular convolutions and five scales, and were trained on 128 × 128 pixels. They draw any
size, here 256 × 256 (of which the upper part is shown).
"""

# %%
exemplars = {name: load_exemplar(name) for name in names}
generators = {name: load_texture_network(name).to(device) for name in names}
noise = placed(multiscale_noise(1, (side, side), 5, torch.Generator().manual_seed(seed)))
with torch.no_grad():
    textures = {name: generators[name](noise)[0] for name in names}
pictures = [image[:, :160] for image in (*exemplars.values(), *textures.values())]
titles = [f"{name.replace('_', ' ')}: exemplar" for name in names] + ["network"] * 3
slide_figure(show_images(pictures, titles, columns=3, width=8), "texture-networks")

# %%
noise = placed(multiscale_noise(1, (side, 3 * side), 5, torch.Generator().manual_seed(seed + 1)))
with torch.no_grad():
    wide = generators["flowers"](noise)[0]
show(show_images([wide], width=6.5), "A wide field of red flowers and green leaves, 256 x 768 pixels, without a seam.")

# %% [markdown]
"""
Circular convolutions have another use: the left border continues at the right one, so the image tiles without a seam.

Is it as good as Gatys' algorithm? Both are judged by the same loss, with the exemplar's matrices, and so is a third
image to compare with: the exemplar seen in a mirror. All images are clipped to [0, 1], as Gatys' are in their files.
"""

# %%
print(" " * 13 + "".join(f"{name:>14}" for name in names))
gatys = {name: load_synthesis(name)[0].float().to(device) for name in names}
mirrors = {name: u.flip(-1) for name, u in exemplars.items()}
rows = {"Gatys": gatys, "mirror image": mirrors, "network": textures}
with torch.no_grad():
    for label, images in rows.items():
        grams = {name: target_grams(u) for name, u in exemplars.items()}
        numbers = [texture_network_loss(images[n][None].clamp(0, 1), grams[n], vgg).item() for n in names]
        print(f"{label:13}" + "".join(f"{number:14.1f}" for number in numbers))

# %%
pictures = [image[:, : side // 2, : side // 2] for name in names for image in (gatys[name], textures[name])]
fig = show_images(pictures, ["Gatys", "network"] * 3, columns=6)
show(fig, "Details of the textures by Gatys and by the network, whose flowers are rounder and all alike.")
weights = sum(p.numel() for p in generators["flowers"].parameters())
print(f"values of one image: {gatys['flowers'].numel():,}; weights of a network: {weights:,}")

# %% [markdown]
r"""
Quality is lower, as the lecture says: the network's loss is above that of Gatys' algorithm. A descent has all the
values of *one* image to satisfy the statistics with; the network has its weights, for *all* images. Still, for the
flowers and the ballast the loss is that of the mirror image, which you would take for the same material. (The ripples
lean, so their mirror image is another material for VGG.)

And a network has learnt one texture. Here is the loss of each network for each exemplar:
"""

# %%
with torch.no_grad():
    print(f"{'network, exemplar:':18}" + "".join(f"{name:>14}" for name in names))
    for drawn_by in names:
        x = textures[drawn_by][None]
        numbers = [texture_network_loss(x, target_grams(exemplars[name]), vgg).item() for name in names]
        print(f"{drawn_by:18}" + "".join(f"{number:14.1f}" for number in numbers))

# %% [markdown]
r"""
## 8. When has training paid?

For $N$ images Gatys' algorithm takes $N t_G$, the network $T + N t_g$, with $T$ the time of its training. How long it
takes to draw, $t_g$, is measured here; $T$ and $t_G$ were recorded when the course's files were made, on one core.
"""

# %% tags=["picture-by-statistics"] reason="the time of one image is measured here, and moves a line a little"
noise = placed(multiscale_noise(1, (side, side), 5, torch.Generator().manual_seed(seed)))
with torch.no_grad():
    start = time.perf_counter()
    generators["flowers"](noise)
    draw = (time.perf_counter() - start) / 60
gatys_time, training = synthesis_records()["flowers"]["seconds"] / 60, network_record("texture_flowers")["minutes"]
counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
lines = {"Gatys": [n * gatys_time for n in counts], "network": [training + n * draw for n in counts]}
curves = {name: (counts, minutes) for name, minutes in lines.items()}
slide_figure(plot_curves(curves, "images", "minutes", "log", "log"), "synthesis-times")

# %%
assert draw < gatys_time / 20
paid = math.ceil(training / gatys_time)
print(f"training: {training:.0f} min; one image of Gatys: {gatys_time:.1f} min; paid after {paid} images")

# %% [markdown]
r"""
The network draws its image in a fraction of a second. From the number of images above on, it saves time; an explorer, a
game or a film needs thousands.

**Question.** Name two situations in which you would still take Gatys' algorithm.
"""

# %% [markdown]
r"""
## 9. A photograph in place of the noise

Johnson et al. (2016) train a network $f_\theta$ that takes a photograph $p$ and paints it. The style is judged by the
Gram matrices $A^L$ of a painting, the content by the features $V(p)$ of the photograph at one layer, here `relu3_3`,
with a weight $\alpha$:

$$\min_\theta\; \mathbb{E}_p \left[ \sum_L \frac{\|G^L(f_\theta(p)) - A^L\|_F}{\|A^L\|_F}
+ \alpha\, \frac{\|V(f_\theta(p)) - V(p)\|^2}{\|V(p)\|^2} \right].$$

The network is another one: it reduces the photograph by 4, changes it in residual blocks, and enlarges it again. The
blocks also get noise at three scales, as in section 2: convolutions alone would paint a flat sky flat. The course's
network has learnt one painting, from crops of the course's pictures. It has never seen these two photographs.
"""

# %%
painter = load_style_network().to(device)
painting = load_exemplar(PAINTING)
photographs = torch.stack([load_exemplar(name) for name in ("temple", "cat")])
with torch.no_grad():
    painted = painter(photographs)
pictures = [painting, *[x for pair in zip(photographs, painted, strict=True) for x in pair]]
fig = show_images(pictures, ["painting", "photograph", "network", "photograph", "network"])
show(fig, "The starry night; a temple and a cat, as photographs and painted in short blue and pale yellow strokes.")
record = network_record("style_" + PAINTING)
print(f"training: {record['steps']} steps, {record['minutes']:.0f} min; {record['parameters']:,} weights")

# %%
with torch.no_grad():
    other = painter(photographs, seed=seed + 1)
sky = (slice(None), slice(100), slice(160, None))  # to the right of the roof
print(f"distance d of what two noises give: the temple's sky {distance(painted[0][sky], other[0][sky]):.1f}, ", end="")
print(f"the cat {distance(painted[1], other[1]):.1f}")

# %% [markdown]
r"""
In the sky the noise decides where the strokes are; in the cat its contours and its fur do.

Compare with the way of notebook 11: this loss, minimized over the pixels of one image by L-BFGS, from the photograph.
"""

# %%
alpha, small = 2.0, 160
judge = VGGFeatures("vgg16", (*TEXTURE_LAYERS, "relu3_3"), device=device, padding="reflect")  # sizes differ
photograph = load_image("temple", small).float().to(device)
style = {layer: gram_matrix(v) for layer, v in judge(painting).items() if layer in TEXTURE_LAYERS}
content = judge(photograph)["relu3_3"]


# %%
def terms(x):
    """Return the two terms of the loss for one image: the style of the painting, and the error of the content."""
    features = judge(x)
    errors = [(gram_matrix(features[layer]) - a).norm() / a.norm() for layer, a in style.items()]
    return sum(errors), (features["relu3_3"] - content).square().sum() / content.square().sum()


def energy(x):
    """Return the loss of one image."""
    style_error, content_error = terms(x)
    return style_error + alpha * content_error


# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the cell asserts the losses"
start = time.perf_counter()
x, _ = minimize_image(energy, photograph, 45)
middle = time.perf_counter()
with torch.no_grad():
    at_once = painter(photograph[None])[0]
    end = time.perf_counter()
    three = {"photograph": photograph, "network": at_once, "L-BFGS": x}
    parts = {name: terms(image) for name, image in three.items()}
totals = {name: (s + alpha * c).item() for name, (s, c) in parts.items()}
assert totals["L-BFGS"] < totals["network"] < totals["photograph"]
fig = show_images(list(three.values()), list(three), width=7)
show(fig, "A temple; painted in blue strokes by the network; by L-BFGS, with all its details and a swirling sky.")

# %% tags=["nbval-ignore-output"] reason="times; and L-BFGS amplifies rounding: its losses move a little"
print(f"L-BFGS: {middle - start:.1f} s; network: {end - middle:.2f} s")
for name, (s, c) in parts.items():
    print(f"{name:10}: style {s:.2f}, content {c:.2f}, together {totals[name]:.2f}")

# %%
transfer = transfer_records()["temple_starry_night"]["seconds"] / 60
paid = math.ceil(record["minutes"] / transfer)
print(f"training: {record['minutes']:.0f} min; one image of notebook 11: {transfer:.1f} min; paid after {paid} images")

# %% [markdown]
r"""
The network's loss lies between the photograph's and that of the descent, and the difference is in the content. The
network has learnt what suits every photograph: the palette, strokes along the contours, and strokes in a flat sky,
which it makes of the noise. The descent keeps this temple's details, and finds a place for swirls in this sky. The
training has paid after a few images all the same, each of which then takes a fraction of a second. (Johnson et al.
train for some 40,000 steps on 80,000 photographs; the course's network has a dozen pictures and the minutes above.)

## 10. Try it

Choose a network, a size, and one of its five scales. The noise of that scale turns from one noise into another, while
the others stay. What changes? Printed is the change as $d$ of section 6, in percent.
"""

# %%
explore_texture_network()

# %%
for scale in range(1, 6):
    picture, numbers = texture_network_picture("flowers", "128 x 128", scale, 90.0, seed)
    print(f"scale {scale}, noise of {numbers['noise']} pixels: change {numbers['change (%)']:.0f} %")
picture, _ = texture_network_picture("flowers", "128 x 128", 1, 90.0, seed)
fig = show_images([picture], ["left: first noise; right: the coarsest changed"], width=5)
show(fig, "Two drawn pieces of flowers side by side, made of the same fine noise and of different coarse noise.")

# %% [markdown]
r"""
**Question.** Which scales decide where a flower is, and which only how its petals are grained? How far does a change of
one coarse pixel reach?
"""

# %% [markdown]
"""
## What you have learnt

- A generator can be trained without examples of its output: a loss that judges is enough.
- One pass replaces a descent. The price is the training, some quality, and a network of its own for each texture.
- A loss that judges images one by one says nothing about their diversity: ask for it, or build a network that cannot
  learn by heart.
- With a photograph in place of the noise, the same training gives style transfer in one pass.

**Hand in**: this notebook with the five exercises passed; your answers to the questions in bold; the small network
trained on a texture that you chose, without and with `- lam * diversity(images)` added to the loss of a step (with
`images = generator(noise)`, `lam = 1`), and five images of each.

**Next**: notebook 14 takes the same idea to three dimensions, where no descent over the voxels is possible.
"""
