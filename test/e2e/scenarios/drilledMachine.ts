import { drilled } from "../drilled.ts";

export default drilled(
  "machine",
  "a drill loses the primary's machine for good: a standby takes over, and the member is rebuilt on its volume",
);
