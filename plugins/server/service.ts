import { status as Code, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { changedPaths } from "./diff.ts";
import { ProtocolError } from "./errors.ts";
import { lifecycle } from "./lifecycle.ts";
import { empty, plugin as pluginMessages, provider, type requests } from "./proto.ts";
import { checkResponse, properties, type Session, unary } from "./session.ts";

/** The protocol's methods for one plugin. Methods that are not here answer UNIMPLEMENTED. */
export function service(session: Session): UntypedServiceImplementation {
  return {
    ...lifecycle(session),
    handshake: unary(session, async (request: requests.ProviderHandshakeRequest) => {
      session.engine.connect(request.getEngineAddress());
      const response = new provider.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      response.setAcceptResources(true);
      response.setAcceptOutputs(true);
      response.setSupportsAutonamingConfiguration(true);
      return response;
    }),
    attach: unary(session, async (request: { getAddress(): string }) => {
      session.engine.connect(request.getAddress());
      return new empty.Empty();
    }),
    getPluginInfo: unary(session, async () => {
      const response = new pluginMessages.PluginInfo();
      response.setVersion(session.plugin.version);
      return response;
    }),
    getSchema: unary(session, async (request: requests.GetSchemaRequest) => {
      if (request.getVersion() !== 0) {
        throw new ProtocolError(
          Code.INVALID_ARGUMENT,
          `There is no schema of version ${request.getVersion()}.`,
        );
      }
      const response = new provider.GetSchemaResponse();
      response.setSchema("{}");
      return response;
    }),
    checkConfig: unary(session, (request: requests.CheckRequest) => checkConfig(session, request)),
    diffConfig: unary(session, async (request: requests.DiffRequest) => diffConfig(request)),
    configure: unary(session, (request: requests.ConfigureRequest) => configure(session, request)),
    invoke: unary(session, async (request: requests.InvokeRequest) => {
      const { name } = session.plugin;
      throw new ProtocolError(Code.UNIMPLEMENTED, `The plugin ${name} has no function ${request.getTok()}.`);
    }),
    cancel: unary(session, async () => {
      session.operations.cancel();
      return new empty.Empty();
    }),
  };
}

async function checkConfig(session: Session, request: requests.CheckRequest) {
  const config = properties(request.getNews());
  session.redactor.learn(config);
  const checked = await session.plugin.checkConfig?.(config);
  return checkResponse(checked?.config ?? config, checked?.failures ?? []);
}

/** A changed configuration never replaces the provider: all its resources would have to follow. */
function diffConfig(request: requests.DiffRequest) {
  const olds = properties(request.getOldInputs() ?? request.getOlds());
  const changed = changedPaths(olds, properties(request.getNews()));
  const response = new provider.DiffResponse();
  const { DIFF_NONE, DIFF_SOME } = provider.DiffResponse.DiffChanges;
  response.setChanges(changed.size === 0 ? DIFF_NONE : DIFF_SOME);
  return response;
}

async function configure(session: Session, request: requests.ConfigureRequest) {
  const config = properties(request.getArgs());
  session.redactor.learn(config);
  await session.plugin.configure?.(config);
  const response = new provider.ConfigureResponse();
  response.setAcceptsecrets(true);
  response.setSupportspreview(true);
  response.setAcceptresources(true);
  response.setAcceptoutputs(true);
  response.setSupportsAutonamingConfiguration(true);
  return response;
}
