"""Generates samples in JavaScript for Node 18 and later, which has `fetch`."""

import json
import re

from core.ui.samples.layout import Group, Literals, Node, lay_out
from core.ui.samples.requests import Step, parts_of

STEP = "  "
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*")
_LITERALS = Literals(
    key=lambda name: name if _PLAIN_KEY.fullmatch(name) else json.dumps(name), padding=" ", shorthand=True
)


def write(steps: tuple[Step, ...]) -> str:
    """Return a module that makes the requests."""
    base = steps[0].base
    address = "process.env.POMELO_URL" if base is None else json.dumps(base)
    calls = "\n".join(_statement(step) for step in steps)
    imports = 'import { writeFile } from "node:fs/promises";\n' if "writeFile(" in calls else ""
    imports += 'import { setTimeout as sleep } from "node:timers/promises";\n' if "sleep(" in calls else ""
    answer = "answer.json()"
    if "writeFile(" in calls:
        answer = 'answer.headers.get("Content-Type").includes("json") ? answer.json() : answer.body'
    return (
        imports + ("\n" if imports else "") + "async function call(method, path, { body, headers } = {}) {\n"
        f"  const answer = await fetch({address} + path, {{\n"
        "    method,\n"
        "    headers: {\n"
        "      Authorization: `Bearer ${process.env.POMELO_SECRET}`,\n"
        '      "Content-Type": "application/json",\n'
        "      ...headers,\n"
        "    },\n"
        "    body: body && JSON.stringify(body),\n"
        "  });\n"
        "  if (!answer.ok) throw new Error(await answer.text());\n"
        f"  return {answer};\n"
        "}\n\n"
        f"{calls}\n"
    )


def _statement(step: Step) -> str:
    found = "".join(f"[{field}]" if isinstance(field, int) else f".{field}" for field in step.found)
    if step.until:
        begun = lay_out(_call(step, "while ((", f'){found} !== "{step.until}") {{'), STEP)
        return f"{begun}\n{STEP}await sleep(1000);\n}}"
    if step.file:
        return lay_out(_call(step, f'await writeFile("{step.file}", ', ");"), STEP)
    if step.name:
        return lay_out(_call(step, f"const {step.name} = (", f"){found};"), STEP)
    return lay_out(_call(step, "console.log(", ");"), STEP)


def _call(step: Step, before: str, after: str) -> Group:
    parts = parts_of(step.path)
    path = "".join(plain + (f"${{{name}}}" if name else "") for plain, name in parts)
    quote = "`" if path != step.path else '"'
    options: list[Node] = []
    if step.body is not None:
        options.append(_LITERALS.node(json.loads(step.body), "body: "))
    if step.headers:
        options.append(_LITERALS.node(step.headers, "headers: "))
    items: list[Node] = [f'"{step.method}"', f"{quote}{path}{quote}"]
    if options:
        items.append(Group("{", tuple(options), "}", " "))
    return Group(f"{before}await call(", tuple(items), f"){after}", hugs=True)
