// The real program: a server on a new data folder, and its API.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Postroom {
  #folder;
  #server;
  #key;
  log = "";

  /** Starts a server. */
  static async start() {
    const it = new Postroom();
    it.#folder = await mkdtemp(join(tmpdir(), "postroom-idp-"));
    it.#key = (await it.run("key", "create", "--name", "idp", "--scope", "admin")).trim();
    const listen = `127.0.0.1:${await freePort()}`;
    it.url = `http://${listen}`;
    it.#server = spawn(process.env.POSTROOM, ["serve", "--listen", listen], {
      env: it.#environment(),
      stdio: ["ignore", "ignore", "pipe"],
    });
    it.#server.stderr.on("data", (text) => (it.log += text));
    for (let tries = 0; ; tries += 1) {
      try {
        if ((await fetch(`${it.url}/readyz`)).ok) return it;
      } catch {
        // It is not there yet.
      }
      if (tries > 300 || it.#server.exitCode !== null) throw new Error(`no server: ${it.log}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #environment() {
    return {
      PATH: process.env.PATH,
      HOME: this.#folder,
      POSTROOM_DATA: join(this.#folder, "data"),
      NO_PROXY: process.env.NO_PROXY,
    };
  }

  /** Runs a command to its end, and gives what it printed. */
  run(...args) {
    return new Promise((resolve, reject) => {
      const child = spawn(process.env.POSTROOM, args, {
        env: this.#environment(),
        stdio: ["ignore", "pipe", "pipe"],
      });
      let [out, said] = ["", ""];
      child.stdout.on("data", (text) => (out += text));
      child.stderr.on("data", (text) => (said += text));
      child.on("error", reject);
      child.on("close", (status) =>
        status === 0 ? resolve(out) : reject(new Error(`${args.join(" ")}: ${said}`)),
      );
    });
  }

  /** A file of the test's own. */
  async file(name, content) {
    const path = join(this.#folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }

  /** A call; gives status and body. */
  async call(method, path, body) {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  /** A call that has to succeed; gives the body. */
  async ok(method, path, body) {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  /** A file, as text. */
  async text(path) {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      headers: { authorization: `Bearer ${this.#key}` },
    });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status}`);
    return response.text();
  }

  async stop() {
    if (this.#server?.exitCode === null) {
      const ended = new Promise((resolve) => this.#server.on("close", resolve));
      this.#server.kill();
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
