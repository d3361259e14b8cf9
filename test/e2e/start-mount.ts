import type { CLIResult, CLIWorld } from './cli-world.ts';

/** A running `longshore mount --webdav`. */
export interface Mount {
  readonly url: string;
  readonly result: Promise<CLIResult>;
  readonly interrupt: () => void;
}

/** Resolves when it can be reached; rejects with what it said if it ends before. */
export function startMount(
  world: CLIWorld,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Mount> {
  return new Promise((resolve, reject) => {
    const result = world.run(['mount', '--webdav', ...args], {
      env,
      onStderr: (text, interrupt) => {
        const [, url] = /Mounted '.*' on (\S+)\n/.exec(text) ?? [];
        if (url !== undefined) resolve({ url, result, interrupt });
      },
    });
    result.then(({ stderr }) => reject(new Error(stderr)), reject);
  });
}

/** Interrupts it, and waits for its end. */
export async function endMount({ interrupt, result }: Mount): Promise<CLIResult> {
  interrupt();
  return result;
}
