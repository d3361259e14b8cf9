import { CorruptDataError } from '../errors.ts';
import { BoundedOutput } from './bounded-output.ts';
import type { Compressor } from './compressor.ts';
import { StreamDamage } from './stream-damage.ts';

/** The `decompress` of a compressor whose streams `decode` reads; damage becomes CORRUPT_DATA. */
export function boundedDecompress(
  format: string,
  decode: (stream: Uint8Array, output: BoundedOutput) => void,
): Compressor['decompress'] {
  return (stream, maxLength, what) => {
    const output = new BoundedOutput(maxLength, stream.length);
    try {
      decode(stream, output);
    } catch (cause) {
      if (!(cause instanceof StreamDamage)) throw cause;
      throw new CorruptDataError(`${what}: ${format} stream: ${cause.message}`, { cause });
    }
    return output.finish();
  };
}
