import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { must, onCodes } from "../parts/collection.ts";
import { exactlyOne, invalidIp } from "../parts/fields.ts";
import { parsePairId, subnetOf } from "../parts/ids.ts";
import { type ApiLoadBalancer, loadBalancers } from "../parts/loadBalancer.ts";
import { leaveWrongSubnet } from "../parts/subnetPlan.ts";
import { bool, type HcloudType, int, string, type Values } from "../schema.ts";

const ATTACH_AGAIN = onCodes("conflict", "locked", "service_error", "no_subnet_available");
const DETACH_AGAIN = onCodes("conflict", "locked", "service_error");
const ID = "<load balancer>-<network>";
/** How often the official provider looks whether a load balancer has left its network: 10 times, 2 s apart. */
const LEAVE_ATTEMPTS = 10;

async function attach(op: Operation, id: unknown, network: number, range: string | undefined): Promise<void> {
  const body = { network, ip: op.values.ip ?? undefined, ip_range: range };
  const path = `/load_balancers/${id}/actions/attach_to_network`;
  try {
    const { action } = await op.api.retry(() => op.api.post<{ action: Action }>(path, body), ATTACH_AGAIN);
    await op.api.wait(action);
  } catch (error) {
    if (!onCodes("load_balancer_already_attached")(error)) throw error;
    // It can be in one network only: being in this one already is what was wanted.
    const existing = await loadBalancers.get(op, Number(id));
    if (existing === null || attachmentOf(existing, network) === undefined) throw error;
  }
}

async function setPublicInterface(op: Operation, loadBalancer: ApiLoadBalancer): Promise<boolean> {
  const wanted = op.values.enablePublicInterface === true;
  if (loadBalancer.public_net.enabled !== wanted) {
    const action = wanted ? "enable_public_interface" : "disable_public_interface";
    await op.api.act(`/load_balancers/${loadBalancer.id}/actions/${action}`);
  }
  return wanted;
}

function attachmentOf(loadBalancer: ApiLoadBalancer, network: number) {
  return loadBalancer.private_net.find((candidate) => candidate.network === network);
}

function values(loadBalancer: ApiLoadBalancer, networkId: number, publicInterface: boolean): Values | null {
  const attachment = attachmentOf(loadBalancer, networkId);
  if (attachment === undefined) return null;
  const { ip } = attachment;
  return { loadBalancerId: loadBalancer.id, networkId, ip, enablePublicInterface: publicInterface };
}

export default {
  token: "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork",
  flavour: "framework",
  fields: {
    loadBalancerId: int({ required: true, replaces: true }),
    networkId: int({ computed: true, replaces: true }),
    subnetId: string({ replaces: true }),
    ip: string({ computed: true, replaces: true, invalid: invalidIp }),
    enablePublicInterface: bool({ computed: true, default: true }),
  },
  faults: (inputs) => exactlyOne(inputs, "networkId", "subnetId"),
  adjust: leaveWrongSubnet,
  async create(op) {
    const { loadBalancerId, networkId, subnetId } = op.values;
    const subnet = subnetId === null ? null : subnetOf(String(subnetId));
    const network = subnet?.network ?? Number(networkId);
    await attach(op, loadBalancerId, network, subnet?.range);
    op.made(`${loadBalancerId}-${network}`);
    const found = must(
      await loadBalancers.get(op, Number(loadBalancerId)),
      `Load balancer ${loadBalancerId}`,
    );
    const publicInterface = await setPublicInterface(op, found);
    return must(values(found, network, publicInterface), `The attachment to network ${network}`);
  },
  async read(op) {
    const [id, network] = parsePairId(op.id, ID);
    const found = await loadBalancers.get(op, id);
    const read = found === null ? null : values(found, network, found.public_net.enabled);
    return read === null ? null : { values: read };
  },
  async update(op) {
    const [id, network] = parsePairId(op.id, ID);
    const found = must(await loadBalancers.get(op, id), `Load balancer ${id}`);
    const change = op.changes("enablePublicInterface");
    const publicInterface = change ? await setPublicInterface(op, found) : found.public_net.enabled;
    return must(values(found, network, publicInterface), `The attachment to network ${network}`);
  },
  async delete(op) {
    const [id, network] = parsePairId(op.id, ID);
    const path = `/load_balancers/${id}/actions/detach_from_network`;
    try {
      const { action } = await op.api.retry(
        () => op.api.post<{ action: Action }>(path, { network }),
        DETACH_AGAIN,
      );
      await op.api.wait(action);
    } catch (error) {
      if (!onCodes("not_found")(error)) throw error;
    }
    await left(op, id, network);
  },
} satisfies HcloudType;

/** The API shows an attachment for a moment after its action is done. */
async function left(op: Operation, id: number, network: number): Promise<void> {
  const stillThere = new Error(`Load balancer ${id} has not left network ${network} yet.`);
  const look = async () => {
    const found = await loadBalancers.get(op, id);
    if (found !== null && attachmentOf(found, network) !== undefined) throw stillThere;
  };
  await op.api.retry(look, (error) => error === stillThere, LEAVE_ATTEMPTS);
}
