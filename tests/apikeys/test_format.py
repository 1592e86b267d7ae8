"""The format of a secret: generator, parser, checksum, and the pattern for secret scanners."""

import io
import random
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from apikeys import keys

BASE62 = st.text(alphabet=keys.ALPHABET, min_size=32, max_size=32)
MODES = st.sampled_from(keys.MODES)


@given(mode=MODES, random_part=BASE62)
def test_generated_secrets_are_parsed(mode: Any, random_part: Any) -> None:
    body = f"pm_{mode}_{random_part}"
    secret = keys.parse(body + keys.checksum(body))
    assert (secret.mode, secret.locator) == (mode, random_part[:8])
    assert secret.display == f"pm_{mode}_{random_part[:8]}…{secret.text[-4:]}"
    assert re.fullmatch(keys.SCANNER_PATTERN, secret.text)


@given(
    mode=MODES, random_part=BASE62, position=st.integers(3, 45), replacement=st.sampled_from(keys.ALPHABET)
)
def test_one_wrong_character_is_always_detected(
    mode: Any, random_part: Any, position: Any, replacement: Any
) -> None:
    body = f"pm_{mode}_{random_part}"
    text = body + keys.checksum(body)
    changed = text[:position] + replacement + text[position + 1 :]
    if changed == text:
        return
    with pytest.raises(keys.MalformedSecret):
        keys.parse(changed)


@given(mode=MODES, random_part=BASE62, position=st.integers(8, 44))
def test_two_swapped_neighbours_are_always_detected(mode: Any, random_part: Any, position: Any) -> None:
    body = f"pm_{mode}_{random_part}"
    text = body + keys.checksum(body)
    swapped = text[:position] + text[position + 1] + text[position] + text[position + 2 :]
    if swapped == text:
        return
    with pytest.raises(keys.MalformedSecret):
        keys.parse(swapped)


@given(st.text(max_size=80))
def test_arbitrary_text_is_refused_without_a_server_error(text: Any) -> None:
    with pytest.raises(keys.MalformedSecret) as refused:
        keys.parse(text)
    if len(text) > 8:
        assert text not in str(refused.value)


def test_secrets_do_not_repeat_and_use_the_whole_alphabet() -> None:
    made = [keys.generate("live").text for _ in range(2000)]
    assert len(set(made)) == 2000
    assert set("".join(text[8:40] for text in made)) == set(keys.ALPHABET)
    assert {len(text) for text in made} == {46}


def test_secret_comes_from_the_operating_systems_csprng(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(keys.secrets, "choice", lambda alphabet: drawn.append(alphabet) or "A")
    assert keys.generate("test").text.startswith("pm_test_" + "A" * 32)
    assert drawn == [keys.ALPHABET] * 32


def test_the_scanner_pattern_finds_every_secret_and_none_of_ten_thousand_near_misses() -> None:
    chance = random.Random(20261121)
    pattern = re.compile(keys.SCANNER_PATTERN)
    misses = 0
    while misses < 10_000:
        secret = keys.generate(chance.choice(keys.MODES)).text
        for text in (f'SECRET="{secret}"', f"{secret}\n", f"key: {secret};", f"https://x/?k={secret}&y=1"):
            assert pattern.findall(text) == [secret]
        for near in (
            secret[:-1],
            secret + chance.choice(keys.ALPHABET),
            secret.replace("pm_", "pn_", 1),
            secret.replace("_live_", "_prod_", 1).replace("_test_", "_prod_", 1),
            secret[:20] + "-" + secret[21:],
            "x" + secret,
            secret.upper(),
            secret.replace("_", "-"),
            secret[: chance.randrange(9, 45)],
            secret[:8] + secret[8:].replace(secret[10], "_"),
        ):
            misses += 1
            assert not pattern.search(near), near


def test_checksum_distinguishes_secrets_from_look_alikes() -> None:
    chance = random.Random(7)
    passed = 0
    for _ in range(10_000):
        text = "pm_live_" + "".join(chance.choice(keys.ALPHABET) for _ in range(38))
        try:
            keys.parse(text)
        except keys.MalformedSecret:
            continue
        passed += 1
    assert passed == 0


def test_check_secret_works_offline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = keys.generate("live")
    monkeypatch.setattr("sys.stdin", io.StringIO(secret.text + "\n"))
    call_command("check_secret")
    output = capsys.readouterr().out
    assert secret.display in output
    assert secret.text not in output
    for wrong in (secret.text[:-1] + "!", secret.text[:-2], "", "hello"):
        monkeypatch.setattr("sys.stdin", io.StringIO(wrong + "\n"))
        with pytest.raises(CommandError):
            call_command("check_secret")


def test_repr_of_a_parsed_secret_does_not_contain_it() -> None:
    secret = keys.generate("live")
    assert secret.text not in f"{secret!r} {secret}"
