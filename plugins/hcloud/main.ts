import { serve } from "../server/serve.ts";
import { hcloudPlugin } from "./plugin.ts";

await serve(await hcloudPlugin());
