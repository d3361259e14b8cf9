import { encodeGoJSON } from '@longshore/repo';
import type { CommandContext } from '../context.ts';
import { indentJSON } from './indent-json.ts';

/** The flags that JSON_FLAGS adds to a command. */
interface JSONFlagValues {
  readonly json: boolean;
  readonly 'json-indent': boolean;
}

/** One JSON value and a newline. */
export function printJSON(
  context: Pick<CommandContext, 'print'>,
  flags: Pick<JSONFlagValues, 'json-indent'>,
  value: unknown,
): void {
  context.print(`${encode(flags, value)}\n`);
}

/** A JSON list, one value a line, printed as values come. Like Kopia's it has no newline at its end. */
export class JSONList {
  readonly #print: (text: string) => void;
  readonly #indented: boolean;
  #separator: string;

  constructor(context: Pick<CommandContext, 'print'>, flags: Pick<JSONFlagValues, 'json-indent'>) {
    this.#print = (text) => context.print(text);
    this.#indented = flags['json-indent'];
    this.#separator = this.#indented ? '' : '\n ';
    this.#print('[');
  }

  add(value: unknown): void {
    this.#print(this.#separator + encode({ 'json-indent': this.#indented }, value));
    this.#separator = this.#indented ? ',' : ',\n ';
  }

  end(): void {
    this.#print(this.#indented ? ']' : '\n]');
  }
}

function encode(flags: Pick<JSONFlagValues, 'json-indent'>, value: unknown): string {
  const compact = encodeGoJSON(value);
  return flags['json-indent'] ? indentJSON(compact) : compact;
}
