"""The prompts, a Markdown file each, and what names them in the ledger."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a language model is told to do, before it is told about what."""

    name: str
    version: int
    """Raised by whoever changes what the prompt asks for."""
    text: str
    sha256: str
    """Of the file's bytes, as 64 hexadecimal digits."""

    @property
    def id(self) -> str:
        """Name, version and the first 12 digits of the hash, as the ledger has it."""
        return f"{self.name} {self.version} {self.sha256[:12]}"


def prompt(name: str) -> Prompt:
    """Return the prompt in ``NAME.md``, whose first line says ``version: N`` in a comment."""
    raw = (files(__name__) / f"{name}.md").read_bytes()
    first, _, text = raw.decode().partition("\n")
    version = int(first.removeprefix("<!-- version: ").removesuffix(" -->"))
    return Prompt(name, version, text.strip(), hashlib.sha256(raw).hexdigest())


def prompts() -> tuple[Prompt, ...]:
    """Return every prompt, by its name."""
    names = sorted(path.name for path in files(__name__).iterdir())
    return tuple(prompt(name.removesuffix(".md")) for name in names if name.endswith(".md"))
