"""S3Proxy over a folder: ``TEST_S3_ENDPOINT``; ``TEST_S3_KEY`` and ``TEST_S3_SECRET`` sign; ``TEST_S3_HOME`` with
the file ``secret``.

Debian has no S3 server: its jar comes from Maven Central, checked by its digest, and stays in the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import urllib.request
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("default-jre-headless",)
_CENTRAL = os.environ.get("MAVEN_CENTRAL", "https://repo1.maven.org/maven2")
_JAR = "org/gaul/s3proxy/4.1.0/s3proxy-4.1.0-jar-with-dependencies.jar"
_SHA256 = "a4d025969aaf796616ed4b1e2491d87d455ce84bb28cb9db086b2e6aaa68b48d"
_SETTINGS = """
s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=city
s3proxy.credential=test-secret
jclouds.provider=filesystem-nio2
jclouds.identity=none
jclouds.credential=none
jclouds.filesystem.basedir={home}/data
"""


def start(home: Path) -> dict[str, str]:
    """Start it over an empty folder."""
    (home / "data").mkdir()
    (home / "secret").write_text("test-secret")
    port = parts.free_port()
    (home / "s3proxy.conf").write_text(_SETTINGS.format(port=port, home=home))
    options = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    words = ["-jar", str(_jar()), "--properties", str(home / "s3proxy.conf")]
    parts.launch([parts.find("java"), *options, *words], home)
    parts.wait(lambda: parts.answers(port))
    return {
        "TEST_S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "TEST_S3_KEY": "city",
        "TEST_S3_SECRET": "test-secret",
        "TEST_S3_HOME": str(home),
    }


def stop(home: Path) -> None:
    """Stop it."""
    parts.end(home)


def _jar() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cityloom-tests" / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _JAR.rpartition("/")[2]
    if not target.exists():
        with urllib.request.urlopen(f"{_CENTRAL}/{_JAR}", timeout=300) as answer:
            content = answer.read()
        if hashlib.sha256(content).hexdigest() != _SHA256:
            raise ValueError(f"{_JAR} is not what it was")
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_bytes(content)
        draft.replace(target)
    return target
