/** The texts of all elements of a name, in a document of the store's: flat, so no parser is needed for it. */
export function elements(document: string, name: string): string[] {
  const found: string[] = [];
  const [open, close] = [`<${name}>`, `</${name}>`];
  for (let at = document.indexOf(open); at >= 0; ) {
    const end = document.indexOf(close, at);
    if (end < 0) break;
    found.push(unescaped(document.slice(at + open.length, end)));
    at = document.indexOf(open, end);
  }
  return found;
}

export const element = (document: string, name: string): string => elements(document, name)[0] ?? '';

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|amp|quot|apos));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return entities[name.toLowerCase()];
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
