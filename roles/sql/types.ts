/** What a cluster's databases must hold, as data: the leader is asked, and only what is missing is done. */
export interface ClusterSql {
  /** Made or corrected first. */
  roles: SqlRole[];
  databases: { name: string; owner: string }[];
  /** In this order, after roles and databases. */
  statements: SqlStatement[];
}

export interface SqlRole {
  name: string;
  login: boolean;
  /** Name of the secret that holds its password; null: it has none. Only its SCRAM verifier reaches PostgreSQL. */
  passwordSecret: string | null;
  /** Roles whose rights it has. */
  memberOf: string[];
  /** Settings of its sessions (ALTER ROLE ... SET). */
  settings: Record<string, string>;
}

/** One repeatable piece of SQL, run as superuser. */
export interface SqlStatement {
  /** For people, as "extension vector in app". */
  name: string;
  database: string;
  /** A query of one boolean; true: nothing to do. It never fails on a database that has none of it yet. */
  probe: string;
  /** Run in one transaction. */
  act: string;
}
