import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../bytes.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { deriveContentSecret } from './aead-content-cipher.ts';
import { createItemKeyDerivation } from './item-key.ts';

const PAGE = new URL('../../../../docs/format/keys-and-algorithms.md', import.meta.url);

/** The lines of the example: a name, two or more spaces or one, and hex digits. */
function shownValues(): ReadonlyMap<string, Uint8Array> {
  const example = readFileSync(PAGE, 'utf8').split('### Example')[1]!.split('```')[1]!;
  const lines = example.matchAll(/^([a-z ]+?) +([0-9a-f]+)$/gm);
  return new Map(Array.from(lines, ([, name, hex]) => [name!, decodeHex(hex!)!]));
}

it('shows a worked example that hash and cipher reproduce', async () => {
  const shown = shownValues();
  const value = (name: string): Uint8Array => shown.get(name)!;
  const algorithms = portableAlgorithms({ random: (target) => target.set(value('nonce')) });
  const hash = await algorithms.createHash('BLAKE2B-256-128', value('secret'));
  const contentSecret = await deriveContentSecret(value('master key'));
  const cipher = await algorithms.createCipher('AES256-GCM-HMAC-SHA256', value('master key'));
  const plaintext = value('plaintext');
  const stored = new Uint8Array(plaintext.length + cipher.overhead);
  cipher.sealInto(plaintext, value('iv'), stored);
  const computed = {
    hash: hash.hash(plaintext),
    'content secret': contentSecret,
    iv: value('hash').subarray(-16),
    'item key': createItemKeyDerivation(contentSecret)(value('iv')),
    stored,
  };
  for (const [name, bytes] of Object.entries(computed)) {
    expect([name, encodeHex(bytes)]).toEqual([name, encodeHex(value(name))]);
  }
});
