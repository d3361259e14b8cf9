import type { OutputStream } from '../output/terminal.ts';
import { printable } from '../output/terminal.ts';

/**
 * One line at the bottom of a terminal that is drawn again and again. Nothing is written where the stream is no
 * terminal. Other lines have to go through `around`, so that they do not land in the middle of it.
 */
export class ProgressLine {
  readonly #stream: OutputStream;
  readonly #enabled: boolean;
  readonly #intervalMs: number;
  #shown = '';
  #drawnAt = 0;

  constructor(stream: OutputStream, options: { enabled: boolean; intervalMs: number }) {
    this.#stream = stream;
    this.#enabled = options.enabled && stream.isTTY === true;
    this.#intervalMs = options.intervalMs;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** Draws what `text` makes, unless that was done a moment ago. */
  update(text: () => string): void {
    if (!this.#enabled) return;
    const now = performance.now();
    if (this.#shown !== '' && now - this.#drawnAt < this.#intervalMs) return;
    this.#drawnAt = now;
    this.#shown = printable(text()).slice(0, Math.max(20, (this.#stream.columns ?? 80) - 1));
    this.#stream.write(`\r\u001b[K${this.#shown}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown === '') return;
    this.#stream.write('\r\u001b[K');
    this.#shown = '';
  }

  /** Writes something above the line. */
  around(write: () => void): void {
    const shown = this.#shown;
    this.clear();
    write();
    if (shown === '') return;
    this.#shown = shown;
    this.#stream.write(shown);
  }
}
