"""A machine with GPUs, as far as `nvidia-smi` would say."""

from pathlib import Path

FIRST, SECOND = "GPU-11111111-aaaa", "GPU-22222222-bbbb"


def make_nvidia_smi(folder: Path, *uuids: str) -> Path:
    """Write a command that lists such GPUs, and return the folder to put in front of PATH."""
    lines = [f"GPU {n}: NVIDIA H100 80GB HBM3 (UUID: {uuid})" for n, uuid in enumerate(uuids)]
    return make_command(folder, "cat <<'END'\n" + "\n".join(lines) + "\nEND\n")


def make_command(folder: Path, script: str) -> Path:
    """Write an `nvidia-smi` that runs a script of the shell, and return its folder."""
    folder.mkdir(exist_ok=True)
    command = folder / "nvidia-smi"
    command.write_text("#!/bin/sh\n" + script)
    command.chmod(0o755)
    return folder
