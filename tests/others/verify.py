"""What dkimpy says of signed mails: reads {"records": {name: text}, "mails":
[base64]} and prints, for each mail, whether each of its signatures holds."""

import base64
import json
import sys

import dkim


def opinion(mail, records):
    def answer(name, timeout=5):
        return records.get(name.decode().rstrip("."), "").encode() or None

    def holds(index):
        try:
            return dkim.DKIM(mail).verify(idx=index, dnsfunc=answer)
        except dkim.DKIMException:
            return False

    head = mail.split(b"\r\n\r\n")[0]
    return [holds(index) for index in range(head.count(b"DKIM-Signature:"))]


asked = json.load(sys.stdin)
json.dump([opinion(base64.b64decode(mail), asked["records"]) for mail in asked["mails"]], sys.stdout)
