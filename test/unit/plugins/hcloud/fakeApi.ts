import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

type Thing = { id: number; name: string; [key: string]: unknown };

/** What a new thing of each kind has beside what was asked for. */
const KINDS: Record<string, { one: string; extra: (asked: Record<string, unknown>, id: number) => object }> =
  {
    ssh_keys: { one: "ssh_key", extra: (_asked, id) => ({ fingerprint: `aa:bb:${id}` }) },
    networks: { one: "network", extra: () => ({ protection: { delete: false }, subnets: [], routes: [] }) },
    placement_groups: { one: "placement_group", extra: () => ({ servers: [] }) },
    servers: {
      one: "server",
      extra: (asked) => ({
        status: "running",
        server_type: { name: asked.server_type, architecture: "x86" },
        location: { name: asked.location ?? "fsn1" },
        image: { id: 1, name: "debian-13" },
        public_net: { ipv4: { id: 7, ip: "192.0.2.1" }, ipv6: null, firewalls: [] },
        private_net: [],
        backup_window: null,
        iso: null,
        rescue_enabled: false,
        protection: { delete: false, rebuild: false },
        placement_group: null,
        primary_disk_size: 40,
      }),
    },
  };

/** A much reduced Hetzner Cloud API in memory, for the plugin under a real engine. */
export class FakeApi implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly things = new Map<string, Thing[]>(Object.keys(KINDS).map((kind) => [kind, []]));
  readonly #server: Server;
  #lastId = 100;

  constructor() {
    this.#server = createServer((request, response) => {
      void body(request).then((asked) => {
        const path = (request.url ?? "").replace("/v1", "");
        this.requests.push(`${request.method} ${path}`);
        const { status, answer } = this.#answer(request.method ?? "", new URL(path, "http://x"), asked);
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(answer));
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(method: string, url: URL, asked: Record<string, unknown>): { status: number; answer: unknown } {
    const [, kind = "", id, , action] = url.pathname.split("/");
    if (kind === "server_types")
      return good({ server_types: [{ id: 1, name: "cx23", architecture: "x86" }] });
    if (kind === "images") return good({ images: [{ id: 1, name: "debian-13", deprecated: null }] });
    const things = this.things.get(kind);
    const shape = KINDS[kind];
    if (things === undefined || shape === undefined) return bad("not_found", `There is no ${url.pathname}.`);
    if (method === "POST" && id === undefined) return this.#create(things, shape, asked);
    if (id === undefined)
      return good({ [kind]: things.filter(({ name }) => name === url.searchParams.get("name")) });
    const thing = things.find((candidate) => candidate.id === Number(id));
    if (thing === undefined) return bad("not_found", `${shape.one} with ID '${id}' not found`);
    if (action !== undefined) return this.#act(thing, action, asked);
    if (method === "DELETE") things.splice(things.indexOf(thing), 1);
    if (method === "PUT") Object.assign(thing, asked);
    return good(method === "DELETE" ? { action: this.#action() } : { [shape.one]: thing });
  }

  #create(things: Thing[], shape: (typeof KINDS)[string], asked: Record<string, unknown>) {
    if (things.some(({ name }) => name === asked.name))
      return bad("uniqueness_error", "the name is already used");
    const id = ++this.#lastId;
    const thing = { labels: {}, ...asked, ...shape.extra(asked, id), id } as unknown as Thing;
    things.push(thing);
    return good({ [shape.one]: thing, action: this.#action() });
  }

  #act(thing: Thing, action: string, asked: Record<string, unknown>) {
    const subnets = thing.subnets as { ip_range: string }[];
    if (action === "add_subnet")
      subnets.push({ ...asked, gateway: "10.0.0.1" } as unknown as { ip_range: string });
    if (action === "delete_subnet") {
      thing.subnets = subnets.filter(({ ip_range }) => ip_range !== asked.ip_range);
    }
    return good({ action: this.#action() });
  }

  #action() {
    return { id: ++this.#lastId, command: "any", status: "success", error: null, resources: [] };
  }
}

function good(answer: unknown) {
  return { status: 200, answer };
}

function bad(code: string, message: string) {
  return { status: code === "not_found" ? 404 : 409, answer: { error: { code, message, details: null } } };
}

async function body(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
