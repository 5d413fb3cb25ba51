// Mirrors mailboxes with Microsoft's JavaScript client into SQLite. See README.md.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages lie in a cached folder, not beside this file.
const require = createRequire(`${process.env.BENCH_CLIENTS}/`);
const { Client, HTTPMessageHandler, RetryHandler, RetryHandlerOptions } = require(
  "@microsoft/microsoft-graph-client",
);
const Database = require("better-sqlite3");

const setting = (name, otherwise) => {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const graphUrl = setting("GRAPH_URL");
const page = Number(setting("PAGE", "100"));
const atOnce = Number(setting("AT_ONCE", "4"));

const tokenAnswer = await fetch(
  `${setting("AUTHORITY_URL")}/${setting("TENANT_ID")}/oauth2/v2.0/token`,
  {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: setting("CLIENT_ID"),
      client_secret: setting("CLIENT_SECRET"),
      scope: `${graphUrl}/.default`,
    }),
  },
);
const { access_token: token } = await tokenAnswer.json();
if (!token) throw new Error(`no token: ${tokenAnswer.status}`);

// The client's own chain, with an authentication that also takes http for a sandbox, and a counter.
let requests = 0;
class Authentication {
  async execute(context) {
    context.options.headers = {
      ...context.options.headers,
      Authorization: `Bearer ${token}`,
      Prefer: 'IdType="ImmutableId"',
    };
    return this.next.execute(context);
  }
  setNext(next) {
    this.next = next;
  }
}
class Counter extends HTTPMessageHandler {
  async execute(context) {
    requests += 1;
    return super.execute(context);
  }
}
const chain = [new Authentication(), new RetryHandler(new RetryHandlerOptions()), new Counter()];
chain[0].setNext(chain[1]);
chain[1].setNext(chain[2]);
const client = Client.initWithMiddleware({ baseUrl: `${graphUrl}/`, middleware: chain[0] });

const db = new Database(setting("DATABASE"));
db.exec(readFileSync(new URL("schema.sql", import.meta.url), "utf8"));
const insert = {
  folder: db.prepare("INSERT INTO folders VALUES (?, ?, ?, ?)"),
  message: db.prepare(
    "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  ),
  attachment: db.prepare("INSERT OR REPLACE INTO attachments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
  content: db.prepare("INSERT OR IGNORE INTO contents VALUES (?, ?)"),
};

let messages = 0;
let attachments = 0;
const writePage = db.transaction((mailbox, folder, values) => {
  for (const { body, attachments: files = [], ...rest } of values) {
    const from = rest.from?.emailAddress ?? {};
    insert.message.run(
      mailbox, rest.id, folder, rest.receivedDateTime ?? null, rest.subject ?? "",
      from.address ?? "", from.name ?? "", Number(rest.isRead ?? false),
      Number(rest.hasAttachments ?? false), rest.conversationId ?? null,
      rest.internetMessageId ?? null, body?.contentType ?? "text", body?.content ?? "",
      JSON.stringify(rest),
    );
    messages += 1;
    for (const { contentBytes, ...file } of files) {
      let hash = null;
      if (contentBytes) {
        const bytes = Buffer.from(contentBytes, "base64");
        hash = createHash("sha256").update(bytes).digest("hex");
        insert.content.run(hash, bytes);
      }
      insert.attachment.run(
        mailbox, rest.id, file.id, file.name ?? "", file.contentType ?? null,
        Number(file.isInline ?? false), file.contentId ?? null, hash, file.size ?? 0,
        JSON.stringify(file),
      );
      attachments += 1;
    }
  }
});

async function* pages(path) {
  let answer = await client.api(path).get();
  for (;;) {
    yield answer.value;
    const next = answer["@odata.nextLink"];
    if (!next) return;
    // The client knows an absolute address by `https://` only; a sandbox may be at http.
    answer = await client.api(next.replace(`${graphUrl}/v1.0`, "")).get();
  }
}

const work = [];
async function folders(mailbox, path) {
  for await (const value of pages(`${path}?$top=250&includeHiddenFolders=true`)) {
    for (const folder of value) {
      insert.folder.run(mailbox, folder.id, folder.parentFolderId ?? null, folder.displayName);
      work.push({ mailbox, folder: folder.id });
      if (folder.childFolderCount) {
        await folders(mailbox, `/users/${mailbox}/mailFolders/${folder.id}/childFolders`);
      }
    }
  }
}

const begun = performance.now();
for (const mailbox of setting("MAILBOXES").split(",")) {
  await folders(mailbox, `/users/${mailbox}/mailFolders`);
}
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    for (let next = work.shift(); next; next = work.shift()) {
      const path = `/users/${next.mailbox}/mailFolders/${next.folder}/messages`;
      for await (const value of pages(`${path}?$top=${page}&$expand=attachments`)) {
        writePage(next.mailbox, next.folder, value);
      }
    }
  }),
);
db.close();
const seconds = (performance.now() - begun) / 1000;
console.log(JSON.stringify({ messages, attachments, seconds, requests }));
