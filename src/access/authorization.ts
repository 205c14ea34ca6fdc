/** What an Authorization header brings. */
interface BasicPair {
  readonly user: string;
  readonly password: string;
}

/** The token of `Bearer TOKEN` (RFC 6750, 2.1). The scheme is in any case. */
export function bearerToken(authorization: string): string | undefined {
  return /^bearer +([\x21-\x7e]+)$/i.exec(authorization)?.[1];
}

/** User and password of `Basic …` (RFC 7617), in UTF-8. */
export function basicPair(authorization: string): BasicPair | undefined {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2})$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
