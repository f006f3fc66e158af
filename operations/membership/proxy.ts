import { quote } from "../../clients/ssh/quote.ts";

const PROGRAM = [
  "import socket, sys",
  "s = socket.socket(socket.AF_UNIX)",
  's.connect("/run/haproxy.sock")',
  's.sendall(sys.argv[1].encode() + b"\\n")',
  'answer = b"".join(iter(lambda: s.recv(65536), b"")).decode().strip()',
  'sys.exit(answer if answer and "No such" not in answer else 0)',
].join("\n");

/**
 * A shell command that gives HAProxy on its machine an order. HAProxy says nothing where it did so, and anything else
 * is an error; a server that it does not know gets nobody anyway. It lasts until HAProxy is reloaded.
 */
export function proxyCommand(order: string): string {
  return `python3 -c ${quote(PROGRAM)} ${quote(order)}`;
}
