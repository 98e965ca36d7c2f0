"""Codes that live in a business file, by the name under which contracts (`values_from`) and suites take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conf.approval import RELEASE, SUBMIT, load_approval_flow
from conf.channels import load_channels
from conf.codes import UNKNOWN, load_code_lists, load_status_codes
from conf.exclusions import load_exclusions
from conf.models import load_models
from conf.personal_data import load_personal_kinds
from conf.products import load_products
from conf.reading import one_of
from conf.regions import all_cities, load_regions
from conf.segments import load_personality, load_strategic
from conf.tags import load_tags


def _channels() -> dict[str, str]:
    return {code: channel.title for code, channel in load_channels().items()}


def _do_not_disturb() -> dict[str, str]:
    channels = {f"CHANNEL:{code}": title for code, title in _channels().items()}
    products = {f"PRODUCT:{code}": product.title for code, product in load_products().items()}
    return {"SYSTEM": "no contact at all", **channels, **products}


# Name -> the codes there, each with a word for people.
CODE_LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "channels": _channels,
    "passive_channels": lambda: {
        code: channel.title for code, channel in load_channels().items() if channel.is_passive
    },
    "products": lambda: {code: product.title for code, product in load_products().items()},
    "provinces": lambda: {code: province.name for code, province in load_regions().items()},
    "cities": lambda: {code: city.name for code, city in all_cities().items()},
    "counties": lambda: {code: name for city in all_cities().values() for code, name in city.counties.items()},
    "tags": lambda: {tag_id: tag.title for tag_id, tag in load_tags().items()},
    "personality_segments": lambda: {segment.code: segment.name for segment in load_personality().segments},
    "strategic_segments": lambda: {segment.code: segment.title for segment in load_strategic().segments},
    "subscription_statuses": lambda: {code.subscription_status: code.name for code in load_status_codes()},
    "churn_types": lambda: {code.churn_type: code.name for code in load_status_codes() if code.churn_type},
    "models": lambda: {name: model.title for name, model in load_models().models.items()},
    "binary_models": lambda: {
        name: model.title for name, model in load_models().models.items() if model.objective == "binary"
    },
    "personal_kinds": lambda: {name: kind.title for name, kind in load_personal_kinds().items()},
    "touchpoints": lambda: {**load_code_lists()["touchpoints"], **_channels(), UNKNOWN: "a code of no list"},
    "status_codes": lambda: {code.status_code: code.name for code in load_status_codes()},
    "approval_steps": lambda: {
        SUBMIT: "asked for by the maker",
        **{step.step: step.asks for step in load_approval_flow().steps},
        RELEASE: "what may run",
    },
    "do_not_disturb": _do_not_disturb,
    "exclusion_reasons": lambda: {name: exclusion.title for name, exclusion in load_exclusions().items()},
    "protection_reasons": lambda: {
        name: exclusion.title for name, exclusion in load_exclusions().items() if exclusion.protects
    },
}


def code_list(name: str) -> Mapping[str, str]:
    """Codes of a business file with a word each; ValueError, with the names there are, for an unknown name."""
    require_list(name)
    return CODE_LISTS[name]()


def require_list(name: str) -> None:
    """Refuse the name of a list there is not, without reading any file; ValueError says which there are."""
    if name not in CODE_LISTS:
        raise ValueError(f"'{name}', wanted {one_of(name, CODE_LISTS)}")
