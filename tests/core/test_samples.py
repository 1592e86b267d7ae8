"""Request samples: parsing curl scripts, and rendering them in other languages. The pages' own samples are run elsewhere."""

import json
from typing import Any

import pytest

from core.ui.samples import in_every_language, shell
from core.ui.samples.requests import Step

AUTH = 'auth=(-H "Authorization: Bearer $POMELO_SECRET" -H "Content-Type: application/json")\n'
CHAIN = (
    AUTH
    + """
customer=$(curl "$POMELO_URL/v1/customers?limit=1" "${auth[@]}" | jq -r '.data[0].id')

curl -X PATCH "$POMELO_URL/v1/customers/$customer" "${auth[@]}" -H "Idempotency-Key: a-1" -d '{
  "name": "Zoë \\"Z\\" 100%", "phone": null, "flags": [true, false], "metadata": {}, "parent": "'"$customer"'"}'

until [ "$(curl "$POMELO_URL/v1/customers/$customer" "${auth[@]}" | jq -r .status)" = done ]; do sleep 1; done

curl "$POMELO_URL/v1/customers/$customer/export" "${auth[@]}" -o export.csv
"""
)


def test_curl_script_is_parsed() -> None:
    body = (
        '{\n  "name": "Zoë \\"Z\\" 100%", "phone": null, "flags": [true, false], "metadata": {},'
        ' "parent": "$customer"}'
    )
    one = "/v1/customers/$customer"
    assert shell.read(CHAIN) == (
        Step("GET", None, "/v1/customers?limit=1", found=("data", 0, "id"), name="customer"),
        Step("PATCH", None, one, headers={"Idempotency-Key": "a-1"}, body=body),
        Step("GET", None, one, found=("status",), until="done"),
        Step("GET", None, f"{one}/export", file="export.csv"),
    )


@pytest.mark.parametrize(
    "script",
    [
        "",
        "\n",
        "export POMELO_URL=https://pomelo.example.com",
        "pip install ./cli",
        'curl "$POMELO_URL/healthz"',
        'curl --retry 4 "$POMELO_URL/v1/whoami"',
        'curl "$POMELO_URL/v1/whoami" "${nowhere[@]}"',
        'curl "$POMELO_URL/v1/messages" -H "Idempotency-Key: $(date +%s)" -d "{}"',
        'curl "$POMELO_URL/v1/whoami" | tee answer.json',
        'curl "$POMELO_URL/v1/whoami',
        'curl "$POMELO_URL/v1/messages" -d \'{"text": "$unknown"}\'',
        "curl \"$POMELO_URL/v1/messages\" -d 'name=Ada'",
        'x=$(curl "$POMELO_URL/v1/whoami" -H "a | jq -r .id)',
        "curl",
        "curl -H",
    ],
)
def test_other_scripts_are_left_alone(script: Any) -> None:
    assert in_every_language(script) == []


def test_samples_are_equivalent_in_each_language() -> None:
    code = {language: text for _, language, text in in_every_language(CHAIN)}
    assert list(code) == ["sh", "python", "js", "go"]
    assert code["sh"] == CHAIN
    for line in (
        'customer = call("GET", "/v1/customers?limit=1").json()["data"][0]["id"]',
        '        "phone": None,\n        "flags": [True, False],\n        "metadata": {},\n        "parent": customer,',
        'while call("GET", f"/v1/customers/{customer}").json()["status"] != "done":\n    time.sleep(1)',
    ):
        assert line in code["python"]
    for line in (
        'const customer = (await call("GET", "/v1/customers?limit=1")).data[0].id;',
        "    phone: null,\n    flags: [true, false],\n    metadata: {},\n    parent: customer,",
        'headers: { "Idempotency-Key": "a-1" },',
    ):
        assert line in code["js"]
    for line in (
        "var customer struct{ Data []struct{ ID string } }",
        '100%%", "phone": null, "flags": [true, false], "metadata": {}, "parent": "%s"}`, customer.Data[0].ID)',
        'call("GET", "/v1/customers/"+customer.Data[0].ID+"/export", nil, "")',
    ):
        assert line in code["go"]
    compile(code["python"], "sample.py", "exec")


def test_plain_get_is_rendered() -> None:
    script = 'curl https://api.example.com/v1/whoami \\\n  -H "Authorization: Bearer $POMELO_SECRET"'
    for _, language, code in in_every_language(script)[1:]:
        assert '"https://api.example.com"' in code, language
        assert "POMELO_URL" not in code


def test_strings_are_escaped_in_every_language() -> None:
    text = 'quotes " and \\ and `ticks` and ${braces} and $5'
    body = json.dumps({"text": text})
    made = {
        language: code
        for _, language, code in in_every_language(f"curl \"$POMELO_URL/v1/messages\" -d '{body}'")
    }
    assert json.dumps(text) in made["python"]
    assert json.dumps(text) in made["js"]
    assert json.dumps(body) in made["go"]
