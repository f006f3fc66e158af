import { drilled } from "../drilled.ts";

export default drilled(
  "volume",
  "a drill loses the primary's machine and its volume: a standby takes over, and the member is made anew",
);
