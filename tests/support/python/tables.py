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


# What the server writes by itself; and the leases that any call renews, with what grows then.
LIVE = {"job", "replica", "db_pulse", "cluster_secret"}
LEASES = {"service": {"lease_until"}, "terminal_session": {"lease_until", "version"}}


def contents(pool, but=()):
    """table -> what tells whether it holds the same as before: of every table except those in `but`."""
    names = sorted({row[0] for row in query(pool, "SHOW TABLES")} - LIVE - LEASES.keys() - set(but))
    found = {name.partition(".")[2]: number
             for name, number in query(pool, "CHECKSUM TABLE " + ", ".join(f"`{n}`" for n in names))}
    for name, leases in LEASES.items():
        columns = [row[0] for row in query(pool, f"SHOW COLUMNS FROM `{name}`") if row[0] not in leases]
        found[name] = query(pool, f"SELECT {', '.join(columns)} FROM `{name}` ORDER BY {columns[0]}")
    return found


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


def rows_before_commit(pool):
    """For each transaction that stands before its COMMIT: how many rows it has written. The database looks anew only
    when it was not asked for 0.1 s."""
    time.sleep(0.12)
    return [row[0] for row in query(pool, "SELECT t.trx_rows_modified FROM information_schema.processlist p"
                                          " JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id"
                                          " WHERE p.state = 'Waiting for backup lock'")]


def commits_waiting(pool, rows):
    """How many transactions that changed at least so many rows stand before their COMMIT."""
    return sum(written >= rows for written in rows_before_commit(pool))
