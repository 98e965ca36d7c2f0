"""The optimiser's benchmark with its per-customer step in Spark beside: `closedloop bench allocation --spark`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from conf.reading import ROOT
from models.allocation import bench
from models.allocation.evaluate import StepFactory


def spark_step_factory() -> StepFactory:
    """The step in the partitions of a Spark of this process alone."""
    from pyspark.sql import SparkSession

    from jobs.targeting.spark_allocation import spark_step

    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2]")
        .appName("bench-allocation")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "2g")
        .config("spark.authenticate", "true")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark_step(spark, Path(tempfile.mkdtemp(prefix="allocation-")))


bench.spark_step_factory = spark_step_factory
app = bench.app

if __name__ == "__main__":
    app()
