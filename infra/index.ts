import { ordinaryProgram } from "./ordinary.ts";

/** The entry point of an ordinary `pulumi up`; our commands run the same program inline and check before it. */
export const {
  topology,
  deployed,
  phase,
  DATABASE_URL,
  DATABASE_READ_URL,
  databaseUrl,
  DB_HOST,
  DB_READ_HOST,
  DB_PORT,
  DB_READ_PORT,
  DB_PRIVATE_HOST,
  dnsRecords,
  caCertificate,
} = await ordinaryProgram();
