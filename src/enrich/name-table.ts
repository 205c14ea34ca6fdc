/**
 * What makes a name the name of a secret: the one table behind the built-in rules. Names are compared word by word, so
 * `api key` is api_key, api-key, api.key, apiKey, API%5FKEY and apikey.
 */
const list = (text: string): string[] => text.trim().split(/\s+/);

/** Words that say it in any company: in a word as in PGPASSWORD, or as its end. */
export const anywhere = list('password passwd passphrase passcode');
export const wordEnds = list('pwd secret secrets');
export const wholeWords = list(`mnemonic seed~phrase creds secretkey secretkeybase secretaccesskey
  passin passout storepass keypass requirepass masterauth`).map((word) => word.replace('~', ' '));

/** What stands before `key` or `keys` and makes it one. */
export const keyHeads =
  list(`api private access secret signing encryption master account subscription application license
  auth ssh hmac aes rsa gpg pgp deploy webhook shared functions dd~app machine~account`).map((head) =>
    head.replace('~', ' '),
  );

/** Words that these may end with: of `passwordless` and `secretary` nothing is secret. */
export const innocentWords = new Set(
  list(`passwordless secretary secretariat secretaries secretion oldpwd getpwd
  secretsmanager secretmanager secretservice passwordpolicy passwordreset passwordfield`),
);

/**
 * Behind a secret's name they make it the name of something that is none: password.length, k8s.secret.uid,
 * api_key_name.
 */
export const innocentTails = new Set(
  list(`name names arn uid version versions count counts length type types namespace path
  file filename files url uri expiry expires expired expiration ttl policy policies enabled disabled required requires present
  exists valid invalid age size limit status format min max strength source provider manager management ref refs reference
  field label labels annotation annotations placeholder input reset rotation rotated algorithm alg scope scopes endpoint
  created updated changed error errors code location prefix store validator validation check checker checked service id ids
  hint question engine mount operation class lifetime duration latency seconds ms total`),
);

/** They come before a tail that would be innocent, and do not make it one: Vault's secret_id, AWS_ACCESS_KEY_ID. */
export const secretIds = ['secret id', 'access key id', 'id token hint'];

/** A `token` behind one of them is a place in a list, a unit of text or a name for a request, no credential. */
export const innocentTokenHeads = new Set(
  list(`page next continuation continue sync cursor resume skip paging pagination prev
  previous start end max min input output prompt completion cached reasoning total first last per stop eos bos pad mask unk
  cls sep special unexpected current cancellation cancel idempotency request idempotent fencing position tracking lexer parser
  num count text image audio thinking to of by new~line delta remaining`),
);
/** The plural counts, unless one of them stands before it. */
export const tokensHeads = new Set(list('access refresh auth api bearer session csrf xsrf security secret id oauth'));
/** What may follow the word `token` of a secret's name. */
export const tokenTails =
  /^(?: (?:\d+|v\d+|value|raw|string|str|hash|secret|data|header|old|new|current|previous|prod|dev|test))*$/;

/** Names that end with one of these, and nothing behind it. */
export const lastWords = new Set(list('credential credentials jwt bearer jsessionid phpsessid totp'));
export const headerWords = new Set(list('authorization cookie cookies setcookie cookie2'));
/** `pass` tells a password only behind one of them; otherwise how many passed. */
export const passHeads = new Set(
  list(`db database user smtp mail email imap redis mysql postgres postgresql pg mongo mongodb ftp
  sftp admin root auth proxy http ldap my rabbitmq mq amqp es elastic elasticsearch jenkins docker registry ssh sudo vnc wifi
  keystore truststore key store`),
);
/** Names that are secret in `name=value` alone. */
export const inQueries = /(?:^| )(?:sig|\w*signature|pass|otp|pin code|saml ?response|saml ?request)$/;

const apart = ['', '_', '-', '.', ' '];

/** Texts one of which, in any case, every name above has as bytes. */
export const anchors = {
  keys: [
    ...list('pass pwd secret mnemonic seed creds token credential jwt bearer jsessionid phpsessid totp'),
    ...keyHeads.flatMap((head) => apart.map((between) => `${head.replace(' ', between)}${between}key`)),
    // an encoded separator, however often
    ...list('5fkey 2dkey 2ekey 5bkey'),
  ],
  headers: list('authorization cookie'),
  values: ['auth ', ...list('sig= sig% signature= signature% otp= otp% otp" samlre requirepass masterauth identified')],
};
