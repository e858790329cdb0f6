"""Clock, person keys, masking, the lease and the warehouse connection."""

from __future__ import annotations

import hmac
import io
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartwire import clock
from cartwire.errors import ConfigError
from cartwire.lock import LeaseTaken, holder, lease
from cartwire.masking import MaskingFilter, mask, mask_email
from cartwire.person import key_blocks, person_key, subject_of
from cartwire.warehouse import open_warehouse


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_milliseconds_survive_the_round_trip(moment: datetime) -> None:
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    assert clock.from_ms(clock.to_ms(moment)) == cut


@given(st.binary(min_size=1, max_size=200), st.text(max_size=50))
def test_key_blocks_give_the_same_hmac_as_the_standard_library(secret: bytes, subject: str) -> None:
    import hashlib

    inner, outer = key_blocks(secret)
    message = subject.encode("utf-8", "surrogatepass")
    if message != subject.encode("utf-8", "ignore"):
        return
    by_hand = hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).hexdigest()
    assert by_hand == person_key(secret, subject) == hmac.new(secret, message, "sha256").hexdigest()


def test_a_subject_is_the_customer_before_the_address_and_folds_case() -> None:
    assert subject_of("c1", "Ada@Example.com") == "customer:c1"
    assert subject_of(None, " Ada@Example.com ") == "email:ada@example.com"
    with pytest.raises(ValueError, match="customer id or an e-mail"):
        subject_of(None, None)


@pytest.mark.parametrize(
    "text",
    [
        "user ada.lovelace+x@example.co.uk refused",
        "GET /api/users/ada%40example.com 404",
        "phone +49 171 5551234 is wrong",
        "Authorization: Bearer abcdef123456",
        '{"api_key": "0123456789abcdef"}',
    ],
)
def test_masking_removes_what_identifies_or_opens(text: str) -> None:
    masked = mask(text)
    for secret in ("ada", "1715551234", "5551234", "abcdef123456", "0123456789abcdef"):
        assert secret not in masked


def test_a_log_line_with_an_exception_is_masked() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(MaskingFilter())
    logger = logging.Logger("one")
    logger.addHandler(handler)
    try:
        raise RuntimeError("could not send to ada@example.com")
    except RuntimeError:
        logger.exception("failed for %s", "grace@example.com")
    assert "RuntimeError" in stream.getvalue()
    assert "@" not in stream.getvalue()


def test_a_masked_address_can_be_recognised_but_not_used() -> None:
    assert mask_email("ada@example.com") == "a***@e***.com"


def test_a_second_lease_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    assert holder(ledger) is None
    with lease(ledger):
        code = "import sys; from pathlib import Path; from cartwire.lock import lease\nwith lease(Path(sys.argv[1])): pass"
        other = subprocess.run([sys.executable, "-c", code, str(ledger)], capture_output=True, text=True)
        assert other.returncode != 0
        assert f"process {os.getpid()}" in other.stderr
        assert holder(ledger) == os.getpid()
    assert holder(ledger) is None
    assert LeaseTaken.exit_code == 12


def test_a_killed_holder_leaves_no_lease(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    code = "import sys,os; from pathlib import Path; from cartwire.lock import lease\nwith lease(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(ledger)]).returncode == -9
    with lease(ledger):
        assert holder(ledger) == os.getpid()


def test_a_locked_warehouse_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "open\n"
    try:
        with pytest.raises(ConfigError, match=r"CARTWIRE_WAREHOUSE.*locked.*CARTWIRE_ANALYST_DB"):
            open_warehouse(path, wait_s=0.3)
    finally:
        other.communicate("")
    open_warehouse(path, wait_s=5).close()


def test_a_file_that_is_no_warehouse_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_text("not a database " * 1000)
    with pytest.raises(ConfigError, match="move it away"):
        open_warehouse(path, wait_s=0.1)
    assert path.read_text().startswith("not a database")


def test_the_warehouse_speaks_utc(tmp_path: Path) -> None:
    connection = open_warehouse(tmp_path / "warehouse.duckdb")
    assert connection.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]
    connection.close()
    assert duckdb.connect(str(tmp_path / "warehouse.duckdb")).execute("select 1").fetchall() == [(1,)]


def test_duckdb_works_with_as_many_threads_as_it_is_given(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse.duckdb", threads=1) as connection:
        beside = connection.cursor()
        assert beside.execute("select current_setting('threads')").fetchall() == [(1,)]
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        assert connection.execute("select current_setting('threads')").fetchall()[0][0] == os.cpu_count()


def test_duckdb_takes_no_more_memory_than_it_is_given(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse.duckdb", memory_gib=0.125) as connection:
        shared = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
        assert shared.execute("select current_setting('memory_limit')").fetchall() == [("128.0 MiB",)]
        shared.close()
        connection.execute("create table large as select sha256(i::varchar) as digest from range(3000000) as r(i)")
        assert connection.execute("select count(distinct digest) from large").fetchall() == [(3_000_000,)]
