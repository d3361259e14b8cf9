import type { CommandContext } from '../context.ts';
import type { Flags, FlagValues } from './flag.ts';

/** A word that is not a flag. */
export interface Argument<T> {
  readonly summary: string;
  readonly required: boolean;
  /** Takes all words that are left. Only the last argument may. */
  readonly repeats: boolean;
  resolve(words: readonly string[]): T;
}

export type Arguments = Readonly<Record<string, Argument<unknown>>>;

type ArgumentValues<A extends Arguments> = {
  readonly [Name in keyof A]: A[Name] extends Argument<infer T> ? T : never;
};

export function requiredArgument(summary: string): Argument<string> {
  return { summary, required: true, repeats: false, resolve: ([word]) => word ?? '' };
}

export function optionalArgument(summary: string): Argument<string | undefined> {
  return { summary, required: false, repeats: false, resolve: ([word]) => word };
}

/** Any number of words, at least one if `required`. */
export function argumentList(
  summary: string,
  { required = false }: { readonly required?: boolean } = {},
): Argument<readonly string[]> {
  return { summary, required, repeats: true, resolve: (words) => words };
}

/** What a command was called with. */
export interface CommandInput {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly args: Readonly<Record<string, unknown>>;
}

/** A command as the parser, the help and the dispatcher see it. */
export interface Command {
  /** One sentence. */
  readonly summary: string;
  /** More for its own help. */
  readonly details?: string;
  readonly flags: Flags;
  readonly args: Arguments;
  /** What it has cost is part of what it says at its end; of others it goes to the log file. */
  readonly showsRequests?: boolean;
  run(context: CommandContext, input: CommandInput): Promise<void>;
}

/** Gives `run` its flags and arguments with their types. */
export function defineCommand<F extends Flags, A extends Arguments>(definition: {
  readonly summary: string;
  readonly details?: string;
  readonly flags: F;
  readonly args: A;
  readonly showsRequests?: boolean;
  readonly run: (
    context: CommandContext,
    input: { readonly flags: FlagValues<F>; readonly args: ArgumentValues<A> },
  ) => Promise<void>;
}): Command {
  return definition;
}
