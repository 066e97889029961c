"""A throwaway PostgreSQL: the test's own starter, so that it does not lean on what it tests."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import psycopg2

WATCHDOG = pathlib.Path(__file__).resolve().parents[2] / "src/pg/throwaway/watchdog.sh"


def bindir():
    """Where the server programs are."""
    candidates = [os.environ.get("PG_BINDIR", "")]
    found = shutil.which("postgres")
    if found:
        candidates.append(os.path.dirname(os.path.realpath(found)))
    debian = pathlib.Path("/usr/lib/postgresql")
    if debian.is_dir():
        versions = sorted((int(p.name) for p in debian.iterdir() if p.name.isdigit()), reverse=True)
        candidates += [str(debian / str(version) / "bin") for version in versions]
    for candidate in candidates:
        if candidate and all(os.path.exists(os.path.join(candidate, name)) for name in ("initdb", "pg_ctl")):
            return candidate
    raise SystemExit("PostgreSQL's server programs are not on this machine: apt-get install postgresql")


class Cluster:
    """Runs from construction to `close`, or to the end of this process, whichever comes first."""

    def __init__(self):
        self.bindir = bindir()
        self.directory = tempfile.mkdtemp(prefix="mapwright-synapse-", dir="/tmp")
        self._as = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.directory, account.pw_uid, account.pw_gid)
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        script = WATCHDOG.read_text()
        self._watchdog = subprocess.Popen(
            ["sh", "-c", script, "watchdog", self._program("pg_ctl"), self.directory],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, **self._as)
        data = os.path.join(self.directory, "data")
        self._run("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                  "--locale=C", "--pgdata", data)
        options = f"-c listen_addresses= -c fsync=off -c unix_socket_directories={self.directory}"
        self._run("pg_ctl", "start", "--wait", "--silent", "--pgdata", data,
                  "--log", os.path.join(self.directory, "log"), "--options", options)

    def _program(self, name):
        return os.path.join(self.bindir, name)

    def _run(self, program, *arguments):
        with open(os.path.join(self.directory, "output"), "wb") as output:
            subprocess.run([self._program(program), *arguments], check=True, cwd=self.directory,
                           stdin=subprocess.DEVNULL, stdout=output, stderr=output, **self._as)

    def create_database(self, name):
        connection = self.connect("postgres")
        connection.autocommit = True
        connection.cursor().execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING UTF8 LC_COLLATE 'C' LC_CTYPE 'C'")
        connection.close()

    def connect(self, database):
        return psycopg2.connect(host=self.directory, user="postgres", dbname=database)

    def uri(self, database):
        return f"postgresql:///{database}?host={self.directory}&user=postgres"

    def query(self, database, sql, *parameters):
        """All rows, as dictionaries by column."""
        connection = self.connect(database)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                if cursor.description is None:
                    return []
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row)) for row in cursor.fetchall()]
        finally:
            connection.close()

    def script(self, database, sql):
        self._client("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, text=sql)

    def dump(self, database):
        """The database as text that equals itself: without the random words newer versions put in."""
        lines = self._client("pg_dump", "-d", database).splitlines()
        return "\n".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))

    def _client(self, program, *arguments, text=None):
        done = subprocess.run([self._program(program), "-h", self.directory, "-U", "postgres", *arguments],
                              input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{program}: {done.stderr}")
        return done.stdout

    def close(self):
        self._watchdog.stdin.close()
        self._watchdog.wait(timeout=60)
