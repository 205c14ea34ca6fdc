import { createHash } from 'node:crypto';
import { markup } from './page/markup.ts';
import { script } from './page/script.ts';
import { style } from './page/style.ts';

/** The page at /: one answer that needs nothing else and works without a network. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tailgate</title>
<link rel="icon" href="data:,">
<style>${style}</style>
${markup}
<script>${script}</script>
</html>
`;

/** Only these very script and style may run: what a span says can never become code. */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

function hashOf(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`;
}
