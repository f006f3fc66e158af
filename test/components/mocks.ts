import * as pulumi from "@pulumi/pulumi";

/** How Pulumi marks a secret on the wire, in the inputs that a mock gets. */
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

export interface Registered {
  type: string;
  name: string;
  custom: boolean;
  inputs: Record<string, unknown>;
  /** Options that only the registration itself knows. */
  protect: boolean;
  ignoreChanges: string[];
  deleteBeforeReplace: boolean;
  parent: string;
  dependencies: string[];
}

/** Texts that stand for secrets: wherever one of them is readable, a secret has leaked. */
export const marker = "top-secret";

const outputs: Record<string, (name: string, inputs: Record<string, unknown>) => Record<string, unknown>> = {
  "hcloud:index/primaryIp:PrimaryIp": () => ({ ipAddress: "192.0.2.10" }),
  "hcloud:index/loadBalancer:LoadBalancer": () => ({ ipv4: "192.0.2.20" }),
  "phasewise-native:index:Password": (name) => ({ value: pulumi.secret(`${marker}-${name}`) }),
  "phasewise-native:index:KeyPair": (name) => ({
    publicKey: `ssh-ed25519 ${name}`,
    privateKey: pulumi.secret(`${marker}-${name}`),
  }),
  "phasewise-native:index:Authority": (name) => ({
    certificate: `certificate of ${name}`,
    privateKey: pulumi.secret(`${marker}-${name}`),
  }),
  "phasewise-native:index:Certificate": (name) => ({
    certificate: `certificate of ${name}`,
    privateKey: pulumi.secret(`${marker}-${name}`),
  }),
  "phasewise-native:index:Host": () => ({ hostKey: "ssh-ed25519 pinned", pending: [] }),
  "phasewise-native:index:Cluster": (_, { members }) => ({
    leader: (members as { name: string }[])[0]?.name,
  }),
};

/** Ids that a cloud gives are numbers in a text; every resource has one of its own. */
function idOf(type: string, count: number): string {
  return type.startsWith("hcloud:") ? String(1000 + count) : `id-${count}`;
}

/**
 * Runs `declare` as the engine would and returns all that was declared, and the outputs as they would be shown.
 *
 * @param preview What is made is not known yet, as in a first preview.
 */
export async function run<T>(
  declare: () => Promise<T>,
  options: {
    stack: string;
    config: Record<string, string>;
    secrets: string[];
    preview?: boolean;
    /** What the engine answers to an invocation. */
    call?: (token: string, inputs: Record<string, unknown>) => Record<string, unknown>;
  },
): Promise<{ registered: Registered[]; result: T }> {
  const registered: Registered[] = [];
  const mocks: pulumi.runtime.Mocks = {
    newResource({ type, name, inputs }) {
      const made = options.preview ? {} : outputs[type]?.(name, inputs);
      const id = options.preview ? "" : idOf(type, registered.length);
      return { id, state: { ...inputs, ...made } };
    },
    call: ({ token, inputs }) => options.call?.(token, inputs) ?? {},
  };
  await pulumi.runtime.setMocks(mocks, "phasewise", options.stack, options.preview ?? false, "organization");
  recordInto(registered);
  pulumi.runtime.setAllConfig(options.config, options.secrets);
  const result = await declare();
  await pulumi.runtime.disconnect();
  return { registered, result };
}

/** The parts of a registration that its mock is not told. */
interface Request {
  getType(): string;
  getName(): string;
  getCustom(): boolean;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getProtect(): boolean;
  getIgnorechangesList(): string[];
  getDeletebeforereplace(): boolean;
  getParent(): string;
  getDependenciesList(): string[];
}

/** Writes down every registration as it arrives. */
function recordInto(registered: Registered[]): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource(request: Request, callback: unknown): Promise<void>;
    registerResourceHook(request: unknown, callback: (error: null, answer: object) => void): void;
  };
  // Mocks know no hooks; the engine would take note of this one.
  monitor.registerResourceHook = (_, callback) => callback(null, {});
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    registered.push({
      type: request.getType(),
      name: request.getName(),
      custom: request.getCustom(),
      inputs: request.getObject().toJavaScript(),
      protect: request.getProtect(),
      ignoreChanges: request.getIgnorechangesList(),
      deleteBeforeReplace: request.getDeletebeforereplace(),
      parent: request.getParent(),
      dependencies: request.getDependenciesList(),
    });
    return register(request, callback);
  };
}

export function resolved<T>(
  output: pulumi.Output<T>,
): Promise<{ value: T; secret: boolean; known: boolean }> {
  const inner = output as unknown as {
    promise(): Promise<T>;
    isSecret: Promise<boolean>;
    isKnown: Promise<boolean>;
  };
  return Promise.all([inner.promise(), inner.isSecret, inner.isKnown]).then(([value, secret, known]) => ({
    value,
    secret,
    known,
  }));
}

/** Replaces everything that is marked as a secret. What is left of `marker` is readable for everybody. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== "object") return value;
  if ((value as Record<string, unknown>)[signature] === secretSignature) return "[secret]";
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutSecrets(part)]));
}
