"""README's tables "to add" and "to change", row by row: each change is made in the files its row names, and has its effect."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from conf.reading import ROOT

Edit = Callable[[str], str]
FOLDERS = ("conf", "sql", "expectations", "jobs", "models", "docs")
GENERATED = ("docs/dictionary/", "docs/architecture.svg")
# Rows that are code; what they make is tried where that code is tested.
CODE = {"a new kind of business rule"}


def new(text: str) -> Edit:
    """A file that was not there."""
    return lambda old: text if not old else pytest.fail("the file is there already")


def more(text: str) -> Edit:
    """The file with lines at its end."""
    return lambda old: old.rstrip("\n") + "\n" + text + "\n"


def instead(found: str, wanted: str) -> Edit:
    """The file with one text in the place of another."""
    return lambda old: old.replace(found, wanted, 1) if found in old else pytest.fail(f"'{found}' is not in the file")


def copied(path: str, *replaced: tuple[str, str]) -> Edit:
    """A new file like another one, with some texts replaced."""

    def make(old: str) -> str:
        text = (ROOT / path).read_text(encoding="utf-8")
        for found, wanted in replaced:
            assert found in text
            text = text.replace(found, wanted)
        return new(text)(old)

    return make


@dataclass(frozen=True)
class Change:
    """A row of README, the files it is made in, and what can be seen of it: a Python expression and its value after the change."""

    row: str
    files: dict[str, Edit]
    seen: str
    value: object


REPORT = """table: rpt.tier_count
description: Live lines by value tier.
grain: one row per business date and value tier
owner: customer-insight@operator
stage: evaluation
made_by: query
key: [business_date, value_tier]
replace_by: business_date
retention_days: 400
columns:
  - {name: business_date, type: date, nullable: false, description: "Night of the report"}
  - {name: value_tier, type: string, nullable: false, description: "Value tier"}
  - {name: line_cnt, type: bigint, nullable: false, unit: lines, description: "Live lines"}
"""
REPORT_QUERY = """SELECT snapshot_date AS business_date, coalesce(value_tier, 'NONE') AS value_tier, count(*) AS line_cnt
FROM gold.customer_360
WHERE snapshot_date BETWEEN :first_date AND :last_date AND is_live
GROUP BY ALL
"""
REPORT_SUITE = """table: rpt.tier_count
rules:
  - {metric: min, column: line_cnt, min: 1, severity: fail, reason: "a tier without lines has no row"}
"""
TABLE = """table: gold.tier_today
description: Value tier of each live line.
grain: one row per subscription and snapshot date
owner: customer-insight@operator
stage: customer_view
job: view
made_by: query
key: [subscription_id, snapshot_date]
replace_by: snapshot_date
retention_days: 45
columns:
  - {name: subscription_id, type: string, nullable: false, description: "Subscription"}
  - {name: snapshot_date, type: date, nullable: false, description: "Business date"}
  - {name: value_tier, type: string, description: "Value tier"}
"""
TABLE_QUERY = """SELECT subscription_id, snapshot_date, value_tier FROM work.live_lines
WHERE snapshot_date BETWEEN :first_date AND :last_date
"""
TABLE_HELPER = "SELECT * FROM gold.customer_360 WHERE is_live\n"
TAG = """tags:
  - tag_id: NIGHT_CALLER
    name: 夜间话务
    title: Calls at night
    group: BEHAVIOUR
    origin: EXPERT
    owner: customer-insight@operator
    version: "1"
    confidence: 0.8
    valid_from: 2025-01-01
    rule: {column: mou_minutes_30d, op: ge, value: 100}
"""
PRODUCT = "  - {prod_id: WEATHER_SMS, name: 天气预报, title: Weather by SMS, prod_type: VAS, stage: GROWTH, monthly_fee_fen: 200, margin_share: 0.6}"
CHANNEL = """  - channel_code: KIOSK
    bit: 9
    name: 自助终端
    title: Kiosk
    channel_class: PASSIVE
    cost_yuan: 0.02
    staff_minutes: 0
    capacity_per_day: 5000
    minimum_per_day: 0
    response_multiplier: 0.6
    reach: {share: 0.1, weight_contacts: 200}
    export_layout: kiosk"""
MODEL = """  churn_newspaper:
    title: Gives the mobile newspaper back within 30 days
    owner: newspaper-models@operator
    objective: binary
    label: {event: CLOSES_PRODUCT, products: [NEWSPAPER]}
    population: [{column: is_live, equals: true}, {column: has_newspaper, equals: true}]
    feature_groups: [person, line, vas]
    thresholds: {min_auc: 0.60, max_ece: 0.03, max_auc_drop: 0.005, max_ece_rise: 0.005, max_cost_ratio: 4.0, min_events: 20}"""
KPI = "  - {kpi: GPRS_PACK, title: GPRS pack users, series: PRODUCT_HOLDERS, product_id: GPRS_PACK_5, measure: closing, target_per_1000_live: 50}"
CITY = """      - code: "590"
        name: 平潭市
        counties: {"59001": 潭城}"""

CHANGES = [
    # To add
    Change(
        "a feed",
        {
            "conf/feeds/loyalty_points.yaml": copied(
                "conf/feeds/payment.yaml", ("feed: payment", "feed: loyalty_points"), ('"03006"', '"03996"')
            )
        },
        "'## bronze.loyalty_points' in page('bronze')",
        True,
    ),
    Change(
        "a report",
        {
            "sql/rpt/tier_count.yaml": new(REPORT),
            "sql/rpt/tier_count.sql": new(REPORT_QUERY),
            "expectations/rpt/tier_count.yaml": new(REPORT_SUITE),
        },
        "['rpt.tier_count' in tables_of_job('evaluate'), '[gold.customer_360](gold.md#goldcustomer_360)' in entry('rpt.tier_count'), "
        "sorted(rule.metric for rule in rules_of('rpt.tier_count'))]",
        [True, True, ["duplicate_key_count", "min", "required_null_count", "row_count"]],
    ),
    Change(
        "another table",
        {
            "sql/gold/tier_today.yaml": new(TABLE),
            "sql/gold/tier_today.sql": new(TABLE_QUERY),
            "sql/work/live_lines.sql": new(TABLE_HELPER),
            "expectations/gold/tier_today.yaml": new("table: gold.tier_today\n"),
        },
        "['gold.tier_today' in tables_of_job('view'), '[gold.customer_360](#goldcustomer_360)' in entry('gold.tier_today')]",
        [True, True],
    ),
    Change(
        "a column",
        {
            "sql/rpt/export_summary.yaml": more(
                '  - {name: offers, type: bigint, nullable: false, unit: offers, description: "Offers on them"}'
            ),
            "sql/rpt/export_summary.sql": instead(
                "sum(expected_value_yuan)", "count(DISTINCT offer_id) AS offers,\n       sum(expected_value_yuan)"
            ),
        },
        "'| offers | bigint | offers |' in page('rpt')",
        True,
    ),
    Change(
        "a rule of a table",
        {
            "expectations/silver/payment.yaml": more(
                '  - {metric: min, column: amount_fen, min: -100000000, severity: fail, reason: "as much back as came in"}'
            )
        },
        "'min__amount_fen' in {rule.id for rule in rules_of('silver.payment')}",
        True,
    ),
    Change(
        "a feature",
        {
            "conf/models.yaml": instead(
                "    bundle_end_date: date\n", "    bundle_end_date: date\n    bundle_days_left: numeric\n"
            )
        },
        "'bundle_days_left' in {feature.name for feature in load_models().features_of('churn_offnet')}",
        True,
    ),
    Change("a model", {"conf/models.yaml": more(MODEL)}, "'churn_newspaper_score' in selection_columns()", True),
    Change(
        "a tag",
        {"conf/tags/callers.yaml": new(TAG)},
        "rule({'has_tag': 'NIGHT_CALLER'}).describe() if 'NIGHT_CALLER' in load_tags() else None",
        "has tag NIGHT_CALLER",
    ),
    Change("a product or service", {"conf/products.yaml": more(PRODUCT)}, "'WEATHER_SMS' in load_products()", True),
    Change(
        "a channel",
        {
            "conf/channels.yaml": more(CHANNEL),
            "conf/exports/kiosk.yaml": copied(
                "conf/exports/web.yaml", ("layout: web", "layout: kiosk"), ("channel_code: WEB", "channel_code: KIOSK")
            ),
        },
        "['KIOSK' in load_channels(), 'kiosk' in load_exports()]",
        [True, True],
    ),
    Change(
        "a campaign",
        {
            "conf/campaigns/newspaper_autumn.yaml": copied(
                "conf/campaigns/newspaper_growth.yaml", ("NEWSPAPER_GROWTH", "NEWSPAPER_AUTUMN")
            )
        },
        "[compile_campaign(c).selection is not None for name, c in load_campaigns().items() if name == 'NEWSPAPER_AUTUMN']",
        [True],
    ),
    Change(
        "an alert",
        {"conf/alerts.yaml": more('  KIOSK_SILENT: {severity: note, to_do: "look at the kiosks"}')},
        "load_alert_rules().of('KIOSK_SILENT').severity",
        "note",
    ),
    Change("a KPI", {"conf/kpi.yaml": more(KPI)}, "'GPRS_PACK' in load_kpis()", True),
    Change(
        "a city",
        {"conf/regions.yaml": instead("    cities:\n", f"    cities:\n{CITY}\n")},
        "'590' in table_of('gold.customer_360').column('city_code').codes",
        True,
    ),
    Change(
        "a code of a source system",
        {"conf/source_codes.yaml": instead('"3": OFFICER_CERTIFICATE}', '"3": OFFICER_CERTIFICATE, "4": ID_CARD}')},
        "load_source_codes()['ID_TYPE'].get('4')",
        "ID_CARD",
    ),
    Change(
        "an approver",
        {"conf/approval.yaml": instead("approvers: [manager]", "approvers: [manager, deputy]")},
        "load_approval_flow().approvers_of('REVIEW')",
        ["manager", "deputy"],
    ),
    # To change
    Change(
        "a capacity, a cost",
        {"conf/channels.yaml": instead("capacity_per_day: 7000000", "capacity_per_day: 2000000")},
        "load_channels()['SMS'].capacity_per_day",
        2000000,
    ),
    Change(
        "contact limits, control groups, opt-out words, blackout days, tries of a failed contact",
        {"conf/policy.yaml": instead("attempts: {BROADCAST: 2, ACTIVE: 3", "attempts: {BROADCAST: 2, ACTIVE: 4")},
        "load_policy().contacts.attempts['ACTIVE']",
        4,
    ),
    Change(
        "a window, or what counts as use, in the customer view",
        {"conf/view.yaml": instead("recent_payments: {days: 30}", "recent_payments: {days: 45}")},
        "load_view_rules().windows.recent_payments.days",
        45,
    ),
    Change(
        "a budget, a control share, a text, a wave",
        {"conf/campaigns/newspaper_growth.yaml": more("control_share: 0.2")},
        "load_campaigns()['NEWSPAPER_GROWTH'].control_share",
        0.2,
    ),
    Change(
        "the hour a stage is late",
        {
            "conf/night.yaml": instead('late_when: "08:30"', 'late_when: "08:45"'),
            "README.md": instead("| 08:30 |", "| 08:45 |"),
        },
        "'targeting, late at 08:45' in picture()",
        True,
    ),
    Change(
        "how often a failed task is run again",
        {"conf/night.yaml": instead("times: 1,", "times: 2,")},
        "load_night().retries.times",
        2,
    ),
    Change(
        "tries of an alert's webhook, an alert's severity",
        {"conf/alerts.yaml": instead("attempts: 4", "attempts: 6")},
        "load_alert_rules().webhook.attempts",
        6,
    ),
    Change(
        "an export layout or its encoding",
        {
            "conf/exports/store.yaml": lambda old: instead("layout_version: 1", "layout_version: 2")(
                instead('encoding: "gbk"', 'encoding: "utf-8"')(old)
            )
        },
        "[load_exports()['store'].encoding, load_exports()['store'].layout_version]",
        ["utf-8", 2],
    ),
    Change(
        "a feed's encoding, layout or deadline",
        {"conf/feeds/balance.yaml": lambda old: re.sub(r"(?m)^encoding: .*$", "encoding: utf-8", old)},
        "load_feeds()['balance'].encodings if hasattr(load_feeds()['balance'], 'encodings') else load_feeds()['balance'].encoding",
        ["utf-8"],
    ),
    Change(
        "how long rows stay",
        {"sql/gold/customer_score.yaml": instead("retention_days: 45", "retention_days: 60")},
        "'kept 60 days' in entry('gold.customer_score')",
        True,
    ),
    Change(
        "how long files stay, the cut-off hour of ingest, the optimiser's gap",
        {"conf/profiles/server.yaml": more("load_cutoff_hour: 7\nallocation: {gap_target: 0.001}")},
        "[load_settings('server').load_cutoff_hour, load_settings('server').allocation.gap_target]",
        [7, 0.001],
    ),
    Change(
        "the order of exclusion",
        {
            "conf/exclusions.yaml": lambda old: re.sub(
                r"(?m)^(  - \{reason: LIST_RED.*\n)(  - \{reason: LIST_GREY.*\n)", r"\2\1", old
            )
        },
        "reported_first('LIST_RED', 'LIST_GREY')",
        "LIST_GREY",
    ),
    Change(
        "the training cut-offs, drift bounds, promotion thresholds",
        {"conf/models.yaml": instead("cut_offs: {count: 4, gap_days: 30}", "cut_offs: {count: 3, gap_days: 30}")},
        "load_models().cut_offs.count",
        3,
    ),
]

PROBE = """
import json, sys
from pathlib import Path
from conf.alerts import load_alert_rules
from conf.approval import load_approval_flow
from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.codes import load_source_codes
from conf.exports import load_exports
from conf.feeds import load_feeds
from conf.kpi import load_kpis
from conf.models import load_models
from conf.night import load_night
from conf.policy import load_policy
from conf.products import load_products
from conf.reading import ROOT
from conf.settings import load_settings
from conf.tables import table_of, tables_of_job
from conf.tags import load_tags
from conf.view import load_view_rules
from expectations.suites import load_suites, rules_of
from jobs import diagram
from jobs.lakehouse import dictionary
from jobs.rules.rule_tree import parse_rule
from jobs.targeting.campaign_rules import compile_campaign, selection_columns

def rule(tree): return parse_rule(tree, "probe:rule", selection_columns())
def page(layer): return (ROOT / "docs" / "dictionary" / f"{layer}.md").read_text(encoding="utf-8")
def entry(table): return next(part for part in page(table.split(".")[0]).split("\\n## ") if part.startswith(table + "\\n"))
def reported_first(*names):
    from jobs.rules.exclusion_reasons import Reason, first_reason, mask_of
    return first_reason(mask_of(Reason[name] for name in names)).name
def picture(): return diagram.PICTURE.read_text(encoding="utf-8")

assert str(ROOT) == sys.argv[1], ROOT
load_suites()
for campaign in load_campaigns().values():
    compile_campaign(campaign)
dictionary.write_dictionary()
diagram.write_diagram()
seen = {}
for name, expression in json.loads(sys.argv[2]).items():
    try:
        seen[name] = eval(expression)
    except (KeyError, StopIteration):
        seen[name] = None
print(json.dumps(seen, default=str))
"""


def _seen_in(tree: Path) -> dict[str, object]:
    """What a process in that tree sees of every change; it writes dictionary and picture first, as the rows say."""
    asked = json.dumps({change.row: change.seen for change in CHANGES})
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tree), asked],
        cwd=tree,
        text=True,
        capture_output=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tree), os.environ.get("PYTHONPATH", "")]),
            "CLOSEDLOOP_PROFILE": "server",
            "CLOSEDLOOP_HOME": str(tree / "home"),
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def _digests(tree: Path) -> dict[str, str]:
    files = (path for path in tree.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class Tried:
    """What was seen before and after all changes, and every file that differs."""

    before: dict[str, object]
    after: dict[str, object]
    changed: set[str]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """All changes made in a copy of the project, and looked at by a process of its own before and after."""
    tree = tmp_path_factory.mktemp("project").resolve()
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", tree)
    before, digests = _seen_in(tree), _digests(tree)
    for change in CHANGES:
        for path, edit in change.files.items():
            file = tree / path
            file.write_text(edit(file.read_text(encoding="utf-8") if file.exists() else ""), encoding="utf-8")
    after = _seen_in(tree)
    now = _digests(tree)
    return Tried(before, after, {path for path in {*digests, *now} if digests.get(path) != now.get(path)})


def _rows() -> dict[str, str]:
    """Rows of the two tables of README: what is added or changed, and the rest of its line."""
    text = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("## To add something, add a file")[1].split("\n## ")[0]
    )
    lines = [line for line in text.splitlines() if line.startswith("| ") and not re.match(r"\| to (add|change) ", line)]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.row)
def test_change_in_the_files_of_its_row_has_its_effect(change, tried):
    assert tried.before[change.row] != change.value, "seen before the change already"
    assert tried.after[change.row] == change.value


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.row)
def test_row_names_the_files_of_the_change(change):
    named = re.findall(r"`([\w./<>]+)`", _rows()[change.row])
    patterns = [re.sub(r"<\w+>", r"[a-z0-9_]+", name.replace(".", r"\.")) for name in named]

    assert [path for path in change.files if not any(re.fullmatch(pattern, path) for pattern in patterns)] == []


def test_no_other_file_had_to_change(tried):
    written = {path for change in CHANGES for path in change.files}
    others = {path for path in tried.changed - written if not path.startswith(GENERATED)}

    assert written <= tried.changed
    assert others == set()


def test_every_row_of_the_readme_is_tried():
    assert len(CHANGES) >= 20
    assert set(_rows()) == {change.row for change in CHANGES} | CODE
