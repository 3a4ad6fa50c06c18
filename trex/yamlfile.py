"""Reading a YAML file that a person may have written."""

from pathlib import Path
from typing import Any

import yaml

from shared.contracts.base import Contract
from shared.errors import Rejected


def read_fields(
    path: Path, contract: type[Contract], *, what: str, otherwise: str = "check the path"
) -> dict[str, Any]:
    """Return the fields in a file, whatever they are.

    Args:
        path: of the file.
        contract: which fields are wanted, for the error.
        what: the file holds, with its article: ``a job``.
        otherwise: what to do when there is no file.

    Raises:
        Rejected: no file, not UTF-8, not YAML, or no fields.
    """
    if not path.is_file():
        raise Rejected(f"{path}: wanted {what} file, found none; {otherwise}")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise Rejected(
            f"{path}: wanted UTF-8, found something else ({error}); save it so"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise Rejected(f"{path}{where}: wanted YAML, found {problem}; correct that line") from None
    if not isinstance(found, dict):
        wanted = ", ".join(contract.model_fields)
        raise Rejected(f"{path}: wanted the fields of {what} ({wanted}), found none; add them")
    return found
