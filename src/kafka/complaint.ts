/** Of what is shown: so many reasons, each so long. */
const maxReasons = 3;
const maxLength = 300;

/** What the library adds to errors of its own. */
interface LibraryError extends Error {
  readonly errors?: readonly LibraryError[];
  readonly code?: string;
  /** Kafka's name of what a broker answered, and the broker's own words. */
  readonly apiId?: string;
  readonly serverErrorMessage?: string | null;
}

/** By Node's and Kafka's names: what is wrong in words, and what to do. */
const known: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'the name server does not answer',
  SASL_AUTHENTICATION_FAILED: 'it does not know this user with this password (sasl)',
  UNSUPPORTED_SASL_MECHANISM: 'it does not offer this mechanism (sasl.mechanism)',
  TOPIC_AUTHORIZATION_FAILED: 'this user may not use the topic',
  GROUP_AUTHORIZATION_FAILED: 'this user may not use the group (kafka.group)',
};

/**
 * Why something of Kafka failed, in words for an operator. The library counts its tries, `metadata failed 4 times.`,
 * and keeps in `errors` and `cause` what went wrong in each: of tries the last one is told, of brokers each.
 */
export function complaintOf(error: Error): string {
  const reasons = [...new Set(reasonsOf(error))].slice(0, maxReasons);
  return reasons.map((reason) => reason.slice(0, maxLength)).join('; ') || error.message;
}

function reasonsOf(error: LibraryError): string[] {
  const { errors = [], message, cause } = error;
  if (/ failed \d+ times\.$/.test(message) && errors.length > 0) return reasonsOf(errors.at(-1)!);
  if (errors.length > 0) return errors.flatMap(reasonsOf);
  const [, broker] = /^Connection to (\S+) failed\.$/.exec(message) ?? [];
  if (broker !== undefined && cause) return reasonsOf(cause as LibraryError).map((reason) => `${broker}: ${reason}`);
  if (message.startsWith('TLS handshake failed') && cause)
    return reasonsOf(cause as LibraryError).map((reason) => `no TLS with it (${reason}): does it want TLS here (tls)?`);
  if (message.startsWith('SASL') && cause) return reasonsOf(cause as LibraryError);
  return [inWords(error)];
}

function inWords({ message, cause, code, apiId, serverErrorMessage }: LibraryError): string {
  if (cause) return reasonsOf(cause as LibraryError).join('; ');
  const [, topic] = /^Unknown topic (\S+)\.$/.exec(message) ?? [];
  if (topic !== undefined) return `there is no topic ${topic}: make it, as gateways make none`;
  if (message === 'Connection closed')
    return 'the broker ends the connection: does it want TLS or a password (tls, sasl)?';
  const words = known[apiId ?? code ?? ''];
  const said = serverErrorMessage || message;
  return words === undefined ? said : `${words}: ${said}`;
}
