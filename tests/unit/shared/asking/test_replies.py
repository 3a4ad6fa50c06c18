import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shared.asking.question import Reply
from shared.asking.replies import Replies
from shared.cache import evict
from shared.errors import DataFailed

KEEP = """
import sys
from pathlib import Path
from shared.asking.question import Reply
from shared.asking.replies import Replies
replies = Replies(Path(sys.argv[1]))
for number in range(40):
    replies.keep(f"{sys.argv[2]} {number}", Reply(sys.argv[2], number))
    replies.keep(f"both {number}", Reply(sys.argv[2], number))
"""


def test_a_reply_is_found_by_whoever_opens_the_file_next(tmp_path: Path) -> None:
    whole, faulty = Reply("四\n", 7), Reply("fo", 9, "cut off")
    with closing(Replies(tmp_path / "replies")) as replies:
        replies.keep("a", whole)
        replies.keep("b", faulty)

    with closing(Replies(tmp_path / "replies")) as replies:
        assert (replies.find("a"), replies.find("b"), replies.find("c")) == (whole, faulty, None)


def test_the_first_reply_to_a_question_is_the_one_that_counts(tmp_path: Path) -> None:
    with closing(Replies(tmp_path / "replies")) as replies:
        first = replies.keep("a", Reply("first", 1))

        assert replies.keep("a", Reply("second", 2)) == first == replies.find("a")


def test_two_processes_keep_replies_at_once_and_none_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KEEP, str(tmp_path / "replies")]
    both = [subprocess.Popen([*command, name]) for name in ("one", "other")]

    assert [process.wait(60) for process in both] == [0, 0]

    with closing(Replies(tmp_path / "replies")) as replies:
        for number in range(40):
            found = [replies.find(f"{name} {number}") for name in ("one", "other", "both")]
            assert all(reply is not None and reply.tokens == number for reply in found)


def test_evicting_prepared_data_leaves_replies_alone(tmp_path: Path) -> None:
    with closing(Replies(tmp_path / "replies.sqlite")) as replies:
        replies.keep("a", Reply("first", 1))

        evict([tmp_path], max_bytes=0)

        assert replies.keep("b", Reply("second", 2))
    with closing(Replies(tmp_path / "replies.sqlite")) as replies:
        assert replies.find("a") == Reply("first", 1)


def test_a_file_that_is_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "replies").write_text("these are no replies " * 99)

    with pytest.raises(DataFailed, match=r"replies: wanted to keep .* move the file away"):
        Replies(tmp_path / "replies")
