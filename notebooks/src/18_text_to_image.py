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
# 18. Text to image

At the end of this notebook you will be able to

- tell a diffusion model in words what to draw, and measure whether it draws combinations of words that it has never
  seen together;
- move a diffusion to a latent space, and say what that saves and what it costs;
- add a second condition, a line drawing, to a network that has been trained without it, and that stays as it is;
- teach it a new word from four pictures without making it forget the old ones;
- enlarge what it draws by a second diffusion;
- read the direction of the light off a chrome ball that was never in the scene.

**Slides**: "Conditional generative models: Examples", "Imagen pipeline", "StableDiffusion", "DreamBooth",
"ControlNet", "DiffusionLight".

**Time**: reading 35 min (15 in class), exercises 48 min, compute about 1 min on two CPU cores.

**Before this**: notebook 16 (diffusion, DDIM, guidance).
"""

# %% [markdown]
r"""
| symbol | name in the code | shape | range |
| --- | --- | --- | --- |
| $x_0$, image; $x_t$, with noise | `x0`, `x` | `(n, 3, 32, 32)` | $[-1, 1]$ for $x_0$ |
| $\bar\alpha(t)$, variance of the image left at time $t$ | `alpha_bar(t)` | | from 1 at $t = 0$ to 0 at $t = 1$ |
| $\varepsilon$, noise; $\hat\varepsilon$, its estimate by the network | `noise`, `network(x, t, words)` | as $x_t$ | |
| $c$, caption | `words` | `(n, 63)` | 0 or 1 |
| $w$, guidance | `scale` | | $\geq 0$ |
| $z_0$, latents of $x_0$ | `encode(x0, ...)` | `(n, 4, 16, 16)` | mean 0, variance 1 |
| $d$, line drawing | `drawing` | `(n, 1, 32, 32)` | $[0, 1]$, 1 on a line |
| $v$, velocity; $\hat v$ | inside the networks | as $x_t$ | |
| $\mu$, $s$, mean and standard deviation of a channel | `mean`, `std` | `(4,)` | $s > 0$ |
| $l$, direction to the light | `lights` | `(n, 3)` | length 1 |
| $\lambda$, weight of the prior | `weight` | | $\geq 0$ |
"""

# %%
import time

import torch
from torch.nn.functional import avg_pool2d, interpolate

from course_utils.adversarial import portrait_edges
from course_utils.checks import check, hint
from course_utils.data import load_portraits
from course_utils.diffusion import UNet, denoised, diffuse, load_unet, noise_loss, sample
from course_utils.explorers.text_to_image import explore_text_to_image, text_to_image_picture
from course_utils.metrics import psnr
from course_utils.plotting import show, show_images
from course_utils.slides import slide_figure
from course_utils.text_to_image import (
    Control,
    add_word,
    captions,
    held_out_combinations,
    latent_statistics,
    load_autoencoder,
    load_control,
    load_portrait_classifier,
    network_portraits,
    told,
    vocabulary,
)

# %%
device = "cpu"  # or "cuda": networks and images go there
steps = 15  # of DDIM, for each image
guidance = 2.0
seed = 0


def source(seed):
    """Return a generator of random numbers, which are drawn on the CPU."""
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def reverse(denoiser, shape, seed=seed, clip=None):
    """Return images drawn by DDIM, the denoiser being on the device."""
    return sample(lambda x, t: denoiser(x.to(device), t).cpu(), shape, steps, source(seed), clip=clip).to(device)


# %% [markdown]
r"""
## 1. Words

Imagen, Stable Diffusion and their kind are trained on hundreds of millions of pictures with captions from the web. The
idea fits into something much smaller. Our pictures are 930 little portraits, and their captions are made of 63 words:
three genders, six skin tones, 54 roles. The portraits with the empty role are just a person.
"""

# %%
portraits = load_portraits()
images, large = network_portraits(portraits).to(device), (2 * portraits.images - 1).to(device)
known, bags = vocabulary(portraits), captions(portraits).to(device)
print(f"{len(images)} portraits, {len(known)} words: {', '.join(known[:12])}, ...")


def said(bag, joint="\n"):
    """Return the words of a caption; the gender is left out of titles."""
    return joint.join(word for word, b in zip(known[3:], bag[3:].tolist(), strict=True) if b)


# %%
some = [100, 250, 400, 550, 700, 850]
fig = show_images([(large[k] + 1) / 2 for k in some], [said(bags[k]) for k in some])
show(fig, "Six emoji portraits in colour, each under the words of its caption.")

# %% [markdown]
r"""
A caption becomes a vector, and a block of the network hears it in the same way as the time $t$ (notebook 16). The
simplest embedding that works for such captions is a **bag of words**. Each word has a vector, and the caption's is
the sum,

$$e(c) = \sum_{\text{word said in } c} \text{table}[\text{word}].$$

The order is lost: "a dog bites a man" is the same bag as "a man bites a dog". That is why large systems have a
transformer here, and let the features of the image look at its words one by one (cross-attention). Our captions have
no order to lose.
"""

# %% [markdown]
r"""
### Exercise 1 — the embedding of a caption (5 min, in class)

Write `embed_caption(words, table)`. A word said twice counts once, nothing said gives the vector 0, and a word that
is not in the table is an error: a `ValueError` or a `KeyError`.

<details><summary>Hint</summary>

`set(words)` forgets order and repetition. Which vector do you begin to add with? `hint("embed_caption")` tells more.

</details>
"""


# %%
def embed_caption(words, table):
    """Return Σ table[word] over the words that are said, each once.

    words: a list or tuple of words; table: dictionary word -> vector (d,), at least one.  Returns (d,).
    Raises ValueError or KeyError for a word that is not in the table.
    """
    ### BEGIN SOLUTION
    total = torch.zeros_like(next(iter(table.values())))
    for word in set(words):
        if word not in table:
            raise ValueError(f"unknown word {word!r}")
        total = total + table[word]
    return total
    ### END SOLUTION


# %%
embed_caption = check(embed_caption)

# %% [markdown]
"""
Stuck? There are three hints to each exercise, one at a time: the idea, the formula, the first line.
"""

# %%
hint("embed_caption", 1)

# %% [markdown]
r"""
With a table of 0 and 1, one place for each word, $e(c)$ says which words are there: that is what we shall hand to the
network, 63 numbers a caption. The network begins by a matrix, and a matrix times such a vector is again a sum over the
words that are said: its columns are a table of *learnt* vectors.
"""

# %%
one_hot = dict(zip(known, torch.eye(len(known), device=device), strict=True))
network = load_unet("portrait_diffusion").to(device)
learnt = dict(zip(known, network.word.weight.T, strict=True))
caption = ["woman", "dark", "pilot"]
error = (network.word(embed_caption(caption, one_hot)) - embed_caption(caption, learnt)).abs().max().item()
print(f"{sum(p.numel() for p in network.parameters()):,} weights; the two tables agree: {error < 1e-5}")

# %%
vectors = torch.nn.functional.normalize(network.word.weight.T, dim=1)
cosines = vectors @ vectors.T
tones = known[3:9]
of_dark = " ".join(f"{tone} {c:.1f}," for tone, c in zip(tones, cosines[8, 3:9].tolist(), strict=True))
print(f"cosines with 'dark': {of_dark[:-1]}")
pairs = [(cosines[i, j].item(), known[i], known[j]) for i in range(len(known)) for j in range(i)]
print("most alike:", "; ".join(f"{first}, {second}" for _, first, second in sorted(pairs, reverse=True)[:6]))

# %% [markdown]
r"""
Nobody told the network what a word means. Still "dark" goes with its neighbours among the tones and against the light
ones, and the pairs most alike share something that is seen: the colour of a hat or a suit, or a head without
shoulders. Their directions are far from the same.

When do the words speak? Take the portraits that this network has never seen (section 2 says which), at several times
$t$, and look at the error of $\hat x_0$ with their own words, with those of other portraits, and without words.
"""

# %%
new = held_out_combinations(portraits).to(device)
noise = torch.randn(images[new].shape, generator=source(seed)).to(device)
print("   t   own words   others' words   no words     mean square error of x̂_0")
for t in (0.98, 0.9, 0.7, 0.4, 0.1):
    x = diffuse(images[new], t, noise)
    with torch.no_grad():
        words = bags[new], bags[new].roll(9, 0), 0 * bags[new]
        errors = [(denoised(x, t, network(x, t, w)) - images[new]).square().mean().item() for w in words]
    print(f"{t:4} {errors[0]:11.3f} {errors[1]:15.3f} {errors[2]:10.3f}")

# %% [markdown]
r"""
At late times only the words can say whether a face is dark; at early ones the picture shows it, and wrong words
hardly hurt. An error of $\hat\varepsilon$ near $t = 1$ is divided by $\sqrt{\bar\alpha} \approx 0$ in $\hat x_0$. So
this network estimates the *velocity* $v = \sqrt{\bar\alpha}\, \varepsilon - \sqrt{1 - \bar\alpha}\, x_0$ inside, and
gives $\hat\varepsilon = \sqrt{\bar\alpha}\, \hat v + \sqrt{1 - \bar\alpha}\, x_t$ (Salimans and Ho, 2022): whatever
$t$, $\hat x_0 = \sqrt{\bar\alpha}\, x_t - \sqrt{1 - \bar\alpha}\, \hat v$ errs no more than $\hat v$. It was trained
with $(\hat v - v)^2 = (\hat\varepsilon - \varepsilon)^2 / \bar\alpha$, in which late times count, as were the other
networks of portraits in this notebook.

Now draw. As in notebook 16, the estimate of the noise with words and the one without are combined by guidance,
$\hat\varepsilon = \hat\varepsilon(x_t, t) + w\,(\hat\varepsilon(x_t, t, c) - \hat\varepsilon(x_t, t))$; the network
can do without words since a tenth of its training was without. `told(network, words, w)` is the denoiser with both
inside.
"""


# %%
def draw(words, scale=guidance, seed=seed, network=network):
    """Return an image in [-1, 1] for each caption, by DDIM."""
    shape = (len(words), 3, 32, 32)
    return reverse(told(network, words, scale), shape, seed, clip=1.0).clamp(-1, 1)


def bag_of(*words):
    """Return a caption as the network takes it."""
    return embed_caption(words, one_hot)


# %%
roles = ("astronaut", "cook", "firefighter", "mage", "santa", "police")
asked = [("woman", "light", role) for role in roles] + [("man", "yellow", role) for role in roles]
asked_bags = torch.stack([bag_of(*words) for words in asked])
first_drawn = draw(asked_bags)
titles = [*roles, *[""] * len(roles)]
slide_figure(show_images([(x + 1) / 2 for x in first_drawn], titles, columns=6), "text-to-image")

# %% [markdown]
r"""
The first row was asked for with "woman, light", the second with "man, yellow". All of these captions were seen in
training. So the network might just remember their portraits. The next section asks for something else.

## 2. Words that were never seen together

Whole combinations of role and tone were kept out of training, with every gender: 13 roles have one tone that no
network that draws has seen them with. A network that has only learnt portraits by heart cannot draw these.

We need a judge: a small classifier that tells role and tone. It may know all combinations, as only the painter is
examined; but how good is it? That must be measured on pictures that it has not seen. So it was trained on four
portraits out of five.
"""

# %%
from course_utils.text_to_image import kept_from_the_judge

kept = kept_from_the_judge(portraits).to(device)
role, tone = portraits.role.to(device), portraits.tone.to(device)
judge = load_portrait_classifier().to(device)


@torch.no_grad()
def recognised(pictures, role, tone):
    """Return in how many of the pictures role, tone and both are recognised, in percent."""
    says_role, says_tone = (logits.argmax(dim=1) for logits in judge(pictures))
    right = torch.stack([says_role == role, says_tone == tone, (says_role == role) & (says_tone == tone)])
    return [round(100 * share) for share in right.float().mean(dim=1).tolist()]


# %%
print(f"held out from the painter: {new.sum().item()} portraits, {len(set(role[new].tolist()))} roles")
for name, which in {"kept from the judge": kept, "of held-out combinations and kept": kept & new}.items():
    shares = recognised(images[which], role[which], tone[which])
    print(f"{which.sum().item():3} real portraits {name}: role {{}} %, tone {{}} %, both {{}} %".format(*shares))

# %% [markdown]
r"""
Now the network draws the same 37 captions, with three guidances $w$. Beside the judge's percentages stands a count
that needs no judge: of all 930 portraits, seen or not, is the one nearest to the drawing (in $\ell^2$) one with its
role and tone?
"""


# %%
def nearest(pictures, among):
    """Return the number of the portrait, of some, that is nearest to each picture."""
    return among[torch.cdist(pictures.flatten(1), images[among].flatten(1)).argmin(dim=1)]


everyone, seen = torch.arange(len(images), device=device), (~new).nonzero()[:, 0]
drawn = {w: draw(bags[new], w) for w in (1.0, guidance, 6.0)}

# %% tags=["nbval-ignore-output"] reason="passes of a network amplify rounding: the next cell prints what counts"
print("guidance   role   tone   both   nearest portrait has both")
for w, pictures in drawn.items():
    k = nearest(pictures, everyone)
    right = ((role[k] == role[new]) & (tone[k] == tone[new])).float().mean().item()
    numbers = "".join(f"{share:5} %" for share in recognised(pictures, role[new], tone[new]))
    print(f"{w:8.0f} {numbers} {100 * right:22.0f} %")

# %%
both = {w: recognised(pictures, role[new], tone[new])[2] for w, pictures in drawn.items()}
print(f"both words recognised in at least 80 % with w = {guidance:.0f}: {both[guidance] >= 80}")
print(f"more often with w = 6 than with w = 1: {both[6.0] > both[1.0]}")
assert both[guidance] >= 80

# %%
shown = [0, 2, 6, 9, 12, 31, 34, 20]
truth, pictures = images[new][shown], drawn[guidance][shown]
rows = [*truth, *pictures, *images[nearest(pictures, seen)]]
titles = [said(bags[new][k]).replace(" ", "\n") for k in shown] + [""] * 16
slide_figure(show_images([(x + 1) / 2 for x in rows], titles, columns=8), "composition")

# %% [markdown]
r"""
Above, eight of the real portraits, which the painter has not seen; in the middle, what was drawn from their captions;
below, the nearest portrait that *was* seen. The drawing is not a copy of it: the network has put the tone of one
portrait and the role of another together. The last is one that the judge misreads: a supervillain is small, and little
of the skin is seen.

Guidance pays: with $w = 1$, the model's own estimate of the law of the pictures, some tones are missed; $w = 2$ follows
the words more closely. The judge likes still more of it, the eye does not: the next picture shows why.

**Question.** Why would it prove less to hold out single portraits at random, in place of whole combinations with all
their genders?
"""

# %%
same = torch.stack([bag_of("man", "dark", "elf")] * 2)
pictures = [x for w in (0.0, 1.0, guidance, 6.0) for x in draw(same, w, seed + 1)]
titles = [f"w = {w}" if k == 0 else "" for w in (0, 1, 2, 6) for k in range(2)]
fig = show_images([(x + 1) / 2 for x in pictures], titles, columns=8)
show(
    fig, "Two drawings for each of four guidances, from the same two noises: 0 ignores the words, 6 has hard contrasts."
)

# %% [markdown]
r"""
## 3. A latent space

A diffusion on large images pays for every pixel, at every step. Stable Diffusion (Rombach et al., 2022) first trains
an autoencoder: $E$ maps an image to fewer numbers, and $D$ goes back. The diffusion lives among the maps $E(x)$; $D$
is applied once, at the end. Ours takes the portraits at their full size, $3 \times 64 \times 64$, to $4 \times 16
\times 16$: twelve times fewer numbers.

What comes out of $E$ has any mean and any variance. The noise of the diffusion has variance 1, and the schedule
$\bar\alpha(t)$ was made for images of about that variance. So each channel is shifted and scaled, by its mean and
standard deviation over all positions of the portraits that were seen, which `latent_statistics` takes:
"""

# %%
autoencoder = load_autoencoder().to(device)
mean, std = latent_statistics(autoencoder.encoder, large[seen])
print("mean of each channel:              ", " ".join(f"{m:6.2f}" for m in mean.tolist()))
print("standard deviation of each channel:", " ".join(f"{s:6.2f}" for s in std.tolist()))

# %% [markdown]
r"""
### Exercise 2 — to the latents (5 min, in class)

Write `encode(x, encoder, mean, std)`: $z = (E(x) - \mu) / s$, with a mean and a standard deviation for each channel.
Nothing is clipped, here and in exercise 3.

<details><summary>Hint</summary>

`mean` has shape `(channels,)`, the maps `(n, channels, h, w)`: which dimensions must be added to `mean` so that it goes
along the channels? `hint("encode")` tells more.

</details>
"""


# %%
def encode(x, encoder, mean, std):
    """Return z = (E(x) − μ) / s, channel by channel.

    x: (n, c, H, W); encoder: E, from images to maps (n, channels, h, w); mean, std: (channels,).
    Returns (n, channels, h, w).
    """
    ### BEGIN SOLUTION
    return (encoder(x) - mean[:, None, None]) / std[:, None, None]
    ### END SOLUTION


# %%
encode = check(encode)

# %% [markdown]
r"""
### Exercise 3 — and back (3 min, in class)

Write `decode(z, decoder, mean, std)`, which undoes `encode` as far as $D$ undoes $E$.

<details><summary>Hint</summary>

`encode` subtracts, then divides: undo its last step first. `hint("decode")` tells more.

</details>
"""


# %%
def decode(z, decoder, mean, std):
    """Return D(s z + μ), channel by channel.

    z: (n, channels, h, w); decoder: D, from maps to images; mean, std: (channels,).  Returns images.
    """
    ### BEGIN SOLUTION
    return decoder(std[:, None, None] * z + mean[:, None, None])
    ### END SOLUTION


# %%
decode = check(decode)


# %%
def to_latents(x):
    """Return the latents of images."""
    return encode(x, autoencoder.encoder, mean, std)


with torch.no_grad():
    z = to_latents(large[new])
    back = decode(z, autoencoder.decoder, mean, std).clamp(-1, 1)
print(f"latents of portraits never seen: mean {z.mean().item():.1f}, variance {z.var().item():.1f}")
print(f"there and back: PSNR {psnr(back, large[new], data_range=2.0):.1f} dB")

# %% [markdown]
r"""
The diffusion is trained in the same way, with $z_0 = $ `to_latents(x_0)` in the place of $x_0$. The autoencoder does
not move any more.
"""

# %% [markdown]
r"""
### Exercise 4 — the loss in latent space (8 min, in class)

Write `latent_noise_loss(network, encoder, x0, words, t, noise)`: the mean of $\bigl(\hat\varepsilon(z_t, t, c) -
\varepsilon\bigr)^2$ with $z_t = \sqrt{\bar\alpha(t)}\, z_0 + \sqrt{1 - \bar\alpha(t)}\, \varepsilon$ and $z_0$ the
latents of $x_0$. Here `encoder` is a function from images to latents, with shift and scale in it, like `to_latents`
above. No gradient goes into it; the network must get its own.

<details><summary>Hint</summary>

`diffuse(z0, t, noise)` is notebook 16's. `torch.no_grad()` or `detach` keep gradients out of the encoder: how much of
your function may stand under them? `hint("latent_noise_loss")` tells more.

</details>
"""


# %%
def latent_noise_loss(network, encoder, x0, words, t, noise):
    """Return the mean of (ε̂(z_t, t, words) − ε)² with z_0 = encoder(x_0), without a gradient in the encoder.

    network: network(z, t, words); encoder: from images to latents; x0: (n, c, H, W); words: (n, words);
    t: (n,); noise: ε, of the shape of the latents.  Returns a scalar tensor.  Rombach et al. (2022).
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        z0 = encoder(x0)
    z = diffuse(z0, t, noise)
    return (network(z, t, words) - noise).square().mean()
    ### END SOLUTION


# %%
latent_noise_loss = check(latent_noise_loss)

# %%
latent_network = load_unet("portrait_latents").to(device)
t = torch.linspace(0.05, 0.95, len(z), device=device)
noise = torch.randn(z.shape, generator=source(seed)).to(device)
with torch.no_grad():
    for name, words in (
        ("their words", bags[new]),
        ("the words of others", bags[new].roll(9, 0)),
        ("no words", 0 * bags[new]),
    ):
        loss = latent_noise_loss(latent_network, to_latents, large[new], words, t, noise).item()
        print(f"loss on portraits never seen, with {name}: {loss:.2f}")

# %% [markdown]
r"""
Draw the held-out captions again, in latents, at 64 × 64 pixels. Nothing is clipped at each step now: pixels are in
$[-1, 1]$, latents have no such bounds.

The judge sees the drawings reduced to 32 × 32, and so it sees the real portraits that have been through the
autoencoder: what that loses, no latent diffusion can draw. (The judge was trained on most of these real portraits,
which flatters the first two rows.)
"""

# %% tags=["nbval-ignore-output"] reason="passes of a network amplify rounding: the next cell prints what counts"
with torch.no_grad():
    z_drawn = reverse(told(latent_network, bags[new], guidance), tuple(z.shape))
    from_latents = decode(z_drawn, autoencoder.decoder, mean, std).clamp(-1, 1)
rows = {"real": images[new], "real, through the autoencoder": avg_pool2d(back, 2)}
rows |= {"drawn in pixels": drawn[guidance], "drawn in latents": avg_pool2d(from_latents, 2)}
for name, pictures in rows.items():
    print(f"{name:30}: role {{}} %, tone {{}} %, both {{}} %".format(*recognised(pictures, role[new], tone[new])))

# %%
shares = [recognised(pictures, role[new], tone[new])[2] for pictures in rows.values()]
print("both recognised in at least 80 % of what was drawn in latents:", shares[3] >= 80)

# %%
k = shown[3]
latent_maps = [channel / 6 + 0.5 for channel in z[k]]
pictures = [(large[new][k] + 1) / 2, *latent_maps, (back[k] + 1) / 2] + [(from_latents[j] + 1) / 2 for j in shown[:6]]
titles = ["portrait", "$z_1$", "$z_2$", "$z_3$", "$z_4$", "decoded"] + [said(bags[new][j]) for j in shown[:6]]
slide_figure(show_images(pictures, titles, columns=6), "latent-diffusion")

# %% [markdown]
r"""
Head and shoulders can still be seen in the latents, best in the last channel: each number of a map stands for a square
of 4 × 4 pixels and its surroundings.
Below, what was drawn: the right people, with blurred hands and tools. Fine details are lost by the autoencoder already.

What has it saved? The same network, with three channels in place of four, on the pixels of a portrait of 64 × 64:
"""


# %%
def seconds(network, shape, n=3):
    """Return the time of an evaluation of a network, the best of n."""
    x, times = torch.zeros(shape, device=device), []
    for _ in range(n):
        start = time.perf_counter()
        with torch.no_grad():
            network(x, 0.5, bags[new][: len(x)])
        times.append(time.perf_counter() - start)
    return min(times)


# %% tags=["nbval-ignore-output"] reason="a ratio of times, another one on each machine"
in_pixels = UNet(channels=3, width=40, words=63, embedding=160).to(device)
ratio = seconds(in_pixels, (4, 3, 64, 64)) / seconds(latent_network, (4, 4, 16, 16))
print(f"a step in latents is {ratio:.0f} times as fast as one in pixels")

# %% [markdown]
r"""
**Question.** Suppose that nobody had scaled the latents, and that their standard deviation were 0.1. What would the
network see at most times $t$, and what would its loss be like?
"""

# %% [markdown]
r"""
## 4. Control by a drawing

Words say little about where things are. ControlNet (Zhang et al., 2023) adds a second condition, such as a line
drawing, to a network that has already been trained, without spoiling what it can do. The network, the *base*, is
frozen. A copy of its first half sees $x_t$, $t$, the words and the drawing; what the copy finds is *added* to the
features of the base. Between the two stand convolutions of 1 × 1 pixels, and these begin with the weight 0.
"""

# %% [markdown]
r"""
### Exercise 5 — a zero convolution (4 min, in class)

Write `zero_convolution(channels, out)`: a `torch.nn.Conv2d` of 1 × 1 pixels whose weights and biases are 0, and can be
trained.

<details><summary>Hint</summary>

`torch.nn.init.zeros_` fills a parameter; a new `Conv2d` has two. `hint("zero_convolution")` tells more.

</details>
"""


# %%
def zero_convolution(channels, out):
    """Return a 1 × 1 convolution, of weights and biases 0.

    channels, out: how many it takes and gives.  Returns a torch.nn.Conv2d.  Zhang et al. (2023).
    """
    ### BEGIN SOLUTION
    convolution = torch.nn.Conv2d(channels, out, 1)
    torch.nn.init.zeros_(convolution.weight)
    torch.nn.init.zeros_(convolution.bias)
    return convolution
    ### END SOLUTION


# %%
zero_convolution = check(zero_convolution)

# %% [markdown]
r"""
`portrait_edges` (notebook 15) makes the drawings: a line where the colour, smoothed a little, changes fast, at half
the size of the portrait. `Control(base)` is such a copy with its zero convolutions; `control(x, t, words, drawing)`
gives what is to be added, and `base(x, t, words, added)` adds it. Before any training the base must draw what it
drew, **to the bit**:
"""

# %%
drawings = portrait_edges(portraits.images).to(device)
torch.manual_seed(seed)  # the first layer of the copy that sees the drawing
fresh = Control(network).to(device)
x = torch.randn(8, 3, 32, 32, generator=source(seed)).to(device)
with torch.no_grad():
    before = network(x, 0.6, bags[:8])
    after = network(x, 0.6, bags[:8], fresh(x, 0.6, bags[:8], drawings[:8]))
assert torch.equal(before, after)
weights = [sum(p.numel() for p in part.parameters()) for part in (network, fresh)]
print(f"unchanged to the bit: {torch.equal(before, after)}; weights: base {weights[0]:,}, control {weights[1]:,}")

# %% [markdown]
r"""
**Question.** The output of a zero convolution is 0, and so is the gradient with respect to what comes *in*. How can it
ever learn? Write $y = a x + b$ with $a = b = 0$ and compute the derivatives of $y$ with respect to $a$, $b$ and $x$.
"""

# %% [markdown]
r"""
### Exercise 6 — one step of training the control (10 min, in class)

Write `control_step(base, control, optimizer, x0, words, drawing, t, noise)`. The loss is the mean of
$(\hat\varepsilon - \varepsilon)^2$ where the base estimates the noise of $x_t$ with what the control adds: a list of
features, passed on whole. Take one step of the optimizer, which has the control's weights only, and return the loss
before that step, as a number. Gradients from before may be left in the weights. The base is frozen already
(`load_unet` does it): leave it as it is.

<details><summary>Hint</summary>

Frozen does not mean that no gradient goes *through* it. `hint("control_step")` tells more.

</details>
"""


# %%
def control_step(base, control, optimizer, x0, words, drawing, t, noise):
    """Take one step of the optimizer on the control's weights, and return the loss before that step.

    base(x, t, words, added) and control(x, t, words, drawing) as above; x0, noise: (n, 3, H, W); words: (n, words);
    drawing: (n, 1, H, W); t: (n,).  Returns a float.  Zhang et al. (2023).
    """
    ### BEGIN SOLUTION
    x = diffuse(x0, t, noise)
    estimate = base(x, t, words, control(x, t, words, drawing))
    loss = (estimate - noise).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %%
control_step = check(control_step)

# %%
optimizer = torch.optim.Adam(fresh.parameters(), lr=1e-3)
k = seen[:8]
t = torch.linspace(0.2, 0.9, len(k), device=device)
noise = torch.randn(images[k].shape, generator=source(seed)).to(device)
batch = images[k], bags[k], drawings[k], t, noise
losses = [control_step(network, fresh, optimizer, *batch) for _ in range(8)]
with torch.no_grad():
    loss = (network(diffuse(images[k], t, noise), t, bags[k]) - noise).square().mean().item()
assert abs(losses[0] - loss) < 1e-4 * loss
assert losses[-1] < losses[0]
print("the first loss is that of the base alone, the last of eight is below it")

# %% [markdown]
r"""
The course has trained a control for longer, on portraits that were seen, moved and mirrored, with their line
drawings, most of them without words, and mostly at times near 1: near 0, $x_t$ shows the lines already, and the
control learns nothing. Here it draws from the lines of portraits that neither base nor control has seen, and from one
made by hand. The words say the gender and the tone only. The second row is the base alone, from the same noise.
"""

# %%
row, column = torch.meshgrid(*[torch.arange(32.0, device=device)] * 2, indexing="ij")
across = column - 15.5
by_hand = ((across.square() + (row - 16).square()).sqrt() - 7).abs() < 0.7  # a head
by_hand |= (row - 25 - 0.04 * across.square()).abs() < 0.7  # shoulders
by_hand |= (row == 9) & (across.abs() < 9)  # the brim of a hat
by_hand |= (row == 2) & (across.abs() < 5) | (across.abs() == 4.5) & (row > 2) & (row < 9)
chosen = new.nonzero()[[3, 6, 12, 21, 27, 34], 0]
lines = torch.cat([drawings[chosen], by_hand[None, None].to(drawings)])
tones_said = torch.cat([bags[chosen], bag_of("man", "medium")[None]])
tones_said[:, 9:] = 0  # no word about the role

# %%
control = load_control(network).to(device)


def controlled(x, t, words):
    """Return the noise that the base estimates with the control, for the lines above."""
    return network(x, t, words, control(x, t, words, lines))


free_pictures, pictures = draw(tones_said), draw(tones_said, network=controlled)
colour = [(x + 1) / 2 for x in (*free_pictures, *pictures)]
slide_figure(show_images([*lines[:, 0], *colour], columns=7), "controlnet")

# %% [markdown]
r"""
The first six keep to the lines, hands and hats included, and take colours that fit them. The one made by hand gets
outline and hat but no face: a head without eyes and mouth is not like the drawings of the training.

How well do the pictures keep to the lines? Take the lines of the *drawn* pictures in the same way as those of the
portraits (enlarged by 2 first, as the portraits have 64 × 64 pixels), and compare: $\|d' - d\|_1 / \|d\|_1$. For the
real portraits at 32 × 32 pixels this is not 0 either, as lines get lost in reducing.
"""


# %%
def line_error(pictures):
    """Return the mean error of the lines of six pictures, relative to the lines."""
    u = interpolate((pictures[:6] + 1) / 2, scale_factor=2, mode="bilinear")
    return ((portrait_edges(u) - lines[:6]).abs().sum() / lines[:6].sum()).item()


# %% tags=["nbval-ignore-output"] reason="passes of a network amplify rounding: the next cell prints what counts"
for name, x in {"real": images[chosen], "drawn with control": pictures, "drawn by the base": free_pictures}.items():
    print(f"{name:20}: error of the lines {line_error(x):.2f}")

# %%
halved = line_error(pictures) < 0.5 * line_error(free_pictures)
print(f"with control the error is less than half of that of the base: {halved}")
assert halved

# %% [markdown]
r"""
## 5. A new subject

What if the word does not exist? DreamBooth (Ruiz et al., 2023) teaches a network a new word for *one* subject, from a
few pictures of it. Ours are four pictures of a person from far away, in four roles. The portraits hold nobody with a
green face.
"""


# %%
def greener(u):
    """Return an image in [0, 1] with its yellow turned to green."""
    yellow = (4 * (torch.minimum(u[:, :1], u[:, 1:2]) - u[:, 2:])).clamp(0, 1)
    return torch.cat([u[:, :1] * (1 - 0.65 * yellow), u[:, 1:]], dim=1)


taught = ("", "cook", "farmer", "pilot")
is_person = (portraits.gender == 0) & (portraits.tone == 0)
which = [(is_person & (portraits.role == portraits.roles.index(r))).nonzero()[0, 0].item() for r in taught]
subject = 2 * greener((images[which] + 1) / 2) - 1
martian = torch.cat([bags[which], torch.ones(4, 1, device=device)], dim=1)  # the last word is new
martian[:, 3:9] = 0  # and stands in the place of the tone

# %% [markdown]
r"""
`add_word` makes a copy of the network that hears one word more: a vector drawn at random, which means nothing yet. All
weights of the copy are trained, for some seconds, on four pictures. It learns the word, and it learns more than we
want: everything begins to look like the subject. So Ruiz et al. add a second term to the loss. Before training, let
the network *itself* draw pictures of the class, from captions without the new word; then keep it able to draw them:

$$\mathcal{L} = \mathcal{L}_\text{noise}(\text{subject}) + \lambda\, \mathcal{L}_\text{noise}(\text{own pictures}).$$

This is *prior preservation*.
"""

# %% [markdown]
r"""
### Exercise 7 — the loss of a subject (8 min, at home)

Write `subject_loss(network, subject, subject_words, prior, prior_words, weight, generator)`. `noise_loss` of notebook
16 takes a denoiser $(x, t) \mapsto \hat\varepsilon$, images, and a generator with which it draws times and noise.
Call it for the subject first, so that your numbers are those of this notebook. `told(network, words)` is the denoiser
that has been told the words.

<details><summary>Hint</summary>

Two calls of `noise_loss`, each with the words that belong to its pictures. `hint("subject_loss")` tells more.

</details>
"""


# %%
def subject_loss(network, subject, subject_words, prior, prior_words, weight, generator):
    """Return the noise loss of the subject's pictures plus weight times that of the prior's.

    network: network(x, t, words); subject: (n, 3, H, W) with words (n, words); prior: (m, 3, H, W) with
    (m, words); weight: λ; generator: torch.Generator.  Returns a scalar tensor.  Ruiz et al. (2023).
    """
    ### BEGIN SOLUTION
    loss = noise_loss(told(network, subject_words), subject, generator)
    return loss + weight * noise_loss(told(network, prior_words), prior, generator)
    ### END SOLUTION


# %%
subject_loss = check(subject_loss)

# %% [markdown]
"""
Train twice, without and with the prior: the pictures of sections 1 and 2, which the network has drawn itself.
"""

# %%
prior = torch.cat([first_drawn, drawn[guidance]])
prior_words = torch.cat([asked_bags, bags[new]])
prior_words = torch.cat([prior_words, torch.zeros(len(prior), 1, device=device)], dim=1)


# %%
def teach(weight, n=60):
    """Return a copy of the network that has learnt the new word."""
    generator = source(seed)
    learner = add_word(network, generator)
    optimizer = torch.optim.Adam(learner.parameters(), lr=6e-4)
    for _ in range(n):
        k = torch.randint(len(prior), (4,), generator=generator).to(device)
        optimizer.zero_grad()
        subject_loss(learner, subject, martian, prior[k], prior_words[k], weight, generator).backward()
        optimizer.step()
    return learner.requires_grad_(False)


# %%
learners = {"without prior": teach(0.0), "with prior": teach(1.0)}

# %% [markdown]
r"""
Ask for the subject in three roles that it was never shown in, and for three people from before. We measure how green
the middle of a face is, $G - R$ on average, and whether the judge still finds the old words.
"""

# %%
others = [("person", "yellow", "doctor"), ("woman", "yellow", "santa"), ("person", "medium", "cook")]
wanted = torch.stack([bag_of("person", role) for role in ("doctor", "judge", "mage")] + [bag_of(*w) for w in others])
new_word = torch.tensor([1.0, 1, 1, 0, 0, 0], device=device)[:, None]
old = [
    torch.tensor([names.index(w[k]) for w in others], device=device)
    for k, names in ((2, portraits.roles), (1, portraits.tones))
]

# %%
results = {name: draw(torch.cat([wanted, new_word], dim=1), network=learner) for name, learner in learners.items()}
greens = {
    name: ((x[:, 1] - x[:, 0])[:, 12:20, 12:20].mean(dim=(1, 2)) / 2).reshape(2, 3).mean(dim=1).tolist()
    for name, x in results.items()
}

# %% tags=["nbval-ignore-output"] reason="training amplifies rounding: the next cell prints what counts"
for name, x in results.items():
    subject_green, others_green = greens[name]
    old_words = recognised(x[3:], *old)[2]
    print(f"{name:13}: green {subject_green:5.2f} (subject), {others_green:5.2f} (others); old words in {old_words} %")

# %%
for name, (subject_green, others_green) in greens.items():
    told_apart = subject_green > 2 * max(others_green, 0)
    print(f"{name:13}: the subject is more than twice as green as others: {told_apart}")

# %% tags=["picture-by-statistics"] reason="training amplifies rounding: pixels move, the cell above prints statistics"
pictures = [*subject[:2], *results["without prior"], *subject[2:], *results["with prior"]]
asked_for = ["new\ndoctor", "new\njudge", "new\nmage", "yellow\ndoctor", "yellow\nsanta", "medium\ncook"]
titles = ["subject", "", *asked_for, *[""] * 8]
slide_figure(show_images([(x + 1) / 2 for x in pictures], titles, columns=8), "dreambooth")

# %% [markdown]
r"""
Left, the four pictures. Then, above without and below with the prior: the new word with three roles that the subject
was never shown in, and three captions without the new word. Without the prior, others turn green as well: the network
has learnt that people are green. With it the doctor is yellow again, though no doctor is in the prior, and the Santa
nearly so. The cook stays green: the subject was shown as a cook, and no *person* among the network's own pictures is
one. The judge knows no green: it reads the green cook as medium, and counts it as right. There is a
price: the subject is less green than without the prior.

**Question.** Why does the prior consist of pictures that the network has drawn, and not of the portraits that it was
trained on?
"""

# %% [markdown]
r"""
## 6. A cascade

Imagen's way to large images is another one: a first diffusion draws small images from words, a second one enlarges
them, and a third again. The second one is a diffusion of large images, with the small one as its condition: enlarged,
and joined to $x_t$ along the channels.
"""

# %% [markdown]
r"""
### Exercise 8 — the condition (5 min, at home)

Write `super_resolution_condition(x, small)`: $x_t$ first, then the small image enlarged to the size of $x_t$, by
bilinear interpolation. The corners of the two images coincide, not the centres of their corner pixels
(`align_corners=False`). The ratio of the sizes need not be a whole number.

<details><summary>Hint</summary>

`torch.nn.functional.interpolate` takes a `size`. `hint("super_resolution_condition")` tells more.

</details>
"""


# %%
def super_resolution_condition(x, small):
    """Return x_t and the enlarged small image along the channels.

    x: (n, c, H, W); small: (n, c, h, w).  Returns (n, 2c, H, W).  Saharia et al. (2022).
    """
    ### BEGIN SOLUTION
    large = interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([x, large], dim=1)
    ### END SOLUTION


# %%
super_resolution_condition = check(super_resolution_condition)


# %%
second = load_unet("portrait_cascade").to(device)


def enlarge(small, words, seed=seed):
    """Return images of 64 × 64 pixels, drawn by the second diffusion beside small ones."""

    def denoiser(x, t):
        return second(super_resolution_condition(x, small), t, words)

    return reverse(denoiser, (len(small), 3, 64, 64), seed, clip=1.0).clamp(-1, 1)


# %%
four = shown[:4]
small = torch.cat([images[new][four], drawn[guidance][four]])
enlarged = enlarge(small, bags[new][four * 2])
smooth = interpolate(small, size=(64, 64), mode="bilinear")
real = large[new][four]
for name, x in {"bilinear": smooth, "cascade": enlarged}.items():
    distance = psnr(x[:4], real, data_range=2.0)
    again = psnr(avg_pool2d(x, 2), small, data_range=2.0)
    print(f"{name:8}: {distance:.1f} dB from the real portraits, reduced again {again:.1f} dB from the small images")

# %%
pictures = [(x + 1) / 2 for x in (*small, *enlarged)]
titles = [*["real"] * 4, *["drawn"] * 4, *["enlarged"] * 8]
slide_figure(show_images(pictures, titles, columns=8), "cascade")

# %% [markdown]
r"""
The second diffusion finds the edges that the small image does not have: it knows how these portraits are drawn, which
bilinear interpolation does not. Left it begins with real portraits, reduced; right with drawn ones: words to 32 × 32
to 64 × 64, without a real pixel on the way.

**Question.** In training, the small images were given a little noise, of a random size. Which difference between
training and use does that prepare for?
"""

# %% [markdown]
r"""
## 7. A light probe

Film makers put a chrome ball into a scene: it mirrors the light, and with it one lights what is added later.
DiffusionLight (Phongthawee et al., 2024) asks a diffusion model to *paint* a chrome ball into a photograph where
there was none. If the ball is right, the model has understood the light from the rest of the picture.

Our scenes are small and gray, with one light, whose direction $l$ we know: a wall that is brighter the straighter the
light falls on it, five matte balls with their shadows, and in the middle a place for a chrome ball of known size. The
light is read off the ball by a formula: the mirror at the point with normal $n$ shows the direction $r = 2 \langle n, o
\rangle n - o$, $o$ the direction to the eye, and $l$ is the weighted mean of $r$ over the brightest pixels, brought to
length 1.
"""

# %%
from course_utils.rendering import chrome_ball, light_scenes, random_lights, read_light
from course_utils.text_to_image import LightPainter

generator = torch.Generator().manual_seed(seed)
lights = random_lights(16, generator)
scenes = light_scenes(lights, generator).to(device)
lights = lights.to(device)


def degrees(directions):
    """Return the angles to the true lights."""
    return (directions * lights.repeat(len(directions) // 16, 1)).sum(dim=1).clamp(-1, 1).arccos().rad2deg()


# %%
print(f"read off the real ball: median error {degrees(read_light(scenes)).median().item():.1f} degrees")
guess = torch.nn.functional.normalize(lights.mean(dim=0), dim=0)
print(f"always the mean direction: {degrees(guess.expand(16, 3)).median().item():.0f} degrees")

# %% [markdown]
r"""
A small network was trained on such scenes to denoise the ball, seeing the rest; DiffusionLight adapts one that was made
for pictures of any kind. It paints four balls into each scene, from four noises.
"""

# %%
light_network = load_unet("light_probe").to(device)
painter = LightPainter(light_network, 2 * scenes.repeat(4, 1, 1, 1) - 1)  # a denoiser of the ball, seeing the rest
x = reverse(painter, (64, 1, 32, 32), clip=1.0)
painted = torch.where(chrome_ball(32).to(device), (x + 1) / 2, scenes.repeat(4, 1, 1, 1))
directions = read_light(painted)
mean_direction = torch.nn.functional.normalize(directions.reshape(4, 16, 3).mean(dim=0), dim=1)
print(f"read off one painted ball: median error {degrees(directions).median().item():.0f} degrees")
print(f"mean of four painted balls: {degrees(mean_direction).median().item():.0f} degrees")

# %%
hidden = torch.where(chrome_ball(32).to(device), 0.5, scenes)
rows = [u[0] for part in (hidden, painted, scenes) for u in part[:7]]
titles = [*[""] * 7, *[f"{error:.0f}°" for error in degrees(directions)[:7].tolist()], *[""] * 7]
slide_figure(show_images(rows, titles, columns=7), "light-probe")

# %% [markdown]
r"""
Above, what the network sees; in the middle the ball that it has painted, with the error of the direction read off it;
below the real ball. We have averaged directions. DiffusionLight paints many balls, takes their median pixel by pixel,
and starts the next round from that ball.

**Question.** Where in the scenes without the ball is the information about the light? Name three places. Which of
them gives the angle around the line of sight, and which the angle *to* it?
"""

# %% [markdown]
r"""
## 8. Try it

Choose words, the noise, the guidance. Draw lines on the map to control the picture, or leave it empty.
"""

# %%
explore_text_to_image()

# %% tags=["nbval-ignore-output"] reason="probabilities by a network after its passes"
for role_said in ("elf", "mage"):
    for scale in (1.0, 3.0):
        picture, numbers = text_to_image_picture("woman", "dark", role_said, scale, seed)
        print(f"woman, dark, {role_said}, w = {scale:.0f}: read as {numbers['read as']}; {numbers['tone and role']}")

# %%
fig = show_images([picture[:, :, 34:]], width=2.5)  # without the map of the lines
show(fig, "A portrait with a dark face and a pointed hat, drawn from the words woman, dark and mage.")

# %% [markdown]
r"""
**Question.** Say a tone and no role, or a role and no tone, and try some seeds. What does the network draw where the
words leave it free, and why can guidance 6 be worse than guidance 2 then?
"""

# %% [markdown]
"""
## What you have learnt

- Words enter a diffusion as a vector, and a model can combine words that it has never seen together. To say so, hold
  out whole combinations, and let a judge whose own accuracy you state count.
- In a latent space of variance 1 the same diffusion costs a fraction; the autoencoder bounds its quality.
- Zero convolutions add a condition to a trained network that stays what it was, to the bit, when training begins.
- A new word needs four pictures, and something that keeps the old ones.
- A second diffusion, told the small image, enlarges it.
- To paint a chrome ball, a diffusion model must find the light in the rest of the scene; the ball makes it readable.

**Hand in**: this notebook with the eight exercises passed; your answers to the questions in bold; a caption that the
network gets wrong, with your explanation; and a subject of your own: four portraits changed by a rule of yours in
place of `greener`, without and with the prior.

**End of the course.** You have gone from a Gaussian with a mean and a covariance to a network that draws what it is
told. Each time the question was the same: which law does it draw from, and how do you know? """
