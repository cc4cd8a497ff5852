"""Files from real servers: fetched once, going on where the link broke, and proven to be what was delivered."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.integration.cutter import Cutter
from tests.servers.run import load
from tests.unit.collect.conftest import Bench

from cityloom.collect.depot import FOLDER
from cityloom.collect.files import file_slices, held_file, open_folder
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import CityLoomError, ConfigError, SourceError
from cityloom.kernel.ids import new_id
from cityloom.lake.tables import Lake
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

KINDS = ("sftp", "ftp", "vsftpd", "s3")
PAGES = ("collect-files.md", "collect-files.zh.md")
MIB = 1 << 20
SLACK = 3 * MIB
"""What one cut may cost: requests that were on the way, the overlap, and the handshake of a new link."""


@dataclass
class Delivery:
    """A folder at a server of its own name, and how it is reached."""

    kind: str
    folder: str
    port: int
    options: dict[str, Any]
    write: Callable[[str, bytes], None]
    root: Path | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def place(self, port: int = 0, **more: Any) -> dict[str, Any]:
        """Options of the place, perhaps through another port."""
        options = {"settle_seconds": 0, "retries": 3, "timeout_seconds": 10, **self.options, **more}
        if self.kind == "s3":
            return {**options, "endpoint": f"http://127.0.0.1:{port or self.port}"}
        return {**options, "host": "127.0.0.1", "port": port or self.port}

    def take(self, base: Path, pattern: str = "*", **more: Any) -> dict[str, bytes]:
        """Contents by name; an error is raised."""
        found = {}
        for piece in file_slices(open_folder(base, self.folder, self.place(**more)), pattern):
            if piece.error:
                raise piece.error
            content = held_file(piece).path.read_bytes()
            assert hashlib.sha256(content).hexdigest() == piece.digest
            found[piece.origin] = content
        return found

    def errors(self, base: Path, pattern: str = "*", **more: Any) -> dict[str, str]:
        """Codes of errors by name."""
        pieces = file_slices(open_folder(base, self.folder, self.place(**more)), pattern)
        return {p.origin: p.error.code for p in pieces if p.error}


def _delivery(kind: str, server: Callable[[str], str]) -> Delivery:
    name = new_id("t")
    if kind == "s3":
        return _bucket(name, server)
    home = Path(server("TEST_SFTP_HOME" if kind == "sftp" else "TEST_FTP_HOME"))
    root = home / "files" / name

    def write(file: str, content: bytes) -> None:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        for one in (path, *path.relative_to(root).parents):
            (root / one).chmod(0o644 if one == path else 0o755)

    root.mkdir()
    root.chmod(0o755)
    if kind == "sftp":
        key = (home / "host_ed25519.pub").read_text().strip()
        options = {"user": server("TEST_SFTP_USER"), "key": f"file:{home}/key", "host_key": key}
        return Delivery(kind, name, int(server("TEST_SFTP_PORT")), {"kind": "sftp", **options}, write, root)
    if kind == "ftp":
        options = {"kind": "ftp", "user": "city", "password": f"file:{home}/password"}
        return Delivery(kind, name, int(server("TEST_FTP_PORT")), options, write, root)
    folder = f"{server('TEST_VSFTPD_FOLDER').rstrip('/')}/{name}"
    return Delivery(kind, folder, int(server("TEST_VSFTPD_PORT")), {"kind": "ftp"}, write, root)


def _bucket(name: str, server: Callable[[str], str]) -> Delivery:
    from botocore.config import Config
    from botocore.session import Session

    endpoint, key, secret = (server(f"TEST_S3_{n}") for n in ("ENDPOINT", "KEY", "SECRET"))
    client = Session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = name.replace("_", "-").lower()
    client.create_bucket(Bucket=bucket)

    def write(file: str, content: bytes) -> None:
        client.put_object(Bucket=bucket, Key=f"out/{file}", Body=content)

    held = Path(server("TEST_S3_HOME")) / "secret"
    options = {"kind": "s3", "bucket": bucket, "access_key": key, "secret_key": f"file:{held}"}
    return Delivery("s3", "out", int(endpoint.rpartition(":")[2]), options, write, extra={"client": client})


@pytest.fixture(params=KINDS)
def delivery(request: pytest.FixtureRequest, server: Callable[[str], str]) -> Iterator[Delivery]:
    """A folder at each kind of server."""
    with closing(_Clean(_delivery(request.param, server))) as clean:
        yield clean.delivery


@pytest.fixture
def sftp(server: Callable[[str], str]) -> Iterator[Delivery]:
    """A folder behind SFTP."""
    with closing(_Clean(_delivery("sftp", server))) as clean:
        yield clean.delivery


@dataclass
class _Clean:
    delivery: Delivery

    def close(self) -> None:
        if self.delivery.root:
            subprocess.run(["rm", "-rf", str(self.delivery.root)], check=True)


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no two places of the file share."""
    return random.Random(seed).randbytes(size)


def spooled(base: Path) -> list[Path]:
    """Contents that lie on this machine."""
    return list((base / FOLDER).glob("*/*.data*"))


def manifests(base: Path) -> list[dict[str, Any]]:
    """What is known of the files."""
    return [json.loads(p.read_text()) for p in (base / FOLDER).glob("*/*.json")]


def test_files_arrive_whole_in_order_and_nothing_stays(delivery: Delivery, tmp_path: Path) -> None:
    contents = {"b 乙.csv": b"a,b\n1,2\n", "a.csv": noise(3 * MIB + 17), "sub/deep/c.csv": b"x", "empty.csv": b""}
    for name, content in contents.items():
        delivery.write(name, content)
    delivery.write("left.csv.part", b"half")
    delivery.write(".hidden.csv", b"no")
    found = delivery.take(tmp_path, "**/*.csv")
    assert found == contents
    assert list(found) == sorted(contents)
    assert delivery.take(tmp_path, "sub/*/*") == {"sub/deep/c.csv": b"x"}
    assert spooled(tmp_path) == []
    assert {m["sha256"] for m in manifests(tmp_path)} == {hashlib.sha256(c).hexdigest() for c in contents.values()}


def test_a_transfer_goes_on_where_it_was_cut(delivery: Delivery, tmp_path: Path) -> None:
    content = noise(24 * MIB)
    delivery.write("big.bin", content)
    cuts = [5 * MIB, 11 * MIB, 16 * MIB, 21 * MIB]
    with Cutter(delivery.port, cuts) as cutter:
        assert delivery.take(tmp_path, port=cutter.port) == {"big.bin": content}
        assert cutter.cuts == len(cuts)
        assert cutter.passed < len(content) + (len(cuts) + 1) * SLACK


def test_what_was_fetched_before_a_run_failed_is_not_fetched_again(delivery: Delivery, tmp_path: Path) -> None:
    content = noise(24 * MIB)
    delivery.write("big.bin", content)
    with Cutter(delivery.port, [18 * MIB]) as cutter:
        with pytest.raises(CityLoomError) as failure:
            delivery.take(tmp_path, port=cutter.port, retries=0)
        assert failure.value.code in ("collect.source.unreachable", "collect.transfer.broken")
        first = cutter.passed
        (part,) = manifests(tmp_path)
        assert part["done"] > 12 * MIB and part["sha256"] == ""
        assert delivery.take(tmp_path, port=cutter.port) == {"big.bin": content}
        assert cutter.passed - first < len(content) - part["done"] + SLACK


def test_a_known_file_is_not_fetched_again(delivery: Delivery, tmp_path: Path) -> None:
    delivery.write("big.bin", noise(4 * MIB))
    with Cutter(delivery.port) as cutter:
        folder = open_folder(tmp_path, delivery.folder, delivery.place(cutter.port))
        (first,) = [p.digest for p in file_slices(folder, "*")]
        before = cutter.passed
        (second,) = [p.digest for p in file_slices(folder, "*")]
        assert first == second
        assert cutter.passed - before < MIB // 4


def test_a_file_that_changed_in_between_starts_over(delivery: Delivery, tmp_path: Path) -> None:
    delivery.write("big.bin", noise(12 * MIB, seed=1))
    with Cutter(delivery.port, [10 * MIB]) as cutter:
        with pytest.raises(CityLoomError):
            delivery.take(tmp_path, port=cutter.port, retries=0)
        fresh = noise(11 * MIB, seed=2)
        delivery.write("big.bin", fresh)
        assert delivery.take(tmp_path, port=cutter.port) == {"big.bin": fresh}


def test_other_content_of_the_same_size_and_time_is_seen(sftp: Delivery, tmp_path: Path) -> None:
    sftp.write("big.bin", noise(12 * MIB, seed=1))
    path = sftp.root / "big.bin"
    state = path.stat()
    with Cutter(sftp.port, [10 * MIB]) as cutter:
        with pytest.raises(CityLoomError):
            sftp.take(tmp_path, port=cutter.port, retries=0)
        fresh = noise(12 * MIB, seed=2)
        path.write_bytes(fresh)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert sftp.take(tmp_path, port=cutter.port) == {"big.bin": fresh}


def test_a_file_that_grows_while_it_is_fetched_arrives_as_it_is_at_the_end(sftp: Delivery, tmp_path: Path) -> None:
    sftp.write("log.txt", noise(6 * MIB))
    path = sftp.root / "log.txt"

    def grow() -> None:
        with path.open("ab") as file:
            file.write(noise(MIB, seed=3))

    with Cutter(sftp.port, watch={4 * MIB: grow}) as cutter:
        assert sftp.take(tmp_path, port=cutter.port) == {"log.txt": path.read_bytes()}
        assert path.stat().st_size == 7 * MIB
        assert cutter.passed < 14 * MIB


def test_a_file_that_is_being_written_is_left_for_the_next_run(sftp: Delivery, tmp_path: Path) -> None:
    sftp.write("done.csv", b"a\n1\n")
    sftp.write("growing.csv", b"a\n")
    path, stop = sftp.root / "growing.csv", threading.Event()

    def grow() -> None:
        while not stop.wait(0.05):
            with path.open("ab") as file:
                file.write(b"1\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert list(sftp.take(tmp_path, settle_seconds=0.6)) == ["done.csv"]
    finally:
        stop.set()
        writer.join()
    assert list(sftp.take(tmp_path, settle_seconds=0.6)) == ["done.csv", "growing.csv"]


def test_a_file_waits_for_its_mark(delivery: Delivery, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        delivery.write(name, name.encode())
    delivery.write("a.csv.ok", b"")
    delivery.write("b.ok", b"")
    assert list(delivery.take(tmp_path, ready=".ok")) == ["a.csv", "b.csv"]


def test_the_deliverers_digests_are_compared(delivery: Delivery, tmp_path: Path) -> None:
    good, other = b"a,b\n1,2\n", b"a,b\n1,3\n"
    delivery.write("good.csv", good)
    delivery.write("good.csv.sha256", f"{hashlib.sha256(good).hexdigest()}  good.csv\n".encode())
    delivery.write("wrong.csv", good)
    delivery.write("wrong.csv.md5", f"MD5 (wrong.csv) = {hashlib.md5(other).hexdigest().upper()}\n".encode())
    assert delivery.errors(tmp_path) == {"wrong.csv": "collect.file.digest"}
    assert [(m["name"], m["proof"]) for m in manifests(tmp_path)] == [("good.csv", "sha256")]
    delivery.write("wrong.csv", other)
    assert delivery.take(tmp_path) == {"good.csv": good, "wrong.csv": other}


def test_a_list_of_digests_says_what_belongs_to_a_delivery(delivery: Delivery, tmp_path: Path) -> None:
    content = b"a\n1\n"
    digest = hashlib.sha256(content).hexdigest()
    delivery.write("0101/a.csv", content)
    delivery.write("0101/not-listed.csv", content)
    delivery.write("0102/later.csv", content)
    lines = f"{digest}  a.csv\n{digest} *不在.csv\n{digest}  other.txt\n"
    delivery.write("0101/SHA256SUMS", lines.encode("gb18030"))
    pieces = list(file_slices(open_folder(tmp_path, delivery.folder, delivery.place(sums="SHA256SUMS")), "*/*.csv"))
    assert [(p.origin, p.error and p.error.code) for p in pieces] == [
        ("0101/a.csv", None),
        ("0101/不在.csv", "collect.file.missing"),
    ]


class Gbk(zipfile.ZipInfo):
    """A member whose name is written as Chinese Windows writes it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def test_members_of_archives_are_files(delivery: Delivery, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("户籍/甲.csv", b"a\n1\n"), ("户籍/乙.csv", b"a\n2\n"), ("说明.txt", b"x")):
            archive.writestr(Gbk(name), content)
    delivery.write("one.zip", packed.getvalue())
    delivery.write("two.csv.gz", gzip.compress(b"a\n3\n"))
    wanted = {"one.zip!户籍/乙.csv": b"a\n2\n", "one.zip!户籍/甲.csv": b"a\n1\n"}
    with Cutter(delivery.port) as cutter:
        for _ in range(2):
            folder = open_folder(tmp_path, delivery.folder, delivery.place(cutter.port))
            assert {p.origin for p in file_slices(folder, "*.zip!*.csv")} == set(wanted)
    assert delivery.take(tmp_path, "*.zip!*.csv") == wanted
    assert delivery.take(tmp_path, "*.gz") == {"two.csv.gz!two.csv": b"a\n3\n"}
    assert spooled(tmp_path) == []


def test_what_belongs_to_a_file_is_fetched_with_it(delivery: Delivery, tmp_path: Path) -> None:
    delivery.write("t.dbf", b"table")
    delivery.write("t.FPT", b"memo")
    if delivery.root:
        os.utime(delivery.root / "t.dbf", (1_600_000_000, 1_600_000_000))
    folder = open_folder(tmp_path, delivery.folder, delivery.place())
    for piece in file_slices(folder, "*.dbf"):
        held = held_file(piece)
        assert (held.path.read_bytes(), held.path.with_suffix(".fpt").read_bytes()) == (b"table", b"memo")
        assert delivery.root is None or held.modified_ns == 1_600_000_000 * 10**9
    assert spooled(tmp_path) == []


def test_the_place_is_spared(delivery: Delivery, tmp_path: Path) -> None:
    delivery.write("a.bin", noise(MIB))
    begun = time.monotonic()
    delivery.take(tmp_path, bytes_per_second=2 * MIB)
    assert time.monotonic() - begun > 0.4


def test_a_server_whose_key_is_not_expected_is_not_spoken_to(sftp: Delivery, tmp_path: Path) -> None:
    home = Path(sftp.options["key"].removeprefix("file:")).parent
    sftp.write("a.csv", b"a\n")
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhBoSiEbtWHn9tTpzHAoMFk2wPKvXIpUL4BEMoR+8vw"
    for key, code in (("", "collect.place.unknown"), (other, "collect.place.stranger"), ("SHA256:" + "A" * 43, "collect.place.stranger")):
        with pytest.raises(SourceError) as failure:
            sftp.take(tmp_path, host_key=key)
        assert failure.value.code == code
    with pytest.raises(SourceError) as failure:
        sftp.take(tmp_path, host_key="")
    assert sftp.take(tmp_path, host_key=failure.value.details["fingerprint"]) == {"a.csv": b"a\n"}
    assert sftp.take(tmp_path, host_key=(home / "host_rsa.pub").read_text()) == {"a.csv": b"a\n"}


def test_wrong_credentials_and_folders_are_told_and_no_secret_is(delivery: Delivery, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("pa55word")
    wrong = {"sftp": {"key": "", "password": "file:wrong"}, "s3": {"secret_key": "file:wrong"}, "ftp": {"password": "file:wrong"}}
    if delivery.kind in wrong:
        with pytest.raises(SourceError) as failure:
            delivery.take(tmp_path, **wrong[delivery.kind])
        assert failure.value.code == "collect.place.denied"
        assert "pa55word" not in str(failure.value)
        with pytest.raises(ConfigError) as plain:
            delivery.take(tmp_path, **{k: "pa55word" if v else v for k, v in wrong[delivery.kind].items()})
        assert plain.value.code == "collect.secret.plain"
        assert "pa55word" not in str(plain.value)
    if delivery.kind != "s3":
        with pytest.raises(SourceError) as failure:
            open_folder(tmp_path, f"{delivery.folder}/nowhere", delivery.place())
        assert failure.value.code == "collect.source.unreachable"
    with pytest.raises(SourceError) as failure:
        delivery.take(tmp_path, port=1, retries=1)
    assert failure.value.code == "collect.source.unreachable"


@pytest.mark.parametrize("kind", ["ftp", "vsftpd"])
def test_ftp_over_tls_checks_the_certificate(kind: str, server: Callable[[str], str], tmp_path: Path) -> None:
    with closing(_Clean(_delivery(kind, server))) as clean:
        content = noise(MIB)
        clean.delivery.write("a.bin", content)
        trusted = str(Path(server("TEST_FTP_HOME")) / "cert.pem")
        assert clean.delivery.take(tmp_path, tls="explicit", ca=trusted) == {"a.bin": content}
        with pytest.raises(SourceError) as failure:
            clean.delivery.take(tmp_path, tls="explicit", retries=0)
        assert failure.value.code == "collect.source.unreachable"


def test_a_killed_process_loses_nothing(sftp: Delivery, tmp_path: Path) -> None:
    content = noise(24 * MIB)
    sftp.write("big.bin", content)
    code = (
        "import sys, json; from pathlib import Path; from cityloom.collect.files import file_slices, open_folder\n"
        "base, folder, place = sys.argv[1:]\n"
        "for piece in file_slices(open_folder(Path(base), folder, json.loads(place)), '*'): pass\n"
    )
    with Cutter(sftp.port) as cutter:
        place = json.dumps(sftp.place(cutter.port, bytes_per_second=12 * MIB))
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), sftp.folder, place])
        try:
            _wait(lambda: any(m["done"] >= 8 * MIB for m in manifests(tmp_path)))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        (part,) = manifests(tmp_path)
        assert part["sha256"] == ""
        before = cutter.passed
        assert sftp.take(tmp_path, port=cutter.port) == {"big.bin": content}
        assert cutter.passed - before < len(content) - part["done"] + SLACK


def test_a_transfer_outlives_the_restart_of_the_server(tmp_path: Path, server: Callable[[str], str]) -> None:
    server("TEST_SFTP_HOME")
    module = load("sftp")
    home = Path(server("TEST_SFTP_HOME")).parent / new_id("sftp")
    home.mkdir()
    home.chmod(0o755)
    environment = module.start(home)
    port = int(environment["TEST_SFTP_PORT"])
    content = noise(12 * MIB)
    (home / "files" / "big.bin").write_bytes(content)
    (home / "files" / "big.bin").chmod(0o644)
    place = {
        "kind": "sftp", "host": "127.0.0.1", "port": port, "user": environment["TEST_SFTP_USER"], "settle_seconds": 0,
        "key": f"file:{home}/key", "host_key": (home / "host_ed25519.pub").read_text(), "bytes_per_second": 6 * MIB,
    }  # fmt: skip
    found: list[str] = []
    try:
        reader = threading.Thread(
            target=lambda: found.extend(p.digest for p in file_slices(open_folder(tmp_path, ".", place), "*.bin"))
        )
        reader.start()
        _wait(lambda: any(p.stat().st_size > 3 * MIB for p in spooled(tmp_path)))
        module.stop(home)
        time.sleep(0.3)
        module.run(home, port)
        reader.join(60)
    finally:
        module.stop(home)
        subprocess.run(["rm", "-rf", str(home)], check=True)
    assert found == [hashlib.sha256(content).hexdigest()]


def test_two_that_fetch_the_same_do_not_disturb_each_other(sftp: Delivery, tmp_path: Path) -> None:
    content = noise(4 * MIB)
    sftp.write("big.bin", content)
    folder = open_folder(tmp_path, sftp.folder, sftp.place())
    one, two = file_slices(folder, "*"), file_slices(folder, "*")
    first, second = next(one), next(two)
    assert list(one) == []
    assert held_file(second).path.read_bytes() == content
    assert first.digest == second.digest
    assert list(two) == []
    assert spooled(tmp_path) == []


def test_rows_of_a_place_land_once(delivery: Delivery, tmp_path: Path, lake: Lake, clock: FixedClock) -> None:
    load_tables()
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
    bench = Bench(tmp_path, lake, store, clock)
    delivery.write("in/a.csv", "编号,姓名\n1,甲\n2,乙\n".encode("gb18030"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("b.csv", "编号,姓名\n3,丙\n")
    delivery.write("in/b.zip", packed.getvalue())
    columns, options = ("编号", "姓名"), {"folder": delivery.folder, "place": delivery.place()}
    first = bench.csv(columns, options | {"pattern": "in/*.csv"})
    assert (first.written, first.summary["reconciled"]) == (2, True)
    again = bench.csv(columns, options | {"pattern": "in/*.csv"})
    assert (again.written, again.summary["skipped"]) == (0, 1)
    zipped = bench.csv(columns, options | {"pattern": "in/*.zip!*.csv"})
    assert zipped.written == 1
    assert sorted(bench.rows("编号", "姓名")) == [("1", "甲"), ("2", "乙"), ("3", "丙")]
    delivery.write("in/a.csv", "编号,姓名\n1,甲\n2,乙\n4,丁\n".encode())
    assert bench.csv(columns, options | {"pattern": "in/*.csv"}).written == 3
    assert spooled(bench.folder) == []
    store.close()


def test_the_page_shows_what_works(sftp: Delivery, tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "docs" / "howto"
    english, chinese = (re.findall(r"^```yaml\n(.*?)^```", (folder / name).read_text(), re.S | re.M) for name in PAGES)
    assert english == chinese
    options = YAML(typ="safe").load(english[0])["options"]
    sftp.write("2026/a.csv", b"a\n1\n")
    found = options["place"] | {k: v for k, v in sftp.place().items() if k in options["place"]}
    opened = open_folder(tmp_path, sftp.folder, found | {"port": sftp.port})
    assert [p.origin for p in file_slices(opened, options["pattern"])] == ["2026/a.csv"]


def _wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


