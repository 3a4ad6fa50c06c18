import pytest

from shared.asking.probe import RIGHT, Probe, minds


@pytest.mark.parametrize("text", [RIGHT, '{ "ready" :\n"yes" }\n', "{" + " " * 900, '{"ready"'])
def test_json_of_the_schema_shows_that_a_server_minds_it_as_far_as_it_goes(text: str) -> None:
    assert minds(text)


@pytest.mark.parametrize("text", ["", " \n", "Sure!", '{"ready": "no"}', f"Here: {RIGHT}", "{}"])
def test_anything_else_shows_that_it_does_not(text: str) -> None:
    assert not minds(text)


def test_what_is_right_is_what_the_shape_takes() -> None:
    assert Probe.model_validate_json(RIGHT) == Probe(ready="yes")
