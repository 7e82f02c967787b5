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
# 8. Inpainting under a constraint

At the end of this notebook you will be able to

- put noiseless data into a constraint instead of a penalty, and descend inside it by projections;
- fill missing pixels by harmonic extension and by total variation, and say what each does to a contour;
- enlarge an image without betraying its data, and keep two constraints at once;
- recognise what no such prior can bring back.

**Slides**: "Projected Gradient Descent", "Inpainting", "Super-resolution".

**Time**: reading 35 min (15 in class), exercises 35 min, compute under 1 min on two CPU cores.

**Before this**: notebook 06 ($A^+$), notebook 07 ($\nabla$, $\mathrm{TV}_\varepsilon$).
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $u_0$, image | `u0` | `(H, W)` | $[0, 1]$ |
| $\omega$, known pixels | `mask` | `(H, W)`, boolean | true on $\omega$ |
| $\Omega \setminus \omega$, hidden pixels (the lecture's "mask") | `~mask` | `(H, W)` | |
| $v$, observation | `v` | `(H, W)` | only $v$ on $\omega$ counts |
| $p_C$, projection on $C$ | `projection` | function | |
| $\tau$, $\varepsilon$, $\lambda$ | `tau`, `eps`, `lam` | numbers | $> 0$ |

Here `mask` is true where a pixel is **known**: $Au = u\mathbf 1_\omega$ is `u * mask`. Computations are in float64.
"""

# %%
import torch

from course_utils import optim
from course_utils.checks import check, hint
from course_utils.data import fetch
from course_utils.derivatives import laplacian
from course_utils.explorers.constrained_inpainting import explore_inpainting, inpainting_picture
from course_utils.fourier import gaussian_kernel
from course_utils.images import load_image, read_picture
from course_utils.metrics import psnr
from course_utils.operators import Mask, ZoomOut
from course_utils.plotting import move_legend, plot_curves, show, show_images
from course_utils.priors import smoothed_tv, smoothed_tv_gradient
from course_utils.restoration import tv_restore
from course_utils.slides import slide_figure

# %%
torch.set_default_dtype(torch.float64)
device = "cpu"  # or "cuda": every computation follows the device of its input
eps = 1e-2
u0 = load_image("cameraman", 128).to(device)
rows = read_picture(fetch("inpainting")).to(device)  # masks above, scikit-image's biharmonic inpainting below
masks = [part > 0.5 for part in rows[:128].split(128, dim=1)]
biharmonic = rows[128:].split(128, dim=1)
names = ["text", "scratches", "50 %", "90 %", "block"]


def hidden_psnr(u, u0, mask):
    """Return the PSNR of u on the hidden pixels only."""
    return psnr(u[~mask][None], u0[~mask][None])


# %% [markdown]
r"""
## 1. The data as a constraint

Pixels are missing, the others are exact: $v = Au_0$ with $Au = u\mathbf 1_\omega$ and **no noise**. A penalty
$\frac12\|Au - v\|^2$ would allow what need not be allowed. The lecture constrains:

$$ \min_{u \in C} F(u), \qquad C = \{u : u = v \text{ on } \omega\}, $$

where $C$ is convex and closed. What the method needs of $C$ is its orthogonal projection: $p_C(u)$ is the point of
$C$ nearest to $u$.
"""

# %% [markdown]
"""
### Exercise 1 — the projection on the known pixels (4 min, in class)

Among all images equal to v on ω, which one is nearest to u?

<details><summary>Hint</summary>
‖w − u‖² is a sum over pixels. On ω you have no choice. Elsewhere, 0 is possible.
</details>

`hint("project_known")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("project_known", 1)


# %%
def project_known(u, v, mask):
    """Return the image nearest to u among those equal to v where mask is true.

    u, v: (..., H, W).  mask: (H, W), boolean, true on the known pixels.
    Returns (..., H, W).  Slide "Projected Gradient Descent".
    """
    ### BEGIN SOLUTION
    return torch.where(mask, v, u)
    ### END SOLUTION


# %%
project_known = check(project_known)

# %% [markdown]
r"""
## 2. Projected gradient descent

$$ x_{n+1} = p_C\big(x_n - \tau\,\nabla f(x_n)\big), \qquad 0 < \tau < \tfrac2L . $$

The theorem of the slide: $f$ convex with an $L$-Lipschitz gradient, then $(x_n)$ converges to a minimizer of $f$ on
$C$, if there is one. A fixed point says why: $x = p_C(x - \tau\nabla f(x))$ means
$\langle -\nabla f(x), y - x\rangle \leq 0$ for all $y \in C$, so that $f(y) \geq f(x)$ on $C$, as $f$ is convex.

### Exercise 2 — projected descent (5 min, in class)

<details><summary>Hint</summary>
A gradient step first, the projection of its result after it, n times. Return the last iterate.
</details>

`hint("projected_descent")` tells more.
"""


# %%
def projected_descent(gradient, projection, x0, tau, n):
    """Return x_n of x ← p_C(x − τ ∇f(x)), from x_0.

    gradient, projection: functions from a tensor to a tensor of its shape.  x0: start.  tau: step.  n: iterations.
    Slide "Projected Gradient Descent".
    """
    ### BEGIN SOLUTION
    x = x0
    for _ in range(n):
        x = projection(x - tau * gradient(x))
    return x
    ### END SOLUTION


# %%
projected_descent = check(projected_descent)

# %% [markdown]
r"""
A first use, whose answer is known: the point of the unit square nearest to $a = (1.6, 0.4)$ minimizes
$\frac12\|x - a\|^2$.
"""

# %%
a = torch.tensor([1.6, 0.4])
x = projected_descent(lambda x: x - a, lambda x: x.clamp(0, 1), torch.zeros(2), 0.5, 50)
print(f"projected descent: ({x[0]:.3f}, {x[1]:.3f}), without projection it would go to (1.600, 0.400)")

# %% [markdown]
r"""
## 3. Harmonic inpainting

Take the simplest $F$: $\frac12\|\nabla u\|^2$, whose gradient is $-\Delta u$ and $L \leq 8$. At the minimum
$\Delta u = 0$ on the hidden pixels: each is the **mean of its four neighbours**. It is the temperature of a plate
held at $v$ on $\omega$.

### Exercise 3 — harmonic inpainting (8 min, in class)

Use your two functions. Begin with the mean of the known pixels in the hidden ones, each channel with its own, and take
$\tau = 1.9/8$. What $v$ holds in the hidden pixels must not count.

<details><summary>Hint</summary>
<code>v[..., mask].mean(dim=-1)</code> is the mean over ω; <code>laplacian(u)</code> is Δu.
</details>

`hint("harmonic_inpaint")` tells more.
"""


# %%
def harmonic_inpaint(v, mask, n):
    """Minimize ½‖∇u‖² subject to u = v on ω by n iterations of projected descent.

    v: (..., H, W), known where mask is true, anything elsewhere.  mask: (H, W), boolean.  n: iterations.
    Slides "Projected Gradient Descent" and "Inpainting".
    """
    ### BEGIN SOLUTION
    mean = v[..., mask].mean(dim=-1)[..., None, None]
    start = project_known(mean.expand_as(v), v, mask)
    return projected_descent(lambda u: -laplacian(u), lambda u: project_known(u, v, mask), start, 1.9 / 8, n)
    ### END SOLUTION


# %%
harmonic_inpaint = check(harmonic_inpaint)

# %% [markdown]
r"""
## 4. Inpainting by total variation

Now $F = \mathrm{TV}_\varepsilon$, with $L \leq 8/\varepsilon$: the admissible step is a hundred times shorter, and
momentum (notebook 07) is welcome. Momentum and projections do not mix without thought, but here they do: if $u$ is in
$C$, the step keeps it in $C$ when the gradient is **erased on $\omega$**. On these images $\mathrm{TV}_\varepsilon$
is a function of the hidden pixels alone, without any constraint.

### Exercise 4 — total variation under the constraint (10 min, in class)

Begin as in exercise 3. Give `optim.accelerated_gradient(gradient, x0, tau, n)` the erased gradient and
$\tau = \varepsilon/8$; it returns the pair (last iterate, history).

<details><summary>Hint</summary>
<code>smoothed_tv_gradient(u, eps)</code> is ∇TV_ε(u); <code>torch.where(mask, 0.0, g)</code> erases g on ω.
</details>

`hint("tv_inpaint")` tells more.
"""


# %%
def tv_inpaint(v, mask, eps, n):
    """Minimize TV_ε(u) subject to u = v on ω, by n iterations.

    v, mask: as in harmonic_inpaint.  eps: ε > 0.  n: iterations.
    Slides "Projected Gradient Descent", "Inpainting" and "Smoothed Total Variation".
    """
    ### BEGIN SOLUTION
    mean = v[..., mask].mean(dim=-1)[..., None, None]
    start = torch.where(mask, v, mean)

    def erased(u):
        return torch.where(mask, 0.0, smoothed_tv_gradient(u, eps))

    return optim.accelerated_gradient(erased, start, eps / 8, n)[0]
    ### END SOLUTION


# %%
tv_inpaint = check(tv_inpaint)

# %%
mask = masks[0]
v = u0 * mask
filled = [harmonic_inpaint(v, mask, 600), tv_inpaint(v, mask, eps, 400)]
titles = [f"{n}\n{hidden_psnr(u, u0, mask):.1f} dB" for n, u in zip(["harmonic", "TV$_ε$"], filled, strict=True)]
slide_figure(show_images([u0, v, *filled], ["original\n", "observed\n", *titles]), "inpainting-constrained")

# %% [markdown]
r"""
**What to see.** Thin letters are easy: every hidden pixel has a known one nearby. The PSNR is that of the hidden
pixels only; the others are exact, and counting them would flatter every method.

Five masks, three methods. The third is *biharmonic* inpainting, $\Delta^2u = 0$: it continues slopes too. It comes
from scikit-image, precomputed.
"""

# %%
rows = [u0 * mask for mask in masks], [], list(biharmonic), []
for mask in masks:
    rows[1].append(harmonic_inpaint(u0, mask, 1500))
    rows[3].append(tv_inpaint(u0, mask, eps, 600))
titles = names.copy()
for row in rows[1:]:
    titles += [f"{hidden_psnr(u, u0, mask):.1f} dB" for u, mask in zip(row, masks, strict=True)]
slide_figure(show_images([u[16:80] for row in rows for u in row], titles, columns=5), "inpainting-masks")

# %%
print("PSNR on the hidden pixels     " + "   ".join(f"{name:>11s}" for name in names))
for name, row in zip(("harmonic", "biharmonic", "TV_eps"), rows[1:], strict=True):
    print(f"{name:28s}  " + "   ".join(f"{hidden_psnr(u, u0, m):11.1f}" for u, m in zip(row, masks, strict=True)))

# %% [markdown]
r"""
**What to see.** Rows 16 to 79 of each image (the PSNR counts all its hidden pixels); from top to bottom: observed,
harmonic, biharmonic, total variation. In PSNR the three are close, except in the block, where total variation is
last. With 90 % of the pixels hidden the harmonic image is blurred with a peak at the known pixels that differ from
their surroundings, total variation is made of patches and a few such pixels left alone. In the block, all three
invent something smooth: the face is gone.

**Question.** Why does a known pixel, alone among hidden ones, look like a needle in the harmonic image?
"""

# %% [markdown]
r"""
## 5. What becomes of a contour

A vertical edge, a slanted one and a disk, each with the same two square holes. What is the shortest way to
continue their contours?
"""

# %%
i, j = torch.meshgrid(torch.arange(64, device=device), torch.arange(64, device=device), indexing="ij")
edges = torch.stack([(j > 32).double(), (2 * j - i > 32).double(), ((i - 32) ** 2 + (j - 32) ** 2 < 400).double()])
edges = 0.2 + 0.6 * edges
hole = torch.ones(64, 64, dtype=torch.bool, device=device)
hole[22:44, 24:46], hole[4:20, 24:42] = False, False
panels = [*(edges * hole), *harmonic_inpaint(edges, hole, 4000), *tv_inpaint(edges, hole, eps, 3000)]
show(
    show_images(panels, ["observed", "", "", "harmonic", "", "", "TV$_ε$", "", ""], columns=9),
    "Three shapes with two square holes; the harmonic filling blurs their contours, total variation continues them.",
)

# %% [markdown]
r"""
**What to see.** Harmonic filling must pass from dark to bright, and spreads the passage over the whole hole. Total
variation pays the length of the contour times its height, and so the contour goes straight: a chord where the disk
was round. With $\varepsilon > 0$ a passage spread over $n$ pixels even costs less than a jump, by nearly
$\varepsilon$ a pixel (in $\sum\sqrt{\varepsilon^2 + |\nabla u|^2}$ a flat pixel costs $\varepsilon$ too): in the
holes all three contours come back partly soft, but much less than in the harmonic filling.

**Question.** A thin bright line crosses a hole wider than the line. Does total variation reconnect it?
"""

# %% [markdown]
r"""
## 6. Constrained against relaxed

The other way (notebook 07) is to penalize, $\frac12\|Au - v\|^2 + \lambda\,\mathrm{TV}_\varepsilon(u)$, and let
$\lambda \to 0$. In theory the limit is the constrained solution. In practice, count the iterations.
"""

# %%
mask, v, n = masks[2], u0 * masks[2], 400
constrained = tv_inpaint(v, mask, eps, 3000)
lams = [10.0**-k for k in (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4)]
relaxed = [tv_restore(Mask(mask), v, lam, eps, n) for lam in lams]
known = [(u - v)[mask].square().mean().sqrt().item() for u in relaxed]
far = [(u - constrained)[~mask].square().mean().sqrt().item() for u in relaxed]
reached = (tv_inpaint(v, mask, eps, n) - constrained)[~mask].square().mean().sqrt().item()

# %%
curves = {"error on ω": (lams, known), "distance off ω": (lams, far)}
figure = plot_curves(curves, "λ", "root mean square", "log", "log")
figure.axes[0].axhline(reached, color="0.4", linestyle=":")
move_legend(figure.axes[0], "upper center", (0.5, -0.25), columns=2)
slide_figure(figure, "constrained-against-relaxed")
print(f"after {n} iterations, off the known pixels, relaxed at its best λ: {min(far):.4f}")
print("constrained, at most a tenth of that:", reached < min(far) / 10)

# %% [markdown]
r"""
**What to see.** On $\omega$ the relaxed solution is wrong by an amount that shrinks like $\lambda$. Off $\omega$ the
curve goes down, then **up again**: with a small $\lambda$ only the weak term $\lambda\mathrm{TV}_\varepsilon$ moves
the hidden pixels, and 400 iterations are no longer enough. The dotted line is the constraint with as many: exact on
$\omega$, and no $\lambda$ to choose.

**Question.** The observation has noise of standard deviation 0.1. Which of the two do you take?
"""

# %% [markdown]
r"""
What does momentum bring? Below is the objective, with 90 % of the pixels hidden, by projected descent and with
momentum: about 150 iterations in place of more than 500.
"""

# %%
mask, v = masks[3], u0 * masks[3]
start = torch.where(mask, v, v[mask].mean())
histories = {}
arguments = {"objective": lambda u: smoothed_tv(u, eps)}
histories["projected descent"] = optim.projected_gradient(
    lambda u: smoothed_tv_gradient(u, eps), lambda u: project_known(u, v, mask), start, 1.9 * eps / 8, 500, **arguments
)[1]
histories["momentum"] = optim.accelerated_gradient(
    lambda u: torch.where(mask, 0.0, smoothed_tv_gradient(u, eps)), start, eps / 8, 500, **arguments
)[1]

# %%
curves = {name: (range(501), history.objective) for name, history in histories.items()}
figure = plot_curves(curves, "iterations", "TV$_ε$", y_scale="log")
show(figure, "Two decreasing curves of the objective: the one with momentum is far below that of projected descent.")

# %% [markdown]
r"""
## 7. Super-resolution: any linear constraint

The data of a zoom-out, $v = (k * u_0){\downarrow_s}$, are a constraint as well: $C = \{u : Au = v\}$. Its projection
needs the pseudo-inverse of notebook 06.

### Exercise 5 — the projection on the data (6 min, in class)

The result is $u + d$, where the correction $d$ satisfies $Ad = v - Au$ and is as short as possible. Which $d$?

<details><summary>Hint</summary>
A⁺b is the solution of least norm of Ad = b. The operator has <code>A(u)</code> and <code>A.pinv(v)</code>.
</details>

`hint("project_consistent")` tells more.
"""


# %%
def project_consistent(u, v, A):
    """Return the image nearest to u among those with Aw = v.

    u: image.  v: observation, of the shape of A(u).  A: operator with A(u), A.adjoint(v), A.pinv(v).
    Slides "Projected Gradient Descent" and "Let us start with zero regularization!".
    """
    ### BEGIN SOLUTION
    return u + A.pinv(v - A(u))
    ### END SOLUTION


# %%
project_consistent = check(project_consistent)

# %%
s = 4
A = ZoomOut(gaussian_kernel(1.6).to(device), (128, 128), s)
v = A(u0)
u_pinv = A.pinv(v)
u_tv = projected_descent(
    lambda u: smoothed_tv_gradient(u, eps), lambda u: project_consistent(u, v, A), u_pinv, 1.9 * eps / 8, 1000
)
near = v.repeat_interleave(s, 0).repeat_interleave(s, 1)
titles = [f"{n}\n{psnr(u, u0):.1f} dB" for n, u in {"A⁺v": u_pinv, "TV$_ε$, Au = v": u_tv}.items()]
slide_figure(show_images([u0, near, u_pinv, u_tv], ["original\n", "v, 32 × 32\n", *titles]), "super-resolution")

# %%
print("both keep the data to 1e-6:", all(bool((A(u) - v).abs().max() < 1e-6) for u in (u_pinv, u_tv)))
print(f"values below 0 or above 1: A+v {((u_pinv < 0) | (u_pinv > 1)).sum()}, TV {((u_tv < 0) | (u_tv > 1)).sum()}")

# %% [markdown]
r"""
**What to see.** $A^+v$ shows the grid of the samples everywhere. Total variation chooses, among all the images that
give the same $v$, one with clean contours. Both explain the data to rounding: the data alone cannot say which is right.

## 8. Two sets at once

An image also has values in $[0, 1]$. That is a second convex set.

### Exercise 6 — the projection on the box (2 min, at home)

<details><summary>Hint</summary>
Each pixel by itself: the number of [0, 1] nearest to it.
</details>

`hint("project_box")` tells more.
"""


# %%
def project_box(u):
    """Return the image nearest to u with values in [0, 1]. Slide "Projected Gradient Descent"."""
    ### BEGIN SOLUTION
    return u.clamp(0, 1)
    ### END SOLUTION


# %%
project_box = check(project_box)

# %% [markdown]
r"""
The projection on an intersection has no formula, but two algorithms. **In turn** (von Neumann):
$u \leftarrow p_{\text{data}}(p_{\text{box}}(u))$ comes to *a* point of the intersection. **Dykstra's** algorithm gives
back before each projection what the last one on that set took away, and comes to *the nearest* point. On an affine set
there is nothing to give back.
"""


# %%
def in_turn(u, n, dykstra):
    """Return u after n rounds of projections on the box, then on the data, with Dykstra's correction or not."""
    taken = torch.zeros_like(u)
    for _ in range(n):
        boxed = project_box(u + taken)
        taken = u + taken - boxed if dykstra else taken
        u = project_consistent(boxed, v, A)
    return u


# %%
noisy = u0 + 0.5 * torch.randn(u0.shape, generator=torch.Generator().manual_seed(0)).to(device)
for name, dykstra in (("in turn", False), ("Dykstra", True)):
    u = in_turn(noisy, 300, dykstra)
    outside = (u - project_box(u)).abs().max()
    print(f"{name}: largest excess over [0, 1] {outside:.4f}, distance to the start {(u - noisy).norm():.2f}")

# %% [markdown]
r"""
**What to see.** Both end in the intersection, up to the excess printed; Dykstra's point is nearer to the start.

**Question.** In the first use of section 2 the projection on the box was exact, one formula. Why may you not replace
$p_C$ by projections in turn, one round, and still quote the theorem?
"""

# %% [markdown]
r"""
## 9. What no such prior can do

A wall of bricks and a lawn, with a hole of 40 × 40 pixels.
"""

# %%
textures = torch.stack([load_image(name, 256)[64:192, 64:192] for name in ("brick", "grass")]).to(device)
hole = torch.ones(128, 128, dtype=torch.bool, device=device)
hole[44:84, 44:84] = False
panels = [*(textures * hole), *harmonic_inpaint(textures, hole, 3000), *tv_inpaint(textures, hole, eps, 1500)]
order = [panels[k] for k in (0, 2, 4, 1, 3, 5)]
show(
    show_images(order, ["observed", "harmonic", "TV$_ε$"] * 2, columns=6),
    "A brick wall and grass, each with a square hole filled by a smooth patch by both methods: the texture is missing.",
)

# %% [markdown]
r"""
Smoothness is all that these priors know. A **texture** needs statistics: notebook 02 fills a hole with a sample of a
Gaussian texture, which suits the grass, not the contours of the bricks. An **object** (the face behind the block)
needs a model of objects: notebook 01 repaired a portrait with a model of faces.

## 10. Paint the mask

Paint on the photograph what is to be hidden, with the mouse (with Shift to show it again) or with the arrow
keys and the space bar.
"""

# %%
explore_inpainting(tv_inpaint=tv_inpaint, harmonic_inpaint=harmonic_inpaint)

# %%
painted = [[int(12 <= row < 20 and 12 <= column < 20) for column in range(32)] for row in range(32)]
picture, numbers = inpainting_picture(painted, "total variation", 300)
show(show_images([picture], width=8), "The photograph with a hidden square, and its restoration by total variation.")
print(f"PSNR on the hidden pixels: {numbers['PSNR, hidden pixels (dB)']:.1f} dB")

# %% [markdown]
r"""
## What you have learnt

- Exact data belong into a constraint: $x \leftarrow p_C(x - \tau\nabla f(x))$, with no $\lambda$; noise needs the
  penalty.
- For $u = v$ on $\omega$ the projection copies pixels; for $Au = v$ it adds $A^+(v - Au)$. From a start in $C$,
  erasing the gradient on $\omega$ (for $Au = v$: subtracting $A^+A\nabla f$) is the same, and momentum is allowed.
- Harmonic filling blurs contours, total variation continues them straight; neither knows textures or objects.
- Measure on the hidden pixels only.

**Hand in**: this notebook with the six exercises passed, your answers to the questions in bold, and one painted mask
for which the harmonic filling is better than total variation.

**Next**: notebook 09 asks whether PSNR is the right judge.
"""
