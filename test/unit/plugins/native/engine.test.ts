import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BucketClient } from "../../../../clients/s3/bucket.ts";
import { Authority } from "../../../../components/native/authority.ts";
import { Bucket } from "../../../../components/native/bucket.ts";
import { Certificate } from "../../../../components/native/certificate.ts";
import { KeyPair } from "../../../../components/native/keyPair.ts";
import { Password } from "../../../../components/native/password.ts";
import { startTestStorage, type TestStorage } from "../../cloud/objects/storage.ts";
import { type Bench, bench, findPulumi } from "../pulumi.ts";

const cli = findPulumi();
const plugins = join(import.meta.dirname, "../../../../plugins/bin");

describe.skipIf(cli === null)(
  `keys and buckets with the real engine${cli === null ? " (no pulumi here)" : ""}`,
  () => {
    let storage: TestStorage;
    let one: Bench;
    /** Of the authority: it is renewed by an update when fewer are left. */
    let renewBeforeHours = 1;

    beforeAll(async () => {
      storage = await startTestStorage();
      one = await bench(cli!, [{ name: "phasewise-native", path: plugins }]);
      one.program = async () => {
        const { endpoint, region, accessKey, secretKey, caCertificate } = storage;
        const password = new Password("password");
        const keys = new KeyPair("keys", { comment: "operator" });
        const authority = new Authority("authority", {
          commonName: "Test",
          validityHours: 100,
          renewBeforeHours,
        });
        const certificate = new Certificate("certificate", {
          authorityCertificate: authority.certificate,
          authorityPrivateKey: authority.privateKey,
          commonName: "core-1",
          usages: ["server"],
          validityHours: 50,
          renewBeforeHours: 1,
        });
        const bucket = new Bucket("bucket", {
          bucket: "engine",
          endpoint,
          region,
          accessKey,
          secretKey,
          caCertificate,
        });
        return {
          password: password.value,
          publicKey: keys.publicKey,
          privateKey: keys.privateKey,
          issued: certificate.certificate,
          certificateKey: certificate.privateKey,
          authorityIsSecret: pulumi.isSecret(authority.certificate),
          bucket: bucket.bucket,
        };
      };
    }, 60_000);
    afterAll(async () => {
      await one[Symbol.asyncDispose]();
      await storage.remove();
    });

    test("makes them, keeps what is secret encrypted, and has nothing to do the next time", {
      timeout: 120_000,
    }, async () => {
      const preview = await one.stack.preview();
      expect(preview.changeSummary).toEqual({ create: 6 });
      const { outputs } = await one.stack.up();
      expect(outputs.bucket).toEqual({ value: "engine", secret: false });
      expect(outputs.publicKey!.value).toMatch(/^ssh-ed25519 \S+ operator$/);
      expect(outputs.authorityIsSecret!.value).toBe(false);
      const state = one.stored();
      for (const name of ["password", "privateKey", "certificateKey"]) {
        expect(outputs[name]!.secret).toBe(true);
        expect(state).not.toContain(JSON.stringify(outputs[name]!.value).slice(1, -1));
      }
      expect(state).not.toContain(storage.secretKey);
      expect((await one.stack.up()).summary.resourceChanges).toEqual({ same: 6 });
      expect((await one.stack.refresh()).summary.resourceChanges).toEqual({ same: 6 });
    });

    test("shows a renewal in the preview, with what follows from it, and does it in place", {
      timeout: 120_000,
    }, async () => {
      const before = await one.stack.outputs();
      renewBeforeHours = 99.9999;
      await one.stack.up();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const preview = await one.stack.preview();
      expect(preview.changeSummary).toEqual({ same: 4, update: 2 });
      expect(preview.stdout).toMatch(/It ends on \d{4}-\d\d-\d\d and is renewed\./);
      await one.stack.up();
      const after = await one.stack.outputs();
      expect(after.issued!.value).not.toBe(before.issued!.value);
      expect(after.certificateKey!.value).toBe(before.certificateKey!.value);
    });

    test("destroys them, the empty bucket too", { timeout: 120_000 }, async () => {
      await one.stack.destroy();
      expect(await new BucketClient(storage, "engine").exists()).toBe(false);
    });
  },
);
