from trex.sse import Message, messages


def test_an_event_is_whole_however_the_text_is_cut() -> None:
    text = 'id: 7\nevent: work_ended\ndata: {"a":\ndata: 1}\n\n'

    found = list(messages(text))

    assert found == [Message("work_ended", '{"a":\n1}', "7")]


def test_comments_and_empty_events_are_left_out() -> None:
    found = list(messages([": ping\n\n\n\nevent: progress\n\ndata: x\n\n"]))

    assert found == [Message("message", "x", "")]


def test_an_id_stays_until_the_next_one() -> None:
    found = list(messages(["id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n"]))

    assert [message.id for message in found] == ["1", "1", "2"]


def test_an_event_broken_off_is_dropped() -> None:
    assert list(messages(["data: a\n\n", "data: b\n"])) == [Message("message", "a", "")]


def test_signs_that_json_may_hold_do_not_end_a_line() -> None:
    found = list(messages(['data: "one\u2028two\x85three"\r\n\r\n']))

    assert found == [Message("message", '"one\u2028two\x85three"', "")]
