"""A real mail server (aiosmtpd) with TLS, login and scripted replies, which notes all that it hears.

Told by one JSON object: see Options in mod.rs. Prints its port once it listens. In `dir` it writes `ca.pem`, the authority that
signed its certificate, and `events.jsonl`.
"""

import asyncio
import datetime
import email
import email.policy
import ipaddress
import json
import pathlib
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OPTIONS = json.loads(sys.argv[1])
DIR = pathlib.Path(OPTIONS["dir"])
EVENTS = open(DIR / "events.jsonl", "a", buffering=1, encoding="utf-8")
SCRIPT = OPTIONS["script"]


def note(**event):
    EVENTS.write(json.dumps({"at": time.monotonic(), **event}) + "\n")


def scripted(key):
    """The next reply that the test has asked for at this place; none: as a server does."""
    replies = SCRIPT.get(key)
    return replies.pop(0) if replies else None


def user(address):
    return address.split("@")[0]


def certificates():
    """A new authority, and a certificate that it has signed."""
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)

    def build(name, issuer, key, signer, until, extension):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - 10 * day).not_valid_after(until)
        return builder.add_extension(*extension).sign(signer, hashes.SHA256())

    def alternative(name):
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = build("Test CA", "Test CA", ca_key, ca_key, now + 10 * day, (x509.BasicConstraints(ca=True, path_length=None), True))
    names = x509.SubjectAlternativeName([alternative(name) for name in OPTIONS["names"]])
    until = now - day if OPTIONS["expired"] else now + day
    certificate = build("mail server", "Test CA", key, ca_key, until, (names, False))
    pem = serialization.Encoding.PEM
    (DIR / "ca.pem").write_bytes(ca.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (DIR / "server.pem").write_bytes(certificate.public_bytes(pem) + secret)


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DIR / "server.pem")
    return context


def encrypted(server):
    return server.transport.get_extra_info("ssl_object") is not None


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        reply = scripted("MAIL")
        if reply:
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        note(event="recipient", to=address)
        reply = scripted("RCPT " + user(address))
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        reply = scripted("DATA " + user(envelope.rcpt_tos[0]))
        if reply == "drop after":
            server.transport.abort()
            return "250 never heard"
        if reply:
            return reply
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        note(
            event="mail",
            sender=envelope.mail_from,
            to=envelope.rcpt_tos,
            encrypted=encrypted(server),
            login=getattr(session.auth_data, "login", b"").decode() if session.authenticated else None,
            headers=[[name, str(value)] for name, value in message.items()],
            raw=envelope.original_content.decode("utf-8", "surrogateescape"),
        )
        return "250 queued"


def authenticate(server, session, envelope, mechanism, data):
    ok = (data.login, data.password) == (OPTIONS["username"].encode(), OPTIONS["password"].encode())
    note(event="login", mechanism=mechanism, ok=ok, encrypted=encrypted(server))
    if ok:
        return AuthResult(success=True, auth_data=data)
    # A careless server, that repeats what it was given.
    return AuthResult(success=False, handled=False, message=f"535 5.7.8 not {data.password.decode()}")


class Server(SMTP):
    async def _handle_client(self):
        note(event="connection")
        greeting = scripted("connect")
        if greeting:
            await self.push(greeting)
            self.transport.close()
            return
        await super()._handle_client()

    async def push(self, status):
        # What a man in the middle adds in the clear, before TLS begins.
        if OPTIONS["inject"] and isinstance(status, str) and status.startswith("220 Ready"):
            status += "\r\n" + OPTIONS["inject"]
        await super().push(status)

    async def smtp_DATA(self, arg):
        recipients = self.envelope.rcpt_tos
        key = "DATA " + user(recipients[0]) if recipients else None
        if SCRIPT.get(key, [None])[:1] == ["drop within"]:
            scripted(key)
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


def factory():
    login = OPTIONS["username"] is not None
    return Server(
        Handler(),
        hostname="mail.test",
        tls_context=tls_context() if OPTIONS["tls"] == "starttls" else None,
        require_starttls=OPTIONS["tls"] == "starttls",
        auth_required=login,
        # Inside TLS from the first byte, aiosmtpd does not see it.
        auth_require_tls=OPTIONS["tls"] == "starttls",
        authenticator=authenticate if login else None,
        auth_exclude_mechanism=[name for name in ("PLAIN", "LOGIN") if name not in OPTIONS["mechanisms"]],
        enable_SMTPUTF8=True,
    )


async def main():
    certificates()
    loop = asyncio.get_running_loop()
    implicit = tls_context() if OPTIONS["tls"] == "implicit" else None
    server = await loop.create_server(factory, "127.0.0.1", OPTIONS["port"], ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
