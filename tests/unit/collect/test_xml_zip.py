"""XML in archives: nested records, and damage, bombs and entities that are refused with their place."""

from __future__ import annotations

import zipfile

import pytest

from cityloom.kernel.errors import DataError

FIRMS = """<?xml version="1.0" encoding="UTF-8"?>
<firms xmlns="urn:x"><!-- <firm/> -->
 <firm id="1"><name>甲</name><rep><name> 乙 </name><idNo/></rep><tel kind="m">1</tel><tel>2</tel></firm>
 <firm><name><![CDATA[<firm>]]></name></firm>
</firms>
"""
COLUMNS = ["name", "rep.name"]


def pack(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)


def take(bench, columns=COLUMNS, **options):
    return bench.run("xml_zip", columns, {"folder": ".", "record": "firm", **options})


def test_records_of_all_members_land_as_dotted_columns(bench):
    pack(bench.folder / "a.zip", ("1.xml", FIRMS), ("2.xml", "<firms><firm><name>丙</name></firm></firms>"), ("x.txt", "?"))
    assert take(bench).written == 3
    assert bench.rows("name", "rep.name", "rep.idNo", "@id", "tel", "tel.@kind", "tel[2]", "_row") == [
        ("甲", " 乙 ", "", "1", "1", "m", "2", 1),
        ("<firm>", None, None, None, None, None, None, 2),
        ("丙", None, None, None, None, None, None, 3),
    ]


def test_a_plain_file_is_taken_too(bench):
    bench.write("a.xml", FIRMS)
    assert take(bench, pattern="*.xml").written == 2


def test_a_file_without_records_is_an_empty_batch(bench):
    bench.write("a.xml", "<firms/>")
    assert take(bench, pattern="*.xml").summary["reconciled"]
    assert bench.rows(*COLUMNS) == []


def test_malformed_xml_is_named_with_member_line_and_column(bench):
    pack(bench.folder / "a.zip", ("1.xml", "<firms>\n<firm><name>甲</nam></firm>\n</firms>"))
    with pytest.raises(DataError, match=r"a\.zip, 1\.xml, line 2, column") as caught:
        take(bench)
    assert caught.value.code == "collect.xml.malformed"


def test_a_cut_off_document_lands_nothing(bench):
    pack(bench.folder / "a.zip", ("1.xml", FIRMS[: FIRMS.rindex("</firms>")]))
    with pytest.raises(DataError) as caught:
        take(bench)
    assert caught.value.code == "collect.xml.malformed"
    assert not bench.lake.exists("raw_ga__things")


@pytest.mark.parametrize("harm", ["cut", "flip", "none"])
def test_a_damaged_archive_is_named(bench, harm):
    path = bench.folder / "a.zip"
    pack(path, ("1.xml", FIRMS))
    content = bytearray(path.read_bytes())
    if harm == "flip":
        content[60] ^= 255
    path.write_bytes({"cut": content[:-30], "flip": content, "none": b"no zip"}[harm])
    with pytest.raises(DataError, match=r"a\.zip") as caught:
        take(bench)
    assert caught.value.code in {"collect.zip.damaged", "collect.xml.malformed"}


def test_entities_are_refused_and_nothing_is_fetched(bench):
    bench.write("secret.txt", "hidden")
    bomb = '<!DOCTYPE f [<!ENTITY x SYSTEM "secret.txt">]><firms><firm><name>&x;</name></firm></firms>'
    pack(bench.folder / "a.zip", ("1.xml", bomb))
    with pytest.raises(DataError) as caught:
        take(bench)
    assert caught.value.code == "collect.xml.doctype"


def test_a_bomb_is_stopped(bench):
    pack(bench.folder / "a.zip", ("1.xml", "<firms>" + " " * (30 << 20) + "</firms>"))
    with pytest.raises(DataError) as caught:
        take(bench)
    assert caught.value.code == "collect.zip.bomb"
