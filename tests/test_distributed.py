"""The step of several machines: its tasks on this one, each a process, as in so many terminals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from digits import write_digits
from processes import environment, wait_until
from scripts import script_from_diff
from series import ROOT

pytestmark = pytest.mark.slow
NAME = "mnist_6.0_distributed.py"
LONG = 400  # seconds: a limit for a busy machine

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


class Relay:
    """Stands between two tasks, as a cable does that can be pulled out."""

    def __init__(self, target):
        self.target, self.pairs, self.is_cut = target, [], False
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(5)
        self.address = "127.0.0.1:{}".format(self.listener.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            one, _ = self.listener.accept()
            try:
                host, port = self.target.split(":")
                other = socket.create_connection((host, int(port)))
            except OSError:
                one.close()
                continue
            self.pairs += [one, other]
            for pair in ((one, other), (other, one)):
                threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    def pass_on(self, one, other):
        try:
            while True:
                data = one.recv(1 << 16)
                while self.is_cut:  # What is on its way waits, and gets lost with the connection.
                    time.sleep(0.05)
                if not data:
                    break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()

    def cut(self, seconds):
        """Cuts all connections, and lets none through for so long."""
        self.is_cut = True
        time.sleep(seconds)
        for end in self.pairs:
            end.close()
        self.is_cut = False


class Cluster:
    """A parameter server and two workers, started one by one; the script is shortened."""

    def __init__(self, folder, digits, iterations=300, waits=None, relays=False, **numbers):
        text = script_from_diff(NAME, folder)
        assert text.count("10000") == 6
        text = text.replace("10000", str(iterations))
        for name, number in numbers.items():
            assert text.count(name + " = 60") == 1
            text = text.replace(name + " = 60", "{} = {}".format(name, number))
        if waits:
            assert text.count(waits.splitlines()[0] + "\n") == 1
            text = text.replace(waits.splitlines()[0] + "\n", waits)
        (folder / NAME).write_text(text, encoding="utf-8")
        self.folder, self.digits, self.tasks = folder, digits, {}
        ps, first, second = free_addresses(3)
        self.cluster = {"ps": [ps], "worker": [first, second]}
        # Where there are relays, the parameter server and worker 0 know them as each other.
        self.relays = [Relay(ps), Relay(first)] if relays else []
        self.seen = {("ps", 0): self.cluster, ("worker", 0): self.cluster}
        if relays:
            to_ps, to_worker = (relay.address for relay in self.relays)
            self.seen = {("ps", 0): {"ps": [ps], "worker": [to_worker, second]},
                         ("worker", 0): {"ps": [to_ps], "worker": [first, second]}}

    def start(self, job, index, config=None, digits=None):
        """Starts a task in a folder of its own, without a display."""
        place = self.folder / "{}{}".format(job, index)
        place.mkdir(exist_ok=True)
        config = config or json.dumps({"cluster": self.seen.get((job, index), self.cluster),
                                       "task": {"type": job, "index": index}})
        with open(str(place / "out"), "w") as out, open(str(place / "err"), "w") as err:
            self.tasks[job, index] = subprocess.Popen(
                [sys.executable, "-u", str(self.folder / NAME)], cwd=str(place), stdout=out,
                stderr=err, env=environment(
                    MNIST_DATA=digits or self.digits, TF_CONFIG=config, PYTHONPATH=ROOT,
                    TENSORFLOWVISU_DATA=str(place / "data")))

    def out(self, job, index):
        return (self.folder / "{}{}".format(job, index) / "out").read_text()

    def errors(self, job, index):
        """What a task wrote to standard error, without the notice of the digits."""
        lines = (self.folder / "{}{}".format(job, index) / "err").read_text().splitlines()
        return [line for line in lines if "not the original MNIST" not in line]

    def training(self, index):
        """The lines of a worker's training: (iteration, accuracy) each."""
        assert self.tasks["worker", index].poll() is None, self.errors("worker", index)
        lines = re.findall(r"^(\d+): accuracy:(\S+) ", self.out("worker", index), re.M)
        return [(int(i), float(a)) for i, a in lines]

    def trained(self, index, above=-1):
        """Whether a worker has printed a line of training beyond an iteration."""
        return any(i > above for i, _ in self.training(index))

    def accuracy_after(self, iteration):
        """Waits for five lines of worker 0 beyond an iteration; the mean accuracy of these."""
        def found():
            return [a for i, a in self.training(0) if i > iteration][:5]

        wait_until(lambda: len(found()) == 5, LONG)
        return sum(found()) / 5

    def said(self):
        """What worker 0 has said about what was learnt."""
        return [line for line in self.errors("worker", 0) if "checkpoint" in line or "anew" in line]

    def start_all(self):
        """Starts the parameter server, worker 0, and worker 1, late, when the first one trains."""
        self.start("ps", 0)
        self.start("worker", 0)
        wait_until(lambda: self.trained(0), LONG)
        self.start("worker", 1)

    def end(self, job, index, seconds=LONG):
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
    cluster = cluster(waits=WAITS, SAVE_EVERY=1)
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
    # What is over leaves no checkpoint: the next training begins anew.
    assert not (cluster.folder / "worker0" / "data" / "distributed").exists()

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
    cluster = cluster(PATIENCE=20, waits=WAITS)
    cluster.start_all()
    wait_until(lambda: cluster.trained(1, 110), LONG)
    cluster.tasks["worker", 1].kill()
    assert cluster.end("worker", 0) == 0
    assert "300: accuracy" in cluster.out("worker", 0)
    assert cluster.end("ps", 0) == 0


def test_worker_0_that_is_killed_joins_in_again(cluster):
    cluster = cluster(iterations=600)
    cluster.start_all()
    wait_until(lambda: cluster.trained(1, 100), LONG)
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
    cluster = cluster(PATIENCE=12, waits=PAUSES)
    cluster.start("ps", 0)
    cluster.start("worker", 0)
    wait_until(lambda: cluster.trained(0, 70), LONG)
    cluster.start("worker", 1)
    assert cluster.end("worker", 1) == 0
    time.sleep(15)
    assert cluster.tasks["ps", 0].poll() is None and cluster.tasks["worker", 0].poll() is None
    (cluster.folder / "worker0" / "go").touch()
    assert [cluster.end(*task) for task in (("worker", 0), ("ps", 0))] == [0, 0]
    assert "300: accuracy" in cluster.out("worker", 0)


def test_tasks_end_where_the_parameter_server_is_killed(cluster):
    cluster = cluster(iterations=90000, PATIENCE=5)
    cluster.start("ps", 0)
    cluster.start("worker", 0)
    wait_until(lambda: cluster.trained(0), LONG)
    cluster.tasks["ps", 0].kill()
    began = time.time()
    assert cluster.end("worker", 0) == 1
    assert time.time() - began < 30
    assert cluster.errors("worker", 0)[-1].startswith("Nothing was heard from others")
    assert "Traceback" not in "".join(cluster.errors("worker", 0))


@pytest.mark.skipif(sys.version_info < (3, 8), reason="TensorFlow 1.15.5 may not mend a connection:"
                    " then the worker ends with its sentence, and is started again")
@pytest.mark.parametrize("seconds", [3, 40])
@pytest.mark.parametrize("ends", [[0], [0, 1]], ids=["one end", "both ends"])
def test_a_torn_connection_loses_nothing(ends, seconds, cluster):
    cluster = cluster(iterations=90000, relays=True)
    cluster.start("ps", 0)
    cluster.start("worker", 0)
    wait_until(lambda: cluster.trained(0, 500), LONG)
    before = cluster.accuracy_after(400)
    cuts = [threading.Thread(target=cluster.relays[k].cut, args=(seconds,)) for k in ends]
    for one in cuts:
        one.start()
    for one in cuts:
        one.join()
    now = cluster.training(0)[-1][0]
    after = cluster.accuracy_after(now + 20)
    assert after > before - 0.05 > 0.8
    assert not cluster.said()


def test_after_patience_a_cut_off_worker_ends_with_a_sentence(cluster):
    cluster = cluster(iterations=90000, relays=True, PATIENCE=8)
    cluster.start("ps", 0)
    cluster.start("worker", 0)
    wait_until(lambda: cluster.trained(0), LONG)
    threading.Thread(target=cluster.relays[0].cut, args=(60,), daemon=True).start()
    assert cluster.end("worker", 0, 50) == 1
    assert cluster.errors("worker", 0)[-1].startswith("Nothing was heard from others")


@pytest.mark.parametrize("kept", [True, False])
def test_a_parameter_server_that_starts_again(kept, cluster):
    cluster = cluster(iterations=90000, SAVE_EVERY=1 if kept else 600)
    cluster.start("ps", 0)
    cluster.start("worker", 0)
    before = cluster.accuracy_after(500)
    place = cluster.folder / "worker0" / "data" / "distributed"
    if kept:
        wait_until(lambda: place.exists() and (place / "checkpoint").exists(), 60)
    cluster.tasks["ps", 0].kill()
    cluster.end("ps", 0)
    cluster.start("ps", 0)
    said = wait_until(cluster.said, LONG)
    after = cluster.accuracy_after(cluster.training(0)[-1][0])
    if kept:
        assert said == ["The training goes on from the checkpoint in {}.".format(place)]
        assert after > before - 0.05 > 0.8
    else:
        assert said[0].endswith("has lost what was learnt: the training begins anew.")
        assert after < before


def test_a_whole_cluster_starts_again(cluster, tmp_path):
    cluster = cluster(iterations=90000, SAVE_EVERY=1)
    place = cluster.folder / "worker0" / "data" / "distributed"

    def again(digits=None):
        """Ends both tasks, if any, and starts them."""
        for task in cluster.tasks.values():
            task.kill()
            task.wait()
        cluster.start("ps", 0)
        cluster.start("worker", 0, digits=digits)

    again()
    before = cluster.accuracy_after(500)
    wait_until(lambda: (place / "checkpoint").exists(), LONG)
    again()
    assert cluster.accuracy_after(0) > before - 0.05 > 0.8
    assert cluster.said() == ["The training goes on from the checkpoint in {}.".format(place)]
    # Other digits: the checkpoint is named, and a worker with the first ones is refused.
    (tmp_path / "other").mkdir()
    write_digits(tmp_path / "other", 600, 200)
    again(str(tmp_path / "other"))
    assert cluster.accuracy_after(-1) < before
    assert cluster.said() == [
        "The checkpoint in {} does not fit this network and these digits.".format(place)]
    cluster.start("worker", 1)
    assert cluster.end("worker", 1) == 1
    assert cluster.errors("worker", 1) == [
        "The network learns from other digits than those of this worker: give all the same."]


@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_ends_where_there_is_no_parameter_server(cluster, index):
    cluster = cluster(PATIENCE=3)
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
