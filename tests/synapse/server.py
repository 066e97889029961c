"""A real Synapse on localhost: its configuration, its start and stop, and requests to it."""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

SERVER_NAME = "synapse.test"
PEPPER = "a pepper: with spaces & ünicode"
REGISTRATION_SECRET = "registration"
APPSERVICE_TOKEN = "as_token_of_the_bridge"
USER_AGENT = "mapwright-tests/1.0 (a client; on localhost)"

HOMESERVER = """\
server_name: {server_name}
public_baseurl: http://127.0.0.1:{port}/
pid_file: {directory}/homeserver.pid
signing_key_path: {directory}/signing.key
media_store_path: {directory}/media
log_config: {directory}/log.yaml
listeners:
  - {{port: {port}, type: http, bind_addresses: ["127.0.0.1"], resources: [{{names: [client], compress: false}}]}}
database:
  name: psycopg2
  args: {{user: postgres, dbname: synapse, host: {socket}, cp_min: 1, cp_max: 5}}
registration_shared_secret: {registration_secret}
macaroon_secret_key: macaroon
form_secret: form
report_stats: false
trusted_key_servers: []
bcrypt_rounds: 5
enable_3pid_changes: false
app_service_config_files: [{directory}/bridge.yaml]
"""

# What stands in files of its own, in a directory beside the one above.
CONF_D = {
    "passwords.yaml": """\
password_config:
  pepper: {pepper}
""",
    "oidc.yaml": """\
oidc_providers:
  - &dex
    idp_id: dex
    idp_name: Dex
    discover: false
    skip_verification: true
    issuer: http://127.0.0.1:9/dex
    client_id: synapse
    client_secret: unused
    scopes: [openid]
    user_profile_method: userinfo_endpoint
    authorization_endpoint: http://127.0.0.1:9/dex/auth
    token_endpoint: http://127.0.0.1:9/dex/token
    userinfo_endpoint: http://127.0.0.1:9/dex/userinfo
  - <<: *dex
    idp_id: oidc
    idp_name: The first one there was
    issuer: http://127.0.0.1:9/first
""",
}

# What only the running server has. A migration is given the files above alone: by then an operator has
# closed the door to guests, and these are not his settings.
RUNNING = """\
allow_guest_access: true
experimental_features:
  msc3866: {enabled: true}
rc_login: &many
  address: &fast {per_second: 1000, burst_count: 1000}
  account: *fast
  failed_attempts: *fast
rc_registration: *fast
rc_joins: {local: *fast, remote: *fast}
"""

BRIDGE = """\
id: bridge
url: null
as_token: {token}
hs_token: hs_token_of_the_bridge
sender_localpart: bridge_bot
namespaces:
  users: [{{exclusive: true, regex: "@irc_.*"}}]
"""

LOG = """\
version: 1
formatters: {{plain: {{format: "%(asctime)s %(name)s %(levelname)s %(message)s"}}}}
handlers: {{file: {{class: logging.FileHandler, filename: "{directory}/homeserver.log", formatter: plain}}}}
root: {{level: INFO, handlers: [file]}}
"""


class Refused(Exception):
    """An answer that was not 200."""


class Synapse:
    """The server of one directory and one database; `start` and `stop` may take turns."""

    def __init__(self, directory, socket_directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = self.directory / "homeserver.yaml"
        self.config.write_text(HOMESERVER.format(
            server_name=SERVER_NAME, port=self.port, directory=self.directory, socket=socket_directory,
            registration_secret=REGISTRATION_SECRET))
        self.conf_d = self.directory / "conf.d"
        self.conf_d.mkdir()
        for name, text in CONF_D.items():
            (self.conf_d / name).write_text(text.format(pepper=json.dumps(PEPPER)))
        (self.directory / "running.yaml").write_text(RUNNING)
        (self.directory / "bridge.yaml").write_text(BRIDGE.format(token=APPSERVICE_TOKEN))
        (self.directory / "log.yaml").write_text(LOG.format(directory=self.directory))
        self._process = None

    def start(self):
        command = [sys.executable, "-m", "synapse.app.homeserver",
                   "-c", str(self.config), "-c", str(self.conf_d),
                   "-c", str(self.directory / "running.yaml")]
        subprocess.run([*command, "--generate-keys"], check=True, stdin=subprocess.DEVNULL)
        output = (self.directory / "output").open("ab")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + 180
        while True:
            try:
                self.call("GET", "/_matrix/client/versions")
                return
            except (urllib.error.URLError, OSError) as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = (self.directory / "output").read_text()[-3000:]
                    raise SystemExit(f"Synapse did not start: {error}\n{said}") from error
                time.sleep(0.2)

    def stop(self):
        """Ends it as an operator would: what it has not written yet, it writes now."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise

    def call(self, method, path, body=None, token=None):
        """One request; gives the answer's JSON or raises `Refused`."""
        headers = {"User-Agent": USER_AGENT, "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is None and method in ("POST", "PUT"):
            body = {}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}: {error.code} {error.read().decode()}") from error
