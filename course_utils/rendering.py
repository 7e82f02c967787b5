"""Objects given by a signed distance, drawn by marching along rays (lesson 14).

Points have three coordinates in the order of a solid's axes: the first points down, as the rows of an image do. An
object is a function from points (N, 3) to distances (N,), negative inside, and lies about in the cube [-1, 1]^3.
J. C. Hart (1996), "Sphere tracing", 10.1007/s003710050084.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import require_callable, require_count, require_generator, require_number, require_tensor

__all__ = [
    "OBJECTS",
    "camera_rays",
    "chrome_ball",
    "cut",
    "light_scenes",
    "march",
    "normals",
    "random_lights",
    "read_light",
    "render",
    "sphere_coordinates",
]

Distance = Callable[[Tensor], Tensor]
Paint = Callable[[Tensor], Tensor]

FAR = 8.0  # where a ray ends that meets nothing
NEAR = 1e-3  # a ray that is so close to the object has hit it
LIGHT = (-0.72, -0.58, 0.38)  # towards the light: from above, a little in front, from the right
FLOOR = 1.0  # first coordinate of the floor
FLOOR_COLOR = 0.93
AMBIENT = 0.38


def _require_points(value: object, name: str) -> Tensor:
    points = require_tensor(value, name)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"{name} must have shape (N, 3), got {tuple(points.shape)}")
    return points


def _sphere(p: Tensor) -> Tensor:
    return p.norm(dim=-1) - 1.0


def _cube(p: Tensor) -> Tensor:
    q = p.abs() - 0.72
    return q.clamp(min=0).norm(dim=-1) + q.amax(dim=-1).clamp(max=0)


def _torus(p: Tensor) -> Tensor:
    """Return the distance to a ring that stands upright."""
    ring = torch.hypot(p[..., 0], p[..., 2]) - 0.68
    return torch.hypot(ring, p[..., 1]) - 0.32


def _vase(p: Tensor) -> Tensor:
    """Return a bound on the distance to a vase: a wall around a profile that is turned about the axis 0."""
    height, radius = p[..., 0], torch.hypot(p[..., 1], p[..., 2])
    profile = 0.42 + 0.24 * torch.sin(2.7 * height + 0.25) + 0.1 * height**2
    wall = (radius - profile).abs() - 0.055
    bottom = torch.maximum(radius - profile, (height - 0.93).abs() - 0.06)
    body = torch.minimum(torch.maximum(wall, height.abs() - 0.99), bottom)
    return 0.7 * body - 0.01  # the profile's slope makes `wall` up to 1.3 times too long


_BALLS = (
    ((0.42, 0.0, 0.0), 0.56),
    ((-0.12, 0.28, 0.38), 0.4),
    ((-0.1, -0.3, -0.34), 0.42),
    ((-0.6, 0.05, 0.02), 0.32),
    ((0.1, -0.5, 0.42), 0.3),
)


def _blob(p: Tensor) -> Tensor:
    """Return a bound on the distance to five balls that melt into each other."""
    terms = [(p - p.new_tensor(centre)).norm(dim=-1) - radius for centre, radius in _BALLS]
    return -torch.logsumexp(-12 * torch.stack(terms), dim=0) / 12


OBJECTS: dict[str, Distance] = {"sphere": _sphere, "cube": _cube, "torus": _torus, "vase": _vase, "blob": _blob}
"""Signed distances by the name of their object."""


def cut(distance: Distance, offset: float) -> Distance:
    """Return the object without its points of second coordinate below offset: max(d(p), offset − p₁)."""
    require_callable(distance, "distance")
    offset = require_number(offset, "offset")
    return lambda p: torch.maximum(distance(p), offset - p[..., 1])


def camera_rays(
    side: int, turn: float = 30.0, elevation: float = 25.0
) -> tuple[Float[Tensor, "N 3"], Float[Tensor, "N 3"]]:
    """Return origins and unit directions of the rays of side x side pixels that look at 0, row by row.

    Parameters
    ----------
    turn, elevation : degrees around the vertical axis, and above the horizon.
    """
    grid = (torch.arange(require_count(side, "side")) + 0.5) / side * 2 - 1
    rows, columns = torch.meshgrid(grid, grid, indexing="ij")
    rays = torch.stack([rows, torch.full_like(rows, 3.3), columns], dim=-1).reshape(-1, 3)
    eye = torch.tensor([0.0, -4.6, 0.0])
    tilt, spin = (math.radians(require_number(x, n)) for x, n in ((elevation, "elevation"), (turn, "turn")))
    c, s = math.cos(tilt), math.sin(tilt)
    tilted = torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    c, s = math.cos(spin), math.sin(spin)
    turned = torch.tensor([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]]) @ tilted
    return (turned @ eye).expand_as(rays), F.normalize(rays @ turned.mT, dim=-1)


def march(
    distance: Distance, origins: Float[Tensor, "N 3"], directions: Float[Tensor, "N 3"]
) -> tuple[Float[Tensor, " N"], Bool[Tensor, " N"]]:
    """Return how far each ray goes, and which rays hit: t ← t + d(o + t r), no step can cross the surface."""
    require_callable(distance, "distance")
    _require_points(origins, "origins")
    if _require_points(directions, "directions").shape != origins.shape:
        raise ValueError(
            f"directions must be as many as origins, got {tuple(directions.shape)}, {tuple(origins.shape)}"
        )
    t = torch.zeros(len(origins), dtype=origins.dtype, device=origins.device)
    alive = torch.arange(len(t), device=t.device)
    hit = torch.zeros_like(t, dtype=torch.bool)
    for _ in range(96):
        d = distance(origins[alive] + t[alive, None] * directions[alive])
        t[alive] += d
        hit[alive[d < NEAR]] = True
        alive = alive[(d >= NEAR) & (t[alive] < FAR)]
        if not len(alive):
            break
    return t, hit


def normals(distance: Distance, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    """Return ∇d / ‖∇d‖ at points of the surface, by automatic differentiation."""
    require_callable(distance, "distance")
    with torch.enable_grad():
        p = _require_points(points, "points").detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(distance(p).sum(), p)
    return F.normalize(gradient, dim=-1)


def _light(distance: Distance, points: Tensor, light: Tensor) -> Tensor:
    """Return how much light reaches points: less the closer the way to the light passes by the object."""
    t, seen = points.new_full((len(points),), 0.03), points.new_ones(len(points))
    for _ in range(28):
        d = distance(points + t[:, None] * light)
        seen = torch.minimum(seen, 0.5 + 0.5 * 7.0 * d / t)
        t = t + d.clamp(0.02, 0.2)
    return seen.clamp(0, 1).square() * (3 - 2 * seen.clamp(0, 1))


def render(
    distance: Distance,
    paint: Paint,
    side: int,
    turn: float = 30.0,
    elevation: float = 25.0,
    samples: int = 1,
    background: float = 1.0,
) -> Float[Tensor, "3 side side"]:
    """Return a picture of an object on a floor, in soft light: Lambert's law, the shadow, white where nothing is.

    Parameters
    ----------
    distance : the object.
    paint : from points of its surface (N, 3) to their colours (N, 3). Called once, with what is seen.
    samples : a pixel is the mean of samples x samples rays, without stairs along the outline from 2 on.
    background : gray in [0, 1] of what is white otherwise: where nothing is, and of the floor.
    """
    require_callable(paint, "paint")
    fine = require_count(side, "side") * require_count(samples, "samples")
    origins, directions = camera_rays(fine, turn, elevation)
    light = F.normalize(torch.tensor(LIGHT), dim=0)
    light = _turned(light, turn)
    t, hit = march(distance, origins, directions)
    picture = torch.full((len(origins), 3), require_number(background, "background", minimum=0.0))
    points = origins[hit] + t[hit, None] * directions[hit]
    normal = normals(distance, points)
    lambert = (normal @ light).clamp(min=0) * _light(distance, points + 2 * NEAR * normal, light)
    sky = 0.5 - 0.5 * normal[:, 0]  # light from all around: less from below
    picture[hit] = paint(points) * (AMBIENT * (0.45 + 0.55 * sky) + 0.95 * lambert)[:, None]
    down = (FLOOR - origins[:, 0]) / directions[:, 0].clamp(min=1e-9)
    on_floor = (~hit & (directions[:, 0] > 0) & (down < 12)).nonzero().squeeze(-1)
    ground = origins[on_floor] + down[on_floor, None] * directions[on_floor]
    fade = torch.exp(-0.12 * ground[:, 1:].square().sum(dim=1))  # into the background
    shade = 0.55 + 0.45 * _light(distance, ground, light)
    shade = shade * (1 - 0.3 * torch.exp(-4 * distance(ground).clamp(min=0)))  # where little sky is seen
    picture[on_floor] *= (1 - fade * (1 - FLOOR_COLOR * shade))[:, None]
    return F.avg_pool2d(picture.clamp(0, 1).T.reshape(3, fine, fine), samples)


def _turned(vector: Tensor, turn: float) -> Tensor:
    """Return a direction that stays where it is as seen by a camera that turns."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return torch.stack([vector[0], c * vector[1] - s * vector[2], s * vector[1] + c * vector[2]])


def sphere_coordinates(points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 2"]:
    """Return latitude and longitude of points as coordinates in [-1, 1] of the picture wrapped on a sphere."""
    p = F.normalize(_require_points(points, "points"), dim=-1)
    latitude = torch.asin(p[..., 0].clamp(-1, 1)) / (math.pi / 2)
    return torch.stack([latitude, torch.atan2(p[..., 2], p[..., 1]) / math.pi], dim=-1)


# --- light probes (lesson 18) ----------------------------------------------------------------------------------------
# Here x points to the right, y up and z to the eye, which is far away; images are gray.

BALL = 0.5  # radius of the chrome ball in the middle of the scene, which is [-1, 1]²
MATTE = 5  # other balls
SCENE_SIDE = 32  # pixels
SHARPNESS = 40.0  # of the light as a mirror shows it
WALL, MATTE_ALBEDO, SHADE = 0.75, 0.85, 0.15


def _plane(side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the coordinates x and y of the pixels' centres, each (side, side)."""
    axis = (torch.arange(side, dtype=like.dtype, device=like.device) + 0.5) * (2 / side) - 1
    return axis[None, :].expand(side, side), -axis[:, None].expand(side, side)


def chrome_ball(side: int) -> Bool[Tensor, "side side"]:
    """Return where the chrome ball is: what a network that paints it may change."""
    x, y = _plane(require_count(side, "side"), torch.zeros(()))
    return x.square() + y.square() < BALL**2


def random_lights(n: int, generator: torch.Generator) -> Float[Tensor, "n 3"]:
    """Return directions to the light, uniform on the part of the sphere in front of the wall: z > 0.35."""
    require_generator(generator)
    z = 0.35 + 0.65 * torch.rand(require_count(n, "n"), generator=generator)
    angle = 2 * math.pi * torch.rand(n, generator=generator)
    radius = (1 - z.square()).sqrt()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), z], dim=1)


def light_scenes(lights: Float[Tensor, "n 3"], generator: torch.Generator) -> Float[Tensor, "n 1 32 32"]:
    """Return scenes in [0, 1], each under one light: five matte balls before a wall, and a chrome ball in the middle.

    A matte ball has the radiance a max(0, ⟨n, l⟩) + 0.15 where its normal is n, the wall likewise, and the balls cast
    shadows on it. The chrome ball shows the light where r = 2 ⟨n, v⟩ n - v, its direction v to the eye mirrored at n,
    is near l: exp(40 (⟨r, l⟩ - 1)), on a gray that is brighter above.
    """
    if require_tensor(lights, "lights").ndim != 2 or lights.shape[1] != 3:
        raise ValueError(f"lights must have shape (n, 3), got {tuple(lights.shape)}")
    require_generator(generator)
    side = SCENE_SIDE
    x, y = _plane(side, lights)
    l_x, l_y, l_z = (lights[:, i, None, None] for i in range(3))
    scene = SHADE + WALL * l_z.expand(-1, side, side)
    angle = 2 * math.pi * (torch.arange(MATTE) / MATTE + torch.rand(len(lights), 1, generator=generator))
    radius = 0.16 + 0.12 * torch.rand(len(lights), MATTE, generator=generator)
    albedo = MATTE_ALBEDO - 0.4 * torch.rand(len(lights), MATTE, generator=generator)
    centres = torch.stack([angle.cos(), angle.sin()], dim=-1) * 0.74
    balls = [(centres[:, k, 0], centres[:, k, 1], radius[:, k], albedo[:, k]) for k in range(MATTE)]
    shapes = [tuple(value.to(lights)[:, None, None] for value in ball) for ball in balls]
    for a, b, r, _ in shapes:  # the wall touches the balls: a shadow is a disc moved away from the light
        moved = (x - a + r * l_x / l_z).square() + (y - b + r * l_y / l_z).square() < r.square()
        scene = torch.where(moved, SHADE, scene)
    for a, b, r, rho in shapes:
        scene = torch.where(
            (x - a).square() + (y - b).square() < r.square(), _lambert(x - a, y - b, r, lights, rho), scene
        )
    mirror = _mirrored(x / BALL, y / BALL)
    glare = torch.exp(SHARPNESS * (mirror[0] * l_x + mirror[1] * l_y + mirror[2] * l_z - 1))
    chrome = (0.35 + 0.2 * mirror[1] + glare).clamp(max=1)
    return torch.where(chrome_ball(side).to(lights.device), chrome, scene)[:, None]


def _lambert(x: Tensor, y: Tensor, r: Tensor, lights: Tensor, albedo: Tensor) -> Tensor:
    z = (r.square() - x.square() - y.square()).clamp(min=0).sqrt()
    l_x, l_y, l_z = (lights[:, i, None, None] for i in range(3))
    return (albedo * ((x * l_x + y * l_y + z * l_z) / r).clamp(min=0) + SHADE).clamp(max=1)


def _mirrored(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return r = 2 ⟨n, v⟩ n - v for the normal n = (x, y, z) of the unit ball and v = (0, 0, 1)."""
    z = (1 - x.square() - y.square()).clamp(min=0).sqrt()
    return 2 * z * x, 2 * z * y, 2 * z.square() - 1


def read_light(scenes: Float[Tensor, "n 1 H W"]) -> Float[Tensor, "n 3"]:
    """Return the direction to the light that the chrome ball shows: the mean of r over its brightest pixels.

    A pixel weighs as much as it is brighter than 0.7 of the brightest one's excess over the ball's median.
    """
    if require_tensor(scenes, "scenes").ndim != 4 or scenes.shape[1] != 1 or scenes.shape[2] != scenes.shape[3]:
        raise ValueError(f"scenes must have shape (n, 1, H, H), got {tuple(scenes.shape)}")
    side = scenes.shape[-1]
    inside = chrome_ball(side).to(scenes.device)
    x, y = _plane(side, scenes)
    r = torch.stack(_mirrored(x / BALL, y / BALL))[:, inside]
    ball = scenes[:, 0, inside]
    excess = ball - ball.median(dim=1, keepdim=True).values
    weights = (excess - 0.7 * excess.max(dim=1, keepdim=True).values).clamp(min=0)
    return F.normalize(weights @ r.T, dim=1)
