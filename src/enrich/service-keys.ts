/** What the credentials of services look like by themselves: how they begin, and what follows. */
interface Shape {
  /** Regular expression of the beginning. */
  readonly begins: string;
  /** … and of the rest. */
  readonly rest: string;
  /** Texts one of which it has; none: `begins` itself. */
  readonly anchors?: readonly string[];
}

const shape = (begins: string, rest: string, ...anchors: string[]): Shape => ({ begins, rest, anchors });
const word = '[\\w-]';

const shapes: readonly Shape[] = [
  shape('(?:AKIA|ASIA|ABIA|ACCA)', '[A-Z2-7]{16}', 'AKIA', 'ASIA', 'ABIA', 'ACCA'),
  shape('AIza', `${word}{35}`),
  shape('ya29\\.', `${word}{20,}`, 'ya29.'),
  shape('GOCSPX-', `${word}{20,}`),
  shape('gh[pousr]_', '\\w{30,}', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'),
  shape('github_pat_', '\\w{30,}'),
  shape(
    'gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent|oas)-',
    '[\\w.-]{16,}',
    ...['pat', 'dt', 'rt', 'ptt', 'cbt', 'soat', 'ft', 'imt', 'agent', 'oas'].map((kind) => `gl${kind}-`),
  ),
  shape('npm_', '[A-Za-z0-9]{30,}'),
  shape('pypi-', `${word}{30,}`),
  shape('xox[abceoprs]-', `${word}{10,}`, 'xox'),
  shape('xapp-', `${word}{10,}`),
  shape('[rsp]k_(?:live|test)_', '\\w{16,}', 'k_live_', 'k_test_'),
  shape('whsec_', '[\\w+/=]{20,}'),
  shape('sk-(?=[\\w-]{0,200}\\d)', '[\\w-]{20,}', 'sk-'),
  shape('SG\\.', `${word}{16,}\\.${word}{16,}`, 'SG.'),
  shape('SK', '[0-9a-f]{32}', ...[...'0123456789abcdef'].map((digit) => `SK${digit}`)),
  shape('hf_', '[A-Za-z0-9]{30,}'),
  shape('do[opr]_v1_', '[0-9a-f]{40,}', 'p_v1_', 'o_v1_', 'r_v1_'),
  shape('shp(?:at|ca|pa|ss)_', '[0-9a-fA-F]{32}', 'shpat_', 'shpca_', 'shppa_', 'shpss_'),
  shape('dapi', '[0-9a-f]{32}(?:-\\d)?'),
  shape('hv[sbr]\\.', `${word}{20,}`, 'hvs.', 'hvb.', 'hvr.'),
  shape('lin_(?:api|oauth)_', '\\w{30,}', 'lin_api_', 'lin_oauth_'),
  shape('(?:ntn|secret)_', '[A-Za-z0-9]{40,}', 'ntn_', 'secret_'),
  shape('dp\\.(?:pt|st|ct|sa|scim|audit)\\.', '[\\w.-]{20,}', 'dp.'),
  shape('pscale_(?:tkn|pw|oauth)_', '[\\w.-]{20,}', 'pscale_'),
  shape('NRA[KLA]-', '\\w{20,}', 'NRAK-', 'NRAL-', 'NRAA-'),
  shape('gl(?:sa|c)_', '[\\w+/=]{30,}', 'glsa_', 'glc_'),
  shape('sntry[su]_', '[\\w+/=-]{30,}', 'sntrys_', 'sntryu_'),
  shape('sq0[ac]tp-', `${word}{20,}`, 'sq0atp-', 'sq0ctp-'),
  shape('dckr_pat_', `${word}{20,}`),
  shape('rubygems_', '[0-9a-f]{40,}'),
  shape(
    '(?:gsk|r8|sbp|figd|nvapi|xai|rpa)[_-]',
    `${word}{30,}`,
    'gsk_',
    'r8_',
    'sbp_',
    'figd_',
    'nvapi-',
    'xai-',
    'rpa_',
  ),
  shape('ATATT3', '[\\w=-]{30,}'),
  shape('PMAK-', '[0-9a-f-]{30,}'),
  shape('dt0c01\\.', '[A-Z0-9.]{30,}', 'dt0c01.'),
  shape('pul-', '[0-9a-f]{40}'),
  shape('AGE-SECRET-KEY-1', '[A-Z0-9]{30,}'),
  shape('FlyV1 ', '\\S{20,}'),
  shape('(?<=hooks\\.slack\\.com/(?:services|workflows|triggers)/)', '[\\w/-]+', 'hooks.slack.com/'),
  shape('(?<=discord(?:app)?\\.com/api/webhooks/\\d{1,20}/)', `${word}+`, '/api/webhooks/'),
  shape('(?<=webhook\\.office\\.com/webhookb2/)', '[\\w/@-]+', 'webhook.office.com/'),
  shape('(?<=api\\.telegram\\.org/bot)', `\\d+:${word}+`, 'api.telegram.org/'),
];

/**
 * Not within a word; what percent-encoding or JSON's escapes leave before it is none. The first letters of all shapes
 * come first.
 */
const boundary = '(?=[AFGNPSdfghklnprswxy])(?:(?<![\\w-])|(?<=%[0-9A-Fa-f]{2}|\\\\[nrt]|\\\\u00[0-9a-f]{2}))';
const pem = '-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----';
const pemEnd = '-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----';

export const serviceKeys = {
  expression:
    `${boundary}(?:${shapes.map(({ begins, rest }) => (begins.startsWith('(?<=') ? '(?!)' : begins + rest)).join('|')})(?!\\w)` +
    `|(?:${shapes.flatMap(({ begins, rest }) => (begins.startsWith('(?<=') ? [begins + rest] : [])).join('|')})` +
    `|${pem}(?s:.*?)(?:${pemEnd}|$)`,
  contains: [
    ...new Set(shapes.flatMap(({ begins, anchors }) => (anchors?.length ? anchors : [begins.replace(/\\/g, '')]))),
    '-----BEGIN',
  ],
};
