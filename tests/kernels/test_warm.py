"""Warm kernels: the same as stock ones, fresh each time, gone when whoever asked is gone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest

from rpeval.kernels import client
from rpeval.kernels.client import SOCKET, Forked, UnavailableError, WarmProcess
from rpeval.runs import kernel
from rpeval.runs.kernel import KERNEL, kernel_class, kernel_environment, open_papermill

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="warm kernels need Linux")

SEEN = """
import os, signal, sys
import matplotlib, numpy as np, pandas as pd
print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
print(__name__, sys.argv[0].rpartition("/")[2], matplotlib.get_backend())
print(pd.get_option("display.max_columns"), pd.get_option("display.width"), os.getcwd() == sys.path[0])
print(sorted(name for name in os.environ if name.startswith(("MPL", "OPENBLAS", "OMP", "JPY", "RPEVAL_T"))))
pd.DataFrame(np.arange(60.0).reshape(2, 30))
"""
DRAWN = """
import matplotlib.pyplot as plt
import seaborn as sns
sns.lineplot(x=[1, 2, 3], y=[2.0, 1, 3])
plt.show()
"""
FITTED = """
import statsmodels.formula.api as smf
rows = pd.DataFrame({"y": np.arange(12.0) ** 1.5, "x": np.arange(12) % 5, "g": list("abc") * 4})
fit = smf.ols("y ~ x + C(g)", rows).fit(cov_type="cluster", cov_kwds={"groups": rows["g"]})
print(fit.params.to_list(), fit.bse.to_list())
"""


@pytest.fixture(scope="module")
def warm():
    owned = WarmProcess()
    before = os.environ.get(SOCKET)
    os.environ[SOCKET] = owned.path
    yield owned
    os.environ.pop(SOCKET)
    if before is not None:
        os.environ[SOCKET] = before
    owned.close()


def run(folder: Path, *cells: str) -> list:
    """Run cells as papermill runs a study's notebook, and give the outputs of each."""
    folder.mkdir(exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, folder / "in.ipynb")
    with kernel_environment(folder / "home"):
        open_papermill().execute_notebook(
            str(folder / "in.ipynb"), str(folder / "out.ipynb"), kernel_name=KERNEL, language="python",
            progress_bar=False, cwd=str(folder), kernel_manager_class=kernel_class(),
        )  # fmt: skip
    return [cell.outputs for cell in nbformat.read(folder / "out.ipynb", 4).cells]


def said(outputs) -> str:
    return "".join(output.get("text", "") for output in outputs)


def test_a_warm_kernel_says_and_draws_what_a_stock_one_does(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("RPEVAL_TOLD", "handed on")
    forked = run(tmp_path / "warm", SEEN, DRAWN, FITTED, "print(os.getppid())")
    monkeypatch.setenv(SOCKET, "off")
    stock = run(tmp_path / "stock", SEEN, DRAWN, FITTED, "print(os.getppid())")
    assert int(said(forked[3])) == warm.process.pid
    assert int(said(stock[3])) == os.getpid()
    for ours, theirs in zip(forked[:3], stock[:3], strict=True):
        assert said(ours) == said(theirs)
        assert ours == theirs
    assert "RPEVAL_TOLD" in said(forked[0])
    assert any("image/png" in output.get("data", {}) for output in forked[1])


def test_each_notebook_has_a_process_of_its_own(warm, tmp_path):
    first = run(tmp_path / "a", "import numpy as np, os\nmark = 1\nprint(os.getpid(), np.random.rand())")
    second = run(tmp_path / "b", "import numpy as np, os\nprint('mark' in globals())\n"
                                 "print(os.getpid(), np.random.rand())")  # fmt: skip
    assert said(second[0]).startswith("False")
    assert set(said(first[0]).split()).isdisjoint(said(second[0]).split())


def test_a_change_of_the_package_reaches_the_next_kernel(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "rpeval", tmp_path / "changed" / "rpeval")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "changed"))
    owned = WarmProcess()
    monkeypatch.setenv(SOCKET, owned.path)
    look = "import sys\nprint('rpeval.findings' in sys.modules)\nfrom rpeval.findings import finding\n" \
           "print(getattr(finding, 'NEW', 'old'), finding.__file__)"  # fmt: skip
    try:
        before = said(run(tmp_path / "a", look)[0]).split()
        module = tmp_path / "changed" / "rpeval" / "findings" / "finding.py"
        module.write_text(module.read_text(encoding="utf-8") + "\nNEW = 'new'\n", encoding="utf-8")
        after = said(run(tmp_path / "b", look)[0]).split()
    finally:
        owned.close()
    assert before == ["True", "old", str(module)]
    assert after == ["False", "new", str(module)]


def test_without_a_warm_process_the_stock_kernel_runs(tmp_path, monkeypatch):
    monkeypatch.setenv(SOCKET, str(tmp_path / "nobody"))
    outputs = run(tmp_path / "a", "import os\nprint(os.getppid())")
    assert int(said(outputs[0])) == os.getpid()


def test_kernels_are_talked_to_by_files_of_their_own_and_leave_none(warm, tmp_path, monkeypatch):
    look = """
import ipykernel, json
told = json.loads(ipykernel.get_connection_info())
print(told["transport"], told["ip"])
"""
    transport, place = said(run(tmp_path / "a", look)[0]).split()
    assert transport == "ipc"
    assert Path(place).is_relative_to(warm.folder)
    assert os.listdir(warm.folder) == ["warm"]
    monkeypatch.setattr(kernel, "LONGEST", 10)
    assert said(run(tmp_path / "b", look)[0]).split()[0] == "tcp"
    assert os.listdir(warm.folder) == ["warm"]


def test_a_request_that_is_none_harms_nobody(warm, tmp_path):
    import socket

    for words in (b"", b"\0\0\0\x09half", b"\0\0\0\x02no"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(warm.path)
            connection.sendall(words)
    assert "1" in said(run(tmp_path / "a", "print(1)")[0])


def gone(process: int, within: float = 10) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


OWNER = """
import json, os, subprocess, sys
from rpeval.kernels import client
from rpeval.kernels.client import Forked
os.environ.pop(client.SOCKET, None)
client.start()
connection = os.path.join(sys.argv[1], "connection.json")
kernel = Forked(["-f", connection], environment=dict(os.environ), folder=sys.argv[1], streams=(1, 2))
print(json.dumps({"kernel": kernel.pid, "warm": client._own.process.pid, "folder": client._own.folder}), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_owner_dies_nothing_lives_on(tmp_path, number):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)  # fmt: skip
    told = json.loads(owner.stdout.readline())
    owner.send_signal(number)
    owner.wait()
    assert gone(told["kernel"])
    assert gone(told["warm"])
    assert not Path(told["folder"]).exists()


def test_when_the_warm_process_dies_its_kernels_are_seen_to_end(tmp_path):
    owned = WarmProcess()
    os.environ[SOCKET], before = owned.path, os.environ.get(SOCKET)
    try:
        kernel = Forked(["-f", str(tmp_path / "c.json")], environment=dict(os.environ), folder=str(tmp_path),
                        streams=(1, 2))  # fmt: skip
        assert kernel.poll() is None
        owned.process.kill()
        owned.process.wait()
        assert kernel.wait(20) == -signal.SIGKILL
        with pytest.raises(UnavailableError):
            Forked([], environment={}, folder="/", streams=(1, 2))
    finally:
        os.environ.pop(SOCKET)
        if before is not None:
            os.environ[SOCKET] = before
        owned.close()


def test_who_asks_a_warm_process_that_dies_while_it_imports_is_sent_away(monkeypatch):
    owned = WarmProcess()
    monkeypatch.setenv(SOCKET, owned.path)
    killer = threading.Timer(0.3, owned.process.kill)
    killer.start()
    begun = time.monotonic()
    try:
        with pytest.raises(UnavailableError, match="did not answer"):
            Forked([], environment={}, folder="/", streams=(1, 2))
        assert 0.2 < time.monotonic() - begun < client.PATIENCE / 2  # it waited, and was told
    finally:
        killer.join()
        owned.close()


def test_a_warm_process_that_still_imports_need_not_be_waited_for():
    owned = WarmProcess()
    owned.close()
    assert owned.process.returncode == -signal.SIGTERM
    assert not Path(owned.folder).exists()


def test_a_warm_process_that_cannot_be_started_leaves_nothing(monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 120)  # longer than a socket's path may be
    deep.mkdir()
    monkeypatch.setattr(client.tempfile, "tempdir", str(deep))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="too long"):
        WarmProcess()
    assert (list(deep.iterdir()), os.listdir("/proc/self/fd")) == ([], before)


def test_a_forked_kernel_dies_with_its_parent_at_any_moment():
    """When that died before the kernel could ask for it, and afterwards, whatever the kernel is doing."""
    early = "import os; from rpeval.kernels.server import die_with; die_with(os.getpid()); print('lives')"
    run = subprocess.run([sys.executable, "-c", early], capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("", 1)
    code = """
import os, time
from rpeval.kernels.server import die_with
own = os.getpid()
if os.fork() == 0:
    die_with(own)
    print("begun", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "begun\n"
        parent.kill()
        assert parent.communicate(timeout=20)[0] == ""  # comes when nobody is left who could write


def test_a_process_forked_from_the_owner_does_not_end_it(warm):
    child = os.fork()
    if child == 0:
        warm.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert warm.process.poll() is None


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv(SOCKET, "off")
    with pytest.raises(UnavailableError, match="off"):
        client.find()
