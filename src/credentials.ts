import type { Credentials } from './access/credential.ts';
import { newKey } from './access/digest.ts';
import type { AuthConfig } from './access/options.ts';
import { parsePasswordFile } from './access/password-file.ts';
import { parseTokenFile, type TokenFileRules } from './access/token-file.ts';
import { FileProblem, type LiveFiles } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import { type FilesBlock, type OfPorts, openPortFiles } from './open-files.ts';
import type { Log } from './telemetry/log.ts';

/** How often they are looked at, beside SIGHUP: a token that is retired in the file is gone a minute later. */
const reloadIntervalMs = 60_000;

/** All of a file is read in one go, in which nothing else happens: this takes 0.2 s. */
const maxFileBytes = 1024 * 1024;

type Ports = Pick<BootConfig, 'receive' | 'cluster' | 'admin' | 'tenants'>;
type ListeningPorts = Ports & Pick<BootConfig, 'mode'>;
type Blocks = OfPorts<FilesBlock<Credentials>>;

/** Reads the files of every `auth` block: who may come in at which port. Throws UsageError where one is no good. */
export async function openCredentials(config: ListeningPorts, log: Log): Promise<OfPorts<LiveFiles<Credentials>>> {
  const blocks = credentialBlocks(config);
  const opened = await openPortFiles(blocks, log);
  warnOfClear(config, blocks, log);
  return opened;
}

/** Whoever is on the network reads what comes without TLS. To an agent no gateway comes: of its token they warn. */
function warnOfClear({ mode, receive, cluster, admin }: ListeningPorts, blocks: Blocks, log: Log): void {
  const members = cluster && { endpoint: cluster.listen, tls: cluster.tls };
  const ports = { grpc: receive.grpc, http: receive.http, cluster: members, admin };
  for (const port of Object.keys(blocks) as (keyof Blocks)[]) {
    if (port === 'cluster' && mode === 'agent') continue;
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
export function credentialBlocks({ receive, cluster, admin, tenants }: Ports): Blocks {
  const key = newKey();
  const names = tenants?.each.map(({ name }) => name);
  const blockOf = (block: string, auth: AuthConfig | undefined): FilesBlock<Credentials> | undefined => {
    const paths = auth === undefined ? {} : pathsOf(auth);
    const rules = { scopes: block === 'admin.auth', ...(names && { tenants: names }) };
    if (Object.keys(paths).length === 0) return undefined;
    return { block, paths, reloadIntervalMs, parse: (texts) => credentialsOf(texts, key, rules) };
  };
  const shared = blockOf('receive.auth', receive.auth);
  const [ofGrpc, ofHttp] = [receive.grpc?.auth, receive.http?.auth];
  const grpc = ofGrpc === undefined ? receive.grpc && shared : blockOf('receive.grpc.auth', ofGrpc);
  const http = ofHttp === undefined ? receive.http && shared : blockOf('receive.http.auth', ofHttp);
  const ofCluster = blockOf('cluster.auth', cluster?.auth);
  const ofAdmin = blockOf('admin.auth', admin.auth);
  return {
    ...(grpc && { grpc }),
    ...(http && { http }),
    ...(ofCluster && { cluster: ofCluster }),
    ...(ofAdmin && { admin: ofAdmin }),
  };
}

function pathsOf({ bearerTokenFile, basicHtpasswdFile }: AuthConfig): Record<string, string> {
  return {
    ...(bearerTokenFile !== undefined && { bearer_token_file: bearerTokenFile }),
    ...(basicHtpasswdFile !== undefined && { basic_htpasswd_file: basicHtpasswdFile }),
  };
}

function credentialsOf(texts: Readonly<Record<string, string>>, key: string, rules: TokenFileRules): Credentials {
  const [[file, text]] = Object.entries(texts);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxFileBytes)
    throw new FileProblem(file, `${bytes} bytes: expected at most ${maxFileBytes}, which is many thousand lines`);
  try {
    return file === 'bearer_token_file'
      ? { scheme: 'bearer', key, tokens: parseTokenFile(text, key, rules) }
      : { scheme: 'basic', key, users: parsePasswordFile(text) };
  } catch (error) {
    throw new FileProblem(file, (error as Error).message);
  }
}

/** The first token in the file that members show each other; undefined where there is none. */
export function memberToken({ cluster }: Pick<BootConfig, 'cluster'>): FilesBlock<string> | undefined {
  const file = cluster?.auth?.bearerTokenFile;
  if (file === undefined) return undefined;
  const parse = ({ bearer_token_file: text }: Readonly<Record<string, string>>): string =>
    /^[ \t]*[\w.-]+:[ \t]+(\S+)/m.exec(text)?.[1] ?? '';
  return { block: 'cluster.auth', paths: { bearer_token_file: file }, reloadIntervalMs, parse };
}
