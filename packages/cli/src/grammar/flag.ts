import { UnsupportedUsageError, UsageError } from './usage-error.ts';

/** What can be said about any flag. */
export interface FlagOptions {
  /** One letter. */
  readonly short?: string;
  /** Read when the flag is not given and the variable is not empty. */
  readonly env?: string;
  /** Left out of the help unless everything is asked for. */
  readonly hidden?: boolean;
  /** Stands for the value in help. */
  readonly placeholder?: string;
}

/** One flag: its name is the key under which a command lists it. */
export interface Flag<T> extends FlagOptions {
  readonly summary: string;
  /** True: no value follows, and `--no-<name>` says the opposite. */
  readonly isBoolean: boolean;
  /** May be given several times. */
  readonly repeats: boolean;
  readonly required: boolean;
  /** For help; undefined if there is no default worth showing. */
  readonly defaultText: string | undefined;
  /** Kopia has this flag and longshore does not: help leaves it out, giving it is an error. */
  readonly refused: boolean;
  /** The value from the texts given, in order; none: the default. UsageError says what is wrong with a text. */
  resolve(texts: readonly string[]): T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** Values of flags by name. */
export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never;
};

interface ValueFlagOptions<T> extends FlagOptions {
  readonly default?: T;
  readonly required?: boolean;
}

interface ValueFlagBuilder<T> {
  (summary: string, options: FlagOptions & { readonly default: T }): Flag<T>;
  (summary: string, options: FlagOptions & { readonly required: true }): Flag<T>;
  (summary: string, options?: FlagOptions): Flag<T | undefined>;
}

/** A kind of flag with one value. `parse` throws UsageError; `format` shows a default in help. */
export function valueFlag<T>(
  parse: (text: string) => T,
  format: (value: T) => string = String,
): ValueFlagBuilder<T> {
  function build(summary: string, options?: ValueFlagOptions<T>): Flag<T>;
  function build(summary: string, options: ValueFlagOptions<T> = {}): Flag<T | undefined> {
    const { default: fallback, required = false, ...rest } = options;
    return {
      ...rest,
      summary,
      required,
      isBoolean: false,
      repeats: false,
      refused: false,
      defaultText: fallback === undefined ? undefined : format(fallback),
      resolve: ([text]) => (text === undefined ? fallback : parse(text)),
    };
  }
  return build;
}

/** A flag that may be repeated. */
export function listFlag<T>(
  parse: (text: string) => T,
): (summary: string, options?: FlagOptions) => Flag<readonly T[]> {
  return (summary, options = {}) => ({
    ...options,
    summary,
    required: false,
    isBoolean: false,
    repeats: true,
    refused: false,
    defaultText: undefined,
    resolve: (texts) => texts.map(parse),
  });
}

/** On or off. */
export function flag(
  summary: string,
  options: FlagOptions & { readonly default?: boolean } = {},
): Flag<boolean> {
  const { default: fallback = false, ...rest } = options;
  return {
    ...rest,
    summary,
    required: false,
    isBoolean: true,
    repeats: false,
    refused: false,
    defaultText: fallback ? 'on' : undefined,
    resolve: ([text]) => (text === undefined ? fallback : parseBoolean(text)),
  };
}

/** On, off, or not mentioned at all. */
export function optionalFlag(
  summary: string,
  options: FlagOptions = {},
): Flag<boolean | undefined> {
  return {
    ...flag(summary, options),
    resolve: ([text]) => (text === undefined ? undefined : parseBoolean(text)),
  };
}

/** A flag that Kopia has and longshore does not. `except` lists values that ask for nothing and so are fine. */
export function refusedFlag(
  options: FlagOptions & { readonly isBoolean?: boolean; readonly except?: readonly string[] } = {},
): Flag<undefined> {
  const { isBoolean = false, except = isBoolean ? ['false'] : [], ...rest } = options;
  return {
    ...rest,
    summary: 'not supported',
    required: false,
    isBoolean,
    repeats: true,
    refused: true,
    hidden: true,
    defaultText: undefined,
    resolve: (texts) => {
      const asked = texts.find((text) => !except.includes(text));
      if (asked !== undefined) throw new UnsupportedUsageError('is not supported by longshore');
      return undefined;
    },
  };
}

/** Go's spellings of true and false. */
export function parseBoolean(text: string): boolean {
  if (/^(?:1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  throw new UsageError(`needs true or false, not ${JSON.stringify(text)}`);
}
