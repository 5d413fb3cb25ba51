// Goes through the sandbox's sign-in pages as a person with a browser would: fills in the forms
// that are shown, follows redirects, and stops at the redirect URI.

const unescape = (text) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

function attributes(tag) {
  const found = {};
  for (const [, name, value] of tag.matchAll(/([a-z-]+)="([^"]*)"/gi)) {
    found[name.toLowerCase()] = unescape(value);
  }
  return found;
}

/** Signs in and gives the parameters that arrive at `redirectUri`. */
export async function signIn(authorizeUrl, redirectUri, user, password) {
  const cookies = new Map();
  const request = async (url, options = {}) => {
    const response = await fetch(url, {
      redirect: "manual",
      ...options,
      headers: {
        ...options.headers,
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair] = cookie.split(";");
      cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    return response;
  };

  let response = await request(authorizeUrl);
  let at = authorizeUrl;
  for (let step = 0; step < 8; step += 1) {
    if (response.status >= 300 && response.status < 400) {
      at = new URL(response.headers.get("location"), at).href;
      if (at.startsWith(redirectUri)) return Object.fromEntries(new URL(at).searchParams);
      response = await request(at);
      continue;
    }
    const html = await response.text();
    const form = html.match(/<form[^>]*>/i);
    if (response.status !== 200 || !form) {
      throw new Error(`${response.status}: ${html.replace(/<[^>]+>/g, " ").slice(-500)}`);
    }
    const fields = {};
    for (const [tag] of html.matchAll(/<input[^>]*>/gi)) {
      const { name, value } = attributes(tag);
      if (name) fields[name] = value ?? "";
    }
    if ("login" in fields) {
      fields.login = user;
      fields.passwd = password;
    }
    // The button that goes on; the other one cancels.
    for (const [tag] of html.matchAll(/<button[^>]*>/gi)) {
      const { name, value } = attributes(tag);
      if (name && value !== "cancel") fields[name] = value;
    }
    at = new URL(attributes(form[0]).action ?? "", at).href;
    response = await request(at, { method: "POST", body: new URLSearchParams(fields) });
  }
  throw new Error("the sign-in did not come to an end");
}
