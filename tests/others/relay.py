"""A relay by aiosmtpd: prints its port, and keeps each mail in the maildir that
is named on the command line, with its envelope in X-MailFrom and X-RcptTo.

With `starttls CERTIFICATE` or `smtps CERTIFICATE` behind it, it speaks only in
TLS, and only with anna, whose password is "open sesame"."""

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult


def is_anna(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"anna", b"open sesame"), handled=False)


async def serve(folder, mode="plain", certificate=None):
    keep, secure, options = Mailbox(folder), None, {}
    if certificate:
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(certificate)
        options = {"authenticator": is_anna, "auth_required": True, "auth_require_tls": False}
    if mode == "starttls":
        options |= {"tls_context": secure, "require_starttls": True}
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keep, **options), "127.0.0.1", 0, ssl=secure if mode == "smtps" else None
    )
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


asyncio.run(serve(*sys.argv[1:]))
