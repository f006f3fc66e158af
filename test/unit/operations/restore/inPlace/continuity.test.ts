import { expect, test } from "vitest";
import { knowsAnother, systemsOf } from "../../../../../operations/restore/inPlace/continuity.ts";

const info = (...systems: string[]) =>
  `[{"name":"main","db":[${systems.map((id) => `{"id":1,"system-id":${id}}`).join(",")}]}]`;
const [before, now] = ["7710703230494892690", "7710703230494892691"];

test("a repository is told of a database that it does not know as its current one", () => {
  expect(knowsAnother([systemsOf(info(now))], now)).toBe(false);
  expect(knowsAnother([systemsOf(info(before, now))], now)).toBe(false);
  expect(knowsAnother([systemsOf(info(before))], now)).toBe(true);
  expect(knowsAnother([systemsOf(info())], now)).toBe(true);
});

test("one of two that does not answer holds nothing up", () => {
  expect(knowsAnother([systemsOf(info()), systemsOf(info(now))], now)).toBe(false);
  expect(knowsAnother([systemsOf(info(now)), systemsOf(info(before))], now)).toBe(true);
  expect(knowsAnother([[], []], now)).toBe(true);
});
