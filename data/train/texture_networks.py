"""Texture networks of lesson 13 (Ulyanov et al., 2016 and 2017) and one fast style network (Johnson et al., 2016)."""

from functools import cache, partial

import torch
from torch import Tensor, nn

from course_utils.classroom.training import Recipe, mean_gram_matrices
from course_utils.data import REGISTRY
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.generators import (
    PAINTING,
    TEXTURES,
    StyleNetwork,
    TextureNetwork,
    diversity,
    multiscale_noise,
    texture_network_loss,
)
from course_utils.images import load_image
from course_utils.textures import gram_matrix

CONTENT_LAYER = "relu3_3"
ALPHA = 2.0  # weight of the content's relative error
PHOTOGRAPHS = ("astronaut", "coffee", "dahlia", "kodim23", "raccoon")
PICTURES = (*PHOTOGRAPHS, "auvers", "great_wave", "summertime", "composition_viii", "morris", "flowers", "rock_layers")
UNSEEN = ("temple", "cat")


@cache
def vgg(*layers: str, padding: str = "zeros") -> VGGFeatures:
    """Return the features, made once."""
    return VGGFeatures("vgg16", layers, padding=padding)


@cache
def exemplar(name: str, side: int) -> Tensor:
    """Return a texture or painting in colour."""
    u = load_image(name, side).float()
    return u if u.ndim == 3 else u.expand(3, -1, -1)


@cache
def target_grams(name: str, side: int, crop: int, layers: tuple[str, ...], padding: str = "zeros") -> dict[str, Tensor]:
    """Return the Gram matrices of squares of the exemplar as large as what is drawn."""
    return mean_gram_matrices(exemplar(name, side), vgg(*layers, padding=padding), crop)


def first_network(name: str) -> TextureNetwork:
    """Return the untrained network, which draws around the mean colour of its exemplar."""
    made = TEXTURES[name]
    return TextureNetwork(made.widths, made.padding, exemplar(made.exemplar, made.side).mean(dim=(1, 2)))


def texture_loss(name: str, size: int, n: int, weight: float, network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the loss of n images, minus the weight times their diversity."""
    made = TEXTURES[name]
    images = network(multiscale_noise(n, (size, size), len(made.widths), generator))
    targets = target_grams(made.exemplar, made.side, size, TEXTURE_LAYERS)
    loss = texture_network_loss(images, targets, vgg(*TEXTURE_LAYERS))
    return loss - weight * diversity(images) if weight else loss


@torch.no_grad()
def texture_held_out(name: str, size: int, network: nn.Module) -> dict[str, float]:
    """Return the loss of two images of another noise, and their distance, 1 for images that have nothing in common."""
    made = TEXTURES[name]
    x = network(multiscale_noise(2, (size, size), len(made.widths), torch.Generator().manual_seed(1)))
    targets = target_grams(made.exemplar, made.side, size, TEXTURE_LAYERS)
    distance = (x[0] - x[1]).square().mean().sqrt() / (2 * x.var(dim=(-2, -1)).mean()).sqrt()
    loss = texture_network_loss(x, targets, vgg(*TEXTURE_LAYERS))
    return {"loss": loss.item(), "distance": distance.item()}


def texture_recipe(name: str, steps: int, size: int = 128, n: int = 1, weight: float = 0.0) -> Recipe:
    """Return the recipe of one texture network: n images of ``size`` pixels a step, their diversity with a weight.

    A circular network cannot draw the same image twice, so one image a step is enough for it.
    """
    made = TEXTURES[name]
    entry = REGISTRY[made.exemplar]
    return Recipe(
        summary=f"noise at {len(made.widths)} scales to {made.exemplar}, diversity with the weight {weight:g}",
        data=f"{made.exemplar}, at {made.side} px; {n} of {size} px drawn at each step",
        steps=steps,
        network=partial(first_network, name),
        loss=partial(texture_loss, name, size, n, weight),
        held_out=partial(texture_held_out, name, size),
        rate=1e-2,
        licence=entry.licence,
        credit=entry.credit,
    )


def crop_of(name: str, side: int, generator: torch.Generator) -> Tensor:
    """Return a random square of a picture, of random scale, perhaps mirrored, darker or lighter.

    Never enlarged nor paler: the features of what is nearly flat are small, so that the content's relative error of any
    stroke would be large, and the network would learn to paint nothing.
    """
    u = picture(name)
    limit = min(u.shape[-2:])
    width = int(torch.randint(side, limit + 1, (), generator=generator))
    top, left = (int(torch.randint(0, n - width + 1, (), generator=generator)) for n in u.shape[-2:])
    square = u[None, :, top : top + width, left : left + width]
    x = nn.functional.interpolate(square, (side, side), mode="bilinear", antialias=True)[0].clamp(0, 1)
    mirrored, light = torch.rand(2, generator=generator).tolist()
    return (x.flip(-1) if mirrored < 0.5 else x) ** (2 ** (light - 0.5))


@cache
def picture(name: str) -> Tensor:
    """Return a picture in colour, whole."""
    return load_image(name).float()


def style_loss_of(photographs: Tensor, painted: Tensor, side: int, *, fast: bool = False) -> tuple[Tensor, Tensor]:
    """Return the style loss and the relative error of the content; VGG in bfloat16 if it is to be fast.

    VGG reflects the images at the border, as crop and painting differ in size.
    """
    judge = vgg(*TEXTURE_LAYERS, CONTENT_LAYER, padding="reflect")
    with torch.autocast(painted.device.type, torch.bfloat16, enabled=fast):
        features = {layer: v.float() for layer, v in judge(painted).items()}
        with torch.no_grad():
            content = judge(photographs)[CONTENT_LAYER].float()
    targets = target_grams(PAINTING, 256, side, TEXTURE_LAYERS, "reflect")
    grams = {layer: gram_matrix(features[layer]) for layer in targets}
    errors = [torch.linalg.matrix_norm(grams[k] - g) / torch.linalg.matrix_norm(g) for k, g in targets.items()]
    difference = (features[CONTENT_LAYER] - content).square().sum() / content.square().sum()
    return torch.stack(errors).sum(dim=0).mean(), difference


def style_batch_loss(side: int, network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the loss of a crop, painted with a noise of its own."""
    names = (*PHOTOGRAPHS, *PICTURES)  # photographs twice as often
    photographs = crop_of(names[int(torch.randint(0, len(names), (), generator=generator))], side, generator)[None]
    seed = int(torch.randint(0, 2**31, (), generator=generator))
    with torch.autocast(photographs.device.type, torch.bfloat16):
        painted = network(photographs, seed).float()
    style, content = style_loss_of(photographs, painted, side, fast=True)
    return style + ALPHA * content


@torch.no_grad()
def style_held_out(side: int, network: nn.Module) -> dict[str, float]:
    """Return both terms on photographs that were not trained on."""
    photographs = torch.stack([load_image(name, side).float() for name in UNSEEN])
    style, content = style_loss_of(photographs, network(photographs), side)
    return {"style": style.item(), "content": content.item()}


def style_recipe(side: int, steps: int) -> Recipe:
    """Return the recipe of the style network, on crops of ``side`` pixels."""
    return Recipe(
        summary=f"photographs painted like {PAINTING}",
        data=f"{PAINTING}, at 256 px; a crop of {side} px a step, of {', '.join(PICTURES)}",
        steps=steps,
        network=StyleNetwork,
        loss=partial(style_batch_loss, side),
        held_out=partial(style_held_out, side),
        rate=3e-3,
        average=0.99,
        licence=REGISTRY[PAINTING].licence,
        credit=REGISTRY[PAINTING].credit,
    )


RECIPES = {
    "texture_flowers": texture_recipe("flowers", 800),
    "texture_ballast": texture_recipe("ballast", 800),
    "texture_sand_ripples": texture_recipe("sand_ripples", 600),
    "texture_collapsed": texture_recipe("collapsed", 500, 64, 2),
    "texture_diverse": texture_recipe("diverse", 500, 64, 2, 1.0),
    f"style_{PAINTING}": style_recipe(128, 2000),
}
