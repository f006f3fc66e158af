import { expect, it } from "vitest";
import { withPhase } from "../../../../operations/deploy/phaseSetting.ts";

it("changes the phase in a stack's file and nothing else", () => {
  const text = `# Ours.
config:
  phasewise:cloud: embedded
  # 1-100 users
  phasewise:phase: 1
  phasewise:volume: { sizeGb: 10 }
encryptionsalt: v1:abc
`;
  expect(withPhase(text, 2)).toBe(text.replace("phase: 1", "phase: 2"));
  expect(withPhase("config:\n  phasewise:cloud: embedded\n", 3)).toContain("phasewise:phase: 3");
});
