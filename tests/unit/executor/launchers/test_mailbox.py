"""What passes through the files of an attempt's folder."""

import time
from pathlib import Path

from services.executor.launchers.mailbox import Listener, Mail, Pulse, send
from shared.contracts.run import Progress
from tests.support.examples import FAILED, PROGRESS, TRAINED


def test_every_line_is_read_once_and_as_what_it_was(tmp_path: Path) -> None:
    mail = Mail(tmp_path)

    assert mail.new() == []
    send(tmp_path, PROGRESS)
    assert mail.new() == [PROGRESS]
    send(tmp_path, TRAINED)
    send(tmp_path, FAILED)
    assert mail.new() == [TRAINED, FAILED]
    assert mail.new() == []


def test_a_line_that_is_not_whole_yet_is_read_later(tmp_path: Path) -> None:
    mail = Mail(tmp_path)
    send(tmp_path, PROGRESS)
    send(tmp_path, Progress(phase="sparen für später"))
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()

    file.write_bytes(whole[:-7])
    assert mail.new() == [PROGRESS]
    file.write_bytes(whole)
    assert mail.new() == [Progress(phase="sparen für später")]


def test_a_pulse_is_heard_and_its_silence_too(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path, every_s=0.0)
    listener = Listener(tmp_path)

    first = listener.silent_s()
    time.sleep(0.05)
    later = listener.silent_s()
    pulse.beat()

    assert later - first >= 0.05
    assert listener.silent_s() < later


def test_a_pulse_is_not_written_before_it_is_due(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path, every_s=60.0)
    [file] = tmp_path.iterdir()
    before = file.read_bytes()

    pulse.beat()

    assert file.read_bytes() == before


def test_a_process_is_told_to_leave_by_the_pulse(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path, every_s=60.0)
    listener = Listener(tmp_path)
    listener.silent_s()
    assert not listener.told_to_leave

    pulse.tell_to_leave()
    listener.silent_s()

    assert listener.told_to_leave


def test_a_folder_that_cannot_be_read_is_silence_and_no_error(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "gone")

    time.sleep(0.02)

    assert listener.silent_s() > 0.01
