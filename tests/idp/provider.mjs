// The identity provider: oidc-provider as it comes, at an address of the form that Entra ID has.

import { createRequire } from "node:module";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.CLIENTS}/`);
const { Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);

export const TENANT = "idp.example";
/** The address that stands for Microsoft Graph here: nothing is there, scopes begin with it. */
export const GRAPH = "http://127.0.0.1:9";

/** Starts it on a free port for these clients, with access tokens of so many seconds. */
export async function startProvider(clients, { accessTokenSeconds }) {
  let handle;
  const mount = `/${TENANT}/v2.0`;
  const server = createServer((request, response) => {
    if (!request.url.startsWith(`${mount}/`)) {
      response.writeHead(404).end();
      return;
    }
    request.originalUrl = request.url;
    request.url = request.url.slice(mount.length);
    handle(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const root = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(`${root}${mount}`, {
    clients,
    scopes: ["openid", "profile", "offline_access", `${GRAPH}/User.Read`, `${GRAPH}/.default`],
    claims: { openid: ["sub"], profile: ["name", "preferred_username"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["of these tests alone"] },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
    },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `Name of ${id}`, preferred_username: `${id}@idp.example` }),
    }),
    // Entra ID, too, gives a refresh token to whoever asks for `offline_access`, without a prompt.
    issueRefreshToken: (_context, client) => client.grantTypeAllowed("refresh_token"),
    // Every time; one that is used twice ends the grant (oidc-provider does that by itself).
    rotateRefreshToken: () => true,
    pkce: { required: () => true },
    // Clients' keys are on this machine, where it would not look by itself.
    fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: 60,
      RefreshToken: 3600,
      Grant: 3600,
      Session: 3600,
      Interaction: 600,
      IdToken: 600,
      DeviceCode: 600,
    },
  });
  handle = provider.callback();

  const seen = { refreshes: 0, errors: [], revoked: 0, refreshTokens: [] };
  provider.on("grant.success", (context) => {
    if (context.oidc.params.grant_type === "refresh_token") seen.refreshes += 1;
  });
  provider.on("grant.error", (_context, error) => seen.errors.push(error.error));
  provider.on("grant.revoked", () => (seen.revoked += 1));
  provider.on("refresh_token.saved", (token) => seen.refreshTokens.push(token.jti));
  return { root, base: `${root}${mount}`, seen, provider, stop: () => server.close() };
}
