import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AeadName, SEALED_OVERHEAD } from '../encryption/aead.ts';
import { libcryptoAead } from './libcrypto-aead.ts';
import { nativeAead } from './native-aead.ts';
import { nodeCryptoAead } from './node-crypto-aead.ts';

const run = promisify(execFile);

const NAMES: readonly AeadName[] = ['AES-256-GCM', 'CHACHA20-POLY1305'];
const KEY = new Uint8Array(32).fill(1);
const DATA = new Uint8Array(16).fill(2);

const hasFFI = process.platform === 'linux' && libcryptoAead('AES-256-GCM') !== undefined;

it('is there on Linux where Node can call C', () => {
  const major = Number(process.versions.node.split('.')[0]);
  expect(hasFFI).toBe(process.platform === 'linux' && major >= 26);
});

it.runIf(hasFFI)('is not there, and not needed, where that is switched off', async () => {
  const module = (name: string): string =>
    JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  const script = `
    const { libcryptoAead } = await import(${module('libcrypto-aead.ts')});
    const { nativeAead } = await import(${module('native-aead.ts')});
    const sealed = new Uint8Array(30);
    nativeAead('AES-256-GCM').seal(new Uint8Array(32), new Uint8Array(2), new Uint8Array(16), sealed);
    console.log(libcryptoAead('AES-256-GCM'), Buffer.from(sealed.subarray(12)).toString('hex'));`;
  const print = (...flags: readonly string[]) =>
    run(process.execPath, [...flags, '--input-type=module', '-e', script]);
  const { stdout, stderr } = await print('--no-experimental-ffi');
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^undefined [0-9a-f]{36}\n$/);
  const fast = await print();
  expect(fast.stderr).toBe('');
  expect(fast.stdout.split(' ').at(-1)).toBe(stdout.split(' ')[1]);
});

describe.runIf(hasFFI).each(NAMES)('%s of OpenSSL called directly', (name) => {
  const direct = nativeAead(name);
  const reference = nodeCryptoAead(name);

  it('gives what node:crypto gives, for additional data of any length', () => {
    const bytes = (size: object) => fc.uint8Array(size);
    fc.assert(
      fc.property(
        bytes({ minLength: 32, maxLength: 32 }),
        bytes({ minLength: 12, maxLength: 12 }),
        bytes({ maxLength: 400 }),
        bytes({ maxLength: 3000 }),
        (key, nonce, data, plaintext) => {
          const [ours, theirs] = [direct, reference].map((aead) => {
            const sealed = new Uint8Array(plaintext.length + SEALED_OVERHEAD);
            sealed.set(nonce);
            aead.seal(key, plaintext, data, sealed);
            return sealed;
          });
          expect(ours).toEqual(theirs);
          expect(direct.open(key, theirs!, data)).toEqual(plaintext);
          expect(reference.open(key, ours!, data)).toEqual(plaintext);
        },
      ),
    );
  });

  it('goes on after an item that it refuses', () => {
    const sealed = new Uint8Array(128);
    direct.seal(KEY, new Uint8Array(100).fill(3), DATA, sealed);
    const damaged = sealed.with(50, sealed[50]! ^ 1);
    expect(direct.open(KEY, damaged, DATA)).toBeUndefined();
    expect(direct.open(KEY, sealed, DATA)).toEqual(new Uint8Array(100).fill(3));
    const again = sealed.slice();
    direct.seal(KEY, new Uint8Array(100).fill(3), DATA, again);
    expect(again).toEqual(sealed);
  });

  it('leaves no error behind for node:crypto to trip over', () => {
    const sealed = new Uint8Array(40);
    reference.seal(KEY, new Uint8Array(12), DATA, sealed);
    sealed[39]! ^= 1;
    expect(direct.open(KEY, sealed, DATA)).toBeUndefined();
    sealed[39]! ^= 1;
    expect(reference.open(KEY, sealed, DATA)).toEqual(new Uint8Array(12));
  });

  it('never writes beyond the bytes that it was given', () => {
    const sealed = new Uint8Array(128);
    direct.seal(KEY, new Uint8Array(100), DATA, sealed);
    for (const length of [0, 99, 101]) {
      expect(() => direct.open(KEY, sealed, DATA, new Uint8Array(length))).toThrow('length');
    }
    for (const length of [99, 101, 117]) {
      expect(() => direct.seal(KEY, new Uint8Array(length), DATA, sealed)).toThrow('length');
    }
    expect(() => direct.seal(KEY.subarray(1), new Uint8Array(100), DATA, sealed)).toThrow('key');
    expect(() => direct.seal(KEY, new Uint8Array(0), DATA, new Uint8Array(11))).toThrow('length');
  });
});
