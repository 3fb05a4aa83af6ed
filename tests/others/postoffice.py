"""A post office of its own: Postfix takes mails over SMTP and hands them to
Dovecot over LMTP, which keeps them as maildirs and shows them over IMAP.

    postoffice.py serve FOLDER    prints "SMTP-PORT IMAP-PORT", serves until
                                  standard input ends, and takes all down
    postoffice.py serve FOLDER COMMAND…
                                  the same, but only the people in PEOPLE have a
                                  mailbox, and mails to piped@example.org go to the
                                  command's standard input, its `{recipient}` being
                                  the address that they went to; prints one more
                                  port, of IMAP over TLS as localhost
    postoffice.py read IMAP-PORT ADDRESS
                                  prints what Python's email understands of the
                                  mailbox, in JSON: a list of mails
    postoffice.py mutt MAILDIR    prints what mutt understands of the first mail
                                  of a maildir

The first runs as root, as Postfix does. Any mailbox of example.org is taken, but
for the second; the password of each is "opensesame"."""

import email
import email.policy
import imaplib
import json
import os
import pathlib
import pty
import pwd
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

MASTER = """
{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/postfix
maillog_file_prefixes = {folder}
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:taken
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
smtputf8_enable = yes
biff = no
alias_maps =
alias_database =
local_recipient_maps =
"""

DOVECOT_24 = """
dovecot_config_version = {version}
dovecot_storage_version = {version}
mail_driver = maildir
mail_path = {folder}/mail/%{{user | lower}}
passdb static {{
  password = opensesame
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user | lower}}
  }}
}}
auth_allow_cleartext = yes
"""

DOVECOT_23 = """
mail_location = maildir:{folder}/mail/%Lu
passdb {{
  driver = static
  args = password=opensesame
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%Lu
}}
disable_plaintext_auth = no
"""

DOVECOT = """
protocols = imap lmtp
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log/dovecot
ssl = no
auth_mechanisms = plain
first_valid_uid = 1
first_valid_gid = 1
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
"""

# Who has a mailbox when not everybody has one, and how many bytes it holds.
PEOPLE = {"r0": 1_000_000, "r1": 1_000_000, "full": 10, "bounce": 10_000_000}

DOVECOT_23_PEOPLE = """
mail_location = maildir:{folder}/mail/%Lu
passdb {{
  driver = passwd-file
  args = username_format=%Lu {folder}/people
}}
userdb {{
  driver = passwd-file
  args = username_format=%Lu {folder}/people
}}
disable_plaintext_auth = no
mail_plugins = quota
plugin {{
  quota = count:User quota
  quota_vsizes = yes
}}
"""

PIPE = """
transport_maps = inline:{{ piped@example.org=returned: }}
recipient_delimiter = +
returned_destination_recipient_limit = 1
export_environment = TZ MAIL_CONFIG LANG SYNDICATED_SECRET_KEY=0123456789abcdef0123456789abcdef
"""

PIPE_MASTER = "returned unix - n n - - pipe flags=R user=nobody argv={command}\n"


DOVECOT_23_TLS = """
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
service imap-login {{
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def told(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def serve(folder, *command):
    folder = pathlib.Path(folder)
    smtp, imap, lmtp, imaps = free_ports(4)
    postman = pwd.getpwnam("postfix")
    for name in ["postfix", "spool", "data", "log", "mail", "run", "state"]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o755)
    os.chown(folder / "data", postman.pw_uid, -1)
    os.chown(folder / "mail", postman.pw_uid, postman.pw_gid)
    settings = {"folder": folder, "smtp": smtp, "imap": imap, "lmtp": lmtp}
    settings |= {"uid": postman.pw_uid, "gid": postman.pw_gid, "daemons": told("postconf", "-dh", "daemon_directory")}
    version = told("dovecot", "--version").split()[0]
    settings["version"] = ".".join(version.split("-")[0].split(".")[:3])
    kind = DOVECOT_23 if version.startswith("2.3") else DOVECOT_24
    main, master = MAIN, MASTER
    if command:
        if not version.startswith("2.3"):
            sys.exit("people of their own are written down for Dovecot 2.3 only")
        kind, main, master = DOVECOT_23_PEOPLE + DOVECOT_23_TLS, MAIN + PIPE, MASTER + PIPE_MASTER
        settings |= {"imaps": imaps, "certificate": pathlib.Path(__file__).with_name("relay.pem")}
        settings["command"] = " ".join(command).replace("{recipient}", "${recipient}")
        home = "{0}@example.org:{{PLAIN}}opensesame:{uid}:{gid}::{folder}/mail/{0}::userdb_quota_rule=*:bytes={1}\n"
        people = [home.format(name, size, **settings) for name, size in PEOPLE.items()]
        (folder / "people").write_text("".join(people))
    head = [line for line in kind.splitlines() if line.startswith("dovecot_")]
    rest = [line for line in kind.splitlines() if not line.startswith("dovecot_")]
    text = "\n".join(head) + DOVECOT + "\n".join(rest) + "\n"
    (folder / "dovecot.conf").write_text(text.format(**settings))
    (folder / "postfix/main.cf").write_text(main.format(**settings))
    (folder / "postfix/master.cf").write_text(master.format(**settings))
    keeper = subprocess.Popen(["dovecot", "-F", "-c", folder / "dovecot.conf"], stdin=subprocess.DEVNULL)
    try:
        subprocess.run(["postfix", "-c", folder / "postfix", "start"], check=True, stdout=sys.stderr)
        try:
            ports = (smtp, imap, imaps) if command else (smtp, imap)
            for port in (*ports, lmtp):
                knock(port)
            print(*ports, flush=True)
            sys.stdin.read()
        finally:
            subprocess.run(["postfix", "-c", folder / "postfix", "stop"], stdout=sys.stderr)
    finally:
        keeper.terminate()
        keeper.wait()


def knock(port):
    """Waits until somebody is at home."""
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def read(port, address):
    box = imaplib.IMAP4("127.0.0.1", int(port))
    box.login(address, "opensesame")
    box.select()
    mails = []
    for number in box.search(None, "ALL")[1][0].split():
        raw = box.fetch(number, "(RFC822)")[1][0][1]
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        parts = [part for part in mail.walk() if not part.is_multipart()]
        mails.append(
            {
                "subject": mail["Subject"],
                "from": {"name": mail["From"].addresses[0].display_name, "address": mail["From"].addresses[0].addr_spec},
                "to": str(mail["To"]),
                "list": str(mail["List-Id"]),
                "defects": [str(defect) for part in mail.walk() for defect in part.defects],
                "parts": [{"type": part.get_content_type(), "text": part.get_content()} for part in parts],
                "raw": raw.decode("ascii"),
            }
        )
    box.logout()
    print(json.dumps(mails))


def mutt(maildir):
    """mutt wants a terminal: it gets one, and is told to print what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        shown = pathlib.Path(folder) / "shown"
        settings = [
            f"set folder={folder} record={folder}/sent postponed={folder}/postponed",
            "set charset=utf-8 pipe_decode=yes wait_key=no quit=yes mbox_type=maildir",
            "ignore *",
            "unignore from to subject list-id",
            "alternative_order text/plain",
        ]
        words = ["mutt", "-n", "-F", "/dev/null", "-R", "-f", maildir]
        words += [word for setting in settings for word in ("-e", setting)]
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", HOME=folder, COLUMNS="120", LINES="40")
            os.execvp("mutt", words)
        screen, keys, end = b"", [f"|cat > {shown}\n", "x"], time.monotonic() + 20
        while select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            try:
                screen += os.read(terminal, 65536)
            except OSError:  # it has ended
                break
            # Typed when it lists the mails, and when it lists them again with the mail written.
            if keys and b"Msgs:" in screen and (len(keys) == 2 or shown.exists()):
                os.write(terminal, keys.pop(0).encode())
        else:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(shown.read_text("utf-8"))


if __name__ == "__main__":
    {"serve": serve, "read": read, "mutt": mutt}[sys.argv[1]](*sys.argv[2:])
