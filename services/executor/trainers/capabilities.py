"""Finds out what this machine can train."""

import os
from importlib.util import find_spec

import torch

from services.executor.trainers.models import devices, has_bf16
from shared.contracts.capabilities import Capabilities

_GIB = 2**30
_AMPERE = (8, 0)  # the first generation that FlashAttention 2 runs on


def capabilities() -> Capabilities:
    """Return what this machine can train, by what is plugged in and installed."""
    has_gpu = torch.cuda.is_available()
    memory = (
        torch.cuda.get_device_properties(0).total_memory
        if has_gpu
        else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    )
    return Capabilities(
        device=torch.cuda.get_device_name(0) if has_gpu else "cpu",
        devices=devices(),
        memory_gib=round(memory / _GIB, 1),
        bf16=has_bf16(),
        flash_attention=has_gpu
        and find_spec("flash_attn") is not None
        and torch.cuda.get_device_capability(0) >= _AMPERE,
        quantised=has_gpu and find_spec("bitsandbytes") is not None,
    )
