"""The edge under test: Kamailio with our configuration, a port and a folder of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.edge import net
from tests.support.system import eventually

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "edge" / "kamailio" / "kamailio.cfg"
ADDRESS = "127.0.0.20"


def program(name: str) -> str:
    """Where a program is; without it nothing is proved, so that is a failure and no skip."""
    # not everybody has sbin on the path, where Debian keeps Kamailio
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found, f"{name} is not installed: run deploy/edge/install.sh (make test-edge does)"
    return found


class Kamailio:
    """A running edge. `settings` are environment variables without their EDGE_."""

    def __init__(self, control_url: str, nonce_secret: str, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="callplane-edge-"))
        self.port = net.free_udp_port(ADDRESS)
        self.tcp_port = net.free_tcp_port(ADDRESS)
        self.log = self.folder / "log"
        self.environment = {
            "CALLPLANE_NONCE_SECRET": nonce_secret,
            "EDGE_CONTROL_URL": control_url,
            "EDGE_LISTEN": f"udp:{ADDRESS}:{self.port}",
            "EDGE_LISTEN_TCP": f"tcp:{ADDRESS}:{self.tcp_port}",
            "EDGE_NODE_ID": "edge-under-test",
            "EDGE_MIN_EXPIRES": "1",
            "EDGE_EXPIRY_INTERVAL": "1",
            "EDGE_LOG": "2",
            **{f"EDGE_{name.upper()}": value for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{ADDRESS}:{self.port}"

    @property
    def tcp_address(self) -> str:
        return f"{ADDRESS}:{self.tcp_port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    program("kamailio"),
                    *("-f", str(CONFIGURATION), "-DD", "-E", "-m", "256", "-M", "8"),
                    *("-w", str(self.folder), "-Y", str(self.folder)),
                    *("-P", str(self.folder / "pid")),
                ],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, 30)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"Kamailio does not start:\n{self.log.read_text()}"
        return net.ask(ADDRESS, self.port, net.options(ADDRESS, self.port), 0.5).startswith(
            "SIP/2.0 200 "
        )

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End it and the processes it has started, at once."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def command(self, *words: str) -> str:
        """Ask the running Kamailio (an RPC command)."""
        done = subprocess.run(
            [program("kamcmd"), "-s", f"unixs:{self.folder}/kamailio_ctl", *words],
            capture_output=True,
            text=True,
            timeout=10,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
