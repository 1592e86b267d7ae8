"""Code blocks with a copy button, and tabs for samples in several languages.

Adjacent code blocks without text between them become the tabs of one sample. A curl request gets tabs with the equivalent
programs from `core.ui.samples`.
"""

from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from core.ui.samples import in_every_language

# Info strings of fences and the Pygments lexers for them. Other languages are not highlighted.
_LEXERS = {
    "sh": "bash", "bash": "bash", "console": "console", "python": "python", "py": "python", "js": "javascript",
    "ts": "typescript", "go": "go", "php": "php", "ruby": "ruby", "java": "java", "json": "json", "http": "http", "yaml": "yaml",
    "sql": "sql", "ini": "ini", "toml": "toml",
}  # fmt: skip
_TABS = {
    "sh": "curl",
    "python": "Python",
    "js": "Node",
    "go": "Go",
    "php": "PHP",
    "ruby": "Ruby",
    "java": "Java",
}
_WRITTEN = "written"


def merge_fences(tokens: list[Token]) -> list[Token]:
    """Return the tokens with adjacent fences in different languages merged into one."""
    merged: list[Token] = []
    for token in tokens:
        if token.type == "fence" and _language(token) in _TABS:
            before = merged[-1] if merged else None
            written = before.meta.get(_WRITTEN, {}) if before is not None and before.type == "fence" else {}
            if before is not None and written and _language(token) not in written:
                before.meta[_WRITTEN] = written | {_language(token): token.content}
                continue
            token.meta[_WRITTEN] = {_language(token): token.content}
        merged.append(token)
    return merged


def render_fence(self: Any, tokens: Sequence[Token], index: int, options: Any, env: dict[str, Any]) -> str:
    """Render code with a copy button, in each of its languages."""
    token = tokens[index]
    language = _language(token)
    samples = [(_TABS[each], each, code) for each, code in token.meta.get(_WRITTEN, {}).items()]
    if len(samples) < 2 and language == "sh":
        samples = in_every_language(token.content)
    if len(samples) < 2:
        return render_to_string("components/code.html", _block(token.content, language, env))
    blocks = [(name, _block(code, each, env)) for name, each, code in samples]
    shown = [(name, block["code"], block["id"], block["label"]) for name, block in blocks]
    first = f"sample {env['samples'] - len(samples) + 1}"
    context = {"id": first.replace(" ", "-") + "-in", "label": first, "samples": shown}
    return render_to_string("components/code_tabs.html", context)


def _language(token: Token) -> str:
    return token.info.strip().partition(" ")[0]


def _block(code: str, language: str, env: dict[str, Any]) -> dict[str, str]:
    """Return the template context of a code block. Blocks are numbered from the top of the page."""
    env["samples"] += 1
    return {
        "code": _highlighted(code, language),
        "id": f"sample-{env['samples']}",
        "label": f"sample {env['samples']}" + (f" ({language})" if language else ""),
    }


def _highlighted(code: str, language: str) -> str:
    """Return code with syntax highlighting. Its text is unchanged, so that it can be copied."""
    if language not in _LEXERS:
        return code
    lexer = get_lexer_by_name(_LEXERS[language], stripnl=False, ensurenl=False)
    return mark_safe(highlight(code, lexer, HtmlFormatter(nowrap=True, classprefix="hl-")))  # noqa: S308 - Pygments escapes
