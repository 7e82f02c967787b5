"""The Gaussian face model against scikit-learn's full PCA.

400 faces of 112×92 pixels, float64, one thread. The N - 1 singular values must agree to 1e-6, relative. The second row
is a bound: the least work of a program that uses the N×N Gram matrix and returns all the eigenvectors.
"""

import numpy as np
import torch
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from course_utils.data import load_faces
from course_utils.gaussian import fit_gaussian
from tests.benchmarks.timing import compared, print_table, race


@threadpool_limits.wrap(limits=1)
def measure():
    torch.set_num_threads(1)
    faces = load_faces()[0].flatten(start_dim=1)
    n, d = faces.shape
    X = (faces - faces.mean(dim=0)).numpy()
    runs = {
        "fit_gaussian": lambda: fit_gaussian(faces),
        "bound": lambda: least_work(X),
        "full PCA": lambda: PCA(svd_solver="full").fit(faces.numpy()),
    }
    singular = torch.sqrt(n * runs["fit_gaussian"]()[2])
    expected = torch.from_numpy(runs["full PCA"]().singular_values_[: n - 1])
    error = (singular / expected - 1).abs().max().item()  # raises unless there are n - 1 of ours
    if error > 1e-6:
        raise RuntimeError(f"the singular values differ by {error:.1e}")
    what = f'`fit_gaussian` / `PCA(svd_solver="full")`, {n} × {d}, singular values to {error:.0e}'
    seconds = race(runs, repeats=9)
    return [
        compared(what, seconds, "fit_gaussian", "full PCA", 1 / 6),
        compared("X Xᵀ, its eigenvectors w, Xᵀw, and no more / the same", seconds, "bound", "full PCA"),
    ]


def least_work(X):
    """Return the directions of X, whose rows are centred, not normalized."""
    return np.linalg.eigh(X @ X.T)[1].T @ X


if __name__ == "__main__":
    print_table(measure())
