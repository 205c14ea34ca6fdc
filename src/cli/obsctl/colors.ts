import { fnv1aOfText } from '../../tables/fnv.ts';

/** Turns text into coloured text, or leaves it alone. */
export interface Paint {
  red(text: string): string;
  green(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
  /** A colour that stays with the service, here and in other traces; never red, which means error. */
  service(text: string, name: string): string;
}

const ansi =
  (code: string) =>
  (text: string): string =>
    text === '' ? '' : `\x1b[${code}m${text}\x1b[0m`;

const palette = ['36', '33', '35', '34', '32', '96', '93', '95', '94', '92'].map(ansi);

const coloured: Paint = {
  red: ansi('31'),
  green: ansi('32'),
  dim: ansi('2'),
  bold: ansi('1'),
  service: (text, name) => palette[(fnv1aOfText(name) >>> 0) % palette.length](text),
};

const plain: Paint = { red: same, green: same, dim: same, bold: same, service: same };

export const paint = (color: boolean): Paint => (color ? coloured : plain);

function same(text: string): string {
  return text;
}
