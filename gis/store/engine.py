"""Connections to the record, and what becomes of their errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.engine import make_url

from grids.errors import Conflict, InputError, Unavailable, WanmiError

APPLICATION = "wanmi"


def connect(dsn: str, *, pool_size: int = 5) -> Engine:
    """Open a pool of connections to the record of a city; connects at the first use.

    Parameters
    ----------
    dsn
        ``postgresql://user@host:port/name``, or a socket: ``postgresql:///name?host=/folder&user=wanmi``.
    pool_size
        Connections kept open; as many again may be opened for a while.

    Returns
    -------
    sqlalchemy.Engine
        Each connection is tried before it is lent out, so that a restarted server is no trouble. Sessions are
        in UTC and in READ COMMITTED.
    """
    try:
        url = make_url(dsn)
    except exc.ArgumentError:
        raise InputError(
            "this is no DSN", where="dsn", right="postgresql://user@host:5432/name or postgresql:///name?host=/socket"
        ) from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise InputError(f"{url.drivername} is no PostgreSQL", where="dsn", right="postgresql://…")
    engine = create_engine(
        url.set(drivername="postgresql+psycopg2"),
        pool_pre_ping=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": 10, "application_name": APPLICATION, "options": "-c timezone=UTC"},
    )
    event.listen(engine, "handle_error", _translate)
    return engine


def _translate(context: Any) -> None:
    """Turn a lost or refused connection into `Unavailable`; a lost one that is only tried is replaced by the pool."""
    error = context.original_exception
    if context.is_pre_ping:
        return
    if isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)) and (
        context.is_disconnect or context.connection is None
    ):
        raise _unavailable(error, context.engine) from error


def _unavailable(error: Exception, engine: Engine | None) -> Unavailable:
    name = engine.url.database if engine is not None else ""
    line = first_line(error)
    if "does not exist" in line and "database" in line:
        return Unavailable(line, right="run 'wanmi demo', or 'wanmi load' with a profile")
    return Unavailable(
        f"no connection: {line}", where=f"database {name}" if name else "", right="is it up? (wanmi db status)"
    )


def first_line(error: object) -> str:
    """Return the first line of a server's message, without its severity."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removeprefix("FATAL:").strip() if lines else "no message"


@contextlib.contextmanager
def transaction(engine: Engine, *, commit: bool = True) -> Iterator[Cursor]:
    """Lend a psycopg2 cursor inside one transaction: all of it is committed at the end, or nothing is.

    Parameters
    ----------
    commit
        False takes everything back at the end.

    Raises
    ------
    Unavailable
        When the server cannot be reached, or goes away in between.
    Conflict
        When a constraint of the record refuses what is written; nothing is then changed.
    InputError
        When a value cannot be stored.
    """
    try:
        raw = engine.raw_connection()
    except (psycopg2.OperationalError, exc.OperationalError) as error:
        raise _unavailable(error, engine) from error
    try:
        inner = raw.driver_connection
        assert isinstance(inner, Connection)
        with inner.cursor() as cursor:
            yield cursor
        if commit:
            inner.commit()
        else:
            inner.rollback()
    except BaseException as error:
        _leave(raw, error)
        if isinstance(error, psycopg2.Error):
            raise _as_ours(error, engine) from error
        raise
    finally:
        raw.close()


def _leave(raw: Any, error: BaseException) -> None:
    """Roll back; a connection that cannot is thrown away."""
    try:
        raw.rollback()
    except psycopg2.Error:
        raw.invalidate(error if isinstance(error, Exception) else None)


def _as_ours(error: psycopg2.Error, engine: Engine) -> WanmiError | psycopg2.Error:
    if isinstance(error, psycopg2.errors.IntegrityError):
        diag = error.diag
        # the detail of a check is the whole row, which is nobody's business; that of a key is the key
        told = diag.message_detail or ""
        detail = f" ({told})" if told.startswith("Key (") else ""
        where = f"table {diag.table_name}" if diag.table_name else ""
        return Conflict(f"{diag.message_primary}{detail}", where=where, right=diag.message_hint or "")
    if isinstance(error, psycopg2.DataError):
        context = (error.diag.context or "").splitlines()
        return InputError(f"the server refuses a value: {first_line(error)}", where=context[0] if context else "")
    if isinstance(error, psycopg2.errors.UndefinedTable):
        return Conflict(
            "it holds no city of ours",
            where=f"database {engine.url.database}",
            right="run 'wanmi demo' or 'wanmi load'",
        )
    if isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        code = error.pgcode or "08"
        if code[:2] == "08" or code[:4] == "57P0":
            return _unavailable(error, engine)
        if code[:2] in ("40", "53", "55", "57"):  # a deadlock, a full disk, a lock that others hold, a cancel
            line = f"the server gave up: {first_line(error)}"
            return Unavailable(line, where=f"database {engine.url.database}", right="try again")
    return error
