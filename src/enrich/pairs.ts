import { Char, classOf, nameChar, quote, separator } from './chars.ts';
import { call, colonMeans, element, flag, listItem, quotedName, spacedName } from './forms.ts';
import { type Name, nameBefore } from './name-before.ts';
import { phraseBefore } from './phrases.ts';
import { mask } from './rule.ts';
import { Kind, type KindOf } from './secret-names.ts';
import { isSpared, pastScheme } from './spared-values.ts';
import { beforeName, isEmpty, skipBlanks, startsLine } from './surroundings.ts';
import { view } from './unfolded.ts';
import { bare, type Extent, valueAt } from './value-end.ts';

const nameNames = /^(?:name|key|header|variable|field|param|parameter|k)$/i;
/** Of the names of names and of values. */
const longestCommonName = 12;
const valueNames = /^(?:value|val|v|stringvalue|string_value)$/i;

/**
 * Finds `name separator value` in texts, in every form that URLs, JSON, headers, command lines, connection strings, SQL
 * and logs have, and hides the values of secrets. It goes from separator to separator; behind one that means nothing it
 * looks on from the value's start, behind a secret from its end. So it is linear in the text: names are bounded, and no
 * value is read twice.
 */
export class Pairs {
  readonly #kindOf: KindOf;
  /**
   * Also what stands in prose and in languages: `password: S`, AUTH S. Operators' names are looked for in `name=value`
   * forms.
   */
  readonly #prose: boolean;
  /** Of `"name": "DB_PASSWORD", "value": "S"`: what the name says. */
  #named: Kind = Kind.none;
  /** Where the name of the last XML tag begins. */
  #tag = -1;

  constructor(kindOf: KindOf, prose: boolean) {
    this.#kindOf = kindOf;
    this.#prose = prose;
  }

  /** `text` without the secrets; `hidden` is called for each. */
  hide(text: string, hidden: () => void): string {
    const { codes, starts, length } = view.of(text);
    this.#named = Kind.none;
    this.#tag = -1;
    let out = '';
    let written = 0;
    for (let at = 0; at < length; at++) {
      if ((classOf[codes[at]] & separator) === 0) continue;
      const value = this.#secretAt(at);
      if (value === null || value.end <= value.start) continue;
      out += text.slice(written, starts[value.start]) + mask;
      written = starts[value.end];
      at = value.end - 1;
      hidden();
    }
    return written === 0 ? text : out + text.slice(written);
  }

  /** The value of a secret whose separator is at `at`. */
  #secretAt(at: number): Extent | null {
    switch (view.codes[at]) {
      case Char.equals:
        return this.#pair(at, at + 1);
      case Char.colon:
        return this.#colon(at);
      case Char.closeBrace:
        this.#named = Kind.none;
        return null;
      case Char.less:
        this.#tag = at + 1;
        return null;
      case Char.greater:
        return this.#element(at);
      case Char.comma:
        return classOf[view.codes[at - 1]] & quote ? listItem(at, this.#kindOf) : null;
      case Char.open:
        return this.#prose && classOf[view.codes[at + 1]] & quote ? call(at) : null;
      default:
        return classOf[view.codes[at - 1]] & (nameChar | quote) ? this.#blank(at) : null;
    }
  }

  #colon(at: number): Extent | null {
    const { codes, length } = view;
    const next = at + 1 < length ? codes[at + 1] : 0;
    if (next === Char.equals) return this.#pair(at, at + 2);
    if (next === Char.colon || codes[at - 1] === Char.colon) return null;
    if (next === Char.slash && codes[at + 2] === Char.slash) return null;
    return this.#pair(at, at + 1);
  }

  #pair(at: number, after: number): Extent | null {
    const equals = view.codes[after - 1] === Char.equals;
    const name = nameBefore(view, equals && view.codes[at - 1] === Char.bang ? at - 1 : at);
    if (name === null) return null;
    const value = skipBlanks(after, equals);
    const kind = this.#kind(name, value);
    if (kind === Kind.none || (equals && value > after && isEmpty(value))) return null;
    if (!equals && !colonMeans(kind, name, at, value, this.#prose)) return null;
    return this.#extent(kind, name, at, value, equals);
  }

  #kind(name: Name, value: number): Kind {
    const word = view.slice(name.start, name.end);
    const kind = this.#kindOf(word);
    if (kind !== Kind.none) return kind;
    if (word.length > longestCommonName) return Kind.none;
    const said = nameNames.test(word) ? quotedName(value, this.#kindOf) : Kind.none;
    if (said !== Kind.none) this.#named = said;
    else if (/^(?:key|phrase|code)s?$/i.test(word)) return spacedName(name, this.#kindOf);
    else if (this.#named !== Kind.none && valueNames.test(word)) {
      const said = this.#named;
      this.#named = Kind.none;
      return said;
    }
    return Kind.none;
  }

  #extent(kind: Kind, name: Name, at: number, value: number, equals: boolean): Extent | null {
    const { codes, levels } = view;
    const before = beforeName(name.start);
    const opened = !name.quoted && name.start > 0 && classOf[codes[name.start - 1]] & quote ? codes[name.start - 1] : 0;
    const header = kind === Kind.header;
    const line = !equals && !name.quoted && value > at + 1 && (header || opened !== 0 || startsLine(name.start));
    const query = before === Char.question || before === Char.ampersand || before === Char.hash;
    const around = { level: levels[at], query, connection: before === Char.semicolon, line, header, quote: opened };
    const from = pastScheme(view, value);
    const extent = valueAt(view, from, around);
    return isSpared(view, kind, name, extent, this.#kindOf) ? null : extent;
  }

  /** `--password S`, `IDENTIFIED BY 'S'`, `AUTH S`: what a blank separates. */
  #blank(at: number): Extent | null {
    const name = nameBefore(view, at);
    if (name === null) return null;
    const value = skipBlanks(at, false);
    if (value >= view.length) return null;
    if (view.codes[name.start] === Char.dash) return flag(name, at, value, this.#kindOf);
    const phrase = this.#prose && !name.quoted ? phraseBefore(view, name, value) : null;
    if (phrase === null) return null;
    const extent = valueAt(view, phrase.start, {
      ...bare,
      level: view.levels[at],
      line: phrase.line,
      header: phrase.line,
    });
    return isSpared(view, Kind.secret, name, extent, this.#kindOf) ? null : extent;
  }

  #element(at: number): Extent | null {
    const tag = this.#tag;
    this.#tag = -1;
    return element(at, tag, this.#named, this.#kindOf);
  }
}
