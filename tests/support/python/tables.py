"""The database behind the pool's back: what rows there are, and holding commits for a moment."""

import contextlib
import time
import warnings

import pymysql


def connect(pool):
    return pymysql.connect(unix_socket=str(pool.database_socket), user="root", database="whitebrick", autocommit=True)


def query(pool, sql, *arguments):
    with connect(pool) as db, db.cursor() as cursor, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cursor.execute(sql, arguments or None)
        return cursor.fetchall()


# What the server writes by itself, or for any call that is authenticated.
LIVE = {"job", "replica", "db_pulse", "cluster_secret"}
OF_CALLS = {"token", "request", "login_failure"}


def _names(pool):
    return sorted(row[0] for row in query(pool, "SHOW TABLES"))


def row_counts(pool):
    names = [n for n in _names(pool) if n not in LIVE | OF_CALLS]
    return {n: query(pool, f"SELECT COUNT(*) FROM `{n}`")[0][0] for n in names}


def checksums(pool):
    """A number for the content of each table; leases (of services and terminals) are renewed by any call."""
    names = [n for n in _names(pool) if n not in LIVE | OF_CALLS | {"service", "terminal_session"}]
    return dict(query(pool, "CHECKSUM TABLE " + ", ".join(f"`{n}`" for n in names)))


@contextlib.contextmanager
def commits_held(pool):
    """Within, transactions do everything but their COMMIT; those that stand there commit when it ends."""
    with connect(pool) as db, db.cursor() as cursor:
        for stage in ("START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT"):
            cursor.execute(f"BACKUP STAGE {stage}")
        try:
            yield
        finally:
            cursor.execute("BACKUP STAGE END")


def commits_waiting(pool, rows):
    """How many transactions that changed at least so many rows stand before their COMMIT. The database looks
    anew only when it was not asked for 0.1 s."""
    time.sleep(0.12)
    return query(pool, "SELECT COUNT(*) FROM information_schema.processlist p JOIN information_schema.innodb_trx t"
                       " ON t.trx_mysql_thread_id = p.id"
                       " WHERE p.state = 'Waiting for backup lock' AND t.trx_rows_modified >= %s", rows)[0][0]
