const key = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const value = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;
const maxMembers = 32;

/**
 * The value of a tracestate's member, empty where it has none; null for a text that is no tracestate. As strict as Go's
 * trace.ParseTraceState, which the Collector asks. Source: W3C Trace Context, tracestate.
 */
export function tracestateMember(text: string, wanted: string): string | null {
  const members = new Map<string, string>();
  for (const member of text.split(',')) {
    if (member === '') continue;
    const equals = member.indexOf('=');
    const name = member.slice(0, equals).replace(/^[ \t]+/, '');
    const held = member.slice(equals + 1).replace(/[ \t]+$/, '');
    if (equals < 0 || !key.test(name) || !value.test(held) || members.has(name)) return null;
    members.set(name, held);
    if (members.size > maxMembers) return null;
  }
  return members.get(wanted) ?? '';
}
