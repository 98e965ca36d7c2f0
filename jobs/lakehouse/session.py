"""One Spark session, local or on a Spark Connect server by settings, with the same configuration either way."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from conf.errors import ConfigError, ServerUnavailable
from conf.settings import Settings
from jobs.lakehouse.doors import umask_of
from jobs.lakehouse.java_packages import JARS, digest_of, listed
from jobs.lakehouse.orphans import end_orphans, new_session_address
from jobs.lakehouse.spark_door import bring_token
from jobs.lakehouse.worker_code import bring_code

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAR_LIST = "conf/jars.sha256"
LOCAL_FILES_JAR = "hadoop-bare-naked-local-fs"
CONNECT_RETRIES = 5  # 0.05 s, then four times longer each: about 17 s in all


def get_session(settings: Settings, app: str) -> SparkSession:
    """A session for one job: on the Connect server of `settings.spark.remote`, or inside this process when that is empty."""
    if settings.spark.remote:
        _refuse_silence(settings)  # before the client's import, which takes seconds
    _prepare_python()
    return _connect(settings, app) if settings.spark.remote else _classic(settings, app)


def _prepare_python() -> None:
    # Spark starts its Python workers with `python3` from PATH unless told otherwise, which is not our environment.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    # PySpark prints a JSON stack trace, values included, for each failed query.
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _connect(settings: Settings, app: str) -> SparkSession:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    bring_token(settings)
    try:
        end_orphans(settings)
        spark = SparkSession.builder.remote(new_session_address(settings)).appName(app).getOrCreate()
        # The default of 15 tries waits many minutes for a server that was killed; a night must fail and be run again.
        spark.client.set_retry_policies([DefaultPolicy(max_retries=CONNECT_RETRIES)])
        for key, value in session_conf(settings).items():
            spark.conf.set(key, value)
        bring_code(spark, settings)
    except (PySparkException, OSError, RuntimeError) as error:
        raise _unavailable(settings, _reason(error)) from None
    return spark


def _reason(error: Exception) -> str:
    if "UNAUTHENTICATED" in str(error):
        return "it was started with another token than ours: stop it first"
    return type(error).__name__


def _refuse_silence(settings: Settings) -> None:
    """Ask the port before gRPC does, which would keep trying for minutes."""
    address = urlparse(str(settings.spark.remote))
    try:
        with socket.create_connection((address.hostname or "127.0.0.1", address.port or 15002), timeout=3):
            return
    except OSError as error:
        raise _unavailable(settings, error.strerror or type(error).__name__) from None


def _unavailable(settings: Settings, reason: str) -> ServerUnavailable:
    remedy = "closedloop serve start" if settings.spark.is_our_server else "ask those who run it"
    return ServerUnavailable(
        f"the Spark server at {settings.spark.remote} does not answer ({reason})\n  to do:  {remedy}"
    )


def _classic(settings: Settings, app: str) -> SparkSession:
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_DIRS"] = str(settings.path("run", "spark-local"))  # else in the machine's /tmp
    builder = SparkSession.builder.master(settings.spark.master).appName(app)
    for key, value in {**static_conf(settings), **session_conf(settings)}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def session_conf(settings: Settings) -> dict[str, str]:
    """Settings every session has, changeable while the server runs."""
    return {
        "spark.sql.session.timeZone": settings.time_zone,
        "spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions),
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.databricks.delta.stats.collect": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        **settings.spark.extra_conf,
    }


def static_conf(settings: Settings) -> dict[str, str]:
    """Settings fixed when the JVM starts: JARs, Delta extension, catalog, memory."""
    jars = verified_jars(settings)
    conf = {
        "spark.jars": ",".join(str(path) for path in jars),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": str(settings.path("lake", "_warehouse")),
        "spark.sql.catalogImplementation": settings.spark.catalog,
        "spark.driver.memory": settings.spark.driver_memory,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # The driver's own ports ask for a secret too; under a local master Spark makes one at each start, in memory only.
        "spark.authenticate": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.databricks.delta.retentionDurationCheck.enabled": "true",
        "spark.driver.extraJavaOptions": _java_options(settings),
        "spark.hadoop.fs.permissions.umask-mode": f"{umask_of(settings):03o}",  # Hadoop sets modes by its own umask
    }
    if settings.spark.master.startswith("local"):
        conf |= _local_files(jars)
    if settings.spark.catalog == "hive":
        database = settings.path("metastore", "derby")
        conf["spark.hadoop.javax.jdo.option.ConnectionURL"] = f"jdbc:derby:;databaseName={database};create=true"
        conf["spark.hadoop.datanucleus.schema.autoCreateAll"] = "true"
        conf["spark.hadoop.hive.metastore.schema.verification"] = "false"
    return conf


def _local_files(jars: list[Path]) -> dict[str, str]:
    """Files of this machine by Java itself: Hadoop's own way starts a process for each new file, and writes a .crc beside it."""
    return {
        # Needed before spark.jars is read.
        "spark.driver.extraClassPath": next(str(path) for path in jars if path.name.startswith(LOCAL_FILES_JAR)),
        "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.NakedLocalFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.file.impl": "org.apache.hadoop.fs.local.RawLocalFs",
        "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",  # the default asks for the way above
    }


def _java_options(settings: Settings) -> str:
    log4j = settings.root / "conf" / "log4j2.properties"
    options = [
        f"-Dlog4j2.configurationFile=file:{log4j}",
        f"-Dderby.stream.error.file={settings.path('logs', 'derby.log')}",
        f"-Duser.timezone={settings.time_zone}",
        f"-Djava.io.tmpdir={_temporary(settings)}",  # also Spark's artifacts and Hive's resources
        settings.spark.java_options,
    ]
    return " ".join(options).strip()


def _temporary(settings: Settings) -> Path:
    """Where Java puts what it forgets: inside the home, not in the machine's /tmp."""
    folder = settings.path("run", "tmp")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def verified_jars(settings: Settings) -> list[Path]:
    """The JARs, each checked once against conf/jars.sha256; a missing or changed one is refused."""
    folder = settings.base / settings.spark.jars
    jars = []
    for name, wanted in listed(JARS.digests).items():
        path = folder / name
        if not path.is_file():
            raise ConfigError(JAR_LIST, name, f"no file {path}", "the JAR; run `closedloop fetch`")
        found = digest_of(path)
        if found != wanted:
            raise ConfigError(JAR_LIST, name, found, f"{wanted}; delete {path} and run `closedloop fetch`")
        jars.append(path)
    return jars
