import type { RedactRule } from './rule.ts';

const words = (text: string): string[] => text.trim().split(/\s+/);

/** The rules that have names in the boot file. Each pattern is linear: what senders write must not cost more than its length. */
export const builtInRules = {
  not_secret: {
    name: 'not_secret',
    keep: words('*secret.name *secret.arn *secret.uid *secret.version *.count *.length'),
  },
  credential_headers: {
    name: 'credential_headers',
    keys: words(`authorization *.authorization *proxy-authorization
      cookie *.cookie cookies *.cookies *set-cookie`),
  },
  secret_keys: { name: 'secret_keys', secrets: 'keys' },
  query_parameters: { name: 'query_parameters', secrets: 'texts' },
  statements: {
    name: 'statements',
    // What databases are told to let somebody in: SQL's `IDENTIFIED BY secret`, Redis' `AUTH user secret`.
    pattern:
      '(?i)(?<=\\bidentified (?:with \\S{1,64} )?(?:by|as) (?:password )?)(?:\'[^\']*\'|"[^"]*"|[^\\s\'"]+)' +
      '|(?-i:(?<=^(?:HELLO [23] )?AUTH (?:\\S{1,256} )?)\\S+$)',
    contains: ['identified ', 'AUTH '],
  },
  url_userinfo: { name: 'url_userinfo', userinfo: true },
  authorization_values: {
    name: 'authorization_values',
    // A bearer token has a digit or is long. Basic credentials are base64 with an encoded colon at one of three offsets;
    // so "Basic authentication failed" stays readable.
    pattern:
      '(?i)(?<=\\bbearer {1,4})(?:[\\w.~+/-]*\\d[\\w.~+/-]*|[\\w.~+/-]{16,})=*' +
      '|(?<=\\bbasic {1,4})(?-i:(?:[\\w+/]{4})*(?:O[g-v]|[\\w+/][DTjz][o-r]|[\\w+/]{2}[AEIMQUYcgkosw048]6))[\\w+/]*=*',
    contains: ['bearer ', 'basic '],
  },
  json_web_tokens: {
    name: 'json_web_tokens',
    pattern: '(?<![\\w-])eyJ[\\w-]{8,}(?:\\.[\\w-]*){2,4}',
    contains: ['eyJ'],
  },
  service_keys: {
    name: 'service_keys',
    pattern:
      '(?<![\\w-])(?:(?:AKIA|ASIA)[A-Z2-7]{16}|AIza[\\w-]{35}|ya29\\.[\\w-]{20,}|gh[pousr]_\\w{36,}|github_pat_\\w{30,}' +
      '|gl(?:pat|dt|rt|oas|ptt|ft|imt|agent)-[\\w-]{20,}|npm_\\w{36,}|pypi-AgEI[\\w-]{16,}|hf_\\w{30,}' +
      '|sk-(?:proj|ant|svcacct|or)-[\\w-]{16,}|sk-\\w{16,}T3BlbkFJ\\w{16,}|SG\\.[\\w-]{16,}\\.[\\w-]{16,}' +
      '|xox[abeprs]-[\\w-]{10,}|xapp-[\\w-]{10,}|[rs]k_(?:live|test)_\\w{16,}|whsec_[\\w+/]{16,}|shpat_[0-9a-f]{32}' +
      '|hvs\\.[\\w-]{20,}|dop_v1_[0-9a-f]{32,})(?![\\w-])' +
      '|(?<=hooks\\.slack\\.com/(?:services|workflows|triggers)/)[\\w/-]+|(?<=/api/webhooks/\\d{1,20}/)[\\w-]{32,}' +
      '|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)',
    contains:
      words(`AKIA ASIA AIza ya29. ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- gloas- glptt- glft- glimt- glagent- npm_
      pypi-AgEI hf_ sk-proj- sk-ant- sk-svcacct- sk-or- T3BlbkFJ SG. xox xapp- k_live_ k_test_ whsec_ shpat_ hvs. dop_v1_
      hooks.slack.com /api/webhooks/ -----BEGIN`),
  },
  card_numbers: { name: 'card_numbers', pattern: '(?<![\\w.-])\\d(?:[ -]?\\d){12,18}(?![\\w-])', luhn: true },
} satisfies Record<string, RedactRule>;

export type BuiltInName = keyof typeof builtInRules;

/** Card numbers are not among them: identifiers of as many digits are more common, and one in ten passes the check. */
export const defaultRules: readonly RedactRule[] = Object.values(builtInRules).filter(
  (rule) => rule.name !== 'card_numbers',
);
