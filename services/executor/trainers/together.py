"""What several processes that train one run decide together, so that none waits for another.

Each has a copy of the model and its part of every step's samples. A decision is taken by all at the
same step: a process that stopped alone would leave the others waiting for its gradients.
"""

import torch
from torch import distributed

from services.executor import processes
from shared.errors import TrainingFailed


def micro_batch(batch: int, most: int, *, shared_by: int, least: int = 1) -> int:
    """Return the samples in one forward pass of each process: the most that divide a step evenly.

    Args:
        batch: samples in one optimizer step, of all processes.
        most: samples that one device is to hold at once.
        shared_by: processes.
        least: samples in a forward pass that the method works with.

    Raises:
        TrainingFailed: no such number divides a step.
    """
    share, left = divmod(batch, shared_by)
    fits = [] if left else [n for n in range(least, most + 1) if share % n == 0]
    if not fits:
        raise TrainingFailed(
            f"wanted steps that {shared_by} processes share evenly, found {batch} samples in a "
            f"step; make per_device_train_batch_size times gradient_accumulation_steps a multiple "
            f"of {shared_by * least}"
        )
    return max(fits)


def short_of_memory(micro: int, smaller: int, *, batch: int, said: str) -> TrainingFailed:
    """Return why a run of several processes ends that has too little memory.

    It cannot start again with less by itself: the others wait for gradients that never come.
    """
    return TrainingFailed(
        f"wanted memory for {micro} samples at a time in each of {processes.number()} processes, "
        f"found too little ({said}); set per_device_train_batch_size to {smaller} and "
        f"gradient_accumulation_steps to {batch // smaller}"
    )


def take_device() -> None:
    """Have this process compute on a device of its own, also what it loads from now on."""
    if processes.number() > 1 and torch.cuda.is_available():
        torch.cuda.set_device(processes.number_on_machine())


def any_of(*here: bool) -> tuple[bool, ...]:
    """Return for each question whether any process says yes. All ask at the same step."""
    if not distributed.is_initialized():
        return here
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    said = torch.tensor(here, dtype=torch.int32, device=device)
    distributed.all_reduce(said, distributed.ReduceOp.MAX)
    return tuple(bool(one) for one in said.tolist())


def wait_for_all() -> None:
    """Return once every process is here."""
    if distributed.is_initialized():
        distributed.barrier()
