"""The examples in docs/webhooks.md verify a real delivery, and refuse a modified or old one.

Each runs as printed, after a few lines that pass it the delivery, if its language is installed.
"""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.factories import World, make_customer
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import drain, make_endpoint
from webhooks import signing

PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"
# A true delivery, one in the middle of a rotation, an edited one, one that is ten minutes old, another's, and one with no headers.
EXPECTED = [204, 204, 400, 400, 400, 400]
# Each reads {secret, deliveries: [{body, headers}]}, the bodies in base 64, and prints the answers in JSON as its last line.
JAVASCRIPT = """
const given = JSON.parse(require("fs").readFileSync("given.json"));
const raw = (each) => Buffer.from(each.body, "base64").toString();
const answers = given.deliveries.map((each) => handle(raw(each), each.headers, given.secret));
console.log(JSON.stringify(answers));
"""
PHP = """
$given = json_decode(file_get_contents('given.json'), true);
$answers = [];
foreach ($given['deliveries'] as $each) {
    $answers[] = handle(base64_decode($each['body']), $each['headers'], $given['secret']);
}
echo json_encode($answers);
"""
RUBY = """
given = JSON.parse(File.read("given.json"))
answers = given["deliveries"].map { |each| handle(each["body"].unpack1("m"), each["headers"], given["secret"]) }
puts JSON.generate(answers)
"""
GO = """package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"

	"sample/hooks"
)

func main() {
	var given struct {
		Secret     string
		Deliveries []struct {
			Body    []byte
			Headers map[string]string
		}
	}
	read, _ := os.ReadFile("given.json")
	if err := json.Unmarshal(read, &given); err != nil {
		panic(err)
	}
	answers := []int{}
	for _, each := range given.Deliveries {
		request := httptest.NewRequest("POST", "/webhooks", bytes.NewReader(each.Body))
		for name, value := range each.Headers {
			request.Header.Set(name, value)
		}
		answer := httptest.NewRecorder()
		hooks.Handle(given.Secret)(answer, request)
		answers = append(answers, answer.Code)
	}
	said, _ := json.Marshal(answers)
	fmt.Println(string(said))
}
"""
# Java has no JSON of its own: its driver reads lines of words, the secret first, then each body with its headers.
JAVA = """
class Driver {
    public static void main(String[] arguments) throws Exception {
        var lines = java.nio.file.Files.readAllLines(java.nio.file.Path.of("given.txt"));
        var answers = new java.util.ArrayList<Integer>();
        for (String line : lines.subList(1, lines.size())) {
            var words = line.split("\\t");
            var headers = new java.util.HashMap<String, String>();
            for (int at = 1; at + 1 < words.length; at += 2) {
                headers.put(words[at], words[at + 1]);
            }
            answers.add(Receiver.handle(Base64.getDecoder().decode(words[0]), headers::get, lines.get(0)));
        }
        System.out.println(answers);
    }
}
"""


def example(language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]


@pytest.fixture
def deliveries(world: World, receiver: Receiver) -> Any:
    """The endpoint's secret and (body, headers) of each delivery that EXPECTED has an answer for."""
    _, secret = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant(), name="Zoë 🍊")
    drain()
    [got] = receiver.received
    now, body, headers = int(time.time()), got.body, got.headers
    identity = headers["webhook-id"]
    return secret, [
        (body, headers),
        (body, signing.headers([signing.new_secret(), secret], identity, now, body)),
        (body + b" ", headers),
        (body, signing.headers([secret], identity, now - 600, body)),
        (body, signing.headers([signing.new_secret()], identity, now, body)),
        (body, {}),
    ]


def test_documented_python_example_verifies(deliveries: Any) -> None:
    secret, sent = deliveries
    scope: dict = {"print": lambda *_: None}
    exec(compile(example("python"), str(PAGE), "exec"), scope)

    assert [scope["handle"](body, headers, secret) for body, headers in sent] == EXPECTED


@pytest.fixture
def node_folder(tmp_path: Path) -> Path:
    """A folder into which npm installed the library; the test is skipped, saying why, where that is impossible."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed: the Node example of docs/webhooks.md was not run")
    command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
    try:
        subprocess.run(
            [*command, "standardwebhooks@1"], cwd=tmp_path, check=True, capture_output=True, timeout=120
        )
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"npm could not install standardwebhooks, so the Node example was not run: {error}")
    return tmp_path


def test_documented_node_example_verifies(deliveries: Any, node_folder: Path) -> None:
    (node_folder / "main.cjs").write_text(example("js") + JAVASCRIPT)
    assert answers_of("node main.cjs", node_folder, deliveries) == EXPECTED


def _go(folder: Path) -> None:
    (folder / "hooks").mkdir()
    (folder / "hooks" / "hooks.go").write_text(example("go"))
    (folder / "main.go").write_text(GO)
    (folder / "go.mod").write_text("module sample\n\ngo 1.19\n")


def _php(folder: Path) -> None:
    (folder / "main.php").write_text(example("php") + PHP)


def _ruby(folder: Path) -> None:
    (folder / "main.rb").write_text(example("ruby") + RUBY)


def _java(folder: Path) -> None:
    (folder / "Receiver.java").write_text(example("java") + JAVA)


# What writes the program, the programs that run it, and how.
LANGUAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "go": (_go, "go", "go vet ./... && go run ."),
    "php": (_php, "php", "php main.php"),
    "ruby": (_ruby, "ruby", "ruby -w main.rb"),
    "java": (_java, "javac", "javac -Xlint:all -Werror -d . Receiver.java && java -Xshare:auto -cp . Driver"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_documented_example_without_a_library_verifies(
    language: Any, deliveries: Any, tmp_path: Path
) -> None:
    write, program, command = LANGUAGES[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: the {language} example of docs/webhooks.md was not run")
    write(tmp_path)
    assert answers_of(command, tmp_path, deliveries) == EXPECTED


def answers_of(command: str, folder: Path, deliveries: Any) -> Any:
    """Hand the deliveries to a program and return what it answered to each."""
    secret, sent = deliveries
    bodies = [(base64.b64encode(body).decode(), headers) for body, headers in sent]
    given = {
        "secret": secret,
        "deliveries": [{"body": body, "headers": headers} for body, headers in bodies],
    }
    (folder / "given.json").write_text(json.dumps(given))
    lines = [
        "\t".join([body, *(word for pair in headers.items() for word in pair)]) for body, headers in bodies
    ]
    (folder / "given.txt").write_text("\n".join([secret, *lines]))
    ran = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_every_promised_language_has_an_example() -> None:
    for language in ("python", "js", *LANGUAGES):
        assert "secret" in example(language)
