"""Helpers of the lab course "Generative models for images I: introduction and basics on image restoration".

What holds in every module, and is not said again:

- An image is a float tensor ``(H, W)``, ``(C, H, W)`` or with any number of leading dimensions ``(..., H, W)``, treated
  one by one. Its values are in [0, 1] unless said otherwise; standard deviations σ, ε and tolerances are in that unit
  (the lecture's σ = 4 is ``4 / 255``). Nothing is ever clipped.
- Rows are dim -2, the lecture's first coordinate, columns dim -1.
- A result has the precision (float32 or float64) and the device of the image; every tensor of a call is on one device.
- Convolutions, differences and spectra are periodic. A kernel's centre is pixel ``(h // 2, w // 2)``, whether its size
  is odd or even; a kernel larger than the image is an error. Spectra are those of ``torch.fft.fft2``.
- λ >= 0, ε > 0, σ >= 0; ``n`` is a number of iterations or of samples. A ``callback`` is called as
  ``callback(k, u_k)``, for k = 0 (the start) and after each iteration.
- Randomness comes from a ``torch.Generator`` that you give; noise is drawn on its device, so that a CPU generator
  gives the same noise on a GPU.
- Bad input raises ValueError or TypeError; the message begins with the argument, and says what came and what was
  expected. Nothing is silently broadcast or converted, and no argument is changed.
- A docstring names the slide of the lecture, or the paper. In code, names are the lecture's: ``u`` image, ``v``
  observation, ``A`` operator, ``k`` kernel, ``k_hat`` transfer function, ``lam`` λ, ``eps`` ε, ``tau`` step, ``L``
  Lipschitz constant.
"""

__version__ = "0.1.0"
