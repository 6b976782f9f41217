"""The step of several machines: its tasks on this one, each a process, as in so many terminals."""

import contextlib
import json
import os
import re
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time

import pytest

import next_steps
import tensorflowvisu
from digits import write_digits
from processes import environment, wait_until, without_memory_lines
from series import ROOT

pytestmark = pytest.mark.slow
NAME = "mnist_6.0_distributed.py"
LONG = 400  # seconds: a limit for a busy machine

# Worker 0 is paused at its iteration 100 until there is a file "go" beside the script.
FIRST = "    global began, made, own\n"
PAUSES = """    while task == 0 and i == 100 and not os.path.exists("../go"):
        time.sleep(0.1)
"""


def config(ps=("127.0.0.1:1",), worker=("127.0.0.1:2",), job="worker", index=0):
    """What TF_CONFIG is for a task."""
    return json.dumps({"cluster": {"ps": ps, "worker": worker},
                       "task": {"type": job, "index": index}})


def free_addresses(n):
    """So many addresses on this machine that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return ["127.0.0.1:{}".format(one.getsockname()[1]) for one in sockets]


class Relay(socketserver.ThreadingTCPServer):
    """Stands between two tasks, as a cable does that can be pulled out."""

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), None)
        self.target, self.ends, self.is_cut = target.split(":"), [], False
        self.address = "127.0.0.1:{}".format(self.server_address[1])
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, one, _):
        other = socket.create_connection(self.target)
        self.ends += [one, other]
        threading.Thread(target=self.pass_on, args=(other, one), daemon=True).start()
        self.pass_on(one, other)

    def handle_error(self, *_):
        """Where nobody is at the other end, the connection is closed, and nothing is said."""

    def pass_on(self, one, other):
        with one, other, contextlib.suppress(OSError):
            data = one.recv(1 << 16)
            while data:
                while self.is_cut:  # What is on its way waits, and gets lost with the connection.
                    time.sleep(0.05)
                other.sendall(data)
                data = one.recv(1 << 16)


class Cluster:
    """A parameter server and two workers, started one by one; the script is shortened."""

    def __init__(self, folder, digits, ends, iterations=300, pauses=False, relays=False, **numbers):
        text = next_steps.text_of(NAME).replace("10000", str(iterations))
        for name, number in numbers.items():
            assert text.count(name + " = 60") == 1
            text = text.replace(name + " = 60", "{} = {}".format(name, number))
        if pauses:
            assert text.count(FIRST) == 1
            text = text.replace(FIRST, FIRST + PAUSES)
        (folder / NAME).write_text(text, encoding="utf-8")
        self.folder, self.digits, self.ends, self.tasks = folder, digits, ends, {}
        self.checkpoints = folder / "worker0" / "data" / "distributed"
        self.ps, *workers = free_addresses(3)
        # Where there are relays, the parameter server and worker 0 know them as each other.
        self.relays = [Relay(self.ps), Relay(workers[0])] if relays else []
        to_ps, to_worker = [one.address for one in self.relays] or (self.ps, workers[0])
        self.known = {("ps", 0): ([self.ps], [to_worker, workers[1]]),
                      ("worker", 0): ([to_ps], workers), ("worker", 1): ([self.ps], workers)}

    def start(self, job, index=0, digits=None):
        """Starts a task, or starts it again, in a folder of its own, without a display."""
        self.kill(job, index)
        place = self.folder / "{}{}".format(job, index)
        place.mkdir(exist_ok=True)
        with open(str(place / "out"), "w") as out, open(str(place / "err"), "w") as err:
            self.tasks[job, index] = subprocess.Popen(
                [sys.executable, str(self.folder / NAME)], cwd=str(place), stdout=out,
                stderr=err, env=environment(
                    MNIST_DATA=digits or self.digits, PYTHONPATH=ROOT,
                    TF_CONFIG=config(*self.known[job, index], job, index),
                    TENSORFLOWVISU_DATA=str(place / "data")))
        self.ends.callback(self.kill, job, index)

    def kill(self, *task):
        if task in self.tasks:
            self.tasks[task].kill()
            self.tasks[task].wait()

    def end(self, job, index=0, seconds=LONG):
        """Waits until a task has ended by itself; its exit status."""
        return self.tasks[job, index].wait(seconds)

    def out(self, job, index=0):
        return (self.folder / "{}{}".format(job, index) / "out").read_text()

    def errors(self, job, index=0):
        """What a task wrote to standard error, without the notice of the digits."""
        errors = (self.folder / "{}{}".format(job, index) / "err").read_text()
        return [line for line in without_memory_lines(errors).splitlines()
                if "not the original MNIST" not in line]

    def training(self, index, above=-1, lines=1):
        """Waits for lines of a worker's training beyond an iteration: (iteration, accuracy)."""
        def found():
            assert self.tasks["worker", index].poll() is None, self.errors("worker", index)
            seen = re.findall(r"^(\d+): accuracy:(\S+) ", self.out("worker", index), re.M)
            seen = [(int(i), float(a)) for i, a in seen if int(i) > above]
            return seen if len(seen) >= lines else None

        return wait_until(found, LONG)

    def accuracy(self, above=None):
        """The mean accuracy of the next five lines of worker 0, or of those beyond an iteration."""
        above = self.training(0)[-1][0] if above is None else above
        return sum(a for _, a in self.training(0, above, 5)[:5]) / 5

    def said(self):
        """What worker 0 has said about what was learnt."""
        return [line for line in self.errors("worker") if "checkpoint" in line or "anew" in line]

    def start_all(self):
        """Starts the parameter server, worker 0, and worker 1, late, when the first one trains."""
        self.start("ps")
        self.start("worker")
        self.training(0)
        self.start("worker", 1)


@pytest.fixture
def cluster(tmp_path, small_digits):
    with contextlib.ExitStack() as ends:
        yield lambda **options: Cluster(tmp_path, small_digits, ends, **options)


def test_two_workers_train_together_and_all_tasks_end(cluster):
    cluster = cluster(pauses=True, SAVE_EVERY=1)
    cluster.start_all()
    cluster.training(1, 110)
    (cluster.folder / "go").touch()
    assert [cluster.end(*task) for task in (("worker", 0), ("worker", 1), ("ps", 0))] == [0, 0, 0]

    # The loss falls, on the panels of worker 0 and for the other one.
    losses = [[float(loss) for loss in re.findall(r"^\d+: accuracy:\S+ loss: (\S+) ",
                                                  cluster.out("worker", k), re.M)] for k in (0, 1)]
    assert losses[0][-1] < 0.3 * losses[0][0] and losses[1][-1] < losses[0][0]
    tests = re.findall(r"^(\d+): \*+ epoch .* test accuracy:(\S+)", cluster.out("worker"), re.M)
    # Where the other worker is more than 100 steps ahead, 200 is left out.
    assert [int(i) for i, _ in tests if i != "200"] == [0, 20, 40, 60, 80, 100, 300]
    assert float(tests[-1][1]) > 0.8
    assert "max test accuracy: " in cluster.out("worker")
    assert os.path.exists(str(cluster.folder / "worker0" / (NAME[:-3] + ".png")))
    assert "test accuracy" not in cluster.out("worker", 1)
    # What is over leaves no checkpoint: the next training begins anew.
    assert not cluster.checkpoints.exists()

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
    assert len(said[0]) == 3 and len(said[1]) == 1 and not cluster.errors("ps")


def test_workers_that_are_killed_are_missed_by_nobody_and_join_in_again(cluster):
    cluster = cluster(iterations=1500, pauses=True, PATIENCE=12)
    cluster.start_all()
    cluster.training(1, 110)
    cluster.kill("worker", 1)
    (cluster.folder / "go").touch()
    made, _ = cluster.training(0, 200)[-1]
    cluster.kill("worker", 0)
    # Each begins where the others were, with what has been learnt.
    for index in (1, 0):
        cluster.start("worker", index)
        iteration, accuracy = cluster.training(index)[0]
        assert iteration >= made - 120 and accuracy > 0.5
    cluster.kill("worker", 1)
    assert [cluster.end("worker"), cluster.end("ps")] == [0, 0]
    assert "1500: accuracy" in cluster.out("worker")
    assert "max test accuracy: " in cluster.out("worker")


def test_the_parameter_server_waits_for_worker_0_while_it_is_paused(cluster):
    cluster = cluster(PATIENCE=5, pauses=True)
    cluster.start_all()
    assert cluster.end("worker", 1) == 0
    time.sleep(8)
    assert cluster.tasks["ps", 0].poll() is None and cluster.tasks["worker", 0].poll() is None
    (cluster.folder / "go").touch()
    assert [cluster.end("worker"), cluster.end("ps")] == [0, 0]
    assert "300: accuracy" in cluster.out("worker")


@pytest.mark.parametrize("how", ["was killed", "is cut off"])
def test_without_a_parameter_server_a_worker_ends_with_a_sentence(how, cluster):
    cluster = cluster(iterations=90000, relays=True, PATIENCE=5)
    cluster.start("ps")
    cluster.start("worker")
    cluster.training(0)
    if how == "was killed":
        cluster.kill("ps", 0)
    cluster.relays[0].is_cut = how == "is cut off"
    assert cluster.end("worker", seconds=60) == 1
    assert cluster.errors("worker")[-1].startswith("Nothing was heard from others")
    assert "Traceback" not in "".join(cluster.errors("worker"))


def test_workers_end_where_there_is_no_parameter_server(cluster):
    cluster = cluster(PATIENCE=3)
    for index in (0, 1):
        cluster.start("worker", index)
    for index in (0, 1):
        assert cluster.end("worker", index) == 1
        sentence, = cluster.errors("worker", index)
        assert sentence.startswith("Nothing was heard") and "no_proxy" in sentence


@pytest.mark.skipif(sys.version_info < (3, 8), reason="TensorFlow 1.15.5 may not mend a connection:"
                    " then the worker ends with its sentence, and is started again")
def test_a_torn_connection_loses_nothing(cluster):
    # On a busy machine it takes a while to connect again; how long a worker waits is tested above.
    cluster = cluster(iterations=90000, relays=True, PATIENCE=120)
    cluster.start("ps")
    cluster.start("worker")
    before = cluster.accuracy(500)
    for relays, seconds in ((cluster.relays[:1], 3), (cluster.relays, 40)):
        for relay in relays:
            relay.is_cut = True
        time.sleep(seconds)
        for relay in relays:
            for end in relay.ends:
                end.close()
            relay.is_cut = False
        assert cluster.accuracy() > before - 0.05 > 0.8
    assert not cluster.said()


def test_what_is_learnt_is_kept_in_a_checkpoint(cluster, tmp_path):
    cluster = cluster(iterations=90000, SAVE_EVERY=1)
    goes_on = ["The training goes on from the checkpoint in {}.".format(cluster.checkpoints)]
    cluster.start("ps")
    cluster.start("worker")
    before = cluster.accuracy(500)
    wait_until((cluster.checkpoints / "checkpoint").exists, LONG)
    # The parameter server starts again, then both tasks do.
    cluster.start("ps")
    assert wait_until(cluster.said, LONG) == goes_on
    assert cluster.accuracy() > before - 0.05 > 0.8
    cluster.kill("worker", 0)
    cluster.start("ps")
    cluster.start("worker")
    assert cluster.accuracy(0) > before - 0.05
    assert cluster.said() == goes_on
    # Other digits: the checkpoint is named, and a worker with the first ones is refused.
    (tmp_path / "other").mkdir()
    write_digits(tmp_path / "other", 600, 200)
    cluster.kill("worker", 0)
    cluster.start("ps")
    cluster.start("worker", digits=str(tmp_path / "other"))
    assert cluster.accuracy(-1) < before
    assert cluster.said() == ["The checkpoint in {} does not fit this network and these digits."
                              .format(cluster.checkpoints)]
    cluster.start("worker", 1)
    assert cluster.end("worker", 1) == 1
    assert cluster.errors("worker", 1) == [
        "The network learns from other digits than those of this worker: give all the same."]


def test_without_a_checkpoint_the_training_begins_anew(cluster):
    cluster = cluster(iterations=90000)
    cluster.start("ps")
    cluster.start("worker")
    before = cluster.accuracy(300)
    cluster.start("ps")
    said, = wait_until(cluster.said, LONG)
    assert said.endswith("has lost what was learnt: the training begins anew.")
    assert cluster.accuracy() < before


def test_ctrl_c_ends_a_parameter_server(cluster):
    cluster = cluster()
    cluster.start("ps")
    wait_until(lambda: "Tensorflow" in cluster.out("ps"), 60)
    time.sleep(1)
    cluster.tasks["ps", 0].send_signal(signal.SIGINT)
    assert cluster.end("ps", seconds=10) == -signal.SIGINT
    assert not cluster.errors("ps")


WRONG = [None, "{ps: localhost}", "3", '{"cluster": {}}', config(index=1), config(worker=[]),
         config(ps=["127.0.0.1"]), config(worker=["127.0.0.1:two"]), config(ps=[]),
         config(job="chief")]


def test_a_cluster_that_is_wrong_ends_in_one_sentence(monkeypatch):
    # One process for all of them: what is tried is the few lines that read TF_CONFIG.
    text = next_steps.text_of(NAME)
    lines = text[text.index("try:\n    config"):text.index("# A task sees itself")]

    def sentence(wrong):
        monkeypatch.setattr(os, "environ", {"TF_CONFIG": wrong} if wrong else {})
        with pytest.raises(SystemExit) as ended:
            exec(lines, {"json": json, "os": os, "socket": socket, "sys": sys,
                         "tf": tensorflowvisu.tf})
        assert "\n" not in str(ended.value)
        return str(ended.value)

    for wrong in WRONG:
        assert sentence(wrong).startswith("TF_CONFIG must name a cluster of one"), wrong
        assert sentence(wrong).endswith(wrong or "it is not set")
    # The index of another machine, and a port that is taken.
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen(1)
        for address in ("192.0.2.1:2222", "127.0.0.1:{}".format(other.getsockname()[1])):
            assert sentence(config(worker=[address])).startswith(
                address + " is no free address of this machine")
