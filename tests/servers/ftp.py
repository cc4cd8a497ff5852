"""Two FTP servers over TLS: vsftpd, which lists as `ls` does and wants TLS sessions reused (``TEST_VSFTPD_PORT``, anonymous,
``TEST_VSFTPD_FOLDER``), and pyftpdlib, which lists by MLSD (``TEST_FTP_PORT``, user ``city``).
``TEST_FTP_HOME`` holds what both show (``files/``), the certificate (``cert.pem``) and the ``password``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("vsftpd", "openssl", "python3-pyftpdlib", "python3-openssl")
_PYTHON = "/usr/bin/python3"
"""Debian's own: there is no wheel of pyftpdlib that a lock with hashes could name."""
_VSFTPD = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
anon_root={home}/files
{account}
no_anon_password=YES
pasv_min_port={low}
pasv_max_port={high}
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=NO
force_anon_data_ssl=NO
require_ssl_reuse=YES
rsa_cert_file={home}/tls.pem
rsa_private_key_file={home}/tls.pem
ssl_ciphers=HIGH
xferlog_enable=YES
vsftpd_log_file={home}/access.log
use_localtime=NO
seccomp_sandbox=NO
secure_chroot_dir={home}/empty
isolate=NO
isolate_network=NO
"""


def start(home: Path) -> dict[str, str]:
    """Make a certificate and start both."""
    for folder in ("files", "empty"):
        (home / folder).mkdir()
    (home / "password").write_text("test")
    pem = home / "tls.pem"
    command = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(home / "key.pem"), "-out", str(home / "cert.pem")]
    subprocess.run([parts.find("openssl"), *command, *names], check=True, capture_output=True)
    pem.write_text((home / "key.pem").read_text() + (home / "cert.pem").read_text())
    ports = {name: parts.free_port() for name in ("vsftpd", "pyftpdlib")}
    low = parts.free_port()
    is_root = os.geteuid() == 0
    account = "" if is_root else "run_as_launching_user=YES"
    settings = _VSFTPD.format(home=home, account=account, port=ports["vsftpd"], low=low, high=min(low + 50, 65535))
    (home / "vsftpd.conf").write_text(settings)
    parts.launch([parts.find("vsftpd"), str(home / "vsftpd.conf")], home, name="vsftpd")
    served = [_PYTHON, "-m", "tests.servers.ftp", str(home), str(ports["pyftpdlib"])]
    parts.launch(served, home, name="pyftpdlib", PYTHONPATH=str(Path(__file__).parents[2]))
    for port in ports.values():
        parts.wait(lambda port=port: parts.answers(port))
    return {
        "TEST_FTP_HOME": str(home),
        "TEST_FTP_PORT": str(ports["pyftpdlib"]),
        "TEST_VSFTPD_PORT": str(ports["vsftpd"]),
        "TEST_VSFTPD_FOLDER": "/" if is_root else str(home / "files"),
    }


def stop(home: Path) -> None:
    """Stop both."""
    parts.end(home, "vsftpd")
    parts.end(home, "pyftpdlib")


def serve(home: Path, port: int) -> None:
    """pyftpdlib in the foreground."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import TLS_FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    authorizer = DummyAuthorizer()
    authorizer.add_user("city", "test", str(home / "files"), perm="elradfmw")
    TLS_FTPHandler.certfile = str(home / "tls.pem")
    TLS_FTPHandler.authorizer = authorizer
    ThreadedFTPServer(("127.0.0.1", port), TLS_FTPHandler).serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
