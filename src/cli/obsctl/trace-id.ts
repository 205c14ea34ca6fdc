import { CommandError, exit } from '../exit.ts';

/**
 * The trace id in what people paste: 32 or 16 hex digits (or fewer: Tempo strips leading zeros), a UUID, a W3C
 * traceparent, or the address of a trace in Grafana. Returns 32 lower-case hex digits; else a usage error.
 */
export function parseTraceId(text: string): string {
  const found = fromId(text.trim()) ?? fromTraceparent(text) ?? fromUrl(text);
  if (found === undefined || /^0+$/.test(found))
    throw new CommandError(
      `${JSON.stringify(text)} holds no trace id: expected 32 hex digits, a traceparent or the address of a trace`,
      exit.usage,
    );
  return found.toLowerCase().padStart(32, '0');
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function fromId(text: string): string | undefined {
  if (uuid.test(text)) return text.replaceAll('-', '');
  return /^[0-9a-f]{8,32}$/i.test(text) ? text : undefined;
}

/**
 * Version, trace id, parent id, flags (W3C Trace Context, "traceparent Header"); the header's name may stand before.
 */
function fromTraceparent(text: string): string | undefined {
  return /(?:^|[\s:])[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/i.exec(text)?.[1];
}

/** Explore keeps the id in a query of its panes, the trace view in its path; other tools in a parameter. */
function fromUrl(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) return undefined;
  const url = decoded(text);
  const named =
    /"query":\s*"([0-9a-f]{16,32})"/i.exec(url) ??
    /traces?(?:[-_]?id)?[/="':\s]+([0-9a-f]{16,32})(?![0-9a-z])/i.exec(url);
  return named?.[1] ?? /(?<![0-9a-z])[0-9a-f]{32}(?![0-9a-z])/i.exec(url)?.[0];
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}
