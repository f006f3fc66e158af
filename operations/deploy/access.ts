import { type HetznerAccess, hetznerEndpoint } from "../../clients/hetzner.ts";
import { Problem } from "../../toolchain/problem.ts";
import { EngineError } from "./engine.ts";
import { type Deployment, runEngine } from "./workspace.ts";

/**
 * How a stack that is not embedded reaches Hetzner: by its own settings, else by the environment.
 * @throws Problem (exit 2) where there is no token.
 */
export async function productionAccess(deployment: Deployment): Promise<HetznerAccess> {
  const setting = async (key: string) => {
    try {
      const result = await runEngine(deployment, ["config", "get", key, "--stack", deployment.file.stack]);
      return result.stdout.trim();
    } catch (error) {
      if (error instanceof EngineError && /not found/.test(error.stderr)) return undefined;
      throw error;
    }
  };
  const configured = deployment.file.config["hcloud:endpoint"];
  const endpoint =
    typeof configured === "string" ? configured : (process.env.HCLOUD_ENDPOINT ?? hetznerEndpoint);
  const token =
    "hcloud:token" in deployment.file.config ? await setting("hcloud:token") : process.env.HCLOUD_TOKEN;
  if (token) return { endpoint, token };
  const { stack } = deployment.file;
  throw new Problem({
    happened: `There is no token for Hetzner's API: neither hcloud:token in the settings of ${stack} nor HCLOUD_TOKEN.`,
    left: "Nothing was changed.",
    todo: [`npx pulumi config set --secret hcloud:token --stack ${stack}   (it asks for the value)`],
    exitCode: 2,
  });
}
