"""What people did on the server, and a record of what they were given for it.

The record is the test's own memory: which log-ins, tokens, devices, addresses and links there are
and which of them still work. It is written down while things happen, not read from the database.
"""

import hashlib
import hmac
import time
import urllib.parse

import bcrypt

from server import APPSERVICE_TOKEN, PEPPER, REGISTRATION_SECRET, SERVER_NAME, Refused

CLIENT = "/_matrix/client/v3"
ADMIN = "/_synapse/admin"

# NFKC turns the ligature into "fi", the circled digit into "1", and joins the letter and its dots.
ODD_PASSWORD = "\ufb01xed \u2460 pa\u0308ssword"


def mxid(localpart):
    return f"@{localpart}:{SERVER_NAME}"


class Session:
    """One log-in: a device and the tokens issued for it, the oldest first."""

    def __init__(self, localpart, device, name, access, refresh=None):
        self.localpart, self.device, self.name = localpart, device, name
        self.pairs = [{"access": access, "refresh": refresh, "used": False}]
        self.ended = False

    def live_pairs(self):
        """What the client could still use: its newest pair, and the one before while the newest has
        not been used, because the client may never have received it."""
        if self.ended:
            return []
        newest = self.pairs[-1]
        return self.pairs[-1:] if newest["used"] or not newest["refresh"] else self.pairs[-2:]


class History:
    """Does things on a running Synapse, and remembers."""

    def __init__(self, synapse, cluster):
        self.synapse, self.cluster = synapse, cluster
        self.users = {}
        self.sessions = []
        self.lone_tokens = []
        self.dead_tokens = []
        self.hidden_devices = []

    # -- accounts ----------------------------------------------------------------------------

    def register(self, localpart, password, admin=False):
        """The shared-secret way of `register_new_matrix_user`; it logs the account in, too."""
        nonce = self.synapse.call("GET", f"{ADMIN}/v1/register")["nonce"]
        role = "admin" if admin else "notadmin"
        mac = hmac.new(REGISTRATION_SECRET.encode(), digestmod=hashlib.sha1)
        mac.update("\0".join([nonce, localpart, password, role]).encode())
        answer = self.synapse.call("POST", f"{ADMIN}/v1/register", {
            "nonce": nonce, "username": localpart, "password": password, "admin": admin,
            "mac": mac.hexdigest()})
        self._remember(localpart, password=password, admin=admin)
        return self._session(localpart, answer, None)

    def _remember(self, localpart, **facts):
        self.users[localpart] = {
            "password": None, "admin": False, "guest": False, "deactivated": False, "locked": False,
            "unapproved": False, "bridge": False, "emails": [], "phones": [], "links": [], **facts}

    def _session(self, localpart, answer, name):
        session = Session(localpart, answer["device_id"], name, answer["access_token"], answer.get("refresh_token"))
        self.sessions.append(session)
        return session

    def guest(self):
        answer = self.synapse.call("POST", f"{CLIENT}/register?kind=guest", {})
        localpart = answer["user_id"][1:].split(":")[0]
        self._remember(localpart, guest=True)
        return localpart

    def bridge_user(self, localpart):
        answer = self.synapse.call(
            "POST", f"{CLIENT}/register",
            {"type": "m.login.application_service", "username": localpart}, APPSERVICE_TOKEN)
        self._remember(localpart, bridge=True)
        self.dead_tokens.append(answer["access_token"])

    def account_of_old(self, localpart, password):
        """An account as Synapse made them before localparts had to be lower case. No request makes
        one any more, so it is put in the database, and the server has to accept it at log-in."""
        hashed = bcrypt.hashpw((password + PEPPER).encode(), bcrypt.gensalt(5)).decode()
        self.cluster.query("synapse", "INSERT INTO users (name, password_hash, creation_ts) VALUES (%s, %s, %s)",
                           mxid(localpart), hashed, 1_420_070_400)
        self._remember(localpart, password=password)

    def change(self, admin, localpart, body):
        """The admin API's way to edit an account."""
        user = urllib.parse.quote(mxid(localpart))
        self.synapse.call("PUT", f"{ADMIN}/v2/users/{user}", body, self._token(admin))

    def add_addresses(self, admin, localpart, emails=(), phones=()):
        self.change(admin, localpart, {"threepids": [
            *({"medium": "email", "address": address} for address in emails),
            *({"medium": "msisdn", "address": number} for number in phones)]})
        self.users[localpart].update(emails=list(emails), phones=list(phones))

    def link(self, admin, localpart, *links):
        self.change(admin, localpart, {"external_ids": [
            {"auth_provider": provider, "external_id": subject} for provider, subject in links]})
        self.users[localpart]["links"] = list(links)

    def lock(self, admin, localpart):
        self.change(admin, localpart, {"locked": True})
        self.users[localpart]["locked"] = True

    def withdraw_approval(self, admin, localpart):
        self.change(admin, localpart, {"approved": False})
        self.users[localpart]["unapproved"] = True

    def deactivate(self, admin, localpart):
        user = urllib.parse.quote(mxid(localpart))
        self.synapse.call("POST", f"{ADMIN}/v1/deactivate/{user}", {"erase": False}, self._token(admin))
        self.users[localpart].update(deactivated=True, password=None, emails=[], phones=[], links=[])
        for session in self.sessions:
            if session.localpart == localpart:
                self._end(session)

    # -- log-ins -----------------------------------------------------------------------------

    def log_in(self, localpart, password, name, refresh=False, device=None):
        body = {"type": "m.login.password", "password": password, "initial_device_display_name": name,
                "identifier": {"type": "m.id.user", "user": mxid(localpart)}}
        if refresh:
            body["refresh_token"] = True
        if device:
            body["device_id"] = device
        return self._session(localpart, self.synapse.call("POST", f"{CLIENT}/login", body), name)

    def use(self, session):
        """A request with the newest access token."""
        answer = self.synapse.call("GET", f"{CLIENT}/account/whoami", None, session.pairs[-1]["access"])
        assert answer["user_id"] == mxid(session.localpart) and answer["device_id"] == session.device, answer
        session.pairs[-1]["used"] = True

    def refresh(self, session):
        answer = self.synapse.call("POST", f"{CLIENT}/refresh", {"refresh_token": session.pairs[-1]["refresh"]})
        session.pairs.append({"access": answer["access_token"], "refresh": answer["refresh_token"], "used": False})

    def log_out(self, session):
        self.synapse.call("POST", f"{CLIENT}/logout", {}, session.pairs[-1]["access"])
        self._end(session)

    def _end(self, session):
        session.ended = True

    def _token(self, session):
        session.pairs[-1]["used"] = True
        return session.pairs[-1]["access"]

    def puppet(self, admin, localpart):
        """An admin acts as somebody else: a token that is neither a device nor a log-in of theirs."""
        user = urllib.parse.quote(mxid(localpart))
        answer = self.synapse.call("POST", f"{ADMIN}/v1/users/{user}/login", {}, self._token(admin))
        self.synapse.call("GET", f"{CLIENT}/account/whoami", None, answer["access_token"])
        self.dead_tokens.append(answer["access_token"])

    def token_of_old(self, localpart, token):
        """A token without a device, as Synapse issued them before there were devices; the server has
        to accept it."""
        issued = int(time.time() * 1000) - 1000
        self.cluster.query(
            "synapse",
            "INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, used)"
            " VALUES ((SELECT max(id) + 1000 FROM access_tokens), %s, NULL, %s, %s, true)",
            mxid(localpart), token, issued)
        answer = self.synapse.call("GET", f"{CLIENT}/account/whoami", None, token)
        assert answer["user_id"] == mxid(localpart), answer
        self.lone_tokens.append({"localpart": localpart, "access": token, "issued": issued})

    def upload_master_key(self, session):
        """Cross-signing: Synapse keeps the key as a hidden device named by it."""
        key = hashlib.sha256(session.localpart.encode()).hexdigest()[:43]
        self.synapse.call("POST", f"{CLIENT}/keys/device_signing/upload", {"master_key": {
            "user_id": mxid(session.localpart), "usage": ["master"], "keys": {f"ed25519:{key}": key}}},
            self._token(session))
        self.hidden_devices.append([session.localpart, key])

    def must_be_refused(self, act, *arguments):
        try:
            act(*arguments)
        except Refused:
            return
        raise AssertionError(f"{act.__name__} was to be refused")

    # -- the record --------------------------------------------------------------------------

    def record(self):
        """Everything as plain data."""
        sessions = []
        for session in self.sessions:
            live = session.live_pairs()
            sessions.append({
                "localpart": session.localpart, "device": session.device, "name": session.name,
                "ended": session.ended, "live": live,
                "dead": [pair for pair in session.pairs if pair not in live]})
        return {"server_name": SERVER_NAME, "pepper": PEPPER, "users": self.users, "sessions": sessions,
                "lone_tokens": self.lone_tokens, "dead_tokens": self.dead_tokens,
                "hidden_devices": self.hidden_devices}


def live(history):
    """A small community and its years, in the order in which they happened."""
    do = history
    admin = do.register("admin", "Admin's own password", admin=True)
    do.use(admin)

    alice = do.register("alice", "wonderland 1")
    do.use(alice)
    do.log_in("alice", "wonderland 1", "Element on a phone \U0001f4f1 of Älice")
    do.use(do.log_in("alice", "wonderland 1", "A laptop", device="FIXED/DEVICE id"))
    do.log_out(do.log_in("alice", "wonderland 1", "A library's computer"))
    do.add_addresses(admin, "alice", ["alice@example.com", "Alice.Liddell@example.org"], ["447700900123"])
    do.link(admin, "alice", ("oidc-dex", "alice-at-dex"), ("oidc", "0001"))
    do.upload_master_key(alice)

    # Refreshing: never; once and used; once and not used; thrice and used each time; twice without use.
    bob = do.register("bob", ODD_PASSWORD)
    do.log_in("bob", ODD_PASSWORD, "never refreshed", refresh=True)
    for name, steps in (("used", "uru"), ("lost answer", "ur"), ("old friend", "urururu"), ("unlucky", "urr"),
                        ("early bird", "r"), ("came back", "urur")):
        session = do.log_in("bob", ODD_PASSWORD, name, refresh=True)
        for step in steps:
            (do.use if step == "u" else do.refresh)(session)
    superseded = do.log_in("bob", ODD_PASSWORD, "tries again", refresh=True)
    do.use(superseded)
    do.refresh(superseded)
    do.use(superseded)
    stale = Session("bob", superseded.device, None, None, superseded.pairs[0]["refresh"])
    do.must_be_refused(do.refresh, stale)
    do.log_out(do.log_in("bob", ODD_PASSWORD, "logged out again", refresh=True))
    # The same password typed in the other form is the same password.
    do.log_in("bob", "fixed 1 p\u00e4ssword", "another keyboard")
    do.log_out(bob)

    do.register("carol", "carol's")
    do.puppet(admin, "carol")
    do.link(admin, "carol", ("oidc-dex", "carol-at-dex"))
    do.lock(admin, "carol")

    dan = do.register("dan", "dan's own")
    do.log_in("dan", "dan's own", "gone soon", refresh=True)
    do.add_addresses(admin, "dan", ["dan@example.com"])
    do.use(dan)
    do.deactivate(admin, "dan")

    erin = do.register("erin", "erin waits")
    do.use(erin)
    do.withdraw_approval(admin, "erin")

    do.account_of_old("OldTimer", "from before")
    do.use(do.log_in("OldTimer", "from before", "still here"))
    do.token_of_old("OldTimer", "syt_T2xkVGltZXI_devicelesstokenABCDEF_0aBcDe")
    do.token_of_old("admin", "syt_YWRtaW4_devicelesstokenofadmin_1aBcDe")

    # Nobody but a provider to log in by, and no session at all.
    do.change(admin, "frank", {"displayname": "Frank", "external_ids": [
        {"auth_provider": "oidc-dex", "external_id": "frank-at-dex"}]})
    do._remember("frank", links=[("oidc-dex", "frank-at-dex")])

    do.guest()
    do.bridge_user("irc_someone")
