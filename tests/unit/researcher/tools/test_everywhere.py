from pathlib import Path

import pytest

from services.researcher.tools.arxiv import arxiv
from services.researcher.tools.everywhere import Everywhere, everywhere
from services.researcher.tools.hub_datasets import hub_datasets
from services.researcher.tools.hub_papers import hub_papers
from services.researcher.tools.semantic_scholar import semantic_scholar
from services.researcher.tools.web import Service, Silent, Web
from shared.settings import ResearcherSettings
from tests.support.web_server import Page, web_server

CASSETTES = Path(__file__).parent / "cassettes"
"""Answers in the services' own forms, shortened and with words of ours."""


def recorded() -> Web:
    return Web(CASSETTES, network=False)


def test_a_feed_of_arxiv_gives_titles_years_and_addresses_without_versions() -> None:
    new, old = arxiv(recorded(), "low-rank adaptation", 4)

    assert new.title == "LoRA: Low-Rank Adaptation of Large Language Models"
    assert new.abstract.startswith("Freezes the weights of a pre-trained model and trains pairs")
    assert (new.where, new.year) == ("https://arxiv.org/abs/2106.09685", 2021)
    assert (old.where, old.year) == ("https://arxiv.org/abs/cs/0112017", 2001)


def test_a_paper_of_semantic_scholar_may_lack_abstract_year_and_arxiv_id() -> None:
    known, lonely = semantic_scholar(recorded(), "low-rank adaptation", 4)

    assert (known.where, known.year) == ("https://arxiv.org/abs/2106.09685", 2021)
    assert (lonely.abstract, lonely.year) == ("", None)
    assert lonely.where.endswith(
        "semanticscholar.org/paper/0123456789abcdef0123456789abcdef01234567"
    )


def test_papers_of_hugging_face_are_those_of_arxiv() -> None:
    first, second = hub_papers(recorded(), "low-rank adaptation", 4)

    assert (first.where, first.year) == ("https://arxiv.org/abs/2402.12354", 2024)
    assert first.abstract == "Gives the two matrices of an adapter learning rates that differ."
    assert second.where == "https://arxiv.org/abs/2106.09685"


def test_a_paper_that_three_services_know_counts_once() -> None:
    found = Everywhere(recorded(), None, None, None).papers("low-rank adaptation")

    assert [paper.where.rpartition("/")[2][:10] for paper in found.items] == [
        "2106.09685",
        "0112017",
        "0123456789",
        "2402.12354",
    ]
    assert not found.faults


def test_a_data_set_comes_with_licence_size_columns_and_first_rows() -> None:
    imdb, _ = hub_datasets(recorded(), "movie reviews", 3).items

    assert (imdb.name, imdb.licence, imdb.rows) == ("stanfordnlp/imdb", "other", 25000)
    assert (imdb.columns, imdb.splits) == (("text", "label"), ("test", "train", "unsupervised"))
    assert len(imdb.samples) == 5
    assert imdb.samples[1] == {
        "text": "Review number 1 of a film that nobody has seen.",
        "label": 1,
    }
    assert imdb.where == "https://huggingface.co/datasets/stanfordnlp/imdb"


def test_a_data_set_that_the_viewer_does_not_show_is_listed_and_one_behind_a_form_is_not() -> None:
    found = hub_datasets(recorded(), "movie reviews", 3)

    names = {one.name: one for one in found.items}

    assert set(names) == {"stanfordnlp/imdb", "somebody/reviews-as-a-script"}
    hidden = names["somebody/reviews-as-a-script"]
    assert (hidden.licence, hidden.rows, hidden.samples) == ("mit, cc-by-4.0", None, ())
    [fault] = found.faults
    assert fault.startswith("somebody/reviews-as-a-script was not looked into: The data set viewer")


def test_services_that_were_not_asked_are_named_without_the_query(tmp_path: Path) -> None:
    offline = Everywhere(Web(tmp_path, network=False), None, None, None)

    papers, datasets = offline.papers("a secret plan"), offline.datasets("a secret plan")

    assert [fault.split(" was not asked")[0] for fault in papers.faults + datasets.faults] == [
        "arXiv",
        "Semantic Scholar",
        "Hugging Face",
        "Hugging Face",
    ]
    assert "secret" not in " ".join(papers.faults + datasets.faults)
    assert offline.kinds == frozenset()


def test_the_settings_decide_what_can_be_looked_into(tmp_path: Path) -> None:
    nothing = ResearcherSettings(cache=tmp_path)
    local = ResearcherSettings(cache=tmp_path, library=tmp_path, catalogue=tmp_path / "c.yaml")

    assert everywhere(nothing).kinds == frozenset()
    assert everywhere(local).kinds == {"passages", "catalogue"}
    assert everywhere(ResearcherSettings(cache=tmp_path, network=True)).kinds == {
        "papers",
        "datasets",
    }


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<feed",
        "<html><body>Rate exceeded.</body></html>",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><feed xmlns="http://www.w3.org/2005/Atom">&a;</feed>',
    ],
)
def test_what_is_no_feed_is_a_sentence(tmp_path: Path, body: str) -> None:
    with web_server(lambda got, before: Page(body)) as server:
        web = Web(tmp_path, network=True)
        with pytest.raises(Silent, match="arXiv answered in another form than expected"):
            arxiv(web, "lora", 4, service=Service("arXiv", server.url, 0.0))


def test_an_error_in_an_entry_of_arxiv_is_no_paper(tmp_path: Path) -> None:
    feed = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry>'
        "<id>http://arxiv.org/api/errors#incorrect_id_format</id><title>Error</title>"
        "<summary>incorrect id format</summary></entry></feed>"
    )

    with web_server(lambda got, before: Page(feed)) as server:
        found = arxiv(
            Web(tmp_path, network=True), "x", 4, service=Service("arXiv", server.url, 0.0)
        )

    assert found == ()


@pytest.mark.parametrize("body", ["", '{"total": 3, "data": [', "[]", '{"message": "Forbidden"}'])
def test_json_of_another_form_is_a_sentence(tmp_path: Path, body: str) -> None:
    with web_server(lambda got, before: Page(body)) as server:
        web = Web(tmp_path, network=True)
        scholar = Service("Semantic Scholar", server.url, 0.0)
        with pytest.raises(Silent, match="Semantic Scholar answered in another form"):
            semantic_scholar(web, "lora", 4, service=scholar)


def test_an_address_that_a_stranger_wrote_is_taken_from_nobody(tmp_path: Path) -> None:
    listed = '[{"id": "../../api/whoami", "tags": []}, {"id": "good/one", "tags": []}]'
    with web_server(lambda got, before: Page(listed)) as server:
        service = Service("Hugging Face", server.url, 0.0)
        viewer = Service("The data set viewer", server.url, 0.0)
        found = hub_datasets(Web(tmp_path, network=True), "x", 3, hub=service, viewer=viewer)

    assert [one.name for one in found.items] == ["good/one"]
    assert [got.params.get("dataset") for got in server.got] == [None, "good/one"]
