import { below, type Chance, pick } from '../target.ts';

type Tree = null | boolean | number | string | Tree[] | { [key: string]: Tree };

interface Place {
  readonly holder: Tree[] | { [key: string]: Tree };
  readonly key: string | number;
}

const names = [
  ...['resourceSpans', 'scopeSpans', 'spans', 'resource', 'scope', 'attributes', 'key', 'value', 'events', 'links'],
  ...['traceId', 'spanId', 'parentSpanId', 'name', 'kind', 'status', 'code', 'message', 'flags', 'schemaUrl'],
  ...['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue', 'values'],
  ...['startTimeUnixNano', 'endTimeUnixNano', 'droppedAttributesCount', 'traceState', 'version', 'entityRefs'],
  ...['__proto__', 'constructor', 'toString', 'instrumentationLibrarySpans', '', 'x'],
];
const values: readonly Tree[] = [
  ...[null, true, false, 0, 1, -1, 2.5, 1e300, 2 ** 53, -(2 ** 63), 4294967295, 4294967296, 1e21],
  ...['', '0', '5', '-5', '1.5e3', '12.0', '18446744073709551615', '18446744073709551616', '-9223372036854775808'],
  ...['NaN', 'Infinity', 'SPAN_KIND_SERVER', 'STATUS_CODE_ERROR', 'toString', '__proto__', 'zz', 'AAA=', '+/8=', '-_8'],
  ...['5b8efff798038103d269b633813fc60c', 'eee19b7ec3c1b174', 'abc', '\ud800', 'größe', '😀', '\u0000"\\\u2028'],
  ...[[], {}, [null], [[]], [{}], { values: [] }, { stringValue: 'x' }],
];

const anyValue = (chance: Chance): Tree => structuredClone(pick(values, chance)) as Tree;

/** One to three changes at places of any depth. */
export function changeTree(json: unknown, chance: Chance): unknown {
  const root = { '': structuredClone(json) as Tree };
  for (let n = 1 + below(3, chance); n > 0; n--) changeOnce(pick(placesIn(root), chance), chance);
  return root[''];
}

function changeOnce({ holder, key }: Place, chance: Chance): void {
  const at = holder as Record<string | number, Tree>;
  const value = at[key];
  switch (below(8, chance)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else if (key !== '') delete holder[key];
      break;
    case 1:
      if (Array.isArray(value)) value.push(...(structuredClone(value.slice(0, 3)) as Tree[]), anyValue(chance));
      else define(at, key, anyValue(chance));
      break;
    case 2:
      if (value !== null && typeof value === 'object' && !Array.isArray(value))
        define(value, pick(names, chance), anyValue(chance));
      else define(at, key, anyValue(chance));
      break;
    case 3:
      if (!Array.isArray(holder) && key !== '') {
        delete holder[key];
        define(holder, pick(names, chance), value);
      }
      break;
    case 4:
      define(at, key, nested(value, chance));
      break;
    case 5:
      if (typeof value === 'string')
        define(at, key, value.repeat(below(5, chance)) + pick(['', '"', '\\', 'é'], chance));
      break;
    default:
      define(at, key, anyValue(chance));
  }
}

/** A member of its own, whatever its name means to JavaScript. */
function define(holder: object, key: string | number, value: Tree): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function nested(value: Tree, chance: Chance): Tree {
  let inner = value;
  for (let depth = 1 + below(chance() < 0.05 ? 120 : 3, chance); depth > 0; depth--)
    inner = pick([[inner], { arrayValue: { values: [inner] } }, { x: inner }, { value: inner }] as Tree[], chance);
  return inner;
}

function placesIn(holder: Tree[] | { [key: string]: Tree }, found: Place[] = []): Place[] {
  for (const [key, value] of Object.entries(holder)) {
    found.push({ holder, key });
    if (typeof value === 'object' && value !== null) placesIn(value, found);
  }
  return found;
}

const blanks = [' ', '\n', '\t', '\r', '', '', '', '', '', '', '', ''];

/** JSON as nobody writes it: blanks, escapes, snake_case, members that stand twice. */
export function scrawl(json: unknown, chance: Chance): string {
  const blank = (): string => (chance() < 0.1 ? pick(blanks, chance) : '');
  const quoted = (text: string): string =>
    `"${[...text].map((c) => (below(15, chance) === 0 ? escaped(c) : JSON.stringify(c).slice(1, -1))).join('')}"`;
  const write = (value: unknown): string => {
    if (typeof value === 'string') return quoted(value);
    if (Array.isArray(value)) return `[${value.map((item) => blank() + write(item) + blank()).join(',')}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    const members = Object.entries(value).flatMap(([key, member]) => {
      const name = below(4, chance) === 0 ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key;
      const text = `${blank()}${quoted(name)}${blank()}:${blank()}${write(member)}${blank()}`;
      return below(40, chance) === 0 ? [text, text] : [text];
    });
    return `{${members.join(',')}}`;
  };
  return write(json);
}

const escaped = (character: string): string =>
  character.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
