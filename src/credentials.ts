import type { Credentials } from './access/credential.ts';
import { newKey } from './access/digest.ts';
import type { AuthConfig } from './access/options.ts';
import { parsePasswordFile } from './access/password-file.ts';
import { parseTokenFile, type TokenFileRules } from './access/token-file.ts';
import { FileProblem, LiveFiles, type LiveFilesOptions } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import type { Log } from './telemetry/log.ts';
import type { SenderCredentials } from './threads/shards.ts';

/** How often they are looked at, beside SIGHUP: a token that is retired in the file is gone a minute later. */
const reloadIntervalMs = 60_000;

type Port = 'grpc' | 'http' | 'admin';
type Ports = Pick<BootConfig, 'receive' | 'admin' | 'tenants'>;
/** The file of tokens or passwords of one block of the boot file, and what it means. */
type Block = Pick<LiveFilesOptions<Credentials>, 'block' | 'paths' | 'parse'>;

/** Who may come in at which port, out of files that change while the gateway runs. */
interface LiveCredentials {
  /** As the files say now. */
  senders(): SenderCredentials;
  readonly admin: LiveFiles<Credentials> | undefined;
  onSenders(listener: (credentials: SenderCredentials) => void): void;
  reload(): void;
  stop(): void;
  readonly all: readonly LiveFiles<Credentials>[];
}

/** Reads the files of every `auth` block. Throws UsageError where one is no good. */
export async function openCredentials(config: Ports, log: Log): Promise<LiveCredentials> {
  const opened = new Map<Block, LiveFiles<Credentials>>();
  const blocks = credentialBlocks(config);
  try {
    for (const block of new Set(Object.values(blocks))) opened.set(block, await open(block, log));
  } catch (error) {
    for (const files of opened.values()) files.stop();
    throw error;
  }
  warnOfClear(config, blocks, log);
  const of = (port: Port): LiveFiles<Credentials> | undefined => blocks[port] && opened.get(blocks[port]);
  const [grpc, http] = [of('grpc'), of('http')];
  const senders = (): SenderCredentials => ({ ...(grpc && { grpc: grpc.value }), ...(http && { http: http.value }) });
  const all = [...opened.values()];
  return {
    senders,
    admin: of('admin'),
    onSenders: (listener) => {
      for (const files of new Set([grpc, http])) files?.onChange(() => listener(senders()));
    },
    all,
    reload: () => {
      for (const files of all) void files.reload();
    },
    stop: () => {
      for (const files of all) files.stop();
    },
  };
}

const open = ({ block, paths, parse }: Block, log: Log): Promise<LiveFiles<Credentials>> =>
  LiveFiles.open<Credentials>({
    block,
    paths,
    parse,
    reloadIntervalMs,
    tell: (level, message) => log[level]('files', { files: block }, message),
  });

/** Whoever is on the network reads what comes without TLS. */
function warnOfClear({ receive, admin }: Ports, blocks: Partial<Record<Port, Block>>, log: Log): void {
  const ports = { grpc: receive.grpc, http: receive.http, admin };
  for (const port of Object.keys(blocks) as Port[]) {
    const { endpoint, tls } = ports[port] ?? admin;
    if (tls === undefined && !/^(?:localhost|127\..*|::1)$/i.test(endpoint.host))
      log.warn(
        'credentials_in_clear',
        { port, host: endpoint.host },
        'tokens and passwords come in the clear: set tls, unless something in front of this port has it',
      );
  }
}

/** Of each port that has a file; protocols that share one have the same block. */
export function credentialBlocks({ receive, admin, tenants }: Ports): Partial<Record<Port, Block>> {
  const key = newKey();
  const names = tenants?.each.map(({ name }) => name);
  const blockOf = (block: string, auth: AuthConfig | undefined): Block | undefined => {
    const paths = auth === undefined ? {} : pathsOf(auth);
    const rules = { scopes: block === 'admin.auth', ...(names && { tenants: names }) };
    if (Object.keys(paths).length === 0) return undefined;
    return { block, paths, parse: (texts) => credentialsOf(texts, key, rules) };
  };
  const shared = blockOf('receive.auth', receive.auth);
  const [ofGrpc, ofHttp] = [receive.grpc?.auth, receive.http?.auth];
  const grpc = ofGrpc === undefined ? receive.grpc && shared : blockOf('receive.grpc.auth', ofGrpc);
  const http = ofHttp === undefined ? receive.http && shared : blockOf('receive.http.auth', ofHttp);
  const ofAdmin = blockOf('admin.auth', admin.auth);
  return { ...(grpc && { grpc }), ...(http && { http }), ...(ofAdmin && { admin: ofAdmin }) };
}

function pathsOf({ bearerTokenFile, basicHtpasswdFile }: AuthConfig): Record<string, string> {
  return {
    ...(bearerTokenFile !== undefined && { bearer_token_file: bearerTokenFile }),
    ...(basicHtpasswdFile !== undefined && { basic_htpasswd_file: basicHtpasswdFile }),
  };
}

function credentialsOf(texts: Readonly<Record<string, string>>, key: string, rules: TokenFileRules): Credentials {
  const [[file, text]] = Object.entries(texts);
  try {
    return file === 'bearer_token_file'
      ? { scheme: 'bearer', key, tokens: parseTokenFile(text, key, rules) }
      : { scheme: 'basic', key, users: parsePasswordFile(text) };
  } catch (error) {
    throw new FileProblem(file, (error as Error).message);
  }
}
