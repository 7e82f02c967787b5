"""Checks of lesson 15: the two losses of the game, a step of it, the arc between two codes, inversion, AdaIN, patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import adversarial
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
from course_utils.checks.texture_networks import _leaves

Known = tuple[str, Tensor | float, str]

# --- the losses ------------------------------------------------------------------------------------------------------

COUNTS = (((5,), (8,)), ((4, 1), (3, 1)), ((2, 3, 4), (2, 3, 4)))  # of real and of drawn logits
_TWICE = "The sigmoid is taken twice: softplus, logsigmoid and binary_cross_entropy_with_logits take the logits as they are."
_NO_LOGARITHM = "The logarithm is missing: these are the probabilities themselves."
_EXTREME = "A logit of -1000 has D = 0 in floating point, and log 0 = -∞: never compute D. log(1 + exp(a)) is F.softplus(a), for any a."
_GUARDED = "For large logits the value is wrong: D is rounded to 0 or 1, and what keeps the logarithm finite (an ε, a clamp) cuts the loss off, and its gradient. Compute with the logits: F.softplus, F.logsigmoid or binary_cross_entropy_with_logits."


@exercise(
    adversarial.discriminator_loss,
    hints=(
        "Two cross-entropies: real images should be found real, drawn ones should not. Write log D and log(1 - D) with the logit a, and simplify before you compute.",
        "-log D = log(1 + exp(-a)) and -log(1 - D) = log(1 + exp(a)). F.softplus(a) is log(1 + exp(a)). A mean over the real logits, plus a mean over the others.",
        "loss_real = F.softplus(-real_logits).mean()",
    ),
)
def discriminator_loss(student: Student) -> str:
    """Compare on different numbers of real and drawn logits, on extreme ones, and look for both gradients."""
    _loss(student, random_image((6,)), random_image((6,), 1))  # as many of each kind: one loss for each is seen as such
    for seed, (more, less) in enumerate(COUNTS):
        real, fake = 2 * random_image(more, seed) + 1, 2 * random_image(less, 10 + seed)
        answer = _loss(student, real, fake)
        if not is_close(answer, expected := adversarial.discriminator_loss(real, fake)):
            recognise(answer, *_wrong_discriminator_losses(real, fake))
            expect_close(answer, expected, "value", "The loss is not -mean log D(x) - mean log(1 - D(G(z))).")
    real, fake = _extreme(), -_extreme().flip(0) + 1
    _expect_extremes(student, adversarial.discriminator_loss(real, fake), real, fake)
    for k, name in enumerate(("real_logits", "fake_logits")):
        logits = [random_image((3,), i).requires_grad_(i == k) for i in range(2)]
        text = f"The value is right, but no gradient reaches {name}: use torch's operations only, no detach(), no no_grad(). It is the training step that detaches G(z)."
        expect(student(*logits).requires_grad, "autograd", text)
    return "-mean log D(x) - mean log(1 - D(G(z))), for any logits, and both gradients go through"


def _extreme() -> Tensor:
    return torch.tensor([-1000.0, -40.0, 0.5, 30.0, 800.0], dtype=torch.float64)


def _loss(student: Student, *logits: Tensor) -> Tensor:
    """Return the student's loss once it is known to be one finite number in a tensor."""
    result = student(*logits)
    if isinstance(result, (int, float)):
        raise Mistake("type", "You return a Python number, and training must differentiate the loss: return a tensor, without .item().")
    if isinstance(result, (tuple, list)):
        raise Mistake("type", f"You return {len(result)} values: the loss is one number, their sum.")
    if isinstance(result, Tensor) and result.numel() > 1:
        raise Mistake("shape", "You return one loss for each logit: take their mean.", {"your shape": tuple(result.shape), "expected shape": ()})
    return student.as_tensor(result.reshape(()) if isinstance(result, Tensor) else result, ())


def _expect_extremes(student: Student, expected: Tensor, *logits: Tensor) -> None:
    result = student(*logits)
    expect(bool(torch.isfinite(result.detach()).all()), "not-finite", _EXTREME)
    expect(is_close(result.detach(), expected), "epsilon", _GUARDED, yours=result.detach().mean(), expected=expected)


def _wrong_discriminator_losses(real: Tensor, fake: Tensor) -> list[Known]:
    n, m = real.numel(), fake.numel()
    p, q = torch.sigmoid(real), torch.sigmoid(fake)
    r, f = F.softplus(-real).mean(), F.softplus(fake).mean()
    right = r + f
    exchanged = F.softplus(real).mean() + F.softplus(-fake).mean()
    return [
        ("normalisation", right / 2, "The loss is half the right one: the two means are added."),
        ("normalisation", (n * r + m * f) / (n + m), "You took one mean over all the logits together. Each kind has its own mean, and the two are added."),
        ("normalisation", n * r + m * f, "The losses of the logits are added: take the mean over each kind."),
        ("sign", -right, "This is what the discriminator maximizes. A loss is minimized: the sign is the opposite."),
        ("sign", exchanged, "The labels are exchanged: the loss of the real ones is log(1 + exp(-a)), small where a is large."),
        ("sign", -exchanged, "Signs are wrong: -log D = log(1 + exp(-a)) for the real ones, -log(1 - D) = log(1 + exp(a)) for the others."),
        ("sign", r + F.softplus(-fake).mean(), "Both kinds are taken for real: a drawn image should get a small logit, its loss is log(1 + exp(a))."),
        ("sign", F.softplus(real).mean() + f, "Both kinds are taken for drawn: a real image should get a large logit, its loss is log(1 + exp(-a))."),
        ("sign", r - f, "The second mean is subtracted: -log(1 - D) = log(1 + exp(a)) is added."),
        ("sign", f - r, "The first mean is subtracted: -log D = log(1 + exp(-a)) is added."),
        ("truncation", r, "The drawn images are missing: add the mean of log(1 + exp(a)) over fake_logits."),
        ("truncation", f, "The real images are missing: add the mean of log(1 + exp(-a)) over real_logits."),
        ("order", F.softplus(-p).mean() + F.softplus(q).mean(), _TWICE),
        ("order", F.softplus(-real.mean()) + F.softplus(fake.mean()), "You took the mean of the logits first: it is the mean of the losses, one for each image."),
        ("order", -p.mean().log() - (1 - q).mean().log(), "You took the logarithm of the mean probability: it is the mean of the logarithms."),
        ("value", -p.mean() + q.mean(), _NO_LOGARITHM),
        ("value", 1 - p.mean() + q.mean(), _NO_LOGARITHM),
        ("value", -real.mean() + fake.mean(), "The logits themselves are the loss of another game, the Wasserstein GAN: here it is the logarithm of probabilities."),
        ("value", (real - 1).square().mean() + fake.square().mean(), "Squares are the loss of another game, least squares: here it is the logarithm of probabilities."),
        ("value", F.relu(1 - real).mean() + F.relu(1 + fake).mean(), "This is the hinge loss of another game: here it is log(1 + exp(-a)) and log(1 + exp(a))."),
        *[("value", -real.clamp(e, 1).log().mean() - (1 - fake).clamp(e, 1).log().mean(), "You took the logits for probabilities. D = 1 / (1 + exp(-a)).") for e in (1e-5, 1e-6, 1e-7, 1e-8)],
        ("value", right / torch.tensor(2.0).log(), "The logarithms are to the base 2: take natural ones."),
    ]  # fmt: skip


@exercise(
    adversarial.generator_loss,
    hints=(
        "The generator wants its images to be taken for real ones: the loss of the discriminator's real images, for the drawn ones.",
        "-log D = log(1 + exp(-a)), the mean over the drawn images.",
        "return F.softplus(...).mean()",
    ),
)
def generator_loss(student: Student) -> str:
    """Compare on logits of several shapes, on extreme ones, and look for the gradient."""
    for seed, shape in enumerate(((7,), (4, 1), (2, 3, 4))):
        fake = 2 * random_image(shape, seed) - 1
        answer = _loss(student, fake)
        if not is_close(answer, expected := adversarial.generator_loss(fake)):
            recognise(answer, *_wrong_generator_losses(fake))
            expect_close(answer, expected, "value", "The loss is not -mean log D(G(z)).")
    _expect_extremes(student, adversarial.generator_loss(_extreme()), _extreme())
    text = "The value is right, but no gradient reaches the logits: use torch's operations only, no detach(), no no_grad()."
    expect(student(random_image((3,)).requires_grad_()).requires_grad, "autograd", text)
    return "-mean log D(G(z)), for any logits, and the gradient goes through"


def _wrong_generator_losses(fake: Tensor) -> list[Known]:
    q, right = torch.sigmoid(fake), F.softplus(-fake).mean()
    return [
        ("value", -F.softplus(fake).mean(), "This is the minimax loss, mean log(1 - D): its gradient vanishes where the judge is sure. Here it is -mean log D."),
        ("sign", F.softplus(fake).mean(), "This is the discriminator's loss on drawn images: the generator would learn to be found out. It wants D = 1."),
        ("sign", -right, "The sign is wrong: -log D, which is positive, is minimized."),
        ("normalisation", fake.numel() * right, "The losses of the images are added: take their mean."),
        ("normalisation", right / 2, "The loss is half the right one."),
        ("order", F.softplus(-q).mean(), _TWICE),
        ("order", F.softplus(-fake.mean()), "You took the mean of the logits first: it is the mean of the losses, one for each image."),
        ("order", -q.mean().log(), "You took the logarithm of the mean probability: it is the mean of the logarithms."),
        ("value", -fake.mean(), "The logit itself is the loss of another game, the Wasserstein GAN: here it is log(1 + exp(-a))."),
        ("value", (fake - 1).square().mean(), "Squares are the loss of another game, least squares: here it is log(1 + exp(-a))."),
        ("value", 1 - q.mean(), _NO_LOGARITHM),
        ("value", -q.mean(), _NO_LOGARITHM),
        ("value", right / torch.tensor(2.0).log(), "The logarithm is to the base 2: take the natural one."),
    ]  # fmt: skip


# --- a step of the game ----------------------------------------------------------------------------------------------

RATES = {"generator": 0.2, "discriminator": 0.3}


class _Player(nn.Module):
    """A small network in double precision, which writes down what is done with it."""

    def __init__(self, name: str, events: list[str]) -> None:
        super().__init__()
        self.name, self.events = name, events
        a, b, c = (3, 6, 4) if name == "generator" else (4, 6, 1)
        self.first, self.last = nn.Linear(a, b).double(), nn.Linear(b, c).double()
        with torch.no_grad():
            for k, p in enumerate(self.parameters()):
                p.copy_(random_image(tuple(p.shape), k + a) * 0.6)
        self.last.weight.register_hook(lambda gradient: events.append(f"backward {name}"))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        self.events.append(f"call {self.name}")
        return self.last(torch.tanh(self.first(x)))

    def values(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters()]).clone()


class _Descent(torch.optim.SGD):
    """Gradient descent, which writes down its steps with the events of its network."""

    def __init__(self, player: _Player) -> None:
        super().__init__(player.parameters(), RATES[player.name])
        self.player = player

    def step(self, closure: Any = None) -> Any:
        """Take a step, and write it down."""
        self.player.events.append(f"step {self.player.name}")
        return super().step(closure)


class _Game:
    """A generator, a discriminator, their optimizers and what happened to them."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.generator, self.discriminator = (_Player(name, self.events) for name in RATES)
        self.optimizers = (_Descent(self.generator), _Descent(self.discriminator))

    def values(self) -> tuple[Tensor, Tensor]:
        """Return the weights of the generator and of the discriminator."""
        return self.generator.values(), self.discriminator.values()

    def arguments(self, k: int) -> tuple[Any, ...]:
        """Return what the step number ``k`` is called with."""
        return self.generator, self.discriminator, self.optimizers, random_image((5, 4), 30 + k) + 1, random_image((5, 3), 40 + k)


Loss = Callable[[_Game, Tensor, Tensor], Tensor]


@exercise(
    adversarial.gan_training_step,
    hints=(
        "Two steps, one after the other: the discriminator learns to tell the images apart, and the generator must not move with it: cut the graph there. Then the generator learns from the judge that has just moved.",
        "fake = G(z). First discriminator_loss(D(real), D(fake.detach())): zero_grad, backward, step of the discriminator's optimizer. Then generator_loss(D(fake)), and the same with the generator's.",
        "optimizer_G, optimizer_D = optimizers",
    ),
)
def gan_training_step(student: Student) -> str:
    """Take three steps of gradient descent of two small networks, beside the course's own."""
    mine, theirs = _Game(), _Game()
    for k in range(3):
        before = theirs.values()
        losses = adversarial.gan_training_step(*mine.arguments(k))
        theirs.events.clear()
        theirs.generator.seen.clear()
        result = student(*theirs.arguments(k))
        _expect_codes(theirs, k)
        _expect_two_numbers(result)
        _expect_moves(theirs, mine, before, k)
        _expect_losses(result, losses, before, theirs, k)
        text = "The networks are left in evaluation mode: training goes on with them."
        expect(theirs.generator.training and theirs.discriminator.training, "mutates-input", text)
    return "three steps of both networks as gradient descent takes them, the discriminator first, and the losses before each"


def _expect_codes(game: _Game, k: int) -> None:
    expect(bool(game.generator.seen), "constant", "Your function never draws: call generator(z).")
    text = "The generator was not given the z of the argument: call generator(z)."
    expect(all(torch.equal(z, game.arguments(k)[-1]) for z in game.generator.seen), "randomness", text)


def _expect_two_numbers(result: Any) -> None:
    if not isinstance(result, (tuple, list)):
        raise Mistake("type", "The result must be two numbers, the discriminator's loss and the generator's.")
    expect(len(result) == 2, "shape", f"The result must be two numbers, the discriminator's loss and the generator's: you return {len(result)}.")
    if any(isinstance(x, Tensor) for x in result):
        text = "You return tensors, which keep the whole computation in memory as long as somebody keeps the losses: return loss.item() of each."
        raise Mistake("type", text)
    expect(all(isinstance(x, (int, float)) for x in result), "type", "The result must be two numbers.")


def _at(weights: tuple[Tensor, Tensor], k: int) -> tuple[_Game, Tensor, Tensor]:
    """Return a game with these weights, and the real images and codes of step ``k``."""
    game = _Game()
    for player, values in zip((game.generator, game.discriminator), weights, strict=True):
        nn.utils.vector_to_parameters(values.clone(), player.parameters())
    *_, real, z = game.arguments(k)
    return game, real, z


def _direction(loss: Loss, weights: tuple[Tensor, Tensor], k: int, of: str) -> Tensor:
    """Return the step of gradient descent of one player on a loss, where the players have these weights."""
    game, real, z = _at(weights, k)
    player = getattr(game, of)
    gradients = torch.autograd.grad(loss(game, real, z), list(player.parameters()))
    return -RATES[of] * torch.cat([g.flatten() for g in gradients])


def _loss_of_real(game: _Game, real: Tensor, z: Tensor) -> Tensor:
    return F.softplus(-game.discriminator(real)).mean()


def _loss_of_fake(game: _Game, real: Tensor, z: Tensor) -> Tensor:
    return F.softplus(game.discriminator(game.generator(z))).mean()


def _loss_of_both(game: _Game, real: Tensor, z: Tensor) -> Tensor:
    return _loss_of_real(game, real, z) + _loss_of_fake(game, real, z)


def _loss_of_exchanged(game: _Game, real: Tensor, z: Tensor) -> Tensor:
    return F.softplus(game.discriminator(real)).mean() + _fooled(game, real, z)


def _fooled(game: _Game, real: Tensor, z: Tensor) -> Tensor:
    return F.softplus(-game.discriminator(game.generator(z))).mean()


def _minimax(game: _Game, real: Tensor, z: Tensor) -> Tensor:
    return -_loss_of_fake(game, real, z)


def _expect_moves(theirs: _Game, mine: _Game, before: tuple[Tensor, Tensor], k: int) -> None:
    """Raise unless both networks went where the course's own step brings them."""
    after, right = theirs.values(), mine.values()
    old_G, old_D = before
    if all(is_close(a - b, r - b, 1e-6) for a, r, b in zip(after, right, before, strict=True)):
        return
    if k > 0:
        text = "The first step is right, the next one is not: backward adds to the gradients that are there. Call zero_grad() of both optimizers in each step, before their backward."
        raise Mistake.certain("order", text)
    _expect_events(theirs, after, before)
    # where the generator moved before the discriminator, it was judged by the old one
    early = _direction(_fooled, before, k, "generator")
    moved_first = (old_G + early, old_D)
    recognise(
        after[1] - old_D,
        ("sign", -_direction(_loss_of_both, before, k, "discriminator"), "The discriminator goes uphill: call backward on its loss itself."),
        ("sign", _direction(_loss_of_exchanged, before, k, "discriminator"), "The discriminator learns the labels exchanged: discriminator_loss(D(real), D(fake)), in this order."),
        ("truncation", _direction(_loss_of_fake, before, k, "discriminator"), "The discriminator never sees real images: discriminator_loss(D(real), D(fake))."),
        ("truncation", _direction(_loss_of_real, before, k, "discriminator"), "The discriminator never sees drawn images: discriminator_loss(D(real), D(fake))."),
        ("normalisation", _direction(_loss_of_both, before, k, "discriminator") / 2, "The discriminator's loss is halved: the two means are added."),
        ("order", _direction(_loss_of_both, moved_first, k, "discriminator"), "The generator moved before the discriminator: the discriminator moves first, then judges."),
    )  # fmt: skip
    seen = old_G, after[1]
    told = _direction(_loss_of_both, before, k, "generator")
    recognise(
        after[0] - old_G,
        ("sign", -_direction(_fooled, seen, k, "generator"), "The generator goes uphill: call backward on its loss itself."),
        ("sign", _direction(_loss_of_fake, seen, k, "generator"), "The generator learns to be found out: its loss is generator_loss(D(fake))."),
        ("value", _direction(_minimax, seen, k, "generator"), "The generator goes down the minimax loss, whose gradient vanishes where the judge is sure. Take generator_loss."),
        ("order", early, "The generator was judged by the discriminator from before its step: compute generator_loss(D(fake)) after optimizer_D.step()."),
        ("autograd", _direction(_fooled, seen, k, "generator") + told, "The discriminator's loss sent a gradient to the generator as well: cut the graph there, discriminator(fake.detach())."),
        ("autograd", early + told, "The discriminator's loss sent a gradient to the generator as well: cut the graph there, discriminator(fake.detach())."),
        ("autograd", told, "The generator helps the discriminator: its gradient comes from the discriminator's loss. Cut the graph there, discriminator(fake.detach())."),
    )  # fmt: skip
    which = "discriminator" if not is_close(after[1], right[1], 1e-6) else "generator"
    i = 1 if which == "discriminator" else 0
    numbers = {"length of your step": (after[i] - before[i]).norm().item(), "expected": (right[i] - before[i]).norm().item()}
    factor = numbers["length of your step"] / numbers["expected"]
    if is_close(after[i] - before[i], factor * (right[i] - before[i]), 1e-6):
        raise Mistake.certain("normalisation", f"The {which} goes in the right direction, but {factor:.3g} times too far: its loss has means, and no factor.", numbers)
    raise Mistake("value", f"The {which} does not go down the gradient of {which}_loss.", numbers)


def _expect_events(game: _Game, after: Sequence[Tensor], before: Sequence[Tensor]) -> None:
    """Raise where what was called, and in which order, says what is wrong."""
    events = game.events
    steps = [event.split()[1] for event in events if event.startswith("step")]
    moved = [not torch.equal(a, b) for a, b in zip(after, before, strict=True)]
    names = ("generator", "discriminator")
    if steps and steps == ["generator", "discriminator"]:
        first = events.index("step generator")
        if "backward generator" not in events[:first] and "backward generator" in events:
            raise Mistake.certain("order", "The optimizers are exchanged: the generator's comes first, optimizer_G, optimizer_D = optimizers.")
        raise Mistake.certain("order", "The generator moves before the discriminator: the discriminator moves first, then judges.")
    for name in names[::-1]:
        if steps.count(name) > 1:
            raise Mistake.certain("step-size", f"The {name}'s optimizer takes {steps.count(name)} steps: one for each network.")
    for player, has_moved in zip(names, moved, strict=True):
        if has_moved and player not in steps:
            raise Mistake.certain("step-size", f"The {player} moves, but not by the given optimizer: call its step().")
        if not has_moved:
            _raise_not_moved(events, player, steps)


def _raise_not_moved(events: list[str], player: str, steps: list[str]) -> None:
    symbol = "optimizer_G" if player == "generator" else "optimizer_D"
    if player not in steps:
        raise Mistake.certain("constant", f"The {player} does not move: call {symbol}.step() after backward.")
    if f"backward {player}" not in events:
        text = "discriminator(fake) in the generator's loss must not be detached, nor drawn under no_grad()" if player == "generator" else "call backward on its loss"
        raise Mistake.certain("autograd", f"The {player} does not move, since no gradient reaches its weights: {text}.")
    if events.index(f"step {player}") < events.index(f"backward {player}"):
        raise Mistake.certain("order", f"{symbol}.step() comes before backward: it has no gradient yet.")
    raise Mistake.certain("order", f"The gradients of the {player} are set to zero between backward and step: zero_grad, then backward, then step.")


def _expect_losses(result: Any, losses: tuple[float, float], before: tuple[Tensor, Tensor], theirs: _Game, k: int) -> None:
    answer, expected = (torch.tensor(pair, dtype=torch.float64) for pair in (tuple(map(float, result)), losses))

    def pair(weights: tuple[Tensor, Tensor]) -> Tensor:
        game, real, z = _at(weights, k)
        with torch.no_grad():
            return torch.stack([_loss_of_both(game, real, z), _fooled(game, real, z)])

    after = pair(theirs.values())
    recognise(
        answer,
        ("order", expected.flip(0), "The two losses are exchanged: the discriminator's comes first."),
        ("order", after, "These are the losses after the steps, for which everything is computed once more. Return those that you went back from."),
        ("order", torch.stack([after[0], expected[1]]), "The discriminator's loss is that after the steps: return the one that you went back from."),
        ("order", torch.stack([expected[0], pair(before)[1]]), "The generator's loss is that before the discriminator's step: return the one that you went back from."),
    )
    expect_close(answer, expected, "value", "The numbers returned are not the discriminator's loss and the generator's, each before its step.")


# --- the arc between two codes ---------------------------------------------------------------------------------------

TIMES = (0.3, 0.75, 0.0, 1.0, 0.5)


@exercise(
    adversarial.slerp,
    hints=(
        "The angle ω of z0 and z1 comes from their scalar product and their norms. The weights of z0 and z1 are ratios of sines.",
        "cos ω = ⟨z0, z1⟩ / (‖z0‖ ‖z1‖), and (sin((1 - t) ω) z0 + sin(t ω) z1) / sin ω. Where ω = 0 take the limit, (1 - t) z0 + t z1.",
        "norms = z0.norm(dim=-1, keepdim=True) * z1.norm(dim=-1, keepdim=True)",
    ),
)
def slerp(student: Student) -> str:
    """Compare on vectors and batches of different norms, and on parallel vectors."""
    for seed, (shape, t) in enumerate(zip(((6,), (3, 5), (2, 3, 4), (4, 7), (8,)), TIMES, strict=True)):
        z0, z1 = 1.5 * random_image(shape, seed), random_image(shape, 20 + seed)
        if seed == 0:
            z0 = z0 / 3  # short vectors: without norms the arc cosine is defined, and wrong
            z1 = z1 / 5
        result = student(z0, z1, t)
        if isinstance(result, Tensor) and result.isnan().any():
            text = "The result is NaN: cos ω = ⟨z0, z1⟩ / (‖z0‖ ‖z1‖), which is never larger than 1. Are both norms there?"
            raise Mistake("not-finite", text)
        answer, expected = student.as_tensor(result, shape), adversarial.slerp(z0, z1, t)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_arcs(z0, z1, t))
            expect_close(answer, expected, "value", "The result is not (sin((1 - t) ω) z0 + sin(t ω) z1) / sin ω.")
    z0 = random_image((2, 5), 9)
    z1 = torch.stack([random_image((5,), 10), 2 * z0[1]])
    result = student(z0, z1, 0.25)
    text = "For parallel vectors the result is not finite: ω = 0, and sin ω = 0. Take the limit there, (1 - t) z0 + t z1 (torch.where, or a small bound on ω)."
    expect(isinstance(result, Tensor) and bool(torch.isfinite(result.detach()).all()), "not-finite", text)
    own, right = result.detach(), adversarial.slerp(z0, z1, 0.25)
    text = "Where one pair of a batch is parallel, the others are wrong: take the limit for that pair only, by torch.where."
    expect(is_close(own[0], right[0]), "axis", text)
    text = "For parallel vectors the result is 0: an ε added to sin ω is not the limit, (1 - t) z0 + t z1."
    expect(own[1].norm() > 0.1 * right[1].norm(), "epsilon", text)
    text = "For parallel vectors the result is not the limit, (1 - t) z0 + t z1."
    expect_close(own, right, "value", text, rtol=1e-3)
    return "(sin((1 - t) ω) z0 + sin(t ω) z1) / sin ω along the last dimension, and its limit for parallel vectors"


def _wrong_arcs(z0: Tensor, z1: Tensor, t: float) -> list[Known]:
    def arc(omega: Tensor, a: Tensor = z0, b: Tensor = z1) -> Tensor:
        return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)

    n0, n1 = (z.norm(dim=-1, keepdim=True) for z in (z0, z1))
    product = (z0 * z1).sum(dim=-1, keepdim=True)
    cosine = product / (n0 * n1)
    omega = torch.arccos(cosine.clamp(-1, 1))
    whole = torch.arccos(((z0 * z1).sum() / (z0.norm() * z1.norm())).clamp(-1, 1))
    unit, length, line = arc(omega, z0 / n0, z1 / n1), (1 - t) * n0 + t * n1, (1 - t) * z0 + t * z1
    forgotten = "The angle is wrong: divide ⟨z0, z1⟩ by both norms before the arc cosine."
    quarter = torch.full_like(omega, torch.pi / 2)
    return [
        ("value", line, "This is the segment, (1 - t) z0 + t z1, which passes nearer to 0 than Gaussian vectors do. Take the arc."),
        ("value", line / line.norm(dim=-1, keepdim=True) * length, "This is the segment pushed to the right norm: the angle does not grow in proportion to t."),
        ("value", line / line.norm(dim=-1, keepdim=True), "This is the segment, normalised: take the arc, of z0 and z1 as they are."),
        ("value", (1 - t) ** 0.5 * z0 + t**0.5 * z1, "The weights √(1 - t) and √t keep the variance, but this is not the arc: its weights are ratios of sines."),
        ("order", arc(omega, z1, z0), "z0 and z1 are exchanged: the arc begins at z0 for t = 0."),
        ("normalisation", unit, "The result is a unit vector: the weights are those of the angle, the vectors z0 and z1 as they are."),
        ("normalisation", unit * length, "You interpolated direction and norm apart. In the formula z0 and z1 are as they are."),
        ("axis", arc(whole), "The scalar product and the norms go over the whole batch: each pair of vectors has its own angle, dim=-1."),
        *[("normalisation", arc(torch.arccos((product / c).clamp(-1, 1))), forgotten) for c in (1, n0, n1, n0**2, n1**2)],
        *[("normalisation", arc(torch.arccos((product / c).clamp(-1 + e, 1 - e))), forgotten) for c in (1, n0, n1) for e in (1e-7, 1e-6)],
        ("normalisation", arc(omega) * torch.sin(omega), "The division by sin ω is missing."),
        ("value", torch.cos(t * omega) * z0 + torch.sin(t * omega) * z1, "cos(tω) z0 + sin(tω) z1 ends at z1 only for orthogonal vectors."),
        ("value", arc(torch.arcsin(cosine.clamp(-1, 1))), "You took the arc sine: ⟨z0, z1⟩ / (‖z0‖ ‖z1‖) is the cosine of ω."),
        ("value", arc(cosine), "You took the cosine for the angle: ω = arccos(⟨z0, z1⟩ / (‖z0‖ ‖z1‖))."),
        ("value", arc(torch.rad2deg(omega)), "The angle is in degrees: sin takes radians."),
        ("value", arc(quarter), "You take ω = π/2, as if the vectors were orthogonal: compute their angle."),
    ]  # fmt: skip


# --- inversion -------------------------------------------------------------------------------------------------------

STEPS, LAM = (12, 25), 0.4


class _Pictures(nn.Module):
    """A generator of images of 2 × 3 pixels from five numbers, in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = (nn.Parameter(random_image(shape, seed) * 0.7) for seed, shape in enumerate(((5, 8), (8, 6))))

    def forward(self, z: Tensor) -> Tensor:
        return (torch.tanh(z @ self.first) @ self.last).reshape(-1, 1, 2, 3)


class _Columns:
    """Two of the three columns, with weights: an operator whose result has another shape, which counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, u: Tensor) -> Tensor:
        self.calls += 1
        return u[..., 1:] * torch.tensor([[1.0, 0.5], [2.0, 1.5]], dtype=u.dtype)


Weigh = Callable[[Tensor, Tensor], Tensor]


def _descend(z0: Tensor, energy: Callable[[Tensor], Tensor], rate: float, n: int, make: Any = torch.optim.Adam, zero: bool = True) -> Tensor:
    """Return where n steps of an optimizer lead; the gradients add up unless ``zero``."""
    z = z0.clone().requires_grad_()
    optimizer = make([z], lr=rate)
    for _ in range(n):
        (gradient,) = torch.autograd.grad(energy(z), z)
        z.grad = gradient if zero or z.grad is None else z.grad + gradient
        optimizer.step()
    return z.detach()


@exercise(
    adversarial.invert,
    hints=(
        "A descent as in lesson 05, on the code instead of the image: the gradient goes through A and the generator. The variable is a copy of z0.",
        "½‖A(G(z)) - v‖² + (λ/2)‖z‖², sums of squares; n steps of torch.optim.Adam([z], lr=0.1): zero_grad, backward, step. Return z.",
        "z = z0.clone().requires_grad_()",
    ),
)
def invert(student: Student) -> str:
    """Compare the code after a few steps with the course's, on a generator and an operator of a few numbers."""
    generator, A = _Pictures(), _Columns()
    for seed, n in enumerate(STEPS):
        z0, v = random_image((3, 5), 5 + seed), A(generator(random_image((3, 5), 15 + seed))).detach() + 0.3
        A.calls = 0
        answer, used = student.tensor(generator, A, v, LAM, z0, n, shape=(3, 5)), A.calls
        expected = adversarial.invert(generator, A, v, LAM, z0, n)
        if not is_close(answer, expected):
            _recognise_descent(student, answer, used > 0)
            expect_close(answer, expected, "value", "The code is not that after n steps of Adam (rate 0.1) on ½‖A(G(z)) - v‖² + (λ/2)‖z‖² from z0.")
        if used > 2 * n + 2:
            student.remark = f"The codes are right, but the generator was applied {used} times where {n} do: take the whole batch in each step."
    return "n steps of Adam on ½‖A(G(z)) - v‖² + (λ/2)‖z‖² from z0, through the operator and the generator"


def _recognise_descent(student: Student, answer: Tensor, observed: bool) -> None:
    generator, A, v, lam, z0, n = student.calls[-1].args
    expect(not is_close(answer, z0, 1e-9), "constant", "The code did not move: call backward on the objective, then optimizer.step().")

    def reached(weigh: Weigh, rate: float = 0.1, steps: int = n, start: Tensor = z0, make: Any = torch.optim.Adam, zero: bool = True) -> Tensor:
        return _descend(start, lambda z: weigh((A(generator(z)) - v).square(), z), rate, steps, make, zero)

    def right(d: Tensor, z: Tensor) -> Tensor:
        return 0.5 * d.sum() + 0.5 * lam * z.square().sum()

    def prior(factor: float, of: Callable[[Tensor], Tensor] = lambda z: z.square().sum()) -> Tensor:
        """Return where a descent leads that has another prior: factor times λ/2 times ``of``."""
        return reached(lambda d, z: 0.5 * d.sum() + 0.5 * factor * lam * of(z))

    def fit(of: Callable[[Tensor], Tensor]) -> Tensor:
        """Return where a descent leads that has ``of`` the squares in the place of the squared norm."""
        return reached(lambda d, z: of(d) + 0.5 * lam * z.square().sum())

    n_images, m, size = len(v), v.numel() / len(v), z0.numel()
    means = (m, m * n_images, n_images, 2 * m, m * n_images / 2, m * n_images * 2, 1 / size, 1 / n_images, n_images / size, m * n_images / size)
    data_term, prior_term = "½‖A G(z) - v‖²", "(λ/2)‖z‖²"
    mean = "A mean in place of a sum: the norms are sums of squares, or λ does not weigh what it should."
    not_squared = "The norm of z is not squared.", "The norm of A G(z) - v is not squared."
    only_prior = reached(lambda d, z: z.square().sum())
    final = reached(right)
    known: list[Known] = [
        ("weight", prior(2), f"The prior counts twice too much: {prior_term}, with ½."),
        ("weight", prior(0.5), f"The data count twice too much: {data_term}, with ½."),
        ("weight", prior(4), "The prior counts four times too much."),
        ("weight", prior(0), f"The prior is missing: {prior_term}."),
        ("sign", prior(-1), "The prior is subtracted: it is added, so that z stays probable."),
        ("square-root", prior(lam), "λ is squared: the prior is (λ/2)‖z‖²."),
        ("autograd", only_prior, "Only the prior moves z, no gradient comes through the generator: no no_grad(), no detach() between z and the objective.")
        if observed
        else ("weight", only_prior, f"The data are missing: {data_term}."),
        *[("square-root", prior(factor, of), not_squared[0]) for factor in (1, 2) for of in (torch.norm, lambda z: z.norm(dim=1).sum())],
        *[("square-root", fit(of), not_squared[1]) for of in (lambda d: d.sum().sqrt(), lambda d: 0.5 * d.sum().sqrt(), lambda d: d.flatten(1).sum(1).sqrt().sum(), lambda d: 0.5 * d.flatten(1).sum(1).sqrt().sum())],
        *[("normalisation", prior(factor), mean) for factor in means],
        ("sign", reached(lambda d, z: -right(d, z)), "The descent goes uphill: call backward on the objective itself."),
        ("start", reached(right, start=torch.zeros_like(z0)), "The descent begins at 0: begin at z0."),
        *[("step-size", reached(right, rate=rate), f"Adam's rate is {rate:g} here: lr=0.1.") for rate in (1.0, 0.2, 0.05, 0.01, 1e-3, 1e-4)],
        *[("step-size", reached(right, rate, make=torch.optim.SGD), "This is gradient descent, torch.optim.SGD: take torch.optim.Adam with lr=0.1.") for rate in (0.1, 0.01, 1e-3)],
        ("not-converged", reached(right, steps=n - 1), "One step is missing: n steps."),
        ("not-converged", reached(right, steps=n + 1), "One step too many: n steps."),
        ("order", reached(right, zero=False), "The gradients of the steps before are still there, backward adds to them: call optimizer.zero_grad() in each step."),
        ("normalisation", final / final.norm(dim=1, keepdim=True), "The code is put on the unit sphere: return z as the descent leaves it."),
    ]  # fmt: skip
    again = z0
    for _ in range(n):
        again = reached(right, steps=1, start=again)
    known.append(("step-size", again, "A new optimizer is made in each step, and Adam forgets: make it once, before the loop."))
    recognise(answer, *known, rtol=1e-5)


# --- a generator made of styles --------------------------------------------------------------------------------------


@exercise(
    adversarial.adain,
    hints=(
        "Each channel of each image is brought to mean 0 and variance 1, over its own pixels. Then it gets the scale and the mean that its style says.",
        "y_s (x - μ) / √(s² + 1e-5) + y_b, μ and s² over dim=(2, 3), s² divided by the number of pixels (correction=0); y_s is the first half of the style, y_b the second.",
        "scale, mean = style[:, :, None, None].chunk(2, dim=1)",
    ),
)
def adain(student: Student) -> str:
    """Compare on non-square maps, on a channel that is constant, on one nearly so, and look at the gradients."""
    for seed, (n, c, h, w) in enumerate(((3, 4, 5, 3), (2, 3, 4, 6), (1, 2, 3, 3))):
        x = random_image((n, c, h, w), seed) * torch.arange(1, c + 1)[:, None, None] + 2
        style = random_image((n, 2 * c), 10 + seed)
        answer = student.tensor(x, style, shape=x.shape)
        expected = adversarial.adain(x, style)
        if not is_close(answer, expected, 1e-4):
            _recognise_styles(answer, x, style)
            expect_close(answer, expected, "value", "The result is not y_s (x - μ) / √(s² + 1e-5) + y_b, channel by channel and image by image.", rtol=1e-4)
    _expect_epsilon(student)
    _expect_gradients(student)
    return "y_s (x - μ) / √(s² + 1e-5) + y_b for each channel of each image, constant ones too, and both gradients"


def _recognise_styles(answer: Tensor, x: Tensor, style: Tensor) -> None:
    n, c, h, w = x.shape
    s, b = style[:, :c, None, None], style[:, c:, None, None]
    even, odd = style[:, ::2, None, None], style[:, 1::2, None, None]
    variance, mu = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    deviation = variance.sqrt()

    def over(dim: tuple[int, ...]) -> Tensor:
        v, m = torch.var_mean(x, dim=dim, correction=0, keepdim=True)
        return (x - m) / (v + 1e-5).sqrt()

    right = (x - mu) / deviation
    wrong_axes = {(0, 2, 3): "over the whole batch, as batch normalisation: each image has its own", (1, 2, 3): "over all channels: each channel has its own", (1,): "over the channels at each pixel: they are over the pixels, dim=(2, 3)", (2,): "over the rows only: dim=(2, 3)", (3,): "over the columns only: dim=(2, 3)", (0,): "over the batch: they are over the pixels, dim=(2, 3)"}
    if n == 1:
        del wrong_axes[(0, 2, 3)], wrong_axes[(0,)]
    parts: dict[str, Any] = {
        "normal": (
            right,
            [
                ("normalisation", right * ((h * w - 1) / (h * w)) ** 0.5, "The variance is divided by the number of pixels minus 1: correction=0."),
                *[("axis", over(dim), f"The mean and the variance are taken {text}.") for dim, text in wrong_axes.items()],
                ("square-root", (x - mu) / variance, "You divide by the variance: divide by its root."),
                ("square-root", (x - mu) / deviation.sqrt(), "You take one root too many: divide by √(s² + 1e-5)."),
                ("mean", x / deviation, "The mean μ of the channel is not taken away."),
                ("order", x / deviation - mu, "The mean is subtracted after the division: take it away first, (x - μ) / √(s² + 1e-5)."),
                ("normalisation", x - mu, "The channel is not divided by √(s² + 1e-5)."),
                ("normalisation", (x - mu) * deviation, "The channel is multiplied by its deviation: divide by it."),
                ("value", x, "The channel is not normalised: y_s (x - μ) / √(s² + 1e-5) + y_b."),
            ],
        ),
        "style": (
            (s, b),
            [
                ("order", (b, s), "Scale and mean are exchanged: the first c numbers are the scales y_s."),
                ("order", (even, odd), "The style is read in turns: its first half is y_s, the second y_b: chunk(2, dim=1)."),
                ("value", (1 + s, b), "The scale is y_s, not 1 + y_s."),
                ("truncation", (s, torch.zeros_like(b)), "The new mean y_b is missing."),
                ("truncation", (torch.ones_like(s), b), "The new scale y_s is missing."),
                ("truncation", (torch.ones_like(s), torch.zeros_like(b)), "The style is not used."),
                ("order", (s, s * b), "The scale multiplies y_b as well: multiply first, then add."),
                ("sign", (s, -b), "y_b is subtracted: it is added."),
                *([("truncation", (s[:1].expand_as(s), b[:1].expand_as(b)), "All the images get the style of the first: each has its own.")] if n > 1 else []),
            ],
        ),
    }  # fmt: skip
    recognise_parts(answer, lambda normal, style: style[0] * normal + style[1], parts, rtol=1e-4)


def _expect_epsilon(student: Student) -> None:
    x = random_image((1, 3, 4, 4), 3)
    x[:, 1] = 0.7
    x[:, 2] = 0.7 + (x[:, 2] - x[:, 2].mean()) / x[:, 2].std() * 2e-3
    style = random_image((1, 6), 4)
    answer = student(x, style)
    text = "A channel that is constant gives NaN or infinity: its variance is 0. Add 1e-5 to the variance, under the root."
    expect(bool(torch.isfinite(answer.detach()).all()), "not-finite", text)
    text = "For channels that are nearly constant the result is wrong: 1e-5 is added to the variance, under the root, √(s² + 1e-5)."
    expect(is_close(answer.detach(), adversarial.adain(x, style), 1e-3), "epsilon", text)


def _expect_gradients(student: Student) -> None:
    inputs = random_image((2, 3, 4, 5), 5).requires_grad_(), random_image((2, 6), 6).requires_grad_()
    weights = random_image((2, 3, 4, 5), 7)
    result = student(*inputs)
    leaves = _leaves(result) if result.requires_grad else []
    expected = torch.autograd.grad((weights * adversarial.adain(*inputs)).sum(), inputs)
    for name, right, x in zip(("features", "style"), expected, inputs, strict=True):
        leaf = next((y for y in leaves if y.shape == x.shape), None)
        text = f"The values are right, but no gradient reaches {name}: use torch's operations only, no detach(), no no_grad()."
        expect(leaf is not None, "autograd", text)
        (gradient,) = torch.autograd.grad((weights * result).sum(), leaf, retain_graph=True)  # type: ignore[arg-type]
        text = f"The values are right, but the gradient with respect to {name} is not: μ and s² depend on the features too, do not detach them."
        expect(is_close(gradient, right, 1e-4), "autograd", text)


# --- from images to images -------------------------------------------------------------------------------------------


class _Judge:
    """A judge of patches with fixed weights, which refuses what is no patch."""

    def __init__(self, channels: int, side: int, ends: tuple[int, ...]) -> None:
        self.weight, self.ends = random_image((channels, side, side), 21), ends

    def __call__(self, patches: Any) -> Tensor:
        shape = tuple(patches.shape) if isinstance(patches, Tensor) else ()
        wanted = tuple(self.weight.shape)
        if shape[1:] != wanted or len(shape) != 4:
            raise Mistake("shape", _wrong_patch(shape, wanted), {"shape of what the discriminator got": shape, "expected shape": ("m", *wanted)})
        logits = (patches * self.weight).sum(dim=(1, 2, 3)) + 0.2 * (patches[:, 0, 0, 0] * patches[:, -1, -1, 0])
        return logits.reshape(-1, *self.ends)


def _wrong_patch(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if len(shape) == 4 and shape[2:] == wanted[1:]:
        return "The patches have the wrong number of channels: join the condition and the images along dim=1, the condition first."
    if len(shape) == 4 and shape[1] == wanted[0]:
        return "The discriminator judges patches of side × side pixels: cut them out, at multiples of stride."
    return "The discriminator takes patches of shape (m, channels, side, side), those of all the images in one batch."


PATCHES = ((2, 1, 2, 8, 14, 3, 2, (1, 1, 1)), (3, 2, 1, 6, 8, 4, 1, ()), (2, 1, 1, 8, 5, 2, 3, (1,)))  # n, a, b, H, W, side, stride


@exercise(
    adversarial.patch_logits,
    hints=(
        "Join condition and images along the channels. Cut out all the patches, judge them as one large batch, and put the logits where the patches were.",
        "x.unfold(2, side, stride).unfold(3, side, stride) has the shape (n, c, rows, columns, side, side): bring n, rows, columns to the front, flatten them, and undo that at the end.",
        "pairs = torch.cat([condition, images], dim=1)",
    ),
)
def patch_logits(student: Student) -> str:
    """Compare on non-square images, with several strides and forms of logits, and look for the gradient."""
    for seed, (n, a, b, h, w, side, stride, ends) in enumerate(PATCHES):
        condition, images = random_image((n, a, h, w), seed), random_image((n, b, h, w), 30 + seed)
        judge = _Judge(a + b, side, ends)
        shape = (n, (h - side) // stride + 1, (w - side) // stride + 1)
        result = student(judge, condition, images, side, stride)
        _expect_map(result, shape, (h, w, side, stride))
        answer, expected = student.as_tensor(result, shape), adversarial.patch_logits(judge, condition, images, side, stride)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_maps(judge, condition, images, side, stride))
            expect_close(answer, expected, "value", "The logits are not those of the patches, in their places.")
    condition, images = random_image((2, 1, 6, 7)), random_image((2, 1, 6, 7), 1).requires_grad_()
    text = "The logits are right, but no gradient reaches the images, from which the generator learns: no detach(), no no_grad()."
    expect(student(_Judge(2, 3, (1,)), condition, images, 3, 2).requires_grad, "autograd", text)
    return "the logit of each patch at multiples of stride, in its place, and the gradient goes through"


def _expect_map(result: Any, shape: tuple[int, ...], sizes: tuple[int, int, int, int]) -> None:
    if not isinstance(result, Tensor) or tuple(result.shape) == shape:
        return
    h, w, side, stride = sizes
    n, own = shape[0], tuple(result.shape)
    shown = {"your shape": own, "expected shape": shape, "H, W, side, stride": sizes}
    for wrong in {1, side} - {stride}:
        if own == (n, (h - side) // wrong + 1, (w - side) // wrong + 1):
            raise Mistake("step-size", f"The patches are {wrong} pixels apart: their corners are at multiples of stride.", shown)
    if own == (n, shape[2], shape[1]):
        raise Mistake("axis", "Rows and columns of the map are exchanged: (n, rows, columns).", shown)
    if len(own) == 3 and own[0] == n and own[1] in (shape[1] - 1, shape[1]) and own[2] in (shape[2] - 1, shape[2]):
        raise Mistake("truncation", "The last patches are missing: rows = (H - side) // stride + 1, columns likewise.", shown)
    if len(own) == 3 and own[0] == n and own[1] >= shape[1] and own[2] >= shape[2]:
        raise Mistake("boundary", "There are too many patches: only those that fit into the image, (H - side) // stride + 1 rows. Nothing is padded.", shown)


def _wrong_maps(judge: _Judge, condition: Tensor, images: Tensor, side: int, stride: int) -> list[Known]:
    def logits(pairs: Tensor, order: Sequence[int] = (0, 2, 3, 1, 4, 5)) -> Tensor:
        x = pairs.unfold(2, side, stride).unfold(3, side, stride)
        return judge(x.permute(*order).reshape(-1, pairs.shape[1], side, side)).flatten()

    pairs = torch.cat([condition, images], dim=1)
    right = logits(pairs)
    n, rows, columns = len(pairs), (pairs.shape[2] - side) // stride + 1, (pairs.shape[3] - side) // stride + 1
    scrambled = "The logits are not where their patches were: flatten (n, rows, columns) in this order, and undo it by reshape(n, rows, columns)."
    moved = [(pairs.roll((-i, -j), (2, 3)), f"The patches are moved by ({i}, {j}) pixels: the first has its corner at (0, 0).") for i in range(-1, 2) for j in range(-1, 2) if i or j]
    known = [
        ("order", logits(torch.cat([images, condition], dim=1)), "The images come first along the channels: the condition does, torch.cat([condition, images], dim=1)."),
        ("axis", logits(pairs, (0, 2, 3, 1, 5, 4)), "The patches are transposed: their rows are dimension 4 of the unfolded tensor, their columns dimension 5."),
        ("axis", logits(pairs, (0, 3, 2, 1, 4, 5)), scrambled),
        ("axis", logits(pairs, (0, 1, 2, 3, 4, 5)), "The unfolded tensor has the shape (n, c, rows, columns, side, side): bring the channels behind rows and columns before you flatten, permute(0, 2, 3, 1, 4, 5)."),
        ("order", logits(pairs, (2, 3, 0, 1, 4, 5)), scrambled),
        ("order", logits(pairs, (2, 0, 3, 1, 4, 5)), scrambled),
        ("axis", right.reshape(n, rows, columns).mT.flatten(), "Rows and columns of the map are exchanged."),
        ("value", torch.sigmoid(right), "These are probabilities: the losses take the logits."),
        ("value", F.softplus(-right), "These are losses: return the logits."),
        *[("centering", logits(x), text) for x, text in moved],
    ]  # fmt: skip
    return [(cause, value.reshape(n, rows, columns), text) for cause, value, text in known]
