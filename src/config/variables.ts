export type Variables = Readonly<Record<string, string | undefined>>;

const reference = /\$\{env:([A-Za-z_]\w*)(?::-([^}]*))?\}/g;
/** What somebody wrote who meant a reference: `${HOME}`, or `${env:` that never closes. */
const almost = /\$\{(?:env:[^}\n]*\}?|[A-Za-z_]\w*(?::-[^}\n]*)?\})/g;

/**
 * Replaces `${env:NAME}` and `${env:NAME:-default}`. As in a shell, the default stands for a variable that is unset or
 * empty; without one it is empty text. Lines stay where they are, so a value with a line break is an error.
 */
export function replaceVariables(text: string, name: string, env: Variables): { text: string; errors: string[] } {
  const errors: string[] = [];
  const replaced = text.split('\n').map((line, index) => {
    const comment = /^\s*#/.test(line);
    if (comment) return line;
    const tell = (message: string) => errors.push(`${name}:${index + 1}: ${message}`);
    for (const wrong of strays(line)) tell(`${wrong}: expected \${env:NAME} or \${env:NAME:-default}`);
    return line.replace(reference, (_, variable: string, fallback = '') => {
      const value = env[variable] || fallback;
      if (/[\r\n]/.test(value)) tell(`the variable ${variable} has a line break: expected one line`);
      return value.replace(/[\r\n]+/g, ' ');
    });
  });
  return { text: replaced.join('\n'), errors };
}

function strays(line: string): string[] {
  return line.replace(reference, '').match(almost) ?? [];
}
