import { describe, expect, it } from "vitest";
import { Api, type ApiSettings, segment, type Transport } from "../../../../plugins/hcloud/api/client.ts";
import { apiError, hasCode } from "../../../../plugins/hcloud/api/errors.ts";

interface Answer {
  status: number;
  body?: unknown;
}

const error = (status: number, code: string): Answer => ({
  status,
  body: { error: { code, message: "no" } },
});
const running = (id: number) => ({ id, command: "attach", status: "running" as const });

/** A client whose API gives these answers in turn; `slept` are the waits in milliseconds. */
function client(answers: Answer[], options: Partial<ApiSettings> = {}, limits: { deadline?: number } = {}) {
  const asked: string[] = [];
  const slept: number[] = [];
  const abort = new AbortController();
  const transport: Transport = async ({ method, url }) => {
    asked.push(`${method} ${url.replace("http://api/v1", "")}`);
    const { status, body } = answers.shift() ?? { status: 500 };
    return { status, text: body === undefined ? "" : JSON.stringify(body), correlationId: null };
  };
  const settings: ApiSettings = {
    endpoint: "http://api/v1",
    token: "t",
    pollDelay: (retries) => 100 * 2 ** retries,
    transport,
    sleep: async (milliseconds) => void slept.push(milliseconds),
    ...options,
  };
  const api = new Api(settings, {
    signal: abort.signal,
    deadline: limits.deadline ?? Number.POSITIVE_INFINITY,
  });
  return { api, asked, slept, abort };
}

describe("requests", () => {
  it.each([
    [409, "conflict"],
    [429, "rate_limit_exceeded"],
    [502, "bad_gateway"],
    [504, "timeout"],
  ])("are tried again after status %i %s", async (status, code) => {
    const { api, asked, slept } = client([
      error(status, code),
      error(status, code),
      { status: 200, body: { ok: 1 } },
    ]);
    expect(await api.get("/x")).toEqual({ ok: 1 });
    expect(asked).toHaveLength(3);
    expect(slept[0]).toBe(1000);
    expect(slept[1]).toBeGreaterThanOrEqual(1000);
    expect(slept[1]).toBeLessThanOrEqual(2000);
  });

  it.each([
    [409, "uniqueness_error"],
    [422, "invalid_input"],
    [423, "locked"],
    [503, "unavailable"],
    [403, "protected"],
  ])("are not tried again after status %i %s", async (status, code) => {
    const { api, asked } = client([error(status, code)]);
    await expect(api.delete("/x")).rejects.toThrow(`no (${code})`);
    expect(asked).toHaveLength(1);
  });

  it("give up after five more attempts", async () => {
    const { api, asked } = client(Array.from({ length: 9 }, () => error(429, "rate_limit_exceeded")));
    await expect(api.get("/x")).rejects.toThrow("no (rate_limit_exceeded)");
    expect(asked).toHaveLength(6);
  });

  it("try a bare bad gateway again, and name a bare error by its status", async () => {
    const { api } = client([{ status: 502 }, { status: 500 }]);
    await expect(api.get("/x")).rejects.toThrow(
      "The server answered with status code 500.\nThe answer to GET /x had status 500.",
    );
  });

  it("stop trying when the engine cancels", async () => {
    const { api, asked, abort } = client([error(429, "rate_limit_exceeded"), { status: 200 }]);
    abort.abort();
    await expect(api.get("/x")).rejects.toThrow("no (rate_limit_exceeded)");
    expect(asked).toHaveLength(1);
  });

  it("need a token", async () => {
    const { api, asked } = client([], { token: null });
    await expect(api.get("/x")).rejects.toThrow("There is no API token: set hcloud:token or HCLOUD_TOKEN.");
    expect(asked).toEqual([]);
  });

  it("sort and escape what they ask for", async () => {
    const { api, asked } = client([{ status: 200 }]);
    await api.get("/images", { name: "a&b", architecture: "x86", include_deprecated: true });
    expect(asked).toEqual(["GET /images?architecture=x86&include_deprecated=true&name=a%26b"]);
    expect(segment("@")).toBe("@");
    expect(segment("a/b c")).toBe("a%2Fb%20c");
  });

  it("find nothing only where the API says so", async () => {
    const { api } = client([error(404, "not_found"), { status: 404 }]);
    expect(await api.find("/x")).toBeNull();
    await expect(api.find("/x")).rejects.toThrow("status code 404");
  });
});

describe("actions", () => {
  it("are not polled when they are done already", async () => {
    const { api, asked } = client([]);
    await api.wait({ ...running(1), status: "success" }, null, undefined);
    expect(asked).toEqual([]);
  });

  it("are polled together until all are done, more slowly each time", async () => {
    const done = { ...running(3), status: "success" };
    const { api, asked, slept } = client([
      { status: 200, body: { actions: [done, running(7)] } },
      { status: 200, body: { actions: [{ ...running(7), status: "success" }] } },
    ]);
    await api.wait(running(7), running(3));
    expect(asked).toEqual([
      "GET /actions?id=3&id=7&page=1&sort=status&sort=id",
      "GET /actions?id=7&page=1&sort=status&sort=id",
    ]);
    expect(slept).toEqual([100, 200]);
  });

  it("are asked for 25 at a time", async () => {
    const actions = Array.from({ length: 30 }, (_, index) => running(index + 1));
    const done = actions.map((action) => ({ ...action, status: "success" }));
    const { api, asked } = client([
      { status: 200, body: { actions: done.slice(0, 25) } },
      { status: 200, body: { actions: done.slice(25) } },
    ]);
    await api.wait(...actions);
    expect(asked.map((request) => request.match(/id=\d+/g)?.length)).toEqual([25, 5]);
  });

  it("fail with the API's reason", async () => {
    const failed = {
      ...running(7),
      status: "error",
      error: { code: "action_failed", message: "Action failed" },
      resources: [{ type: "server", id: 4 }],
    };
    const { api } = client([{ status: 200, body: { actions: [failed] } }]);
    await expect(api.wait(running(7))).rejects.toThrow(
      "Action failed (action_failed, 7)\nThe action attach on server 4 failed.",
    );
  });

  it("that the API has forgotten are an error", async () => {
    const { api } = client([{ status: 200, body: { actions: [] } }]);
    await expect(api.wait(running(7))).rejects.toThrow("does not know its own actions any more: 7.");
  });

  it("are given up after the deadline", async () => {
    const { api } = client([], {}, { deadline: 0 });
    await expect(api.wait(running(7))).rejects.toThrow(
      "Gave up waiting: the API is still busy with attach (7).",
    );
  });

  it("are waited for also after the engine cancelled", async () => {
    const { api, abort } = client([
      { status: 200, body: { actions: [{ ...running(7), status: "success" }] } },
    ]);
    abort.abort();
    await api.wait(running(7));
  });
});

describe("retry", () => {
  it("waits 1, 2, 4 and 8 seconds, then throws", async () => {
    const { api, slept } = client([]);
    let tries = 0;
    const work = async () => {
      tries++;
      throw apiError({
        status: 423,
        text: '{"error":{"code":"locked","message":"m"}}',
        request: "",
        correlationId: "id",
      });
    };
    await expect(api.retry(work, (thrown) => hasCode(thrown, "locked"))).rejects.toThrow("m (locked, id)");
    expect(tries).toBe(5);
    expect(slept).toEqual([1000, 2000, 4000, 8000]);
  });

  it("does not repeat what cannot pass", async () => {
    const { api, slept } = client([]);
    await expect(
      api.retry(
        () => Promise.reject(new Error("x")),
        () => false,
      ),
    ).rejects.toThrow("x");
    expect(slept).toEqual([]);
  });
});
