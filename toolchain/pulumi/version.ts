import manifest from "../../package.json" with { type: "json" };

/** The one version that the npm shim, the SDK and the CLI are held at. */
export const pulumiVersion: string = manifest.dependencies.pulumi;
