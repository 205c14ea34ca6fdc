/**
 * Which names stand for secrets: of attributes, parameters, headers, flags, environment variables. A name is cut into words at everything
 * that is no letter or digit, and at capitals, so that `GITHUB_TOKEN`, `x-vault-token` and `userToken` are the same to it, and
 * `secretary` has no secret in it.
 */
export const Strength = {
  none: 0,
  /** Of a short word with other meanings: only a value that looks like a secret is hidden. */
  weak: 1,
  strong: 2,
} as const;
export type Strength = (typeof Strength)[keyof typeof Strength];

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** The words of a name, in lower case. */
const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);

/** A name that ends so tells something about a secret, which is none itself. */
const describing =
  words(`name names arn version versions count counts length uid type kind ttl expiry expires expiration exp policy
  policies enabled disabled required changed age namespace ref algorithm alg status size limit url uri endpoint path provider created
  updated rotated at time date days field label placeholder strength input form manager file filename id_type format issuer scope scopes
  reset attempts used usage index position`);
/** Secrets wherever they stand in a name. */
const anywhere =
  words(`password passwords passwd passphrase passcode pswd pwd secret secrets apikey accesskey privatekey secretkey
  accountkey authkey authtoken accesstoken refreshtoken sessiontoken idtoken bearertoken jsessionid phpsessid sharedaccesskey requirepass`);
/** … and as ends of a word: `dbpassword`, `clientsecret`. */
const endings = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'apikey',
  'accesskey',
  'privatekey',
  'secretkey',
  'authtoken',
  'accesstoken',
];
const beginnings = /^(?:password(?!less)|secretkey|secretaccess|secretid|secretvalue)/;
/** `api_key` and the like: a key that opens something, not one that finds something. */
const keyOf = words(
  'api private access account secret signing encryption master auth shared subscription storage license app ssh',
);
/** Tokens that find the next page, and tokens that language models count. */
const harmlessTokens =
  words(`page next pagination continuation continue cursor resume fencing cancellation cancel sync start input output total
  prompt completion max min cached reasoning num number per unexpected invalid parser lexer syntax first last stop end`);
/** `db_pass`, where `tests.pass` is none. */
const passOf = words(
  'db user mysql postgres postgresql pg redis smtp mail ftp root admin proxy http basic login my sql ldap amqp rabbitmq mongo',
);
const lastStrong = words('token credential credentials cookie cookies authorization jwt pwd');
const lastWeak = words('pass pw sig signature');

const hint = /pass|pwd|pswd|secret|token|key|credential|cookie|auth|sig|jwt|jsessionid|phpsessid|pw/i;

/** How sure it is that what a name stands for is a secret. */
export function strengthOf(name: string): Strength {
  if (!hint.test(name)) return Strength.none;
  if (/^_auth$/i.test(name)) return Strength.strong;
  const all = wordsOf(name).map((word) => (anywhere.has(word) ? word : word.replace(/(?<=\D)\d+$/, '')));
  const last = all.at(-1) ?? '';
  if (describing.has(last)) return Strength.none;
  if (all.some((word, i) => isSecretWord(word, all[i + 1] ?? '', all[i + 2]))) return Strength.strong;
  const before = all.at(-2) ?? '';
  if (last === 'token' || last.endsWith('token')) {
    const of = last === 'token' ? before : last.slice(0, -'token'.length);
    return harmlessTokens.has(of) ? Strength.none : Strength.strong;
  }
  if (last === 'pass' && passOf.has(before)) return Strength.strong;
  if (lastStrong.has(last)) return Strength.strong;
  return lastWeak.has(last) ? Strength.weak : Strength.none;
}

const authTokens = words('access refresh auth bearer session security csrf xsrf id');

function isSecretWord(word: string, next: string, third: string | undefined): boolean {
  if (anywhere.has(word) || beginnings.test(word)) return true;
  if (endings.some((ending) => word.endsWith(ending))) return true;
  if (next === 'token' && authTokens.has(word)) return !(third !== undefined && describing.has(third));
  return (next === 'key' || next === 'keys') && keyOf.has(word);
}

/** An attribute's whole value is hidden under such a key. */
export const isSecretKey = (key: string): boolean => {
  const last = wordsOf(key).at(-1) ?? '';
  return strengthOf(key) === Strength.strong && !(last === 'cookie' && key.includes('.domain'));
};

const separated = (first: string, second: string): string[] =>
  ['', '_', '-', '.', ' ', '%5f', '%2d'].map((between) => first + between + second);

/** One of these is in every name that `strengthOf` knows, in texts that hold name and value. */
export const nameAnchors: readonly string[] = [
  ...`passw passphrase passcode pswd pwd secret token credential cookie authorization jwt signature jsessionid phpsessid requirepass
    sig= sig: sig%3d sig" pass= pass: pass%3d pass" _pass -pass .pass _auth`.split(/\s+/),
  ...Array.from(keyOf).flatMap((of) => separated(of, 'key')),
  ...['pw=', 'pw:', 'pw%3d', 'pw"', ' pw ', '-pass ', 'pass ='],
];
