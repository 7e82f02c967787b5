"""The Gaussian face model against scikit-learn's full PCA.

400 faces of 112×92 pixels, float64, one thread. The N - 1 singular values must agree to 1e-6, relative.
"""

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
    runs = {
        "fit_gaussian": lambda: fit_gaussian(faces),
        "full PCA": lambda: PCA(svd_solver="full").fit(faces.numpy()),
    }
    singular = torch.sqrt(n * runs["fit_gaussian"]()[2])
    expected = torch.from_numpy(runs["full PCA"]().singular_values_[: n - 1])
    error = (singular / expected - 1).abs().max().item()  # raises unless there are n - 1 of ours
    if error > 1e-6:
        raise RuntimeError(f"the singular values differ by {error:.1e}")
    what = f'`fit_gaussian` / `PCA(svd_solver="full")`, {n} × {d}, singular values to {error:.0e}'
    return [compared(what, race(runs, repeats=5), "fit_gaussian", "full PCA", 1 / 6)]


if __name__ == "__main__":
    print_table(measure())
