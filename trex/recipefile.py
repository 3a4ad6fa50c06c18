"""Reading a recipe: the YAML beside a checkpoint, to a recipe that can be carried out here."""

from contextlib import suppress
from pathlib import Path

from shared.contracts.base import read_as
from shared.contracts.job import stored_rows
from shared.contracts.operators import Load, Operator, Tokens
from shared.contracts.recipe import Recipe
from shared.errors import Rejected
from trex.base_model import resolve_base_model
from trex.yamlfile import read_fields

NAME = "recipe.yaml"
"""Of the recipe in a checkpoint's folder."""

_OWN = {"method", "adapter"}  # fields that no job has


def holds_recipe(path: Path) -> bool:
    """Return whether a folder or file is about a recipe rather than a job."""
    if path.is_dir():
        return True
    with suppress(Rejected):
        return not read_fields(path, Recipe, what="a recipe").keys().isdisjoint(_OWN)
    return False


def read_published_recipe(name: str) -> Recipe:
    """Return the recipe of a checkpoint in the artifact store, or as `read_recipe` of a path.

    Raises:
        Rejected: as `read_recipe`.
        NoArtifact: it is not in the store, or the store is not known here.
        Unavailable: the store stays away.
    """
    if "://" not in name:
        return read_recipe(Path(name))
    from shared.artifacts.artifacts import Artifacts  # of a client that fetches none not wanted
    from shared.settings import ArtifactSettings

    with Artifacts(ArtifactSettings()).fetched(name) as folder:
        return read_recipe(Path(folder))


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a file or in a checkpoint's folder, its paths made absolute.

    Paths in it are relative to the file. The rows are looked at when they are prepared.

    Raises:
        Rejected: the first thing found that cannot work, and what to change.
    """
    file = path / NAME if path.is_dir() else path
    recipe = read_as(Recipe, read_fields(file, Recipe, what="a recipe"), what=str(file))
    if recipe.continues is not None:
        raise Rejected(
            f"{file}: wanted a recipe that starts from its base model, found one that goes on from "
            f"the weights of recipe {recipe.continues[:12]}; carry that one out first, make its "
            "whole model the base_model here and remove continues"
        )
    folder = file.resolve().parent
    first, *others = recipe.data
    if isinstance(first, Load) and not stored_rows(first.path):
        rows = (folder / Path(first.path).expanduser()).resolve()
        first = first.model_copy(update={"path": str(rows)})
    return recipe.model_copy(
        update={
            "base_model": resolve_base_model(recipe.base_model, folder),
            "data": (first, *(_with_tokenizer(one, folder) for one in others)),
        }
    )


def _with_tokenizer(operator: Operator, folder: Path) -> Operator:
    """Return the operator, the folder of its tokenizer made absolute if it has one."""
    if not isinstance(operator, Tokens):
        return operator
    path = folder / Path(operator.tokenizer).expanduser()
    name = str(path.resolve()) if path.is_dir() else operator.tokenizer
    return operator.model_copy(update={"tokenizer": name})
