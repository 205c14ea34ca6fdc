import { Agent, buildConnector } from 'undici';
import type { TlsNames } from '../../tls-client/complaint.ts';
import { connectTls, tlsError } from '../../tls-client/connect.ts';
import { readTlsClient, type TlsClient, type TlsFiles } from '../../tls-client/files.ts';
import { CommandError, exit } from '../exit.ts';

const flags: TlsNames = {
  ca: '--ca-file',
  certificate: '--cert-file and --key-file',
  serverName: '--server-name',
};

/** Connections of one command, http: and https:. The files are read where something is asked by https:. */
export class Connections {
  readonly agent: Agent;
  readonly #files: TlsFiles;
  readonly #timeoutMs: number;
  readonly #names: TlsNames;
  #client: TlsClient | undefined;

  /** `names`: how the user names other files. */
  constructor(files: TlsFiles, timeoutMs: number, names = flags) {
    this.#files = files;
    this.#timeoutMs = timeoutMs;
    this.#names = names;
    const plain = buildConnector({ timeout: timeoutMs });
    this.agent = new Agent({
      connections: 8,
      allowH2: false,
      connect: (to, done) => {
        if (to.protocol !== 'https:') return plain(to, done);
        void this.#secure(to).then(
          (socket) => done(null, socket),
          (error) => done(error, null),
        );
      },
    });
  }

  /** An error of a request, in words that say what to do where it is of TLS. */
  explained(error: unknown): unknown {
    return this.#client ? tlsError(error, this.#client, this.#names) : error;
  }

  async #secure({ hostname, port }: buildConnector.Options) {
    const client = (this.#client ??= await this.#read());
    const host = hostname.replace(/\.$/, '');
    const over = { host, port: Number(port) || 443 };
    return connectTls(client, this.#names, {
      ...{ host, over, protocol: 'http/1.1' as const },
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
  }

  async #read(): Promise<TlsClient> {
    try {
      return await readTlsClient(this.#files);
    } catch (error) {
      throw new CommandError((error as Error).message, exit.usage);
    }
  }
}
