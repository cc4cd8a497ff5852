"""The start page: whole in both languages, escaped, and it loads nothing from outside."""

import ast
import json
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from lxml import html

from cityloom import api, web
from cityloom.kernel.i18n import use_language
from cityloom.web.pages import render
from cityloom.web.report import Report
from cityloom.web.view import StartView

SAMPLE = json.loads((Path(__file__).parent / "sample_report.json").read_text(encoding="utf-8"))
ROOMS = [Path(room.__file__).parent for room in (web, api)]
CATALOG = ROOMS[0].parent / "locales" / "zh" / "web.po"


def page(report=SAMPLE, language="zh"):
    checked = Report.model_validate(report)
    with use_language(language):
        return render("start.html", view=StartView(checked), report=checked, base_url="http://127.0.0.1:8650")


def test_the_report_stands_on_the_page():
    text = html.fromstring(page()).text_content()
    for expected in (
        "云澜市",
        "103,874",
        "357,551",
        SAMPLE["audit"]["root"],
        "林若溪",
        "household-20260301-01",
        "已脱敏",
    ):
        assert expected in text


def test_english_has_no_chinese_of_its_own():
    text = re.sub(r"城织|中文", "", html.fromstring(page(language="en")).text_content())
    values = {str(v["value"]) for v in SAMPLE["person"]["values"]} | set(SAMPLE["service"]["answer"].values())
    values |= {"《社会保险经办条例》第二十条", "林若溪"}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "")
    assert re.findall(r"[\u4e00-\u9fff]+", text) == []


def test_an_empty_report_makes_a_page():
    assert "CityLoom" in page({})


@pytest.mark.parametrize("part", sorted(SAMPLE))
def test_each_part_may_be_missing(part):
    assert page({k: v for k, v in SAMPLE.items() if k != part})


def test_without_a_report_the_page_names_the_command():
    with use_language("zh"):
        assert "cityloom demo" in render("empty.html")


def test_values_are_escaped():
    bad = SAMPLE | {"city": {"name_zh": "<script>alert(1)</script>", "name_en": "x"}}
    assert "<script" not in page(bad)


def test_nothing_is_loaded_from_outside_and_nothing_is_inline():
    tree = html.fromstring(page())
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in ("script", "style", "iframe")
        assert "style" not in element.attrib
        assert not any(name.startswith("on") for name in element.attrib)
        for name in ("src", "href"):
            assert not re.match(r"(?:\w+:)?//", element.get(name, ""))
    for sheet in web.STATIC.glob("*.css"):
        assert not re.search(r"@import|url\(\s*[\"']?(?:\w+:)?//", sheet.read_text(encoding="utf-8"))


def test_every_anchor_and_label_has_its_target():
    tree = html.fromstring(page())
    ids = [e.get("id") for e in tree.iter() if isinstance(e.tag, str) and e.get("id")]
    assert len(ids) == len(set(ids))
    wanted = [a[1:] for a in tree.xpath("//a/@href") if a.startswith("#")]
    wanted += tree.xpath("//@aria-labelledby")
    assert set(wanted) <= set(ids)


def test_bars_stay_inside_their_track():
    for width in html.fromstring(page()).xpath("//rect[@class='fill']/@width"):
        assert 0 <= float(width) <= 100


def test_the_catalog_has_every_sentence_and_no_other():
    wanted = set()
    for room in ROOMS:
        methods = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
        wanted |= {row[2] for row in extract_from_dir(room, methods, keywords={"_": None})}
        for module in room.glob("*.py"):
            wanted |= set(_templates(ast.parse(module.read_text(encoding="utf-8"))))
    with CATALOG.open("rb") as file:
        have = {m.id: m.string for m in read_po(file) if m.id}
    assert set(have) == wanted
    assert [i for i, text in have.items() if not text] == []
    places = re.compile(r"\{\w+\}")
    assert [i for i, text in have.items() if set(places.findall(i)) != set(places.findall(text))] == []


def _templates(tree):
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "").endswith("Error")
            and len(node.args) > 1
            and isinstance(node.args[1], ast.Constant)  # else it is handed on as another's error
        ):
            yield node.args[1].value
            yield from (k.value.value for k in node.keywords if k.arg == "hint")
