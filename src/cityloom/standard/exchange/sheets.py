"""The sheets of a workbook of standards: their columns, which part of a definition each holds, and what to write there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cityloom.model.text import Title

TEXT, LIST, JSON, FLAG = "text", "list", "json", "flag"


@dataclass(frozen=True)
class Column:
    """One column: the part of the definition it holds (``title.zh``), its header, how it is written.

    ``form`` is ``text``, ``list`` (parted by ``|``), ``json`` or ``flag`` (a yes or a no).
    """

    path: str
    header: Title
    form: str = TEXT
    is_required: bool = False
    help: Title = Title("", "")


@dataclass(frozen=True)
class Sheet:
    """One sheet. ``part`` names the list of a definition that its rows are, ``owner`` the column that names whose;
    without them a row is a definition."""

    kind: str
    title: Title
    columns: tuple[Column, ...]
    part: str = ""
    owner: str = ""


_NAME = Column("name", Title("名称", "Name"), is_required=True, help=Title("以字母开头，由字母、数字和 _ . - 组成", "Letters, digits, _ . -; begins with a letter"))
_TITLES = (
    Column("title.zh", Title("中文名称", "Chinese title"), is_required=True),
    Column("title.en", Title("英文名称", "English title"), help=Title("不填则用中文名称", "The Chinese title when empty")),
)
_DEFINITIONS = (
    Column("definition.zh", Title("定义", "Definition"), is_required=True),
    Column("definition.en", Title("英文定义", "English definition"), help=Title("不填则用中文定义", "The Chinese one when empty")),
)
_STANDARD = Column("standard", Title("来源标准", "Standard"), is_required=True, help=Title("标准编号；自定的写 own", "Number of the standard; own for one's own"))
_VERSION = (
    Column("version", Title("版本", "Version"), help=Title("不填为 1.0", "1.0 when empty")),
    Column("state", Title("状态", "State"), help=Title("不填为 published", "published when empty")),
)
_MANY = Title("多个用 | 分隔", "Several are parted by |")
_AS_JSON = Title("JSON 数组，写法与定义文件相同", "A JSON array, as in a definition file")

SHEETS = (
    Sheet(
        "element",
        Title("数据元", "Elements"),
        (
            Column("identifier", Title("标识符", "Identifier"), is_required=True),
            _NAME,
            *_TITLES,
            *_DEFINITIONS,
            Column("representation", Title("表示", "Representation"), is_required=True, help=Title("如 a..30、an18、n..12,2、d10、bl", "a..30, an18, n..12,2, d10, bl")),
            _STANDARD,
            Column("codes", Title("代码表", "Code table"), help=Title("代码表的名称", "Name of a code table")),
            Column("coding_rule", Title("编码规则", "Coding rule"), help=Title("如 citizen_id、uscc、phone", "citizen_id, uscc, phone, …")),
            Column("unit", Title("计量单位", "Unit")),
            Column("synonyms", Title("同义名", "Synonyms"), LIST, help=_MANY),
            Column("grade", Title("数据级别", "Grade"), help=Title("public、internal、sensitive 或 core，不填为 internal", "public, internal, sensitive or core; internal when empty")),
            Column("steps", Title("标准化步骤", "Steps"), JSON, help=_AS_JSON),
            Column("rules", Title("质量规则", "Rules"), JSON, help=_AS_JSON),
            *_VERSION,
        ),
    ),
    Sheet("code_table", Title("代码表", "Code tables"), (_NAME, *_TITLES, _STANDARD, *_VERSION)),
    Sheet(
        "code_table",
        Title("代码", "Codes"),
        (
            Column("", Title("所属代码表", "Code table"), is_required=True, help=Title("“代码表”页中的名称", "A name of the sheet of code tables")),
            Column("code", Title("代码", "Code"), is_required=True),
            *_TITLES,
            Column("parent", Title("上级代码", "Parent")),
            Column("variants", Title("各部门写法", "Variants"), LIST, help=_MANY),
            Column("valid_from", Title("启用日期", "Valid from"), help=Title("如 2010-12-31", "yyyy-mm-dd")),
            Column("valid_to", Title("停用日期", "Valid to"), help=Title("自该日起不再使用", "The first day on which it counts no more")),
            Column("successors", Title("后继代码", "Successors"), LIST, help=_MANY),
        ),
        part="codes",
        owner="所属代码表",
    ),
    Sheet(
        "data_set",
        Title("数据集标准", "Data sets"),
        (
            Column("identifier", Title("标识符", "Identifier"), is_required=True),
            _NAME,
            *_TITLES,
            *_DEFINITIONS,
            _STANDARD,
            Column("relations", Title("关系", "Relations"), JSON, help=_AS_JSON),
            *_VERSION,
        ),
    ),
    Sheet(
        "data_set",
        Title("数据集字段", "Fields"),
        (
            Column("", Title("所属数据集", "Data set"), is_required=True, help=Title("“数据集标准”页中的名称", "A name of the sheet of data sets")),
            Column("element", Title("数据元", "Element"), is_required=True, help=Title("数据元的名称", "Name of an element")),
            Column("name", Title("字段名", "Item"), help=Title("不填则用数据元的名称", "The element's name when empty")),
            Column("title.zh", Title("中文名称", "Chinese title")),
            Column("title.en", Title("英文名称", "English title")),
            Column("is_mandatory", Title("必备", "Mandatory"), FLAG, help=Title("是或否", "yes or no")),
            Column("is_key", Title("主键", "Key"), FLAG, help=Title("是或否", "yes or no")),
        ),
        part="fields",
        owner="所属数据集",
    ),
    Sheet(
        "term",
        Title("业务术语", "Terms"),
        (
            _NAME,
            *_TITLES,
            *_DEFINITIONS,
            replace(_STANDARD, is_required=False),
            Column("synonyms", Title("同义词", "Synonyms"), LIST, help=_MANY),
            Column("broader", Title("上位术语", "Broader term"), help=Title("业务术语的名称", "Name of a term")),
            Column("elements", Title("数据元", "Elements"), LIST, help=Title("表达它的数据元，多个用 | 分隔", "Elements that express it, parted by |")),
            *_VERSION,
        ),
    ),
)
HELP = Title("说明", "Help")
YES = ("是", "y", "yes", "true", "1", "√")
NO = ("否", "n", "no", "false", "0", "")
