/** The release of the official plugin, and of @pulumi/hcloud, whose behaviour the stand-in has. */
export const VERSION = "1.41.0";
