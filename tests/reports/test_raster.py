"""Pictures: each SVG becomes one PNG of its own size, with its text, the same bytes each time."""

import io

import pytest
from PIL import Image

from rpeval.reports.pages.raster import fonts, png

BOX = '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">{inner}</svg>'


def opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB")


def test_nothing_gives_nothing():
    assert png([]) == []


@pytest.mark.parametrize("n", [1, 2, 12])
def test_each_picture_keeps_its_place_and_size(n):
    made = png([BOX.format(w=96 * (i + 1), h=48, inner="") for i in range(n)], ppi=50)
    assert [opened(p).size for p in made] == [(50 * (i + 1), 25) for i in range(n)]


def test_what_is_not_drawn_is_white_and_what_is_drawn_is_not():
    inner = '<rect x="48" width="48" height="48" fill="#102030"/>'
    picture = opened(png([BOX.format(w=96, h=48, inner=inner)], ppi=96)[0])
    assert picture.getpixel((10, 10)) == (255, 255, 255)
    assert picture.getpixel((70, 10)) == (0x10, 0x20, 0x30)


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_text_is_drawn_though_it_only_says_sans_serif(weight):
    inner = f'<text x="4" y="30" font-family="sans-serif" font-weight="{weight}">Ünder ≥ 10</text>'
    picture = opened(png([BOX.format(w=96, h=48, inner=inner)])[0])
    assert min(low for low, _ in picture.getextrema()) < 60


def test_the_same_pictures_give_the_same_bytes_alone_or_in_company():
    pictures = [BOX.format(w=96, h=48, inner=f'<circle cx="40" cy="20" r="{r}"/>') for r in (5, 9)]
    assert png(pictures) == png(pictures) == png(pictures[:1]) + png(pictures[1:])


def test_no_font_of_the_machine_is_used():
    paths = [font.path for font in fonts().fonts() if font.path]
    assert paths
    assert all("matplotlib" in path for path in paths)
    assert "DejaVu Sans" in fonts().families()
