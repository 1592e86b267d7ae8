"""Generates samples in Python with the requests library."""

import json

from core.ui.samples.layout import Group, Literals, Node, lay_out
from core.ui.samples.requests import Step, parts_of

STEP = "    "
_LITERALS = Literals(key=json.dumps, words=("True", "False", "None"))


def write(steps: tuple[Step, ...]) -> str:
    """Return a program that makes the requests."""
    base = steps[0].base
    address = 'os.environ["POMELO_URL"]' if base is None else json.dumps(base)
    calls = "\n".join(_statement(step) for step in steps)
    standard = ["import os"]
    standard += ["import time"] if "time." in calls else []
    standard += ["from pathlib import Path"] if "Path(" in calls else []
    return (
        "\n".join(standard) + "\n\n"
        "import requests\n\n"
        "pomelo = requests.Session()\n"
        'pomelo.headers["Authorization"] = f"Bearer {os.environ[\'POMELO_SECRET\']}"\n\n\n'
        "def call(method, path, **options):\n"
        "    answer = pomelo.request(\n"
        f"        method, {address} + path, timeout=30, **options\n"
        "    )\n"
        "    if not answer.ok:\n"
        "        raise SystemExit(answer.text)\n"
        "    return answer\n\n\n"
        f"{calls}\n"
    )


def _statement(step: Step) -> str:
    found = ".json()" + "".join(f"[{json.dumps(field)}]" for field in step.found)
    if step.until:
        begun = lay_out(_call(step, "while ", f'{found} != "{step.until}":'), STEP)
        return f"{begun}\n{STEP}time.sleep(1)"
    if step.file:
        return lay_out(_call(step, f'Path("{step.file}").write_bytes(', ".content)"), STEP)
    if step.name:
        return lay_out(_call(step, f"{step.name} = ", found), STEP)
    return lay_out(_call(step, "print(", ".json())"), STEP)


def _call(step: Step, before: str, after: str) -> Group:
    parts = parts_of(step.path)
    path = "".join(plain + (f"{{{name}}}" if name else "") for plain, name in parts)
    items: list[Node] = [f'"{step.method}"', ("f" if path != step.path else "") + f'"{path}"']
    if step.body is not None:
        items.append(_LITERALS.node(json.loads(step.body), "json="))
    if step.headers:
        items.append(_LITERALS.node(step.headers, "headers="))
    return Group(f"{before}call(", tuple(items), f"){after}")
