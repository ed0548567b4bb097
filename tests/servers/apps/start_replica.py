"""Start a server that goes on alone: `python start_replica.py PID_FILE HEALTH_URL COMMAND...`.

As a start script of a service does: it ends once the server answers on its health page, and leaves its process id in a
file. A server that was asked to end and did not is killed first. The output goes to a file beside that.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SECONDS = 120
"""After which a server that does not answer is given up."""


def main() -> int:
    pid_file, health, command = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if pid_file.exists():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid_file.read_text()), signal.SIGKILL)
    with open(pid_file.with_suffix(".log"), "ab") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    pid_file.write_text(str(server.pid))
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends and server.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=2):
                return 0
        except OSError:
            time.sleep(0.1)
    print(f"{command[0]} does not answer on {health}; see {pid_file.with_suffix('.log')}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
