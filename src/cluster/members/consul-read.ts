import { indexOf, isFiltered } from '../../consul/answer.ts';
import type { ConsulClient } from '../../consul/client.ts';
import {
  ConsulConnection,
  type ConsulResponse,
  type ConsulSubject,
  notAList,
  TooLong,
} from '../../consul/connection.ts';
import type { Member } from '../../model/member.ts';

/** Who is registered and passes, as Consul said it in one answer. */
export interface MembersAnswer {
  /** X-Consul-Index. */
  readonly index: bigint;
  readonly members: readonly Member[];
  /** The token may not see all of them. */
  readonly isFiltered: boolean;
}

/** One blocking query: answers when something has changed since `index`, or about when `waitMs` is over; 0n: at once. */
export type ReadMembers = (index: bigint, waitMs: number, signal: AbortSignal) => Promise<MembersAnswer>;

/** Without a leader Consul tries for 7 s before it says so; to a wait it adds up to a sixteenth. */
const graceMs = 15_000;
/** Some thousand members. */
const maxBodyBytes = 16 * 2 ** 20;

/** Of /v1/health/service/:service (developer.hashicorp.com/consul/api-docs/health), what is read here. */
interface HealthEntry {
  readonly Node: { readonly Address: string };
  readonly Service: { readonly Address: string; readonly Port: number; readonly Meta?: Record<string, string> | null };
}

/** What the gateways' part in Consul takes. */
export const rights =
  '`write` on the service, `read` on nodes, `write` on sessions and on the keys below tailgate/members';

const entries: ConsulSubject = {
  isItem: (item: Partial<HealthEntry>) =>
    typeof item.Node?.Address === 'string' &&
    typeof item.Service?.Address === 'string' &&
    Number.isInteger(item.Service.Port),
  rights,
};

type Get = (options: Record<string, unknown>) => Promise<[ConsulResponse, HealthEntry[] | undefined]>;

/** Asks for the entries of `service` whose checks all pass. */
export function readMembers(client: ConsulClient, service: string): ReadMembers {
  const connection = new ConsulConnection(client, { graceMs, maxBodyBytes }, entries);
  return async (index, waitMs, signal) => {
    const timeout = graceMs + (index > 0n ? (waitMs * 17) / 16 : 0);
    const blocking = index > 0n ? { index: `${index}`, wait: `${waitMs}ms` } : {};
    const answer = await connection.request(timeout, signal, async ({ health }, options) => {
      const get = health.service.bind(health) as unknown as Get;
      const [response, found] = await get({ service, passing: true, ...blocking, ...options });
      if (!Array.isArray(found)) throw notAList(response);
      return { index: indexOf(response), isFiltered: isFiltered(response), members: found.map(memberOf) };
    });
    if (answer instanceof TooLong) throw new Error(`answered more than ${maxBodyBytes} bytes of members`);
    return answer;
  };
}

/** A service without an address of its own is at its node's. */
function memberOf({ Node, Service }: HealthEntry): Member {
  const host = Service.Address || Node.Address;
  const address = `${host.includes(':') ? `[${host}]` : host}:${Service.Port}`;
  return { name: Service.Meta?.name || address, address };
}
