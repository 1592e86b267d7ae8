"""Generates samples in Go, using only its standard library."""

import json
from functools import reduce

from core.ui.samples.requests import Step, parts_of

# Candidate imports in gofmt's order. Those that the program uses are imported.
_PACKAGES = ("encoding/json", "fmt", "io", "log", "net/http", "os", "strings", "time")
_DECODE = """
func decode(body []byte, into any) {
	if err := json.Unmarshal(body, into); err != nil {
		log.Fatal(err)
	}
}
"""


def write(steps: tuple[Step, ...]) -> str:
    """Return a program that makes the requests."""
    base = steps[0].base
    address = 'os.Getenv("POMELO_URL")' if base is None else json.dumps(base)
    fields = {step.name: _access(step) for step in steps if step.name}
    lines = "\n".join(_statement(step, fields) for step in steps)
    code = (
        "func call(method, path string, headers map[string]string, body string) []byte {\n"
        f"\trequest, err := http.NewRequest(method, {address}+path, strings.NewReader(body))\n"
        "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}\n"
        '\trequest.Header.Set("Authorization", "Bearer "+os.Getenv("POMELO_SECRET"))\n'
        '\trequest.Header.Set("Content-Type", "application/json")\n'
        "\tfor name, value := range headers {\n\t\trequest.Header.Set(name, value)\n\t}\n"
        "\tclient := http.Client{Timeout: 30 * time.Second}\n"
        "\tanswer, err := client.Do(request)\n"
        "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}\n"
        "\tdefer answer.Body.Close()\n"
        "\tread, err := io.ReadAll(answer.Body)\n"
        "\tif err != nil || answer.StatusCode >= 300 {\n"
        "\t\tlog.Fatal(answer.Status, string(read), err)\n\t}\n"
        "\treturn read\n"
        "}\n" + (_DECODE if "decode(" in lines else "") + f"\nfunc main() {{\n{lines}\n}}\n"
    )
    used = [name for name in _PACKAGES if f"{name.rpartition('/')[2]}." in code]
    imports = "".join(f'\t"{name}"\n' for name in used)
    return f"package main\n\nimport (\n{imports})\n\n{code}"


def _statement(step: Step, fields: dict[str, str]) -> str:
    call = _call(step, fields)
    if step.until:
        shape, seen = _shape(step.found), "seen" + _fields(step.found)
        return (
            f"\tvar seen {shape}\n"
            f'\tfor {seen} != "{step.until}" {{\n\t\ttime.Sleep(time.Second)\n\t\tdecode({call}, &seen)\n\t}}'
        )
    if step.file:
        return (
            f'\tif err := os.WriteFile("{step.file}", {call}, 0o600); err != nil {{\n\t\tlog.Fatal(err)\n\t}}'
        )
    if step.name:
        return f"\tvar {step.name} {_shape(step.found)}\n\tdecode({call}, &{step.name})"
    return f"\tfmt.Println(string({call}))"


def _call(step: Step, fields: dict[str, str]) -> str:
    headers = "nil"
    if step.headers:
        pairs = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in step.headers.items())
        headers = f"map[string]string{{{pairs}}}"
    return f'call("{step.method}", {_path(step.path, fields)}, {headers}, {_body(step.body, fields)})'


def _path(path: str, fields: dict[str, str]) -> str:
    pieces = [
        piece
        for plain, name in parts_of(path)
        for piece in (plain and f'"{plain}"', name and fields[name])
        if piece
    ]
    return "+".join(pieces)


def _body(body: str | None, fields: dict[str, str]) -> str:
    """Return the body as in the curl command, with earlier responses inserted by Sprintf."""
    parts = parts_of(body or "")
    names = [name for _, name in parts if name]
    if not names:
        return _text(body) if body else '""'
    text = "".join(plain.replace("%", "%%") + ("%s" if name else "") for plain, name in parts)
    return f"fmt.Sprintf({_text(text)}, {', '.join(fields[name] for name in names)})"


def _text(text: str) -> str:
    return json.dumps(text) if "`" in text else f"`{text}`"


def _access(step: Step) -> str:
    return step.name + _fields(step.found)


def _fields(found: tuple[str | int, ...]) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{_exported(each)}" for each in found)


def _shape(found: tuple[str | int, ...]) -> str:
    """Return a type with only the fields that are used: for `data`, 0, `id`, a struct with a slice of structs."""
    return reduce(
        lambda inner, each: (
            f"[]{inner}" if isinstance(each, int) else f"struct{{ {_exported(each)} {inner} }}"
        ),
        reversed(found),
        "string",
    )


def _exported(name: str) -> str:
    return "ID" if name == "id" else name.capitalize()
