"""What a full disk does not take costs no training, and nothing half-written stays."""

import errno
import logging
import os
import threading
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboardX import SummaryWriter

from rlg_genpo.host import disk


@pytest.fixture
def full(monkeypatch):
    """While its list holds something, no file reaches the disk."""
    sync, closed = os.fsync, [True]

    def refusing(number):
        if closed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(number)

    monkeypatch.setattr(os, "fsync", refusing)
    return closed


def test_a_file_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch):
    order = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (order.append("fsync"), sync(number)))
    monkeypatch.setattr(Path, "replace", lambda *paths: (order.append("rename"), replace(*paths)))
    disk.write(tmp_path / "a", b"new")
    assert order == ["fsync", "rename", "fsync"]  # the file, and then its folder
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_and_nothing_else(tmp_path, monkeypatch, error):
    path = tmp_path / "a"
    disk.write(path, b"old")

    def failing(number):
        raise error

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(type(error)):
        disk.write(path, b"new")
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"old"


def test_a_file_written_over_takes_no_second_place(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"long ago")
    number = path.stat().st_ino
    disk.overwrite(path, b"now")
    assert path.read_bytes() == b"now" and path.stat().st_ino == number


def test_a_checkpoint_is_warned_of_once_and_tried_again(tmp_path, full, caplog):
    saver, path = disk.Saver(), tmp_path / "last.pth"
    assert not saver.save({"epoch": 1}, path) and not saver.save({"epoch": 2}, path)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(path) in caplog.text and "No space left" in caplog.text
    full.clear()
    assert saver.save({"epoch": 3}, path)
    assert torch.load(path)["epoch"] == 3 and list(tmp_path.iterdir()) == [path]
    assert "written again" in caplog.text


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A SummaryWriter whose first file is on a full device."""
    monkeypatch.setattr(disk, "RETRY_EVERY", 0.0)
    writer = SummaryWriter(str(tmp_path))
    records = writer.file_writer.event_writer._ev_writer._py_recordio_writer
    records._writer.close()
    records._writer = open("/dev/full", "wb")  # noqa: SIM115
    disk.outlive(writer)
    disk.outlive(writer)  # harmless
    return writer


def test_scalars_on_a_full_disk_hold_nobody_up(tmp_path, broken, caplog):
    def write():
        for step in range(200):
            broken.add_scalar("a", float(step), step)
            broken.flush()
        broken.close()

    thread = threading.Thread(target=write, daemon=True)
    with caplog.at_level(logging.WARNING):
        thread.start()
        thread.join(60)
    assert not thread.is_alive()
    assert caplog.text.count("scalars are lost") == 1
    # A file that began after the loss has the rest, which TensorBoard can read.
    steps = [event.step for event in EventAccumulator(str(tmp_path)).Reload().Scalars("a")]
    assert len(steps) > 150 and steps[-1] == 199


def test_a_writer_of_another_kind_is_left_alone():
    disk.outlive(None)
    disk.outlive(object())
