"""Packages of closedloop; run-time versions stand in requirements.lock, with hashes."""

from setuptools import find_packages, setup

setup(
    name="closedloop",
    version="0.1.0",
    description="The marketing loop of a telecom operator, closed every night",
    license="Apache-2.0",
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=["conf*", "jobs*", "models*", "expectations*", "simulator*"]),
    entry_points={"console_scripts": ["closedloop=jobs.cli:app"]},
)
