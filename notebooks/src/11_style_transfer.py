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
# 11. Style transfer

At the end of this notebook you will be able to

- say which features of a network keep what is in a photograph, and which statistics keep how a picture is painted;
- write the two losses of Gatys, Ecker and Bethge and paint a photograph by L-BFGS;
- predict what the weight, the layers, the first image and the scale of the painting change;
- keep the colours of the photograph, by an optimal map or by its luminance.

**Slides**: "Style transfer".

**Time**: reading 30 min (10 in class), exercises 41 min, compute 1 to 2 min on two CPU cores.

**Before this**: notebook 10 (Gram matrices).
"""

# %% [markdown]
r"""
| symbol | name in the code | shape | range |
| --- | --- | --- | --- |
| $p$, photograph (the content) | `p` | `(3, H, W)` | $[0, 1]$ |
| $a$, painting (the style) | `a` | `(3, h, w)`, of any size | $[0, 1]$ |
| $x$, the result | `x` | as `p` | not clipped |
| $F^L(x)$, features at layer $L$ | `network(x)[layer]` | `(n, h, w)` | $\geq 0$ after a ReLU |
| $P = F^{c}(p)$, content layer $c$ | `P` | `(n, h, w)` | |
| $A^L = G^L(a)$, style layers $S$ | `targets[layer]` | `(n, n)` | $\succeq 0$ |
| $\alpha$, weight of the content | `alpha` | number | $\geq 0$ |

The lecture shows the results and cites Gatys et al. (2016); the symbols are those of the paper, $G^L$ that of the
lecture.
"""

# %%
import torch

from course_utils import style, textures
from course_utils.checks import check, hint
from course_utils.explorers.style_transfer import explore_transfer, transfer_picture
from course_utils.features import VGGFeatures
from course_utils.images import center_crop, load_image, shrink, to_gray
from course_utils.optim import minimize_image
from course_utils.plotting import draw_image, new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure
from course_utils.style import CONTENT_LAYER, START_NOISE, STYLE_LAYERS, TRANSFER_LAYERS
from course_utils.textures import gram_matrix, relative_weights

# %%
device = "cpu"  # or "cuda": network and images go there
live = 128  # longer side of what is painted in this notebook
delta = 0.1  # whitening of the style loss, see section 3
seed = 0


# %%
def picture(name, side):
    """Return a picture of the course, reduced to a longer side."""
    return shrink(load_image(name), side).float().to(device)


p, a = picture("temple", live), picture("starry_night", 160)
network = VGGFeatures("vgg16", TRANSFER_LAYERS, device=device)
print(network.describe())
fig = show_images([p, a], ["photograph $p$", "painting $a$"], width=6)
show(fig, "A Chinese pagoda with red and green roofs by a lake; Van Gogh's Starry Night, swirls of blue and yellow.")

# %% [markdown]
r"""
## 1. What is in the photograph

Notebook 10 described a texture by averages of features: they know *how* things look and forget *where* they are. Leave
the average out, and the features themselves say where. In the first layers they still hold every pixel. Deeper, after
three reductions by 2, `relu4_2` holds objects and their arrangement, and no longer the exact colours and edges: it is
the content layer $c$ of Gatys, Ecker and Bethge (2016):

$$E_{\text{content}}(x) = \tfrac12 \, \|F^c(x) - P\|^2, \qquad P = F^c(p).$$
"""

# %% [markdown]
"""
### Exercise 1 — the content loss (4 min, in class)

The two arguments are the features of one layer. Use operations of torch only: the descent differentiates through it.

<details><summary>Hint</summary>

The squared norm is the sum of the squares of all entries. `hint("content_loss")` tells more, in three steps.

</details>
"""

# %%
hint("content_loss", 1)


# %%
def content_loss(features, targets):
    """Return ½ ‖F − P‖², the sum over all channels and pixels.

    features: F, (n, h, w); targets: P, of the same shape.  Returns a scalar tensor.  Gatys et al. (2016), eq. 1.
    """
    ### BEGIN SOLUTION
    return 0.5 * (features - targets).square().sum()
    ### END SOLUTION


# %%
content_loss = check(content_loss)

# %% [markdown]
r"""
## 2. How the painting is painted

The style is that of a texture: the Gram matrices $A^L = G^L(a)$, at five layers from `relu1_1` (colours, thin strokes)
to `relu5_1` (large forms). We take the mean of the squared relative errors over the layers $S$:

$$E_{\text{style}}(x) = \frac{1}{|S|} \sum_{L \in S} \frac{\|G^L(x) - A^L\|_F^2}{\|A^L\|_F^2}.$$

The paper has $\sum_L \frac15 \frac{1}{4 n_L^2} \|G^L(x) - A^L\|_F^2$ (with the lecture's $G^L$, a mean over the
pixels, and $n_L$ channels). With its weights a layer of large features counts more; with ours all layers count alike.
"""

# %% [markdown]
"""
### Exercise 2 — the style loss (6 min, in class)

`gram_matrix` is there, from notebook 10. The features have more layers than the targets (the content layer is among
them): the sum goes over those of `targets`.

<details><summary>Hint</summary>

A loop over `targets.items()`, one relative error each; the mean at the end. `hint("style_loss")` tells more.

</details>
"""


# %%
def style_loss(features, targets):
    """Return (1/|S|) Σ_L ‖G^L(x) − A^L‖²_F / ‖A^L‖²_F, the sum over the layers S of targets.

    features: layer -> F^L(x), (n, h, w); targets: layer -> A^L, (n, n).
    Returns a scalar tensor.  Slide "Style transfer".
    """
    ### BEGIN SOLUTION
    loss = 0.0
    for layer, target in targets.items():
        difference = gram_matrix(features[layer]) - target
        loss = loss + difference.square().sum() / target.square().sum()
    return loss / len(targets)
    ### END SOLUTION


# %%
style_loss = check(style_loss)

# %% [markdown]
r"""
Both losses, for images that you can judge by eye. The content is given as a relative error too, $\|F^c(x) - P\|^2 /
\|P\|^2$.
"""

# %%
P = network(p)[CONTENT_LAYER]
targets = {layer: gram_matrix(v) for layer, v in network(a).items() if layer != CONTENT_LAYER}
piece = center_crop(a, tuple(p.shape[-2:]))  # of the painting
noise = 0.5 + 0.2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(seed)).to(device)
pictures = {"photograph": p, "its mirror image": p.flip(-1), "piece of painting": piece, "white noise": noise}
for name, image in pictures.items():
    features = network(image)
    content = 2 * content_loss(features[CONTENT_LAYER], P) / P.square().sum()
    print(f"{name:18}: content {content.item():.2f}, style {style_loss(features, targets).item():.2f}")

# %% [markdown]
"""
The photograph is painted in the wrong way, and the piece of the painting shows something else. The result will have to
lie between them: small in both columns. For the mirror image the style is that of the photograph, and the content is
wrong everywhere. It is farther than white noise: what is in another place counts twice, where it is missing and where
it should not be.

**Question.** Exchange the left and the right half of the photograph. What does each of the two losses say, and what
would a person say?
"""

# %% [markdown]
r"""
## 3. The transfer

$$E(x) = \alpha \, \frac{E_{\text{content}}(x)}{\|P\|^2} + E_{\text{style}}(x),
\qquad x_0 = p + 0.02 \, w, \quad w \sim \mathcal N(0, I).$$

The network is fixed, the image moves: L-BFGS descends $E$ over the pixels of $x$, from the photograph. The noise $w$ is
there for skies and walls. Where $p$ is flat all pixels have the same gradient, and a stroke has nowhere to begin.

Where we leave the paper: VGG-16 for VGG-19 (its poolings are averages as there); the division by $\|P\|^2$ and by
$\|A^L\|^2$, with which $\alpha$ means the same at every layer and size (their ratio of the two weights is about
$10^{-3}$, in other units); the start, which is white noise in most of the paper's figures.
"""

# %% [markdown]
"""
### Exercise 3 — paint (15 min, at home)

`minimize_image(energy, x0, n)` of notebook 10 is L-BFGS: it calls your function `energy(x)` at most n times and returns
the best image and a history, whose list `objective` holds E at each evaluation. The layer of the content is
`CONTENT_LAYER`; all the other layers of the network are for the style.

<details><summary>Hint</summary>

P and the targets are computed once, before. `energy(x)` applies the network once and returns the sum of the two terms.
`hint("style_transfer")` tells more.

</details>
"""


# %%
def style_transfer(content, style, network, alpha, n, generator):
    """Return the image of least E met in n evaluations from p + 0.02 w, and the list of the values of E.

    content: p, (3, H, W); style: a, (3, h, w); alpha: α ≥ 0; generator: torch.Generator of the noise w.
    Returns (x, losses), x of the shape of p.  E = α E_content / ‖P‖² + E_style.  Slide "Style transfer".
    """
    ### BEGIN SOLUTION
    P = network(content)[CONTENT_LAYER]
    targets = {layer: gram_matrix(v) for layer, v in network(style).items() if layer != CONTENT_LAYER}
    w = torch.randn(content.shape, generator=generator, dtype=content.dtype).to(content.device)

    def energy(x):
        features = network(x)
        relative = content_loss(features[CONTENT_LAYER], P) / P.square().sum()
        return alpha * relative + style_loss(features, targets)

    x, history = minimize_image(energy, content + START_NOISE * w, n)
    return x, history.objective
    ### END SOLUTION


# %%
style_transfer = check(style_transfer)

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
x, losses = style_transfer(p, a, network, 1.0, 30, torch.Generator().manual_seed(seed))
fig, axes = new_figure(1, 2, width=9, height=3.0)
draw_image(axes[0, 0], x, title="$x$ after 30 evaluations")
plot_curves({"E": (list(range(len(losses))), losses)}, "evaluation", "E(x)", y_scale="log", axis=axes[0, 1])
show(fig, "The pagoda with strokes of blue and yellow in the sky, and a loss that falls fast, then slowly.")

# %%
assert min(losses) < losses[0] / 2
print("E fell to less than half")

# %% [markdown]
r"""
The sky moves, the pagoda stands. Two things from notebook 10 make it better and faster; `style.style_transfer` has
them.

- **From coarse to fine**: first at half the size, with the painting at half its size too, where an evaluation costs a
  quarter and a stroke needs half the pixels.
- **Whitening** ($\delta$, here 0.1): in the eigenbasis of $A^L$, with eigenvalues $\lambda_1 \geq \lambda_2 \geq
  \dots$, the squared error of the entry $(i, j)$ is divided by $(\lambda_i + \lambda_j) / (2 \lambda_1) + \delta$. For
  a texture that was another way to the same solutions. Here it is another compromise: directions of small eigenvalues,
  features that are rare in the painting, weigh more against the content.
"""


# %%
def paint(p, a, alpha=1.0, network=network, **settings):
    """Return p painted like a: 20 evaluations at half the size, 10 at the whole, whitened."""
    settings = {"scales": (1 / 2, 1), "whitening": delta} | settings
    generator = torch.Generator().manual_seed(seed)
    return style.style_transfer(p, a, network, alpha, (20, 10), generator, **settings).image


# %% [markdown]
r"""
## 4. The weight of the content

All of the following have the same 30 evaluations; only the weight of the content changes.
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
strip = {alpha: paint(p, a, alpha) for alpha in (30.0, 5.0, 1.0, 0.2, 0.0)}
titles = ["photograph", *[f"$\\alpha$ = {alpha:g}" for alpha in strip], "painting"]
fig = show_images([p, *strip.values(), piece], titles, columns=4, width=9)
slide_figure(fig, "style-content-weights")

# %%
content, painted = zip(*(style.transfer_errors(x, p, a, network) for x in strip.values()), strict=True)
assert list(content) == sorted(content)
assert list(painted) == sorted(painted, reverse=True)
print("as alpha falls, the error of the content grows and that of the style falls, at every step")

# %% [markdown]
r"""
**What to see.** With $\alpha = 30$ it is nearly the photograph, with faint strokes in the sky; near 1 both are there.
With $\alpha = 0$ nothing asks for a pagoda: the one that you still see comes from the start. Then $E =
E_{\text{style}}$, and that is notebook 10: *a texture is a style transfer without content*. The two energies are one
number:
"""

# %%
weights = {layer: w / len(targets) for layer, w in relative_weights(targets).items()}
features = {layer: v for layer, v in network(noise).items() if layer != CONTENT_LAYER}
as_texture = textures.gram_loss(features, targets, weights).item()
without_content = style.transfer_energy(p, a, network, 0.0)(noise).item()
assert abs(as_texture - without_content) < 1e-4 * as_texture
print(f"E of white noise as a texture: {as_texture:.2f}, as a transfer without content: {without_content:.2f}")

# %% [markdown]
"""
### Where the descent begins

From the photograph, from a piece of the painting, from noise, each with α = 5; the last one from noise and without
content.
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
starts = {"from photograph": strip[5.0]}
starts |= {f"from {name}": paint(p, a, 5.0, init=image) for name, image in (("painting", piece), ("noise", noise))}
starts["noise, $\\alpha$ = 0"] = paint(p, a, 0.0, init=noise)
fig = show_images(list(starts.values()), list(starts), columns=4, width=8.5)
show(
    fig,
    "A pagoda: clear, pale blue and brown; among pieces of the painting; rough, in speckle; then swirls without it.",
)

# %%
errors = [style.transfer_errors(x, p, a, network)[0] for x in starts.values()]
assert errors[0] == min(errors)
assert errors[3] == max(errors)
print("the content is nearest from the photograph, and farthest without its term")

# %% [markdown]
"""
With this little work the start shows. The energy has many local minima: from the photograph its lines stay, from the
painting pieces of the painting stay where they were. Noise has neither: the pagoda is put together from the features of
`relu4_2` alone, and the speckle of the start is still there. With α = 0 nothing of the pagoda is there.

**Question.** You want ten different pictures of one photograph in one style. Which start do you take, and why would the
start from the photograph hardly help?
"""

# %% [markdown]
r"""
## 5. Layers and scales

### Layers of the style

A layer of weight 0 is left out: here only the first one, two or three of the five layers are matched.
"""


# %%
def of_first_layers(k):
    """Return the weights w_L of a style of the first k layers."""
    relative = relative_weights(targets)
    return {layer: relative[layer] / k if layer in STYLE_LAYERS[:k] else 0.0 for layer in targets}


# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
depths = {f"up to {STYLE_LAYERS[k - 1]}": paint(p, a, weights=of_first_layers(k)) for k in (1, 2, 3)}
depths["all five"] = strip[1.0]
slide_figure(show_images(list(depths.values()), list(depths), columns=4), "style-layers")

# %%
errors = [style.transfer_errors(x, p, a, network)[1] for x in depths.values()]
assert errors[3] == min(errors)
assert errors[0] == max(errors)
print("the style of all five layers is nearest with all five, farthest with the first alone")

# %% [markdown]
"""
`relu1_1` brings the colours and a fine grain. With each deeper layer the strokes become larger, as in notebook 10; the
star and its swirls come only with the last two.

### Scale of the style

The network sees pixels. A painting of twice the size has strokes of twice the size, and is another style.
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
scales = {f"painting of {side} px": paint(p, picture("starry_night", side)) for side in (80, 320)}
scales["painting of 160 px"] = strip[1.0]
order = [f"painting of {side} px" for side in (80, 160, 320)]
fig = show_images([scales[key] for key in order], order, columns=3, width=7.5)
show(
    fig,
    "The pagoda painted three times: under many small stars, under fewer larger ones, under one star and long strokes.",
)

# %%
errors = {key: style.transfer_errors(x, p, picture("starry_night", 80), network)[1] for key, x in scales.items()}
assert min(errors, key=errors.get) == "painting of 80 px"
print("the style of the painting of 80 px is nearest in the result that was painted with it")

# %% [markdown]
r"""
### Layer of the content, on a portrait

A face forgives less than a pagoda. Here with the content at `relu4_2`, at `relu2_2`, and at `relu4_2` with a larger
$\alpha$.
"""

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
face = shrink(load_image("astronaut")[:, :288, 80:368], 112).float().to(device)
street = picture("auvers", 140)
shallow = VGGFeatures("vgg16", (*STYLE_LAYERS, "relu2_2"), device=device)
portraits = {"relu4_2": paint(face, street), "relu2_2": paint(face, street, 1.0, shallow, content_layer="relu2_2")}
portraits["relu4_2, $\\alpha$ = 5"] = paint(face, street, 5.0)
fig = show_images([face, street, *portraits.values()], ["photograph", "painting", *portraits], columns=5, width=9)
show(
    fig,
    "An astronaut; a street by Van Gogh; her portrait: green and orange patches on the face, fewer, nearly none.",
)

# %%
errors = [style.transfer_errors(x, face, street, network) for x in portraits.values()]
assert errors[2][0] < errors[0][0]
assert errors[2][1] > errors[0][1]
early = [style.transfer_errors(x, face, street, shallow, content_layer="relu2_2")[0] for x in portraits.values()]
assert early[1] < early[0]
print("the larger alpha keeps more of the content and less of the style; relu2_2 keeps more of its own features")

# %% [markdown]
"""
At `relu2_2` eyes and mouth stay where they were, and the strokes lie over them; at `relu4_2` a stroke may cross the
face. A larger α brings the face back, with less of the painting.

**Question.** Nobody minds when a roof is bent. Why is the same relative error of the content worse on a face, and what
would you add to E for portraits?
"""

# %% [markdown]
"""
## 6. Large results

These take minutes. They are **precomputed** by `make syntheses`, with the code that you have just used: 60 evaluations
at half the size, 25 at the whole, the longer side 384 px. First the three paintings:
"""

# %%
names = ("starry_night", "great_wave", "composition_viii")
fig = show_images(
    [picture(name, 240) for name in names], ["Van Gogh, 1889", "Hokusai, 1831", "Kandinsky, 1923"], width=6.5
)
show(fig, "The Starry Night; the Great Wave off Kanagawa; Composition VIII with circles and lines on a light ground.")

# %%
records = style.transfer_records()
rows = []
for content in ("temple", "astronaut"):
    rows.append(style.load_pair(records[f"{content}_{names[0]}"])[0])
    rows += [style.load_transfer(f"{content}_{name}")[0].float() for name in names]
fig, axes = new_figure(2, 4, width=9, height=4.9)
axes[0, 0].get_gridspec().set_height_ratios([2 / 3, 6 / 5])  # of the photographs
for i, axis in enumerate(axes.flat):
    draw_image(axis, rows[i], title=("photograph", "Van Gogh", "Hokusai", "Kandinsky")[i] if i < 4 else None)
slide_figure(fig, "style-transfer")

# %% [markdown]
"""
The two errors recorded for each file are computed again from the file, whose values are clipped and have 8 bits:
"""

# %%
recorded_network = VGGFeatures("vgg16", TRANSFER_LAYERS)
for name, record in records.items():
    photograph, painting = style.load_pair(record)
    found = style.transfer_errors(style.load_transfer(name)[0].float(), photograph, painting, recorded_network)
    recorded = record["content_error_of_file"], record["style_error_of_file"]
    assert all(abs(f - r) < 0.02 * r for f, r in zip(found, recorded, strict=True)), name
    print(f"{name:26}: content {recorded[0]:.2f}, style {recorded[1]:.3f}, made in {record['seconds']:.0f} s")

# %% [markdown]
r"""
## 7. Keep the colours

Often one wants the strokes of the painting and the colours of the photograph. Gatys et al. (2017) give two ways.

**Paint with its colours.** Give the *painting*, here $u$, the colours of the photograph $v$ first. Take the colours
$u_k$ of the $N$ pixels of $u$ as a cloud of points in $\mathbb R^3$, with mean $m_u$ and covariance $C_u$ (with
$1/N$), and those of $v$ with $m_v$ and $C_v$. The colours $m_v + T (u_k - m_u)$ have the right mean, and the right
covariance when $T C_u T^T = C_v$. This holds for many $T$. The one that moves the points least, in mean square, is the
optimal map between two Gaussians. It is symmetric and positive ($C_u$ is taken invertible):

$$T = C_u^{-1/2} \bigl(C_u^{1/2} C_v C_u^{1/2}\bigr)^{1/2} C_u^{-1/2}.$$
"""

# %% [markdown]
r"""
### Exercise 4 — match the colours (10 min, at home)

The root of a symmetric matrix: if $C = Q \Lambda Q^T$ (`torch.linalg.eigh`), then $C^{1/2} = Q \Lambda^{1/2} Q^T$. Work
in float64 and return the dtype of $u$.

<details><summary>Hint</summary>

Write a small function for the power of a symmetric matrix first. `torch.cov(colors, correction=0)` is C.
`hint("match_colors")` tells more.

</details>
"""


# %%
def match_colors(u, v):
    """Return u with the mean and the covariance of the colours of v: m_v + T (u_k − m_u), T the optimal map.

    u, v: images (3, H, W), perhaps of different sizes.  Returns an image of the shape of u, not clipped.
    """

    ### BEGIN SOLUTION
    def power(c, exponent):
        values, q = torch.linalg.eigh(c)
        return (q * values.clamp(min=1e-12) ** exponent) @ q.mT

    colors_u, colors_v = u.flatten(1).double(), v.flatten(1).double()
    m_u, m_v = colors_u.mean(dim=1, keepdim=True), colors_v.mean(dim=1, keepdim=True)
    c_u, c_v = torch.cov(colors_u, correction=0), torch.cov(colors_v, correction=0)
    root, inverse = power(c_u, 0.5), power(c_u, -0.5)
    t = inverse @ power(root @ c_v @ root, 0.5) @ inverse
    return (m_v + t @ (colors_u - m_u)).reshape(u.shape).to(u.dtype)
    ### END SOLUTION


# %%
match_colors = check(match_colors)

# %% [markdown]
r"""
Another map to the same mean and covariance takes the Cholesky factors, $T = L_v L_u^{-1}$. It moves the colours more,
here only a little:
"""

# %%
matched = match_colors(a, p)
colors, goal = a.flatten(1).double(), p.flatten(1).double()
l_a, l_p = (torch.linalg.cholesky(torch.cov(c, correction=0)) for c in (colors, goal))
centred = colors - colors.mean(dim=1, keepdim=True)
other = (goal.mean(dim=1, keepdim=True) + l_p @ torch.linalg.inv(l_a) @ centred).reshape(a.shape).float()
for name, image in {"optimal": matched, "Cholesky": other}.items():
    moved, apart = (image - a).square().mean().item(), textures.color_statistics_loss(image, p).item()
    assert apart < 1e-9
    print(f"{name:8}: mean square move of a colour {moved:.4f}")
fig = show_images([a, matched, other], ["painting", "optimal map", "Cholesky"], width=6)
show(fig, "The Starry Night three times: in blue and yellow, and twice in the photograph's white, brown and black.")

# %% [markdown]
r"""
**Paint in gray.** Let the transfer see luminances only, and give the result the colours of $p$. The luminance is $Y =
0.299 R + 0.587 G + 0.114 B$ (`to_gray`). Adding one number to the three channels of a pixel adds it to $Y$ and leaves
all the differences of colour as they are.
"""

# %% [markdown]
r"""
### Exercise 5 — transfer the luminance (6 min, at home)

1. $s = \mu_p + \frac{\sigma_p}{\sigma_a} (Y(a) - \mu_a)$: the luminance of the painting, with the mean $\mu_p$ and the
   standard deviation $\sigma_p$ (with $1/N$) of that of the photograph. A dark painting shall not darken the picture.
2. $y = $ `transfer`$(Y(p), s)$, a gray image.
3. Return $p + y - Y(p)$, in the three channels.

<details><summary>Hint</summary>

`transfer` is a function of two gray images, the argument; call it once. `hint("luminance_transfer")` tells more.

</details>
"""


# %%
def luminance_transfer(content, style, transfer):
    """Return p + y − Y(p), y = transfer(Y(p), s), s the luminance of the style with mean and deviation of Y(p).

    content: p, (3, H, W); style: a, (3, h, w); transfer: function of two gray images (H, W), (h, w) that returns one
    of the size of the first.  Returns (3, H, W).  Gatys et al. (2017), doi:10.1109/CVPR.2017.397.
    """
    ### BEGIN SOLUTION
    y, s = to_gray(content), to_gray(style)
    s = y.mean() + y.std(correction=0) / s.std(correction=0) * (s - s.mean())
    return content + transfer(y, s) - y
    ### END SOLUTION


# %%
luminance_transfer = check(luminance_transfer)

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
kept = {"colours of $a$": strip[1.0], "matched colours": paint(p, matched)}
kept["luminance only"] = luminance_transfer(p, a, paint)
slide_figure(show_images([p, *kept.values()], ["photograph", *kept], columns=4), "style-colors")

# %%
distances = [textures.color_statistics_loss(x, p).item() for x in kept.values()]
assert max(distances[1:]) < 0.5 * distances[0]
chroma = (kept["luminance only"] - to_gray(kept["luminance only"])) - (p - to_gray(p))
assert chroma.abs().max() < 1e-5
print("both ways the colours are far nearer to those of the photograph; with the luminance each pixel keeps its own")

# %% [markdown]
"""
With matched colours the *palette* is that of the photograph, and a stroke may put any of its colours anywhere. With the
luminance every pixel keeps its own differences of colour, and strokes that differ in colour alone are lost.

**Question.** After both maps the painting has the mean and the covariance that were asked for. Why do we want the one
that moves the colours least?
"""

# %% [markdown]
"""
## 8. Try it

Choose photograph, painting, the weight and the depth of the style; run, pause, stop. The last image stays.
"""

# %%
explore_transfer()

# %% tags=["picture-by-statistics"] reason="L-BFGS amplifies rounding: pixels move, the next cell asserts statistics"
image, numbers = transfer_picture("temple", "great_wave", 1.0, "relu5_1", 20)
print(f"{numbers['evaluations']} evaluations")
fig = show_images([image], ["photograph, painting, result"], width=7)
show(fig, "A small pagoda, a small Great Wave, and beside them what twenty evaluations make of the two.")

# %% [markdown]
"""
## What you have learnt

- Features say what is where; their averages say how it is painted. One network gives both descriptions.
- A transfer is a descent on the image, with a compromise that you choose: the weight and the layers.
- The start and the size of the painting matter as much as the loss: $E$ has many local minima, and the network sees
  pixels.
- Colours can be kept by an optimal map between Gaussians, or by painting the luminance only.

**Hand in**: this notebook with the five exercises passed; your answers to the questions in bold; a photograph of yours
in a style of your choice, with the α, the layers and the scale that you chose, and why.

**Next**: notebook 12 mixes styles, and replaces the descent by one pass through a network.
"""
