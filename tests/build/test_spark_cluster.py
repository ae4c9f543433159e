"""The cluster for trying out, as far as it goes without starting one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from sendworthy.foundation.errors import SettingsError

from dev import spark_cluster as cluster
from tests.support.projects import ROOT, sendworthy


def write_cluster(folder: Path, *parts: tuple[str, int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{"name": name, "pid": pid, "port": port} for name, pid, port in parts]
    told = {"port": 7077, "pages_port": 1, "cores": 1, "memory": "2g", "parts": listed}
    (folder / "cluster.json").write_text(json.dumps(told), encoding="utf-8")


def test_a_process_that_is_another_s_by_now_is_not_touched(tmp_path: Path) -> None:
    write_cluster(tmp_path, ("master", os.getpid(), 7077))
    started, parts = cluster.status(tmp_path)
    assert started is not None and started.master == "spark://127.0.0.1:7077"
    assert [part.state for part in parts] == ["gone"]
    # and this very process lives on
    assert cluster.stop(tmp_path) == 0 and cluster.read(tmp_path) is None


def test_what_runs_is_recognized_and_ended(tmp_path: Path) -> None:
    # something that calls itself a worker, and obeys
    script = "import time, sys; sys.stdout.write('up\\n'); sys.stdout.flush(); time.sleep(60)"
    worker = "org.apache.spark.deploy.worker.Worker"
    with subprocess.Popen(["python3", "-c", script, worker], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        write_cluster(tmp_path, ("master", os.getpid(), 7077), ("worker-1", process.pid, 7078))
        _, parts = cluster.status(tmp_path)
        # the master is not there to know it
        assert [part.state for part in parts] == ["gone", "lost"]
        assert cluster.stop(tmp_path) == 1
        assert process.wait(10) != 0


def test_a_master_s_word_makes_a_worker_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cluster(tmp_path, ("master", 1, 7077), ("worker-1", 2, 7078), ("worker-2", 3, 7079))
    worker = {"host": "127.0.0.1", "cores": 1, "coresused": 1, "memory": 2048, "memoryused": 1024}
    told = {
        "workers": [{**worker, "port": 7078, "state": "ALIVE"}, {**worker, "port": 7079, "state": "DEAD"}]
    }
    monkeypatch.setattr(cluster, "is_alive", lambda _: True)
    monkeypatch.setattr(cluster, "ask_master", lambda _: told)
    _, parts = cluster.status(tmp_path)
    assert [(part.state, part.cores, part.memory) for part in parts] == [
        ("up", "", ""),
        ("up", "1 of 1", "1024 of 2048 MB"),
        ("lost", "", ""),
    ]


def test_a_running_cluster_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for check in ("check_packages", "check_java"):
        monkeypatch.setattr(cluster, check, lambda *_: None)
    monkeypatch.setattr(cluster, "is_alive", lambda _: True)
    monkeypatch.setattr(cluster, "_wait", lambda *_: None)
    write_cluster(tmp_path, ("master", 1, 7077), ("worker-1", 2, 7078), ("worker-2", 3, 7079))
    assert len(cluster.start(tmp_path, 2, 1, "2G").parts) == 3
    with pytest.raises(SettingsError, match="not with what is asked for"):
        cluster.start(tmp_path, 2, 1, "4g")
    with pytest.raises(SettingsError, match="more workers than 1"):
        cluster.start(tmp_path, 1, 1, "2g")
    assert cluster.read(tmp_path) is not None


def test_a_port_that_is_taken_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for check in ("check_packages", "check_java"):
        monkeypatch.setattr(cluster, check, lambda *_: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="is taken"):
            cluster.start(tmp_path, 1, 1, "1g", port=taken.getsockname()[1])
    with pytest.raises(SettingsError, match="no size"):
        cluster.start(tmp_path, 1, 1, "2 gigabytes")


def test_the_command_says_when_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, words in (("status", "spark_cluster.py start"), ("stop", "no cluster is up")):
        assert cluster.main([command, "--folder", str(tmp_path)]) == 0
        assert words in capsys.readouterr().out
    assert cluster.main(["start", "--memory", "none", "--folder", str(tmp_path)]) == 2
    assert "no size" in capsys.readouterr().err


def test_it_is_no_part_of_the_product() -> None:
    assert not (ROOT / "scripts" / "sendworthy" / "build" / "spark" / "cluster.py").exists()
    assert sendworthy("cluster", "status").returncode == 2


@pytest.mark.spark
def test_a_cluster_comes_up_and_goes_down(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        started = cluster.start(tmp_path, 1, 1, "512m", port=port)
        assert len(started.parts) == 2
        _, parts = cluster.status(tmp_path)
        assert [(part.name, part.state) for part in parts] == [("master", "up"), ("worker-1", "up")]
    finally:
        ended = cluster.stop(tmp_path)
    assert ended == 2 and not any(cluster.is_alive(part) for part in started.parts)
