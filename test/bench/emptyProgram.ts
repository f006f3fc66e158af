/**
 * The floor of a preview: the same CLI and the same Automation API, with a program that declares nothing.
 * Expects PULUMI_BACKEND_URL and PULUMI_CONFIG_PASSPHRASE; argv: the Pulumi CLI's root folder.
 */
import { LocalWorkspace, PulumiCommand } from "@pulumi/pulumi/automation/index.js";

const pulumiCommand = await PulumiCommand.get({ root: process.argv[2] });
const stack = await LocalWorkspace.createOrSelectStack(
  { stackName: "empty", projectName: "empty", program: async () => ({}) },
  { pulumiCommand },
);
await stack.preview();
