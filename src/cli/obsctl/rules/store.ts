import { ConsulKv, type KvFolder, type KvStep } from '../../../config/consul-kv.ts';
import { historyFolder, type PastRevision, readHistory } from '../../../config/rules-history.ts';
import { isFolder } from '../../../config/rules-keys.ts';
import { consulClient } from '../../../consul/client.ts';
import { ConsulRefusal } from '../../../consul/connection.ts';
import { CommandError, exit } from '../../exit.ts';
import { printable } from '../cells.ts';
import type { Settings } from '../settings.ts';
import type { ScopeFlags } from './flags.ts';
import { type Keys, type Place, parseFile } from './validate.ts';

/** What is in Consul now. */
export interface Standing {
  /** Of the newest change; 0 where there was never a key. */
  readonly index: number;
  readonly keys: Keys;
  /** When each key was last written. */
  readonly indexes: ReadonlyMap<string, number>;
}

/** The history of a folder holds it whole so many times. */
const maxBodyBytes = 256 * 2 ** 20;

/** The rules of one environment in Consul, with their history. Whatever goes wrong is a CommandError. */
export class RulesStore implements Place {
  readonly environment: string;
  readonly folder: string;
  readonly history: string;
  readonly base: Place['base'];
  readonly #address: string;
  readonly #kv: ConsulKv;
  readonly #signal: AbortSignal;

  constructor(flags: ScopeFlags, { io, timeoutMs }: Settings) {
    this.environment = flags.environment || io.env.DEPLOYMENT_ENVIRONMENT || 'home';
    if (!/^[A-Za-z0-9_.-]{1,64}$/.test(this.environment))
      throw usage(`--environment ${this.environment}: expected a name such as home, staging or production`);
    const prefix = flags.prefix.replace(/^\/+|\/+$/g, '');
    if (!/^\S+$/.test(prefix)) throw usage('--prefix: expected a key prefix such as tailgate/sampling');
    this.folder = `${prefix}/${this.environment}`;
    this.history = historyFolder(prefix, this.environment);
    this.base = baseOf(flags.rulesFile);
    const client = clientOf(flags, io.env);
    this.#address = client.socketPath ?? client.url;
    this.#kv = new ConsulKv(client, { timeoutMs, maxBodyBytes });
    this.#signal = io.signal ?? new AbortController().signal;
  }

  /** The keys that are there. */
  async standing(): Promise<Standing> {
    const { index, values } = await this.#read(this.folder);
    const rules = values.filter(({ key }) => !isFolder(key));
    return {
      index,
      keys: Object.fromEntries(rules.map(({ key, value }) => [key, value])),
      indexes: new Map(rules.map(({ key, modifyIndex }) => [key, modifyIndex])),
    };
  }

  /** The revisions that were written, the newest first. */
  async revisions(warn: (text: string) => void): Promise<readonly PastRevision[]> {
    const { revisions, strange } = readHistory((await this.#read(this.history)).values);
    if (strange.length > 0) warn(`passed over in ${this.history}: ${printable(strange.slice(0, 5).join(', '))}`);
    return revisions;
  }

  /** All steps or, where somebody else wrote in between, none; the index of the change. */
  async write(steps: readonly KvStep[]): Promise<number> {
    const answer = await this.#told(() => this.#kv.transact(steps, this.#signal), 'write');
    if ('index' in answer) return answer.index;
    const [first] = answer.failed;
    if (first && /permission denied/i.test(first.why)) throw this.#notAllowed('write', first.why);
    const keys = [...new Set(answer.failed.map(({ step }) => steps[step]?.Key ?? ''))].filter(Boolean);
    throw new CommandError(
      `somebody else wrote in between (${printable(keys.join(', '))}): nothing was written. See what by \`obsctl sampling history\` and \`diff\`, then do it again`,
    );
  }

  close(): void {
    this.#kv.close();
  }

  async #read(folder: string): Promise<KvFolder> {
    const answer = await this.#told(() => this.#kv.readFolder(folder, this.#signal), 'read');
    if (answer.filtered) throw this.#notAllowed('read', 'the token may not see every key');
    return answer;
  }

  async #told<T>(ask: () => Promise<T>, right: 'read' | 'write'): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (this.#signal.aborted) throw new CommandError('interrupted');
      if (error instanceof ConsulRefusal && [401, 403].includes(error.status ?? 0))
        throw this.#notAllowed(right, error.said);
      throw new CommandError(`Consul at ${this.#address}: ${reasonOf(error as NodeJS.ErrnoException)}`);
    }
  }

  #notAllowed(right: 'read' | 'write', said: string): CommandError {
    return new CommandError(
      `Consul at ${this.#address} does not allow this (${printable(said.trim().slice(0, 200))}): the token of CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE needs \`${right}\` on the key prefixes ${this.folder}/ and ${this.history}/`,
      exit.notAllowed,
    );
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  const refused = 'connection refused: is it running? Set CONSUL_HTTP_ADDR';
  if (code === 'ECONNREFUSED' || /ECONNREFUSED/.test(message)) return refused;
  if (/larger than|too large|max size/i.test(message))
    return `${message}: the rules and their entry in the history are written together and have at most 512 KiB in base64`;
  return message;
}

function baseOf(file: string | undefined): Place['base'] {
  if (file === undefined) return undefined;
  const parsed = parseFile(file);
  if ('errors' in parsed) throw usage(parsed.errors.join('\n'));
  return parsed.layer;
}

function clientOf({ datacenter, namespace, partition }: ScopeFlags, env: Settings['io']['env']) {
  try {
    const client = consulClient(env);
    return {
      ...client,
      ...(datacenter && { datacenter }),
      ...(namespace && { namespace }),
      ...(partition && { partition }),
    };
  } catch (error) {
    throw usage((error as Error).message);
  }
}

const usage = (message: string): CommandError => new CommandError(message, exit.usage);
