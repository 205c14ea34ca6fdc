import type { Credentials } from './credential.ts';

/** The value of WWW-Authenticate: RFC 6750, 3, and RFC 7617, 2. `isWrong`: there were credentials, but none that count. */
export function challengeOf(scheme: Credentials['scheme'], isWrong: boolean): string {
  if (scheme === 'basic') return 'Basic realm="tailgate", charset="UTF-8"';
  return `Bearer realm="tailgate"${isWrong ? ', error="invalid_token"' : ''}`;
}
