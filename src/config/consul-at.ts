import { type ConsulClient, consulClient } from '../consul/client.ts';
import { show } from '../units.ts';
import type { Variables } from './variables.ts';

/** What a block of the boot file says of where Consul is, beside the variables of Consul's own tools. */
interface ConsulPlace {
  readonly address?: string | undefined;
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly partition?: string | undefined;
}

/** How to reach Consul, or what is wrong with its address. */
export function clientAt(
  { address, datacenter, namespace, partition }: ConsulPlace,
  env: Variables,
): ConsulClient | string {
  try {
    const where = {
      ...(datacenter && { datacenter }),
      ...(namespace && { namespace }),
      ...(partition && { partition }),
    };
    return { ...consulClient(env, address || undefined), ...where };
  } catch (error) {
    const told = address || `CONSUL_HTTP_ADDR=${env.CONSUL_HTTP_ADDR ?? ''}`;
    return `${show(told.replace(/[^/]*@/, '…@'))}: ${(error as Error).message}`;
  }
}
