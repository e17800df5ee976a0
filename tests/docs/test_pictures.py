"""The pictures of windows and stamps: they show what the reference computes, and are drawn for the words of padding."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from conv_conformance import corpus, specification
from conv_conformance.core.call import Call

from docs.generate import pictures as make_pictures
from docs.generate.pictures import Cell, Picture, Row

LOADED = corpus.load()
CASES = {case.id: case for case in LOADED.cases}


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    """All pictures, by the ids of cases."""
    return dict(make_pictures.pictures(specification.load_commentary(LOADED), CASES))


def drawn(name: str) -> list[str]:
    """Return the rows of a case's picture: a column a cell, a dot where there is none."""
    picture = make_pictures.picture(CASES[name].call)
    places = [{cell.column: cell.text for cell in row.cells} for row in picture.rows]
    columns = range(min(map(min, places)), max(map(max, places)) + 1)
    return [" ".join(place.get(column, ".") for column in columns) for place in places]


def test_windows() -> None:
    """A window lies below what it reads, two apart where it is dilated; zeros of padding are there, and the sums."""
    assert ["1 2 3 4 5 6 .", "×1 . ×10 . ×100 . 531", ". ×1 . ×10 . ×100 642"] == drawn("conv1d.dilation.two")
    assert "0 0 1 2 3 4 ." == drawn("conv1d.causal.reads-the-past-alone")[0]
    assert ["1 2 3 4 0 .", "×1 ×2 ×3 . . 14", ". . ×1 ×2 ×3 11"] == drawn("conv1d.same.stride-two")


def test_stamps() -> None:
    """A stamp lies where its products go; the last row is their sums, with what is cropped."""
    assert ["1 1 2 3 . . . . . .", "2 . . 2 4 6 . . . .", "3 . . . . 3 6 9 . .", "4 . . . . . . 4 8 12"] == drawn(
        "conv-transpose1d.same.stride-two"
    )[:-1]
    *kept, cropped = make_pictures.picture(CASES["conv-transpose1d.same.stride-two"].call).rows[-1].cells
    assert ["1", "2", "5", "4", "9", "6", "13", "8"] == [cell.text for cell in kept]
    assert Cell(8, "12", "cropped") == cropped


def test_every_word_has_a_picture(pictures: dict[str, Picture]) -> None:
    """The words that readers ask for are drawn, and every file is a picture with a title that says it in words."""
    asked = [(CASES[name].call.op, CASES[name].call.padding) for name in pictures]
    assert {("conv", word) for word in ("valid", "same", "same_lower", "causal", "full")} <= {*asked}
    assert ("conv_transpose", "same") in asked
    for path, text in make_pictures.text(pictures).items():
        root = ElementTree.fromstring(text)  # noqa: S314 - the picture is our own
        assert pictures[path.stem].words == root[0].text
        assert int(root.attrib["width"]) <= 900


def test_what_is_not_drawn() -> None:
    """Calls of several channels or filters, with a bias, or in two axes have no such picture."""
    for name in ("conv1d.walkthrough.two-channels", "conv1d.walkthrough.two-filters", "conv1d.bias.alone-over-padding"):
        assert not make_pictures.is_drawable(CASES[name].call)
    assert not make_pictures.is_drawable(CASES["conv2d.same.production-size"].call)
    assert make_pictures.is_drawable(CASES["conv1d.strides.two"].call)


def test_a_picture_that_is_wrong_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that are not those of the reference stop the drawing."""

    def shifted(call: Call, output: object) -> Picture:
        return Picture(rows=[Row("input", [Cell(0, "7", "result")])], columns=1, words="")

    monkeypatch.setattr(make_pictures, "windows", shifted)
    with pytest.raises(AssertionError, match="must show the reference's output"):
        make_pictures.picture(CASES["conv1d.strides.two"].call)
