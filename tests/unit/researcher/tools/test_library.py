import logging
import os
from pathlib import Path

import pytest

from services.researcher.tools.library import Library
from services.researcher.tools.passages import LONGEST, passages_of
from shared.answering import GivenUp


def pdf_of(pages: list[str], *, to_unicode: str = "") -> bytes:
    """Return a real PDF with a line of text a page, written by hand.

    ``to_unicode`` is the body of the font's map from codes to characters.
    """
    last = 4 + 2 * len(pages)
    mapped = f" /ToUnicode {last} 0 R" if to_unicode else ""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica{mapped} >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    objects.append(f"<< /Length {len(to_unicode)} >>\nstream\n{to_unicode}\nendstream")
    body, starts = "%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        starts.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    size = len(objects) + 1
    return (
        f"{body}xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    ).encode()


def library_of(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", tmp_path / "cache")


@pytest.fixture(autouse=True)
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


def test_a_passage_of_a_pdf_names_its_page(tmp_path: Path, documents: Path) -> None:
    pages = ["Adapters are small matrices.", "Warmup steadies the beginning."]
    (documents / "paper.pdf").write_bytes(pdf_of(pages))

    [passage] = library_of(tmp_path).look("how does warmup help", 4).items

    assert (passage.document, passage.place) == ("paper.pdf", "page 2")
    assert passage.text == "Warmup steadies the beginning."


def test_a_passage_of_markdown_names_its_heading(tmp_path: Path, documents: Path) -> None:
    (documents / "notes").mkdir()
    (documents / "notes" / "sst.md").write_text(
        "Before all.\n\n# Learning rates\n\nTwice as high for adapters.\n\n"
        "```\n# no heading\n```\n\n## Epochs ##\n\nThree are enough.\n"
    )

    found = library_of(tmp_path).look("adapters", 4)
    [epochs] = library_of(tmp_path).look("epochs", 4).items

    assert [(one.document, one.place) for one in found.items] == [
        ("notes/sst.md", "Learning rates")
    ]
    assert "# no heading" in found.items[0].text
    assert (epochs.place, epochs.text) == ("Epochs", "Three are enough.")


def test_the_passage_that_says_most_of_it_comes_first(tmp_path: Path, documents: Path) -> None:
    (documents / "a.txt").write_text("Adapters and many other things, one after the other.")
    (documents / "b.txt").write_text("Adapters want a high learning rate.")

    found = library_of(tmp_path).look("learning rate of adapters", 4).items

    assert [passage.document for passage in found] == ["b.txt", "a.txt"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("学习率", "适配器需要较高的学习率。"),
        ("LoRA 微调", "我们用LoRA微调模型"),
        ("学習率", "アダプターには高い学習率が要る。"),
        ("학습률", "어댑터에는 높은 학습률이 필요하다."),
    ],
)
def test_words_that_no_space_parts_are_found(
    tmp_path: Path, documents: Path, query: str, text: str
) -> None:
    (documents / "a.txt").write_text(text)
    (documents / "b.txt").write_text("电影评论 映画 영화 films")

    found = library_of(tmp_path).look(query, 4).items

    assert [passage.text for passage in found] == [text]


@pytest.mark.parametrize("query", ["", "the", "???", "nothingofthesort"])
def test_a_query_that_no_word_answers_finds_nothing(
    tmp_path: Path, documents: Path, query: str
) -> None:
    (documents / "a.txt").write_text("Adapters want a high learning rate.")

    assert library_of(tmp_path).look(query, 4).items == ()


@pytest.mark.parametrize("text", [None, "", "the of and"])
def test_a_library_without_words_is_no_error(
    tmp_path: Path, documents: Path, text: str | None
) -> None:
    if text is not None:
        (documents / "a.txt").write_text(text)

    assert library_of(tmp_path).look("adapters", 4).items == ()


def test_what_cannot_be_read_is_named_and_the_rest_is_found(
    tmp_path: Path, documents: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    (documents / "broken.pdf").write_bytes(pdf_of(["Adapters."])[:60])
    (documents / "empty.pdf").write_bytes(b"")
    (documents / "latin.txt").write_bytes("Anhängsel".encode("latin-1"))
    (documents / "good.txt").write_text("Adapters.")
    (documents / "picture.png").write_bytes(b"Adapters.")
    (documents / ".hidden.txt").write_text("Adapters.")

    found = library_of(tmp_path).look("adapters", 4)

    assert [passage.document for passage in found.items] == ["good.txt"]
    assert [fault.split(" of the library could not be read: ")[0] for fault in found.faults] == [
        "broken.pdf",
        "empty.pdf",
        "latin.txt",
    ]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    found = Library(tmp_path / "nowhere", tmp_path / "cache").look("adapters", 4)

    assert found.faults == ("The library was not looked into: there is no such folder.",)


def test_a_document_is_read_once_until_its_bytes_change(tmp_path: Path, documents: Path) -> None:
    document = documents / "a.txt"
    document.write_text("Adapters.")
    library_of(tmp_path).look("adapters", 4)
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_text(kept.read_text().replace("Adapters.", "Adapters, as kept."))

    again = library_of(tmp_path).look("adapters", 4)
    document.write_text("Adapters, rewritten.")
    changed = library_of(tmp_path).look("adapters", 4)

    assert again.items[0].text == "Adapters, as kept."
    assert changed.items[0].text == "Adapters, rewritten."


def test_no_passage_is_long_and_none_of_the_text_is_lost(tmp_path: Path) -> None:
    words = [f"word{n}" for n in range(2000)]
    file = tmp_path / "long.txt"
    file.write_text("\n\n".join([" ".join(words[:1500]), *words[1500:]]))

    passages = list(passages_of(file, "long.txt"))

    assert all(len(passage.text) <= LONGEST for passage in passages)
    assert [word for passage in passages for word in passage.text.split()] == words


def test_a_library_is_not_read_on_for_work_that_is_given_up(
    tmp_path: Path, documents: Path
) -> None:
    def give_up() -> None:
        raise GivenUp

    (documents / "a.txt").write_text("Adapters.")
    library = Library(documents, tmp_path / "cache", give_up=give_up)

    with pytest.raises(GivenUp):
        library.look("adapters", 4)


def test_what_cannot_be_kept_is_found_all_the_same(tmp_path: Path, documents: Path) -> None:
    (documents / "a.txt").write_text("Adapters.")
    (tmp_path / "cache").write_text("a file where a folder should be")

    assert library_of(tmp_path).look("adapters", 4).items[0].text == "Adapters."


def test_half_a_surrogate_pair_in_a_pdf_is_a_question_mark(tmp_path: Path, documents: Path) -> None:
    to_unicode = "1 beginbfchar\n<7a> <d800>\nendbfchar"
    (documents / "odd.pdf").write_bytes(pdf_of(["Adapters z."], to_unicode=to_unicode))

    [passage] = library_of(tmp_path).look("adapters", 4).items

    assert passage.text == "Adapters ?."


def test_a_name_that_is_no_utf_8_is_shown_with_question_marks(
    tmp_path: Path, documents: Path
) -> None:
    Path(os.fsdecode(os.fsencode(documents) + b"/n\xf6tes.txt")).write_text("Adapters.")

    [passage] = library_of(tmp_path).look("adapters", 4).items

    assert passage.document == "n?tes.txt"


def test_a_document_that_gives_no_text_is_named(tmp_path: Path, documents: Path) -> None:
    (documents / "scan.pdf").write_bytes(pdf_of([""]))

    found = library_of(tmp_path).look("adapters", 4)

    assert found.faults == ("scan.pdf of the library holds no text that can be read.",)
