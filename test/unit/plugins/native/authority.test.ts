import { X509Certificate } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { authority } from "../../../../plugins/native/authority.ts";
import { Secret } from "../../../../plugins/server/resource.ts";
import { drive, unknown } from "../../../../plugins/server/testing.ts";
import { newAuthority, newCertificate, pairOf } from "./certificates.ts";

const day = 24 * 3600_000;
const inputs = { commonName: "Test authority" };

afterEach(() => void vi.useRealTimers());

describe("Authority", () => {
  test("is unknown in a preview, secret in its key, and stays", async () => {
    const driven = drive(authority);
    expect((await driven.preview(inputs)).outputs).toEqual({
      certificate: unknown,
      privateKey: new Secret(unknown),
      notAfter: unknown,
    });
    await driven.up(inputs);
    expect(driven.state!.outputs.privateKey).toBeInstanceOf(Secret);
    const found = new X509Certificate(driven.state!.outputs.certificate as string);
    expect(found.ca).toBe(true);
    expect(found.subject).toBe("CN=Test authority");
    expect(found.verify(found.publicKey)).toBe(true);
    expect(found.serialNumber).toBe(driven.state!.id);
    expect(Date.parse(found.validTo) - Date.now()).toBeGreaterThan(3649 * day);
    expect((await driven.up(inputs)).steps).toEqual(["same"]);
  });

  test("is renewed in place when its time comes, and still vouches for what it issued", async () => {
    const driven = await newAuthority();
    const old = pairOf(driven.state!.outputs);
    const leaf = await newCertificate(old);
    vi.useFakeTimers({ now: Date.now() + 8 * 365 * day, toFake: ["Date"] });
    const preview = await driven.preview(inputs);
    expect(preview.steps).toEqual(["update"]);
    expect(preview.diff!.detailed).toEqual({ notAfter: "update" });
    expect(preview.outputs).toEqual({
      certificate: unknown,
      notAfter: unknown,
      privateKey: driven.state!.outputs.privateKey,
    });
    expect(driven.messages).toEqual([
      expect.stringMatching(/^info: It ends on 2\d{3}-\d\d-\d\d and is renewed\.$/),
    ]);
    await driven.up(inputs);
    const renewed = pairOf(driven.state!.outputs);
    expect(renewed.privateKey).toBe(old.privateKey);
    expect(renewed.certificate).not.toBe(old.certificate);
    const issued = new X509Certificate(pairOf(leaf.state!.outputs).certificate);
    expect(issued.checkIssued(new X509Certificate(renewed.certificate))).toBe(true);
    expect((await driven.up(inputs)).steps).toEqual(["same"]);
  });

  test("another name makes another authority", async () => {
    const driven = await newAuthority();
    const { steps, diff } = await driven.up({ commonName: "Other" });
    expect(steps).toEqual(["create", "delete"]);
    expect(diff!.replaces).toEqual(["commonName"]);
  });

  test("an earlier renewal alone changes nothing yet", async () => {
    const driven = await newAuthority();
    const before = driven.state!.outputs;
    expect((await driven.up({ ...inputs, renewBeforeHours: 24 })).steps).toEqual(["update"]);
    expect(driven.state!.outputs).toEqual(before);
  });

  test.each([
    [{}, "commonName: is missing"],
    [{ commonName: "" }, "commonName: must not be empty"],
    [
      { ...inputs, validityHours: 10, renewBeforeHours: 10 },
      "renewBeforeHours: must be less than validityHours (10), or it would be renewed by every update",
    ],
  ])("refuses %j", async (wrong, message) => {
    await expect(drive(authority).up(wrong)).rejects.toThrow(message);
  });

  test("cannot be imported", async () => {
    await expect(drive(authority).import("x")).rejects.toThrow(
      "An Authority cannot be imported: its private key is known to the state alone. Nothing was changed.",
    );
  });
});
