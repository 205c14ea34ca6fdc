import type { Credentials } from './access/credential.ts';
import { newKey } from './access/digest.ts';
import type { AuthConfig } from './access/options.ts';
import { parsePasswordFile } from './access/password-file.ts';
import { parseTokenFile, type TokenFileRules } from './access/token-file.ts';
import { FileProblem, LiveFiles } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import type { Log } from './telemetry/log.ts';
import type { SenderCredentials } from './threads/shards.ts';

/** The tokens and passwords of one block of the boot file. */
type Files = LiveFiles<Credentials>;

/** How often they are looked at, beside SIGHUP: a token that is retired in the file is gone a minute later. */
const reloadIntervalMs = 60_000;

/** Who may come in at which port, out of files that change while the gateway runs. */
interface LiveCredentials {
  /** As the files say now. */
  senders(): SenderCredentials;
  readonly admin: Files | undefined;
  onSenders(listener: (credentials: SenderCredentials) => void): void;
  reload(): void;
  stop(): void;
  readonly all: readonly Files[];
}

/** Reads the files of every `auth` block. Throws UsageError where one is no good. */
export async function openCredentials({ receive, admin, tenants }: BootConfig, log: Log): Promise<LiveCredentials> {
  const key = newKey();
  const names = tenants?.each.map(({ name }) => name);
  const opened: Files[] = [];
  const open = async (auth: AuthConfig | undefined, block: string): Promise<Files | undefined> => {
    const paths = auth === undefined ? {} : pathsOf(auth);
    if (Object.keys(paths).length === 0) return undefined;
    const parse = (texts: Readonly<Record<string, string>>) =>
      credentialsOf(texts, key, { scopes: block === 'admin', ...(names && { tenants: names }) });
    const files = await LiveFiles.open<Credentials>({
      block: `${block}.auth`,
      paths,
      reloadIntervalMs,
      parse,
      tell: (level, message) => log[level]('files', { files: `${block}.auth` }, message),
    });
    opened.push(files);
    return files;
  };
  try {
    const [ofGrpc, ofHttp] = [receive.grpc?.auth, receive.http?.auth];
    const shared =
      (receive.grpc && !ofGrpc) || (receive.http && !ofHttp) ? await open(receive.auth, 'receive') : undefined;
    const grpc = ofGrpc === undefined ? shared : await open(ofGrpc, 'receive.grpc');
    const http = ofHttp === undefined ? shared : await open(ofHttp, 'receive.http');
    const senders = (): SenderCredentials => ({ ...(grpc && { grpc: grpc.value }), ...(http && { http: http.value }) });
    return {
      senders,
      admin: await open(admin.auth, 'admin'),
      onSenders: (listener) => {
        for (const files of new Set([grpc, http])) files?.onChange(() => listener(senders()));
      },
      all: opened,
      reload: () => {
        for (const files of opened) void files.reload();
      },
      stop: () => {
        for (const files of opened) files.stop();
      },
    };
  } catch (error) {
    for (const files of opened) files.stop();
    throw error;
  }
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
