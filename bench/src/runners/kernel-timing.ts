/** How fast one kernel ran. */
export interface KernelSample {
  readonly name: string;
  readonly bytesPerSecond: number;
}

/** Bytes per second of `run`, which works through `bytes`; repeated until `seconds` have gone, at least twice. */
export function timeKernel(bytes: number, seconds: number, run: () => void): number {
  run();
  const startedAt = performance.now();
  let count = 0;
  let elapsed = 0;
  do {
    run();
    count += 1;
    elapsed = (performance.now() - startedAt) / 1000;
  } while (elapsed < seconds || count < 2);
  return (bytes * count) / elapsed;
}

/** As {@link timeKernel}, for kernels on other threads. */
export async function timeAsyncKernel(
  bytes: number,
  seconds: number,
  run: () => Promise<void>,
): Promise<number> {
  await run();
  const startedAt = performance.now();
  let count = 0;
  let elapsed = 0;
  do {
    await run();
    count += 1;
    elapsed = (performance.now() - startedAt) / 1000;
  } while (elapsed < seconds || count < 2);
  return (bytes * count) / elapsed;
}
