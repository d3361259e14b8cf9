import type { UploadEvent } from '@longshore/snapshot';
import { formatBytes, formatRate } from '../output/units.ts';
import type { ProgressLine } from './progress-line.ts';
import { timeLeft } from './rate.ts';

/** What lies ahead, as far as it is known. */
export interface ExpectedWork {
  readonly files: number;
  readonly bytes: number;
}

/** Adds the events of an upload up and draws them. */
export class UploadProgress {
  readonly #line: ProgressLine;
  readonly #startedAt = performance.now();
  #expected: ExpectedWork | undefined;
  #files = 0;
  #hashedBytes = 0;
  #cachedFiles = 0;
  #cachedBytes = 0;
  #uploadedBytes = 0;
  #errors = 0;

  constructor(line: ProgressLine) {
    this.#line = line;
  }

  expect(work: ExpectedWork | undefined): void {
    this.#expected = work;
  }

  onUploaded(bytes: number): void {
    this.#uploadedBytes += bytes;
    this.#draw();
  }

  onEvent(event: UploadEvent): void {
    switch (event.type) {
      case 'bytes-read':
        this.#hashedBytes += event.bytes;
        break;
      case 'file-finished':
        this.#files += 1;
        break;
      case 'file-cached':
        this.#cachedFiles += 1;
        this.#cachedBytes += event.size;
        break;
      case 'directory-cached':
        this.#cachedFiles += event.files;
        this.#cachedBytes += event.size;
        break;
      case 'entry-failed':
        if (!event.ignored) this.#errors += 1;
        break;
      case 'directory-started':
      case 'directory-finished':
      case 'file-hashing':
      case 'entry-excluded':
      case 'previous-unreadable':
      case 'checkpoint':
        return;
    }
    this.#draw();
  }

  #draw(): void {
    this.#line.update(() => this.#text());
  }

  #text(): string {
    const elapsed = performance.now() - this.#startedAt;
    const done = this.#hashedBytes + this.#cachedBytes;
    const total = this.#expected?.bytes ?? 0;
    const left = timeLeft(done, total, elapsed);
    const percent = total > done && done > 0 ? ` ${((100 * done) / total).toFixed(1)}%` : '';
    return [
      `${this.#files + this.#cachedFiles} files`,
      `${formatBytes(this.#hashedBytes)} hashed`,
      `${this.#cachedFiles} cached (${formatBytes(this.#cachedBytes)})`,
      `${formatBytes(this.#uploadedBytes)} uploaded`,
      formatRate(elapsed > 0 ? (1000 * this.#hashedBytes) / elapsed : 0),
      ...(this.#errors > 0 ? [`${this.#errors} errors`] : []),
      ...(left === undefined ? [] : [`${left}${percent}`]),
    ].join(', ');
  }
}
