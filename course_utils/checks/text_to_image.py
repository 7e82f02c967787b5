"""Checks of lesson 18: captions, latents, their loss, zero convolutions, a step of control, a subject, a cascade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import text_to_image
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
    recognise_parts,
)
from course_utils.diffusion import alpha_bar, noise_loss

Known = tuple[str, Any, str]


def _known(cause: str, text: str, details: Mapping[str, Any] | None = None) -> Mistake:
    mistake = Mistake(cause, text, dict(details or {}))
    mistake.known = True
    return mistake


def _positive(n: int, seed: int) -> Tensor:
    """Return numbers between 0.4 and 2.6, in double precision, none of them 1."""
    return 0.4 + 2.2 * random_image((1, n), seed)[0].sigmoid()


def _differentiable(result: Any, of: str) -> Tensor:
    """Return a loss that training can differentiate, a scalar tensor."""
    if isinstance(result, (int, float)):
        raise Mistake("type", "You return a Python number, and training must differentiate the loss: return a tensor, without .item().")
    if not isinstance(result, Tensor):
        raise Mistake("type", "The result must be a tensor with one number, the loss.")
    if result.numel() != 1:
        raise Mistake("shape", "The result must be one number: the mean over images, channels and pixels.", {"your shape": tuple(result.shape)})
    text = f"No gradient reaches {of}: no detach(), item() or no_grad() between the network and the loss."
    expect(result.requires_grad, "autograd", text)
    return result.reshape(())


# --- captions --------------------------------------------------------------------------------------------------------

TABLES = (("dark", "light", "pilot", "elf", "woman"), ("cat", "hat", "bat"))
SAID = ((1, 3), (3, 1, 0), (2,), (0, 2, 0, 0), (2, 1, 1))


@exercise(
    text_to_image.embed_caption,
    hints=(
        "Each word that is said adds its vector, once. Who says nothing gets the vector that adds nothing.",
        "e = Σ table[word] over the set of the words. Begin with zeros of the length of a vector of the table.",
        "total = torch.zeros_like(next(iter(table.values())))",
    ),
)
def embed_caption(student: Student) -> str:
    """Compare on captions in another order, with repetitions, empty, and with a word that nobody knows."""
    for seed, (names, d) in enumerate(zip(TABLES, (4, 7), strict=True)):
        table = {name: random_image((1, d), 10 * seed + k)[0] for k, name in enumerate(names)}
        for numbers in SAID:
            words = [names[k % len(names)] for k in numbers]
            answer = student.tensor(words if len(words) % 2 else tuple(words), table, shape=(d,))
            _compare_caption(answer, words, table)
        answer = student.tensor([], table, shape=(d,))
        expect_close(answer, torch.zeros(d, dtype=torch.float64), "value", "A caption without words is the vector 0.")
    _expect_unknown_word(student)
    return "the sum over the words said, each once, in any order; 0 for none; an error for a word that is not in the table"


def _compare_caption(answer: Tensor, words: list[str], table: Mapping[str, Tensor]) -> None:
    expected = text_to_image.embed_caption(words, table)
    if is_close(answer, expected):
        return
    vectors = [table[word] for word in words]
    said, everything = torch.stack([table[word] for word in dict.fromkeys(words)]), torch.stack(list(table.values()))
    recognise(
        answer,
        ("weight", sum(vectors), "A word that is said twice counts twice. It is said, or it is not: take the set of the words."),
        ("normalisation", said.mean(dim=0), "This is the mean of the vectors. They are added."),
        ("normalisation", torch.stack(vectors).mean(dim=0), "This is the mean of the vectors. They are added, each word once."),
        ("normalisation", F.normalize(expected, dim=0), "The sum is divided by its norm: it is taken as it is."),
        ("value", said.prod(dim=0), "The vectors are multiplied: they are added."),
        ("value", said.amax(dim=0), "This is the largest of the entries. The vectors are added."),
        ("truncation", vectors[-1], "Only the last word counts: add the vectors of all, and return after the loop."),
        ("truncation", vectors[0], "Only the first word counts: add the vectors of all, and return after the loop."),
        ("constant", everything.sum(dim=0), "All the words of the table are added: only those that are said."),
        ("value", everything.sum(dim=0) - expected, "The words that are not said are added."),
        ("start", expected + 1, "The sum begins with ones: begin with zeros."),
    )
    expect_close(answer, expected, "value", "The result is not the sum of the vectors of the words that are said.", words=", ".join(words))


def _expect_unknown_word(student: Student) -> None:
    table = {"cat": torch.ones(3, dtype=torch.float64)}
    try:
        student.function(["cat", "unicorn"], dict(table))
    except (ValueError, KeyError):
        return
    except Exception as error:
        raise Mistake("exception", f"For a word that is not in the table you raise {type(error).__name__}: make it a ValueError or a KeyError.") from error
    raise _known("value", "A word that is not in the table is passed over in silence: nobody would notice a slip of the pen. Raise a ValueError.")


# --- latents ---------------------------------------------------------------------------------------------------------

CHANNELS = 4


class _Coder(nn.Module):
    """A map from 3 channels to 4 at half the size, or from 4 to 3 at twice, that is not linear."""

    def __init__(self, down: bool) -> None:
        super().__init__()
        a, b = (3, CHANNELS) if down else (CHANNELS, 3)
        self.down, self.weight = down, nn.Parameter(0.5 * random_image((b, a, 2, 2), 7 + down))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        y = F.conv2d(x, self.weight.to(x), stride=2) if self.down else F.conv_transpose2d(x, self.weight.transpose(0, 1).to(x), stride=2)
        return y + 0.3 * y.square()


LATENT_SIZES = ((2, 6, 8), (3, 10, 6), (1, 4, 4))  # of images; the first has latents as wide as there are channels


@exercise(
    text_to_image.encode,
    hints=(
        "First the encoder, then, channel by channel, subtract the mean and divide by the standard deviation.",
        "z = (E(x) − μ) / s. mean[:, None, None] has the shape (channels, 1, 1), which goes along the channels.",
        "y = encoder(x)",
    ),
)
def encode(student: Student) -> str:
    """Compare on non-square images, where the maps may be as wide as they have channels."""
    for seed, (n, H, W) in enumerate(LATENT_SIZES):
        x, encoder = random_image((n, 3, H, W), seed), _Coder(down=True)
        mean, std = 2 * random_image((1, CHANNELS), 20 + seed)[0], _positive(CHANNELS, 30 + seed)
        answer = student.tensor(x, encoder, mean, std, shape=(n, CHANNELS, H // 2, W // 2))
        with torch.no_grad():
            y = encoder(x)
            expected = text_to_image.encode(x, encoder, mean, std)
        if is_close(answer, expected):
            continue
        m, s = mean[:, None, None], std[:, None, None]
        own_m, own_s = y.mean(dim=(0, 2, 3))[:, None, None], y.std(dim=(0, 2, 3), correction=0)[:, None, None]
        known: list[Known] = [
            ("order", y / s - m, "You divide first, then subtract the mean: parentheses are missing, (E(x) − μ) / s."),
            ("order", y - m / s, "Only the mean is divided: parentheses are missing, (E(x) − μ) / s."),
            ("value", (y - own_m) / own_s, "These are the mean and standard deviation of this batch. They are given: the same for all images, or decode could not undo it."),
            ("value", (y - own_m) / y.std(dim=(0, 2, 3))[:, None, None], "These are the mean and standard deviation of this batch. They are given: the same for all images, or decode could not undo it."),
            ("value", s * y + m, "This is what decode does before the decoder: subtract the mean, then divide."),
            ("mean", (y - mean.mean()) / std.mean(), "You take one mean and one standard deviation for all channels. Each channel has its own."),
            ("truncation", (y - mean[0]) / std[0], "You take the first channel's mean and standard deviation for all."),
        ]
        if y.shape[-1] == CHANNELS:
            known.append(("axis", (y - mean) / std, "μ and s run along the columns: (channels,) broadcasts along the last axis. Write mean[:, None, None]."))
        recognise(answer, *known)
        recognise_parts(answer, lambda mean, scale, y=y: (y - mean) * scale, {
            "mean": (m, [("mean", 0 * m, "The mean is not subtracted."), ("sign", -m, "The mean is added: subtract it.")]),
            "scale": (1 / s, [
                ("normalisation", torch.ones_like(s), "Nothing is divided by the standard deviation."),
                ("normalisation", s, "You multiply by the standard deviation: divide by it."),
                ("square-root", 1 / s.square(), "You divide by the variance: by its root, the standard deviation s."),
                ("square-root", 1 / s.sqrt(), "You divide by the root of s: std is the root of the variance already."),
                *[("epsilon", 1 / (s + e), "Something is added to the denominator: s is not 0, leave it alone.") for e in (1e-2, 1e-3, 1e-4, 1e-5)],
            ]),
        })  # fmt: skip
        expect_close(answer, expected, "value", "The result is not (E(x) − μ) / s, channel by channel.")
    return "(E(x) − μ) / s, channel by channel, on non-square images"


@exercise(
    text_to_image.decode,
    hints=(
        "Undo encode from its end: multiply by the standard deviation, add the mean, and then decode.",
        "D(s z + μ), with s and μ of shape (channels, 1, 1).",
        "y = std[:, None, None] * z + mean[:, None, None]",
    ),
)
def decode(student: Student) -> str:
    """Look at what the decoder was given, and compare the images."""
    for seed, (n, H, W) in enumerate(LATENT_SIZES):
        z, decoder = random_image((n, CHANNELS, H // 2, W // 2), seed), _Coder(down=False)
        mean, std = 2 * random_image((1, CHANNELS), 20 + seed)[0], _positive(CHANNELS, 30 + seed)
        answer = student.tensor(z, decoder, mean, std, shape=(n, 3, H, W))
        m, s = mean[:, None, None], std[:, None, None]
        given = s * z + m
        with torch.no_grad():
            expected = decoder(given)
        if is_close(answer, expected):
            continue
        seen = decoder.seen[:-1]
        with torch.no_grad():
            scaled = std.mean() * decoder(z) + mean.mean()
        recognise(answer, ("order", scaled, "You scale and shift the image: the latents are, before the decoder sees them."))
        expect(bool(seen), "constant", "The decoder is never called: the images are D(s z + μ).")
        _recognise_given(seen[-1], z, m, s, mean, std)
        recognise(answer, ("clipping", expected.clamp(-1, 1), "The images are clipped to [−1, 1]: return what the decoder gives."))
        expect_close(answer, expected, "value", "The result is not D(s z + μ).")
    return "D(s z + μ), channel by channel"


def _recognise_given(seen: Tensor, z: Tensor, m: Tensor, s: Tensor, mean: Tensor, std: Tensor) -> None:
    """Name what went into the decoder in place of s z + μ."""
    if seen.shape != z.shape:
        return
    known: list[Known] = [
        ("order", s * (z + m), "The mean is multiplied by s: first s z, then + μ."),
        ("value", (z - m) / s, "This is the formula of encode. Going back: multiply by s, then add μ."),
        ("order", (z + m) / s, "Going back: multiply by s, then add μ."),
        ("order", m * z + s, "μ and s are exchanged: s z + μ."),
        ("mean", std.mean() * z + mean.mean(), "You take one mean and one standard deviation for all channels. Each channel has its own."),
    ]
    if z.shape[-1] == CHANNELS:
        known.append(("axis", std * z + mean, "μ and s run along the columns: (channels,) broadcasts along the last axis. Write mean[:, None, None]."))
    recognise(seen, *known)
    recognise_parts(seen, lambda mean, scale: scale * z + mean, {
        "mean": (m, [("mean", 0 * m, "The mean is not added."), ("sign", -m, "The mean is subtracted: add it.")]),
        "scale": (s, [
            ("normalisation", torch.ones_like(s), "Nothing is multiplied by the standard deviation."),
            ("normalisation", 1 / s, "You divide by the standard deviation: multiply by it."),
            ("square-root", s.square(), "You multiply by the variance: by its root, the standard deviation s."),
            ("square-root", s.sqrt(), "You multiply by the root of s: std is the root of the variance already."),
        ]),
    })  # fmt: skip


# --- a network with words --------------------------------------------------------------------------------------------

WORDS = 5


class _Network(nn.Module):
    """A denoiser of a few weights that hears time and words, and what is added to it."""

    def __init__(self, channels: int, seed: int = 0) -> None:
        super().__init__()
        self.mix = nn.Parameter(0.5 * random_image((channels, channels), 40 + seed))
        self.word = nn.Parameter(random_image((WORDS, channels), 41 + seed))
        self.seen: list[tuple[Tensor, Any, Any]] = []

    def forward(self, x: Tensor, t: Any, words: Any = None, added: Any = ()) -> Tensor:
        self.seen.append((x.detach().clone(), t, words))
        t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1, 1, 1)
        y = torch.einsum("ij,njhw->nihw", self.mix.to(x), x) * (0.5 + t)
        for k, more in enumerate(added):
            y = y + (1 + k) * more * y.tanh() + more
        return y if words is None else y + (words.to(x) @ self.word.to(x))[..., None, None] * (1 - t)

    def values(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters()]).clone()


def _captions(n: int, seed: int) -> Tensor:
    """Return different captions."""
    words = (random_image((n, WORDS), 60 + seed) > 0).double()
    words[torch.arange(n), torch.arange(n) % WORDS] += 1
    return words.clamp(max=1)


def _at(a: Tensor) -> Tensor:
    return a.reshape(-1, 1, 1, 1)


@exercise(
    text_to_image.latent_noise_loss,
    hints=(
        "Encode the images without a gradient, then everything is as in notebook 16, with latents in the place of images.",
        "z_0 = E(x_0), z_t = √ᾱ z_0 + √(1 − ᾱ) ε, and the mean of (ε̂(z_t, t, words) − ε)².",
        "with torch.no_grad(): z0 = encoder(x0)",
    ),
)
def latent_noise_loss(student: Student) -> str:
    """Compare the loss on batches of several sizes, and look at where its gradient goes."""
    for seed, (n, H, W) in enumerate(((3, 6, 8), (2, 10, 6), (5, 4, 4))):
        network, encoder = _Network(CHANNELS, seed), _Coder(down=True)
        x0, words = random_image((n, 3, H, W), seed), _captions(n, seed)
        t = torch.linspace(0.15, 0.8, n, dtype=torch.float64)
        noise = 1.3 * random_image((n, CHANNELS, H // 2, W // 2), 50 + seed)
        loss = _differentiable(student(network, encoder, x0, words, t, noise), "the network")
        expect(bool(encoder.seen), "constant", "The encoder is never called: the diffusion lives among the latents encoder(x0).")
        expect(bool(network.seen[0:]), "constant", "The network is never called: ε̂ = network(z_t, t, words).")
        expected = text_to_image.latent_noise_loss(network, encoder, x0, words, t, noise).detach()
        answer = loss.detach()
        if not is_close(answer, expected):
            with torch.no_grad():
                recognise(answer, *_wrong_latent_losses(network, encoder(x0), words, t, noise))
            expect_close(answer, expected, "value", "The loss is not the mean of (ε̂(z_t, t, words) − ε)².")
        loss.backward()
        text = "The value is right, but a gradient goes into the encoder, which is not to move: with torch.no_grad(): z0 = encoder(x0)."
        expect(encoder.weight.grad is None, "autograd", text)
        expect(network.mix.grad is not None, "autograd", "The value is right, but no gradient reaches the network.")
    return "the mean of (ε̂(z_t, t, words) − ε)² on latents, with a gradient in the network and none in the encoder"


def _wrong_latent_losses(network: nn.Module, z0: Tensor, words: Tensor, t: Tensor, noise: Tensor) -> list[Known]:
    a = _at(alpha_bar(t))
    z = a.sqrt() * z0 + (1 - a).sqrt() * noise
    estimate = network(z, t, words)
    error = estimate - noise
    roots = network(a * z0 + (1 - a) * noise, t, words) - noise
    exchanged = network((1 - a).sqrt() * z0 + a.sqrt() * noise, t, words) - noise
    return [
        ("normalisation", error.square().sum(), "The squares are added: take their mean."),
        ("normalisation", error.square().sum() / len(z0), "The squares are added over the latents of an image: take the mean over everything."),
        ("square-root", error.square().mean().sqrt(), "You took the root of the mean: the loss is the mean of the squares."),
        ("square-root", error.abs().mean(), "You took the modulus of the errors: take their squares."),
        ("square-root", error.mean(), "The errors are not squared: errors of both signs cancel."),
        ("square-root", error.norm(), "This is the norm of the errors: take the mean of their squares."),
        ("value", (estimate - z0).square().mean(), "The network's estimate is compared with the latents: it estimates the noise ε."),
        ("value", (estimate - z).square().mean(), "The network's estimate is compared with z_t: it estimates the noise ε."),
        ("value", (network(z, t) - noise).square().mean(), "The network is not told the words: network(z, t, words)."),
        ("value", (network(z, t, 0 * words) - noise).square().mean(), "The network is not told the words: network(z, t, words)."),
        ("value", (network(z0, t, words) - noise).square().mean(), "The network sees the latents without noise: z_t = diffuse(z0, t, noise)."),
        ("value", (network(noise, t, words) - noise).square().mean(), "The network sees the noise alone: z_t = diffuse(z0, t, noise)."),
        ("value", (network(z0 + noise, t, words) - noise).square().mean(), "z_0 + ε is not z_t: diffuse(z0, t, noise)."),
        ("square-root", roots.square().mean(), "The roots are missing in z_t: √ᾱ z_0 + √(1 − ᾱ) ε."),
        ("order", exchanged.square().mean(), "The weights in z_t are exchanged: √ᾱ z_0 + √(1 − ᾱ) ε."),
        ("order", (network(_at(alpha_bar(t)) * 0 + z, 1 - t, words) - noise).square().mean(), "The network is told another time than z_t has."),
        ("truncation", error[0].square().mean(), "Only the first image counts: take the mean over the batch."),
        ("mean", (network(alpha_bar(t.mean().item()).sqrt() * z0 + (1 - alpha_bar(t.mean().item())).sqrt() * noise, t, words) - noise).square().mean(), "All images are taken at the mean time: each has its own."),
    ]  # fmt: skip


# --- control ---------------------------------------------------------------------------------------------------------


@exercise(
    text_to_image.zero_convolution,
    hints=(
        "Make the convolution, then fill both of its parameters with zeros. They stay parameters: training will move them.",
        "torch.nn.Conv2d(channels, out, 1) has .weight (out, channels, 1, 1) and .bias (out,).",
        "convolution = torch.nn.Conv2d(channels, out, 1)",
    ),
)
def zero_convolution(student: Student) -> str:
    """Look at the layer and its parameters, what it lets through, and whether it can learn."""
    for channels, out in ((3, 5), (6, 2), (4, 4)):
        layer = student(channels, out)
        if isinstance(layer, Tensor):
            raise Mistake("type", "You return a tensor: return the layer, a torch.nn.Conv2d.")
        expect(isinstance(layer, nn.Conv2d), "type", f"The result must be a torch.nn.Conv2d, you return {type(layer).__name__}.")
        shown = {"your weight": tuple(layer.weight.shape), "expected": (out, channels, 1, 1)}
        if tuple(layer.weight.shape) == (channels, out, 1, 1) and channels != out:
            raise Mistake("order", "The channels that come in and go out are exchanged: Conv2d(channels, out, 1).", shown)
        if layer.weight.shape[2:] != (1, 1):
            raise Mistake("shape", "The convolution must be of 1 × 1 pixels: a larger one moves and mixes pixels once it has learnt.", shown)
        expect(tuple(layer.weight.shape) == (out, channels, 1, 1), "shape", "The convolution has not the right channels, or is split into groups.", **shown)
        if layer.bias is None:
            raise Mistake("value", "The convolution has no bias: it has one, which is 0.")
        expect(not layer.weight.any(), "value", "The weights are not 0: what the control says would disturb the base from the first step on.")
        expect(not layer.bias.any(), "value", "The biases are not 0: Conv2d draws them at random, as it does the weights.")
        trained = layer.weight.requires_grad and layer.bias.requires_grad
        expect(trained, "autograd", "The parameters do not require a gradient, so they would stay 0 for ever: only their first value is 0.")
        expect(layer.stride == (1, 1) and layer.padding in ((0, 0), "valid", "same"), "shape", "The output must have the size of the input: no stride, no padding.")
    expect(student(3, 3) is not student(3, 3), "constant", "Two calls give the same layer: it would be trained for both of its places.")
    return "a convolution of 1 × 1 pixels with weights and biases 0, which can learn"


RATE = 0.05


class _Side(nn.Module):
    """A control of a few weights, with a zero convolution that has learnt a little."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(random_image((3, 4), 70))
        self.gate = nn.Parameter(0.2 * random_image((3, 3), 71))
        self.events: list[str] = []
        self.seen: list[tuple[Tensor, Any, Any, Tensor]] = []
        self.gate.register_hook(lambda gradient: self.events.append("backward"))

    def forward(self, x: Tensor, t: Any, words: Any, drawing: Tensor) -> list[Tensor]:
        self.seen.append((x.detach().clone(), t, words, drawing.detach().clone()))
        self.events.append("control" if torch.is_grad_enabled() else "control without gradient")
        h = torch.einsum("ij,njhw->nihw", self.first.to(x), torch.cat([x, drawing.to(x)], dim=1)).tanh()
        if words is not None:
            h = h * (1 + words.to(x).sum(dim=1)).reshape(-1, 1, 1, 1)
        added = torch.einsum("ij,njhw->nihw", self.gate.to(x), h)
        return [added, added.square()]

    def values(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters()]).clone()


class _Descent(torch.optim.SGD):
    """Gradient descent on the control's weights, which records its steps."""

    def __init__(self, side: _Side) -> None:
        super().__init__(side.parameters(), RATE)
        self.side = side

    def step(self, closure: Any = None) -> Any:
        """Take a step, and record it."""
        self.side.events.append("step")
        return super().step(closure)


def _control_batch(k: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return x0, words, drawing, t, noise of step k."""
    n = 3 + k % 2
    drawing = (random_image((n, 1, 6, 5), 90 + k) > 0).double()
    t = torch.linspace(0.7, 0.2, n, dtype=torch.float64)
    return random_image((n, 3, 6, 5), 80 + k), _captions(n, k), drawing, t, random_image((n, 3, 6, 5), 95 + k)


@exercise(
    text_to_image.control_step,
    hints=(
        "Put noise on the images, let the control look, let the base estimate with what the control adds. Then a step as in any training.",
        "x_t = diffuse(x0, t, noise), ε̂ = base(x_t, t, words, control(x_t, t, words, drawing)), loss = mean of (ε̂ − ε)²; zero_grad, backward, step; return the loss as a number.",
        "x = diffuse(x0, t, noise)",
    ),
)
def control_step(student: Student) -> str:
    """Take three steps of gradient descent on a control of twenty-one numbers, beside the course's own."""
    base, mine, theirs = _Network(3), _Side(), _Side()
    frozen, optimizers = base.values(), [_Descent(side) for side in (mine, theirs)]
    for k in range(3):
        batch, before = _control_batch(k), theirs.values()
        expected = text_to_image.control_step(base, mine, optimizers[0], *batch)
        base.zero_grad(set_to_none=True)
        theirs.events.clear()
        theirs.seen.clear()
        result = student(base, theirs, optimizers[1], *batch)
        expect(base.values().equal(frozen), "mutates-input", "The base has moved: it stays as it is, only the control is trained.")
        _expect_number(result)
        _expect_control_moved(theirs, before, mine, base, batch, k)
        _expect_control_loss(float(result), expected, theirs, base, batch)
    return "three steps of the control as gradient descent takes them, the base as it was, and the loss before each"


def _expect_number(result: Any) -> None:
    if isinstance(result, Tensor) and result.numel() > 1:
        raise Mistake("shape", "The result must be one number, the loss.", {"your shape": tuple(result.shape)})
    if isinstance(result, Tensor):
        text = "You return a tensor, which keeps the whole computation in memory as long as somebody keeps the loss: return loss.item()."
        raise Mistake("type", text)
    expect(isinstance(result, (int, float)), "type", "The result must be one number, the loss.")


def _control_loss(base: nn.Module, side: nn.Module, batch: tuple[Tensor, ...], **other: Tensor) -> Tensor:
    """Return the loss of a step, with some of its parts replaced."""
    x0, words, drawing, t, noise = batch
    a = _at(alpha_bar(t))
    x = other.get("x", a.sqrt() * x0 + (1 - a).sqrt() * noise)
    w = other.get("words", words)
    added = side(x, t, other.get("side_words", w), other.get("drawing", drawing))
    return (base(x, t, w, added) - other.get("target", noise)).square().mean()


def _expect_control_moved(theirs: _Side, before: Tensor, mine: _Side, base: _Network, batch: tuple[Tensor, ...], k: int) -> None:
    """Raise unless the control went where the course's own step brings it."""
    moved, right = theirs.values() - before, mine.values() - before
    if is_close(moved, right, 1e-6):
        return
    if k > 0:
        raise _known("order", "The first step is right, the next one is not: backward adds to the gradients that are there. Call optimizer.zero_grad() in each step, before backward.")
    events = theirs.events
    if not moved.any():
        _raise_not_moved(events)
    x0, words, drawing, t, noise = batch
    a = _at(alpha_bar(t))

    def direction(**other: Tensor) -> Tensor:
        side = _Side()
        gradients = torch.autograd.grad(_control_loss(base, side, batch, **other), list(side.parameters()), allow_unused=True)
        return -RATE * torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten() for g, p in zip(gradients, side.parameters(), strict=True)])

    recognise(
        moved,
        ("sign", -right, "The step goes uphill: call backward on the loss itself."),
        ("value", direction(target=x0), "The estimate is compared with the images: the base estimates the noise ε."),
        ("value", direction(x=x0), "Base and control see the images without noise: x_t = diffuse(x0, t, noise)."),
        ("value", direction(x=x0 + noise), "x_0 + ε is not x_t: diffuse(x0, t, noise)."),
        ("value", direction(x=noise), "Base and control see the noise alone: x_t = diffuse(x0, t, noise)."),
        ("square-root", direction(x=a * x0 + (1 - a) * noise), "The roots are missing in x_t: √ᾱ x_0 + √(1 − ᾱ) ε."),
        ("order", direction(x=(1 - a).sqrt() * x0 + a.sqrt() * noise), "The weights in x_t are exchanged: √ᾱ x_0 + √(1 − ᾱ) ε."),
        ("value", direction(words=0 * words), "Nobody is told the words: base(x, t, words, …) and control(x, t, words, drawing)."),
        ("value", direction(side_words=0 * words), "The control is not told the words: control(x, t, words, drawing)."),
        ("value", direction(drawing=0 * drawing), "The control does not see the drawing."),
        ("normalisation", right * noise.numel(), "The squares are added: take their mean."),
        ("normalisation", right * noise[0].numel(), "The squares are added over each image: take the mean over everything."),
    )  # fmt: skip
    numbers = {"length of your step": moved.norm().item(), "expected": right.norm().item()}
    steps = events.count("step")
    if steps == 0:
        raise _known("step-size", "The weights move, but not by the given optimizer: call optimizer.step().", numbers)
    if steps > 1:
        raise _known("step-size", f"You call optimizer.step() {steps} times: one step.", numbers)
    factor = numbers["length of your step"] / numbers["expected"]
    if is_close(moved, factor * right, 1e-6):
        raise _known("normalisation", f"The step has the right direction, but is {factor:.3g} times as long: the loss is the mean of the squares, without a factor.", numbers)
    raise Mistake("value", "The control does not go down the gradient of the loss.", numbers)


def _raise_not_moved(events: list[str]) -> None:
    if not any(event.startswith("control") for event in events):
        raise _known("constant", "The control is never called: the base is given control(x, t, words, drawing).")
    if "control without gradient" in events and "backward" not in events:
        raise _known("autograd", "The control is evaluated without a gradient: no no_grad() around it.")
    if "backward" not in events:
        raise _known("autograd", "No gradient reaches the control: call loss.backward(), and cut the graph nowhere. It must go through the base, which is frozen because the optimizer has not its weights.")
    if "step" not in events:
        raise _known("constant", "No weight moved: call optimizer.step() after loss.backward().")
    if events.index("step") < events.index("backward"):
        raise _known("order", "optimizer.step() comes before loss.backward(): it has no gradient yet, or that of the step before.")
    raise _known("order", "The gradients are set to zero between backward and step, and nothing is left: zero_grad, then backward, then step.")


def _expect_control_loss(result: float, expected: float, theirs: _Side, base: _Network, batch: tuple[Tensor, ...]) -> None:
    answer = torch.tensor(result, dtype=torch.float64)
    with torch.no_grad():
        after = _control_loss(base, theirs, batch)
    recognise(answer, ("order", after, "This is the loss after the step: it costs a second pass. Return the one that you went back from."))
    expect_close(answer, torch.tensor(expected, dtype=torch.float64), "value", "The number returned is not the loss before the step.")


# --- a subject -------------------------------------------------------------------------------------------------------


def _told(network: nn.Module, words: Tensor) -> Callable[..., Tensor]:
    return lambda x, t: network(x, t, words)


@exercise(
    text_to_image.subject_loss,
    hints=(
        "Two noise losses: of the subject's pictures with their words, and of the prior's with theirs. The second has a weight.",
        "L = noise_loss(told(network, subject_words), subject, generator) + weight · noise_loss(told(network, prior_words), prior, generator).",
        "loss = noise_loss(told(network, subject_words), subject, generator)",
    ),
)
def subject_loss(student: Student) -> str:
    """Compare for several weights, with batches of two sizes; either part may be drawn first."""
    for seed, (n, m, weight) in enumerate(((2, 3, 0.7), (4, 2, 1.0), (3, 3, 0.0), (1, 4, 2.5))):
        network = _Network(3, seed)
        subject, prior = random_image((n, 3, 6, 5), seed), 0.5 + random_image((m, 3, 6, 5), 10 + seed)
        words, others = _captions(n, seed), 1 - _captions(m, seed + 5)
        start = 100 + seed
        loss = _differentiable(student(network, subject, words, prior, others, weight, torch.Generator().manual_seed(start)), "the network")
        answer = loss.detach()
        with torch.no_grad():
            if not any(is_close(answer, _subject(network, subject, words, prior, others, weight, start, first)) for first in (True, False)):
                _raise_subject(answer, network, subject, words, prior, others, weight, start)
        loss.backward()
        expect(network.mix.grad is not None and bool(network.mix.grad.any()), "autograd", "The value is right, but no gradient reaches the network.")
    return "the noise loss of the subject plus the weight times that of the prior, each with its words"


def _subject(
    network: nn.Module, subject: Tensor, words: Tensor, prior: Tensor, others: Tensor, weight: float, start: int, first: bool, own: float = 1.0
) -> Tensor:
    """Return ``own`` times the subject's loss plus ``weight`` times the prior's, the subject drawn first or last."""
    generator = torch.Generator().manual_seed(start)
    parts = [(subject, words, own), (prior, others, weight)]
    losses = [w * noise_loss(_told(network, told), x, generator) for x, told, w in (parts if first else parts[::-1])]
    return losses[0] + losses[1]


def _raise_subject(
    answer: Tensor, network: nn.Module, subject: Tensor, words: Tensor, prior: Tensor, others: Tensor, weight: float, start: int
) -> None:
    def value(
        s: Tensor = subject, w: Tensor = words, p: Tensor = prior, o: Tensor = others, of_prior: float = weight, own: float = 1.0
    ) -> Tensor:
        return _subject(network, s, w, p, o, of_prior, start, True, own)

    same = [noise_loss(_told(network, told), x, torch.Generator().manual_seed(start)) for x, told in ((subject, words), (prior, others))]
    together = noise_loss(_told(network, torch.cat([words, others])), torch.cat([subject, prior]), torch.Generator().manual_seed(start))
    known: list[Known] = [
        ("weight", value(of_prior=1.0), "The weight is missing: it multiplies the prior's loss."),
        ("weight", value(of_prior=1.0, own=weight), "The weight multiplies the subject's loss: it belongs to the prior's."),
        ("weight", value(own=weight), "The weight multiplies both losses: only the prior's."),
        ("weight", value(of_prior=weight, own=1 - weight), "The subject's loss is multiplied by 1 − weight: it is taken as it is."),
        ("truncation", value(of_prior=0.0), "The prior is missing: nothing keeps the network from forgetting."),
        ("truncation", value(own=0.0), "The subject is missing: nothing new is learnt."),
        ("sign", value(of_prior=-weight), "The prior's loss is subtracted: it is added."),
        ("square-root", value(of_prior=weight**2), "The weight is squared: it is taken as it is."),
        ("normalisation", value(of_prior=weight / 2, own=0.5), "You take half of the sum: the two parts are added."),
        ("normalisation", value(of_prior=weight / (1 + weight), own=1 / (1 + weight)), "You divide by 1 + weight: the two parts are added."),
        ("value", value(w=0 * words, o=0 * others), "The network is not told any words: told(network, words) is the denoiser that has heard them."),
        ("value", value(o=0 * others), "The prior's pictures come without their words."),
        ("value", value(w=0 * words), "The subject's pictures come without their words: so the new word never gets a meaning."),
        ("randomness", same[0] + weight * same[1], "Both parts have the same times and noise. Pass the generator on: it goes further with each draw, and must not be made again."),
        ("normalisation", together, "The pictures of both are put into one batch: then the weight is missing, and the larger batch counts more."),
    ]
    if len(subject) == len(prior):
        known += [
            ("order", value(w=others, o=words), "The words are exchanged: each part has its own."),
            ("order", value(o=words), "The prior's pictures are told the subject's words."),
            ("order", value(w=others), "The subject's pictures are told the prior's words."),
        ]
    recognise(answer, *known)
    expect_close(answer, value(), "value", "The loss is not that of the subject plus weight times that of the prior, with times and noise from the generator.", weight=weight)


# --- the cascade -----------------------------------------------------------------------------------------------------


@exercise(
    text_to_image.super_resolution_condition,
    hints=(
        "Make the small image as large as x_t, then put it behind x_t along the channels.",
        'torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False), then torch.cat along dimension 1.',
        'large = torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)',
    ),
)
def super_resolution_condition(student: Student) -> str:
    """Compare on non-square images, enlarged by 2, by 3 and by a fraction."""
    for seed, (n, c, h, w, H, W) in enumerate(((2, 3, 4, 5, 8, 10), (3, 1, 3, 4, 9, 12), (1, 2, 4, 6, 9, 10))):
        x, small = random_image((n, c, H, W), seed), random_image((n, c, h, w), 10 + seed)
        answer = student.tensor(x, small, shape=(n, 2 * c, H, W))
        expected = text_to_image.super_resolution_condition(x, small)
        if is_close(answer, expected):
            continue
        larger = expected[:, c:]

        def joined(mode: str, x: Tensor = x, small: Tensor = small, **options: Any) -> Tensor:
            return torch.cat([x, F.interpolate(small, size=x.shape[-2:], mode=mode, **options)], dim=1)

        pixels = torch.arange(c).repeat_interleave(2) + torch.tensor([0, c]).repeat(c)
        recognise(
            answer,
            ("order", torch.cat([larger, x], dim=1), "The small image comes first: x_t does, then the enlarged one."),
            ("value", joined("nearest"), "You repeat each pixel, mode='nearest', which is interpolate's default. The condition is bilinear: mode='bilinear'."),
            ("value", joined("nearest-exact"), "You repeat each pixel. The condition is bilinear: mode='bilinear'."),
            ("value", joined("bicubic"), "You enlarge with mode='bicubic': the condition is bilinear."),
            ("boundary", joined("bilinear", align_corners=True), "The centres of the corner pixels are aligned. Pixels are squares: align_corners=False."),
            ("value", torch.cat([x, x], dim=1), "x_t stands twice: the second half is the enlarged small image."),
            ("value", torch.cat([larger, larger], dim=1), "The small image stands twice: the first half is x_t."),
            ("value", torch.cat([x, larger - x], dim=1), "You join the difference to x_t: the condition is the enlarged image itself."),
            ("value", torch.cat([x + larger, x + larger], dim=1), "x_t and the enlarged image are added: they are joined."),
            ("order", expected[:, pixels], "The channels of both alternate: first all of x_t, then all of the enlarged image."),
            ("value", torch.cat([x, torch.zeros_like(x)], dim=1), "The second half is 0: enlarge the small image."),
        )  # fmt: skip
        expect_close(answer, expected, "value", "The result is not x_t, then the small image enlarged by bilinear interpolation.")
    return "x_t, then the small image enlarged to its size, along the channels"
