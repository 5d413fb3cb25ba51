// Microsoft's own JavaScript clients (@azure/msal-node, @microsoft/microsoft-graph-client) against
// the sandbox. They are told nothing but what their documentation names for a private cloud: the
// authority is known beforehand, Graph's host is a custom host, its base address is given.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { signIn } from "./signin.mjs";

// The packages lie in a cached folder, not beside this file.
const require = createRequire(`${process.env.CLIENTS}/`);
const { ConfidentialClientApplication, CryptoProvider } = require("@azure/msal-node");
const { Client, PageIterator, ResponseType } = require("@microsoft/microsoft-graph-client");

const sandbox = JSON.parse(process.env.SANDBOX);
const graphUrl = sandbox.graphUrl;
const [user, other] = sandbox.users;
const redirectUri = "http://localhost:53682/callback";
const delegated = ["User.Read", "Mail.ReadWrite", "Mail.Send"].map((name) => `${graphUrl}/${name}`);

function msalClient(clientSecret = sandbox.clientSecret) {
  return new ConfidentialClientApplication({
    auth: {
      clientId: sandbox.clientId,
      clientSecret,
      authority: `${sandbox.authorityUrl}/${sandbox.tenantId}`,
      knownAuthorities: [new URL(sandbox.authorityUrl).host],
    },
  });
}

function graphClient() {
  const msal = msalClient();
  return Client.initWithMiddleware({
    baseUrl: `${graphUrl}/`,
    defaultVersion: "v1.0",
    customHosts: new Set([new URL(graphUrl).host, new URL(graphUrl).hostname]),
    authProvider: {
      getAccessToken: async () =>
        (await msal.acquireTokenByClientCredential({ scopes: [`${graphUrl}/.default`] })).accessToken,
    },
  });
}

const users = (person = user) => `/users/${person.userPrincipalName}`;

async function bySignIn(client) {
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const authorizeUrl = await client.getAuthCodeUrl({
    scopes: delegated,
    redirectUri,
    state: "some-state",
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
  });
  const arrived = await signIn(authorizeUrl, redirectUri, user.userPrincipalName, user.password);
  assert.equal(arrived.state, "some-state");
  return { code: arrived.code, scopes: delegated, redirectUri, codeVerifier: verifier };
}

const tests = {
  async "msal client credentials"() {
    const client = msalClient();
    const scopes = [`${graphUrl}/.default`];
    const answer = await client.acquireTokenByClientCredential({ scopes });
    assert.ok(answer.accessToken);
    const again = await client.acquireTokenByClientCredential({ scopes });
    assert.ok(again.fromCache, "the second token comes from msal's cache");
  },

  async "msal wrong secret"() {
    await assert.rejects(
      msalClient("wrong").acquireTokenByClientCredential({ scopes: [`${graphUrl}/.default`] }),
      (error) => error.errorCode === "invalid_client" && /AADSTS7000215/.test(error.errorMessage),
    );
  },

  async "msal authorization code and refresh"() {
    const client = msalClient();
    const answer = await client.acquireTokenByCode(await bySignIn(client));
    assert.equal(answer.account.username, user.userPrincipalName);
    const refreshed = await client.acquireTokenSilent({
      scopes: delegated,
      account: answer.account,
      forceRefresh: true,
    });
    assert.ok(!refreshed.fromCache && refreshed.accessToken !== answer.accessToken);
  },

  async "msal code is single use"() {
    const client = msalClient();
    const request = await bySignIn(client);
    await client.acquireTokenByCode({ ...request });
    await assert.rejects(
      msalClient().acquireTokenByCode({ ...request }),
      (error) => error.errorCode === "invalid_grant",
    );
  },

  async "graph folders"() {
    const folders = await graphClient().api(`${users()}/mailFolders`).get();
    assert.ok(folders.value.length >= 4);
    const inbox = await graphClient().api(`${users()}/mailFolders/inbox`).get();
    assert.equal(typeof inbox.totalItemCount, "number");
  },

  async "graph pages"() {
    const client = graphClient();
    const inbox = await client.api(`${users()}/mailFolders/inbox`).get();
    const page = await client
      .api(`${users()}/mailFolders/inbox/messages`)
      .top(5)
      .select("id,subject,receivedDateTime")
      .get();
    const seen = new Set();
    const iterator = new PageIterator(client, page, (message) => {
      seen.add(message.id);
      return true;
    });
    await iterator.iterate();
    assert.ok(page["@odata.nextLink"], "more than one page");
    assert.equal(seen.size, inbox.totalItemCount);
  },

  async "graph delta"() {
    const client = graphClient();
    const inbox = await client.api(`${users()}/mailFolders/inbox`).get();
    let page = await client.api(`${users()}/mailFolders/inbox/messages/delta`).get();
    let count = page.value.length;
    while (page["@odata.nextLink"]) {
      page = await client.api(page["@odata.nextLink"]).get();
      count += page.value.length;
    }
    assert.equal(count, inbox.totalItemCount);
    const level = await client.api(page["@odata.deltaLink"]).get();
    assert.equal(level.value.length, 0);
    const created = await client
      .api(`${users()}/mailFolders/inbox/messages`)
      .post({ subject: "seen by delta" });
    const after = await client.api(level["@odata.deltaLink"]).get();
    assert.deepEqual(after.value.map((message) => message.subject), ["seen by delta"]);
    await client.api(`${users()}/messages/${created.id}`).delete();
  },

  async "graph send with attachment"() {
    const client = graphClient();
    const subject = `With a file ${randomUUID()}`;
    const content = Buffer.alloc(10_240, "some bytes, ").toString("base64");
    await client.api(`${users()}/sendMail`).post({
      message: {
        subject,
        body: { contentType: "html", content: "<p>Hello</p>" },
        toRecipients: [{ emailAddress: { address: other.userPrincipalName } }],
        attachments: [
          {
            "@odata.type": "#microsoft.graph.fileAttachment",
            name: "bytes.bin",
            contentType: "application/octet-stream",
            contentBytes: content,
          },
        ],
      },
    });
    for (const [person, folder] of [[other, "inbox"], [user, "sentitems"]]) {
      let found;
      for (let tries = 0; tries < 20 && !found; tries += 1) {
        const list = await client
          .api(`${users(person)}/mailFolders/${folder}/messages`)
          .filter(`subject eq '${subject}'`)
          .expand("attachments")
          .get();
        [found] = list.value;
        if (!found) await new Promise((resolve) => setTimeout(resolve, 250));
      }
      assert.ok(found, `nothing in ${folder}`);
      assert.equal(found.attachments[0].contentBytes, content);
      const raw = await client
        .api(`${users(person)}/messages/${found.id}/attachments/${found.attachments[0].id}/$value`)
        .responseType(ResponseType.ARRAYBUFFER)
        .get();
      assert.equal(Buffer.from(raw).toString("base64"), content);
    }
  },

  async "graph photo"() {
    const photo = await graphClient()
      .api(`${users()}/photo/$value`)
      .responseType(ResponseType.ARRAYBUFFER)
      .get();
    assert.deepEqual([...new Uint8Array(photo).slice(0, 2)], [0xff, 0xd8]);
  },

  async "graph error"() {
    await assert.rejects(
      graphClient().api("/users/nobody@nowhere.example").get(),
      (error) => error.statusCode === 404 && error.code === "Request_ResourceNotFound",
    );
  },
};

let passed = 0;
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    passed += 1;
    console.log(`node ${name}: ok`);
  } catch (error) {
    failed += 1;
    console.log(`node ${name}: FAILED`);
    console.log(error);
  }
}
console.log(`node: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
