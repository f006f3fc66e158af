import { status as Code } from "@grpc/grpc-js";
import { firstSegment } from "./diff.ts";
import { ProtocolError } from "./errors.ts";
import { empty, provider, type requests } from "./proto.ts";
import { Redactor } from "./redact.ts";
import {
  type Autonaming,
  type Context,
  type Diff,
  type DiffKind,
  PartialFailure,
  type Properties,
  type ResourceType,
} from "./resource.ts";
import { checkResponse, properties, type Session, toStruct, unary } from "./session.ts";
import { markLike, markSecrets, secretNames } from "./values.ts";

type Request = { getUrn(): string; getType(): string };

/** The methods of a resource's life: check, diff, create, read, update, delete. */
export function lifecycle(session: Session) {
  const types = new Map(session.plugin.resources.map((type) => [type.token, type]));
  const method = <T extends Request, R>(work: (call: Call<T>) => Promise<R>) =>
    unary(
      session,
      (request: T, redactor: Redactor) =>
        work({ session, request, redactor, type: typeOf(session, types, request) }),
      () => new Redactor(session.redactor),
    );
  return {
    check: method(check),
    diff: method(diff),
    create: method(create),
    read: method(read),
    update: method(update),
    delete: method(remove),
  };
}

interface Call<T extends Request> {
  session: Session;
  request: T;
  /** Knows the secrets of this call. */
  redactor: Redactor;
  type: ResourceType;
}

async function check({ session, request, redactor, type }: Call<requests.CheckRequest>) {
  const olds = request.hasOlds() ? properties(request.getOlds()) : null;
  const news = properties(request.getNews());
  redactor.learn(olds, news);
  const seed = request.getRandomseed();
  const randomSeed = typeof seed === "string" ? Buffer.from(seed, "base64") : seed;
  const args = { olds, news, randomSeed, autonaming: autonaming(request) };
  const checked = await session.operations.run((signal) =>
    type.check(context(session, request, redactor, signal), args),
  );
  return checkResponse(markLike(checked.inputs, news), checked.failures);
}

async function diff({ session, request, redactor, type }: Call<requests.DiffRequest>) {
  const args = {
    id: request.getId(),
    oldInputs: properties(request.getOldInputs()),
    oldOutputs: properties(request.getOlds()),
    newInputs: properties(request.getNews()),
    ignoreChanges: request.getIgnorechangesList(),
  };
  redactor.learn(args.oldInputs, args.oldOutputs, args.newInputs);
  return diffResponse(
    await session.operations.run((signal) => type.diff(context(session, request, redactor, signal), args)),
  );
}

async function create({ session, request, redactor, type }: Call<requests.CreateRequest>) {
  const inputs = properties(request.getProperties());
  redactor.learn(inputs);
  const args = { inputs, preview: request.getPreview() };
  const hide = (outputs: Properties) => markSecrets(outputs, secretsOf(type, inputs));
  const made = await hiding(hide, () =>
    session.operations.run(
      (signal) => type.create(context(session, request, redactor, signal, request.getTimeout()), args),
      ({ id, outputs }) => new PartialFailure({ id, inputs, outputs, reasons: [] }),
    ),
  );
  const response = new provider.CreateResponse();
  response.setId(made.id);
  response.setProperties(toStruct(hide(made.outputs)));
  return response;
}

async function update({ session, request, redactor, type }: Call<requests.UpdateRequest>) {
  const args = {
    id: request.getId(),
    oldInputs: properties(request.getOldInputs()),
    oldOutputs: properties(request.getOlds()),
    newInputs: properties(request.getNews()),
    preview: request.getPreview(),
  };
  redactor.learn(args.oldInputs, args.oldOutputs, args.newInputs);
  const hide = (outputs: Properties) => markSecrets(outputs, secretsOf(type, args.newInputs));
  const made = await hiding(hide, () =>
    session.operations.run(
      (signal) => type.update(context(session, request, redactor, signal, request.getTimeout()), args),
      ({ outputs }) => new PartialFailure({ id: args.id, inputs: args.newInputs, outputs, reasons: [] }),
    ),
  );
  const response = new provider.UpdateResponse();
  response.setProperties(toStruct(hide(made.outputs)));
  return response;
}

async function read({ session, request, redactor, type }: Call<requests.ReadRequest>) {
  const outputs = nonEmpty(properties(request.getProperties()));
  const inputs = nonEmpty(properties(request.getInputs()));
  redactor.learn(inputs, outputs);
  const found = await session.operations.run((signal) =>
    type.read(context(session, request, redactor, signal, request.getTimeout()), {
      id: request.getId(),
      inputs,
      outputs,
    }),
  );
  const response = new provider.ReadResponse();
  // An empty id says that the resource is gone.
  if (found === null) return response;
  const inputNames = secretNames(inputs ?? {});
  response.setId(found.id);
  response.setInputs(toStruct(markLike(found.inputs, inputs ?? {})));
  response.setProperties(
    toStruct(markSecrets(found.outputs, [...secretsOf(type, outputs ?? {}), ...inputNames])),
  );
  return response;
}

async function remove({ session, request, redactor, type }: Call<requests.DeleteRequest>) {
  const args = {
    id: request.getId(),
    inputs: properties(request.getOldInputs()),
    outputs: properties(request.getProperties()),
  };
  redactor.learn(args.inputs, args.outputs);
  await session.operations.run((signal) =>
    type.delete(context(session, request, redactor, signal, request.getTimeout()), args),
  );
  return new empty.Empty();
}

/** `a::b$pkg:module:Type::name` of a URN holds the token where the request does not. */
function typeOf(session: Session, types: Map<string, ResourceType>, request: Request): ResourceType {
  const token = request.getType() || (request.getUrn().split("::")[2]?.split("$").at(-1) ?? "");
  const type = types.get(token);
  if (type !== undefined) return type;
  const { name, version } = session.plugin;
  throw new ProtocolError(
    Code.NOT_FOUND,
    `The plugin ${name} ${version} has no resource type ${token}. It has: ${[...types.keys()].sort().join(", ")}.`,
  );
}

function context(
  session: Session,
  request: Request,
  redactor: Redactor,
  signal: AbortSignal,
  timeoutSeconds = 0,
): Context {
  const urn = request.getUrn();
  return {
    urn,
    signal,
    timeoutSeconds,
    status: (line) => session.engine.log("info", redactor.redact(line), urn, true),
    log: (severity, message) => session.engine.log(severity, redactor.redact(message), urn, false),
  };
}

/** The names of outputs that are secret: by their type, or because the value of that name that came in was. */
function secretsOf(type: ResourceType, given: Properties): string[] {
  return [...(type.secretOutputs ?? []), ...secretNames(given)];
}

/** Hides secrets in the outputs of a partial failure as in those of a success. */
async function hiding<T>(hide: (outputs: Properties) => Properties, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PartialFailure)) throw error;
    const { id, inputs, outputs, reasons } = error;
    throw new PartialFailure({
      id,
      inputs: markSecrets(inputs, secretNames(outputs)),
      outputs: hide(outputs),
      reasons,
    });
  }
}

function nonEmpty(values: Properties): Properties | null {
  return Object.keys(values).length === 0 ? null : values;
}

function autonaming(request: requests.CheckRequest): Autonaming | null {
  const options = request.getAutonaming();
  if (options === undefined) return null;
  const modes = ["propose", "enforce", "disable"] as const;
  return { mode: modes[options.getMode()] ?? "propose", name: options.getProposedName() };
}

function diffResponse(result: Diff) {
  const response = new provider.DiffResponse();
  const { DIFF_NONE, DIFF_SOME } = provider.DiffResponse.DiffChanges;
  response.setChanges(result.changes ? DIFF_SOME : DIFF_NONE);
  response.setReplacesList(result.replaces);
  response.setDeletebeforereplace(result.deleteBeforeReplace);
  response.setDiffsList(result.changed ?? [...new Set(Object.keys(result.detailed ?? {}).map(firstSegment))]);
  if (result.detailed === null) return response;
  response.setHasdetaileddiff(true);
  for (const [path, kind] of Object.entries(result.detailed)) {
    const change = new provider.PropertyDiff();
    change.setKind(kindNumber(kind));
    change.setInputdiff(result.inputDiff ?? true);
    response.getDetaileddiffMap().set(path, change);
  }
  return response;
}

function kindNumber(kind: DiffKind) {
  const kinds = provider.PropertyDiff.Kind;
  const numbers = {
    add: kinds.ADD,
    "add-replace": kinds.ADD_REPLACE,
    delete: kinds.DELETE,
    "delete-replace": kinds.DELETE_REPLACE,
    update: kinds.UPDATE,
    "update-replace": kinds.UPDATE_REPLACE,
  } satisfies Record<DiffKind, requests.PropertyDiff.Kind>;
  return numbers[kind];
}
