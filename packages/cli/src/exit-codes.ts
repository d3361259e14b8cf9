/** Kopia's two, and the shell's for a program that was interrupted. */
export const EXIT_SUCCESS = 0;
export const EXIT_FAILURE = 1;
export const EXIT_INTERRUPTED = 130;

/** The command did its work, said everything there is to say, and still did not succeed. */
export class SilentFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SilentFailure';
  }
}

/** The command was interrupted before it could begin some of what it was asked for. */
export class InterruptedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InterruptedError';
  }
}
