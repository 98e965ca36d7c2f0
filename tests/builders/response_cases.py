"""One small world for the tests of responses: every kind of answer and every reason of protection, built once a session."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

from conf.dates import DateRange
from conf.responses import Release, load_response_rules
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from tests.builders.contacts import put

NIGHT = date(2026, 3, 10)
NEXT = NIGHT + timedelta(days=1)
LONG_AGO = NIGHT - timedelta(days=200)


def day(offset: int, hour: int = 10) -> datetime:
    """A time so many days after the night, on the operator's clock."""
    return datetime.combine(NIGHT + timedelta(days=offset), datetime.min.time()) + timedelta(hours=hour - 8)  # UTC


def an_execution(contact, sub, planned, **more):
    """A planned contact of an earlier campaign."""
    return {
        "contact_id": contact,
        "subscription_id": sub,
        "planned_at": day(planned),
        "load_date": day(planned).date(),
        **more,
    }


def a_result(contact, sub, at, **more):
    """What a channel told about a contact, by default a delivery."""
    return {"contact_id": contact, "subscription_id": sub, "contact_time": day(at), "load_date": day(at).date(), **more}


def an_order(order, sub, at, hour=12, **more):
    """An order of CRBT."""
    placed = day(at, hour)
    return {
        "order_id": order,
        "subscription_id": sub,
        "ordered_at": placed,
        "order_date": placed.date(),
        "load_date": placed.date(),
        **more,
    }


def a_member(sub, colour, days=0, **more):
    """A member of a list, in the snapshot of the night and of the next one."""
    return {
        "subscription_id": sub,
        "list_colour": colour,
        "list_code": f"L_{sub}",
        "load_date": NIGHT + timedelta(days=days),
        **more,
    }


def an_opt_out(sub, scope, offset=-1, **more):
    """A do-not-disturb asked for at a contact."""
    return {
        "contact_id": f"X_{sub}",
        "subscription_id": sub,
        "contact_time": day(offset),
        "load_date": day(offset).date(),
        "opt_out_scope": scope,
        **more,
    }


def a_complaint(sub, number, offset, **more):
    """A complaint closed the day after."""
    return {
        "complaint_id": f"{sub}-{number}",
        "subscription_id": sub,
        "created_at": day(offset),
        "load_date": day(offset).date(),
        "closed_at": day(offset + 1),
        **more,
    }


PROTECTED = [
    "BLACK",
    "RED",
    "GREY_SMS",
    "GREY_STAFF",
    "OLD_LIST",
    "FREE",
    "OUT_SYS",
    "OUT_SMS",
    "OUT_PROD",
    "OUT_UNKNOWN",
    "A_ESC",
    "A_PROF",
    "B",
    "C_SMS",
    "C_ALL",
    "D_OPEN",
    "D_OLD",
    "SENS",
    "SENS_ALL",
    "SOLD",
    "TWIN",
    "RESENT",
    "TWICE",
    "OUT_ODD",
    "HOLDS_OUT",
    "HOLDS_LIST",
    "HELD",
    "RELEASED",
    "AGAIN",
    "C_RESENT",
    "C_RELEASED",
    "ERASED",
    "ERASED_LATER",
    "ERASED_NEXT",
]
ANSWERS = {
    "silver__campaign_execution": [
        an_execution("BULK_ORDERED", "S1", -20),
        an_execution("BULK_LATE_ORDER", "S2", -20),
        an_execution("BULK_OPEN", "S3", -2),
        an_execution("BULK_SILENT", "S4", -20),
        an_execution("BULK_FAILED", "S5", -3),
        an_execution("TOUCH_1", "S6", -20),
        an_execution("TOUCH_2", "S6", -18, wave_no=2),
        an_execution("CALL_YES", "S7", -70, channel_code="OUTBOUND"),
        an_execution("CALL_NO", "S8", -20, channel_code="OUTBOUND"),
        an_execution("CALL_MAYBE", "S9", -20, channel_code="OUTBOUND"),
        an_execution("CALL_OLD_MAYBE", "S10", -40, channel_code="OUTBOUND"),
        an_execution("CONTROL_ORDERED", "S11", -20, channel_code=None, is_control=True),
        an_execution("CONTROL_QUIET", "S12", -20, channel_code=None, is_control=True),
        an_execution("CALL_UNUSED", "S13", -70, channel_code="OUTBOUND"),
        an_execution("SAVE_KEPT", "S26", -20, campaign_id="CRBT_SAVE", channel_code="OUTBOUND"),
        an_execution("SAVE_SAID_YES", "S28", -20, campaign_id="CRBT_SAVE", channel_code="OUTBOUND"),
        an_execution("SAVE_LOST", "S27", -20, campaign_id="CRBT_SAVE", channel_code=None, is_control=True),
        an_execution("LATER", "S1", 1, load_date=NIGHT + timedelta(days=1)),  # not known yet
    ],
    "silver__channel_result": [
        *(a_result(f"BULK_{c}", s, -20) for c, s in (("ORDERED", "S1"), ("LATE_ORDER", "S2"), ("SILENT", "S4"))),
        a_result("BULK_OPEN", "S3", -2),
        a_result("BULK_FAILED", "S5", -3, reach_code="FAILED"),
        a_result("TOUCH_1", "S6", -20),
        a_result("TOUCH_2", "S6", -18),
        a_result(
            "CALL_YES",
            "S7",
            -70,
            channel_code="OUTBOUND",
            reach_code="REACHED",
            response_code="ACCEPT",
            staff_id="A1",
            order_id="O7",
        ),
        a_result("CALL_NO", "S8", -20, channel_code="OUTBOUND", reach_code="REACHED", response_code="REFUSE"),
        a_result("CALL_NO", "S8", -21, channel_code="OUTBOUND", reach_code="NOT_REACHED", response_code="NOT_REACHED"),
        a_result("CALL_MAYBE", "S9", -20, channel_code="OUTBOUND", reach_code="REACHED", response_code="CONSIDER"),
        a_result("CALL_OLD_MAYBE", "S10", -40, channel_code="OUTBOUND", reach_code="REACHED", response_code="CONSIDER"),
        a_result("ANSWERED_ALL_THE_SAME", "S25", 0),
        a_result("SAVE_SAID_YES", "S28", -20, channel_code="OUTBOUND", reach_code="REACHED", response_code="ACCEPT"),
        a_result("BULK_OPEN", "S3", -2, reach_code="UNKNOWN", nth_row=2),  # a wish beside the answer is no answer
        a_result(
            "CALL_OLD_MAYBE", "S10", -41, channel_code="OUTBOUND", reach_code="UNKNOWN"
        ),  # nobody can read what became of it
        a_result("RECALLED_AND_ANSWERED", "S24", 0, reach_code="FAILED"),
        a_result("X3", "S21", 1, channel_code="STORE", reach_code="SHOWN"),
        a_result("CALL_UNUSED", "S13", -70, channel_code="OUTBOUND", reach_code="REACHED", response_code="ACCEPT"),
    ],
    "silver__product_order": [
        an_order("O1", "S1", -18),
        an_order("O2", "S2", -12),  # 8 days after delivery: nobody's success
        an_order("O4", "S4", -18, product_id="NEWSPAPER"),  # another product
        an_order("O6", "S6", -17),  # the second touch gets it
        an_order("O7", "S7", -70, 11),
        an_order("O11", "S11", -15),
    ],
    "silver__vas_daily": [
        {"subscription_id": "S7", "event_date": day(-60).date(), "load_date": day(-60).date(), "crbt_set_cnt": 1},
    ],
    "silver__product_subscription": [
        {"subscription_id": s, "valid_date": day(-70).date(), "load_date": day(-69).date()}
        for s in ("S7", "S13", "S26")
    ]
    + [
        {
            "subscription_id": "S27",
            "valid_date": day(-70).date(),
            "load_date": day(-15).date(),
            "expire_date": day(-16).date(),
            "state": "CANCELLED",
        }
    ],
    "gold__campaign_contact": [
        {
            "contact_id": "X1",
            "subscription_id": "S20",
            "planned_date": NIGHT,
            "business_date": NIGHT - timedelta(days=1),
        },
        {
            "contact_id": "X2",
            "subscription_id": "S21",
            "planned_date": NIGHT,
            "business_date": NIGHT - timedelta(days=1),
            "channel_code": "STORE",
            "channel_class": "PASSIVE",
            "contact_class": "PASSIVE",
        },
        {
            "contact_id": "X3",
            "subscription_id": "S21",
            "planned_date": NIGHT - timedelta(days=1),
            "business_date": NIGHT - timedelta(days=2),
            "channel_code": "STORE",
            "channel_class": "PASSIVE",
            "contact_class": "PASSIVE",
        },
        {
            "contact_id": "CALL_WITHOUT_RESULT",
            "subscription_id": "S22",
            "planned_date": NIGHT - timedelta(days=1),
            "business_date": NIGHT - timedelta(days=2),
            "channel_code": "OUTBOUND",
            "channel_class": "ACTIVE",
            "contact_class": "ACTIVE",
        },
        *(
            {
                "contact_id": contact,
                "subscription_id": "S24",
                "planned_date": NIGHT,
                "business_date": NIGHT - timedelta(days=1),
            }
            for contact in ("RECALLED_ALONE", "RECALLED_AND_ANSWERED")
        ),
        *(
            {
                "contact_id": contact,
                "subscription_id": sub,
                "planned_date": NIGHT,
                "business_date": NIGHT - timedelta(days=1),
                "file_name": name,
            }
            for contact, sub, name in (
                ("REFUSED_LIST", "S24", "refused"),
                ("RECALLED_LIST", "S24", "recalled"),
                ("CLOSED_LIST", "S24", "closed"),
                ("DROPPED", "S24", "left"),
                ("ANSWERED_ALL_THE_SAME", "S25", "recalled"),
            )
        ),
        {
            "contact_id": "TONIGHT",
            "subscription_id": "S22",
            "planned_date": NIGHT + timedelta(days=1),
            "business_date": NIGHT,
        },
    ],
    "silver__subscription": [
        {"subscription_id": f"S{n}", "customer_id": f"C{n}", "load_date": day(-100).date()} for n in range(1, 28)
    ],
    "silver__list_member": [{"subscription_id": "S1", "load_date": NIGHT}],
    "gold__control_group": [
        {"subscription_id": "S23", "assigned_on": NIGHT - timedelta(days=1), "business_date": NIGHT - timedelta(days=1)}
    ],
}
RELEASES = [
    Release(
        kind=kind, id=name, released_on=day(-5).date(), by="do-not-disturb officer", reason="asked to be called again"
    )
    for kind, name in (("OPT_OUT", "RELEASED"), ("OPT_OUT", "AGAIN"), ("COMPLAINT", "C_RELEASED-1"))
]
PROTECTION = {
    "silver__msisdn_assignment": [
        {
            "msisdn_token": token,
            "subscription_id": name,
            "valid_from": day(0).date(),
            "valid_to": date(9999, 12, 31),
            "load_date": NIGHT,
        }
        for token, name in ((901, "HOLDS_OUT"), (902, "HOLDS_LIST"), (903, "ERASED"), (904, "ERASED_NEXT"))
    ],
    "silver__subscription": [
        *({"subscription_id": n, "customer_id": f"C_{n}", "load_date": LONG_AGO} for n in PROTECTED),
        {"subscription_id": "SOLD", "customer_id": "C_BUYER", "load_date": NIGHT - timedelta(days=30)},
    ],
    "silver__customer": [
        {"customer_id": "C_OUT_SYS", "id_number_token": 77, "load_date": LONG_AGO},
        {"customer_id": "C_TWIN", "id_number_token": 77, "load_date": LONG_AGO},
        {"customer_id": "C_ERASED_LATER", "id_number_token": 78, "load_date": LONG_AGO},
        {
            "customer_id": "C_SENS",
            "is_sensitive": True,
            "sensitive_channels": ["OUTBOUND", "IVR"],
            "load_date": LONG_AGO,
        },
        {"customer_id": "C_SENS_ALL", "is_sensitive": True, "load_date": LONG_AGO},
    ],
    "silver__campaign_execution": [
        {
            "contact_id": "X_OUT_PROD",
            "subscription_id": "OUT_PROD",
            "planned_at": day(-1),
            "product_id": "NEWSPAPER",
            "load_date": LONG_AGO,
        },
        {"contact_id": "X_A", "subscription_id": "A", "planned_at": day(-20), "load_date": LONG_AGO},
        an_execution("BEFORE_SALE", "SOLD", -60, channel_code="OUTBOUND"),  # with the owner before
        an_execution("AFTER_SALE", "SOLD", -20, channel_code="OUTBOUND"),
    ],
    "silver__list_member": [
        a_member("BLACK", "BLACK"),
        a_member("RED", "RED"),
        a_member("GREY_SMS", "GREY", scope_type="CHANNEL", scope_value="SMS"),
        a_member("GREY_STAFF", "GREY", reason_code="STAFF"),
        a_member("OLD_LIST", "BLACK", days=-1),  # gone from the newest snapshot
        a_member("SOLD", "BLACK", added_at=day(-100)),  # was on the owner before
        a_member(
            None, "BLACK", list_code="L_UNKNOWN", msisdn_token=902
        ),  # nobody's then; HOLDS_LIST has the number now
        a_member(None, "BLACK", list_code="L_OUTSIDE", msisdn_token=999),  # of another network
        a_member("RED", "RED", days=1),  # the next night's list cannot be read but for this row
    ],
    "silver__channel_result": [
        an_opt_out("OUT_SYS", "SYSTEM"),
        a_result("BEFORE_SALE", "SOLD", -60, channel_code="OUTBOUND", reach_code="REACHED", response_code="ACCEPT"),
        a_result("AFTER_SALE", "SOLD", -20, channel_code="OUTBOUND", reach_code="REACHED", response_code="REFUSE"),
        {"contact_id": "X_A", "subscription_id": "A", "contact_time": day(-20), "load_date": day(-20).date()},
        an_opt_out("OUT_SMS", "CHANNEL"),
        an_opt_out("OUT_PROD", "PRODUCT"),
        an_opt_out("OUT_UNKNOWN", "PRODUCT"),  # product not known: everything closed
        an_opt_out("RESENT", "SYSTEM", superseded_on=day(-1).date()),  # the corrected file does not hold it
        an_opt_out("TWICE", None, contact_id="X_TWICE"),
        an_opt_out("TWICE", "SYSTEM", contact_id="X_TWICE", nth_row=2),  # an older row of the same contact and time
        an_opt_out("OUT_ODD", "UNKNOWN"),  # nobody can read which scope
        an_opt_out(None, "SYSTEM", contact_id="X_ODD", msisdn_token=901),  # nobody's then; HOLDS_OUT has the number now
        an_opt_out("RELEASED", "SYSTEM", offset=-9),
        an_opt_out("AGAIN", "SYSTEM", offset=-9),
        an_opt_out("AGAIN", "SYSTEM", offset=-2, contact_id="X_AGAIN_2"),  # after the release
        an_opt_out(None, "SYSTEM", offset=0, contact_id="X_NOBODY"),  # neither contact nor number is known
        an_opt_out("FREE", "SYSTEM", offset=1),  # loaded a night later
    ],
    "silver__complaint": [
        a_complaint("A_ESC", 1, -150, is_escalated=True),
        *(a_complaint("A_PROF", n, -150 + 40 * n) for n in range(3)),
        a_complaint("B", 1, -250, category="MARKETING"),
        a_complaint("B", 2, -220, category="MARKETING"),
        a_complaint("C_SMS", 1, -100, category="MARKETING", about_channel="SMS"),
        a_complaint("C_ALL", 1, -100, category="MARKETING"),
        a_complaint("D_OPEN", 1, -90, status="OPEN", closed_at=None),
        a_complaint("D_OLD", 1, -90),
        a_complaint("C_RESENT", 1, -100, category="MARKETING", superseded_on=day(-100).date()),
        a_complaint("C_RELEASED", 1, -150, is_escalated=True),
    ],
}


def respond(spark: object, settings: Settings, dates: DateRange) -> None:
    """Run the job with the releases of these cases."""
    from jobs.responses import parameters
    from jobs.stage import run_stage

    rules = load_response_rules()
    protection = rules.protection.model_copy(update={"releases": tuple(RELEASES)})
    with patch.object(parameters, "load_response_rules", lambda: rules.model_copy(update={"protection": protection})):
        run_stage(spark, settings, "respond", dates)


@cache
def built(spark: object) -> Settings:
    """The home in which the night and the next one were run as one range; tests may run them again and change nothing else."""
    from jobs.responses import job
    from tests.conftest import settings_for_tests

    settings = settings_for_tests(Path(mkdtemp(prefix="responses-")) / "home")
    tables = {name: [*ANSWERS.get(name, []), *PROTECTION.get(name, [])] for name in {**ANSWERS, **PROTECTION}}
    put(settings, **tables)
    files = [
        {
            "business_date": NIGHT - timedelta(days=1),
            "campaign_id": "CRBT_ACQUISITION",
            "channel_code": "SMS",
            "sha256": "",
            "file_name": status.lower(),
            "rows": 1,
            "status": status,
            "run_id": "tests",
        }
        for status in ("REFUSED", "RECALLED", "CLOSED")
    ]
    delta_rs.append(settings, "ops.export_ledger", files)
    dropped = {
        "contact_id": "DROPPED",
        "business_date": NIGHT - timedelta(days=1),
        "campaign_id": "CRBT_ACQUISITION",
        "channel_code": "SMS",
        "file_name": "left",
        "kind": "DROPPED",
        "reason": "opted out (SYSTEM)",
        "withdrawn_by": "tests",
        "run_id": "tests",
    }
    recalled = [
        dropped | {"contact_id": contact, "file_name": "f", "kind": "RECALLED", "reason": "late opt-out"}
        for contact in ("RECALLED_ALONE", "RECALLED_AND_ANSWERED")
    ]
    delta_rs.append(settings, "ops.contact_withdrawal", [dropped, *recalled])
    erased = [(903, "MSISDN", NIGHT), (78, "ID_NUMBER", LONG_AGO), (904, "MSISDN", NEXT)]
    delta_rs.append(
        settings,
        "ops.forgotten",
        [
            {
                "token": token,
                "kind": kind,
                "business_date": since,
                "person_token": token,
                "value_digest": token,
                "asked_by": "officer",
                "reason": "asked",
                "is_done": True,
                "run_id": "tests",
            }
            for token, kind, since in erased
        ],
    )
    torn = {
        "file_id": "torn",
        "feed": "list_member",
        "source": "boss",
        "file_name": "torn",
        "style": "dollar",
        "load_date": NEXT,
        "rows_unreadable": 1,
        "status": "LANDED",
        "run_id": "tests",
    }
    delta_rs.append(settings, "ops.file_ledger", [torn])
    share = {
        "run_id": "tests",
        "business_date": NIGHT - timedelta(days=1),
        "stage": "customer_view",
        "step": "L_UNKNOWN",
        "table_name": "gold.suppression",
        "metric": job.UNBOUND_SHARE,
        "value": 1.0,
    }
    delta_rs.append(settings, "ops.run_metric", [share])
    respond(spark, settings, DateRange(NIGHT, NEXT))
    return settings
