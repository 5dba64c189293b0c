"""Installing from a wheel, a checkout or an index, and every reason to refuse."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import InstallFailed, UsageError
from iapeer_memory.provision.runtime.install import Installed, install_running
from iapeer_memory.provision.runtime.source import Source, install_from, parse_source
from tests.provision.runtime.conftest import Bench
from tests.provision.runtime.test_install import run
from tests.support.material import checkout, from_runtime, package_files, wheel

LOCK = "alpha==1.0\nbeta==2.0\n"
HEX = "ab" * 32


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("dist/x.whl", Source("wheel", "/here/dist/x.whl")),
        (f"/a/x.whl#sha256={HEX}", Source("wheel", "/a/x.whl", HEX)),
        ("..", Source("checkout", "/")),
        ("index:https://host/simple", Source("index", "https://host/simple")),
        (f"index:https://host/s==1.2#sha256={HEX.upper()}", Source("index", "https://host/s", HEX, "1.2")),
        ("index:http://127.0.0.1:80/simple", Source("index", "http://127.0.0.1:80/simple")),
    ],
)
def test_sources(text: str, source: Source) -> None:
    assert parse_source(text, cwd="/here") == source


@pytest.mark.parametrize(
    "text",
    [
        "x.whl#sha256=12",
        "x.whl#md5=00",
        "https://host/x.whl",
        "index:http://host/simple",
        "index:ftp://host/simple",
        "index:https://user:secret@host/simple",
        f"folder#sha256={HEX}",
    ],
)
def test_sources_that_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_source(text, cwd="/here")


def hashed(path: Path) -> str:
    return f"{path}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


def install(bench: Bench, source: str) -> Installed:
    """As the installed 1.0 would."""
    material = bench.program()
    first = install_running(bench.door, bench.paths, material)
    own = from_runtime(bench.door, material, first.runtime)
    return install_from(bench.door, bench.paths, source, program=own)


def test_a_wheel_with_its_hash(bench: Bench) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "1.1", package_files("1.1", LOCK))
    made = install(bench, hashed(path))
    assert (made.action, made.version) == ("installed", "1.1")
    assert run(bench.paths.current_runtime).startswith("1.1 ")
    assert made.previous is not None and made.previous.startswith("1.0-")
    assert not [name for name in os.listdir(bench.paths.cache_dir) if name.startswith(".install-")] \
        if Path(bench.paths.cache_dir).exists() else True  # fmt: skip


def test_a_wheel_with_a_file_beside_it(bench: Bench) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "1.1", package_files("1.1", LOCK))
    Path(f"{path}.sha256").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    assert install(bench, str(path)).version == "1.1"


def test_a_wheel_and_a_checkout_of_the_same_content_are_the_same_runtime(bench: Bench) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "1.1", package_files("1.1", LOCK))
    made = install(bench, hashed(path))
    where = checkout(bench.root / "new", "1.1", LOCK)
    again = install_from(bench.door, bench.paths, str(where), program=bench.program())
    assert (again.action, again.build) == ("identical", made.build)


def refused(bench: Bench, source: str) -> InstallFailed:
    """The refusal; the installed version is as before."""
    with pytest.raises(InstallFailed) as caught:
        install(bench, source)
    assert (bench.shelf.current() or "").startswith("1.0-")
    assert len(bench.shelf.names()) == 1
    return caught.value


def test_a_wheel_without_a_hash(bench: Bench) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "1.1", package_files("1.1", LOCK))
    error = refused(bench, str(path))
    assert "no hash" in error.reason and "sha256sum" in str(error.remedy)


def test_a_wheel_with_another_hash(bench: Bench) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "1.1", package_files("1.1", LOCK))
    assert HEX in refused(bench, f"{path}#sha256={HEX}").reason


def test_a_missing_wheel_and_a_missing_folder(bench: Bench) -> None:
    assert "does not exist" in refused(bench, f"/nowhere/x.whl#sha256={HEX}").reason
    assert "not a folder" in refused(bench, "/nowhere").reason


def test_an_older_version(bench: Bench) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "0.9", package_files("0.9", LOCK))
    error = refused(bench, hashed(path))
    assert "older" in error.reason and error.remedy == "iapeer-memory update --rollback"


def test_a_folder_of_something_else(bench: Bench) -> None:
    (bench.root / "other").mkdir()
    (bench.root / "other" / "requirements.lock").write_text("")
    assert "does not hold iapeer-memory" in refused(bench, str(bench.root / "other")).reason


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("../evil.py", "not part of iapeer-memory"),
        ("/abs.py", "not part of iapeer-memory"),
        ("os.py", "not part of iapeer-memory"),
        ("iapeer_memory/../../x.py", "not part of iapeer-memory"),
        ("iapeer_memory/unrecorded.py", "not what its record says"),
    ],
)
def test_a_wheel_with_a_file_that_is_not_ours(bench: Bench, member: str, words: str) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "1.1", package_files("1.1", LOCK))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "import os\n")
    assert words in refused(bench, hashed(path)).reason


def test_a_wheel_that_is_no_archive(bench: Bench) -> None:
    path = bench.root / "iapeer_memory-1.1-py3-none-any.whl"
    path.write_bytes(b"PK\x03\x04 not an archive")
    assert "cannot be opened" in refused(bench, hashed(path)).reason


def test_a_wheel_that_says_another_version_inside(bench: Bench) -> None:
    path = wheel(bench.root / "dist", "iapeer_memory", "1.1", package_files("1.2", LOCK))
    assert "holds version 1.2" in refused(bench, hashed(path)).reason


def test_a_checkout_that_needs_more_than_there_is(bench: Bench) -> None:
    where = checkout(bench.root / "new", "1.1", LOCK + "gamma==3.0\n")
    error = refused(bench, str(where))
    assert "gamma 3.0" in error.reason and error.remedy == "./install.sh in that checkout"


def with_gamma(bench: Bench) -> tuple[Path, Path, str]:
    """(our wheel, gamma's wheel, lock) of a version that needs one more distribution."""
    dist = bench.root / "dist"
    gamma = wheel(dist, "gamma", "3.0", {"gamma/__init__.py": b"VERSION = '3.0'\n"})
    others = [
        wheel(dist, "alpha", "1.0", {"alpha/__init__.py": b"VERSION = '1.0'\n"}),
        wheel(dist, "beta", "2.0", {"beta/__init__.py": b"VERSION = '2.0'\n"}),
        gamma,
    ]
    lines = []
    for path in others:
        name, version = path.name.split("-")[:2]
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
    lock = "".join(lines)
    ours = wheel(dist, "iapeer_memory", "1.1", package_files("1.1", lock, uses="import gamma\nprint(gamma.VERSION)\n"))
    return ours, gamma, lock


def test_new_dependencies_from_wheels_beside_the_wheel(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _, _ = with_gamma(bench)
    for name in ("PIP_INDEX_URL", "PIP_TARGET", "PIP_NO_INDEX", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH"):
        monkeypatch.setenv(name, "/hostile")
    made = install(bench, hashed(ours))
    site = next(Path(made.runtime).glob("lib/python*/site-packages"))
    assert (site / "gamma" / "__init__.py").exists() and not (site / "pip").exists()
    assert os.listdir(bench.paths.cache_dir) == []


def test_a_dependency_with_another_hash_is_refused(bench: Bench) -> None:
    ours, gamma, _ = with_gamma(bench)
    wheel(gamma.parent, "gamma", "3.0", {"gamma/__init__.py": b"import os\n"})
    error = refused(bench, hashed(ours))
    assert "cannot be had" in error.reason
    assert os.listdir(bench.paths.cache_dir) == []


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def index(folder: Path) -> Iterator[str]:
    """A package index on loopback with every wheel of a folder."""
    simple = folder.parent / "served" / "simple"
    for path in folder.glob("*.whl"):
        page = simple / path.name.split("-")[0].replace("_", "-")
        page.mkdir(parents=True, exist_ok=True)
        (page / path.name).write_bytes(path.read_bytes())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with (page / "index.html").open("a") as out:
            out.write(f'<a href="{path.name}#sha256={digest}">{path.name}</a>\n')
    handler = partial(Quiet, directory=str(simple.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        finally:
            server.shutdown()


def test_from_an_index(bench: Bench) -> None:
    ours, _, _ = with_gamma(bench)
    with index(ours.parent) as url:
        made = install(bench, f"index:{url}==1.1#sha256={hashlib.sha256(ours.read_bytes()).hexdigest()}")
    assert made.version == "1.1"
    assert next(Path(made.runtime).glob("lib/python*/site-packages/gamma/__init__.py")).exists()


def test_from_an_index_without_that_version(bench: Bench) -> None:
    ours, _, _ = with_gamma(bench)
    with index(ours.parent) as url:
        assert "iapeer-memory==7.0 cannot be had" in refused(bench, f"index:{url}==7.0").reason
