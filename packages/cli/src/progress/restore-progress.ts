import type { RestoreEvent } from '@longshore/snapshot';
import { formatBytes, formatRate } from '../output/units.ts';
import type { ProgressLine } from './progress-line.ts';
import { timeLeft } from './rate.ts';

/** Adds the events of a restore up and draws them. */
export class RestoreProgress {
  readonly #line: ProgressLine;
  readonly #startedAt = performance.now();
  #files = 0;
  #bytes = 0;
  #plannedFiles = 0;
  #plannedBytes = 0;

  constructor(line: ProgressLine) {
    this.#line = line;
  }

  onEvent(event: RestoreEvent): void {
    switch (event.type) {
      case 'planned':
        this.#plannedFiles = event.files;
        this.#plannedBytes = event.bytes;
        break;
      case 'bytes-written':
        this.#bytes += event.bytes;
        break;
      case 'file-restored':
        this.#files += 1;
        break;
      case 'symlink-restored':
      case 'directory-restored':
      case 'placeholder-written':
      case 'entry-skipped':
      case 'extra-deleted':
      case 'entry-failed':
        return;
    }
    this.#line.update(() => this.#text());
  }

  #text(): string {
    const elapsed = performance.now() - this.#startedAt;
    const left = timeLeft(this.#bytes, this.#plannedBytes, elapsed);
    return [
      `${this.#files} of ${this.#plannedFiles} files`,
      `${formatBytes(this.#bytes)} of ${formatBytes(this.#plannedBytes)} restored`,
      formatRate(elapsed > 0 ? (1000 * this.#bytes) / elapsed : 0),
      ...(left === undefined ? [] : [left]),
    ].join(', ');
  }
}
