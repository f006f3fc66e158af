import { program } from "./program.ts";

/** The entry point of an ordinary `pulumi up`; our commands run the same program inline. */
export const {
  topology,
  deployed,
  phase,
  DATABASE_URL,
  databaseUrl,
  DB_HOST,
  DB_READ_HOST,
  DB_PORT,
  dnsRecords,
  caCertificate,
} = await program();
