"""Tonight's lists on Spark, for the audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import duckdb

from sendworthy.build.spark.gather import write_copy
from sendworthy.build.spark.session import in_words
from sendworthy.build.spark.watchdog import Watchdog
from sendworthy.foundation.errors import BuildError
from sendworthy.warehouse.list_reader import table_of_texts, unreadable
from sendworthy.warehouse.statements import Sql, literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# the rows of 0 and 1 are few and narrow; more parts than this only cost time
PARTS = 2
PREFIX = "sendworthy_"


class SparkLists:
    """The lists of a session's catalogue. Great Expectations gets data frames of the kept rows, which stay in memory."""

    def __init__(self, session: SparkSession, as_of: datetime, lake: Path, watchdog: Watchdog) -> None:
        self.as_of = as_of
        self._session = session
        self._copies = lake / "copies"
        self._log = lake / "spark.log"
        self._watchdog = watchdog
        self._kept: DataFrame | None = None
        self._source: Any = None

    def __enter__(self) -> SparkLists:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def name(self, column: str) -> Sql:
        """A quoted column name."""
        return Sql("`" + column.replace("`", "``") + "`")

    def text(self, value: str) -> Sql:
        """A quoted text."""
        return Sql("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'")

    def model(self, name: str) -> Sql:
        """The files of a copy of the model, which the published file takes later."""
        with self._reading():
            return Sql(f"parquet.`{write_copy(self._session, name, self._copies)}`")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query's rows."""
        with self._reading():
            return [tuple(row) for row in self._session.sql(query).collect()]

    def keep(self, name: str, query: Sql) -> Sql:
        """Evaluate the query once and for all."""
        with self._reading():
            # through files: else every later query would plan anew all that leads up to these rows
            folder = (self._copies / f"{PREFIX}{name}").as_uri()
            self._session.sql(query).coalesce(PARTS).write.mode("overwrite").parquet(folder)
            self._session.read.parquet(folder).createOrReplaceTempView(f"{PREFIX}{name}")
        return Sql(f"{PREFIX}{name}")

    def bring(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Sql:
        """Make a table of texts."""
        # through a file: with the session's own way, the workers would have to start Python
        file = self._copies / f"{PREFIX}{name}.parquet"
        query, values = table_of_texts(columns, rows)
        with self._reading():
            file.parent.mkdir(parents=True, exist_ok=True)
            with duckdb.connect() as connection:
                connection.execute(f"copy ({query}) to {literal(file)} (format parquet)", values)
            self._session.read.parquet(file.as_uri()).createOrReplaceTempView(f"{PREFIX}{name}")
        return Sql(f"{PREFIX}{name}")

    def hand_over(self, context: Any, campaigns: Sequence[str], query: Sql) -> None:
        """Keep the query's rows in memory, and add the source of the data frames."""
        self._kept = self._session.table(self.keep("messages", query)).cache()
        # the rows are in memory as it is
        self._source = context.data_sources.add_spark("send_list", persist=False)

    def batch(self, name: str, campaign: str | None) -> tuple[Any, Mapping[str, Any]]:
        """A batch definition, and its data frame: the kept rows of one campaign, or of all."""
        assert self._kept is not None
        kept = self._kept if campaign is None else self._kept.where(self._kept.campaign_id == campaign)
        asset = self._source.add_dataframe_asset(name)
        return asset.add_batch_definition_whole_dataframe("tonight"), {"dataframe": kept.drop("campaign_id")}

    def close(self) -> None:
        """Let go of the kept rows."""
        if self._kept is not None:
            self._kept.unpersist()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with in_words("the lists", self._log, self._watchdog):
                yield
        except BuildError as error:
            if self._watchdog.gave_up:
                raise
            raise unreadable("Spark", error.what) from None
