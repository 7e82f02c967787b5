"""A good call of every public function of the flat modules: what the tests of bad calls and of devices start from."""

import importlib
import inspect

import matplotlib.pyplot as plt
import torch

from course_utils.slides import PACKAGE
from tests.numerics import generator, random_image, random_kernel

MODULES = sorted(path.stem for path in PACKAGE.glob("[a-z]*.py"))
H, W, D, R = 12, 15, 20, 3

U, V, KERNEL = random_image((H, W)), random_image((H, W), 1), random_kernel((3, 4))
MASK = random_image((H, W), 2) > 0.3
EIGENVECTORS = torch.linalg.qr(random_image((D, R), 3))[0]
MODEL = (random_image((D,), 4), EIGENVECTORS, torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64))
ANGLES = torch.linspace(0, 150, 6, dtype=torch.float64)
LAYERS = ("conv1_1", "pool1")  # a network of one block is fast
FEATURES = {"conv1": random_image((4, 6, 5), 5), "conv2": random_image((3, 3, 2), 6)}
COVARIANCE = random_image((4, 6), 7) @ random_image((4, 6), 7).mT

# By the name of the argument, whatever the function; a function's own come after.
BY_NAME = {
    "u": lambda: U,
    "v": lambda: V,
    "u1": lambda: U,
    "u2": lambda: V,
    "x0": lambda: U,
    "x": lambda: U[:11, :11],
    "y": lambda: V[:11, :11],
    "t": lambda: U - U.mean(),
    "z": lambda: V,
    "d": lambda: U,
    "k": lambda: torch.fft.fft2(U),
    "b": lambda: U.square(),
    "p": lambda: random_image((2, H, W)),
    "A": lambda: built("operators", "Blur", kernel=KERNEL, shape=(H, W)),
    "operator": lambda: built("operators", "Blur", kernel=KERNEL, shape=(H, W)),
    "apply": lambda: lambda x: 2 * x,
    "adjoint": lambda: lambda x: x,
    "hessian_times": lambda: lambda x: 2 * x,
    "kernel": lambda: KERNEL,
    "matrix": lambda: random_image((4, 5)),
    "mask": lambda: MASK,
    "coil": lambda: random_image((H, W), 7),
    "angles": lambda: ANGLES,
    "sinogram": lambda: random_image((6, 15)),
    "points": lambda: torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64),
    "face": lambda: random_image((D,), 8),
    "faces": lambda: random_image((5, D), 9),
    "mean": lambda: MODEL[0],
    "eigenvectors": lambda: MODEL[1],
    "eigenvalues": lambda: MODEL[2],
    "model": lambda: MODEL,
    "shape": lambda: (H, W),
    "u_shape": lambda: (H, W),
    "v_shape": lambda: (H, W),
    "size": lambda: (8, 9),
    "dtype": lambda: torch.float64,
    "generator": generator,
    "gradient": lambda: lambda x: x - 0.5,
    "objective": lambda: lambda x: 0.5 * (x - 0.5).square().sum(),
    "energy": lambda: lambda x: (x - 0.5).square().sum(),
    "projection": lambda: lambda x: x.clamp(0, 1),
    "callback": lambda: lambda k, u: None,
    "watch": lambda: lambda k, u, e: None,
    "images": lambda: [U, V],
    "transfers": lambda: [torch.fft.fft2(U)],
    "titles": lambda: None,
    "curves": lambda: {"one": ([1.0, 2.0], [3.0, 4.0])},
    "axis": lambda: drawn().axes[0],
    "figure": lambda: drawn(),
    "features_u": lambda: FEATURES,
    "features_v": lambda: {layer: f.flip(-1) for layer, f in FEATURES.items()},
    "weights": lambda: {layer: torch.ones(len(f), dtype=f.dtype) for layer, f in FEATURES.items()},
    "value_range": lambda: (0.0, 1.0),
    "lams": lambda: [0.1, 0.01],
    "name": lambda: "cameraman",
    "x_label": lambda: "x",
    "y_label": lambda: "y",
    "place": lambda: "upper center",
    "alt": lambda: "a picture for a test",
    "path": lambda: cards() / "03_inverse_problems.toml",
    "folder": lambda: cards(),
    "cards": lambda: built("slides", "read_cards", folder=cards()),
    "slides": lambda: built("slides", "lecture"),
    "layers": lambda: LAYERS,
    "last": lambda: "pool1",
    "architecture": lambda: "vgg16",
    "network": lambda: built("features", "VGGFeatures", layers=LAYERS),
    "exemplar": lambda: random_image((3, 16, 18)).float(),
    "targets": lambda: {layer: f.flatten(1) @ f.flatten(1).T for layer, f in FEATURES.items()},
    "n_iterations": lambda: 2,
    "progress": lambda: False,
    "f_x": lambda: 1.0,
    "gradient_norm": lambda: 1.0,
}
BY_NAME |= {
    "m1": lambda: random_image((4,), 4),
    "m2": lambda: random_image((4,), 5),
    "C1": lambda: COVARIANCE,
    "C2": lambda: COVARIANCE + torch.eye(4, dtype=torch.float64),
    "C": lambda: COVARIANCE,
    "F": lambda: FEATURES["conv1"],
    "features": lambda: FEATURES["conv1"],
    "v1": lambda: FEATURES,
    "v2": lambda: FEATURES,
    "distances": lambda: torch.cdist(random_image((6, 3)), random_image((6, 3))),
    "layer": lambda: "relu3_1",
}
NUMBERS = {"n": 3, "m": 7, "rank": 2, "s": 2, "stride": 3, "factor": 2, "tau": 0.5, "rho": 0.5, "alpha": 0.5, "L": 2.0}
NUMBERS |= {
    "lam": 0.1,
    "eps": 0.1,
    "sigma": 0.1,
    "tol": 0.1,
    "noise_std": 0.1,
    "std": 1.0,
    "radius": 1.5,
    "angle": 30.0,
}
NUMBERS |= {"length": 3.0, "quality": 50, "bits_per_pixel": 1.0}
TRANSFER = {
    "content": lambda: random_image((3, 16, 18), 10).float(),
    "style": lambda: random_image((3, 14, 20), 11).float(),
    "content_layer": lambda: "pool1",
    "weights": lambda: {"conv1_1": 0.5},
}
OWN = {
    "operators.pseudo_inverse": {"A": lambda: random_image((4, 5))},
    "operators.blur_and_subsample_adjoint": {"v": lambda: random_image((6, 8))},
    "gaussian.project": {"face": lambda: random_image((2, D), 8)},
    "gaussian.condition": {"mask": lambda: torch.arange(D) < 8},
    "optim.lipschitz_constant": {"shape": lambda: (4, 5)},
    "optim.quadratic_step": {"gradient": lambda: U},
    "images.shepp_logan": {"size": lambda: 16},
    "style.gaussian_barycentre": {"t": lambda: 0.5},
    "style.load_mixture": {"name": lambda: "wasserstein_50"},
    "style.whiten_color": {"m": lambda: random_image((4,), 4)},
    "style.matrix_power": {"exponent": lambda: -0.5},
    "style.transport": {"A": lambda: COVARIANCE, "b": lambda: random_image((4,), 4)},
    "style.wasserstein_loss": {"features": lambda: FEATURES, "targets": lambda: feature_gaussians()},
    "style.wasserstein_mixture": {"t": lambda: 0.5},
    "style.gram_mixture": {"t": lambda: 0.5},
    "style.gaussian_mixture_texture": {"t": lambda: 0.5},
    "style.synthesize_mixture": {
        "t": lambda: 0.5,
        "mixture": lambda: importlib.import_module("course_utils.style").wasserstein_mixture,
        "network": lambda: lambda u: {"itself": u},
        "n_iterations": lambda: (2,),
        "u1": lambda: random_image((3, H, W)),
        "u2": lambda: random_image((3, H, W), 1),
    },
    "gaussian_textures.enlarge_texton": {"size": lambda: (20, 24)},
    "plotting.move_legend": {"axis": lambda: drawn(legend=True).axes[0]},
    "images.read_picture": {"path": lambda: picture_path()},
    "data.load_kernel": {"name": lambda: "motion_1"},
    "data.load_weights": {"name": lambda: "digit_classifier"},
    "data.load_network": {"network": lambda: built("features", "DigitClassifier"), "name": lambda: "digit_classifier"},
    "data.load_square_digits": {"first": lambda: 0, "last": lambda: 2},
    "metrics.frechet_distance": {
        "features_u": lambda: random_image((9, 4)),
        "features_v": lambda: random_image((8, 4)),
    },
    "features.VGGFeatures": {"weights": lambda: "vgg16", "device": lambda: "cpu"},
    "features.load_lpips": {"network": lambda: "alex", "device": lambda: "cpu"},
    "features.preprocess": {"image": lambda: random_image((3, H, W))},
    "slides.lecture": {"path": lambda: PACKAGE / "lecture.toml"},
    "slides.slide_figure": {"name": lambda: "tomography-angles", "figure": lambda: drawn(size=(10, 5))},
    "textures.gram_matrix": {"features": lambda: FEATURES["conv1"]},
    "textures.mean_feature": {"features": lambda: FEATURES["conv1"]},
    "textures.gram_loss": {"features": lambda: FEATURES, "weights": lambda: dict.fromkeys(FEATURES, 0.5)},
    "textures.mean_loss": {
        "features": lambda: FEATURES,
        "targets": lambda: {layer: f.mean((1, 2)) + 1 for layer, f in FEATURES.items()},
        "weights": lambda: dict.fromkeys(FEATURES, 0.5),
    },
    "textures.color_statistics_loss": {"x": lambda: U},
    "textures.spectrum_loss": {"x": lambda: V},
    "textures.load_synthesis": {"name": lambda: "gravel"},
    "textures.synthesize_texture": {
        "weights": lambda: dict.fromkeys(LAYERS, 0.5),
        "size": lambda: (20, 16),
        "scales": lambda: (0.5, 1.0),
        "whitening": lambda: 0.01,
        "init": lambda: "gaussian texture",
        "extra_losses": lambda: [(lambda x, u: (x.mean() - u.mean()).square(), 1.0)],
        "callback": lambda: lambda x, e: None,
    },
    "images.shrink": {"side": lambda: 9},
    "style.content_loss": {"features": lambda: FEATURES["conv1"], "targets": lambda: FEATURES["conv1"] + 1},
    "style.style_loss": {"features": lambda: FEATURES},
    "style.style_transfer": TRANSFER
    | {
        "n": lambda: 2,
        "scales": lambda: (1.0,),
        "whitening": lambda: 0.1,
        "init": lambda: random_image((3, 16, 18), 12).float(),
        "callback": lambda: lambda x, e: None,
    },
    "style.transfer_energy": TRANSFER,
    "style.transfer_errors": TRANSFER | {"x": lambda: random_image((3, 16, 18), 12).float()},
    "style.luminance_transfer": {
        "content": lambda: random_image((3, 6, 5), 10),
        "style": lambda: random_image((3, 5, 7), 11),
        "transfer": lambda: lambda y, s: y + s.mean(),
    },
    "style.load_transfer": {"name": lambda: "temple_starry_night"},
    "style.load_pair": {
        "record": lambda: {"content": "temple", "style": "auvers", "crop": (64, 64), "side": 32, "style_side": 40}
    },
}
TINY_TEXTURES = {
    "images": lambda: random_image((2, 3, 16, 18), 10).float(),
    "targets": lambda: {layer: torch.eye(64) for layer in LAYERS},
}
OWN |= {
    "data.network_record": {"name": lambda: "texture_flowers"},
    "generators.multiscale_noise": {"n": lambda: 2, "size": lambda: (8, 12), "levels": lambda: 3},
    "generators.upsample_and_join": {
        "coarse": lambda: random_image((2, 3, 4, 5)),
        "fine": lambda: random_image((2, 2, 8, 10)),
    },
    "generators.TextureNetwork": {
        "widths": lambda: (4, 3),
        "padding": lambda: "zeros",
        "mean": lambda: torch.tensor([0.2, 0.5, 0.7]),
    },
    "generators.texture_network_loss": TINY_TEXTURES,
    "generators.diversity": TINY_TEXTURES,
    "generators.texture_training_step": TINY_TEXTURES
    | {
        "generator": lambda: texture_generator(),
        "optimizer": lambda: torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.01),
        "noise": lambda: [random_image((2, 3, 16, 18)).float()],
    },
    "generators.load_texture_network": {"name": lambda: "flowers"},
}
OWN |= {
    "generators.slice_solid": {"v": lambda: random_image((2, 4, 5, 6)), "axis": lambda: 1, "k": lambda: 2},
    "generators.solid_loss": {"slices": lambda: 3 * [FEATURES], "targets": lambda: [None, feature_grams(), None]},
    "generators.scramble": {"h": lambda: torch.arange(6)},
    "generators.spatial_noise": {"origin": lambda: (1, -2), "shape": lambda: (3, 4), "seed": lambda: 5},
    "generators.receptive_field": {"layers": lambda: (("convolution", 3), ("upsampling", 2), ("convolution", 5))},
    "generators.SolidGenerator": {"widths": lambda: (3, 2), "mean": lambda: torch.ones(3)},
    "generators.evaluate_block": {
        "generator": lambda: small_solid(),
        "origin": lambda: (0, -3, 5),
        "shape": lambda: (4, 1, 2),
        "seed": lambda: 5,
    },
    "generators.load_solid": {"name": lambda: "cork"},
}
OWN["generators.solid_colors"] = OWN["generators.evaluate_block"] | {"points": lambda: 9 * random_image((5, 3)).float()}
RAYS = {
    "distance": lambda: lambda p: p.norm(dim=-1) - 1,
    "paint": lambda: lambda p: 0.5 + 0.5 * p,
    "offset": lambda: 0.2,
    "side": lambda: 6,
    "turn": lambda: 20.0,
    "elevation": lambda: 10.0,
    "samples": lambda: 2,
    "origins": lambda: torch.tensor([[0.0, -3.0, 0.0]]).expand(4, 3),
    "directions": lambda: torch.nn.functional.normalize(
        random_image((4, 3)).float() + torch.tensor([0, 5.0, 0]), dim=1
    ),
    "points": lambda: random_image((4, 3)).float(),
}
OWN |= {
    f"rendering.{name}": RAYS for name in ("cut", "camera_rays", "march", "normals", "render", "sphere_coordinates")
}
LOGITS = {"real_logits": lambda: random_image((5,)), "fake_logits": lambda: random_image((4, 1), 1)}
OWN |= {
    "adversarial.discriminator_loss": LOGITS,
    "adversarial.generator_loss": LOGITS,
    "adversarial.minimax_generator_loss": LOGITS,
    "adversarial.gan_training_step": {
        "generator": lambda: torch.nn.AdaptiveAvgPool1d(2),
        "discriminator": lambda: judge(),
        "optimizers": lambda: [torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.01) for _ in range(2)],
        "real": lambda: random_image((4, 2)).float(),
        "z": lambda: random_image((4, 3), 1).float(),
    },
    "adversarial.load_digit_generator": {"epoch": lambda: 5},
    "adversarial.slerp": {
        "z0": lambda: random_image((2, 4)),
        "z1": lambda: random_image((2, 4), 1),
        "t": lambda: 0.3,
    },
    "adversarial.invert": {
        "generator": lambda: lambda z: z.square()[:, None],
        "A": lambda: lambda x: x[..., 1:],
        "v": lambda: random_image((2, 1, 3)),
        "z0": lambda: random_image((2, 4), 1),
    },
    "adversarial.adain": {"features": lambda: random_image((2, 3, 4, 5)), "style": lambda: random_image((2, 6), 1)},
    "adversarial.patch_logits": {
        "discriminator": lambda: lambda patches: patches.mean(dim=(1, 2, 3)),
        "condition": lambda: random_image((2, 1, 6, 7)),
        "images": lambda: random_image((2, 3, 6, 7), 1),
        "side": lambda: 3,
        "stride": lambda: 2,
    },
    "adversarial.portrait_edges": {"u": lambda: random_image((2, 3, 8, 10))},
    "adversarial.load_portrait_network": {"adversarial": lambda: True},
}
NOISY = {
    name: lambda seed=seed: random_image((3, 1, 4, 5), seed) for seed, name in enumerate(("x", "x0", "noise", "z"))
}
NOISY |= {"t": lambda: torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64), "s": lambda: 0.3}
OWN |= {f"diffusion.{name}": NOISY for name in ("alpha_bar", "diffuse", "denoised")}
OWN |= {f"diffusion.{name}": NOISY | {"t": lambda: 0.6} for name in ("ddim_step", "ddpm_step")}
OWN |= {
    "diffusion.per_image": NOISY | {"a": NOISY["t"]},
    "diffusion.gaussian_score": {"x": lambda: random_image((5, D), 8), "t": lambda: 0.4},
    "diffusion.empirical_denoiser": NOISY | {"data": lambda: random_image((6, 1, 4, 5), 7)},
    "diffusion.guided": {
        "conditional": lambda: random_image((2, 1, 4, 5)),
        "free": lambda: random_image((2, 1, 4, 5), 1),
        "scale": lambda: 2.0,
    },
    "diffusion.sample": {
        "denoiser": lambda: lambda x, t: x / 2,
        "shape": lambda: (2, 1, 4, 5),
        "steps": lambda: 3,
        "clip": lambda: 1.0,
        "callback": lambda: lambda k, x, x0: None,
    },
    "diffusion.noise_loss": NOISY | {"network": lambda: lambda x, t: x / 2},
    "diffusion.Block": {"channels": lambda: 8, "out": lambda: 16, "embedding": lambda: 4},
    "diffusion.UNet": {"channels": lambda: 1, "width": lambda: 8, "words": lambda: 3, "embedding": lambda: 4},
    "diffusion.load_unet": {"name": lambda: "digit_diffusion"},
}
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
POSTERIOR = {
    "x": lambda: random_image((2, H, W)),
    "v": lambda: random_image((2, H, W), 1),
    "noise": lambda: random_image((2, H, W), 2),
    "t": lambda: 0.5,
    "s": lambda: 0.3,
    "denoiser": lambda: lambda x, t: 0.5 * x,
    "zeta": lambda: 0.5,
}
OWN |= {f"posterior.{name}": POSTERIOR for name in ("dps_gradient", "dps_step", "pigdm_guidance", "replace_known")}
OWN |= {
    "posterior.posterior_score_gaussian": {
        "x": lambda: random_image((3, D)),
        "t": lambda: 0.5,
        "v": lambda: random_image((D,), 1),
        "mask": lambda: torch.arange(D) < 8,
    },
    "posterior.reverse_process": {
        "step": lambda: lambda x, t, s: 0.9 * x,
        "x": lambda: random_image((2, H, W)),
        "steps": lambda: 2,
        "start": lambda: 0.9,
    },
    "posterior.plug_and_play": {"denoise": lambda: lambda u: 0.9 * u},
    "posterior.load_dncnn": {"level": lambda: "06"},
}
WORDED = {
    "portraits": lambda: built("data", "load_portraits"),
    "network": lambda: lambda x, t, words=None, added=None: x / 2,
    "words": lambda: torch.eye(3, dtype=torch.float64),
    "scale": lambda: 2.0,
    "encoder": lambda: lambda x: x[..., ::2, ::2],
    "decoder": lambda: lambda z: z.repeat_interleave(2, -1),
    "x": lambda: random_image((3, 2, 8, 6)),
    "x0": lambda: random_image((3, 2, 8, 6)),
    "z": lambda: random_image((3, 2, 4, 3)),
    "images": lambda: random_image((3, 2, 8, 6)),
    "mean": lambda: random_image((2,)),
    "std": lambda: torch.tensor([0.5, 2.0], dtype=torch.float64),
    "t": lambda: torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64),
    "noise": lambda: random_image((3, 2, 4, 3), 1),
    "small": lambda: random_image((3, 2, 4, 3), 2),
    "subject": lambda: random_image((3, 2, 4, 3), 3),
    "prior": lambda: random_image((2, 2, 4, 3), 4),
    "subject_words": lambda: torch.eye(3, dtype=torch.float64),
    "prior_words": lambda: torch.eye(3, dtype=torch.float64)[:2],
    "weight": lambda: 0.5,
    "scenes": lambda: random_image((3, 1, 8, 8)).float(),
}
OWN |= {
    f"text_to_image.{name}": WORDED
    for name in (
        *("vocabulary", "captions", "held_out_combinations", "kept_from_the_judge", "network_portraits", "told"),
        *("latent_statistics", "encode", "decode", "latent_noise_loss", "subject_loss"),
        *("super_resolution_condition", "Enlarger", "LightPainter"),
    )
}
OWN |= {
    "text_to_image.embed_caption": {
        "words": lambda: ("a", "b"),
        "table": lambda: {"a": torch.ones(3), "b": torch.zeros(3)},
    },
    "text_to_image.zero_convolution": {"channels": lambda: 3, "out": lambda: 2},
    "text_to_image.Control": {"base": lambda: little_unet()},
    "text_to_image.add_word": {"network": lambda: little_unet()},
    "text_to_image.load_control": {"base": lambda: trained_unet()},
    "text_to_image.control_step": WORDED
    | {
        "base": lambda: lambda x, t, words, added: x * added,
        "control": lambda: GATE,
        "optimizer": lambda: torch.optim.SGD(GATE.parameters(), 0.1),
        "drawing": lambda: random_image((3, 1, 8, 6), 5),
        "noise": lambda: random_image((3, 2, 8, 6), 1),
    },
    "rendering.chrome_ball": {"side": lambda: 8},
    "rendering.random_lights": {"n": lambda: 3},
    "rendering.light_scenes": {"lights": lambda: torch.eye(3) + 0.5},
    "rendering.read_light": {"scenes": lambda: random_image((3, 1, 8, 8))},
}
# a protocol, records, a file
LEFT_OUT = {
    "generators.Architecture",
    "operators.LinearOperator",
    "optim.History",
    "images.save_image",
    "data.Entry",
    "data.Portraits",
    "slides.SlideFigure",
    "textures.Synthesis",
}


class Gate(torch.nn.Module):
    """A control with one number."""

    def __init__(self):
        super().__init__()
        self.gate = torch.nn.Parameter(torch.ones(()))

    def forward(self, x, t, words, drawing):
        """Return what is multiplied with x."""
        return self.gate * drawing.mean()


GATE = Gate()


def little_unet():
    """Return a small U-net."""
    return built("diffusion", "UNet", channels=3, width=8, words=4, embedding=16)


def trained_unet():
    """Return the network that the trained control belongs to."""
    return importlib.import_module("course_utils.diffusion").load_unet("portrait_diffusion")


def small_solid():
    """Return a generator of solids with the same weights at each call."""
    return seeded("SolidGenerator", widths=(3, 2)).requires_grad_(False).eval()


def texture_generator():
    """Return a generator of textures with the same weights at each call."""
    return seeded("TextureNetwork", widths=(2,))


def judge():
    """Return a discriminator of pairs of numbers with the same weights at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Linear(2, 1)


def seeded(name, **arguments):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return built("generators", name, **arguments)


def feature_grams():
    """Return Gram matrices that the features do not have."""
    gram_matrix = importlib.import_module("course_utils.textures").gram_matrix
    return {layer: gram_matrix(f + 1) for layer, f in FEATURES.items()}


def feature_gaussians():
    """Return the Gaussian of other features on each layer."""
    style = importlib.import_module("course_utils.style")
    return {layer: style.feature_gaussian(f.flip(-1).square()) for layer, f in FEATURES.items()}


def built(module, name, **arguments):
    return getattr(importlib.import_module(f"course_utils.{module}"), name)(**arguments)


def cards():
    return built("slides", "cards_folder")


def drawn(legend=False, size=None):
    figure, axes = plt.subplots(figsize=size)
    if legend:
        axes.plot([1, 2], label="one")
    plt.close(figure)
    return figure


def picture_path():
    return importlib.import_module("course_utils.data").fetch("cameraman")


def public(module):
    """Return the public functions and classes of a flat module, by name."""
    loaded = importlib.import_module(f"course_utils.{module}")
    own = {name: value for name, value in vars(loaded).items() if getattr(value, "__module__", "") == loaded.__name__}
    kept = {name: value for name, value in own.items() if not name.startswith("_")}
    return {
        name: value
        for name, value in kept.items()
        if (inspect.isroutine(value) or inspect.isclass(value)) and f"{module}.{name}" not in LEFT_OUT
    }


def good_arguments(module, name):
    """Return the arguments of a good call: all that are required, and the optional ones that a value is known for."""
    found = {}
    for argument, parameter in inspect.signature(public(module)[name]).parameters.items():
        makers = BY_NAME | OWN.get(f"{module}.{name}", {})
        make = makers.get(argument)
        if make is not None:
            found[argument] = make()
        elif argument in NUMBERS:
            found[argument] = NUMBERS[argument]
        elif parameter.default is inspect.Parameter.empty and parameter.kind not in VARIADIC:
            raise LookupError(
                f"{module}.{name} has a new argument {argument!r}: give it a good value in tests/calls.py"
            )
    return found
