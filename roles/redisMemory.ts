/** How much memory a Redis may have beside what else is on its machine. */

/**
 * The largest `maxmemory` in MB.
 *
 * Redis forks to rewrite its append-only file, and for that moment the kernel counts its memory twice. Beside
 * PostgreSQL the kernel promises no more than it has (`vm.overcommit_memory` 2, see `base`): 90 % of the memory, of
 * which PostgreSQL's buffers take 25 % and its processes up to 40 %. Of the remaining 25 % Redis gets the half, an
 * eighth of the machine, and its fork the other. On a machine without PostgreSQL a fork costs the pages that change
 * while it runs, and three eighths leave room for all of them to change.
 */
export function largestRedisMemoryMb(machine: { memoryMb: number; holdsDatabase: boolean }): number {
  return Math.floor((machine.memoryMb * (machine.holdsDatabase ? 1 : 3)) / 8);
}

/**
 * GB of disk that a Redis may need: its append-only file is rewritten when it has doubled, and the new one is written
 * beside the old one (Redis documentation, "Redis persistence", "Log rewriting").
 */
export function redisDiskGb(memoryMb: number): number {
  return Math.ceil((4 * memoryMb) / 1024);
}
