"""An accelerator that is none: its tensors refuse to mix with the CPU's, to be float64, and to become NumPy arrays.

As on an Apple GPU; ``Mode(refused=())`` has float64, as NVIDIA's. Values are computed on the CPU, so that what a GPU
would refuse is found on a machine without one.
"""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

NAME = "lazy"  # a type of device that PyTorch knows, and that nothing here has
REFUSED = (torch.float64, torch.complex128)


# What PyTorch does by a mark on the tensor, or by reshaping the tensor itself, which a wrapper cannot follow.
LAZY = {"aten::_conj": torch.conj_physical, "aten::_neg_view": torch.neg}
RESHAPED = {
    "aten::squeeze_": "squeeze",
    "aten::unsqueeze_": "unsqueeze",
    "aten::t_": "t",
    "aten::transpose_": "transpose",
}


PRODUCTS = (torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__)
refused = [REFUSED]  # by the innermost mode


def is_pretended(device):
    return device is not None and torch.device(device).type == NAME


def pretended(value):
    """Return a tensor moved to the device, in single precision."""
    return Pretended(single(value))


def single(value):
    """Return a tensor in single precision."""
    return value.detach().to(
        {torch.float64: torch.float32, torch.complex128: torch.complex64}.get(value.dtype, value.dtype)
    )


class Pretended(torch.Tensor):
    """A tensor that says it is on the device; ``held`` has its values."""

    @staticmethod
    def __new__(cls, held):
        if held.dtype in refused[-1]:
            raise TypeError(f"Cannot convert a tensor to {held.dtype}: the device does not support it")
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), dtype=held.dtype, device=torch.device(NAME, 0)
        )
        made.held = held
        return made

    def __repr__(self):
        return f"Pretended({self.held})"

    def tolist(self):
        return self.held.tolist()

    def numpy(self, *_, **__):
        raise TypeError("can't convert a tensor of the device to numpy. Use Tensor.cpu() first")

    __array__ = numpy

    def __format__(self, wanted):
        return format(self.held.item(), wanted)

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


class Mode(TorchDispatchMode):
    """While it lasts, tensors can be made on the device and moved to it; it has none of the types ``refused``."""

    def __init__(self, refused=REFUSED):
        super().__init__()
        self.refused, self.functions = refused, Functions()

    def __enter__(self):
        refused.append(self.refused)
        self.functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.functions.__exit__(*error)
        refused.pop()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


class Functions(TorchFunctionMode):
    """What PyTorch does before it comes to the device, and a wrapper cannot follow."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        first = args[0] if args else None
        if function is torch.tensor and is_pretended(kwargs.get("device")):
            return torch.tensor(*args, **(kwargs | {"device": "cpu"})).to(NAME)
        if isinstance(first, Pretended):
            if function is torch.Tensor.new_tensor:
                return torch.tensor(args[1], dtype=kwargs.get("dtype", first.dtype)).to(NAME)
            if function is torch.Tensor.__getitem__:
                return function(first, indices(args[1]))
        if function in PRODUCTS and 1 in (args[0].ndim, args[1].ndim):
            return product(*args)
        return function(*args, **kwargs)


def indices(index):
    """Return an index with its lists and ranges as tensors, which PyTorch would make on the device itself."""
    if isinstance(index, tuple):
        return tuple(indices(part) for part in index)
    return torch.tensor(index) if isinstance(index, (list, range)) and len(index) else index


def product(a, b):
    """Return the product of a vector and a matrix, or of two vectors, which PyTorch makes by reshaping its result."""
    left, right = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    made = left @ right
    made = made.squeeze(-1) if b.ndim == 1 else made
    return made.squeeze(-2 if b.ndim > 1 else -1) if a.ndim == 1 else made


def each(change, value):
    """Return a value with its tensors changed; torch's own tree_map takes longer than the computation."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)([each(change, part) for part in value])
    return value


def tensors_of(values):
    """Return the tensors among values and in their lists."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += tensors_of(value)
    return found


def held(value):
    return value.held if isinstance(value, Pretended) else value


def run(function, args, kwargs):
    """Compute on the values, and refuse what the device would refuse."""
    tensors = tensors_of([*args, *kwargs.values()])
    on_device = [value for value in tensors if isinstance(value, Pretended)]
    name = function._schema.name
    if name in ("aten::_to_copy", "aten::to"):
        return moved(function, args, kwargs)
    if name in LAZY and isinstance(args[0], Pretended):
        return Pretended(LAZY[name](args[0].held))
    if name in RESHAPED and isinstance(args[0], Pretended):
        return Pretended(getattr(args[0].held, RESHAPED[name])(*args[1:]))
    if name == "aten::copy_":
        held(args[0]).copy_(held(args[1]))
        return args[0]
    if not on_device and not is_pretended(kwargs.get("device")):
        return function(*args, **kwargs)
    if on_device:
        refuse_mixing(name, args, tensors)
    generator = kwargs.get("generator")
    if generator is not None and is_pretended(kwargs.get("device")):
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu'")
    there = kwargs.get("device") is None or is_pretended(kwargs["device"])
    lifted = {key: each(held, value) for key, value in kwargs.items()}
    if kwargs.get("device") is not None:
        lifted["device"] = "cpu"
    made = function(*[each(held, value) for value in args], **lifted)
    if not there or name == "aten::_local_scalar_dense":
        return made
    if name.endswith("_") and isinstance(args[0], Pretended):
        return args[0]
    if isinstance(kwargs.get("out"), Pretended):
        return kwargs["out"]
    return each(Pretended, made)


def moved(function, args, kwargs):
    wanted = kwargs.get("device")
    there = is_pretended(wanted) if wanted is not None else isinstance(args[0], Pretended)
    made = function(held(args[0]), *args[1:], **(kwargs | {"device": "cpu"}))
    return Pretended(made) if there else made


def refuse_mixing(name, args, tensors):
    """Raise where an operation takes tensors of both devices; single numbers and indices may come from the CPU."""
    elsewhere = [value for value in tensors if not isinstance(value, Pretended) and value.ndim > 0]
    if elsewhere and not (name.startswith(("aten::index", "aten::_index_put")) and isinstance(args[0], Pretended)):
        raise RuntimeError(f"Expected all tensors to be on the same device, but found at least two ({name})")
