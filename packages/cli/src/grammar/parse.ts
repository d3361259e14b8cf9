import type { Command, CommandInput } from './command.ts';
import { findChild, type CommandGroup } from './command-tree.ts';
import type { Flag, Flags } from './flag.ts';
import { nearestWord } from './nearest-word.ts';
import { UnsupportedUsageError, UsageError } from './usage-error.ts';

/** A command line that was understood. */
export interface ParsedLine {
  /** The names of the command and the groups above it, not their aliases. */
  readonly path: readonly string[];
  /** Undefined: the line names a group only. */
  readonly command: Command | undefined;
  readonly group: CommandGroup;
  /** Words after the command, for `help`. */
  readonly words: readonly string[];
  readonly globals: Readonly<Record<string, unknown>>;
  /** Checks what is required and converts every value. UsageError names what is wrong. */
  readonly input: () => CommandInput;
}

export interface ParseOptions {
  readonly root: CommandGroup;
  readonly globalFlags: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Commands that are known to be missing, and the reason. */
  readonly refused?: readonly { readonly commands: RegExp; readonly why: string }[];
}

/**
 * Reads a command line as Kopia's parser does: flags stand anywhere after the command that has them, global
 * flags anywhere at all; `--flag=value`, `--flag value`, `-f value`, `-fvalue`, `-abc`, `--no-flag`; after
 * `--` nothing is a flag.
 */
export async function parseCommandLine(
  argv: readonly string[],
  options: ParseOptions,
): Promise<ParsedLine> {
  const line = new LineParser(options);
  await line.read(argv);
  return line.result();
}

class LineParser {
  readonly #options: ParseOptions;
  readonly #path: string[] = [];
  #group: CommandGroup;
  #command: Command | undefined;
  #scope: Flags;
  readonly #given = new Map<string, string[]>();
  readonly #words: string[] = [];

  constructor(options: ParseOptions) {
    this.#options = options;
    this.#group = options.root;
    this.#scope = options.globalFlags;
  }

  async read(argv: readonly string[]): Promise<void> {
    const rest = [...argv];
    let onlyWords = false;
    for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
      if (onlyWords || token === '-' || !token.startsWith('-')) await this.#word(token);
      else if (token === '--') onlyWords = true;
      else if (token.startsWith('--')) this.#longFlag(token, rest);
      else this.#shortFlags(token, rest);
    }
  }

  result(): ParsedLine {
    const { globalFlags } = this.#options;
    return {
      path: this.#path,
      command: this.#command,
      group: this.#group,
      words: this.#words,
      globals: this.#resolveFlags(globalFlags),
      input: () => ({ flags: this.#commandFlags(), args: this.#arguments() }),
    };
  }

  async #word(word: string): Promise<void> {
    if (this.#command !== undefined) {
      this.#words.push(word);
      return;
    }
    const child = findChild(this.#group, word);
    if (child === undefined) throw this.#unknownCommand(word);
    this.#path.push(child.name);
    if (child.kind === 'group') {
      this.#group = child;
      const flags = await child.loadFlags?.();
      if (flags !== undefined) this.#scope = { ...this.#scope, ...flags.groupFlags };
    } else {
      this.#command = (await child.load()).command;
      this.#scope = { ...this.#scope, ...this.#command.flags };
    }
  }

  #longFlag(token: string, rest: string[]): void {
    const equals = token.indexOf('=');
    const name = token.slice(2, equals < 0 ? undefined : equals);
    const inline = equals < 0 ? undefined : token.slice(equals + 1);
    const flag = this.#flag(name);
    if (flag !== undefined) {
      this.#give(name, flag, `--${name}`, inline ?? this.#nextValue(flag, `--${name}`, rest));
      return;
    }
    const opposite = name.startsWith('no-') ? this.#flag(name.slice(3)) : undefined;
    if (opposite?.isBoolean !== true || inline !== undefined) throw this.#unknownFlag(`--${name}`);
    this.#give(name.slice(3), opposite, `--${name}`, 'false');
  }

  #shortFlags(token: string, rest: string[]): void {
    for (let i = 1; i < token.length; i++) {
      const letter = token[i]!;
      const shown = `-${letter}`;
      const name = Object.keys(this.#scope).find((key) => this.#scope[key]?.short === letter);
      const flag = name === undefined ? undefined : this.#scope[name];
      if (name === undefined || flag === undefined) throw this.#unknownFlag(shown);
      if (flag.isBoolean) {
        this.#give(name, flag, shown, 'true');
        continue;
      }
      const glued = token.slice(i + 1);
      this.#give(name, flag, shown, glued === '' ? this.#nextValue(flag, shown, rest) : glued);
      return;
    }
  }

  #nextValue(flag: Flag<unknown>, shown: string, rest: string[]): string {
    if (flag.isBoolean) return 'true';
    const next = rest[0];
    if (next === undefined || (next.startsWith('-') && next !== '-')) {
      throw new UsageError(`${shown} needs a value${this.#seeHelp()}`);
    }
    rest.shift();
    return next;
  }

  #give(name: string, flag: Flag<unknown>, shown: string, text: string): void {
    const texts = this.#given.get(name);
    if (texts === undefined) this.#given.set(name, [text]);
    else if (flag.repeats) texts.push(text);
    else throw new UsageError(`${shown} was given more than once${this.#seeHelp()}`);
  }

  #flag(name: string): Flag<unknown> | undefined {
    return Object.hasOwn(this.#scope, name) ? this.#scope[name] : undefined;
  }

  #commandFlags(): Record<string, unknown> {
    const flags = this.#command?.flags ?? {};
    const missing = Object.entries(flags)
      .filter(([name, flag]) => flag.required && this.#texts(name, flag).texts.length === 0)
      .map(([name]) => `--${name}`);
    if (missing.length > 0) {
      throw new UsageError(`${this.#shownPath()} needs ${missing.join(' and ')}${this.#seeHelp()}`);
    }
    return this.#resolveFlags(flags);
  }

  #resolveFlags(flags: Flags): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(flags).map(([name, flag]) => [name, this.#resolve(name, flag)]),
    );
  }

  #resolve(name: string, flag: Flag<unknown>): unknown {
    const { texts, origin } = this.#texts(name, flag);
    try {
      return flag.resolve(texts);
    } catch (error) {
      if (error instanceof UnsupportedUsageError) {
        throw new UnsupportedUsageError(`${origin} ${error.message}`);
      }
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`${origin} ${error.message}${this.#seeHelp()}`);
    }
  }

  #texts(name: string, flag: Flag<unknown>): { texts: readonly string[]; origin: string } {
    const given = this.#given.get(name);
    if (given !== undefined) return { texts: given, origin: `--${name}` };
    const fromEnv = flag.env === undefined ? undefined : this.#options.env[flag.env];
    if (fromEnv === undefined || fromEnv === '') return { texts: [], origin: `--${name}` };
    return { texts: flag.repeats ? fromEnv.split('\n') : [fromEnv], origin: `$${flag.env}` };
  }

  #arguments(): Record<string, unknown> {
    const left = [...this.#words];
    const values: Record<string, unknown> = {};
    for (const [name, argument] of Object.entries(this.#command?.args ?? {})) {
      const words = argument.repeats ? left.splice(0) : left.splice(0, 1);
      if (argument.required && words.length === 0) {
        throw new UsageError(`${this.#shownPath()} needs <${name}>${this.#seeHelp()}`);
      }
      values[name] = argument.resolve(words);
    }
    if (left.length > 0) {
      throw new UsageError(
        `${this.#shownPath()} does not take ${JSON.stringify(left[0])}${this.#seeHelp()}`,
      );
    }
    return values;
  }

  #unknownCommand(word: string): UsageError {
    const path = [...this.#path, word].join(' ');
    const refused = this.#options.refused?.find(({ commands }) => commands.test(path));
    if (refused !== undefined) {
      return new UnsupportedUsageError(`${path} is not supported by longshore: ${refused.why}`);
    }
    const names = this.#group.children.map(({ name }) => name);
    const where = this.#path.length === 0 ? '' : ` of ${this.#shownPath()}`;
    return new UsageError(
      `unknown command ${JSON.stringify(word)}${where}${suggestion(word, names)}${this.#seeHelp()}`,
    );
  }

  #unknownFlag(shown: string): UsageError {
    const names = Object.entries(this.#scope)
      .filter(([, flag]) => !flag.refused)
      .map(([name]) => `--${name}`);
    const where = this.#path.length === 0 ? '' : ` of ${this.#shownPath()}`;
    return new UsageError(
      `unknown flag ${shown}${where}${suggestion(shown, names)}${this.#seeHelp()}`,
    );
  }

  #shownPath(): string {
    return this.#path.join(' ');
  }

  #seeHelp(): string {
    return `; see "${['longshore', ...this.#path, '--help'].join(' ')}"`;
  }
}

function suggestion(given: string, names: readonly string[]): string {
  const nearest = nearestWord(given, names);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}
