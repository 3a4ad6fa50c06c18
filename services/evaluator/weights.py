"""Refuses weights that are missing, cut short, no numbers or of another model. No torch.

They would be loaded and answered with, and the score would be a number that means nothing.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from shared.errors import ScoringFailed

ADAPTER = "adapter_model.safetensors"

_SIDES = {"A.weight": 1, "B.weight": 0}
"""The halves of an adapter: which of its sizes is the layer's too."""

_FLOATS = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "BF16": np.uint16}
"""What is looked into; weights of 8 bits and fewer are not."""


def check_whole(model: str) -> None:
    """Return if a model's weights are all there and finite; of a hub id nothing is known here.

    Raises:
        ScoringFailed: they are not.
    """
    folder = Path(model)
    if not folder.is_dir():
        return
    index = folder / "model.safetensors.index.json"
    found = {file.name for file in folder.glob("*.safetensors")}
    wanted = set(json.loads(index.read_text())["weight_map"].values()) if index.is_file() else found
    missing = sorted(wanted - found)
    if missing or not found:
        raise ScoringFailed(
            f"{model}: wanted a whole model's weights as safetensors, found "
            f"{f'no {missing[0]}' if missing else 'no such file'}; save the model again"
        )
    for name in sorted(wanted):
        _check(folder / name)


def check_adapter_weights(checkpoint: Path, base_model: str) -> None:
    """Return if a LoRA adapter's weights are all there, finite, and fit the base model's.

    Whether they fit is looked at where the base model is a folder. A layer that its files do not
    have, nor any other of the kind, is let pass: models may rename their layers when loaded.

    Raises:
        ScoringFailed: they are not.
    """
    file = checkpoint / ADAPTER
    _check(file)
    base = {
        name: shape
        for one in Path(base_model).glob("*.safetensors")
        for name, shape in _shapes(one)
    }
    kinds = {_kind(name) for name in base}
    for name, shape in _shapes(file):
        layer, _, side = name.removeprefix("base_model.model.").partition(".lora_")
        weight = f"{layer}.weight"
        if side not in _SIDES or _kind(weight) not in kinds:
            continue
        whole = base.get(weight)
        # Of either size: some models have their layers the other way round.
        if whole is None or shape[_SIDES[side]] not in whole:
            found = "no such layer" if whole is None else f"a layer of shape {whole}"
            raise ScoringFailed(
                f"{file}: wanted weights that fit {base_model!r}, found {name} of shape {shape} "
                f"for {found}; train the adapter on that base model"
            )


def _check(file: Path) -> None:
    try:
        with safe_open(file, framework="numpy"):
            pass  # what is cut short does not open
    except (OSError, SafetensorError) as error:
        raise ScoringFailed(
            f"{file}: wanted weights as safetensors, found none that can be read ({error}); save "
            "the checkpoint again"
        ) from None
    for name, values in _floats(file):
        # numpy knows no bfloat16: the upper half of a float32, not finite with all exponent bits.
        halves = values.dtype == np.uint16
        finite = (values & 0x7F80 != 0x7F80) if halves else np.isfinite(values)
        if not finite.all():
            raise ScoringFailed(
                f"{file}: wanted finite weights, found NaN or infinite ones in {name}; lower "
                "learning_rate"
            )


def _shapes(file: Path) -> Iterator[tuple[str, list[int]]]:
    with safe_open(file, framework="numpy") as weights:
        for name in weights.keys():  # noqa: SIM118 - it is no dictionary
            tensor = weights.get_slice(name)
            if tensor.get_dtype() in _FLOATS:
                yield name, tensor.get_shape()


def _kind(name: str) -> str:
    """Return a layer's name without its number."""
    return re.sub(r"\d+", "*", name)


def _floats(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield the tensors of floats, flat and read when looked at: a file may not fit into memory."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(size))
    header.pop("__metadata__", None)
    for name, tensor in header.items():
        if tensor["dtype"] in _FLOATS:
            begin, end = tensor["data_offsets"]
            kind = np.dtype(_FLOATS[tensor["dtype"]])
            count = (end - begin) // kind.itemsize
            if count:
                yield name, np.memmap(file, kind, "r", offset=8 + size + begin, shape=(count,))
