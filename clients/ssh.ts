/** How to reach one machine. Keys stay in memory: nothing of this is ever written to disk or put into argv. */
export interface SshTarget {
  host: string;
  port: number;
  user: string;
  /** OpenSSH private key. */
  privateKey: string;
  /** OpenSSH public keys ("ssh-ed25519 AAAA..."), any of which the machine may present; anything else is refused. */
  hostKeys: string[];
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}
