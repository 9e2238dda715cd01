"""Rows on their way: CSV as PostgreSQL writes it, in a file without a name, read back as Arrow tables block by block.

Every value keeps its exact decimals and microseconds: text of PostgreSQL is read by Arrow, and no float is between.
"""

import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Final

import pyarrow as pa
from psycopg.abc import Buffer
from pyarrow import csv

from crm_warehouse.star import ARROW, IS_DELETED, Column

BLOCK_BYTES: Final = 16 * 1024 * 1024


class SpooledRows:
    """Write all, then read once, then close. The file has no name: it vanishes with the process, however that ends."""

    def __init__(self) -> None:
        self.count = 0
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` does

    def write(self, block: Buffer) -> None:
        self._file.write(block)

    def close(self) -> None:
        self._file.close()

    def read(self, columns: Sequence[Column]) -> Iterator[pa.Table]:
        """Yield the rows as tables of `columns`. Raises pyarrow.ArrowInvalid for a value that its type can't hold."""
        types = {column.name: ARROW[column.kind] for column in columns} | {IS_DELETED: pa.bool_()}
        self._file.seek(0)
        if not self.count:
            # Its shape all the same: a table without rows is to be there, or emptied.
            yield pa.table({name: pa.array([], type_) for name, type_ in types.items()})
            return
        with csv.open_csv(
            self._file,
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,  # PostgreSQL quotes an empty text, and not a null
                true_values=["t"],
                false_values=["f"],
            ),
        ) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])
