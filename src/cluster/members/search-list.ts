/** What /etc/resolv.conf says of names that are not whole. */
interface SearchList {
  readonly domains: readonly string[];
  /** A name with fewer dots is looked for in the domains first. */
  readonly dots: number;
}

/** Of resolv.conf(5): the last `search` or `domain` line counts, and of `options` the word `ndots:n`. */
export function searchListIn(text: string): SearchList {
  let domains: readonly string[] = [];
  let dots = 1;
  for (const line of text.split('\n')) {
    const [key, ...words] = line.trim().split(/\s+/);
    if (key === 'search' || key === 'domain') domains = words;
    if (key === 'options')
      dots = Number(/^ndots:(\d{1,2})$/.exec(words.find((word) => /^ndots:\d/.test(word)) ?? '')?.[1] ?? dots);
  }
  return { domains: domains.map((domain) => domain.replace(/\.$/, '')).filter(Boolean), dots };
}

/** The whole names that `name` may stand for, the likeliest first, as every other program on the machine takes it. */
export function wholeNames(name: string, { domains, dots }: SearchList): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const inDomains = domains.map((domain) => `${name}.${domain}`);
  const isWholeFirst = name.split('.').length - 1 >= dots;
  return isWholeFirst ? [name, ...inDomains] : [...inDomains, name];
}
