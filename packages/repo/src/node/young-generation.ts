import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Both halves together: from here on, growing costs memory and gains no time. */
const AMPLE_BYTES: number = 8 * 1024 * 1024;

export interface YoungGenerationOptions {
  /** It does not grow any more from now on, for a process that has little memory: a tenth more processor time. */
  readonly atOnce?: boolean;
}

/**
 * Stops the young generation of the calling thread's heap from growing at some 16 MB. Left alone it becomes 64 MB, not
 * because that is needed but because enough has survived since the start: with the number of files. For the process as a
 * whole, and for good; so this is for programs, which `longshore` is, and not for what is embedded in one.
 */
export function limitYoungGeneration({ atOnce = false }: YoungGenerationOptions = {}): void {
  if (atOnce || isAmple()) {
    stopGrowing();
    return;
  }
  const observer = new PerformanceObserver(() => {
    if (!isAmple()) return;
    stopGrowing();
    observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
}

function isAmple(): boolean {
  return youngGenerationBytes() >= AMPLE_BYTES;
}

function youngGenerationBytes(): number {
  return (
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0
  );
}

/** V8 takes a factor of one only while it runs: as a parameter of the program it counts as two. */
function stopGrowing(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
