"""A relay by aiosmtpd: prints its port, and keeps each mail in the maildir that
is named on the command line, with its envelope in X-MailFrom and X-RcptTo."""

import asyncio
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP


async def serve():
    keep = Mailbox(sys.argv[1])
    listening = await asyncio.get_running_loop().create_server(lambda: SMTP(keep), "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


asyncio.run(serve())
