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
# 14. Solid textures

At the end of this notebook you will be able to

- say what a solid texture is, and why an object carved out of it has no seam;
- draw noise that is a function of coordinates, and with it compute any block of an infinite solid by itself;
- count how far a network without padding looks beyond its block;
- train a generator of solids from one picture, with slices one voxel thick;
- draw an object given by a signed distance.

**Slides**: "On demand solid texture synthesis using deep 3D networks" (Gutierrez, Rabin, Galerne, Hurtut 2020).

**Time**: reading 40 min (18 in class), exercises 48 min, compute about 1 min on two CPU cores.

**Before this**: notebook 10 (Gram matrices, the loss of Gatys et al.); notebook 13 (texture networks) helps.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u_d$, exemplar for the direction $d$ | `u` | `(3, H, W)` | $[0, 1]$ |
| $v$, solid texture | `v` | `(3, D, H, W)` | about $[0, 1]$ |
| $d$, direction: the axis that a slice is across | `axis` | | 0, 1, 2 |
| $\mathcal G(\cdot\,\vert\,\theta)$, generator | `generator(noises, origin)` | | |
| $Z = \{z_0, \dots, z_K\}$, noise at each scale | `noises` | `(n, D_l, H_l, W_l)` | $[0, 1)$ |
| $x$, integer coordinates of a voxel | `origin` and up | three integers | $\mathbb Z$ |
| $\mathcal L$, loss | `solid_loss(slices, targets)` | | $\geq 0$ |

A voxel is a pixel of a solid. **Axis 0 points down**, as the rows of a picture do; axes 1 and 2 are horizontal.
"""

# %%
import math
import time

import torch
from torch.nn import functional as F

from course_utils import generators
from course_utils.checks import check, hint
from course_utils.data import network_record
from course_utils.explorers.solid_textures import explore_solid, solid_picture
from course_utils.features import VGGFeatures
from course_utils.generators import SOLIDS, SolidGenerator, load_solid, scramble, solid_colors
from course_utils.images import load_image
from course_utils.plotting import paper, plot_curves, show, show_images
from course_utils.rendering import OBJECTS, camera_rays, march, render, sphere_coordinates
from course_utils.slides import slide_figure
from course_utils.textures import gram_matrix

# %%
device = "cpu"  # or "cuda": the networks go there, objects are drawn on the CPU
exemplars = {name: load_image(name, 256).float() for name in SOLIDS}
solids = {name: load_solid(name).to(device) for name in SOLIDS}
seed = 0

# %% [markdown]
r"""
## 1. Wrapping a picture around an object

To cover a sphere with a material, give each point two coordinates, such as latitude and longitude, and read the colour
off a picture there. Two such spheres:
"""


# %%
def wrapped(picture):
    """Return the function that paints the points of a sphere with a picture wrapped around it."""

    def paint(points):
        place = sphere_coordinates(points).flip(-1)[None, None]
        return F.grid_sample(picture[None], place, align_corners=False, padding_mode="border")[0, :, 0].T

    return paint


# %%
halves = {name: u[:, :128] for name, u in exemplars.items()}  # twice as wide as high, as the sphere's map is
views = [
    render(OBJECTS["sphere"], wrapped(halves["ballast"]), 300, 150, 55, samples=2),
    render(OBJECTS["sphere"], wrapped(halves["rock_layers"]), 300, 0, 20, samples=2),
]
alt = "A sphere whose gray stones shrink to wedges around its pole, and one of rock with a vertical line in front."
show(show_images(views, ["above: the pole", "behind: the seam"], width=8), alt)

# %% [markdown]
r"""
**What to see.** At the pole a whole row of pixels meets in one point, and the stones are squeezed. At the back the
left border of the picture meets the right one, along a vertical line that is faint here. Every way to flatten a closed
surface has such faults: a sphere has no map without distortion, and a vase or a bust has none without cuts.

A **solid texture** needs no map. It gives a colour to each point of *space*, $v : \mathbb Z^3 \to [0, 1]^3$, as a
block of stone does. The object is carved out of it, and shows what it cuts through.

## 2. What a solid must look like

All that we have is a picture of the material. We ask that each **slice** of the solid looks like it. In practice three
directions are enough: slices across the axes 0, 1 and 2.

### Exercise 1 — a slice (3 min, in class)

<details><summary>Hint</summary>
A solid <code>v</code> has its channels first: axis 0 of the solid is dimension 1 of the tensor. Some solids are gray,
<code>(D, H, W)</code>: count from the end.
</details>

`hint("slice_solid")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("slice_solid", 1)


# %%
def slice_solid(v, axis, k):
    """Return the image of the voxels of v whose coordinate along axis is k.

    v: (3, D, H, W) or (D, H, W); axis: 0, 1 or 2, the axis of length D, H or W; k: from 0 on.
    Returns an image whose rows and columns are the two other axes, in their order.
    """
    ### BEGIN SOLUTION
    return v.select(axis - 3, k)
    ### END SOLUTION


# %%
slice_solid = check(slice_solid)

# %% [markdown]
r"""
Three generators come with the course, one for each picture. They were trained as section 6 says. The course's function
`generators.evaluate_block` computes the block of a solid at some coordinates; you will write it in section 5. Here are
slices of two of them across the three axes, all of $128 \times 128$ voxels.
"""

# %%
rows = []
for name in ("ballast", "rock_layers"):
    rows.append(exemplars[name][:, :128, :128])
    for axis in range(3):
        shape = [1 if a == axis else 128 for a in range(3)]
        with torch.no_grad():
            v = generators.evaluate_block(solids[name], (0, 0, 0), shape, seed)
        rows.append(slice_solid(v, axis, 0).cpu())
titles = ["exemplar", "across axis 0", "across axis 1", "across axis 2"]
slide_figure(show_images(rows, titles + 4 * [""], columns=4, width=9), "solid-slices")

# %% [markdown]
"""
**What to see.** Ballast looks the same from all sides. The rock has horizontal layers: slices across the axes 1
and 2 are vertical, and show them. The slice across axis 0 runs *along* the layers. No picture told the network what it
should look like there: it is what the two other directions leave free.
"""


# %%
def carved(name, size):
    """Return the function that paints points with the colours of a solid, `size` voxels for a length of 1."""
    return lambda points: solid_colors(solids[name], size * points, seed)[0]


# %%
cubes = []
for name, u in exemplars.items():
    cubes.append(render(OBJECTS["cube"], carved(name, 66), 320, samples=2, background=paper()))
    cubes[-1][:, :88, :88] = F.interpolate(u[None, :, :176, :176], scale_factor=0.5, mode="area")[0]
slide_figure(show_images(cubes, [name.replace("_", " ") for name in SOLIDS], width=10), "solid-texture")

# %% [markdown]
r"""
**What to see.** Above each cube a piece of the picture that was given. At the edges of a cube two slices meet, and
stones and layers go on around the corner. With a picture on each face they would not.

**Question.** A solid of balls of one size, all of diameter 1, is cut by a plane. Do all the discs have diameter 1? What
does it mean for a picture that is asked to be every slice of a solid?
"""

# %% [markdown]
r"""
## 3. Noise with coordinates

A generator turns noise into texture. To compute a block today and its neighbour tomorrow, both must see the same noise
where they overlap. `torch.rand` cannot do that: what it draws depends on how much was drawn before. We need a function
of the coordinates,

$$ z(x) = H(x, \text{seed}), $$

that looks random. A **counter-based generator** does it: take the integer $x$, and scramble its bits. The course has
a good scrambler, the last part of SplitMix64 (Steele, Lea, Flood 2014). `scramble(h)` maps an integer of 64 bits to
another one, one to one, and each bit of the result depends on all the bits of $h$. Several coordinates go in one after
the other:

$$ h_0 = \text{scramble}(\text{seed}), \qquad h_i = \text{scramble}(h_{i-1} + c\, x_i), \qquad
z(x) = 2^{-24} \lfloor 2^{-40} h_d \rfloor , $$

where $h_d$, the value after the last of the $d$ coordinates (here $d$ is their number), counts as an integer without
sign. So $z$ has its highest 24 bits, as many as a `float32` holds exactly, and $0 \leq z < 1$. The odd constant $c$ is
`generators.GOLDEN`, $2^{64}$ divided by the golden ratio. Sums and products are modulo $2^{64}$, which torch does with
`int64` by itself.

### Exercise 2 — noise as a function of coordinates (15 min, in class)

<details><summary>Hint</summary>
Start from a tensor without dimensions, <code>torch.tensor(seed)</code>, and let each coordinate add one:
<code>h[..., None] + c * torch.arange(...)</code>. torch's <code>&gt;&gt;</code> repeats the sign: keep 24 bits with
<code>&amp; (2**24 - 1)</code> after the shift.
</details>

`hint("spatial_noise")` tells more.
"""


# %%
def spatial_noise(origin, shape, seed):
    """Return the values z(x) of the noise for origin <= x < origin + shape.

    origin: integers, negative ones too; shape: as many sizes; seed: an integer.
    Returns a float32 tensor of that shape, with values in [0, 1).
    Slide "On demand solid texture synthesis using deep 3D networks".
    """
    ### BEGIN SOLUTION
    h = scramble(torch.tensor(seed))
    for start, n in zip(origin, shape, strict=True):
        h = scramble(h[..., None] + generators.GOLDEN * torch.arange(start, start + n))
    return ((h >> 40) & (2**24 - 1)).float() / 2**24
    ### END SOLUTION


# %%
spatial_noise = check(spatial_noise)

# %%
z = spatial_noise((-500, 70), (1000, 1000), seed)
assert torch.equal(z[300:310, 5:9], spatial_noise((-200, 75), (10, 4), seed))  # computed apart, and equal
centred = z - 0.5
print(f"mean {z.mean():.3f} (1/2), variance {centred.square().mean():.4f} (1/12 = {1 / 12:.4f})")
others = {
    "the value above": centred.roll(1, 0),
    "the value on the left": centred.roll(1, 1),
    "seed 1": spatial_noise((-500, 70), (1000, 1000), 1) - 0.5,
}
for name, other in others.items():
    print(f"correlation with {name}: {abs((centred * other).mean() / centred.var()):.2f}")

# %% [markdown]
r"""
Mean, variance and correlations are those of independent uniform values. Scrambling only once, after the coordinates
are added up, would not do:
"""

# %%
x = torch.arange(64)
once = scramble(generators.GOLDEN * (x[:, None] + 3 * x))  # one scramble for both coordinates
pictures = [((h >> 40) & (2**24 - 1)).float() / 2**24 for h in (generators.GOLDEN * (x[:, None] + 3 * x), once)]
pictures += [spatial_noise((0, 0), (64, 64), seed)]
titles = ["not scrambled", "scrambled once", "once for each coordinate"]
alt = "Three squares of 64 x 64 values: regular oblique bands; noise that repeats along oblique lines; noise alone."
show(show_images(pictures, titles, width=9), alt)

# %% [markdown]
r"""
In the middle all pixels with the same $x_1 + 3 x_2$ have the same value ($x_1$ is the row): noise, but the same again
and again along oblique lines.

**Question.** A colleague draws the noise of each block with `torch.Generator().manual_seed(k)`, $k$ the number of the
block. What is right with it, and what is not?
"""

# %% [markdown]
r"""
## 4. The generator, and how far it looks

The slide's generator has a level for each scale. It takes noise $z_0$ at the coarsest scale and convolves it, enlarges
the result by 2, joins it with noise $z_1$ of the next scale, convolves again, and so on up to the voxels. Here:
"""

# %%
for name, generator in solids.items():
    count = sum(p.numel() for p in generator.parameters())
    print(f"{name}: {len(generator.widths)} levels of {generator.widths} channels, {count:,} parameters")
print(f"at each level: {generator.level_layers}, and {generator.noise_channels} channels of noise")

# %% [markdown]
r"""
The convolutions are **without padding** (*valid*): a convolution by $3 \times 3 \times 3$ makes a block smaller by one
voxel on each side. With zeros around it, the voxels near the border of a block would differ from the same voxels
inside a larger block. Without padding each voxel is a function of the noise around it, wherever the block ends.

The price is a margin. To get a block of $n$ voxels after a convolution of side $s$, one needs $n + (s - 1)$, that is
$(s-1)/2$ more on each side. To get a margin of $m$ voxels after an enlargement by $f$, a margin of
$\lceil m/f \rceil$ coarse voxels is enough.

### Exercise 3 — the margin (10 min, in class)

Write `receptive_field(layers)`: the margin that the first layer's input needs on each side, in its own voxels.

<details><summary>Hint</summary>
Go from the last layer back to the first. At the end the margin is 0. Integer division rounds down:
<code>-(-m // f)</code> rounds up.
</details>

`hint("receptive_field")` tells more.
"""


# %%
def receptive_field(layers):
    """Return the margin on each side of the first layer's input.

    layers: pairs ("convolution", s), s odd, or ("upsampling", f), in the order in which the input passes them.
    Returns an integer, in voxels of the first layer's input.
    """
    ### BEGIN SOLUTION
    margin = 0
    for kind, n in reversed(layers):
        margin = margin + (n - 1) // 2 if kind == "convolution" else -(-margin // n)
    return margin
    ### END SOLUTION


# %%
receptive_field = check(receptive_field)

# %%
margin = receptive_field(solids["cork"].layers)
factor = 2 ** (len(solids["cork"].widths) - 1)
print(f"cork: margin {margin} in the coarsest noise, whose voxels are {factor} wide: {margin * factor} voxels")

# %% [markdown]
r"""
Is it true? Change a single voxel of the coarsest noise, and look which voxels of a slice through the middle change.
The noise of level $k$ needs the margin of the layers that follow.
"""


# %%
def random_noises(generator, size, source):
    """Draw the noise of each level for a block whose sizes are multiples of the coarsest voxel."""
    noises, last = [], len(generator.widths) - 1
    for k in range(last + 1):
        margin = receptive_field(generator.layers[3 * k :])
        sizes = [n // 2 ** (last - k) + 2 * margin for n in size]
        noises.append(torch.rand(generator.noise_channels, *sizes, generator=source))
    return noises


# %%
cork = solids["cork"]
noises = random_noises(cork, (8, 128, 128), torch.Generator().manual_seed(seed))
with torch.no_grad():
    before = cork(noises, (0, 0, 0))
    noises[0][:, margin, margin + 8, margin + 8] += 1.0  # over the voxels 64 to 71
    change = slice_solid((cork(noises, (0, 0, 0)) - before).abs().amax(dim=0), 0, 4)
rows = (change > 0).any(dim=1).nonzero().squeeze()
print(f"changed: rows {rows.min()} to {rows.max()}; allowed: {64 - margin * factor} to {71 + margin * factor}")
alt = "A black square with a bright patch in its middle that fades out within a quarter of its width."
show(show_images([(change / change.max()) ** 0.5], width=4), alt)

# %% [markdown]
r"""
The change ends 2 voxels inside the bound: it reaches $2 \cdot 8 + 2 \cdot 4 + 2 \cdot 2 + 2 = 30$ voxels far, and a
margin is counted in whole coarse voxels. (Square roots are shown, so that small changes can be seen.)

## 5. Any block, on demand

Now both together. Let a block be the voxels $\text{low} \leq x < \text{high}$, in each of the three coordinates. From
the finest level to the coarsest:

- the noise of this level is needed on $[\text{low} - m, \text{high} + m)$, with $m$ the margin of one level's
  convolutions, `receptive_field(generator.level_layers)`;
- the next coarser level must give the coarse voxels that cover this,
  $\big[\lfloor (\text{low} - m)/2 \rfloor, \lceil (\text{high} + m)/2 \rceil\big)$: the new low and high.

A level has several channels of noise. They are a fourth coordinate, which comes first: channel $c$ of level $l$ (0 is
the coarsest) has the coordinate $l\,n + c$, with $n$ = `generator.noise_channels`. So no two channels of any level
share a value, and one call gives all channels of a level.

The generator takes the noises and the origin of the block: `generator(noises, origin)`. From the origin it knows
whether a block begins with the first or the second half of a coarse voxel.

### Exercise 4 — a block of the infinite solid (15 min, in class)

<details><summary>Hint</summary>
Loop over the levels in reverse. Rounding down is <code>//</code>, for negative integers too; <code>-(-x // 2)</code>
rounds up. The generator wants the coarsest noise first.
</details>

`hint("evaluate_block")` tells more.
"""


# %%
def evaluate_block(generator, origin, shape, seed):
    """Return the voxels origin <= x < origin + shape of the infinite solid of a seed.

    generator: its levels have generator.level_layers and generator.noise_channels; there are len(generator.widths).
    origin, shape: three integers each; the origin may be negative.
    Returns generator(noises, origin), (3, *shape), noises coarsest first.
    Slide "On demand solid texture synthesis using deep 3D networks".
    """
    ### BEGIN SOLUTION
    low, high = list(origin), [x + n for x, n in zip(origin, shape, strict=True)]
    m, n = receptive_field(generator.level_layers), generator.noise_channels
    noises = []
    for level in reversed(range(len(generator.widths))):
        low, high = [x - m for x in low], [x + m for x in high]
        size = [b - a for a, b in zip(low, high, strict=True)]
        noises.insert(0, spatial_noise((level * n, *low), (n, *size), seed))
        low, high = [x // 2 for x in low], [-(-x // 2) for x in high]
    return generator(noises, origin)
    ### END SOLUTION


# %%
evaluate_block = check(evaluate_block)

# %% [markdown]
r"""
The decisive experiment: the whole block, and parts of it that are computed apart, at odd places and in any order.
"""

# %%
torch.set_grad_enabled(False)  # until section 6 nothing is differentiated
whole = evaluate_block(cork, (-10, 0, 0), (40, 48, 56), seed)
parts = {(-10, 0, 0): (7, 48, 9), (5, 11, 13): (1, 30, 41), (29, 47, 55): (1, 1, 1)}
for start, size in parts.items():
    part = evaluate_block(cork, start, size, seed)
    inside = whole[:, start[0] + 10 :, start[1] :, start[2] :][:, : size[0], : size[1], : size[2]]
    assert (part - inside).abs().max() < 1e-5  # rounding of float32
    print(f"{size} voxels at {start}: equal to rounding")
far = evaluate_block(cork, (10**12, -(10**12), 7), (1, 64, 64), seed)
print(f"at 10^12: mean colour {[f'{c:.1f}' for c in far.mean(dim=(1, 2, 3)).tolist()]}")

# %% [markdown]
"""
The solid has no end, and none of it is stored. What goes wrong without noise that is tied to coordinates is best seen
in a slice made of four blocks.
"""

# %%
rock = solids["rock_layers"]
apart, joined, some = (torch.full((3, side, side), paper()) for side in (128, 128, 288))
for k in range(4):
    i, j = 64 * (k // 2), 64 * (k % 2)
    own = random_noises(rock, (64, 16, 64), torch.Generator().manual_seed(k))
    apart[:, i : i + 64, j : j + 64] = rock(own, (0, 0, 0))[:, :, 0].cpu()
    joined[:, i : i + 64, j : j + 64] = evaluate_block(rock, (i, 0, j), (64, 1, 64), seed)[:, :, 0].cpu()

# %%
places = [(i, j) for i in range(0, 288, 24) for j in range(0, 288, 24)]
needed = [(i, j) for i, j in places if abs(math.hypot(i - 132, j - 132) - 108) < 20]
for i, j in needed:
    some[:, i : i + 24, j : j + 24] = evaluate_block(rock, (i, 0, j), (24, 1, 24), seed)[:, :, 0].cpu()
titles = ["a noise for each block", "noise with coordinates", "only what is needed"]
slide_figure(show_images([apart, joined, some], titles, width=9), "solid-on-demand")
print(f"right: {len(needed)} of {len(places)} blocks")

# %% [markdown]
"""
**What to see.** On the left a horizontal and a vertical line cut the layers: each block is a good texture, and the
four do not fit. In the middle four blocks, computed one by one too, and no line. On the right the same function
computed only the blocks along a ring. Section 7 does this in space, for the surface of an object.

What does a voxel cost? A block pays for its margins too, a small block more than a large one.
"""

# %% tags=["nbval-ignore-output"] reason="times depend on the machine; the memory and the margins are printed elsewhere"
for n in (1, 8, 32, 64):
    start = time.perf_counter()
    evaluate_block(cork, (0, 0, 0), (n, n, n), seed)
    print(f"block of {n}^3: {1e6 * (time.perf_counter() - start) / n**3:8.1f} µs a voxel")

# %% [markdown]
r"""
## 6. Training with slices one voxel thick

Gatys' method would optimise the voxels themselves. For $256^3$ voxels that is 50 million numbers, and the features of
$3 \times 256$ slices in each step; and the result is a single block, of one size. Training a network on whole blocks
needs as much memory. But the law of the solid does not change by a translation by a coarsest voxel (8 or 16 voxels
here), and within it the training draws the place of a slice at random: one slice is as good as any other. So a step
needs a **single slice** in each direction, and to compute it a block *one voxel thick*, with its margins. This is the
paper's "single-slice training scheme". What automatic differentiation keeps in memory for it:
"""


# %%
def kept_megabytes(shape):
    """Return how much the forward pass keeps for the backward pass when a block is computed."""
    kept = {}

    def pack(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        block = evaluate_block(SolidGenerator(SOLIDS["cork"]), (0, 0, 0), shape, seed)
    total = sum(kept.values())
    del block  # what is kept lives as long as the block
    return total / 1e6


# %%
depths = (1, 2, 4, 8, 16, 32, 64)
memory = [kept_megabytes((n, 64, 64)) for n in depths]
curves = {"a block of depth D": (depths, memory), "a single slice": (depths, [memory[0]] * len(depths))}
figure = plot_curves(curves, "depth D of the solid trained on", "MB kept for the gradient", "log", "log")
show(figure, "A curve that rises with the depth, at the end nearly in proportion to it, above a horizontal line.")
print(", ".join(f"D = {n}: {mb:.0f} MB" for n, mb in zip(depths, memory, strict=True)))

# %% [markdown]
r"""
The slice costs the same whether the solid has 64 layers or $10^{12}$: its margin is all that it sees of its
neighbours. Because of this margin a slice is not 64 times cheaper than a block of 64 of them, but 14 times.

The loss compares, for each direction $d$, the Gram matrices of the slice with those of the exemplar $u_d$. As in
notebook 13, errors are relative, layer by layer:

$$ \mathcal L = \sum_{d} \sum_L \frac{\|G^L(v_d) - G^L(u_d)\|_F}{\|G^L(u_d)\|_F} . $$

A direction without an exemplar does not count: for the layered rock, $d = 0$.

### Exercise 5 — the loss in three directions (5 min, at home)

<details><summary>Hint</summary>
Two loops, over the directions and over the layers of the targets. <code>gram_matrix</code> of notebook 10 is imported;
the Frobenius norm of a matrix is <code>M.norm()</code>.
</details>

`hint("solid_loss")` tells more.
"""


# %%
def solid_loss(slices, targets):
    """Return Σ_d Σ_L ‖G^L(v_d) − G^L(u_d)‖_F / ‖G^L(u_d)‖_F.

    slices: for each direction, layer -> features (n, h, w) of a slice.
    targets: for each direction, layer -> Gram matrix (n, n) of its exemplar, or None for a direction that is free.
    Returns a scalar tensor that can be differentiated.
    Slide "On demand solid texture synthesis using deep 3D networks".
    """
    ### BEGIN SOLUTION
    loss = 0.0
    for features, grams in zip(slices, targets, strict=True):
        for layer, gram in (grams or {}).items():
            loss = loss + (gram_matrix(features[layer]) - gram).norm() / gram.norm()
    return loss
    ### END SOLUTION


# %%
solid_loss = check(solid_loss)

# %% [markdown]
r"""
The first steps of a training, live, on slices of $64 \times 64$ voxels that all begin at the origin. The generators of
this notebook took a thousand steps on slices of $96 \times 96$, one direction a step; `python data/train solid_cork`
makes one again.
"""

# %%
torch.set_grad_enabled(True)
network = VGGFeatures("vgg16", device=device)
u = exemplars["cork"][:, :64, :64].to(device)
target = {layer: gram_matrix(v).detach() for layer, v in network(u).items()}
torch.manual_seed(seed)
student = SolidGenerator(SOLIDS["cork"], exemplars["cork"].mean(dim=(1, 2))).to(device)
optimizer = torch.optim.Adam(student.parameters(), 5e-3)

# %%
losses = []
for step in range(24):
    axis = step % 3
    shape = [1 if a == axis else 64 for a in range(3)]
    v = slice_solid(evaluate_block(student, (0, 0, 0), shape, step), axis, 0)
    loss = solid_loss([network(v)], [target])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"one direction: {losses[0]:.1f} at the first step, {sum(losses[-3:]) / 3:.1f} over the last three")

# %%
records = {name: network_record(f"solid_{name}") for name in SOLIDS}
curves = {
    name.replace("_", " "): (
        [record["steps"] * (i + 0.5) / len(record["loss"]) for i in range(len(record["loss"]))],
        record["loss"],
    )
    for name, record in records.items()
}
figure = plot_curves(curves, "step", "loss of a slice", y_scale="log")
show(figure, "Three curves that fall steeply over the first hundred steps and slowly afterwards.")

# %%
for name, record in records.items():
    print(f"{name}, slices never seen: {', '.join(f'{value:.2f}' for value in record['held_out'].values())}")

# %% [markdown]
r"""
One loss for each of the axes 0, 1 and 2. The rock's slice across axis 0, which no exemplar constrained, is farther
from the picture than the two others: nothing asked it to look like it.

**Question.** Each step sees one slice, and the solid has infinitely many. Why do neighbouring slices fit together
nevertheless?
"""

# %% [markdown]
r"""
## 7. An object carved out of it

An object is given by its **signed distance** $f(p)$: how far the point $p$ is from the surface, negative inside. A
ball of radius $\frac12$ is $f(p) = \|p\| - \frac12$. The maximum of two such functions is negative in the
intersection of the two objects, the minimum in their union. A ray $o + t\,r$, $\|r\| = 1$, from the camera at $o$
meets the surface where $f(o + t\,r) = 0$. No point of the surface is nearer than $f$: so a step of this length is safe,

$$ t \leftarrow t + f(o + t\,r), $$

until $f$ is almost 0. This is *sphere tracing* (Hart 1996). The normal is $\nabla f / \|\nabla f\|$, by automatic
differentiation, and brightness follows Lambert's law, $\max(\langle n, \ell\rangle, 0)$ for the normal $n$ and light
from the direction $\ell$, $\|\ell\| = 1$ (a constant is added for the light from all sides).
"""


# %%
def ring(p):
    """Return the signed distance to a ring."""
    around = (p[:, 0] ** 2 + p[:, 2] ** 2).sqrt() - 0.68
    return (around**2 + p[:, 1] ** 2).sqrt() - 0.32


side = 200
o, r = camera_rays(side)
t = torch.zeros(len(o))
for _ in range(60):
    t += ring(o + t[:, None] * r).clamp(max=1.0) * (t < 8)
p = (o + t[:, None] * r).requires_grad_()
(n,) = torch.autograd.grad(ring(p).sum(), p)

# %%
hit = (t < 8).float()[:, None]
colors, count = solid_colors(cork, 40 * p.detach() * hit, seed)
light = F.normalize(torch.tensor([-0.7, -0.6, 0.4]), dim=0)
lambert = 0.3 + 0.7 * (n @ light).clamp(min=0)[:, None]
stages = [(6.5 - t[:, None]).expand(-1, 3) / 4 * hit, (0.5 + 0.5 * n) * hit, colors * hit, colors * lambert * hit]
figure = show_images(
    [x.T.reshape(3, side, side) for x in stages], ["nearness", "normal", "colour of the solid", "and light"], width=9
)
show(figure, "A ring four times: in grays, in the colours of its normals, in flat cork, and in shaded cork.")

# %% [markdown]
r"""
**What to see.** The colour is read off the solid at $40\,p$, and nothing else is known about the surface: no map, no
coordinates on it. `solid_colors` asks, as you did for the ring in section 5, only for the blocks, here of $48^3$
voxels, that the surface meets. `render` of the course adds a floor and a soft shadow. Larger objects:
"""

# %%
scenes = {
    "wrapped": ("sphere", None),
    "carved": ("sphere", "ballast"),
    "vase": ("vase", "ballast"),
    "balls": ("blob", "ballast"),
    "sphere": ("sphere", "rock_layers"),
    "vase ": ("vase", "rock_layers"),
    "ring": ("torus", "cork"),
    "balls ": ("blob", "cork"),
}

# %%
pictures = []
for shape, name in scenes.values():
    paint = carved(name, 60) if name else wrapped(halves["ballast"])
    pictures.append(render(OBJECTS[shape], paint, 256, 40, 35, samples=2, background=paper()))
slide_figure(show_images(pictures, list(scenes), columns=4, width=10), "solid-surface")

# %% [markdown]
"""
**What to see.** The first sphere has a picture wrapped around it, squeezed at the pole. The second is carved: its
stones have one size everywhere. The rock's layers are horizontal on the sphere and on the vase, at every radius, as
they would be on a vase turned out of one stone. Where the balls melt into each other the material goes on: no
parametrization, no seam.
"""

# %%
o, r = camera_rays(400)
t, hit = march(OBJECTS["torus"], o, r)
points = (o + t[:, None] * r)[hit]
for size in (40, 80, 160):
    blocks = torch.unique((size * points / 16).floor(), dim=0)
    cube = (2 * size // 16) ** 3
    print(f"object {2 * size:3} voxels wide: {len(blocks):4} blocks of 16^3 are seen, of {cube:5} in the cube")

# %% [markdown]
r"""
**Question.** Twice as many voxels in each direction: by how much does the whole cube grow, and by how much the blocks
along a surface?
"""

# %% [markdown]
"""
## 8. Turn it

Choose a solid and an object, turn it, and cut it open. The block behind it has $96^3$ voxels for the whole object.
"""

# %% tags=["nbval-ignore-output"] reason="an explorer: its picture is that of the next cell, which is compared"
explore_solid()

# %%
picture, numbers = solid_picture("rock_layers", "vase", 30.0, 0.1)
print(numbers)
show(
    show_images([picture], width=8),
    "A vase of layered rock cut open, its layers on the cut and on the inside, beside the slice that the cut shows.",
)

# %% [markdown]
"""
**What to see.** Move the cut: the inside was there all the time. What the cut shows is part of a slice of the solid,
the one on the right.

## To remember

- A solid texture colours space. Objects carved out of it need no map: they have neither seams nor poles, and their
  inside has a colour too.
- Noise that is a function of integer coordinates, and convolutions without padding: any block can be computed by
  itself, and agrees with every other.
- The margin of a network is counted from its last layer to its first.
- Training needs slices one voxel thick only, because the law of the solid is the same everywhere.
- What the exemplars do not constrain stays free: nobody said what a slice along the layers of the rock looks like.

J. Gutierrez, J. Rabin, B. Galerne, T. Hurtut (2020), "On demand solid texture synthesis using deep 3D networks",
*Computer Graphics Forum* 39(1), doi:10.1111/cgf.13889. Their generators train for 3000 steps on a GPU, at higher
resolution, and compute $256^3$ voxels in a second.
"""
