import { openCache } from "./cache.ts";
import { openDatabase } from "./database.ts";
import { Notes } from "./notes.ts";
import { serverFor } from "./server.ts";
import { settingsFrom } from "./settings.ts";

/** A small application in front of the data layer: how a team's own may connect to it. */
const settings = settingsFrom(process.env);
const database = openDatabase(settings);
const cache = openCache(settings);
const server = serverFor(new Notes(database, cache));
server.listen(settings.port);

/** Requests that were begun are answered; connections that only wait for the next one are closed. */
async function stop(): Promise<void> {
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
  });
  cache.close();
  await database.close();
}

for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => stop().then(() => process.exit(0)));
