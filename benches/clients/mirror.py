"""Mirrors mailboxes with python-o365 into SQLite. See README.md."""

import base64
import hashlib
import json
import os
import sqlite3
import time
from pathlib import Path

import requests
from O365 import Account, MSGraphProtocol
from O365.connection import Connection
from O365.utils.token import MemoryTokenBackend


def setting(name):
    return os.environ[name]


GRAPH_URL = setting("GRAPH_URL")


class Protocol(MSGraphProtocol):
    """Graph at the given address."""

    _protocol_url = f"{GRAPH_URL}/"
    _oauth_scope_prefix = f"{GRAPH_URL}/"


class CountingConnection(Connection):
    """python-o365's connection, with a token from the given authority (its own client asks
    Microsoft's only, and over https only) and a counter of requests."""

    count = 0

    def get_session(self, load_token=False):
        session = super().get_session(load_token=False)
        answer = requests.post(
            f"{setting('AUTHORITY_URL')}/{setting('TENANT_ID')}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": setting("CLIENT_ID"),
                "client_secret": setting("CLIENT_SECRET"),
                "scope": f"{GRAPH_URL}/.default",
            },
            timeout=60,
        )
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        session.headers["Prefer"] = 'IdType="ImmutableId"'
        return session

    def _internal_request(self, *args, **kwargs):
        CountingConnection.count += 1
        return super()._internal_request(*args, **kwargs)


class CountingAccount(Account):
    connection_constructor = CountingConnection


def write(db, mailbox, folder, batch):
    """One page in one transaction."""
    written = 0
    with db:
        for message in batch:
            raw = dict(message._cloud)
            raw.pop("body", None)
            raw.pop("attachments", None)
            db.execute(
                "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    mailbox, message.object_id, folder, raw.get("receivedDateTime"),
                    message.subject or "", message.sender.address or "", message.sender.name or "",
                    int(message.is_read or False), int(raw.get("hasAttachments") or False),
                    message.conversation_id, message.internet_message_id,
                    (message.body_type or "text").lower(), message.body or "", json.dumps(raw),
                ),
            )
            for file in message.attachments:
                digest, size = None, file.size or 0
                if file.content:
                    content = base64.b64decode(file.content)
                    digest = hashlib.sha256(content).hexdigest()
                    db.execute("INSERT OR IGNORE INTO contents VALUES (?, ?)", (digest, content))
                about = {
                    "id": file.attachment_id,
                    "name": file.name,
                    "attachmentType": file.attachment_type,
                    "isInline": file.is_inline,
                    "contentId": file.content_id,
                    "size": size,
                }
                db.execute(
                    "INSERT OR REPLACE INTO attachments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        mailbox, message.object_id, file.attachment_id, file.name or "", None,
                        int(file.is_inline or False), file.content_id, digest, size,
                        json.dumps(about),
                    ),
                )
                written += 1
    return written


def main():
    db = sqlite3.connect(setting("DATABASE"))
    db.executescript(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))

    # What Graph sent is kept with each message, so that the same JSON can be written.
    from O365.message import Message

    plain = Message.__init__

    def keeping(self, *args, **kwargs):
        self._cloud = kwargs.get(self._cloud_data_key) or {}
        plain(self, *args, **kwargs)

    Message.__init__ = keeping

    account = CountingAccount(
        (setting("CLIENT_ID"), setting("CLIENT_SECRET")),
        auth_flow_type="credentials",
        tenant_id=setting("TENANT_ID"),
        protocol=Protocol(),
        token_backend=MemoryTokenBackend(),
        raise_http_errors=True,
        # Its own default is to wait 200 ms between requests.
        requests_delay=int(os.environ.get("REQUESTS_DELAY_MS", "200")),
    )
    account.con.session = account.con.get_session()

    messages = attachments = 0
    begun = time.monotonic()

    def folders(parent):
        for folder in parent.get_folders(limit=None):
            yield folder
            if folder.child_folders_count:
                yield from folders(folder)

    for address in setting("MAILBOXES").split(","):
        mailbox = account.mailbox(resource=address)
        for folder in folders(mailbox):
            with db:
                db.execute(
                    "INSERT INTO folders VALUES (?, ?, ?, ?)",
                    (address, folder.folder_id, folder.parent_id, folder.name),
                )
            batch = []
            for message in folder.get_messages(limit=None, download_attachments=True):
                batch.append(message)
                if len(batch) == 100:
                    attachments += write(db, address, folder.folder_id, batch)
                    messages += len(batch)
                    batch = []
            attachments += write(db, address, folder.folder_id, batch)
            messages += len(batch)
    db.close()
    seconds = time.monotonic() - begun
    print(
        json.dumps(
            {
                "messages": messages,
                "attachments": attachments,
                "seconds": seconds,
                "requests": CountingConnection.count,
            }
        )
    )


if __name__ == "__main__":
    main()
