// Postroom against an identity provider that was not written here.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import { Browser } from "./browser.mjs";
import { Postroom } from "./postroom.mjs";
import { GRAPH, TENANT, startProvider } from "./provider.mjs";

const SECRET = "a secret that only these tests know";
const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";
const USERS = 50;
const ROUNDS = 5;

let [passed, failed] = [0, 0];
async function test(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n     ${String(error.stack ?? error).replaceAll("\n", "\n     ")}`);
  }
}

/** An application's client id: a GUID, as Entra ID's are, of the first six letters of a name. */
const clientId = (name) => {
  const digits = Buffer.from(name.padEnd(6).slice(0, 6)).toString("hex");
  return `00000000-0000-4000-8000-${digits}`;
};

const postroom = await Postroom.start();
const callback = `${postroom.url}/auth/callback`;
const web = {
  grant_types: ["authorization_code", "refresh_token", "client_credentials"],
  redirect_uris: [callback],
  client_secret: SECRET,
  token_endpoint_auth_method: "client_secret_post",
};
// Where the provider finds the key of the client that has a certificate, once it is made.
const keys = { keys: [] };
const keyServer = createServer((_request, response) => response.end(JSON.stringify(keys)));
await new Promise((resolve) => keyServer.listen(0, "127.0.0.1", resolve));
const idp = await startProvider(
  [
    {
      client_id: clientId("certificate"),
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      redirect_uris: [callback],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "PS256",
      jwks_uri: `http://127.0.0.1:${keyServer.address().port}/`,
    },
    { client_id: clientId("web"), ...web },
    { client_id: clientId("by-hand"), ...web },
    { client_id: clientId("wrong"), ...web },
    {
      client_id: clientId("public"),
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [callback],
      token_endpoint_auth_method: "none",
      application_type: "native",
    },
    // This provider wants a confidential client's secret with the request for a device code, too
    // (RFC 8628, section 3.1); Entra ID does not.
    {
      client_id: clientId("device"),
      grant_types: [DEVICE_CODE, "refresh_token", "client_credentials"],
      response_types: [],
      redirect_uris: [],
      client_secret: SECRET,
      token_endpoint_auth_method: "client_secret_post",
    },
    {
      client_id: clientId("handset"),
      grant_types: [DEVICE_CODE, "refresh_token"],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: "none",
      application_type: "native",
    },
  ],
  { accessTokenSeconds: 2 },
);

/** Adds a connection; gives its id. */
async function connect(name, more) {
  const connection = await postroom.ok("POST", "/connections", {
    name,
    tenantId: TENANT,
    clientId: clientId(name),
    credential: { secret: SECRET },
    authorityUrl: idp.root,
    graphUrl: GRAPH,
    scopes: ["User.Read"],
    ...more,
  });
  return connection.id;
}

/** Signs a user in; gives the login as it ended. */
async function signIn(connection, user, options) {
  const begun = await postroom.ok("POST", `/connections/${connection}/logins`, {});
  const fill = { login: user, password: "whatever" };
  const end = await new Browser().visit(begun.authorizeUrl, fill, options);
  const login = await postroom.ok("GET", `/logins/${begun.id}?wait=10`);
  return { login, end };
}

async function account(id) {
  const { value } = await postroom.ok("GET", "/accounts");
  return value.find((it) => it.id === id);
}

const token = (id) => postroom.call("POST", `/accounts/${id}/token`, {});

/** What the provider says of a token: only it can know. */
async function introspect(value) {
  const response = await fetch(`${idp.base}/token/introspection`, {
    method: "POST",
    body: new URLSearchParams({ token: value, client_id: clientId("web"), client_secret: SECRET }),
  });
  return response.json();
}

let webConnection;
let webAccount;

await test("authorization code with PKCE, endpoints from the discovery document", async () => {
  webConnection = await connect("web");
  const { login, end } = await signIn(webConnection, "ada");
  assert.equal(login.status, "completed", JSON.stringify([login, end]));
  webAccount = login.account;
  const signedIn = await account(webAccount);
  assert.equal(signedIn.state, "active");
  assert.equal(signedIn.userPrincipalName, "ada@idp.example");
});

await test("the token that is handed on is the provider's, for that user", async () => {
  const answer = await token(webAccount);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const about = await introspect(answer.body.accessToken);
  assert.equal(about.active, true);
  assert.equal(about.sub, "ada");
  assert.equal(about.client_id, clientId("web"));
  assert.ok(about.scope.split(" ").includes(`${GRAPH}/User.Read`), about.scope);
  const left = new Date(answer.body.expiresAt) - Date.now();
  assert.ok(left <= 2000, `${left} ms`);
});

await test("endpoints set by hand", async () => {
  const connection = await connect("by-hand", {
    // Nothing is asked there.
    authorityUrl: "http://127.0.0.1:9",
    endpoints: {
      authorization: `${idp.base}/auth`,
      token: `${idp.base}/token`,
      deviceAuthorization: `${idp.base}/device/auth`,
      jwks: `${idp.base}/jwks`,
    },
  });
  const { login, end } = await signIn(connection, "grace");
  assert.equal(login.status, "completed", JSON.stringify([login, end]));
  assert.equal((await token(login.account)).status, 200);
});

await test("a public client sends no secret", async () => {
  const connection = await connect("public", { credential: undefined });
  const { login, end } = await signIn(connection, "alan");
  assert.equal(login.status, "completed", JSON.stringify([login, end]));
  assert.equal((await token(login.account)).status, 200);
});

for (const [name, credential] of [
  ["device", { secret: SECRET }],
  ["handset", undefined],
]) {
  await test(`a device code, as ${name}`, async () => {
    const connection = await connect(name, { credential });
    const begun = await postroom.ok("POST", `/connections/${connection}/logins`, {
      method: "deviceCode",
    });
    assert.ok(begun.userCode && !begun.authorizeUrl, JSON.stringify(begun));
    const fill = { user_code: begun.userCode, login: "barbara", password: "whatever" };
    const end = await new Browser().visit(begun.verificationUri, fill);
    const login = await postroom.ok("GET", `/logins/${begun.id}?wait=30`);
    assert.equal(login.status, "completed", JSON.stringify([login, end]));
    assert.equal((await account(login.account)).userPrincipalName, "barbara@idp.example");
    const answer = await token(login.account);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal((await introspect(answer.body.accessToken)).sub, "barbara");
  });
}

await test("a user who declines is told so, and so is the caller", async () => {
  const { login, end } = await signIn(webConnection, "edsger", { decline: true });
  assert.equal(login.status, "failed", JSON.stringify(login));
  assert.ok(login.error.length > 10, login.error);
  assert.ok(end.at.startsWith(callback), end.at);
});

await test("client credentials with a secret", async () => {
  const { value } = await postroom.ok("GET", "/accounts");
  const application = value.find(
    (it) => it.connection === webConnection && it.kind === "application",
  );
  const answer = await token(application.id);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const about = await introspect(answer.body.accessToken);
  assert.equal(about.client_id, clientId("web"));
  assert.equal(about.sub, undefined);
});

await test("private_key_jwt with a certificate that is made here", async () => {
  const connection = await connect("certificate", { credential: { generate: true } });
  const { credentials } = await postroom.ok("GET", `/connections/${connection}`);
  const path = `/connections/${connection}/credentials/${credentials[0].id}/certificate`;
  const pem = await postroom.text(path);
  const jwk = new X509Certificate(pem).publicKey.export({ format: "jwk" });
  keys.keys = [{ ...jwk, use: "sig", alg: "PS256" }];
  const { value } = await postroom.ok("GET", "/accounts");
  const application = value.find(
    (it) => it.connection === connection && it.kind === "application",
  );
  // Twice: each assertion is good once (the provider keeps their ids).
  for (let time = 0; time < 2; time += 1) {
    const answer = await token(application.id);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const about = await introspect(answer.body.accessToken);
    assert.equal(about.client_id, clientId("certificate"));
    await postroom.ok("POST", `/connections/${connection}/check`, {});
  }
  const { login, end } = await signIn(connection, "barbara");
  assert.equal(login.status, "completed", JSON.stringify([login, end]));
  assert.equal((await token(login.account)).status, 200);
});

await test("a wrong secret is the connection's trouble", async () => {
  const connection = await connect("wrong", { credential: { secret: "another one" } });
  const { value } = await postroom.ok("GET", "/accounts");
  const application = value.find((it) => it.connection === connection);
  const answer = await token(application.id);
  assert.equal(answer.body.code, "credentialExpired", JSON.stringify(answer.body));
  assert.ok(!JSON.stringify(answer.body).includes("another one"));
});

await test(`${USERS} callers, rotation with reuse detection: one refresh each time`, async () => {
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const before = idp.seen.refreshes;
  for (let round = 0; round < ROUNDS; round += 1) {
    const answers = await Promise.all(Array.from({ length: USERS }, () => token(webAccount)));
    for (const answer of answers) {
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    }
    assert.equal(idp.seen.refreshes - before, round + 1);
    // The tokens' own two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2100));
  }
  assert.equal(idp.seen.revoked, 0);
  assert.equal((await account(webAccount)).state, "active");
});

await test("a grant that the provider ends needs a sign-in, which keeps the account", async () => {
  // A refresh token of that user's that was exchanged: using it again ends the grant.
  const stolen = await (async () => {
    for (const value of idp.seen.refreshTokens) {
      const kept = await idp.provider.RefreshToken.find(value);
      if (kept?.consumed && kept.clientId === clientId("web")) return value;
    }
    throw new Error("no refresh token was exchanged");
  })();
  const again = await fetch(`${idp.base}/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: stolen,
      client_id: clientId("web"),
      client_secret: SECRET,
    }),
  });
  assert.equal((await again.json()).error, "invalid_grant");
  assert.equal(idp.seen.revoked, 1);
  const refused = await token(webAccount);
  assert.equal(refused.body.code, "needsSignIn", JSON.stringify(refused.body));
  assert.notEqual((await account(webAccount)).state, "active");
  const { login } = await signIn(webConnection, "ada");
  assert.equal(login.account, webAccount);
  assert.equal((await account(webAccount)).state, "active");
  assert.equal((await token(webAccount)).status, 200);
});

await test("nothing that was secret is in the log", async () => {
  for (const secret of [SECRET, "another one", ...idp.seen.refreshTokens]) {
    assert.ok(!postroom.log.includes(secret));
  }
});

if (failed > 0) {
  const last = postroom.log.trim().split("\n").slice(-8);
  console.log(`Postroom said:\n${last.map((line) => line.slice(0, 400)).join("\n")}`);
}
await postroom.stop();
idp.stop();
keyServer.close();
console.log(`idp: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
