"""The step of several machines: its tasks on this one, each a process, as in so many terminals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from processes import environment, wait_until
from scripts import script_from_diff
from series import ROOT

NAME = "mnist_6.0_distributed.py"


# Worker 0 stops at its iteration 100 until another worker has made some steps.
WAITS = """    global heard, made, own
    while task == 0 and i == 100 and sess.run(steps) < 115:
        time.sleep(0.1)
"""

# Worker 0 is paused at its iteration 100 until there is a file of this name.
PAUSES = """    global heard, made, own
    while task == 0 and i == 100 and not os.path.exists("go"):
        datavis.is_paused = lambda: True
        time.sleep(0.1)
    datavis.is_paused = lambda: False
"""


def free_addresses(n):
    """So many addresses on this machine that nobody uses."""
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = ["127.0.0.1:{}".format(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return addresses


class Cluster:
    """A parameter server and two workers, started one by one; the script is shortened."""

    def __init__(self, folder, digits, iterations=300, patience=60, waits=None):
        text = script_from_diff(NAME, folder)
        assert text.count("10000") == 6 and text.count("PATIENCE = 60") == 1
        text = text.replace("10000", str(iterations))
        text = text.replace("PATIENCE = 60", "PATIENCE = {}".format(patience))
        if waits:
            assert text.count(waits.splitlines()[0] + "\n") == 1
            text = text.replace(waits.splitlines()[0] + "\n", waits)
        # What a run leaves for the next one stays with it.
        (folder / NAME).write_text(text.replace(
            "import tensorflowvisu\n", "import tensorflowvisu\ntensorflowvisu.DATA = '.'\n"),
            encoding="utf-8")
        self.folder, self.digits = folder, digits
        addresses = free_addresses(3)
        self.cluster = {"ps": addresses[:1], "worker": addresses[1:]}
        self.tasks = {}

    def start(self, job, index, config=None):
        """Starts a task in a folder of its own, without a display."""
        place = self.folder / "{}{}".format(job, index)
        place.mkdir(exist_ok=True)
        config = config or json.dumps(
            {"cluster": self.cluster, "task": {"type": job, "index": index}})
        with open(str(place / "out"), "w") as out, open(str(place / "err"), "w") as err:
            self.tasks[job, index] = subprocess.Popen(
                [sys.executable, "-u", str(self.folder / NAME)], cwd=str(place),
                env=environment(MNIST_DATA=self.digits, TF_CONFIG=config, PYTHONPATH=ROOT),
                stdout=out, stderr=err)

    def out(self, job, index):
        return (self.folder / "{}{}".format(job, index) / "out").read_text()

    def errors(self, job, index):
        """What a task wrote to standard error, without the notice of the digits."""
        lines = (self.folder / "{}{}".format(job, index) / "err").read_text().splitlines()
        return [line for line in lines if "not the original MNIST" not in line]

    def trained(self, index, above=-1):
        """Whether a worker has printed a line of training beyond an iteration."""
        assert self.tasks["worker", index].poll() is None, self.errors("worker", index)
        lines = re.findall(r"^(\d+): accuracy", self.out("worker", index), re.M)
        return any(int(i) > above for i in lines)

    def start_all(self):
        """Starts the parameter server, worker 0, and worker 1, late, when the first one trains."""
        self.start("ps", 0)
        self.start("worker", 0)
        wait_until(lambda: self.trained(0), 120)
        self.start("worker", 1)

    def end(self, job, index, seconds=120):
        """Waits until a task has ended by itself; its exit status."""
        return self.tasks[job, index].wait(seconds)


@pytest.fixture
def cluster(tmp_path, small_digits):
    clusters = []

    def make(**options):
        clusters.append(Cluster(tmp_path, small_digits, **options))
        return clusters[0]

    yield make
    for process in [process for one in clusters for process in one.tasks.values()]:
        process.kill()
        process.wait()


def test_two_workers_train_together_and_all_tasks_end(cluster):
    cluster = cluster(waits=WAITS)
    cluster.start_all()
    assert [cluster.end(*task) for task in (("worker", 0), ("worker", 1), ("ps", 0))] == [0, 0, 0]

    # The loss falls, on the panels of worker 0 and for the other one.
    losses = [[float(loss) for loss in re.findall(r"^\d+: accuracy:\S+ loss: (\S+) ",
                                                  cluster.out("worker", k), re.M)] for k in (0, 1)]
    assert losses[0][-1] < 0.3 * losses[0][0] and losses[1][-1] < losses[0][0]
    tests = re.findall(r"^(\d+): \*+ epoch .* test accuracy:(\S+)", cluster.out("worker", 0), re.M)
    # Where the other worker is more than 100 steps ahead, 200 is left out.
    assert [int(i) for i, _ in tests if i != "200"] == [0, 20, 40, 60, 80, 100, 300]
    assert float(tests[-1][1]) > 0.8
    assert "max test accuracy: " in cluster.out("worker", 0)
    assert os.path.exists(str(cluster.folder / "worker0" / (NAME[:-3] + ".png")))
    assert "test accuracy" not in cluster.out("worker", 1)

    # The steps of both are counted together: each says at its end how many there are, the last one
    # all of them.
    said = [cluster.errors("worker", k) for k in (0, 1)]
    counts = [re.fullmatch(r"worker {}: (\d+) of (\d+) steps".format(k), line).groups()
              for k in (0, 1) for line in said[k] if line.startswith("worker")]
    own, total = zip(*[(int(a), int(b)) for a, b in counts])
    assert own[0] > 100 and own[1] > 10
    # Both may begin the same step, which then counts twice.
    assert 301 <= sum(own) == max(total) <= 310
    # Apart from that there is nothing but the panels' notices.
    assert len(said[0]) == 3 and len(said[1]) == 1 and not cluster.errors("ps", 0)


def test_a_worker_that_is_killed_is_survived(cluster):
    cluster = cluster(patience=20, waits=WAITS)
    cluster.start_all()
    wait_until(lambda: cluster.trained(1, 110), 120)
    cluster.tasks["worker", 1].kill()
    assert cluster.end("worker", 0) == 0
    assert "300: accuracy" in cluster.out("worker", 0)
    assert cluster.end("ps", 0) == 0


def test_worker_0_that_is_killed_joins_in_again(cluster):
    cluster = cluster(iterations=600)
    cluster.start_all()
    wait_until(lambda: cluster.trained(1, 100), 120)
    cluster.tasks["worker", 0].kill()
    cluster.end("worker", 0)
    made = max(int(i) for i in re.findall(r"^(\d+): accuracy", cluster.out("worker", 1), re.M))
    cluster.start("worker", 0)
    assert [cluster.end(*task) for task in (("worker", 0), ("worker", 1), ("ps", 0))] == [0, 0, 0]
    # It begins where the other one was, with what has been learnt.
    lines = re.findall(r"^(\d+): accuracy:(\S+)", cluster.out("worker", 0), re.M)
    assert int(lines[0][0]) >= made - 120 and float(lines[0][1]) > 0.5
    assert "max test accuracy: " in cluster.out("worker", 0)


def test_the_parameter_server_waits_for_worker_0_while_it_is_paused(cluster):
    cluster = cluster(patience=12, waits=PAUSES)
    cluster.start("ps", 0)
    cluster.start("worker", 0)
    wait_until(lambda: cluster.trained(0, 70), 120)
    cluster.start("worker", 1)
    assert cluster.end("worker", 1) == 0
    time.sleep(15)
    assert cluster.tasks["ps", 0].poll() is None and cluster.tasks["worker", 0].poll() is None
    (cluster.folder / "worker0" / "go").touch()
    assert [cluster.end(*task) for task in (("worker", 0), ("ps", 0))] == [0, 0]
    assert "300: accuracy" in cluster.out("worker", 0)


def test_tasks_end_where_the_parameter_server_is_killed(cluster):
    cluster = cluster(iterations=90000, patience=5)
    cluster.start("ps", 0)
    cluster.start("worker", 0)
    wait_until(lambda: cluster.trained(0), 120)
    cluster.tasks["ps", 0].kill()
    began = time.time()
    assert cluster.end("worker", 0) == 1
    assert time.time() - began < 30
    assert cluster.errors("worker", 0)[-1].startswith("Nothing was heard from others")
    assert "Traceback" not in "".join(cluster.errors("worker", 0))


@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_ends_where_there_is_no_parameter_server(cluster, index):
    cluster = cluster(patience=3)
    cluster.start("worker", index)
    assert cluster.end("worker", index) == 1
    assert [line[:17] for line in cluster.errors("worker", index)] == ["Nothing was heard"]


def test_a_port_that_is_taken_is_named(cluster):
    cluster = cluster()
    address = cluster.cluster["ps"][0]
    with socket.socket() as other:
        other.bind(("0.0.0.0", int(address.split(":")[1])))
        other.listen(1)
        cluster.start("ps", 0)
        assert cluster.end("ps", 0) == 1
    assert cluster.errors("ps", 0)[-1].startswith(address + " is no free address of this machine")
    assert "Traceback" not in "".join(cluster.errors("ps", 0))


def test_ctrl_c_ends_a_parameter_server(cluster):
    cluster = cluster()
    cluster.start("ps", 0)
    wait_until(lambda: "Tensorflow" in cluster.out("ps", 0), 60)
    time.sleep(1)
    cluster.tasks["ps", 0].send_signal(signal.SIGINT)
    assert cluster.end("ps", 0, 10) == -signal.SIGINT
    assert not cluster.errors("ps", 0)


WRONG = {
    "missing": None,
    "not JSON": "{ps: localhost}",
    "no object": "3",
    "no task": '{"cluster": {"ps": ["127.0.0.1:1"], "worker": ["127.0.0.1:2"]}}',
    "no such task": '{"cluster": {"ps": ["127.0.0.1:1"], "worker": ["127.0.0.1:2"]},'
                    ' "task": {"type": "worker", "index": 1}}',
    "no workers": '{"cluster": {"ps": ["127.0.0.1:1"], "worker": []},'
                  ' "task": {"type": "ps", "index": 0}}',
    "no port": '{"cluster": {"ps": ["127.0.0.1"], "worker": ["127.0.0.1:2"]},'
               ' "task": {"type": "worker", "index": 0}}',
    "no number": '{"cluster": {"ps": ["127.0.0.1:1"], "worker": ["127.0.0.1:two"]},'
                 ' "task": {"type": "ps", "index": 0}}',
    "no parameter server": '{"cluster": {"worker": ["127.0.0.1:2"]},'
                           ' "task": {"type": "worker", "index": 0}}',
    "another kind": '{"cluster": {"chief": ["127.0.0.1:1"], "ps": ["127.0.0.1:2"],'
                    ' "worker": ["127.0.0.1:3"]}, "task": {"type": "chief", "index": 0}}',
}


def test_a_cluster_that_is_wrong_ends_in_one_sentence(tmp_path, monkeypatch):
    # One process for all of them: what is tried is the few lines that read TF_CONFIG.
    text = script_from_diff(NAME, tmp_path)
    start, end = text.index("try:\n    config"), text.index("try:\n    server")
    import tensorflowvisu
    for what, config in WRONG.items():
        monkeypatch.delenv("TF_CONFIG", raising=False)
        if config is not None:
            monkeypatch.setenv("TF_CONFIG", config)
        with pytest.raises(SystemExit) as ended:
            exec(text[start:end], {"json": json, "os": os, "sys": sys, "tf": tensorflowvisu.tf})
        assert str(ended.value).startswith("TF_CONFIG must name a cluster of one"), what
        assert str(ended.value).endswith(config or "it is not set"), what
        assert "\n" not in str(ended.value)
