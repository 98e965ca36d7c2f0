"""Typed reading of conf/models.yaml: target, population, features, parameters and promotion thresholds of every model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from conf.errors import ConfigError
from conf.reading import ROOT, Strict, load, remembered, require_known

MODELS_FILE = ROOT / "conf" / "models.yaml"


class Condition(Strict):
    """One condition on a column of customer_360; null never holds."""

    column: str
    equals: bool | int | str

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The condition itself, as `AnyOf` names its own."""
        return (self,)


class AnyOf(Strict):
    """Conditions of which at least one must hold."""

    any: tuple[Condition, ...] = Field(min_length=1)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions it is made of."""
        return self.any


Population = tuple[Condition | AnyOf, ...]  # all of them must hold


class Label(Strict):
    """What the model predicts: an event type the trainer knows and the products it is about."""

    event: Literal["LEAVES_NETWORK", "CLOSES_PRODUCT", "OPENS_PRODUCT", "CONTACTS_ADOPT"]
    products: tuple[str, ...]

    @property
    def label_id(self) -> str:
        """Name of the label in run records, as OPENS_PRODUCT:CRBT."""
        return ":".join((self.event, *self.products))

    @property
    def is_leaving(self) -> bool:
        """Whether the score is a chance of leaving, which is no chance of a yes."""
        return self.event in ("LEAVES_NETWORK", "CLOSES_PRODUCT")

    @property
    def is_accepting(self) -> bool:
        """Whether the score is a chance of taking the product."""
        return self.event == "OPENS_PRODUCT"


class Thresholds(Strict):
    """When a challenger may become champion; max_cost_ratio compares scoring cost (leaves times trees)."""

    min_auc: float = Field(ge=0.5, le=1)
    max_ece: float = Field(gt=0)
    max_auc_drop: float = Field(ge=0)
    max_ece_rise: float = Field(ge=0)
    max_cost_ratio: float = Field(ge=1)
    min_events: int = Field(ge=1)


class Ratio(Strict):
    """A feature that is one column over another; null or zero below gives a missing value."""

    of: str
    by: str


FeatureKind = Literal["numeric", "categorical", "date"] | Ratio


class Feature(Strict):
    """One column of the training matrix: a number, a text level, days from the snapshot to a date, or a ratio of two columns."""

    name: str
    type: Literal["numeric", "categorical", "date", "ratio"]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, name: str, kind: FeatureKind) -> Feature:
        """The feature as conf/models.yaml gives it."""
        if isinstance(kind, Ratio):
            return cls(name=name, type="ratio", columns=(kind.of, kind.by))
        return cls(name=name, type=kind, columns=(name,))


class ModelSpec(Strict):
    """One model as written under `models:`."""

    title: str
    owner: str
    objective: Literal["binary", "poisson"]
    label: Label
    population: Population = Field(min_length=1)
    feature_groups: tuple[str, ...] = Field(min_length=1)
    thresholds: Thresholds


class LightgbmSpec(Strict):
    """Parameters common to all contests, and the small grid that is tried."""

    base: dict[str, float | int]
    grid: tuple[dict[str, float | int], ...] = Field(min_length=1)
    early_stopping_rounds: int = Field(ge=1)


class Screening(Strict):
    """How pairs of conditions are looked for: cuts a feature, rows at most, least normal score, most pairs kept."""

    cuts: int = Field(ge=1)
    max_rows: int = Field(ge=1000)
    min_score: float = Field(gt=0)
    max_pairs: int = Field(ge=0)


class CutOffs(Strict):
    """How many labelled snapshot dates train and validate, and the least days between two of them."""

    count: int = Field(ge=2)
    gap_days: int = Field(ge=1)


class DriftBounds(Strict):
    """How far a feature may move: rise of its share without a value, rise of its unknown levels, PSI."""

    emptied: float = Field(gt=0, le=1)
    unknown: float = Field(gt=0, le=1)
    psi: float = Field(gt=0)


class DriftRules(Strict):
    """When a night's features are no longer those a model was trained on: told above `warn`, not scored above `refuse`."""

    bins: int = Field(ge=2)
    sample_rows: int = Field(ge=1)
    min_rows: int = Field(ge=1)
    floor_share: float = Field(gt=0, lt=1)
    one_value_share: float = Field(gt=0, le=1)
    own_doing: tuple[str, ...]
    warn: DriftBounds
    refuse: DriftBounds


class LifecycleRules(Strict):
    """Which scores mark prospects and those at risk (domain rules 5.11 and 5.12)."""

    prospect_model: str
    prospect_min_lift: float = Field(ge=1)
    churn_model: str
    offnet_model: str
    churn_min_lift: float = Field(ge=1)


class ModelsConfig(Strict):
    """Everything in conf/models.yaml."""

    version: int
    label_days: int = Field(ge=1)
    cut_offs: CutOffs
    folds: int = Field(ge=2)
    leak_auc: float = Field(gt=0.5, le=1)
    max_model_bytes: int = Field(ge=1)
    min_category_rows: int = Field(ge=1)
    score_batch_rows: int = Field(ge=1)
    one_process_rows: int = Field(ge=0)
    screening: Screening
    drift: DriftRules
    lifecycle: LifecycleRules
    lightgbm: LightgbmSpec
    feature_groups: dict[str, dict[str, FeatureKind]]
    models: dict[str, ModelSpec]

    def features_of(self, model_name: str) -> tuple[Feature, ...]:
        """Features of one model, sorted by name: the order of the training matrix."""
        spec = self.models[model_name]
        found = {name: kind for group in spec.feature_groups for name, kind in self.feature_groups[group].items()}
        return tuple(Feature.of(name, found[name]) for name in sorted(found))

    @property
    def feature_columns(self) -> list[str]:
        """Every column of customer_360 some model reads as a feature."""
        features = [feature for name in self.models for feature in self.features_of(name)]
        return sorted({column for feature in features for column in feature.columns})

    @property
    def population_columns(self) -> list[str]:
        """Every column of customer_360 some population rule reads."""
        return sorted({column for spec in self.models.values() for column in columns_of(spec.population)})


def columns_of(population: Population) -> set[str]:
    """Columns of customer_360 a population rule reads."""
    return {condition.column for part in population for condition in part.conditions}


def load_models(path: Path = MODELS_FILE) -> ModelsConfig:
    """Read conf/models.yaml; unknown keys, unknown feature groups and unknown model names are refused with their place."""
    return _load_cached(path, path.stat().st_mtime_ns if path.is_file() else 0)


@remembered
def _load_cached(path: Path, _changed: int) -> ModelsConfig:
    config = load(ModelsConfig, path)
    _check_groups(config, path)
    _check_populations(config, path)
    _check_drift(config, path)
    rules = config.lifecycle
    for key in ("prospect_model", "churn_model", "offnet_model"):
        if getattr(rules, key) not in config.models:
            raise ConfigError(path, f"lifecycle.{key}", getattr(rules, key), "one of: " + ", ".join(config.models))
    return config


def _check_populations(config: ModelsConfig, path: Path) -> None:
    """A misspelt column or code would make a model for nobody."""
    from conf.tables import table_of  # contracts take codes from this file

    columns = {column.name: column for column in table_of("gold.customer_360").columns}
    for name, spec in config.models.items():
        for condition in (one for part in spec.population for one in part.conditions):
            key = f"models.{name}.population.{condition.column}"
            require_known(path, key, condition.column, columns)
            codes = columns[condition.column].codes
            require_known(path, key, str(condition.equals), codes or (str(condition.equals),))


def _check_drift(config: ModelsConfig, path: Path) -> None:
    known = {feature for features in config.feature_groups.values() for feature in features}
    for feature in config.drift.own_doing:
        if feature not in known:
            raise ConfigError(path, "drift.own_doing", feature, "a feature of some group")
    for name, bound in config.drift.warn.model_dump().items():
        if bound > getattr(config.drift.refuse, name):
            raise ConfigError(path, f"drift.warn.{name}", bound, f"at most drift.refuse.{name}")


def _check_groups(config: ModelsConfig, path: Path) -> None:
    for name, spec in config.models.items():
        for group in spec.feature_groups:
            if group not in config.feature_groups:
                known = ", ".join(config.feature_groups)
                raise ConfigError(path, f"models.{name}.feature_groups", group, f"one of: {known}")
    used = {group for spec in config.models.values() for group in spec.feature_groups}
    for group in config.feature_groups:
        if group not in used:
            raise ConfigError(path, f"feature_groups.{group}", "a group no model reads", "a group some model lists")
    kinds: dict[str, FeatureKind] = {}
    for group, features in config.feature_groups.items():
        for feature, kind in features.items():
            if kinds.setdefault(feature, kind) != kind:
                raise ConfigError(
                    path, f"feature_groups.{group}.{feature}", kind, f"{kinds[feature]}, as in an earlier group"
                )
