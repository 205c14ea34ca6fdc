import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayProcess } from './gateway.ts';

type Told = Pick<GatewayProcess, 'events' | 'status'>;

/** Whether one of them has said since its start that it had too much to do, as where the machine is short of time. */
export const wereHeldUp = (...gateways: readonly Told[]): boolean =>
  gateways.some((gateway) => gateway.events('overload').length > 0);

/**
 * Tells a story of what is kept. A gateway that is held up keeps less and refuses, and says so (docs/overload.md): what
 * fails meanwhile is told again, four times at most.
 */
export async function unlessHeldUp<T>(gateway: Told, story: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const before = gateway.events('overload').length;
    const { overload } = (await gateway.status()) as unknown as { overload: { rung: number }[] };
    const wasHeldUp = overload.some(({ rung }) => rung > 0);
    try {
      return await story();
    } catch (error) {
      if (tries === 5 || !(wasHeldUp || gateway.events('overload').length > before)) throw error;
    }
    // It is at rest two seconds after what pressed on it.
    await sleep(2_500);
  }
}
