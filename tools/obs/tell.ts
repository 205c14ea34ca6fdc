import { at, type Stack, standardPorts } from './stack.ts';

/** A trace of the last five minutes that Tempo has, as those who type `--last 5m` find one; undefined while there is none. */
export async function firstTrace(stack: Stack): Promise<string | undefined> {
  const now = Math.ceil(Date.now() / 1000);
  const times = `start=${now - 300}&end=${now}`; // data of an earlier stack is older
  const answer = await fetch(`http://${at(stack, 'tempo.http')}/api/search?limit=1&${times}`, {
    signal: AbortSignal.timeout(2000),
  });
  const { traces = [] } = (await answer.json()) as { traces?: readonly { traceID: string }[] };
  return traces[0]?.traceID.padStart(32, '0');
}

/** What a newcomer does next: each line a command that finds something now. */
export function commandsToTry(stack: Stack, trace: string): string[] {
  const { ports } = stack;
  const tempo = `--tempo http://${at(stack, 'tempo.http')}`;
  const usual = ports['gateway.admin'] === standardPorts['gateway.admin'];
  const gateway = usual ? '' : `--gateway http://${at(stack, 'gateway.admin')} `;
  return [
    `bin/obsctl ${tempo} trace find --last 5m`,
    `bin/obsctl ${tempo} trace show ${trace}`,
    `CONSUL_HTTP_ADDR=http://${at(stack, 'consul.http')} bin/obsctl ${gateway}sampling set policies @deploy/local/drop-logins.yaml --yes --wait`,
  ];
}
