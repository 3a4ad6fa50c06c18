"""What a model is asked, and the form its answer should have."""

import json
from collections.abc import Iterable, Sequence

SUBTYPES = {
    "nucleophilic_addition": ("addition", "a nucleophile attacks an electrophilic centre"),
    "electrophilic_addition": ("addition", "an electrophile adds to an electron-rich π system"),
    "radical_addition": ("addition", "a radical adds to a π bond"),
    "oxidative_addition": (
        "addition",
        "a bond breaks and both its atoms bind to a low-valent metal",
    ),
    "proton_elimination": ("elimination", "E1 only; a carbocation loses its β proton to a π bond"),
    "leaving_group_elimination": ("elimination", "a leaving group departs while a π bond forms"),
    "radical_elimination": ("elimination", "a radical loses a small fragment to a π bond"),
    "reductive_elimination": ("elimination", "the reverse of oxidative_addition"),
    "nucleophilic_substitution": ("substitution", "a nucleophile replaces a leaving group"),
    "electrophilic_substitution": (
        "substitution",
        "an electrophile replaces a hydrogen of an arene",
    ),
    "radical_substitution": ("substitution", "a radical replaces a group of a σ bond"),
    "1,2-shift": ("rearrangement", "an alkyl group or a hydride moves to the neighbouring atom"),
    "radical_rearrangement": ("rearrangement", "a radical moves to another place"),
    "migratory insertion": ("rearrangement", "a ligand moves into a bond of the metal to another"),
    "acid_base_proton_transfer": ("proton_transfer", "a proton moves, in tautomerization too"),
    "single_electron_transfer": ("electron_transfer", "one electron moves from donor to acceptor"),
    "radical_initiation": ("radical", "radicals form, for example by light or heat"),
    "radical_propagation": ("radical", "a radical makes the next one"),
    "radical_termination": ("radical", "two radicals combine and the chain ends"),
    "radical_coupling": ("radical", "two radicals form a bond"),
    "cycloaddition": ("pericyclic", "two π systems form a ring"),
    "cycloreversion": ("pericyclic", "the reverse of cycloaddition"),
    "electrocyclization": ("pericyclic", "a conjugated π system closes to a ring, or opens"),
    "sigmatropic_rearrangement": ("pericyclic", "a σ bond moves along a π system"),
    "group_transfer": ("pericyclic", "a group moves in one concerted cyclic step"),
    "ene_reaction": ("pericyclic", "an allylic hydrogen moves and a σ bond forms"),
    "cheletropic_reaction": ("pericyclic", "two bonds form to one atom"),
    "heterolytic_cleavage": ("cleavage", "SN1 and E1 only; a bond breaks into ions"),
    "homolytic_cleavage": ("cleavage", "a bond breaks into two radicals"),
    "coordination": ("coordination", "a lone pair binds to an empty orbital, as of a metal"),
    "dissociation": ("dissociation", "a ligand leaves a metal"),
}
"""The 31 names that a step can have; each with the type it belongs to, and what it means."""

_TASK = """\
You are an expert in organic reaction mechanisms. Write the mechanism of the reaction below, one \
elementary step after the other.

Give each step as an object with four keys:
- "step": its number, from 1
- "type" and "subtype": exactly as in the list of subtypes below
- "intermediate_smiles": the main species after the step, as one SMILES string that RDKit can parse

Subtypes, each with its type in brackets:
{subtypes}

Answer with one JSON list of the steps between [ANSWER] and [/ANSWER], and nothing else.

Example input:
{{"reactants_smiles": ["CCCO", "CBr"], "products_smiles": ["CCCOC"], "conditions": "NaH, THF"}}

Example output:
{example}

Input:
{reaction}

Output:"""

# The published prompt shows the answer to Gold's NR-001 here.
_EXAMPLE = (
    ("acid_base_proton_transfer", "CCC[O-]"),
    ("nucleophilic_substitution", "CCCOC"),
)


def question(reactants: Sequence[str], products: Sequence[str], conditions: str) -> str:
    """Return the request for a reaction's mechanism."""
    return _TASK.format(
        subtypes="\n".join(
            f"- {subtype} ({kind}): {meaning}" for subtype, (kind, meaning) in SUBTYPES.items()
        ),
        example=as_answer(_EXAMPLE),
        reaction=json.dumps(
            {
                "reactants_smiles": list(reactants),
                "products_smiles": list(products),
                "conditions": conditions,
            },
            ensure_ascii=False,
        ),
    )


def as_answer(steps: Iterable[tuple[str, str]]) -> str:
    """Return steps, a subtype of the vocabulary and an intermediate each, as the prompt asks."""
    mechanism = [
        {
            "step": number,
            "type": SUBTYPES[subtype][0],
            "subtype": subtype,
            "intermediate_smiles": smiles,
        }
        for number, (subtype, smiles) in enumerate(steps, start=1)
    ]
    return f"[ANSWER]{json.dumps(mechanism)}[/ANSWER]"
