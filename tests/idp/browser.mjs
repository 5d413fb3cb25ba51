// A person with a browser: opens a page, fills in its forms, follows redirects.

const unescape = (text) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

function attributes(tag) {
  const found = {};
  for (const [, name, , quoted, bare] of tag.matchAll(/([a-z-]+)=("([^"]*)"|([^\s>]+))/gi)) {
    found[name.toLowerCase()] = unescape(quoted ?? bare);
  }
  return found;
}

/** A browser of one person, with cookies. */
export class Browser {
  #cookies = new Map();

  async #request(url, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      redirect: "manual",
      ...options,
      headers: { ...options.headers, cookie },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...rest] = line.split(";");
      const name = pair.slice(0, pair.indexOf("="));
      const value = pair.slice(pair.indexOf("=") + 1);
      const isOver = rest.some((part) => /expires=Thu, 01 Jan 1970/i.test(part));
      if (value && !isOver) this.#cookies.set(name, value);
      else this.#cookies.delete(name);
    }
    return response;
  }

  /**
   * Opens an address and does what the pages ask: fields are filled in by name, and `decline`
   * takes the way out where there is one. Gives the last address and page.
   */
  async visit(address, fill, { decline = false } = {}) {
    let at = address;
    let response = await this.#request(at);
    for (let step = 0; step < 20; step += 1) {
      if (response.status >= 300 && response.status < 400) {
        at = new URL(response.headers.get("location"), at).href;
        response = await this.#request(at);
        continue;
      }
      const html = await response.text();
      const form = html.match(/<form[^>]*>/i);
      const wayOut = decline && html.match(/<a[^>]*href="([^"]*abort[^"]*)"/i);
      if (wayOut) {
        at = new URL(unescape(wayOut[1]), at).href;
        response = await this.#request(at);
        continue;
      }
      if (!form || response.status >= 400) return { at, status: response.status, html };
      const fields = {};
      for (const [tag] of html.matchAll(/<input[^>]*>/gi)) {
        const { name, value, type } = attributes(tag);
        if (name && type !== "submit") fields[name] = fill[name] ?? value ?? "";
      }
      at = new URL(attributes(form[0]).action ?? at, at).href;
      response = await this.#request(at, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams(fields),
      });
    }
    throw new Error(`no end after 20 pages, at ${at}`);
  }
}
