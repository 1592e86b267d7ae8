"""The manifests in deploy/ match the program and each other."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engines import ROOT

DEPLOY = ROOT / "deploy"
# manage.py as it is, but with files compressed as quickly as can be: at the size that an image is worth it takes 45 s.
QUICK_MANAGE = """
import functools, runpy, sys
import brotli
brotli.compress = functools.partial(brotli.compress, quality=0)
sys.argv[0] = "manage.py"
runpy.run_path("manage.py", run_name="__main__")
"""
NEEDS_NO_LINE = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "DJANGO_SETTINGS_MODULE"}


def documents() -> dict[tuple[str, str], Any]:
    """Return every object of the Kubernetes manifests by kind and name."""
    found = {}
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            found[document["kind"], document["metadata"]["name"]] = document
    return found


def pods() -> dict[str, Any]:
    """Return the pod of each workload."""
    return {
        name: document["spec"]["template"]["spec"]
        for (kind, name), document in documents().items()
        if kind in ("Deployment", "Job")
    }


def test_no_pod_is_root_writes_its_image_or_follows_a_tag() -> None:
    assert set(pods()) == {"pomelo-web", "pomelo-worker", "pomelo-beat", "pomelo-migrate"}
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert "@sha256:" in container["image"], name
        assert "memory" in container["resources"]["limits"], name
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}, name


def test_manifests_can_be_applied_in_order() -> None:
    """The Job reads the ConfigMap, and the README applies config.yaml before it."""
    config = [d["kind"] for d in yaml.safe_load_all((DEPLOY / "kubernetes/config.yaml").read_text())]
    assert {"ConfigMap", "PersistentVolumeClaim", "NetworkPolicy"} <= set(config)
    applied = re.findall(
        r"kubectl -n pomelo apply -f deploy/kubernetes/(\w+)\.yaml", (DEPLOY / "README.md").read_text()
    )
    assert applied == ["config", "migrate", "pomelo"]
    assert {file.stem for file in (DEPLOY / "kubernetes").glob("*.yaml")} == set(applied)


def test_audit_heads_survive_a_pod() -> None:
    path = documents()["ConfigMap", "pomelo"]["data"]["AUDIT_HEADS_FILE"]
    [container] = pods()["pomelo-worker"]["containers"]
    claims = {v["name"] for v in pods()["pomelo-worker"]["volumes"] if "persistentVolumeClaim" in v}
    [folder] = [m["mountPath"] for m in container["volumeMounts"] if m["name"] in claims]
    assert str(Path(path).parent) == folder
    assert "{host}" in path


def test_termination_grace_period_exceeds_the_drain_time() -> None:
    drains = int(documents()["ConfigMap", "pomelo"]["data"]["DRAIN_SECONDS"])
    assert pods()["pomelo-web"]["terminationGracePeriodSeconds"] >= drains + 30
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    in_image = int(re.search(r"DRAIN_SECONDS=(\d+)", (DEPLOY / "Containerfile").read_text())[1])
    assert int(compose["services"]["web"]["stop_grace_period"].removesuffix("s")) >= in_image + 30


def test_worker_and_beat_are_watched_by_their_heartbeat() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name in ("worker", "beat"):
        file = compose[name]["environment"]["HEARTBEAT_FILE"]
        assert file in compose[name]["healthcheck"]["test"][1]
        [container] = pods()[f"pomelo-{name}"]["containers"]
        variables = {entry["name"]: entry["value"] for entry in container["env"]}
        assert variables["HEARTBEAT_FILE"] in container["livenessProbe"]["exec"]["command"][2]


def test_every_variable_of_the_manifests_is_in_the_readme() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    used = set(documents()["ConfigMap", "pomelo"]["data"])
    for service in ("migrate", "web", "worker", "beat"):
        used |= set(compose["services"][service].get("environment") or compose["x-app"]["environment"])
    for unit in (DEPLOY / "systemd").glob("*.service"):
        for line in re.findall(r"^Environment=(.*)$", unit.read_text(), re.MULTILINE):
            used |= {pair.partition("=")[0] for pair in line.split()}
    readme = (ROOT / "README.md").read_text()
    assert {name for name in used - NEEDS_NO_LINE if f"`{name}`" not in readme} == set()


@pytest.mark.parametrize(
    "path",
    [
        "deploy/pomelo.env",
        "deploy/settings.env",
        "deploy/tls/key.pem",
        ".env",
        ".data/secrets.env",
        # deploy/README.md has these made for Kubernetes and systemd, in the folder that the image is built from.
        "app.env",
        "owner.env",
    ],
)
def test_files_of_secrets_get_neither_into_the_image_nor_into_the_history(path: str) -> None:
    """The image copies the whole folder, and whoever pulls it would have them."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert any(
        fnmatch(parent, line)
        for parent in (path, *map(str, Path(path).parents))
        for line in ignored
        if parent != "."
    )
    assert subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False).returncode == 0


def test_the_image_collects_static_files_without_a_single_secret(tmp_path: Path) -> None:
    text = (DEPLOY / "Containerfile").read_text()
    [line] = [
        block for block in re.split(r"^(?=[A-Z]+ )", text, flags=re.MULTILINE) if "collectstatic" in block
    ]
    words = line.removeprefix("RUN ").replace("\\\n", " ").split()
    variables = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("--"))
    variables |= {"STATIC_ROOT": str(tmp_path / "static"), "DATA_DIR": str(tmp_path / "data")}
    collected = subprocess.run(
        [sys.executable, "-c", QUICK_MANAGE, "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert collected.returncode == 0, collected.stderr
    assert (tmp_path / "static" / "staticfiles.json").is_file()
    assert list((tmp_path / "static" / "pomelo").glob("pomelo.*.css.br"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_understands_its_units(tmp_path: Path) -> None:
    """With /bin/true for programs that are not in /opt here, which is all it would complain of."""
    for unit in (DEPLOY / "systemd").iterdir():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(re.sub(r"^User=.*$", "User=daemon", text, flags=re.MULTILINE))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in checked.stderr.splitlines() if "pomelo" in line]
    assert (checked.returncode, ours) == (0, []), checked.stderr


# --- Images by digest -----------------------------------------------------------------------------------------------

FAKE_DIGEST = "sha256:" + "ab" * 32
ASKED_FOR = ["library/python:3.13-slim", "library/postgres:18", "valkey/valkey:9"]


@pytest.fixture
def pinning(tmp_path: Path) -> Any:
    """A copy of deploy/ with an environment file and a registry that answers from a script; call it to run pin-images."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    env = tmp_path / "deploy" / "pomelo.env"
    env.write_text("SECRET_KEY=kept\nPOSTGRES_IMAGE=postgres:17\n")
    env.chmod(0o600)
    programs = tmp_path / "bin"
    programs.mkdir()

    def pin(*arguments: str, answer: str = f"echo {FAKE_DIGEST}") -> tuple[int, str, str]:
        skopeo = programs / "skopeo"
        skopeo.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n{answer}\n')
        skopeo.chmod(0o755)
        ran = subprocess.run(
            ["sh", tmp_path / "deploy" / "pin-images", *arguments],
            env={"PATH": f"{programs}:{os.defpath}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr, env.read_text()

    return pin


def test_images_are_pinned_to_the_registrys_digest(pinning: Any, tmp_path: Path) -> None:
    code, output, _ = pinning("--check")
    assert code == 1
    assert output.count("has no digest\n") == 3

    code, _, written = pinning()
    assert code == 0
    assert written == (
        f"SECRET_KEY=kept\nPYTHON_IMAGE=python:3.13-slim@{FAKE_DIGEST}\n"
        f"POSTGRES_IMAGE=postgres:18@{FAKE_DIGEST}\nVALKEY_IMAGE=valkey/valkey:9@{FAKE_DIGEST}\n"
    )
    asked = (tmp_path / "asked").read_text().split()
    assert [word for word in asked if word.startswith("docker://")] == [
        f"docker://docker.io/{name}" for name in ASKED_FOR
    ]
    assert (tmp_path / "deploy" / "pomelo.env").stat().st_mode & 0o777 == 0o600

    # What is left is Pomelo's own image, whose digest its registry makes.
    code, output, _ = pinning("--check")
    assert code == 1
    assert "has no digest\n" not in output
    for manifest in (tmp_path / "deploy" / "kubernetes").glob("*.yaml"):
        manifest.write_text(re.sub("sha256:0{64}", FAKE_DIGEST, manifest.read_text()))
    assert pinning("--check")[0] == 0


@pytest.mark.parametrize("answer", ["exit 1", "echo toomanyrequests"])
def test_registry_without_a_digest_changes_nothing(pinning: Any, answer: str) -> None:
    code, _, written = pinning(answer=answer)
    assert code == 1
    assert written == "SECRET_KEY=kept\nPOSTGRES_IMAGE=postgres:17\n"


def test_pinned_images_match_the_compose_file_and_the_image() -> None:
    """The tags that pin-images asks for are those that compose file and image fall back to."""
    named = (DEPLOY / "compose.yaml").read_text()
    for image in ASKED_FOR:
        assert f"_IMAGE:-{image.removeprefix('library/')}}}" in named
