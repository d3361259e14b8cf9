import { concatBytes, decodeGoUtf8 } from '@longshore/repo';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Cuts what a program prints into lines. Of a line longer than `maxLength` bytes the start is given and the rest dropped. */
export class LineSplitter {
  readonly #maxLength: number;
  readonly #onLine: (line: string, isCut: boolean) => void;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #isCut = false;

  constructor(maxLength: number, onLine: (line: string, isCut: boolean) => void) {
    this.#maxLength = maxLength;
    this.#onLine = onLine;
  }

  add(bytes: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start);
      this.#append(bytes.subarray(start, end < 0 ? bytes.length : end));
      if (end < 0) return;
      this.#finishLine();
      start = end + 1;
    }
  }

  /** The last line, if it has no end of its own. */
  end(): void {
    if (this.#length > 0) this.#finishLine();
  }

  #append(bytes: Uint8Array): void {
    const piece = bytes.slice(0, this.#maxLength - this.#length);
    if (piece.length < bytes.length) this.#isCut = true;
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  #finishLine(): void {
    const line = concatBytes(this.#pieces);
    const isCut = this.#isCut;
    this.#pieces = [];
    this.#length = 0;
    this.#isCut = false;
    const length = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
    this.#onLine(decodeGoUtf8(line.subarray(0, length)), isCut);
  }
}
