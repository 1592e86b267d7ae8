"""Parses the shell scripts shown on pages: only the subset of shell syntax that their requests use.

Scripts that use anything else, such as `export` or `pip`, are not translated.
"""

import json
import re
import shlex
from collections.abc import Iterator

from core.ui.samples.requests import Step, parts_of

_ARRAY = re.compile(r"(\w+)=\((.*)\)", re.DOTALL)
_KEPT = re.compile(r"(\w+)=\$\(curl\s(.*?)\s*\|\s*jq -r '?([^\s']+)'?\)", re.DOTALL)
_UNTIL = re.compile(
    r'until \[ "\$\(curl\s(.*?)\s*\|\s*jq -r \'?([^\s\']+)\'?\)" = (\w+) \]; do sleep 1; done', re.DOTALL
)
_FIELD = re.compile(r"\.(\w+)|\[(\d+)\]")
_ADDRESS = re.compile(r"(.*?)(/v1/.*)")
# Headers that every generated program sends anyway, and options that only affect the shell's output.
_ALWAYS_SENT = {"authorization", "content-type"}
_FOR_THE_EYE = {"-i", "-s"}


class _OtherScriptError(Exception):
    """The script contains something other than requests."""


def read(script: str) -> tuple[Step, ...] | None:
    """Return the requests of a script, or None if it does anything else."""
    arrays: dict[str, list[str]] = {}
    steps: list[Step] = []
    try:
        for statement in _statements(script):
            if array := _ARRAY.fullmatch(statement):
                arrays[array[1]] = shlex.split(array[2])
            else:
                steps.append(_step(statement, arrays))
                _check(steps[-1], {step.name for step in steps[:-1]})
    except (_OtherScriptError, ValueError):  # ValueError: unbalanced quotes, or invalid JSON
        return None
    return tuple(steps) or None


def _check(step: Step, known: set[str]) -> None:
    """Raise if a step's body is not JSON, or if it uses a variable that no earlier step sets."""
    json.loads(step.body or "null")
    if {name for text in (step.path, step.body or "") for _, name in parts_of(text) if name} - known:
        raise _OtherScriptError


def _statements(script: str) -> Iterator[str]:
    """Yield the statements, joining lines until quotes are balanced and no trailing backslash is left."""
    held = ""
    for line in script.replace("\\\n", " ").splitlines():
        held += line + "\n"
        try:
            shlex.split(held)
        except ValueError:  # inside quotes
            continue
        if held.strip():
            yield held.strip()
        held = ""
    if held.strip():
        raise _OtherScriptError


def _step(statement: str, arrays: dict[str, list[str]]) -> Step:
    if kept := _KEPT.fullmatch(statement):
        return _request(kept[2], arrays, name=kept[1], found=_fields(kept[3]))
    if until := _UNTIL.fullmatch(statement):
        return _request(until[1], arrays, until=until[3], found=_fields(until[2]))
    if statement.startswith("curl "):
        return _request(statement.removeprefix("curl "), arrays)
    raise _OtherScriptError


def _request(
    words: str,
    arrays: dict[str, list[str]],
    *,
    name: str = "",
    until: str = "",
    found: tuple[str | int, ...] = (),
) -> Step:
    """Parse the arguments of `curl`."""
    method, address, file = "", "", ""
    body: str | None = None
    headers: dict[str, str] = {}
    rest = iter(_expanded(words, arrays))
    for word in rest:
        if word == "-X":
            method = next(rest, "")
        elif word == "-H":
            header, _, value = next(rest, "").partition(": ")
            headers |= {} if header.lower() in _ALWAYS_SENT else {header: value}
        elif word == "-d":
            body = next(rest, "")
        elif word == "-o":
            file = next(rest, "")
        elif word.startswith("-") and word not in _FOR_THE_EYE:
            raise _OtherScriptError
        elif not word.startswith("-"):
            address = word
    parts = _ADDRESS.fullmatch(address)
    if parts is None or "$(" in words:
        raise _OtherScriptError
    return Step(
        method=method or ("GET" if body is None else "POST"),
        base=None if parts[1] == "$POMELO_URL" else parts[1],
        path=parts[2],
        headers=headers,
        body=body,
        found=found,
        name=name,
        until=until,
        file=file,
    )


def _expanded(words: str, arrays: dict[str, list[str]]) -> list[str]:
    """Return the arguments with array expansions such as `"${auth[@]}"` replaced."""
    found: list[str] = []
    for word in shlex.split(words):
        array = re.fullmatch(r"\$\{(\w+)\[@\]\}", word)
        if array and array[1] not in arrays:
            raise _OtherScriptError
        found += arrays[array[1]] if array else [word]
    return found


def _fields(path: str) -> tuple[str | int, ...]:
    """Parse a jq path: `.data[0].id` is data, 0, id."""
    return tuple(word or int(place) for word, place in _FIELD.findall(path))
