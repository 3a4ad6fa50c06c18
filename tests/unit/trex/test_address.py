from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import Rejected, Unavailable
from shared.settings import ClientSettings
from trex.address import Address, find_address


def test_an_address_in_the_environment_comes_before_the_home(tmp_path: Path) -> None:
    (tmp_path / "connection.json").write_text('{"url": "http://here", "token": "a"}')
    settings = ClientSettings(home=tmp_path, url="http://there:1/", token=SecretStr("b"))

    found = find_address(settings)

    assert found == Address("http://there:1", "b", origin="TREX_TOKEN")


def test_without_one_the_system_in_the_home_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "connection.json"
    file.write_text('{"url": "http://127.0.0.1:9", "token": "a"}')

    found = find_address(ClientSettings(home=tmp_path))

    assert found == Address("http://127.0.0.1:9", "a", origin=str(file))


def test_a_home_without_a_system_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="start it with `trex up` or set TREX_URL"):
        find_address(ClientSettings(home=tmp_path))


@pytest.mark.parametrize("text", ["", "[]", '{"url": "http://x"}', "null"])
def test_a_connection_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "connection.json").write_text(text)

    with pytest.raises(Unavailable, match=r"connection\.json: wanted a JSON object with url"):
        find_address(ClientSettings(home=tmp_path))


def test_an_address_without_http_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="TREX_URL: wanted an address such as http://"):
        find_address(ClientSettings(home=tmp_path, url="localhost:8686"))
