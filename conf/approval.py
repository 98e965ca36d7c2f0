"""The way of approval: which steps a campaign takes and who may answer each (conf/approval.yaml)."""

from __future__ import annotations

from itertools import product

from pydantic import Field, model_validator

from conf.reading import ROOT, Strict, load, remembered

APPROVAL_FILE = ROOT / "conf" / "approval.yaml"
SUBMIT, RELEASE = "SUBMIT", "RELEASE"  # before the first and after the last step of people


def same_person(one: str, other: str) -> bool:
    """Whether two logins are one person's: letters' case and blanks around it make no difference."""
    return one.strip().casefold() == other.strip().casefold()


class ApprovalStep(Strict):
    """One step a person answers: its name in ops.approval, its task in Airflow, what it asks, and the logins that may answer."""

    step: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    task_id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    asks: str = Field(min_length=1)
    approvers: tuple[str, ...] = Field(min_length=1)


class ApprovalFlow(Strict):
    """All steps of people in order; `response_days` until an unanswered one ends its run; `makers` are the logins that ask."""

    response_days: int = Field(ge=1)
    waiting_at_once: int = Field(ge=1)
    makers: tuple[str, ...] = Field(min_length=1)
    steps: tuple[ApprovalStep, ...] = Field(min_length=1)

    @property
    def people(self) -> list[str]:
        """Everybody who has a part in an approval: makers and approvers."""
        return sorted({*self.makers, *self.logins})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the steps people answer, in order."""
        return tuple(step.step for step in self.steps)

    @property
    def logins(self) -> list[str]:
        """Everybody who may answer a step."""
        return sorted({login for step in self.steps for login in step.approvers})

    def approvers_of(self, step: str) -> tuple[str, ...]:
        """Logins that may answer a step."""
        return next(each.approvers for each in self.steps if each.step == step)

    def different_people(self) -> tuple[str, ...]:
        """A person for each step, no two the same; ValueError when there are too few."""
        for people in product(*(step.approvers for step in self.steps)):
            if len({person.strip().casefold() for person in people}) == len(people):
                return people
        raise ValueError("approvers by which each step can be answered by another person")

    @model_validator(mode="after")
    def _way_can_be_gone(self) -> ApprovalFlow:
        for key, values in (("step", self.names), ("task_id", [step.task_id for step in self.steps])):
            if len(set(values)) != len(values):
                raise ValueError(f"each {key} once, found {list(values)}")
        if {SUBMIT, RELEASE} & set(self.names):
            raise ValueError(f"steps of people beside {SUBMIT} and {RELEASE}, which every way has")
        self.different_people()
        return self


@remembered
def load_approval_flow() -> ApprovalFlow:
    """The way of approval."""
    return load(ApprovalFlow, APPROVAL_FILE)
