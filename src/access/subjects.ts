/** What a client's certificate says of whose it is: see receive/peer.ts. */
interface Subject {
  readonly commonName: string;
  readonly names: readonly string[];
}

/** Of alternative names, those that name a service; an address or a mailbox does not. */
const named = /^(?:DNS|URI):/;

/**
 * Whether a client's certificate has one of these names: as its common name, a DNS name or a URI. Those of hosts are in
 * any case; `*.` in front stands for one label, whatever it is.
 */
export function subjectMatcher(patterns: readonly string[]): (subject: Subject | undefined) => boolean {
  const exact = new Set(patterns.filter((it) => !it.startsWith('*.')).map(comparable));
  const domains = new Set(patterns.filter((it) => it.startsWith('*.')).map((it) => comparable(it.slice(2))));
  const matches = (name: string): boolean => {
    const it = comparable(name);
    if (exact.has(it)) return true;
    const [label, domain] = [it.slice(0, it.indexOf('.')), it.slice(it.indexOf('.') + 1)];
    return it.includes('.') && label !== '' && !it.includes('/') && domains.has(domain);
  };
  return (subject) => {
    if (subject === undefined) return false;
    const { commonName, names } = subject;
    return (
      (commonName !== '' && matches(commonName)) ||
      names.some((name) => named.test(name) && matches(name.replace(named, '')))
    );
  };
}

/** The path of a URI has its case. */
const comparable = (name: string): string => (name.includes('/') ? name : name.toLowerCase());
