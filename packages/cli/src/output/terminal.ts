/** Where a command writes. A stream of Node, or a buffer in a test. */
export interface OutputStream {
  write(text: string | Uint8Array): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Whether colours may be used on a stream. NO_COLOR counts if it is not empty. */
export function mayColor(
  stream: OutputStream,
  env: Readonly<Record<string, string | undefined>>,
  flags: { readonly 'disable-color': boolean; readonly 'force-color': boolean },
): boolean {
  if (flags['disable-color'] || (env['NO_COLOR'] ?? '') !== '') return false;
  return flags['force-color'] || (stream.isTTY === true && env['TERM'] !== 'dumb');
}

/** Text in red. */
export function red(text: string): string {
  return `\u001b[31m${text}\u001b[39m`;
}

/** What a terminal must not get from file names and messages: control characters, shown as escapes. */
export function printable(text: string): string {
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
