import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Runs a module of Python's own unittest.
 * @param tests The folder that holds it.
 * @param programs The folder of the programs that it imports.
 * @returns What it prints: a line "OK" where all passed. Rejects where one failed.
 */
export async function pythonTests(module: string, tests: URL, programs: URL): Promise<string> {
  const { stderr } = await promisify(execFile)("python3", ["-B", "-m", "unittest", "-v", module], {
    cwd: tests.pathname,
    env: { ...process.env, PYTHONPATH: programs.pathname },
  });
  return stderr;
}
