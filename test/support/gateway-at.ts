import { onTestFinished } from 'vitest';
import type { Home } from './boot-file.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway.ts';
import { type Sender, senderTo } from './otlp-send.ts';

/** A gateway on a home, which is its own from now on, and who sends to it; all are gone when the test is. */
export async function gatewayAt(home: Home): Promise<{ gateway: GatewayProcess; sender: Sender }> {
  const gateway = await startGatewayProcess({ args: home.args });
  const sender = senderTo(gateway);
  onTestFinished(async () => {
    sender.close();
    await gateway.kill();
    home[Symbol.dispose]();
  });
  return { gateway, sender };
}
