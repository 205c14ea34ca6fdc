import type { Problem, RulesDocument } from '../model/rules.ts';
import { placed } from './decode-text.ts';
import { told } from './document.ts';
import type { FileText } from './read-text.ts';
import { hashOf, type LayerResult, mergeLayers, noRulesFile, parseRules, type RulesLayer } from './rules.ts';
import { type KvEntry, parseKeys } from './rules-keys.ts';

/** Rules to what the shards judge by; `revision` is what kept spans will carry. */
export type Compile<T> = (
  document: RulesDocument,
  revision: string,
) =>
  | {
      readonly policies: T;
      /** What in them is probably not meant. */
      readonly warnings?: readonly Problem[];
    }
  | { readonly problems: readonly Problem[] };

/** What a rules file holds, or the document that was merged of it before. */
export type FileWord =
  | { readonly path: string; readonly text: FileText; readonly maxBytes?: number | undefined }
  | { readonly merged: RulesDocument };

/** Consul's keys, `folder` and index as Consul has them. */
export interface KeysWord {
  readonly folder: string;
  readonly entries: readonly KvEntry[];
  readonly index: number;
}

/** What the sources say, in plain values, so that another thread can read them. */
export interface RulesTexts {
  readonly file?: FileWord | undefined;
  readonly keys?: KeysWord | undefined;
  readonly environment: string;
  /** The hash of rules that need not be compiled, for they are in force. */
  readonly inForce?: string | undefined;
  /** Only whether each can be read: nothing is compiled. */
  readonly isFormOnly?: boolean;
}

/** Rules that are good, in plain values but for `policies`, or what is wrong with them, line by line. */
export type RulesReading<T> =
  | { readonly errors: readonly string[] }
  | {
      /** Left out where they are in force, and where nothing was to be compiled. */
      readonly policies?: T;
      readonly document: RulesDocument;
      /** What the file alone says. */
      readonly fileFields: RulesLayer['fields'] | undefined;
      readonly hash: string;
      readonly revision: string;
      readonly notes: readonly string[];
      readonly warnings: readonly string[];
    };

/** Reads the texts, lays them over each other and compiles them. Pure, where `compile` is. */
export function readRules<T>(texts: RulesTexts, compile: Compile<T>): RulesReading<T> {
  const file = texts.file && layerOfFile(texts.file);
  if (file !== undefined && 'errors' in file) return file;
  const keys = texts.keys && parseKeys(texts.keys.entries, texts.keys.folder);
  if (keys !== undefined && 'errors' in keys) return keys;
  const { document, notes, report } = mergeLayers([file?.layer, keys?.layer].filter((layer) => layer !== undefined));
  const hash = hashOf(document, texts.environment);
  const revision = `${texts.keys?.index ?? 'file'}-${hash.slice(0, 8)}`;
  const read = { document, fileFields: file?.layer.fields, hash, revision, notes, warnings: [] };
  if (texts.isFormOnly || hash === texts.inForce) return read;
  const compiled = compile(document, revision);
  if ('problems' in compiled) return { errors: report(compiled.problems) };
  return { ...read, policies: compiled.policies, warnings: report(compiled.warnings ?? []) };
}

function layerOfFile(word: FileWord): LayerResult {
  if ('merged' in word) {
    const report = (problems: readonly Problem[]) => problems.map(({ message }) => message);
    return { layer: { fields: word.merged, report } };
  }
  const { path, text, maxBytes } = word;
  if (text === undefined) return { errors: [`${path}: ${noRulesFile}`] };
  if (typeof text === 'object') return { errors: told([placed(path, text)]) };
  return parseRules(text, path, maxBytes);
}

/** How much there is to read. */
export function bytesOf({ file, keys }: RulesTexts): number {
  const ofFile = file === undefined ? 0 : 'merged' in file ? JSON.stringify(file.merged) : (file.text ?? '');
  const texts = [typeof ofFile === 'string' ? ofFile : '', ...(keys?.entries.map(({ value }) => value) ?? [])];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
