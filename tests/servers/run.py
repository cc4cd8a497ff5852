"""Starts the servers that tests work against: ``run.py start [name ...]``, ``stop [name ...]`` and ``list``.

Each file beside this one is a server: ``PACKAGES`` (of Debian), ``start(home)``, which gives the environment for
the tests, and ``stop(home)``. What is missing is installed when this runs as root. Data and logs are below
``.servers/``; ``.servers/env`` holds what the tests read.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
ROOT = HERE.parents[1] / ".servers"
sys.path.insert(0, str(HERE.parents[1]))


def main() -> None:
    """Do what the command says; ends with 1 when a server did not start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("start", "stop", "list"))
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    known = sorted(p.stem for p in HERE.glob("*.py") if p.stem != "run" and not p.stem.startswith("_"))
    unknown = sorted(set(given.names) - set(known))
    if unknown:
        parser.error(f"no such server: {', '.join(unknown)}; there are: {', '.join(known)}")
    names = given.names or known
    if given.verb == "list":
        for name in known:
            print(name, "up" if _file(name).exists() else "down")
    elif given.verb == "stop":
        for name in names:
            stop(name)
    else:
        install(names)
        failed = [name for name in names if not start(name)]
        sys.exit(1 if failed else 0)


def install(names: list[str]) -> None:
    """Install the Debian packages that are missing."""
    wanted = sorted({package for name in names for package in load(name).PACKAGES})
    missing = [p for p in wanted if not _is_installed(p)]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"Install these, or run this as root: {' '.join(missing)}")
    print("Installing", " ".join(missing), flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    policy = Path("/usr/sbin/policy-rc.d")
    has_policy = policy.exists()
    if not has_policy:  # a package must not start its server: each test server runs with a home of its own
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
        command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    finally:
        if not has_policy:
            policy.unlink()


def start(name: str) -> bool:
    """Start one server that is not up yet; says how it went."""
    if _file(name).exists():
        print(f"{name}: up already", flush=True)
        return True
    home = ROOT / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    os.chmod(ROOT, 0o755)
    began = time.monotonic()
    try:
        environment = load(name).start(home)
    except Exception as error:  # whatever hinders one server must not hinder the others
        print(f"{name}: did not start: {error}", file=sys.stderr, flush=True)
        return False
    _file(name).write_text(json.dumps(environment))
    _write_environment()
    print(f"{name}: up after {time.monotonic() - began:.1f} s", flush=True)
    return True


def stop(name: str) -> None:
    """Stop one server and remove what it kept."""
    home = ROOT / name
    if _file(name).exists():
        load(name).stop(home)
        _file(name).unlink()
        print(f"{name}: stopped", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    _write_environment()


def load(name: str) -> ModuleType:
    """The module of a server."""
    return importlib.import_module(f"tests.servers.{name}")


def _is_installed(package: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package]
    return subprocess.run(command, capture_output=True, text=True).stdout.startswith("ii")


def _file(name: str) -> Path:
    return ROOT / f"{name}.json"


def _write_environment() -> None:
    if not ROOT.is_dir():
        return
    values: dict[str, str] = {}
    for path in sorted(ROOT.glob("*.json")):
        values |= json.loads(path.read_text())
    (ROOT / "env").write_text("".join(f"{key}={value}\n" for key, value in sorted(values.items())))


if __name__ == "__main__":
    main()
