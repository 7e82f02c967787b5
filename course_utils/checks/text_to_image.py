"""Checks of lesson 18: captions, latents, their loss, zero convolutions, a step of control, a subject, a cascade."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
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


def _gradient(loss: Tensor, weights: Iterable[Tensor]) -> Tensor:
    """Return the gradient of a student's loss, all in one, before anybody has called backward."""
    weights = list(weights)
    text = "You call backward() yourself: return the loss, who trains calls it."
    expect(all(p.grad is None for p in weights), "autograd", text)
    try:
        parts = torch.autograd.grad(loss, weights, allow_unused=True)
    except RuntimeError as error:
        raise Mistake("autograd", text) from error
    return torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten() for g, p in zip(parts, weights, strict=True)])


class _Single(nn.Conv2d):
    """A network in single precision, which takes nothing else: the notebook's."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 1)

    def forward(self, x: Tensor, t: Any = None, words: Any = None) -> Tensor:
        return super().forward(x)


def _also_in_single(student: Student, *args: Any, loss: bool = False) -> None:
    """Let the notebook go on with the course's function where a right one cannot take single precision, or leaves it."""
    try:
        result = student.function(*args)
    except Exception as error:
        text = f"it stops with {type(error).__name__}"
    else:
        if loss or not isinstance(result, Tensor) or result.dtype == torch.float32:
            return
        text = "it gives double precision"
    student.remark = f"The values are right, but with arguments in single precision, as in the notebook, {text}: take the dtype from the arguments."


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
            result = student(words if len(words) % 2 else tuple(words), table)
            if isinstance(result, Tensor) and result.shape == (len(names),) and result.double().equal(torch.tensor([float(name in words) for name in names]).double()):
                raise Mistake("shape", "You say which words are there, by 0 and 1: add their vectors, table[word].")
            _compare_caption(student.as_tensor(result, (d,)), words, table)
        answer = _of_nothing(student, table, d)
        expect_close(answer, torch.zeros(d, dtype=torch.float64), "value", "A caption without words is the vector 0.")
    _expect_unknown_word(student)
    _also_in_single(student, ["cat"], {"cat": torch.ones(3), "dog": torch.zeros(3)})
    return "the sum over the words said, each once, in any order; 0 for none; an error for a word that is not in the table"


def _of_nothing(student: Student, table: Mapping[str, Tensor], d: int) -> Tensor:
    """Return the vector of a caption without words; what goes wrong says for which caption it does."""
    try:
        return student.tensor([], table, shape=(d,))
    except Mistake as mistake:
        mistake.message = f"For a caption without words: {mistake.message}"
        raise


def _compare_caption(answer: Tensor, words: list[str], table: Mapping[str, Tensor]) -> None:
    expected = text_to_image.embed_caption(words, table)
    if is_close(answer, expected):
        return
    vectors = [table[word] for word in words]
    said, everything = torch.stack([table[word] for word in dict.fromkeys(words)]), torch.stack(list(table.values()))
    zero = torch.zeros_like(expected)
    recognise(
        answer,
        ("weight", sum(vectors), "A word that is said twice counts twice. It is said, or it is not: take the set of the words."),
        ("normalisation", said.mean(dim=0), "This is the mean of the vectors. They are added."),
        ("normalisation", torch.stack(vectors).mean(dim=0), "This is the mean of the vectors. They are added, each word once."),
        ("normalisation", F.normalize(expected, dim=0), "The sum is divided by its norm: it is taken as it is."),
        ("value", said.prod(dim=0), "The vectors are multiplied: they are added."),
        ("value", said.amax(dim=0), "This is the largest of the entries. The vectors are added."),
        ("weight", sum((table[word] for word, _ in groupby(words)), zero), "A word that is said again, with another one between, counts twice: take the set of the words."),
        ("weight", sum((table[word] for word in words if words.count(word) == 1), zero), "A word that is said twice is left out: it counts, once."),
        *[("truncation", vector, "Only one of the words counts: add the vectors of all, and return after the loop, not in it.") for vector in said if len(said) > 1],
        ("normalisation", expected / len(said) ** 0.5, "The sum is divided by the root of the number of words: it is taken as it is."),
        ("constant", everything.sum(dim=0), "All the words of the table are added: only those that are said."),
        ("value", everything.sum(dim=0) - expected, "The words that are not said are added."),
        ("start", expected + 1, "The sum begins with ones: begin with zeros."),
        *[("start", expected + vector, "The sum begins with a vector of the table: begin with zeros.") for vector in everything],
    )
    expect_close(answer, expected, "value", "The result is not the sum of the vectors of the words that are said.", words=", ".join(words))


def _expect_unknown_word(student: Student) -> None:
    table = {"cat": torch.ones(3, dtype=torch.float64)}
    for words in (["cat", "unicorn"], ["unicorn", "cat"], ["unicorn"]):
        try:
            result = student.function(words, dict(table))
        except (ValueError, KeyError):
            continue
        except Exception as error:
            raise Mistake("exception", f"For a word that is not in the table you raise {type(error).__name__}: make it a ValueError or a KeyError.") from error
        if isinstance(result, Tensor):
            raise Mistake.certain("value", "A word that is not in the table is passed over in silence: nobody would notice a slip of the pen. Raise a ValueError.")
        raise Mistake.certain("value", f"For a word that is not in the table you return {result!r}: nobody has to look at it. Write raise ValueError(…).")


# --- latents ---------------------------------------------------------------------------------------------------------


class _Coder(nn.Module):
    """A map from 3 channels to some at half the size, or back at twice, that is not linear."""

    def __init__(self, down: bool, channels: int) -> None:
        super().__init__()
        a, b = (3, channels) if down else (channels, 3)
        self.down, self.weight = down, nn.Parameter(0.5 * random_image((b, a, 2, 2), 7 + down))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        y = F.conv2d(x, self.weight.to(x), stride=2) if self.down else F.conv_transpose2d(x, self.weight.transpose(0, 1).to(x), stride=2)
        return y + 0.3 * y.square()


# Channels of the latents, then number and size of the images. In the first, channels, images, rows and columns are three
# each, so that a mean along the wrong axis gives a value, which can be recognised; in the others it does not fit.
LATENT_SIZES = ((3, 3, 6, 6), (4, 2, 10, 6), (5, 1, 4, 8))
_AXES = (
    (3, "along the columns: (channels,) broadcasts along the last axis"),
    (2, "along the rows: one axis more must be added"),
    (0, "along the images: that is one axis too many"),
)


def _misplaced(formula: Callable[[Tensor, Tensor, Tensor], Tensor], mean: Tensor, std: Tensor, y: Tensor) -> list[Known]:
    """Return what a formula gives when the mean, the deviation or both go along another axis than the channels'."""
    m, s = mean[:, None, None], std[:, None, None]
    known: list[Known] = []
    for axis, text in _AXES:
        if y.shape[axis] == len(mean):
            shape = [len(mean) if k == axis else 1 for k in range(4)]
            m_, s_ = mean.reshape(shape), std.reshape(shape)
            known += [
                ("axis", formula(m_, s_, y), f"μ and s run {text}. Write mean[:, None, None]."),
                ("axis", formula(m_, s, y), f"μ runs {text}. Write mean[:, None, None]."),
                ("axis", formula(m, s_, y), f"s runs {text}. Write std[:, None, None]."),
            ]
    return known


@exercise(
    text_to_image.encode,
    hints=(
        "First the encoder, then, channel by channel, subtract the mean and divide by the standard deviation.",
        "z = (E(x) − μ) / s. mean[:, None, None] has the shape (channels, 1, 1), which goes along the channels.",
        "y = encoder(x)",
    ),
)
def encode(student: Student) -> str:
    """Compare for several numbers of channels, on square and other images."""
    for seed, (channels, n, H, W) in enumerate(LATENT_SIZES):
        x, encoder = random_image((n, 3, H, W), seed), _Coder(True, channels)
        mean, std = 2 * random_image((1, channels), 20 + seed)[0], _positive(channels, 30 + seed)
        result, shape = student(x, encoder, mean, std), (n, channels, H // 2, W // 2)
        if not encoder.seen and getattr(result, "shape", shape) != shape:
            raise Mistake("constant", "The encoder is never called: z = (E(x) − μ) / s, and E(x) is encoder(x).")
        answer = student.as_tensor(result, shape)
        with torch.no_grad():
            y = encoder(x)
            expected = text_to_image.encode(x, encoder, mean, std)
        if is_close(answer, expected):
            continue
        m, s = mean[:, None, None], std[:, None, None]
        known: list[Known] = [
            ("order", y / s - m, "You divide first, then subtract the mean: parentheses are missing, (E(x) − μ) / s."),
            ("order", y - m / s, "Only the mean is divided: parentheses are missing, (E(x) − μ) / s."),
            ("order", (y - s) / m, "μ and s are exchanged: (E(x) − μ) / s."),
            ("value", s * y + m, "This is what decode does before the decoder: subtract the mean, then divide."),
            ("mean", (y - mean.mean()) / std.mean(), "You take one mean and one standard deviation for all channels. Each channel has its own."),
            ("truncation", (y - mean[0]) / std[0], "You take the first channel's mean and standard deviation for all."),
            ("square-root", F.batch_norm(y, mean, std), "batch_norm takes the variance, s², and adds its eps: give eps=0."),
            *_of_its_own(y),
            *_misplaced(lambda m, s, y: (y - m) / s, mean, std, y),
        ]
        if channels == 3:
            with torch.no_grad():
                known.append(("order", encoder((x - m) / s), "You shift and scale the image: the latents are, after the encoder."))
        recognise(answer, *known)
        recognise_parts(answer, lambda mean, scale, y=y: (y - mean) * scale, {
            "mean": (m, [("mean", 0 * m, "The mean is not subtracted."), ("sign", -m, "The mean is added: subtract it.")]),
            "scale": (1 / s, [
                ("normalisation", torch.ones_like(s), "Nothing is divided by the standard deviation."),
                ("normalisation", s, "You multiply by the standard deviation: divide by it."),
                ("square-root", 1 / s.square(), "You divide by the variance: by its root, the standard deviation s."),
                ("square-root", 1 / s.sqrt(), "You divide by the root of s: std is the root of the variance already."),
                ("epsilon", 1 / (s.square() + 1e-5).sqrt(), "batch_norm adds its eps to the variance: give eps=0."),
                *[("epsilon", 1 / (s + e), "Something is added to the denominator: s is not 0, leave it alone.") for e in (1e-2, 1e-3, 1e-4, 1e-5)],
            ]),
        })  # fmt: skip
        expect_close(answer, expected, "value", "The result is not (E(x) − μ) / s, channel by channel.")
    _also_in_single(student, torch.ones(2, 3, 4, 6), _Single(3, 4), torch.zeros(4), torch.ones(4))
    return "(E(x) − μ) / s, channel by channel, for several numbers of channels"


def _of_its_own(y: Tensor) -> list[Known]:
    """Return maps that are normalised by their own mean and standard deviation: of the batch, or of each image."""
    known: list[Known] = []
    for axes, whose in (((0, 2, 3), "this batch"), ((2, 3), "each image")):
        text = f"These are the mean and standard deviation of {whose}. They are given: the same for all images, or decode could not undo it."
        centred, variance = y - y.mean(dim=axes, keepdim=True), y.var(dim=axes, keepdim=True)
        biased = y.var(dim=axes, keepdim=True, correction=0)
        known += [("value", centred / v.sqrt(), text) for v in (variance, biased, biased + 1e-5)]
    return known


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
    for seed, (channels, n, H, W) in enumerate(LATENT_SIZES):
        z, decoder = random_image((n, channels, H // 2, W // 2), seed), _Coder(False, channels)
        mean, std = 2 * random_image((1, channels), 20 + seed)[0], _positive(channels, 30 + seed)
        result, shape, seen = student(z, decoder, mean, std), (n, 3, H, W), list(decoder.seen)
        never = "The decoder is never called: the images are D(s z + μ)."
        expect(bool(seen) or getattr(result, "shape", shape) == shape, "constant", never)
        answer = student.as_tensor(result, shape)
        m, s = mean[:, None, None], std[:, None, None]
        given = s * z + m
        with torch.no_grad():
            expected = decoder(given)
        if is_close(answer, expected):
            continue
        expect(bool(seen), "constant", never)
        scalings = [(std.mean(), mean.mean()), *([(s, m)] if channels == 3 else [])]
        with torch.no_grad():
            outside = [value for a, b in scalings for value in (a * decoder(z) + b, decoder(a * z) + b, a * decoder(z + b))]
        recognise(answer, *[("order", value, "You scale or shift the image: the latents are, before the decoder sees them.") for value in outside])
        _recognise_given(seen[-1], z, m, s, mean, std)
        recognise(
            answer,
            ("clipping", expected.clamp(-1, 1), "The images are clipped to [−1, 1]: return what the decoder gives."),
            ("value", (expected + 1) / 2, "The images are taken to [0, 1], which is for showing them: return what the decoder gives."),
        )
        expect_close(answer, expected, "value", "The result is not D(s z + μ).")
    _also_in_single(student, torch.ones(2, 4, 4, 6), _Single(4, 3), torch.zeros(4), torch.ones(4))
    return "D(s z + μ), channel by channel, for several numbers of channels"


def _recognise_given(seen: Tensor, z: Tensor, m: Tensor, s: Tensor, mean: Tensor, std: Tensor) -> None:
    """Name what went into the decoder in place of s z + μ."""
    if seen.shape != z.shape:
        return
    known: list[Known] = [
        ("order", s * (z + m), "The mean is multiplied by s: first s z, then + μ."),
        ("value", (z - m) / s, "This is the formula of encode. Going back: multiply by s, then add μ."),
        ("order", (z + m) / s, "Going back: multiply by s, then add μ."),
        ("order", m * z + s, "μ and s are exchanged: s z + μ."),
        ("clipping", s * z.clamp(-1, 1) + m, "The latents are clipped to [−1, 1]: only images are between −1 and 1."),
        ("mean", std.mean() * z + mean.mean(), "You take one mean and one standard deviation for all channels. Each channel has its own."),
    ]
    known += _misplaced(lambda m, s, z: s * z + m, mean, std, z)
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


def _expect_time_and_words(who: str, x: Tensor, t: Any, words: Any) -> None:
    """Stop a student who gives a network the time in place of the words, or the captions of other images."""
    n, given = len(x), torch.as_tensor(t)
    if given.numel() not in (1, n):
        raise Mistake("order", f"{who} is given a time of the shape {tuple(given.shape)} for {n} images: x first, then t, then the words.")
    if words is not None and (not isinstance(words, Tensor) or words.ndim != 2 or words.shape[1] != WORDS):
        raise Mistake("order", f"{who} is given something else in the place of the words: x first, then t, then the words.")
    if words is not None and len(words) not in (1, n):
        raise Mistake("order", f"{who} is told {len(words)} captions for {n} images: each picture has its own.")


class _Network(nn.Module):
    """A denoiser of a few weights that hears time and words, and what is added to it."""

    def __init__(self, channels: int, seed: int = 0) -> None:
        super().__init__()
        self.mix = nn.Parameter(0.5 * random_image((channels, channels), 40 + seed))
        self.word = nn.Parameter(random_image((WORDS, channels), 41 + seed))
        self.seen: list[dict[str, Any]] = []

    def forward(self, x: Tensor, t: Any, words: Any = None, added: Any = ()) -> Tensor:
        self.seen.append({"x": x.detach().clone(), "t": t, "words": words, "added": added, "gradient": torch.is_grad_enabled()})
        _expect_time_and_words("The network", x, t, words)
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
    for seed, (channels, n, H, W) in enumerate(((4, 3, 6, 8), (3, 2, 10, 6), (5, 5, 4, 4))):
        network, encoder = _Network(channels, seed), _Coder(True, channels)
        x0, words = random_image((n, 3, H, W), seed), _captions(n, seed)
        t = torch.linspace(0.15, 0.8, n, dtype=torch.float64)
        noise = 1.3 * random_image((n, channels, H // 2, W // 2), 50 + seed)
        of_images = encoder if seed == 0 else lambda x, encoder=encoder: encoder(x)  # the notebook's is a function
        try:
            result = student(network, of_images, x0, words, t, noise)
        except Mistake as mistake:
            if "'function' object has no attribute" in mistake.message:
                mistake.message = f"The encoder is a function here, as the notebook's to_latents: call it, no more. {mistake.message}"
            raise
        called = bool(encoder.seen)
        text = "You freeze the encoder, which changes the caller's, and an encoder may be any function. Keep the gradient out of it by torch.no_grad() or detach()."
        expect(encoder.weight.requires_grad, "mutates-input", text)
        loss = _differentiable(result, "the network")
        expected = text_to_image.latent_noise_loss(network, encoder, x0, words, t, noise)
        answer = loss.detach()
        if not is_close(answer, expected.detach()):
            expect(called, "constant", "The encoder is never called: the diffusion lives among the latents encoder(x0).")
            with torch.no_grad():
                recognise(answer, *_wrong_latent_losses(network, encoder(x0), words, t, noise))
            expect_close(answer, expected.detach(), "value", "The loss is not the mean of (ε̂(z_t, t, words) − ε)².")
        both = _gradient(loss, [*network.parameters(), encoder.weight])
        of_network, of_encoder = both[: -encoder.weight.numel()], both[-encoder.weight.numel() :]
        text = "The value is right, but a gradient goes into the encoder, which is not to move: with torch.no_grad(): z0 = encoder(x0)."
        expect(not of_encoder.any(), "autograd", text)
        expect(bool(of_network.any()), "autograd", "The value is right, but no gradient reaches the network.")
        text = "The value is right, but not its gradient in the network: a detach() or no_grad() cuts a part of it."
        expect(is_close(of_network, _gradient(expected, network.parameters())), "autograd", text)
    x0, words = torch.ones(2, 3, 4, 6), torch.ones(2, WORDS)
    _also_in_single(student, _Single(4, 4), _Single(3, 4), x0, words, torch.tensor([0.3, 0.6]), torch.ones(2, 4, 4, 6), loss=True)
    return "the mean of (ε̂(z_t, t, words) − ε)² on latents, with a gradient in the network and none in the encoder"


def _wrong_latent_losses(network: nn.Module, z0: Tensor, words: Tensor, t: Tensor, noise: Tensor) -> list[Known]:
    a = _at(alpha_bar(t))
    z = a.sqrt() * z0 + (1 - a).sqrt() * noise
    estimate = network(z, t, words)
    error = estimate - noise
    roots = network(a * z0 + (1 - a) * noise, t, words) - noise
    exchanged = network((1 - a).sqrt() * z0 + a.sqrt() * noise, t, words) - noise
    all_at = (("the first one", t[0]), ("their mean", t.mean()))
    return [
        ("order", error.mean().square(), "You square the mean: take the mean of the squares."),
        ("value", error.var(), "This is the variance of the errors: the mean of their squares, without subtracting anything."),
        ("value", error.var(correction=0), "This is the variance of the errors: the mean of their squares, without subtracting anything."),
        ("value", (network(z, a.flatten(), words) - noise).square().mean(), "The network is told ᾱ(t) in place of t."),
        ("value", (network(z, 1000 * t, words) - noise).square().mean(), "The time is multiplied by 1000: here it is between 0 and 1, and the network hears it so."),
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
        *[
            ("mean", (network(alpha_bar(u).sqrt() * z0 + (1 - alpha_bar(u)).sqrt() * noise, told, words) - noise).square().mean(), f"All images are taken at the time of {which}: each has its own.")
            for which, u in all_at for told in (t, u)
        ],
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
        expect(tuple(layer.bias.shape) == (out,), "shape", "The biases have not the shape (out,): one for each channel that goes out.")
        text = f"The weights are {layer.weight.dtype}: the networks of the notebook are in single precision, and the two cannot be put together."
        expect(layer.weight.dtype == layer.bias.dtype == torch.get_default_dtype(), "precision", text)
        expect(layer.stride == (1, 1) and layer.padding in ((0, 0), "valid", "same"), "shape", "The output must have the size of the input: no stride, no padding.")
        _expect_learning(layer)
    expect(student(3, 3) is not student(3, 3), "constant", "Two calls give the same layer: it would be trained for both of its places.")
    return "a convolution of 1 × 1 pixels with weights and biases 0, which can learn"


def _expect_learning(layer: nn.Conv2d) -> None:
    """Raise unless a step of gradient descent moves the weights and the biases."""
    x = random_image((2, layer.in_channels, 3, 4)).to(layer.weight)
    weights = list(layer.parameters())
    try:
        step = torch.autograd.grad((layer(x) - 1).square().sum(), weights)
        with torch.no_grad():
            for p, g in zip(weights, step, strict=True):
                p.sub_(0.1 * g)
    except RuntimeError as error:
        raise Mistake.certain("autograd", "A step of training fails: what is made under torch.inference_mode() can never learn.") from error
    expect(all(bool(p.any()) for p in weights), "autograd", "A step of training does not move the layer.")


RATE = 0.05


class _Side(nn.Module):
    """A control of a few weights, with a zero convolution that has learnt a little."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(random_image((3, 4), 70))
        self.gate = nn.Parameter(0.2 * random_image((3, 3), 71))
        self.events: list[str] = []
        self.seen: list[dict[str, Any]] = []
        self.gave: list[Tensor] = []
        self.gate.register_hook(lambda gradient: self.events.append("backward"))

    def forward(self, x: Tensor, t: Any, words: Any, drawing: Tensor) -> list[Tensor]:
        self.seen.append({"x": x.detach().clone(), "t": t, "words": words, "drawing": drawing})
        _expect_time_and_words("The control", x, t, words)
        if not isinstance(drawing, Tensor) or drawing.shape != (len(x), 1, *x.shape[2:]):
            raise Mistake("order", "The control is given something else in the place of the drawing: control(x, t, words, drawing).")
        self.events.append("control" if torch.is_grad_enabled() else "control without gradient")
        h = torch.einsum("ij,njhw->nihw", self.first.to(x), torch.cat([x, drawing.to(x)], dim=1)).tanh()
        if words is not None:
            h = h * (1 + words.to(x).sum(dim=1)).reshape(-1, 1, 1, 1)
        added = torch.einsum("ij,njhw->nihw", self.gate.to(x), h)
        self.gave = [added, added.square()]
        return list(self.gave)

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
    last = torch.zeros_like(mine.values())
    for k in range(3):
        base.requires_grad_(k == 0)  # the notebook's base is frozen
        batch, before = _control_batch(k), theirs.values()
        expected = text_to_image.control_step(base, mine, optimizers[0], *batch)
        base.zero_grad(set_to_none=True)
        for record in (theirs.events, theirs.seen, base.seen):
            record.clear()
        result = _stepped(student, base, theirs, optimizers[1], batch)
        expect(base.values().equal(frozen), "mutates-input", "The base has moved: it stays as it is, only the control is trained.")
        text = "You unfreeze the base: it stays as it is. A gradient goes through a frozen network without that."
        expect(k == 0 or not any(p.requires_grad for p in base.parameters()), "mutates-input", text)
        _expect_number(result)
        last = _expect_control_moved(theirs, before, mine, base, batch, last, (float(result), expected))
        _expect_control_loss(float(result), expected, theirs, base, batch)
    return "three steps of the control as gradient descent takes them, the base as it was, and the loss before each"


def _stepped(student: Student, base: _Network, side: _Side, optimizer: _Descent, batch: tuple[Tensor, ...]) -> Any:
    """Take a student's step; where there is nothing to differentiate, say where the graph was cut."""
    try:
        return student(base, side, optimizer, *batch)
    except Mistake as mistake:
        if mistake.cause == "autograd" and "does not require grad" in mistake.message:
            _raise_cut(base, side)
        raise


def _raise_cut(base: _Network, side: _Side) -> None:
    """Raise the mistake of a loss that does not depend on the control's weights, as autograd sees it."""
    if not all(p.requires_grad for p in side.parameters()):
        raise Mistake.certain("autograd", "You freeze the control: it is what is trained. The base is frozen because the optimizer has not its weights.")
    if not side.seen:
        raise Mistake.certain("constant", "The control is never called: the base is given control(x, t, words, drawing).")
    if "control without gradient" in side.events:
        raise Mistake.certain("autograd", "The control is evaluated without a gradient: no no_grad() around it.")
    if base.seen and not base.seen[-1]["gradient"]:
        raise Mistake.certain("autograd", "The base is evaluated without a gradient. Frozen means that its weights do not move; the gradient must go through it to reach the control. No no_grad() around it.")
    raise Mistake.certain("autograd", "No gradient reaches the control: cut the graph nowhere, no detach() between the control and the loss. It must go through the base, which is frozen because the optimizer has not its weights.")


def _expect_number(result: Any) -> None:
    if isinstance(result, Tensor) and result.numel() > 1:
        raise Mistake("shape", "The result must be one number, the loss.", {"your shape": tuple(result.shape)})
    if isinstance(result, Tensor) and result.requires_grad:
        text = "You return a tensor, which keeps the whole computation in memory as long as somebody keeps the loss: return loss.item()."
        raise Mistake("type", text)
    expect(isinstance(result, (int, float)), "type", "The result must be one number, the loss: return loss.item().")


def _control_loss(base: nn.Module, side: nn.Module, batch: tuple[Tensor, ...], distance: Any = F.mse_loss, **other: Tensor) -> Tensor:
    """Return the loss of a step, with some of its parts replaced."""
    x0, words, drawing, t, noise = batch
    a = _at(alpha_bar(t))
    x = other.get("x", a.sqrt() * x0 + (1 - a).sqrt() * noise)
    w = other.get("words", words)
    added = side(other.get("side_x", x), t, other.get("side_words", w), other.get("drawing", drawing))
    loss: Tensor = distance(base(other.get("base_x", x), t, other.get("base_words", w), added), other.get("target", noise))
    return loss


def _expect_control_moved(
    theirs: _Side, before: Tensor, mine: _Side, base: _Network, batch: tuple[Tensor, ...], last: Tensor, losses: tuple[float, float]
) -> Tensor:
    """Return the step, and raise unless the control went where the course's own step brings it."""
    moved, right = theirs.values() - before, mine.values() - before
    if is_close(moved, right, 1e-6):
        return moved
    if last.any() and is_close(moved, right + last, 1e-6):
        raise Mistake.certain("order", "The first step is right, the next one is not: backward adds to the gradients that are there. Call optimizer.zero_grad() in each step, before backward.")
    if not moved.any():
        _raise_not_moved(theirs, base)
    given = [dict(call) for call in theirs.seen[-1:]], [dict(call) for call in base.seen[-1:]], list(theirs.gave)
    x0, words, drawing, t, noise = batch
    a = _at(alpha_bar(t))

    def direction(**other: Any) -> Tensor:
        side = _Side()
        nn.utils.vector_to_parameters(before, side.parameters())
        return -RATE * _gradient(_control_loss(base, side, batch, **other), side.parameters())

    recognise(
        moved,
        ("sign", -right, "The step goes uphill: call backward on the loss itself."),
        ("value", direction(target=x0), "The estimate is compared with the images: the base estimates the noise ε."),
        ("value", direction(x=x0), "Base and control see the images without noise: x_t = diffuse(x0, t, noise)."),
        ("value", direction(side_x=x0), "The control sees the images without noise: it is given x_t, as the base is."),
        ("value", direction(base_x=x0), "The base sees the images without noise: it is given x_t, as the control is."),
        ("value", direction(x=x0 + noise), "x_0 + ε is not x_t: diffuse(x0, t, noise)."),
        ("value", direction(x=noise), "Base and control see the noise alone: x_t = diffuse(x0, t, noise)."),
        ("square-root", direction(x=a * x0 + (1 - a) * noise), "The roots are missing in x_t: √ᾱ x_0 + √(1 − ᾱ) ε."),
        ("order", direction(x=(1 - a).sqrt() * x0 + a.sqrt() * noise), "The weights in x_t are exchanged: √ᾱ x_0 + √(1 − ᾱ) ε."),
        ("value", direction(words=0 * words), "Nobody is told the words: base(x, t, words, …) and control(x, t, words, drawing)."),
        ("value", direction(side_words=0 * words), "The control is not told the words: control(x, t, words, drawing)."),
        ("value", direction(base_words=0 * words), "The base is not told the words: base(x, t, words, …)."),
        ("value", direction(drawing=0 * drawing), "The control does not see the drawing."),
        ("square-root", direction(distance=F.l1_loss), "You took the modulus of the errors: take their squares."),
        ("normalisation", right * noise.numel(), "The squares are added: take their mean."),
        ("normalisation", right * noise[0].numel(), "The squares are added over each image: take the mean over everything."),
    )  # fmt: skip
    numbers = {"length of your step": moved.norm().item(), "expected": right.norm().item()}
    steps = theirs.events.count("step")
    if steps == 0:
        raise Mistake.certain("step-size", "The weights move, but not by the given optimizer: call optimizer.step().", numbers)
    if steps > 1:
        raise Mistake.certain("step-size", f"You call optimizer.step() {steps} times: one step.", numbers)
    factor = numbers["length of your step"] / numbers["expected"]
    if is_close(moved, factor * right, 1e-6):
        _raise_scaled(factor, losses, numbers)
    _compare_given(*given, batch)
    raise Mistake("value", "The control does not go down the gradient of the loss.", numbers)


def _raise_scaled(factor: float, losses: tuple[float, float], numbers: Mapping[str, Any]) -> None:
    """Raise the mistake of a step in the right direction of another length."""
    mine, right = losses
    if abs(mine - right**0.5) < 1e-6 * right:
        raise Mistake.certain("square-root", "You took the root of the mean: the loss is the mean of the squares.", numbers)
    text = f"The step has the right direction, but is {factor:.3g} times as long"
    if abs(mine - right) < 1e-6 * right:
        raise Mistake.certain("step-size", f"{text}, though the loss is right: are the gradients clipped or scaled? Call backward on the loss itself, then step.", numbers)
    raise Mistake.certain("normalisation", f"{text}: the loss is the mean of the squares, without a factor.", numbers)


def _compare_given(control: list[dict[str, Any]], base: list[dict[str, Any]], gave: list[Tensor], batch: tuple[Tensor, ...]) -> None:
    """Raise the mistake of a network that is not given what it should be."""
    x0, words, drawing, t, noise = batch
    a = _at(alpha_bar(t))
    wanted = {"x": a.sqrt() * x0 + (1 - a).sqrt() * noise, "t": t, "words": words, "drawing": drawing}
    names = {"x": "another x_t than diffuse(x0, t, noise)", "t": "another time than t", "words": "other words", "drawing": "another drawing"}
    for who, calls in (("control", control), ("base", base)):
        for part, name in names.items():
            if calls and part in calls[-1] and (calls[-1][part] is None or not is_close(torch.as_tensor(calls[-1][part]).detach(), wanted[part])):
                raise Mistake.certain("value", f"The {who} is given {name}.")
    added = list(base[-1]["added"]) if base else []
    if len(added) != len(gave) or not all(is_close(x.detach(), y.detach()) for x, y in zip(added, gave, strict=True)):
        raise Mistake.certain("value", "The base is not given what the control returns: pass it on as it is, base(x, t, words, added).")


def _raise_not_moved(side: _Side, base: _Network) -> None:
    events = side.events
    if not side.seen or "control without gradient" in events or not all(p.requires_grad for p in side.parameters()):
        _raise_cut(base, side)
    if "backward" not in events:
        raise Mistake.certain("autograd", "No gradient reaches the control: call loss.backward(), and cut the graph nowhere. It must go through the base, which is frozen because the optimizer has not its weights.")
    if "step" not in events:
        raise Mistake.certain("constant", "No weight moved: call optimizer.step() after loss.backward().")
    if events.index("step") < events.index("backward"):
        raise Mistake.certain("order", "optimizer.step() comes before loss.backward(): it has no gradient yet, or that of the step before.")
    raise Mistake.certain("order", "The gradients are set to zero between backward and step, and nothing is left: zero_grad, then backward, then step.")


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
        "L = L_noise(subject, its words) + λ L_noise(prior, its words), where L_noise(x_0, c) is noise_loss of the denoiser told(network, c), of x_0 and of the generator.",
        "loss = noise_loss(told(network, subject_words), subject, generator)",
    ),
)
def subject_loss(student: Student) -> str:
    """Compare for several weights, with batches of two sizes; either part may be drawn first."""
    for seed, (n, m, weight) in enumerate(((3, 3, 0.7), (2, 3, 0.4), (4, 2, 1.0), (3, 2, 0.0), (1, 4, 2.5))):
        network = _Network(3, seed)
        subject, prior = random_image((n, 3, 6, 5), seed), 0.5 + random_image((m, 3, 6, 5), 10 + seed)
        words, others = _captions(n, seed), 1 - _captions(m, seed + 5)
        start = 100 + seed
        loss = _differentiable(student(network, subject, words, prior, others, weight, torch.Generator().manual_seed(start)), "the network")
        answer = loss.detach()
        args = network, subject, words, prior, others, weight, start
        with torch.no_grad():
            first = is_close(answer, _subject(*args, True))  # is the subject's part drawn first?
            if not first and not is_close(answer, _subject(*args, False)):
                _raise_subject(answer, *args)
        _expect_subject_gradient(loss, network, [_subject(network, subject, words, prior, others, w, start, first, own) for w, own in ((weight, 1.0), (0.0, 1.0), (weight, 0.0))])
    x0, words = torch.ones(2, 3, 4, 6), torch.ones(2, WORDS)
    _also_in_single(student, _Single(3, 3), x0, words, x0, words, 0.5, torch.Generator(), loss=True)
    return "the noise loss of the subject plus the weight times that of the prior, each with its words"


def _expect_subject_gradient(loss: Tensor, network: nn.Module, right: list[Tensor]) -> None:
    """Compare the gradient with that of the loss, and of its two parts alone."""
    weights = list(network.parameters())
    answer = _gradient(loss, weights)
    both, subject, prior = (_gradient(part, weights) for part in right)
    if is_close(answer, both):
        return
    expect(bool(answer.any()), "autograd", "The value is right, but no gradient reaches the network.")
    recognise(
        answer,
        ("autograd", subject, "The value is right, but the prior's part has no gradient, so it keeps nothing: no detach() or no_grad()."),
        ("autograd", prior, "The value is right, but the subject's part has no gradient, so nothing is learnt: no detach() or no_grad()."),
    )
    raise Mistake("autograd", "The value is right, but not its gradient: a detach() or no_grad() cuts a part of it.")


def _subject(
    network: nn.Module, subject: Tensor, words: Tensor, prior: Tensor, others: Tensor, weight: float, start: int, first: bool, own: float = 1.0
) -> Tensor:
    """Return ``own`` times the subject's loss plus ``weight`` times the prior's, the subject drawn first or last."""
    generator = torch.Generator().manual_seed(start)
    parts = [(subject, words, own), (prior, others, weight)]
    losses = [w * noise_loss(_told(network, told), x, generator) for x, told, w in (parts if first else parts[::-1])]
    return losses[0] + losses[1]


def _guided(network: nn.Module, subject: Tensor, words: Tensor, prior: Tensor, others: Tensor, weight: float, start: int) -> Tensor:
    """Return the sum of both losses, the prior's with guidance in place of a weight."""
    generator = torch.Generator().manual_seed(start)
    loss = noise_loss(_told(network, words), subject, generator)
    return loss + noise_loss(text_to_image.told(network, others, weight), prior, generator)


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
        ("weight", _guided(network, subject, words, prior, others, weight, start), "The weight went into told, where it is the guidance: it multiplies the prior's loss."),
        ("truncation", value(of_prior=0.0), "The prior is missing: nothing keeps the network from forgetting."),
        ("truncation", value(own=0.0), "The subject is missing: nothing new is learnt."),
        ("sign", value(of_prior=-weight), "The prior's loss is subtracted: it is added."),
        ("square-root", value(of_prior=weight**2), "The weight is squared: it is taken as it is."),
        ("normalisation", value(of_prior=weight / 2, own=0.5), "You take half of the sum, as a mean over both parts: they are added."),
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
        "interpolate takes a size, which is x.shape[-2:], and a mode. Then torch.cat along dimension 1: (n, c, H, W) and (n, c, H, W) give (n, 2c, H, W).",
        'large = torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)',
    ),
)
def super_resolution_condition(student: Student) -> str:
    """Compare on non-square images, enlarged by 2, by 3 and by a fraction."""
    for seed, (n, c, h, w, H, W) in enumerate(((2, 3, 4, 5, 8, 10), (3, 1, 3, 4, 9, 12), (1, 2, 4, 6, 9, 10))):
        x, small = random_image((n, c, H, W), seed), random_image((n, c, h, w), 10 + seed)
        result = student(x, small)
        if isinstance(result, Tensor):
            _recognise_layout(tuple(result.shape), (n, c, H, W), (h, w))
        answer = student.as_tensor(result, (n, 2 * c, H, W))
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
            ("clipping", torch.cat([x, larger.clamp(-1, 1)], dim=1), "The enlarged image is clipped to [−1, 1]: it is taken as it is."),
            ("clipping", torch.cat([x.clamp(-1, 1), larger], dim=1), "x_t is clipped to [−1, 1], and it has noise: it is taken as it is."),
            ("value", torch.cat([x, (larger + 1) / 2], dim=1), "The enlarged image is taken to [0, 1], which is for showing it: it stays in [−1, 1]."),
            *[("value", torch.cat([x, small.repeat(1, 1, H // h, W // w)], dim=1), "Copies of the small image lie side by side: enlarge it.") for _ in [0] if H % h == W % w == 0],
            ("order", expected[:, pixels], "The channels of both alternate: first all of x_t, then all of the enlarged image."),
            ("value", torch.cat([x, torch.zeros_like(x)], dim=1), "The second half is 0: enlarge the small image."),
        )  # fmt: skip
        expect_close(answer, expected, "value", "The result is not x_t, then the small image enlarged by bilinear interpolation.")
    _also_in_single(student, torch.ones(2, 3, 8, 6), torch.ones(2, 3, 4, 3))
    return "x_t, then the small image enlarged to its size, along the channels"


def _recognise_layout(own: tuple[int, ...], shape: tuple[int, ...], small: tuple[int, ...]) -> None:
    """Name what was joined along another axis than the channels', or not at all."""
    n, c, H, W = shape
    layouts = {
        (2 * n, c, H, W): "The images are joined along the batch: torch.cat(..., dim=1) joins along the channels.",
        (n, c, 2 * H, W): "The images stand one above the other: torch.cat(..., dim=1) joins along the channels.",
        (n, c, H, 2 * W): "The images stand side by side: torch.cat(..., dim=1) joins along the channels.",
        (n, 2, c, H, W): "torch.stack makes a new axis: torch.cat joins along the one that there is.",
        (2, n, c, H, W): "torch.stack makes a new axis: torch.cat joins along the one that there is.",
        (n, c, H, W): "These are c channels, and 2c are asked for: those of x_t and those of the enlarged image.",
        (n, 2 * c, *small): "x_t is made small: it stays as it is, and the small image is enlarged.",
    }
    if own in layouts:
        raise Mistake.certain("shape", layouts[own], {"your shape": own, "expected shape": (n, 2 * c, H, W)})
