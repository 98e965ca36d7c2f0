"""Editors complete business files by schemas that follow from the typed objects, and every file names its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from conf.reading import ROOT
from jobs.schemas import FOLDER, MARK, business_files, kind_of, schemas, stale, write

FILES = list(business_files())


class EditorsLoader(yaml.SafeLoader):
    """As an editor reads YAML: dates are text, and the operator's own tags stand before plain values."""


EditorsLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def as_an_editor(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=EditorsLoader)


def problems(schema: dict, content: Any) -> list[str]:
    found = jsonschema.Draft7Validator(schema).iter_errors(content)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


def test_schemas_and_first_lines_are_up_to_date():
    assert [str(path) for path in stale()] == [], "run closedloop schemas"
    assert len(list(FOLDER.glob("*.json"))) >= 50


@pytest.mark.parametrize(("path", "kind"), FILES, ids=[str(path.relative_to(ROOT)) for path, _ in FILES])
def test_business_file_names_its_schema_and_keeps_it(path, kind):
    assert kind is not None, "a new kind of file is a line of KINDS in jobs/schemas.py"
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    named = Path(os.path.normpath(path.parent / first.removeprefix(MARK)))

    assert named == FOLDER / kind.schema
    assert problems(json.loads(named.read_text(encoding="utf-8")), as_an_editor(path)) == []


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("conf/campaigns/crbt_save.yaml", {"chanels": []}, "'chanels' was unexpected"),
        ("conf/campaigns/crbt_save.yaml", {"goal": "KEEP"}, "'KEEP' is not one of"),
        ("conf/feeds/payment.yaml", {"encoding": 7}, "7 is not of type 'string', 'array'"),
        ("conf/operators/demo/channels.yaml", {"channels": [{"capacity": 3}]}, "'capacity' was unexpected"),
        ("conf/profiles/demo.yaml", {"spark": {"port": "many"}}, "'many' is not of type 'integer'"),
        ("expectations/gold/campaign_contact.yaml", {"rules": [{"metric": "count"}]}, "'count' is not one of"),
        ("sql/gold/suppression.yaml", {"columns": [{"name": "A"}]}, "'A' does not match"),
    ],
)
def test_mistake_is_seen_while_it_is_written(file, change, told):
    kind = kind_of(ROOT / file) or next(kind for path, kind in FILES if path == ROOT / file)
    schema = json.loads(schemas()[kind.schema])

    assert told in "\n".join(problems(schema, as_an_editor(ROOT / file) | change))


def test_editor_shows_words_for_every_key():
    for name, text in schemas().items():
        schema = json.loads(text)
        blocks = [schema, *schema.get("$defs", {}).values()]
        silent = [
            key for block in blocks for key, prop in block.get("properties", {}).items() if not prop.get("description")
        ]
        assert silent == [], name
    campaign = json.loads(schemas()["campaign.json"])
    assert campaign["properties"]["priority"]["description"] == "1 is served first among strict campaigns."
    assert "a rule found" in campaign["$defs"]["ValueRule"]["properties"]["base_response"]["description"]


def test_file_of_an_operators_folder_is_named_a_part_and_a_new_one_a_whole(tmp_path):
    assert stale() == [], "only what is new is written here"
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "sql" / "rpt").mkdir(parents=True)
    part, whole, table = (
        tmp_path / "channels.yaml",
        tmp_path / "campaigns" / "mine.yaml",
        tmp_path / "sql" / "rpt" / "x.yaml",
    )
    part.write_text("channels: [!remove {channel_code: IVR}]\n", encoding="utf-8")
    whole.write_text("# mine\ncampaign_id: MINE\n", encoding="utf-8")
    table.write_text(f"{MARK}elsewhere.json\ntable: rpt.x\n", encoding="utf-8")

    assert set(write([tmp_path])) == {part, whole, table}
    assert write([tmp_path]) == []
    first, second = whole.read_text(encoding="utf-8").split("\n")[:2]
    assert (tmp_path / "campaigns" / first.removeprefix(MARK)).resolve() == FOLDER / "campaign.json"
    assert second == "# mine"
    assert part.read_text(encoding="utf-8").split("\n")[0].endswith("/channels.part.json")
    assert table.read_text(encoding="utf-8").count(MARK) == 1
    assert table.read_text(encoding="utf-8").split("\n")[0].endswith("/table.json")
