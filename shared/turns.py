"""Messages as data sets write them, to turns that follow one another as they must. Pure."""

from typing import Any, NamedTuple

from shared.errors import DataFailed

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}


class Turn(NamedTuple):
    """One message of a conversation."""

    role: str
    """``system``, ``user`` or ``assistant``."""

    content: str


def read_turns(messages: Any, where: str) -> list[Turn]:
    """Return messages as turns: perhaps one of the system, then user and assistant by turns.

    Args:
        messages: ``{role, content}`` as OpenAI has it, or ``{from, value}`` as ShareGPT.
        where: the row they stand in, for messages.

    Raises:
        DataFailed: no list of messages, a role that is not known or not due, or content that is not
            text.
    """
    if not isinstance(messages, list) or not messages:
        found = "an empty list" if messages == [] else type(messages).__name__
        raise DataFailed(
            f"{where}: wanted a list of messages, found {found}; correct the row or the mapping"
        )
    turns: list[Turn] = []
    for number, message in enumerate(messages, start=1):
        turn = _turn(message, f"{where} message {number}")
        _refuse_disorder(turns, turn, f"{where} message {number}")
        turns.append(turn)
    return turns


def last_answer(messages: list[Any], where: str) -> str:
    """Return what the assistant says last; what comes before it is not looked at.

    Raises:
        DataFailed: the last message is none of the assistant, or has no text.
    """
    turn = _turn(messages[-1] if messages else None, f"{where} last message")
    if turn.role != "assistant":
        raise DataFailed(
            f"{where}: wanted messages that end with one of the assistant, found one of the "
            f"{turn.role}; correct the row or remove it"
        )
    _refuse_silence(turn, f"{where} last message")
    return turn.content


def is_messages(value: Any) -> bool:
    """Say whether a value looks like messages: a list of objects with a role and a content."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(message, dict)
            and (message.keys() >= {"role", "content"} or message.keys() >= {"from", "value"})
            for message in value
        )
    )


def _turn(message: Any, where: str) -> Turn:
    if not is_messages([message]):
        found = (
            ", ".join(map(repr, message)) or "no fields"
            if isinstance(message, dict)
            else type(message).__name__
        )
        raise DataFailed(
            f"{where}: wanted role and content, or from and value, found {found}; correct the row"
        )
    is_openai = "role" in message and "content" in message
    role = message["role" if is_openai else "from"]
    if not isinstance(role, str) or role not in _ROLES:
        raise DataFailed(
            f"{where}: wanted one of the roles {', '.join(_ROLES)}, found {role!r}; remove the row"
        )
    return Turn(_ROLES[role], _text(message["content" if is_openai else "value"], where))


def _refuse_disorder(before: list[Turn], turn: Turn, where: str) -> None:
    last = before[-1].role if before else None
    if turn.role == "system" and last is None:
        return
    due = "assistant" if last == "user" else "user"
    if turn.role != due:
        raise DataFailed(
            f"{where}: wanted a message of the {due} {f'after {last}' if last else 'first'}, "
            f"found one of the {turn.role}; correct the row or remove it"
        )
    _refuse_silence(turn, where)


def _refuse_silence(turn: Turn, where: str) -> None:
    if turn.role == "assistant" and not turn.content.strip():
        raise DataFailed(
            f"{where}: wanted an answer of the assistant, found only white space; fill it in or "
            "remove the row"
        )


def _text(content: Any, where: str) -> str:
    """Return content as text; of OpenAI's parts of content, all of them joined."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content and all(isinstance(part, dict) for part in content):
        return "".join(_part(part, where) for part in content)
    found = "nothing" if content is None else type(content).__name__
    raise DataFailed(f"{where}: wanted text, found {found}; correct the row or remove it")


def _part(part: dict[str, Any], where: str) -> str:
    text = part.get("text")
    if part.get("type") == "text" and isinstance(text, str):
        return text
    raise DataFailed(
        f"{where}: wanted parts of text, found one of type {part.get('type')!r}, which cannot be "
        "learned; remove the row"
    )
