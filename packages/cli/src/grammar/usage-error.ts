/** The command line itself is wrong. One line that names the word and the way out. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** It asks for what Kopia has and longshore lacks. */
export class UnsupportedUsageError extends UsageError {
  constructor(message: string) {
    super(message);
    this.name = 'UnsupportedUsageError';
  }
}
