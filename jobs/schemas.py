"""JSON schemas of every business file, for editors: conf/schemas/<kind>.json, named in each file's first line.

`<kind>.json` describes a whole file, `<kind>.part.json` one that is laid over another: a profile, or a file of an operator's
folder. Both follow from the typed objects that read the files; a new kind of file is one line of KINDS.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from conf.alerts import AlertRules
from conf.approval import ApprovalFlow
from conf.campaigns import Campaign
from conf.channels import Channels
from conf.codes import CodeLists, Hotlines, SourceCodes, StatusCodes
from conf.exclusions import Exclusions
from conf.exports import ExportLayout
from conf.feeds import Feed
from conf.files import write_whole
from conf.gate import GateLimits
from conf.kpi import KpiRules
from conf.models import ModelsConfig
from conf.night import Night
from conf.numbering import Numbering
from conf.overlay import TREES
from conf.personal_data import PersonalData
from conf.policy import Policy
from conf.products import Products
from conf.reading import ROOT
from conf.regions import Regions
from conf.responses import ResponseRules
from conf.segments import Judgements, Orientation, Personality, Strategic
from conf.settings import Settings
from conf.tables import Table
from conf.tags import TagFile
from conf.view import ViewRules
from expectations.suites import Suite

FOLDER = ROOT / "conf" / "schemas"
DIALECT = "http://json-schema.org/draft-07/schema#"  # the one editors know best
MARK = "# yaml-language-server: $schema="
NOT_IN_A_FILE = {"settings": ("profile",)}  # what the loader says itself


@dataclass(frozen=True)
class Kind:
    """One kind of file: the object it is read into, and which files below the project are of it."""

    name: str
    model: type[BaseModel]
    files: str
    is_part: bool = False  # such a file holds only what differs from another one

    @property
    def schema(self) -> str:
        """Name of its schema's file."""
        return f"{self.name}.part.json" if self.is_part else f"{self.name}.json"


KINDS = (
    Kind("settings", Settings, "conf/settings.yaml"),
    Kind("settings", Settings, "conf/profiles/*.yaml", is_part=True),
    Kind("alerts", AlertRules, "conf/alerts.yaml"),
    Kind("approval", ApprovalFlow, "conf/approval.yaml"),
    Kind("campaign", Campaign, "conf/campaigns/*.yaml"),
    Kind("channels", Channels, "conf/channels.yaml"),
    Kind("code_lists", CodeLists, "conf/code_lists.yaml"),
    Kind("exclusions", Exclusions, "conf/exclusions.yaml"),
    Kind("gate", GateLimits, "conf/gate.yaml"),
    Kind("personal_data", PersonalData, "conf/personal_data.yaml"),
    Kind("view", ViewRules, "conf/view.yaml"),
    Kind("competitor_hotlines", Hotlines, "conf/competitor_hotlines.yaml"),
    Kind("export", ExportLayout, "conf/exports/*.yaml"),
    Kind("feed", Feed, "conf/feeds/*.yaml"),
    Kind("kpi", KpiRules, "conf/kpi.yaml"),
    Kind("models", ModelsConfig, "conf/models.yaml"),
    Kind("night", Night, "conf/night.yaml"),
    Kind("numbering", Numbering, "conf/numbering.yaml"),
    Kind("policy", Policy, "conf/policy.yaml"),
    Kind("products", Products, "conf/products.yaml"),
    Kind("regions", Regions, "conf/regions.yaml"),
    Kind("responses", ResponseRules, "conf/responses.yaml"),
    Kind("judgements", Judgements, "conf/segments/judgements.yaml"),
    Kind("orientation", Orientation, "conf/segments/orientation.yaml"),
    Kind("personality", Personality, "conf/segments/personality.yaml"),
    Kind("strategic", Strategic, "conf/segments/strategic.yaml"),
    Kind("source_codes", SourceCodes, "conf/source_codes.yaml"),
    Kind("status_codes", StatusCodes, "conf/status_codes.yaml"),
    Kind("tags", TagFile, "conf/tags/*.yaml"),
    Kind("table", Table, "sql/*/*.yaml"),
    Kind("suite", Suite, "expectations/*/*.yaml"),
)


def schemas() -> dict[str, str]:
    """Every schema as text by the name of its file."""
    found = {}
    for kind in KINDS:
        whole = _schema(kind)
        found[f"{kind.name}.json"] = _text(whole)
        found[f"{kind.name}.part.json"] = _text(_as_part(whole))
    return found


def stale(folders: Iterable[Path] = ()) -> list[Path]:
    """Schemas and business files that are not as `write` would leave them."""
    wanted = {FOLDER / name: text for name, text in schemas().items()} | dict(_marked_files(folders))
    there = {path for path in (*wanted, *FOLDER.glob("*.json")) if path.is_file()}
    return sorted(
        path for path in {*wanted, *there} if path not in there or path.read_text("utf-8") != wanted.get(path)
    )


def write(folders: Iterable[Path] = ()) -> list[Path]:
    """Write what is stale, in the project and in the given operators' folders, and return what was written or removed."""
    wanted = {FOLDER / name: text for name, text in schemas().items()} | dict(_marked_files(folders))
    changed = stale(folders)
    for path in changed:
        if path in wanted:
            write_whole(path, wanted[path])
        else:
            path.unlink()
    return changed


def kind_of(path: Path, folder: Path | None = None) -> Kind | None:
    """What kind a file of the project, or of an operator's folder, is; of an operator's, a part when it mirrors a delivered one."""
    place = path.relative_to(folder or ROOT)
    if folder is not None:
        place = place if place.parts[0] in TREES else Path("conf") / place
    kind = next((kind for kind in KINDS if _matches(place, kind.files)), None)
    if kind is None or folder is None or not (ROOT / place).is_file():
        return kind
    return Kind(kind.name, kind.model, kind.files, is_part=True)


def business_files(folders: Iterable[Path] = ()) -> Iterator[tuple[Path, Kind | None]]:
    """Every YAML file of conf/, sql/, expectations/ and of operators' folders, with its kind; None for one of no kind."""
    operators = ROOT / "conf" / "operators"
    for folder in (*sorted(path for path in operators.glob("*") if path.is_dir()), *folders):
        yield from ((path, kind_of(path, folder)) for path in sorted(folder.rglob("*.yaml")))
    for tree in ("conf", *TREES):
        for path in sorted((ROOT / tree).rglob("*.yaml")):
            if not path.is_relative_to(operators):
                yield path, kind_of(path)


def _marked_files(folders: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Business files as they are with the schema's name in their first line."""
    for path, kind in business_files(folders):
        if kind is not None:
            text = path.read_text(encoding="utf-8")
            rest = text.partition("\n")[2] if text.startswith(MARK) else text
            place = Path(os.path.relpath(FOLDER / kind.schema, path.parent)).as_posix()
            yield path, f"{MARK}{place}\n{rest}"


def _matches(place: Path, pattern: str) -> bool:
    return len(place.parts) == len(Path(pattern).parts) and place.match(pattern)


def _schema(kind: Kind) -> dict[str, Any]:
    schema = kind.model.model_json_schema()
    for name in NOT_IN_A_FILE.get(kind.name, ()):
        del schema["properties"][name]
        schema["required"].remove(name)
    models = {model.__name__: model for model in _models_in(kind.model)}
    for name, block in ((kind.model.__name__, schema), *schema.get("$defs", {}).items()):
        if name in models and "properties" in block:
            _say_words(block, models[name])
    return {"$schema": DIALECT, "title": kind.name, **{k: v for k, v in schema.items() if k != "title"}}


def _as_part(schema: Any) -> Any:
    """The same without what a file that is laid over another need not hold."""
    if isinstance(schema, list):
        return [_as_part(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    is_object = schema.get("type") == "object"
    dropped = {"required", "minProperties", "minItems"} if is_object or schema.get("type") == "array" else set()
    return {key: _as_part(value) for key, value in schema.items() if key not in dropped}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Every typed object an annotation or another object is made of, the outer ones first."""
    found: list[type[BaseModel]] = []
    left = [annotation]
    while left:
        each = left.pop(0)
        if isinstance(each, type) and issubclass(each, BaseModel):
            if each not in found:
                found.append(each)
                left += [field.annotation for field in each.model_fields.values()]
        else:
            left += list(get_args(each))
    return found


def _say_words(block: dict[str, Any], model: type[BaseModel]) -> None:
    """Give each property without a description the words its object's docstring has for it."""
    for name, prop in block["properties"].items():
        prop.pop("title", None)
        if "description" not in prop and name in model.model_fields:
            prop["description"] = _words_for(model, name)


def _words_for(model: type[BaseModel], name: str) -> str:
    """Words below the field in the code; else those its object's docstring has for it, the inner object's, or the object's."""
    sentences = re.split(r"(?<=[.;]) +", _plain(model.__doc__ or model.__name__))
    below = _words_below(model).get(name)
    named = [sentence for sentence in sentences if re.search(rf"`{name}`|\b{name}[:,]", sentence)]
    inner = [
        _plain(each.__doc__.split("\n\n")[0])
        for each in _models_in(model.model_fields[name].annotation)
        if each.__doc__
    ]
    return below or " ".join(named or inner[:1] or sentences[:1])


@cache
def _words_below(model: type[BaseModel]) -> dict[str, str]:
    """Text of the string below each field of a class, which costs nothing when the class is made."""
    (block,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    body = block.body if isinstance(block, ast.ClassDef) else []
    return {
        field.target.id: _plain(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def _plain(text: str) -> str:
    return " ".join(text.split())


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"
