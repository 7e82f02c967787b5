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
# 5. Gradient descent

At the end of this notebook you will be able to

- say why $-\nabla f$ is the direction of steepest descent, and prove that a step $\tau \leq 2/L$ never climbs;
- find $L$ of an image restoration problem, by a formula and by power iteration;
- predict from two numbers, $\alpha$ and $L$, how many iterations a descent needs, and compare with the lecture's
  bound;
- differentiate an objective by hand and by automatic differentiation, and see what breaks the latter.

**Slides**: "The Steepest Descent", "Descent Lemma", "Gradient Descent", "Convexity", "Strong Convexity",
"Optimization for Inverse Problems".

**Time**: reading 40 min (15 in class), exercises 36 min, compute under 1 min on two CPU cores.

**Before this**: notebook 04 (blur, adjoint, transfer function), for section 7.
"""

# %% [markdown]
r"""
| symbol in the lecture | name in the code | shape | range |
| --- | --- | --- | --- |
| $f$, $\nabla f$ | `f`, `gradient` | functions of a tensor | |
| $x_0, \dots, x_n$, iterates | `path` | `(n + 1, ...)` | |
| $\tau$, step | `tau` | number | $> 0$ |
| $L$, Lipschitz constant of $\nabla f$ | `L` | number | $> 0$ |
| $\alpha$, constant of strong convexity | `alpha` | number | any sign; here mostly $> 0$ |
| $H = \nabla^2 f$, Hessian | `H` | `(2, 2)`, or a function | symmetric |
| $u$, $v$, $k$, $\hat k$, $\lambda$ | `u`, `v`, `kernel`, `k_hat`, `lam` | as in notebook 04 | |

Computations are in float64.
"""

# %%
import math

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import restoration
from course_utils.checks import check, hint
from course_utils.data import load_kernel
from course_utils.derivatives import gradient as image_gradient
from course_utils.derivatives import laplacian
from course_utils.explorers.gradient_descent import descent_picture, explore_descent
from course_utils.fourier import kernel_to_transfer, laplacian_transfer
from course_utils.images import add_noise, load_image
from course_utils.operators import blur, blur_adjoint
from course_utils.plotting import PALETTE, move_legend, new_figure, plot_curves, show, show_images
from course_utils.slides import slide_figure

# %%
torch.set_default_dtype(torch.float64)
device = "cpu"  # or "cuda": the images go there, the functions of one or two variables stay on the CPU
alpha, L = 1.0, 8.0  # the eigenvalues of H
turn = math.radians(30)
Q = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])  # eigenvectors of H
H = Q @ torch.diag(torch.tensor([alpha, L])) @ Q.T
x0 = torch.tensor([-2.0, -0.2])


# %% [markdown]
r"""
## 1. The steepest descent

The running example has two variables, so that everything can be drawn:

$$ f(x) = \tfrac12\, \langle Hx, x\rangle, \qquad \nabla f(x) = Hx, \qquad x_* = 0, $$

with a symmetric $H$ whose eigenvalues are $\alpha = 1$ and $L = 8$. Along a unit direction $d$ the slope of $f$ at
$x$ is $\langle\nabla f(x), d\rangle$. By Cauchy–Schwarz it is never below $-\|\nabla f(x)\|$, which
$d = -\nabla f(x)/\|\nabla f(x)\|$ reaches.
"""


# %%
def f(x):
    """Return ½⟨Hx, x⟩ for the points x (..., 2)."""
    return 0.5 * ((x @ H) * x).sum(dim=-1)


def gradient(x):
    """Return ∇f(x) = Hx."""
    return x @ H


# %%
axis_1d = torch.linspace(-2.2, 2.2, 111)
grid = torch.stack(torch.meshgrid(axis_1d, axis_1d, indexing="xy"), dim=-1)  # (111, 111, 2)


def draw_levels(axis, values):
    """Draw level lines of a function whose values on the grid are given; the lines grow like squares."""
    levels = values.min().item() + torch.linspace(0.15, 4.4, 12).square().numpy()
    axis.contour(axis_1d, axis_1d, values, levels=levels, colors="0.7", linewidths=0.8)
    axis.set(aspect="equal", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), xticks=[], yticks=[])


# %%
points = [x0, *torch.tensor([[1.2, 1.4], [1.5, -0.6], [-0.6, -1.6]])]
angles = torch.linspace(0, 2 * math.pi, 361)
slopes = torch.cos(angles) * gradient(x0)[0] + torch.sin(angles) * gradient(x0)[1]
steepest = (gradient(x0)[1].atan2(gradient(x0)[0]).rad2deg() + 180) % 360

# %%
figure, axes = new_figure(1, 2, height=4.2)
draw_levels(axes[0, 0], f(grid))
for point in points:
    d = -0.6 * gradient(point) / gradient(point).norm()
    axes[0, 0].annotate("", (point + d).tolist(), point.tolist(), arrowprops={"color": PALETTE[1], "width": 1.5})
    axes[0, 0].plot(*point, "o", color="black")
axes[0, 0].plot(0, 0, "*", color="black", markersize=12)
curves = {"slope": (angles.rad2deg(), slopes)}
plot_curves(curves, "angle of d (degrees)", "slope at the leftmost point", axis=axes[0, 1])
axes[0, 1].axvline(steepest, color=PALETTE[1], linestyle="--")
slide_figure(figure, "steepest-descent")

# %% [markdown]
r"""
**What to see.** The arrows $-\nabla f$ are orthogonal to the level lines. They do not point to the minimum (the
star): the steepest direction is a local notion. On the right, the slope in every direction at the leftmost point:
a cosine, lowest at $-\nabla f$ (dashed).

## 2. Gradient descent

$$ x_{n+1} = x_n - \tau\,\nabla f(x_n) . $$
"""

# %% [markdown]
"""
### Exercise 1 — the iterates (6 min, in class)

Write the loop, and keep every iterate: the pictures below need them all.

<details><summary>Hint</summary>
Collect the iterates in a list that begins with <code>x0</code>; <code>torch.stack</code> makes a tensor of it.
</details>

`hint("descent_path")` tells more, in three steps: the idea (below), the formula, the first line.
"""

# %%
hint("descent_path", 1)


# %%
def descent_path(gradient, x0, tau, n):
    """Return the iterates of x ← x − τ ∇f(x), the start first.

    gradient: function from a tensor to a tensor of the same shape.  x0: start, any shape.  tau: step.  n: iterations.
    Returns (n + 1, ...): x_0, ..., x_n.  Slide "Gradient Descent".
    """
    ### BEGIN SOLUTION
    path = [x0]
    for _ in range(n):
        path.append(path[-1] - tau * gradient(path[-1]))
    return torch.stack(path)
    ### END SOLUTION


# %%
descent_path = check(descent_path)


# %%
def draw_path(axis, path, title):
    """Draw iterates over the level lines of f."""
    draw_levels(axis, f(grid))
    axis.plot(path[:, 0], path[:, 1], "o-", color=PALETTE[0], markersize=3.5, linewidth=1.2)
    axis.plot(0, 0, "*", color="black", markersize=10)
    axis.set_title(title, fontsize=16)


steps = {"0.1 / L": 0.1, "1 / L": 1.0, "1.9 / L": 1.9, "2.05 / L": 2.05}
figure, axes = new_figure(1, 4, height=2.9)
for axis, (name, factor) in zip(axes.flat, steps.items(), strict=True):
    draw_path(axis, descent_path(gradient, x0, factor / L, 25), f"τ = {name}")
slide_figure(figure, "step-size")

# %%
for name, factor in steps.items():
    path = descent_path(gradient, x0, factor / L, 25)
    print(f"tau = {name:8s}  f(x_1) = {f(path[1]):6.3f}   f(x_25) = {f(path[25]):8.2e}   from f(x_0) = {f(x0):.3f}")

# %% [markdown]
r"""
**What to see.** A short step follows the slope, and is not there after 25 iterations. At $1.9/L$ the path jumps from
one side of the valley to the other, and still arrives. At $2.05/L$ each jump is a little longer than the last.

In the eigenvectors of $H$ the iteration is two separate ones: the coefficient along an eigenvalue $\ell$ is
multiplied by $1 - \tau\ell$ each time. It goes to 0 if and only if $|1 - \tau\ell| < 1$, that is $\tau < 2/\ell$. The
largest eigenvalue decides: $\tau < 2/L$.

**Question.** With $\tau = 2/L$ exactly, where does the sequence go?
"""

# %% [markdown]
r"""
## 3. The descent lemma

Only the quadratic example has eigenvalues. What replaces them for any $f$ is the Lipschitz constant of its gradient,

$$ \|\nabla f(x) - \nabla f(y)\| \leq L\,\|x - y\| , $$

and then $f$ stays under a parabola that touches it at $x$ (the lecture's proof is five lines):

$$ f(y) \leq f(x) + \langle\nabla f(x), y - x\rangle + \frac L2\,\|y - x\|^2 . $$

### Exercise 2 — what a step is sure to gain (5 min, in class)

Put $y = x - \tau\nabla f(x)$ into the parabola. Write the bound on $f(y)$ that comes out, as a function of the
numbers $f(x)$, $\|\nabla f(x)\|$, $\tau$ and $L$.

<details><summary>Hint</summary>
Here y − x = −τ ∇f(x): the scalar product is −τ ‖∇f(x)‖², and the square is τ² ‖∇f(x)‖².
</details>

`hint("descent_bound")` tells more.
"""


# %%
def descent_bound(f_x, gradient_norm, tau, L):
    """Return the upper bound of f(x − τ∇f(x)) that the descent lemma gives.

    f_x: f(x).  gradient_norm: ‖∇f(x)‖.  tau: step.  L: Lipschitz constant of ∇f.  All numbers.
    Slide "Descent Lemma".
    """
    ### BEGIN SOLUTION
    return f_x - tau * (1 - tau * L / 2) * gradient_norm**2
    ### END SOLUTION


# %%
descent_bound = check(descent_bound)

# %% [markdown]
r"""
One dimension, a function that is not convex: $g(x) = \frac12x^2 + \cos 2x$. Its second derivative $1 - 4\cos 2x$ lies
between $-3$ and $5$, so that $L = 5$.
"""


# %%
def g(x):
    """Return x²/2 + cos 2x."""
    return 0.5 * x**2 + torch.cos(2 * x)


x, L_g = torch.tensor(2.6), 5.0
slope = x - 2 * torch.sin(2 * x)  # g'(x)
y = torch.linspace(0.2, 3.4, 300)
parabola = g(x) + slope * (y - x) + L_g / 2 * (y - x) ** 2
tau = torch.linspace(0, 2.2 / L_g, 200)
reached = g(x - tau * slope)
sure = torch.tensor([float(descent_bound(float(g(x)), float(slope.abs()), float(t), L_g)) for t in tau])

# %%
figure, axes = new_figure(1, 2, height=4.4)
tangent = g(x) + slope * (y - x)
plot_curves({"g": (y, g(y)), "tangent": (y, tangent), "parabola": (y, parabola)}, "y", "value", axis=axes[0, 0])
axes[0, 0].set_ylim(-0.6, 5)
axes[0, 0].plot(x, g(x), "o", color="black")
axes[0, 0].plot(x - slope / L_g, parabola.min(), "v", color="black")
curves = {"g(x − τ g′(x))": (tau * L_g, reached), "bound": (tau * L_g, sure)}
plot_curves(curves, "τ L", "value after the step", axis=axes[0, 1])
axes[0, 1].axhline(g(x), color="0.5", linewidth=0.8)
for axis in axes.flat:
    move_legend(axis, "upper center", (0.5, -0.18), columns=3)
slide_figure(figure, "descent-lemma")

# %%
assert (reached <= sure + 1e-12).all(), "the descent lemma fails: is your bound the one of the slide?"
print(f"step 1/L: g goes from {g(x):.3f} to {g(x - slope / L_g):.3f}, the lemma promises {sure.min():.3f}")

# %% [markdown]
r"""
**What to see.** The parabola touches $g$ at $x$ (the dot) and lies above it. Its lowest point (the triangle) is the
step $\tau = 1/L$: what the lemma promises is largest there, $\|\nabla f\|^2/(2L)$. At $\tau = 2/L$ the promise is 0;
beyond, the lemma says nothing. Here the function is kinder than its bound and longer steps gain more.

**Question.** The lemma needs no convexity, and for $\tau < 2/L$ the values $f(x_n)$ decrease as long as the gradient
is not 0. Why does it not say that $x_n$ tends to a minimizer?
"""

# %% [markdown]
r"""
## 4. The optimal step

The slide's other choice: go down as far as the line allows,
$\tau_n \in \operatorname{argmin}_t f(x_n - t\nabla f(x_n))$. For a quadratic, with $g = \nabla f(x_n)$,

$$ f(x_n - t g) = f(x_n) - t\,\|g\|^2 + \frac{t^2}2\,\langle g, Hg\rangle . $$

### Exercise 3 — the optimal step of a quadratic (5 min, in class)

Minimize in $t$. The Hessian is given as a function `hessian_times(x)` that returns $Hx$: for images nobody writes the
matrix.

<details><summary>Hint</summary>
The derivative in t is −‖g‖² + t⟨g, Hg⟩. A scalar product of two tensors of any shape is <code>(a * b).sum()</code>.
</details>

`hint("quadratic_step")` tells more.
"""


# %%
def quadratic_step(gradient, hessian_times):
    """Return the optimal step ‖g‖² / ⟨g, Hg⟩ of a quadratic at a point where its gradient is g.

    gradient: g, a tensor of any shape, not 0.  hessian_times: function x ↦ Hx.
    Returns a number.  Slide "Gradient Descent".
    """
    ### BEGIN SOLUTION
    return (gradient * gradient).sum() / (gradient * hessian_times(gradient)).sum()
    ### END SOLUTION


# %%
quadratic_step = check(quadratic_step)


# %%
def optimal_path(x, n):
    """Return the iterates of the descent with optimal step on f."""
    path = [x]
    for _ in range(n):
        path.append(path[-1] - quadratic_step(gradient(path[-1]), gradient) * gradient(path[-1]))
    return torch.stack(path)


worst = Q @ torch.tensor([L, alpha]) / 5.2  # L times more along the flat direction than along the steep one
starts = {"optimal step": x0, "optimal step, worst start": worst}
paths = {name: optimal_path(start, 25) for name, start in starts.items()}
paths["τ = 2/(α + L)"] = descent_path(gradient, worst, 2 / (alpha + L), 25)

# %%
figure, axes = new_figure(1, 3, height=3.8)
for axis, (name, path) in zip(axes.flat, paths.items(), strict=True):
    draw_path(axis, path, f"{name}\nf(x$_{{10}}$) / f(x$_0$) = {f(path[10]) / f(path[0]):.1e}")
show(figure, "Three zigzags at right angles: optimal step from two starts, and a fixed step, equal to the second.")

# %%
for name, path in paths.items():
    first, second = gradient(path[0]), gradient(path[1])
    cosine = abs(first @ second / (first.norm() * second.norm()))
    print(f"{name:26s} |cosine| of the angle between the first two gradients {cosine:.3f}")
print(f"((L - alpha) / (L + alpha))^20 = {((L - alpha) / (L + alpha)) ** 20:.1e}")

# %% [markdown]
r"""
**What to see.** With the optimal step each gradient is orthogonal to the one before: the path zigzags at right
angles. From the worst start it is the fixed step $2/(\alpha+L)$ at every iteration, and $f$ is divided by
$((L+\alpha)/(L-\alpha))^2$ each time and no more. To be greedy at each step is not to be fast.

**Question.** Why are two successive gradients orthogonal? (Differentiate $t \mapsto f(x_n - t g)$ at the optimum.)
"""

# %% [markdown]
r"""
## 5. Convexity

$f$ is convex when its chords lie above its graph, strictly convex when they do so strictly, and $\alpha$-strongly
convex when $f - \frac\alpha2\|\cdot\|^2$ is still convex. For a smooth $f$ this is read on the second derivative:
$\nabla^2 f \succeq \alpha\,\mathrm{Id}$ everywhere. Four functions on $[-2, 2]$:
"""

# %%
functions = {
    "convex, not strictly": lambda x: torch.relu(x.abs() - 0.8) ** 2,
    "strictly convex": lambda x: x**4 / 6,
    "strongly convex": lambda x: 0.5 * x**2 + 0.3 * torch.log(torch.cosh(2 * x)),
    "not convex": lambda x: (x**2 - 1) ** 2 / 3,
}

# %%
points = torch.linspace(-2, 2, 401).requires_grad_(True)
bounds = {}
for name, function in functions.items():
    first = torch.autograd.grad(function(points).sum(), points, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), points)[0]
    bounds[name] = second.min().item(), second.abs().max().item()
    print(f"{name:21s} alpha = {bounds[name][0]:6.2f}   L = {bounds[name][1]:6.2f}")

# %%
figure, axes = new_figure(1, 4, height=3.1)
for axis, (name, function) in zip(axes.flat, functions.items(), strict=True):
    with torch.no_grad():
        values, ends = function(points), torch.tensor([-1.5, 0.9])
        axis.plot(points.detach(), values, color=PALETTE[0])
        axis.plot(ends, function(ends), "o-", color=PALETTE[1], markersize=4, linewidth=1.2)
        axis.plot(points.detach(), values - bounds[name][0] / 2 * points**2, "--", color="0.4", linewidth=1)
    axis.set_title(f"{name}\nα = {bounds[name][0]:.2f}", fontsize=16)
    axis.set(xticks=[], yticks=[], ylim=(-0.3, 2.6))
slide_figure(figure, "convexity")

# %% [markdown]
r"""
**What to see.** Blue: $f$; orange: a chord. Dashed: $f - \frac\alpha2x^2$ with the largest possible $\alpha$, which
is convex, and strongly convex no more; for the first two, $\alpha = 0$ and the dashed curve lies on the blue one. The
first function has a whole interval of minimizers; the second has one, but is so
flat there that $\alpha = 0$. The last chord cuts the graph: $\alpha < 0$, and adding $\frac{|\alpha|}2x^2$ would make
it convex.
"""

# %% [markdown]
r"""
## 6. How fast?

For $\tau < 2/L$ and a convex $f$ that has a minimizer, the lecture's first theorem says that $x_n$ tends to one, not
how fast. The second one assumes $\alpha > 0$ and $\tau < 1/L$:

$$ \|x_n - x_*\|^2 \leq (1 - \tau\alpha)^n\,\|x_0 - x_*\|^2 , \qquad\text{so } \|x_n - x_*\|
\text{ is multiplied by at most } \sqrt{1 - \tau\alpha} \text{ at each iteration.} $$

For a quadratic you know better. The coefficient of $x_n - x_*$ along an eigenvalue $\ell \in [\alpha, L]$ is
multiplied by $1 - \tau\ell$.

### Exercise 4 — the sharp rate (6 min, in class)

Write the largest $|1 - \tau\ell|$ over $\ell \in [\alpha, L]$: the factor by which $\|x_n - x_*\|$ shrinks, in the
worst case, at each iteration. It must be right for every $\tau > 0$, also where the descent diverges.

<details><summary>Hint</summary>
|1 − τℓ| is a convex function of ℓ: on an interval it is largest at one of the ends.
</details>

`hint("rate")` tells more.
"""


# %%
def rate(tau, alpha, L):
    """Return max |1 − τℓ| over α ≤ ℓ ≤ L, the contraction factor of a gradient step.

    tau: step > 0.  alpha, L: smallest and largest eigenvalue of the Hessian.
    Returns a number.  Slide "Strong Convexity".
    """
    ### BEGIN SOLUTION
    return max(abs(1 - tau * alpha), abs(1 - tau * L))
    ### END SOLUTION


# %%
rate = check(rate)

# %% [markdown]
r"""
Measured: quadratics with $L = 1$ and 30 eigenvalues between $1/\kappa$ and $1$, for three condition numbers $\kappa =
L/\alpha$, from a start that has the same coefficient along each. First with $\tau = 0.99/L$, then, for $\kappa = 10$,
with all steps.
"""


# %%
def measured_factor(tau, eigenvalues, n=400):
    """Return the distances ‖x_n − x_*‖ / ‖x_0 − x_*‖ of a descent, and their last ratio."""
    path = descent_path(lambda x: eigenvalues * x, torch.ones_like(eigenvalues), tau, n)
    distances = path.norm(dim=1) / path[0].norm()
    return distances, (distances[-1] / distances[-2]).item()


tau, curves = 0.99, {}
for kappa in (2, 10, 100):
    distances, factor = measured_factor(tau, torch.logspace(-math.log10(kappa), 0, 30), 60)
    curves[f"κ = {kappa}"] = (range(61), distances.clamp(min=1e-8))
    theorem = math.sqrt(1 - tau / kappa)
    print(f"kappa = {kappa:3d}   theorem {theorem:.4f}   sharp {rate(tau, 1 / kappa, 1):.4f}   measured {factor:.4f}")

# %%
kappa, taus = 10, torch.linspace(0.05, 2.1, 42)
eigenvalues = torch.logspace(-1, 0, 30)
sharp = [rate(float(t), 0.1, 1.0) for t in taus]
measured = [measured_factor(float(t), eigenvalues)[1] for t in taus[1::4]]
promised = [math.sqrt(1 - t * 0.1) for t in taus[taus < 1]]

# %%
figure, axes = new_figure(1, 2, height=4.6)
plot_curves(curves, "iteration n", "distance to the minimizer", y_scale="log", axis=axes[0, 0])
axes[0, 0].set_ylim(1e-7, 2)
lines = {"sharp": (taus, sharp), "theorem": (taus[taus < 1], promised)}
plot_curves(lines, "τ L", "factor per iteration, κ = 10", axis=axes[0, 1])
axes[0, 1].plot(taus[1::4], measured, "o", color="black", markersize=4, label="measured")
for axis in axes.flat:
    move_legend(axis, "upper center", (0.5, -0.2), columns=2)
slide_figure(figure, "convergence-rates")

# %% [markdown]
r"""
**What to see.** On the left, in a logarithmic scale, the curves become straight lines: once the steep directions have
died out, each iteration multiplies the distance by a constant, the sharp rate. For $\kappa = 100$ sixty iterations
are not enough: the line is still bent, and the measured 0.985 is on its way to 0.990. The theorem's
rate is right and pessimistic, by a square root for small $\tau\alpha$: it promises half of the digits. On the right,
the best fixed step is $2/(\alpha + L)$, close to the edge of divergence.
"""

# %%
best = 2 / (0.1 + 1)
iterations = {kappa: math.log(1e-6) / math.log(rate(2 / (1 / kappa + 1), 1 / kappa, 1)) for kappa in (2, 10, 100, 1000)}
print(f"best step 2/(alpha + L): factor {rate(best, 0.1, 1):.4f}, (kappa - 1)/(kappa + 1) = {9 / 11:.4f}")
for kappa, n in iterations.items():
    print(f"kappa = {kappa:4d}: {n:6.0f} iterations divide the distance by a million")

# %% [markdown]
r"""
The number of iterations is proportional to $\kappa$: this is what ill-conditioned means for a descent.

**Without strong convexity** no geometric rate is left. For a convex $f$ and $\tau \leq 1/L$ one can show
$f(x_n) - \min f \leq \|x_0 - x_*\|^2/(2\tau n)$. The flatter the function at its minimum, the closer to this.
($|x|^2$ is there for comparison: it is strongly convex, and the step $1/L$ lands on its minimum at once.)
"""

# %%
for power in (2, 4, 10):
    start, tau = torch.tensor(1.0), 1 / (power * (power - 1))  # |x|^p on [-1, 1]: L = p (p - 1)
    path = descent_path(lambda x, p=power: p * x.abs() ** (p - 1) * x.sign(), start, tau, 10000)
    values = path.abs() ** power
    slope = ((values[10000] + 1e-300).log() - (values[1000] + 1e-300).log()) / math.log(10)
    assert (values[1:] <= 1 / (2 * tau * torch.arange(1, 10001)) + 1e-12).all(), "the bound 1/(2 tau n) fails"
    decrease = f"like n^{slope:.2f}" if values[10000] > 1e-100 else "faster than any power of n"
    print(f"|x|^{power:<2d}  f(x_100) = {values[100]:.1e}   f(x_10000) = {values[10000]:.1e}   {decrease}")

# %% [markdown]
r"""
## 7. An image: $\alpha$, $L$ and a gradient by hand

Notebook 04's problem: $F(u) = \frac12\|k * u - v\|^2 + \frac\lambda2\|\nabla u\|^2$. Its Hessian is
$A^TA + \lambda\nabla^T\nabla$, with eigenvalues $|\hat k|^2 + \lambda\hat L$ since both are convolutions. As in
notebook 04, $\hat L$ is the transfer function of $-\Delta = \nabla^T\nabla$, with values in $[0, 8]$; it is not the
Lipschitz constant $L$.

When there is no formula, apply the operator again and again to a random image and normalise: the component along the
largest eigenvalue takes over. This is the power iteration.

### Exercise 5 — the Lipschitz constant (8 min, at home)

Start from white noise, repeat $x \leftarrow Bx / \|Bx\|$, and return $\langle x, Bx\rangle$ for the last $x$, of norm
1.

<details><summary>Hint</summary>
<code>torch.randn(shape, generator=generator, dtype=torch.float64)</code>. Divide by the norm before the first
iteration too.
</details>

`hint("lipschitz_constant")` tells more.
"""


# %%
def lipschitz_constant(apply, shape, n, generator):
    """Return the largest eigenvalue of a symmetric nonnegative operator B, by n power iterations.

    apply: function x ↦ Bx.  shape: shape of x.  n: iterations.  generator: source of the white noise.
    Returns a number, at most the eigenvalue.  Slide "Optimization for Inverse Problems".
    """
    ### BEGIN SOLUTION
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        x = y / y.norm()
    return (x * apply(x)).sum()
    ### END SOLUTION


# %%
lipschitz_constant = check(lipschitz_constant)

# %%
u0, kernel, lam = load_image("cameraman", 128).to(device), load_kernel("motion_1").to(device), 0.02
v = add_noise(blur(u0, kernel), 4 / 255, torch.Generator().manual_seed(0))
k_hat, L_hat = kernel_to_transfer(kernel, u0.shape), laplacian_transfer(u0.shape, device=device)
eigenvalues = k_hat.abs() ** 2 + lam * L_hat


def hessian(u):
    """Return (AᵀA + λ∇ᵀ∇) u."""
    return blur_adjoint(blur(u, kernel), kernel) - lam * laplacian(u)


# %%
alpha_F, L_F = eigenvalues.min().item(), eigenvalues.max().item()
for n in (1, 10, 100, 400):
    estimate = lipschitz_constant(lambda u: hessian(u.to(device)).cpu(), u0.shape, n, torch.Generator().manual_seed(1))
    print(f"power iteration, n = {n:3d}: {estimate:.4f}")
print(f"from the transfer functions: L = {L_F:.4f}, alpha = {alpha_F:.4f}, kappa = {L_F / alpha_F:.0f}")
print(f"the bound 1 + 8 lambda = {1 + 8 * lam:.4f}")

# %% [markdown]
r"""
The estimate climbs to $L$ from below: a step computed from it is a little too long, so take a few percent off. The
bound $1 + 8\lambda$ ($|\hat k| \leq 1$ and $\hat L \leq 8$) costs nothing and is on the safe side.

### Exercise 6 — the gradient by hand (6 min, in class)

Write $\nabla F(u) = A^T(Au - v) + \lambda\nabla^T\nabla u$ for $Au = k * u$. The functions `blur`, `blur_adjoint` and
`laplacian` ($\Delta u = -\nabla^T\nabla u$) are those of the earlier notebooks.

<details><summary>Hint</summary>
Mind the sign: Δ = −∇ᵀ∇.
</details>

`hint("objective_gradient")` tells more.
"""


# %%
def objective_gradient(u, v, kernel, lam):
    """Return the gradient of ½‖k ∗ u − v‖² + (λ/2)‖∇u‖² at u.

    u, v: images (H, W).  kernel: (h, w).  lam: weight ≥ 0.
    Returns an image (H, W).  Slide "Optimization for Inverse Problems".
    """
    ### BEGIN SOLUTION
    return blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    ### END SOLUTION


# %%
objective_gradient = check(objective_gradient)

# %% [markdown]
r"""
The exact minimizer is known (notebook 04), so the prediction can be put to the test: $\tau = 1.9/L$, and the distance
to $u_\lambda$ in 2000 iterations.
"""

# %%
tau = 1.9 / L_F
u_lambda = restoration.tychonov_deblur(v, kernel, lam)
distances, u = [], v
for _ in range(20):  # 100 iterations at a time: the whole path would take 260 MB
    path = descent_path(lambda u: objective_gradient(u, v, kernel, lam), u, tau, 100)
    distances += (path[:-1] - u_lambda).flatten(1).norm(dim=1).tolist()
    u = path[-1]
distances.append((u - u_lambda).norm().item())
sharp = rate(tau, alpha_F, L_F)
measured = (distances[-1] / distances[-101]) ** 0.01
print(f"sharp factor {sharp:.6f}, measured over the last 100 iterations {measured:.6f}")
print(f"distance: {distances[0]:.2f} at the start, {distances[-1]:.1e} after 2000 iterations")

# %%
curves = {"measured": (range(2001), distances)}
curves["from α and L"] = (range(2001), [distances[0] * sharp**n for n in range(2001)])
curves["the theorem"] = (range(2001), [distances[0] * math.sqrt(1 - alpha_F / L_F) ** n for n in range(2001)])
figure = plot_curves(curves, "iteration n", "distance to the exact solution", y_scale="log")
show(figure, "Distance to the solution: a fast start, then a straight line, under the two bounds in the same order.")

# %% [markdown]
r"""
**What to see.** The first iterations repair the frequencies that the blur has kept, fast. The end is governed by the
smallest eigenvalue. A theorem about the worst case is a statement about the end of the curve, and images are judged
at its beginning. The curve "the theorem" is $(1 - \alpha/L)^{n/2}$ times the first distance, the lecture's bound at
its limit $\tau = 1/L$: about the step $1.9/L$ that is taken here the theorem says nothing.

**Question.** $\alpha$ is where $|\hat k|^2 + \lambda\hat L$ is smallest. What happens to $\kappa$, and to the number
of iterations, as $\lambda \to 0$?
"""

# %% [markdown]
r"""
## 8. Not convex: the start decides

$f(x) = \frac14(x_1^2 - 1)^2 + \frac12x_2^2 + \frac14x_1x_2$ has two minima and a saddle point at 0. Run the descent
from each pixel of a grid, all at once, and colour the start by where it ends.
"""


# %%
def double_well(x):
    """Return (x₁² − 1)²/4 + x₂²/2 + x₁x₂/4 for the points x (..., 2)."""
    return (x[..., 0] ** 2 - 1) ** 2 / 4 + x[..., 1] ** 2 / 2 + x[..., 0] * x[..., 1] / 4


def double_well_gradient(x):
    """Return its gradient, by hand."""
    a, b = x.unbind(dim=-1)
    return torch.stack([a * (a**2 - 1) + b / 4, b + a / 4], dim=-1)


# %%
ends = grid
for _ in range(20):  # only the end is kept
    ends = descent_path(double_well_gradient, ends, 0.1, 20)[-1]
right = (ends[..., 0] > 0).double()
figure, axes = new_figure(1, 1, 5.2, 4.6)
axes[0, 0].imshow(right, extent=(-2.2, 2.2, -2.2, 2.2), origin="lower", cmap="gray", vmin=-1.2, vmax=1.1)
draw_levels(axes[0, 0], double_well(grid))
for start in ([0.2, 2.0], [0.33, 2.0], [-0.2, -2.0], [-0.33, -2.0]):
    path = descent_path(double_well_gradient, torch.tensor(start), 0.1, 200)
    axes[0, 0].plot(path[:, 0], path[:, 1], "o-", color=PALETTE[1], markersize=2.5, linewidth=1)
show(figure, "Two basins, light and dark, with paths from neighbouring starts that part and end in different minima.")

# %%
wells = descent_path(double_well_gradient, torch.tensor([[-1.0, 0.2], [1.0, 0.2]]), 0.1, 2000)[-1]
share = right.mean().item()
print(f"minima near ({wells[0, 0]:.3f}, {wells[0, 1]:.3f}) and ({wells[1, 0]:.3f}, {wells[1, 1]:.3f})")
print(f"{100 * share:.0f} % of the starts end on the right; the gradient at the saddle point is zero too")

# %% [markdown]
r"""
**What to see.** Two starts next to each other, on the two sides of the border, go down together and then part.
Neither theorem applies. The texture synthesis of notebook 10 lives here: there, each random start ends in another
image, and this is wanted.
"""

# %% [markdown]
r"""
## 9. "Good news: automatic differentiation ... but"

PyTorch writes the gradient itself, from the program of $F$. It agrees with yours to rounding, and it is not dear: we
count the FFTs, which dominate the cost.
"""


# %%
class CountFFTs(TorchDispatchMode):
    """Count the Fourier transforms that are executed inside a `with` block."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Note an operation and carry it out."""
        self.count += "fft" in operation.__name__
        return operation(*args, **(kwargs or {}))


# %%
def objective(u):
    """Return F(u), with the transfer function computed before."""
    residual = torch.fft.ifft2(k_hat * torch.fft.fft2(u)).real - v
    return 0.5 * residual.square().sum() + lam / 2 * image_gradient(u).square().sum()


# %%
u = v.clone().requires_grad_(True)
with CountFFTs() as forward:
    value = objective(u)
with CountFFTs() as backward:
    (by_autograd,) = torch.autograd.grad(value, u)
difference = (by_autograd - objective_gradient(v, v, kernel, lam)).abs().max()
print(f"largest difference to the gradient by hand below 1e-12: {bool(difference < 1e-12)}")
print(f"FFTs: {forward.count} for F alone, {forward.count + backward.count} for F and its gradient")

# %% [markdown]
r"""
Twice as many, whatever the number of variables: differentiating a program backwards costs a small multiple of running
it.

But, says the slide, you had better know what $F$ does. The total variation without its $\varepsilon$ (notebook 07)
has a square root of $\|\nabla u\|^2$, whose derivative at 0 is infinite. An image with a flat region:
"""

# %%
flat = torch.full((64, 64), 0.3, device=device)
flat[16:48, 20:52] = 0.7
flat[16:40, 20:34] += torch.linspace(0, 0.2, 14, device=device)


def tv_gradient(u, root):
    """Return the gradient of Σ root(|∇u|²) by automatic differentiation."""
    u = u.clone().requires_grad_(True)
    return torch.autograd.grad(root(image_gradient(u).square().sum(dim=0)).sum(), u)[0]


# %%
eps = 1e-3
gradients = {
    "√t": tv_gradient(flat, torch.sqrt),
    "√t where t > 0, else 0": tv_gradient(flat, lambda t: torch.where(t > 0, torch.sqrt(t), torch.zeros_like(t))),
    "√(ε² + t)": tv_gradient(flat, lambda t: torch.sqrt(eps**2 + t)),
}

# %%
for name, value in gradients.items():
    print(f"{name:24s} NaN at {value.isnan().double().mean():6.1%} of the pixels")
orange = torch.tensor([0.84, 0.37, 0.0], device=device)[:, None, None]
pictures = [torch.where(value.isnan(), orange, 0.5 + value.nan_to_num() / 4) for value in gradients.values()]
figure = show_images([flat.expand(3, 64, 64), *pictures], ["u", *gradients], columns=4)
slide_figure(figure, "autograd-trap")

# %% [markdown]
r"""
**What to see.** Orange: NaN, "not a number", at all pixels that touch a flat place. It is $0 \times \infty$: the
chain rule multiplies the infinite slope of the root by the zero slope of the square. The second remedy looks clever
and fails: `torch.where` chooses the value, but the gradient still flows through both branches, and $0 \times \infty$
is back. With $\varepsilon$ the function is differentiable, and so is the program.

**Question.** One descent step is taken with the gradient on the left, followed by a blur. How many pixels are NaN
then?
"""

# %% [markdown]
r"""
## 10. Explore

Drag the start with the mouse (or move it with the arrow keys), change the step, the method and the function. At which
$\tau$ does the path first leave the picture? Does momentum help on the round valley, on the long one?
"""

# %%
explore_descent(descent_path=descent_path)

# %%
picture, numbers = descent_picture("long valley", (-2.0, -0.2), 1.9, "fixed step", 25)
print(", ".join(f"{name} = {value}" for name, value in numbers.items()))
show(show_images([picture], width=4.5), "Level lines of a long valley; a path jumps across it to the minimum.")

# %% [markdown]
r"""
## To remember

- $\tau \leq 2/L$: the objective never increases. $1/L$ is what the lemma likes best, $2/(\alpha+L)$ what a quadratic
  does.
- With strong convexity the error is multiplied by at most $\max(|1-\tau\alpha|, |1-\tau L|)$ at each iteration: with
  the best step, about $\kappa$ iterations a digit.
- Without it, count on $1/n$. Momentum (notebook 07) makes it $1/n^2$.
- Automatic differentiation gives the gradient of the program that you wrote: look at what it does at 0.
"""
